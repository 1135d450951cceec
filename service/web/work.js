// Approval work: what waits for the window or the own department, a case with its stages, and (work_item.js) an item with its acts.

import { ask, bilingual, element, keepCsrfToken, showCity, wordsOf } from "./words.js";
import { showCaseParts } from "./work_case.js";
import { showItem } from "./work_item.js";
import { cardMark, cells, change, fill, perform, place, say, sure } from "./work_parts.js";

const ITEM_HEAD = ["牌 card", "期限 due", "案件 case", "项目 project", "事项 item", "部门 department"];
const CASE_HEAD = ["收到 received", "案件 case", "项目 project", "建设单位 applicant", "下一步 next"];
const ASKED_HEAD = ["期限 due", "案件 case", "事项 item", "内容 what"];
// What waits for whom: a list, its words, who has it, and where its rows come from.
const LISTS = [
  { name: "fresh", words: ["新收案件", "new cases"], right: "prepare_case", head: CASE_HEAD,
    read: async () => [...await casesAt("not_prepared", "确定项目类型和事项 settle its items"), ...await casesWhere({ standing: "without_code", ...(me.department && { hall: me.department }) }, () => "绑定项目代码 bind its code")] },
  ...[["submitted", ["待受理", "to accept"], "accept_item"], ["correction_asked", ["补正中", "being corrected"], "accept_item"],
    ["accepted", ["待开始办理", "to begin"], "decide_item"], ["in_review", ["办理中", "in review"], "decide_item"],
    ["stopped", ["特别程序中", "stopped"], "decide_item"]]
    .map(([state, words, right]) => ({ name: state, words, right, head: ITEM_HEAD, read: () => itemsIn(state, right) })),
  { name: "consultations", words: ["征询待答复", "consultations to answer"], right: "decide_item", head: ASKED_HEAD,
    read: () => waiting("consultation-answers", { unanswered: "true" }, (row) => [row.due_on, row.question]) },
  { name: "copies", words: ["抄送征询", "copies of consultations"], right: "lead_stage", head: ASKED_HEAD,
    read: () => waiting("consultation-answers", { unanswered: "true" }, (row) => [row.due_on, `${names[row.department] ?? row.department}：${row.question}`], "lead") },
  { name: "letters", words: ["督办函待复", "letters to answer"], right: "decide_item", head: ASKED_HEAD,
    read: () => waiting("letters", { unanswered: "true" }, (row) => [row.due_on, row.content]) },
  { name: "stages", words: ["牵头阶段", "stages we lead"], right: "lead_stage", head: CASE_HEAD,
    read: async () => (me.department ? casesWhere({ lead: me.department }, (row) => STAGE_WORDS[row.current_stage]) : []) },
  { name: "matters", words: ["会议与争议", "meetings and disputes"], right: "settle_matter", head: ASKED_HEAD,
    read: async () => [
      ...await waiting("matters", { state: "asked" }, (row) => [row.asked_on, row.question]),
      ...await waiting("matters", { state: "convened" }, (row) => [row.asked_on, row.question]),
    ] },
];
const MOST = 200;
const STAGE_WORDS = {
  land_use_planning: "立项用地规划许可", project_permit: "工程建设许可", construction_permit: "施工许可", completion_acceptance: "竣工验收",
};
const STATUS_WORDS = { not_accepted: ["未受理", "not yet"], accepted: ["办理中", "under way"], concluded: ["已办结", "done"] };

const me = { rights: [], department: null, number: null };
let newest = null;
let listed = null;
let names = {};
// Of the case that is open: the process table that it started under, and its items.
let shown = { table: null, items: [] };
const tables = new Map();

const may = (right) => me.rights.includes(right);

function opens(number, code, words) {
  const open = element("button", { type: "button", class: "link" }, words);
  open.addEventListener("click", () => perform(async () => {
    place("item-card").hidden = true;
    await openCase(number);
    if (code) await openItem(code);
    else place("case-name").scrollIntoView({ block: "start" });
  }));
  return open;
}

async function itemsIn(state, right) {
  const asked = new URLSearchParams({ state, limit: String(MOST) });
  // The window's own hall (Art. 12), the department's own items.
  if (me.department) asked.set(right === "decide_item" ? "department" : "hall", me.department);
  const { items } = await ask(`/api/approval/items?${asked}`);
  return items.map((item) => cells([cardMark(item.card), item.due_on ?? "—", item.case, item.project_name,
    opens(item.case, item.code, item.title), item.department_name]));
}

// Cases that stand alike, and what is next with them.
const casesAt = (standing, next) => casesWhere({ standing }, () => next);

async function casesWhere(which, next) {
  const { items } = await ask(`/api/approval/cases?${new URLSearchParams({ ...which, limit: String(MOST) })}`);
  return items.map((row) => cells([row.received_at.slice(0, 10), opens(row.number, null, row.number), row.project_name, row.applicant, next(row)]));
}

