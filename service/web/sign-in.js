// The page to sign in on: login and password, or the provider; then the code, where a second factor is set up.

import { explain, onSubmit, showError } from "./forms.js";
import { ask, bilingual, keepCsrfToken, send, showCity } from "./words.js";

const PROBLEMS = {
  away: ["统一身份认证没有应答；请用登录名和密码登录，或稍后再试。", "The sign-on provider does not answer; use login and password, or try later."],
  refused: ["统一身份认证未通过，请重试。", "The sign-on provider did not let you in; try again."],
  "not-linked": ["该统一身份尚未关联账户，请联系账户管理员。", "No account is linked to this identity; ask the account operator."],
  wait: ["尝试次数过多，请稍后再试。", "Too many attempts; try again later."],
};

const [passwordForm, codeForm] = ["password-form", "code-form"].map((id) => document.getElementById(id));
const [login, password, code] = ["login", "password", "code"].map((id) => document.getElementById(id));
const elsewhere = document.getElementById("elsewhere");

function say(chinese, english) {
  const message = document.getElementById("message");
  message.className = "error";
  message.replaceChildren(...bilingual(chinese, english));
  message.hidden = false;
}

function goOn(me) {
  keepCsrfToken(me.csrf_token);
  document.getElementById("message").hidden = true;
  if (me.owes === "second_factor_code") {
    passwordForm.hidden = elsewhere.hidden = true;
    codeForm.hidden = false;
    code.focus();
  } else {
    location.replace(me.owes ? "/account" : "/");
  }
}

onSubmit(passwordForm, async () => {
  try {
    goOn(await send("POST", "/api/session", { login: login.value, password: password.value }));
  } catch (problem) {
    password.value = "";
    showError(password, ...explain(problem, { 401: ["登录名或密码不正确。", "Login or password is wrong."] }));
  }
});

onSubmit(codeForm, async () => {
  try {
    goOn(await send("POST", "/api/session/code", { code: code.value }));
  } catch (problem) {
    code.value = "";
    if (problem.status === 401 && problem.members.detail?.includes("session is over")) {
      location.replace("/sign-in");
      return;
    }
    const wrong = ["口令不正确、已过期或已用过；请输入应用此刻显示的。", "The code is wrong, over or used; give the one shown now."];
    showError(code, ...explain(problem, { 401: wrong, 422: wrong }));
  }
});

document.getElementById("other").addEventListener("click", async () => {
  await send("DELETE", "/api/session").catch(() => null);
  location.replace("/sign-in");
});

async function start() {
  const [city, now] = await Promise.all([ask("/api/city"), ask("/api/session")]);
  showCity(city, "登录 Sign in");
  const problem = PROBLEMS[new URLSearchParams(location.search).get("problem")];
  if (problem) say(...problem);
  if (now.openid_connect) {
    document.getElementById("provider").textContent = now.openid_connect;
    elsewhere.hidden = false;
  }
  if (now.me) goOn(now.me);
}

start().catch((error) => say(...(error.words ?? [error.message])));
