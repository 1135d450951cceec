// The page of one's own account: who am I, password, second factor, sessions; what is owed comes first and alone.

import { busy, clearErrors, explain, onSubmit, showError, TEXTS } from "./forms.js";
import { ROLE_WORDS, ask, bilingual, element, keepCsrfToken, nameOf, send, showCity, showLinks, time, wordsOf } from "./words.js";

const OWED = {
  new_password: ["这是一次性密码，请先修改，之后岗位权限才生效。", "This password is good for one sign-in; change it first, then your roles count."],
  second_factor: ["您的岗位要求动态口令，请先设置，之后岗位权限才生效。", "A role of yours needs a second factor; set it up first, then your roles count."],
};
const WRONG_CODE = ["口令不正确、已过期或已用过；请输入应用此刻显示的。", "The code is wrong, over or used; give the one shown now."];
const WRONG_PASSWORD = ["密码不正确。", "The password is wrong."];

const place = (id) => document.getElementById(id);
let city;

function say(kind, ...words) {
  place("message").className = kind;
  place("message").replaceChildren(...words);
  place("message").hidden = words.length === 0;
}

function showMe(me) {
  const department = city.departments.find(({ code }) => code === me.department);
  const roles = me.roles.map((role) => ROLE_WORDS[role]?.join(" ") ?? role).join("、");
  const facts = [
    [["姓名", "name"], nameOf(me)],
    [["登录名", "login"], me.login],
    [["部门", "department"], department ? `${department.name} ${department.name_en ?? ""}` : me.department ?? "—"],
    [["现任岗位", "roles"], roles || (me.owes ? "暂不生效 not yet" : "无 none")],
  ];
  place("me").replaceChildren(
    ...facts.flatMap(([words, value]) => [element("dt", {}, ...bilingual(...words)), element("dd", {}, value)]),
  );
}

function showSessions(items) {
  place("sessions").replaceChildren(...items.map((item) => element(
    "tr", item.is_this ? { class: "this" } : {},
    element("td", {}, time(item.made_at), ...(item.is_this ? [" ", ...bilingual("本次", "this one")] : [])),
    element("td", {}, time(item.last_seen_at)),
    element("td", {}, item.address ?? "—"),
    element("td", {}, item.way === "openid_connect" ? "统一身份认证 · " : "", item.user_agent ?? "—"),
  )));
}

function showFactor(factor, isByPassword) {
  const isOn = factor.confirmed_at !== null;
  place("begin-form").hidden = isOn;
  place("begin-password").hidden = !isByPassword;
  place("change-form").hidden = !isOn;
  place("confirm-form").hidden = place("recovery").hidden = true;
  const words = isOn
    ? [`自 ${time(factor.confirmed_at)} 起启用，剩余恢复码 ${factor.recovery_codes_left} 个。`, `On; ${factor.recovery_codes_left} recovery codes left.`]
    : ["未启用：登录只凭密码。", "Off: the password alone signs in."];
  place("factor-state").replaceChildren(...bilingual(...words));
}

async function show() {
  const { me } = await ask("/api/session");
  if (!me || me.owes === "second_factor_code") {
    location.replace("/sign-in");
    return;
  }
  keepCsrfToken(me.csrf_token);
  const [sessions, factor] = await Promise.all([ask("/api/me/sessions"), ask("/api/me/second-factor")]);
  const isByPassword = sessions.items.find((item) => item.is_this)?.way === "password";
  showLinks(me);
  showMe(me);
  showSessions(sessions.items);
  showFactor(factor, isByPassword);
  place("owed").hidden = !me.owes;
  if (me.owes) place("owed").replaceChildren(...bilingual(...OWED[me.owes]));
  place("who").hidden = false;
  place("password-card").hidden = !isByPassword || me.owes === "second_factor";
  place("factor-card").hidden = me.owes === "new_password";
  place("sessions-card").hidden = Boolean(me.owes);
  if (me.owes) place(me.owes === "new_password" ? "old" : isByPassword ? "confirm-password" : "factor-card").focus();
}