// What the own department was asked, told or brought.
async function waiting(kind, which, words, whose = "department") {
  if (!me.department) return [];
  const asked = new URLSearchParams({ ...which, [whose]: me.department, limit: String(MOST) });
  const { items } = await ask(`/api/approval/${kind}?${asked}`);
  return items.map((row) => {
    const [due, what] = words(row);
    return cells([due, row.case, opens(row.case, row.item, row.item ?? row.title), what]);
  });
}

// Who looks at another list before this one came sees the other.
async function showList(list) {
  listed = list;
  for (const button of place("lists").children) button.setAttribute("aria-pressed", String(button.dataset.state === list.name));
  const rows = await list.read();
  if (listed !== list) return;
  fill("to-do", list.head, rows, ["没有待办。", "Nothing waits here."]);
  if (rows.length >= MOST) place("to-do").append(element("caption", {}, `只列出前 ${MOST} 件 the first ${MOST} are shown`));
}

async function openItem(code) {
  await showItem({ number: me.number, code, me, names, ...shown, changed: refresh });
}

async function refresh() {
  await openCase(me.number);
  if (listed) await showList(listed);
}

function stageItem(row, theCase) {
  const day = row.concluded_on ?? (row.accepted_on ? `${row.accepted_on} 起${row.due_on ? `，${row.due_on} 前` : ""}` : "");
  const made = element("li", { class: row.status }, element("strong", {}, row.title), element("br"), ...bilingual(...STATUS_WORDS[row.status]), element("br"), day);
  const act = { not_accepted: ["accept", "受理阶段", "Accept"], accepted: ["conclude", "办结阶段", "Conclude"] }[row.status];
  const isLead = !theCase.withdrawn_on && (may("advance_case") || (may("lead_stage") && row.lead === me.department));
  if (act && isLead && theCase.current_stage === row.stage && (!theCase.project_code || !theCase.project_type)) {
    made.append(element("br"), ...bilingual("受理前须确定事项并绑定项目代码。", "Its items and its code come first."));
  } else if (act && isLead && theCase.current_stage === row.stage) {
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

// The window takes in, or accepts, what is ready at once (统一受理); what is in the way of an item is said, the others go on.
const TOGETHER = [
  ["submit", "not_submitted", "全部接件", "Take in all", ["阶段已受理的事项全部接件，受理时限随即起算。", "Items of stages that are under way are taken in; the days for their acceptance begin."]],
  ["accept", "submitted", "全部受理", "Accept all", ["材料齐全、前置事项已办结的全部受理，审批时限随即起算，不能撤销。", "All that nothing stands in the way of are accepted, and their limits begin; this cannot be undone."]],
];

function togetherButtons(theCase, items) {
  if (!may("accept_item") || !theCase.stages[0].accepted_on || theCase.withdrawn_on) return [];
  const open = new Set([null, ...theCase.stages.filter((row) => row.status === "accepted").map((row) => row.stage)]);
  return TOGETHER.filter(([, state]) => items.filter((item) => item.state === state && open.has(item.stage)).length > 1).map(([step, , chinese, english, words]) => {
    const button = element("button", { type: "button", "data-step": step }, ...bilingual(chinese, english));
    button.addEventListener("click", () => perform(async () => {
      if (!(await sure([chinese, english], words))) return;
      const done = await change("POST", `/api/approval/cases/${encodeURIComponent(me.number)}/steps`, { step });
      await refresh();
      const left = done.not_taken.map((row) => element("li", {}, `${row.title}：${row.why}`));
      say("done", ...bilingual(`${chinese}：${done.taken.length} 项。`, `${done.taken.length} items.`), ...(left.length ? [element("ul", {}, ...left)] : []));
    }));
    return button;
  });
}

// A running case keeps the table that it started under.
async function tableOf(theCase) {
  const version = theCase.process_version ?? newest.version;
  if (!tables.has(version)) tables.set(version, await ask(`/api/approval/process-table?${new URLSearchParams({ number: theCase.planning_number })}`));
  return tables.get(version);
}

async function openCase(number) {
  const address = `/api/approval/cases/${encodeURIComponent(number)}`;
  const theCase = await ask(address);
  const items = theCase.project_type ? (await ask(`${address}/items`)).items : [];
  shown = { table: await tableOf(theCase), items, stages: theCase.stages };
  me.number = theCase.number;
  history.replaceState(null, "", `?number=${encodeURIComponent(theCase.number)}`);
  place("number").value = theCase.number;
  place("case-name").replaceChildren(`${theCase.project_name} `, element("small", {}, theCase.number));
  const kind = shown.table.project_types.find(({ code }) => code === theCase.project_type);
  place("case-facts").replaceChildren(...[
    ["建设单位 applicant", theCase.applicant], ["策划编号 planning number", theCase.planning_number],
    ["项目代码 project code", theCase.project_code ?? "尚未绑定 not bound yet"],
    ["项目类型 type", kind?.title ?? theCase.project_type ?? "尚未确定 not prepared yet"],
  ].flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]));
  // Type, items and code may be mended until the first stage is accepted.
  const isOpen = theCase.stages.every((row) => row.status === "not_accepted");
  place("code-form").hidden = !isOpen || !may("bind_project_code");
  place("process-form").hidden = !may("prepare_case") || !(isOpen || !theCase.project_type);
  place("project-code").value = theCase.project_code ?? "";
  // What is not settled yet is proposed as coordination handed it over.
  const { project: handed } = theCase.handover;
  const isProposed = !theCase.project_type && newest.project_types.some(({ code }) => code === handed.project_type);
  if (theCase.project_type ?? (isProposed && handed.project_type)) place("project-type").value = theCase.project_type ?? handed.project_type;
  place("district").value = (theCase.project_type ? theCase.district : handed.district) ?? "";
  if (place("district").value === "" && place("district").selectedIndex < 0) place("district").selectedIndex = 0;
  place("differs").hidden = !theCase.handover_warning;
  place("differs").replaceChildren(theCase.handover_warning ?? "");
  offerOptional(items.map(({ code }) => code));
  place("withdrawn").hidden = !theCase.withdrawn_on;
  place("withdrawn").replaceChildren(...bilingual(`已于 ${theCase.withdrawn_on} 撤回：${theCase.withdrawn_why ?? ""}。重新推送前不受理、不准予、不办结。`, "Withdrawn by coordination: nothing is accepted, granted or concluded until it is handed over again."));
  place("stages").replaceChildren(...theCase.stages.map((row) => stageItem(row, theCase)));
  fill("items", ["牌 card", "事项 item", "轮次", "部门 department", "状态 state", "在谁处 with", "期限 due"], items.map((item) => {
    const open = element("button", { type: "button", class: "link" }, `${item.title}（${item.code}）`);
    open.addEventListener("click", () => perform(() => openItem(item.code)));
    const holder = { applicant: "申请人", window: "窗口", department: "审批部门", stop: "特别程序" }[item.holder] ?? "";
    return cells([cardMark(item.card), open, item.round, item.department_name, item.state_words, holder, item.due_on ?? item.concluded_on ?? ""]);
  }), ["尚未确定事项。", "Its items are not settled yet."]);
  place("together").replaceChildren(...togetherButtons(theCase, items).flatMap((button) => [button, " "]));
  await showCaseParts({ number: me.number, me, names, theCase, ...shown, changed: refresh });
  place("case-card").hidden = false;
}

