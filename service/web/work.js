// Approval work: what waits for the window or the own department, a case with its stages, and (work_item.js) an item with its acts.

import { ask, bilingual, element, keepCsrfToken, showCity } from "./words.js";
import { showItem } from "./work_item.js";
import { cardMark, cells, change, fill, perform, place, say, sure } from "./work_parts.js";

const LISTS = [
  ["submitted", ["待受理", "to accept"], "window"], ["correction_asked", ["补正中", "being corrected"], "window"],
  ["accepted", ["待开始办理", "to begin"], "department"], ["in_review", ["办理中", "in review"], "department"],
  ["stopped", ["特别程序中", "stopped"], "department"],
];
const STATUS_WORDS = { not_accepted: ["未受理", "not yet"], accepted: ["办理中", "under way"], concluded: ["已办结", "done"] };

const me = { rights: [], department: null, number: null };
let table = null;
let listed = null;

const may = (right) => me.rights.includes(right);

async function showList(state, whose) {
  listed = () => showList(state, whose);
  for (const button of place("lists").children) button.setAttribute("aria-pressed", String(button.dataset.state === state));
  const asked = new URLSearchParams({ state, limit: "200" });
  if (whose === "department" && me.department) asked.set("department", me.department);
  const found = await ask(`/api/approval/items?${asked}`);
  fill("to-do", ["牌 card", "期限 due", "案件 case", "项目 project", "事项 item", "部门 department"], found.items.map((item) => {
    const open = element("button", { type: "button", class: "link" }, item.title);
    open.addEventListener("click", () => perform(async () => {
      await openCase(item.case);
      await openItem(item.code);
    }));
    return cells([cardMark(item.card), item.due_on ?? "—", item.case, item.project_name, open, item.department_name]);
  }), ["没有待办。", "Nothing waits here."]);
  if (found.next) place("to-do").append(element("caption", {}, "只列出前 200 件 the first 200 are shown"));
}

async function openItem(code) {
  await showItem({ number: me.number, code, me, table, changed: refresh });
}

async function refresh() {
  await openCase(me.number);
  await listed?.();
}

function stageItem(row, theCase) {
  const day = row.concluded_on ?? (row.accepted_on ? `${row.accepted_on} 起${row.due_on ? `，${row.due_on} 前` : ""}` : "");
  const made = element("li", { class: row.status }, element("strong", {}, row.title), element("br"), ...bilingual(...STATUS_WORDS[row.status]), element("br"), day);
  const act = { not_accepted: ["accept", "受理阶段", "Accept"], accepted: ["conclude", "办结阶段", "Conclude"] }[row.status];
  const isLead = may("advance_case") || (may("lead_stage") && table?.leads[row.stage] === me.department);
  if (act && isLead && theCase.current_stage === row.stage) {
    const [step, chinese, english] = act;
    const button = element("button", { type: "button" }, ...bilingual(chinese, english));
    button.addEventListener("click", () => perform(async () => {
      const words = step === "accept"
        ? ["受理日期为今天，阶段时限随即起算，不能撤销。", "It is accepted as of today and its limit begins; this cannot be undone."]
        : ["办结日期为今天，之后不能再改动本阶段事项，不能撤销。", "It is concluded as of today; this cannot be undone."];
      if (!(await sure([`${chinese}：${row.title}`, english], words))) return;
      await change("POST", `/api/approval/cases/${encodeURIComponent(me.number)}/stages/${row.stage}/${step}`);
      await refresh();
      say("done", ...bilingual(`已${chinese}。`, "Done."));
    }));
    made.append(element("br"), button);
  }
  return made;
}

