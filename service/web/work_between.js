// What departments do with each other over an item: joint consultation, meetings, guidance and disputes, letters of supervision.

import { ask, bilingual, element, time } from "./words.js";
import { cardMark, change, field, perform, place, say, sure } from "./work_parts.js";

const ANSWERS = {
  agree: ["同意", "agrees"], agree_with_conditions: ["有条件同意", "agrees with conditions"], disagree: ["不同意", "disagrees"],
  no_objection: ["无意见", "no objection"],
};
const MATTERS = { meeting: ["协调会议", "meeting"], guidance: ["请示指导", "guidance"], dispute: ["争议处理", "dispute"] };
const STATES = { asked: ["已提出", "asked for"], convened: ["已召集", "convened"], decided: ["已决定", "decided"], declined: ["不予召集", "declined"] };
const NEXT = { asked: ["convened", "decided", "declined"], convened: ["decided"] };

const text = (name, attributes = {}) => element("textarea", { name, rows: "3", maxlength: "4000", ...attributes });
const options = (words) => Object.entries(words).map(([value, both]) => element("option", { value }, both.join(" ")));
const may = (at, right) => at.me.rights.includes(right);
const nameOf = (at, code) => at.names[code] ?? code;
const pages = (kind, at) => ask(`/api/approval/${kind}?${new URLSearchParams({ number: at.number, limit: "200" })}`);

// A line of what was asked or said, and under it the form of whoever has to answer.
function entry(head, lines, form) {
  return element("li", {}, element("strong", {}, head), ...lines.filter(Boolean).flatMap((line) => [element("br"), line]), ...(form ? [form] : []));
}

// Labels need an id each, and there may be several forms of one kind.
let forms = 0;

function formOf(fields, [chinese, english], act, question) {
  forms += 1;
  const form = element("form", { class: "answer", novalidate: "" },
    ...fields.map(([label, english_, input]) => field(label, english_, input, forms)),
    element("p", { class: "buttons" }, element("button", { type: "submit" }, ...bilingual(chinese, english))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    perform(async () => {
      if (question && !(await sure([chinese, english], question))) return;
      await act(form);
      say("done", ...bilingual(`${chinese}：已记录。`, `${english}: recorded.`));
    });
  });
  return form;
}

const filled = (form, ...names) => Object.fromEntries(names.map((name) => [name, form.elements[name].value.trim()]).filter(([, value]) => value !== ""));

function consultation(row, at, done) {
  const isMine = row.department === at.me.department && may(at, "decide_item") && !row.kind;
  const kinds = element("select", { name: "kind" }, ...options(ANSWERS));
  return entry(`征询 ${nameOf(at, row.department)}（${row.asked_on}，${row.due_on} 前答复${row.provisional ? "，暂定" : ""}）`, [
    row.question,
    row.kind && `${row.answered_on} ${ANSWERS[row.kind].join(" ")}${row.is_late ? "（逾期答复 late）" : ""}：${[row.conditions, row.remark].filter(Boolean).join("；") || "—"}`,
    !row.kind && !isMine && "尚未答复 not answered yet",
  ], isMine && formOf(
    [["答复", "answer", kinds], ["条件（有条件同意时填写）", "conditions, if it agrees with any", text("conditions")], ["说明（可空）", "remark, may be empty", text("remark")]],
    ["答复征询", "Answer"],
    async (form) => {
      await change("PUT", `/api/approval/consultation-answers/${row.id}`, filled(form, "kind", "conditions", "remark"));
      await done();
    },
    ["答复只能作出一次；条件成为该事项必须落实的建设条件。", "It is answered once; conditions bind the item."],
  ));
}

// What a decision asks of an item; left empty it asks nothing.
function dutyFields(at) {
  const departments = element("select", { name: "duty.department" }, ...Object.entries(at.names).map(([code, name]) => element("option", { value: code }, name)));
  departments.value = at.me.department;
  const items = element("select", { name: "duty.item_code" }, ...at.items.map(({ code, title }) => element("option", { value: code }, `${title}（${code}）`)));
  return [["决定要求落实的内容（可空）", "what it asks of an item, may be empty", text("duty.content", { rows: "2" })], ["由哪个事项落实", "of which item", items], ["由哪个部门提出", "for which department", departments]];
}

function matter(row, at, done) {
  const isMine = row.addressed_to === at.me.department && may(at, "settle_matter") && row.state in NEXT;
  const steps = element("select", { name: "state" }, ...options(Object.fromEntries((NEXT[row.state] ?? []).map((state) => [state, STATES[state]]))));
  return entry(`${MATTERS[row.kind][0]} · ${STATES[row.state].join(" ")} · ${nameOf(at, row.addressed_to)}`, [
    `${row.asked_on} ${nameOf(at, row.asked_department)}：${row.question}`,
    row.departments.length > 1 && `有关部门 concerned：${row.departments.map((code) => nameOf(at, code)).join("、")}`,
    row.meets_at && `${time(row.meets_at)} ${row.place}`,
    row.decision && `${row.decided_on} ${row.decision}`,
  ], isMine && formOf(
    [["处理", "what is done", steps], ["会议时间", "time, if it is convened", element("input", { name: "meets_at", type: "datetime-local" })], ["地点", "place", element("input", { name: "place", maxlength: "200" })],
      ["决定，或不予召集的理由", "decision, or why there is none", text("text")], ...dutyFields(at)],
    ["处理", "Settle"],
    async (form) => {
      const body = filled(form, "state", "place", "text");
      if (form.elements.meets_at.value) body.meets_at = `${form.elements.meets_at.value}:00`;
      const duty = filled(form, "duty.content", "duty.department", "duty.item_code");
      if (duty["duty.content"]) body.duties = [{ content: duty["duty.content"], department: duty["duty.department"], item_code: duty["duty.item_code"] }];
      if (body.state !== "convened") delete body.place;
      await change("POST", `/api/approval/matters/${row.id}/turns`, body);
      await done();
    },
  ));
}