function offerOptional(needed = []) {
  const chosen = place("project-type").value;
  const rules = newest.items.filter((rule) => rule.project_types.includes(chosen));
  const always = rules.filter((rule) => rule.always).map(({ title }) => title);
  place("always").replaceChildren(...bilingual(`必办事项：${always.join("、")}。`, "are always needed."));
  place("optional").replaceChildren(...rules.filter((rule) => !rule.always).map((rule) =>
    element("label", {}, element("input", { type: "checkbox", value: rule.code, ...(needed.includes(rule.code) ? { checked: "" } : {}) }), ` ${rule.title}`)));
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
      await change("PUT", `/api/approval/cases/${encodeURIComponent(me.number)}/process`, { project_type: place("project-type").value, items, district: place("district").value || null });
      await refresh();
      say("done", ...bilingual("事项已确定。", "Its items are settled."));
    });
  });
  place("project-type").addEventListener("change", () => offerOptional());
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
  names = Object.fromEntries(city.departments.map(({ code, name }) => [code, name]));
  newest = await ask("/api/approval/process-table");
  tables.set(newest.version, newest);
  place("project-type").replaceChildren(...newest.project_types.map(({ code, title }) => element("option", { value: code }, title)));
  place("district").replaceChildren(element("option", { value: "" }, "市本级 the city"), ...city.districts.map(({ code, name }) => element("option", { value: code }, name)));
  offerOptional();
  listen();
  const mine = LISTS.filter(({ right }) => may(right));
  place("lists").replaceChildren(...mine.map((list) => {
    const button = element("button", { type: "button", "data-state": list.name, "aria-pressed": "false" }, ...bilingual(...list.words));
    button.addEventListener("click", () => showList(list).catch((problem) => say("error", ...wordsOf(problem))));
    return button;
  }));
  place("message").hidden = true;
  if (mine.length) await showList(mine[0]);
  const asked = new URLSearchParams(location.search);
  if (asked.get("number")) {
    await openCase(asked.get("number"));
    if (asked.get("item")) await openItem(asked.get("item"));
  }
}

perform(start);