async function openCase(number) {
  const address = `/api/approval/cases/${encodeURIComponent(number)}`;
  const theCase = await ask(address);
  const items = theCase.project_type ? (await ask(`${address}/items`)).items : [];
  me.number = theCase.number;
  history.replaceState(null, "", `?number=${encodeURIComponent(theCase.number)}`);
  place("number").value = theCase.number;
  place("case-name").replaceChildren(`${theCase.project_name} `, element("small", {}, theCase.number));
  const kind = table?.project_types.find(({ code }) => code === theCase.project_type);
  place("case-facts").replaceChildren(...[
    ["建设单位 applicant", theCase.applicant], ["策划编号 planning number", theCase.planning_number],
    ["项目代码 project code", theCase.project_code ?? "尚未绑定 not bound yet"],
    ["项目类型 type", kind?.title ?? theCase.project_type ?? "尚未确定 not prepared yet"],
  ].flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]));
  place("code-form").hidden = Boolean(theCase.project_code) || !may("bind_project_code");
  const isOpen = theCase.stages.every((row) => row.status === "not_accepted");
  place("process-form").hidden = !(may("prepare_case") && isOpen && !theCase.project_type);
  place("stages").replaceChildren(...theCase.stages.map((row) => stageItem(row, theCase)));
  fill("items", ["牌 card", "事项 item", "轮次", "部门 department", "状态 state", "在谁处 with", "期限 due"], items.map((item) => {
    const open = element("button", { type: "button", class: "link" }, `${item.title}（${item.code}）`);
    open.addEventListener("click", () => perform(() => openItem(item.code)));
    const holder = { applicant: "申请人", window: "窗口", department: "审批部门", stop: "特别程序" }[item.holder] ?? "";
    return cells([cardMark(item.card), open, item.round, item.department_name, item.state_words, holder, item.due_on ?? item.concluded_on ?? ""]);
  }), ["尚未确定事项。", "Its items are not settled yet."]);
  place("case-card").hidden = false;
}

function offerOptional() {
  const chosen = place("project-type").value;
  const rules = table.items.filter((rule) => rule.project_types.includes(chosen) && !rule.always);
  place("optional").replaceChildren(...rules.map((rule) =>
    element("label", {}, element("input", { type: "checkbox", value: rule.code }), ` ${rule.title}`)));
}

function listen() {
  place("look").addEventListener("submit", (event) => {
    event.preventDefault();
    const number = place("number").value.trim();
    if (number) {
      perform(async () => {
        place("item-card").hidden = true;
        await openCase(number);
      });
    }
  });
  place("code-form").addEventListener("submit", (event) => {
    event.preventDefault();
    perform(async () => {
      const bound = await change("PUT", `/api/approval/cases/${encodeURIComponent(me.number)}/project-code`, { project_code: place("project-code").value.trim() });
      await openCase(bound.number);
      say("done", bound.project_code_warning ?? "项目代码已绑定 The project code is bound.");
    });
  });
  place("process-form").addEventListener("submit", (event) => {
    event.preventDefault();
    perform(async () => {
      const items = [...place("optional").querySelectorAll("input:checked")].map((box) => box.value);
      await change("PUT", `/api/approval/cases/${encodeURIComponent(me.number)}/process`, { project_type: place("project-type").value, items });
      await refresh();
      say("done", ...bilingual("事项已确定。", "Its items are settled."));
    });
  });
  place("project-type").addEventListener("change", offerOptional);
}

async function start() {
  const [city, session] = await Promise.all([ask("/api/city"), ask("/api/session")]);
  showCity(city, "审批办件 Approval work");
  if (!session.me) {
    say("error", ...bilingual("请先登录。", "Sign in first."), " ", element("a", { href: "/sign-in" }, "登录 Sign in"));
    return;
  }
  keepCsrfToken(session.me.csrf_token);
  Object.assign(me, { rights: session.me.rights, department: session.me.department });
  table = await ask("/api/approval/process-table");
  place("project-type").replaceChildren(...table.project_types.map(({ code, title }) => element("option", { value: code }, title)));
  offerOptional();
  listen();
  const mine = LISTS.filter(([, , whose]) => (whose === "window" ? may("accept_item") : may("decide_item")));
  place("lists").replaceChildren(...mine.map(([state, words, whose]) => {
    const button = element("button", { type: "button", "data-state": state, "aria-pressed": "false" }, ...bilingual(...words));
    button.addEventListener("click", () => perform(() => showList(state, whose)));
    return button;
  }));
  place("message").hidden = true;
  if (mine.length) await showList(mine[0][0], mine[0][2]);
  const asked = new URLSearchParams(location.search);
  if (asked.get("number")) {
    await openCase(asked.get("number"));
    if (asked.get("item")) await openItem(asked.get("item"));
  }
}

perform(start);