function letter(row, at, done) {
  const isMine = row.department === at.me.department && may(at, "decide_item") && !row.answered_on;
  const about = row.item ? "" : `${row.kind === "case" ? "全流程" : row.title} `;
  const head = element("span", {}, cardMark(row.card), ` ${about}督办函 → ${nameOf(at, row.department)}（${row.sent_on}；应于 ${row.due_on} 办结）`);
  return entry(head, [row.content, row.answered_on ? `${row.answered_on} 复函：${row.answer}` : !isMine && "尚未复函 not answered yet"],
    isMine && formOf([["复函：原因与办结时间", "why, and by when it will be done", text("answer")]], ["复函", "Answer"], async (form) => {
      await change("POST", `/api/approval/letters/${row.id}/answer`, filled(form, "answer"));
      await done();
    }, ["复函只能作出一次。", "It is answered once."]));
}

const departmentsOf = (at, without) => element("fieldset", { class: "choices" }, element("legend", {}, ...bilingual("部门", "departments")),
  ...Object.entries(at.names).filter(([code]) => code !== without).map(([code, name]) =>
    element("label", {}, element("input", { type: "checkbox", name: "departments", value: code }), ` ${name}`)));
const chosen = (form) => [...form.querySelectorAll("[name=departments]:checked")].map(({ value }) => value);

// What the reader may ask for: each a button that opens its form.
function acts(item, at, done) {
  const found = [];
  const address = `/api/approval/cases/${encodeURIComponent(at.number)}/items/${item.code}`;
  const own = may(at, "decide_item") && at.me.department === item.department;
  const departments = () => departmentsOf(at, item.department);
  if (own && ["department", "stop"].includes(item.holder)) {
    found.push([["征询有关部门", "Consult departments"], () => [["征询内容", "question", text("question")]], departments, (form) =>
      change("POST", `${address}/consultations`, { question: form.elements.question.value, departments: chosen(form) })]);
  }
  if (may(at, "decide_item") && at.me.department) {
    found.push([["提请会议、指导或争议处理", "Bring up a matter"],
      () => [["事由", "what", element("select", { name: "kind" }, ...options(MATTERS))], ["问题", "question", text("question")]], () => departmentsOf(at, at.me.department),
      (form) => change("POST", `${address}/matters`, { kind: form.elements.kind.value, question: form.elements.question.value, departments: chosen(form) })]);
  }
  const leads = may(at, "supervise") || (may(at, "lead_stage") && at.stages.some((row) => row.stage === item.stage && row.lead === at.me.department));
  if (leads && ["yellow", "red", "escalated"].includes(item.card) && item.holder !== "applicant") {
    found.push([["发督办函", "Send a letter of supervision"], () => [["内容", "content", text("content")]], null, (form) =>
      change("POST", `${address}/letters`, { content: form.elements.content.value })]);
  }
  return found.map(([words, fields, choices, act]) => {
    const button = element("button", { type: "button" }, ...bilingual(...words));
    button.addEventListener("click", () => {
      const form = formOf(fields(), words, async (filledForm) => {
        await act(filledForm);
        await done();
      });
      if (choices) form.insertBefore(choices(), form.lastChild);
      place("between-form").replaceChildren(form);
      form.querySelector("input, select, textarea").focus();
    });
    return button;
  });
}

// Letters about a stage or the whole case, each with its answer.
export async function showCaseLetters(at) {
  const { items } = await pages("letters", at);
  const rows = items.filter((row) => !row.item).map((row) => letter(row, at, () => showCaseLetters(at)));
  place("case-letters").replaceChildren(...rows);
  place("case-letters").hidden = rows.length === 0;
}

export async function showBetween(item, at) {
  const [asked, matters, letters] = await Promise.all(["consultation-answers", "matters", "letters"].map((kind) => pages(kind, at)));
  const done = () => at.show();
  const mine = ({ items }) => items.filter((row) => row.item === item.code);
  const rows = [
    ...mine(asked).map((row) => consultation(row, at, done)), ...mine(matters).map((row) => matter(row, at, done)),
    ...mine(letters).map((row) => letter(row, at, done)),
  ];
  const buttons = acts(item, at, done);
  place("between").replaceChildren(...(rows.length ? rows : [element("li", {}, ...bilingual("没有征询、会议和督办函。", "No consultation, meeting or letter."))]));
  place("between-acts").replaceChildren(...buttons.flatMap((button) => [button, " "]));
  place("between-form").replaceChildren();
}
