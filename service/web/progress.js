// The applicant's page: project code and secret, and where the case is, without an account. Nothing is kept in the browser.

import { saveFile } from "./files.js";
import { explain, onSubmit, showError } from "./forms.js";
import { ask, bilingual, element, send, showCity } from "./words.js";

const STATUS_WORDS = { not_accepted: ["未受理", "not yet"], accepted: ["办理中", "under way"], concluded: ["已办结", "done"] };
const HOLDER_WORDS = {
  applicant: ["等您办理", "waits for you"], window: ["窗口", "window"], department: ["审批部门", "department"], stop: ["特别程序", "special procedure"],
};
const place = (id) => document.getElementById(id);

function stage({ title, status, accepted_on, concluded_on, due_on }) {
  const day = concluded_on ?? (accepted_on ? `${accepted_on} 起${due_on ? `，${due_on} 前` : ""}` : "");
  return element("li", { class: status }, element("strong", {}, title), element("br"), ...bilingual(...STATUS_WORDS[status]), element("br"), day);
}

function row(item) {
  const held = item.holder ? HOLDER_WORDS[item.holder][0] : "";
  // 行政许可法 38: who is refused is told of the remedies (行政复议法 20, 行政诉讼法 46).
  const remedies = item.state === "refused" && "可自收到决定书之日起 60 日内申请行政复议，或 6 个月内提起行政诉讼";
  const why = [item.stopped_for, item.reason, item.result_number, remedies].filter(Boolean).join("；");
  const due = item.due_on ? `${item.due_on}${item.provisional ? "（暂定）" : ""}` : item.concluded_on ?? "";
  const cells = [item.title, item.department, item.state_words, held, due, why];
  return element("tr", {}, ...cells.map((text) => element("td", text === due ? { class: "day" } : {}, text)), element("td", {}, ...item.vouchers.flatMap((each) => [voucher(item, each), " "])));
}

// A written voucher: fetched with the secret in the body, which stands in no address.
function voucher(item, { step, title, given_on }) {
  const button = element("button", { type: "button", class: "link", title: given_on }, title);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const body = JSON.stringify({ ...asked(), item: item.code, round: item.round, step });
      await saveFile("/api/approval/progress/voucher", { method: "POST", headers: { "content-type": "application/json" }, body });
    } catch (problem) {
      showError(place("secret"), ...explain(problem));
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

const asked = () => ({ project_code: place("code").value, secret: place("secret").value });

const withdrawn = (day) => bilingual(`前期策划已于 ${day} 撤回，重新推送前不再办理。`, `Coordination withdrew the project on ${day}; nothing goes on until it is handed over again.`);

function show(progress) {
  place("name").replaceChildren(`${progress.project_name} `, element("small", {}, progress.project_code));
  place("withdrawn").replaceChildren(...(progress.withdrawn_on ? withdrawn(progress.withdrawn_on) : []));
  place("stages").replaceChildren(...progress.stages.map(stage));
  // What has a day comes first.
  const owed = progress.items.toSorted((a, b) => Number(a.due_on === null) - Number(b.due_on === null)).flatMap((item) => item.to_hand_in.map((text) => `${item.title}：${text}${item.due_on ? `（${item.due_on} 前）` : ""}`));
  place("to-do").replaceChildren(
    element("strong", {}, ...bilingual("请您补齐", "what you have to hand in")),
    element("ul", {}, ...owed.map((text) => element("li", {}, text))),
  );
  place("to-do").hidden = owed.length === 0;
  const head = ["事项 item", "审批部门 department", "状态 state", "在谁处 with", "期限 until", "说明 note", "凭证 vouchers"];
  place("items").replaceChildren(
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...progress.items.map(row)),
  );
  place("found").hidden = false;
}

onSubmit(place("look-form"), async () => {
  place("found").hidden = true;
  try {
    show(await send("POST", "/api/approval/progress", asked()));
  } catch (problem) {
    const wrong = ["项目代码或查询密码不正确，请核对，或到窗口重新领取。", "Code or secret is wrong; compare them, or ask the window for a new one."];
    showError(place("secret"), ...explain(problem, { 401: wrong }));
  }
});

ask("/api/city").then((city) => showCity(city, "办理进度 Progress")).catch(() => null);