onSubmit(place("password-form"), async () => {
  const [old, chosen, again] = ["old", "new", "again"].map(place);
  if (chosen.value !== again.value) {
    showError(again, "两次输入的新密码不一致。", "The two new passwords differ.");
    return;
  }
  try {
    await send("POST", "/api/me/password", { old: old.value, new: chosen.value });
  } catch (problem) {
    if (problem.status === 422) showError(chosen, ...problem.words);
    else showError(old, ...explain(problem, { 401: WRONG_PASSWORD }));
    return;
  }
  place("password-form").reset();
  await show();
  say("done", ...bilingual("密码已修改，其他会话均已退出。", "The password is changed; all other sessions are over."));
});

onSubmit(place("begin-form"), async () => {
  const password = place("confirm-password");
  let begun;
  try {
    begun = await send("POST", "/api/me/second-factor", { password: password.value || null });
  } catch (problem) {
    showError(password, ...explain(problem, { 401: WRONG_PASSWORD }));
    return;
  }
  place("begin-form").reset();
  place("qr").src = `data:image/svg+xml,${encodeURIComponent(begun.qr_svg)}`;
  place("secret").textContent = begun.secret.replace(/(.{4})(?=.)/g, "$1 ");
  place("begin-form").hidden = true;
  place("confirm-form").hidden = false;
  place("first-code").focus();
});

function showRecoveryCodes(codes) {
  place("recovery-codes").replaceChildren(...codes.map((code) => element("li", {}, code)));
  place("begin-form").hidden = place("confirm-form").hidden = place("change-form").hidden = true;
  place("recovery").hidden = false;
  place("owed").hidden = true;
  place("kept").focus();
}

onSubmit(place("confirm-form"), async () => {
  try {
    const { recovery_codes: codes } = await send("POST", "/api/me/second-factor/confirmation", { code: place("first-code").value });
    place("confirm-form").reset();
    place("qr").removeAttribute("src");
    place("secret").textContent = "";
    place("factor-state").replaceChildren(...bilingual("动态口令已启用。", "The second factor is on."));
    showRecoveryCodes(codes);
  } catch (problem) {
    showError(place("first-code"), ...explain(problem, { 422: WRONG_CODE }));
  }
});

place("kept").addEventListener("click", async () => {
  place("recovery-codes").replaceChildren();
  await show();
});

onSubmit(place("change-form"), async () => {
  try {
    const { recovery_codes: codes } = await send("POST", "/api/me/second-factor/recovery-codes", { code: place("present-code").value });
    place("change-form").reset();
    showRecoveryCodes(codes);
  } catch (problem) {
    showError(place("present-code"), ...explain(problem, { 401: WRONG_CODE, 422: WRONG_CODE }));
  }
});

place("remove").addEventListener("click", () => busy(place("change-form"), async () => {
  const code = place("present-code");
  clearErrors(place("change-form"));
  if (code.value === "") {
    showError(code, ...TEXTS.empty);
    return;
  }
  try {
    await send("POST", "/api/me/second-factor/removal", { code: code.value });
  } catch (problem) {
    showError(code, ...explain(problem, { 401: WRONG_CODE, 422: WRONG_CODE }));
    return;
  }
  place("change-form").reset();
  await show();
}));

for (const [button, address] of [["sign-out", "/api/session"], ["everywhere", "/api/sessions"]]) {
  place(button).addEventListener("click", async () => {
    try {
      await send("DELETE", address);
      location.replace("/sign-in");
    } catch (problem) {
      say("error", ...bilingual(...explain(problem)));
    }
  });
}

async function start() {
  city = await ask("/api/city");
  showCity(city, "我的账户 My account");
  await show();
  say("");
}

start().catch((error) => say("error", ...wordsOf(error)));
