// Statistics and supervision of approval: where cases stand, who is late, figures with their definitions, and the items behind each.

import { ask, bilingual, element, keepCsrfToken, showCity, signInAgain, wordsOf } from "./words.js";
import { change } from "./work_parts.js";

const BY = {
  stage: ["阶段", "stage"], department: ["部门", "department"], project_type: ["项目类型", "project type"],
  district: ["区县", "district"], item: ["事项", "item"], month: ["月份", "month"], all: ["全部", "all"],
};
const STAGES = {
  land_use_planning: "立项用地规划许可", project_permit: "工程建设许可", construction_permit: "施工许可", completion_acceptance: "竣工验收",
  parallel_items: "并行推进",
};
const CARDS = { yellow: ["黄牌", "yellow"], red: ["红牌", "red"], escalated: ["督办升级", "escalated"], green: ["正常", "green"] };
const KINDS = { item: "事项", stage: "阶段", case: "全流程", promise: "容缺承诺", commitment: "承诺核查", upload: "结果上传", consultation: "征询答复" };
// Which figure is of which items.
const ONLY = {
  items: "all", on_time_share: "on_time", correction_share: "corrected", stop_share: "stopped", parallel_share: "parallel",
  commitment_share: "on_commitment", tolerated_share: "tolerated", refused_share: "refused",
};
// Figures of days lead to the items that they are of, the longest first.
const OF_DAYS = new Set(["median_days", "p90_days", "median_days_without_stops"]);
const COLUMNS = ["items", "cases", "median_days", "p90_days", "median_days_without_stops", "on_time_share", "correction_share",
  "parallel_share", "stop_share", "commitment_share", "tolerated_share", "refused_share"];
const MOST = 200;
const SVG = "http://www.w3.org/2000/svg";
const place = (id) => document.getElementById(id);
let names = {};
let me = { rights: [], department: null };

function drawn(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const groupName = (group) => STAGES[group] ?? names[group] ?? (group === "city" ? "市本级" : group);
const figure = (name, value) => {
  if (value === null) return "—";
  if (name.endsWith("_share")) return `${(value * 100).toFixed(1)}%`;
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
};

// Two bars a group: how long half of the items took at most, and nine of ten.
// A click on them leads to the items.
function chart(rows, by, open) {
  const shown = by === "month" ? rows.slice(-20) : rows.slice(0, 20);
  const most = Math.max(1, ...shown.map((row) => row.p90_days));
  const [left, width, step] = [190, 560, 34];
  const bars = shown.map((row, place) => {
    const top = place * step;
    const length = (days) => (days / most) * (width - 60);
    const label = drawn("text", { x: left - 8, y: top + 20, "text-anchor": "end" }, groupName(row.group).slice(0, 14));
    const bar = drawn("g", { class: "bar" },
      label,
      drawn("rect", { x: left, y: top + 5, width: length(row.p90_days), height: 10, class: "p90" }, drawn("title", {}, `90%: ${figure("", row.p90_days)}`)),
      drawn("rect", { x: left, y: top + 17, width: length(row.median_days), height: 10, class: "median" }, drawn("title", {}, `50%: ${figure("", row.median_days)}`)),
      drawn("text", { x: left + length(row.p90_days) + 4, y: top + 14, class: "small" }, figure("", row.p90_days)),
      drawn("text", { x: left + length(row.median_days) + 4, y: top + 27, class: "small" }, figure("", row.median_days)),
    );
    bar.addEventListener("click", () => open(row.group));
    return bar;
  });
  return drawn("svg", { viewBox: `0 0 ${left + width} ${Math.max(1, shown.length) * step + 4}`, role: "img", "aria-label": "中位与 90 分位用时 median and 90th percentile" }, ...bars);
}

function table(target, head, rows) {
  place(target).replaceChildren(
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows),
  );
}

const cells = (values) => element("tr", {}, ...values.map((value) => element("td", {}, value instanceof Node ? value : String(value ?? ""))));

// Where the case is worked on.
function workLink(number, item) {
  const asked = new URLSearchParams({ number, ...(item ? { item } : {}) });
  return element("a", { href: `/work?${asked}` }, number);
}

const ofHall = () => (place("hall").value ? { hall: place("hall").value } : {});

function period() {
  const asked = new URLSearchParams(ofHall());
  for (const name of ["from", "to"]) if (place(name).value) asked.set(name, place(name).value);
  return asked;
}

// The period and group of a figure.
function ofGroup(by, group) {
  const asked = period();
  asked.set("limit", String(MOST));
  if (["stage", "department", "project_type", "district", "item"].includes(by)) asked.set(by, group);
  if (by === "month") {
    const [year, month] = group.split("-").map(Number);
    asked.set("from", `${group}-01`);
    asked.set("to", `${group}-${String(new Date(year, month, 0).getDate()).padStart(2, "0")}`);
  }
  return asked;
}

async function showBehind(by, group, name, words) {
  const asked = ofGroup(by, group);
  if (name === "cases") return listCases(asked, "items", `${groupName(group)} · ${words}`);
  asked.set("only", ONLY[name] ?? "all");
  if (OF_DAYS.has(name)) asked.set("longest", "true");
  const found = await ask(`/api/approval/statistics/items?${asked}`);
  place("behind-heading").replaceChildren(`${groupName(group)} · ${words}`);
  table("behind", ["案件 case", "事项 item", "部门 department", "接件 from", "办结 to", "工作日 days", "状态 state"], found.items.map((item) =>
    cells([workLink(item.case, item.code), item.title, item.department_name, item.submitted_on, item.concluded_on, item.working_days, item.state_words])));
  reveal(found);
}

async function listCases(asked, of, words) {
  asked.set("of", of);
  asked.set("limit", String(MOST));
  tellCases(await ask(`/api/approval/statistics/cases?${asked}`), [words]);
}

async function showFigures() {
  const by = place("by").value;
  const asked = period();
  asked.set("by", by);
  const found = await ask(`/api/approval/statistics?${asked}`);
  const words = (name) => found.measures[name].split(" ")[0];
  place("workbook").href = `/api/approval/statistics?${asked}&f=xlsx`;
  place("chart").replaceChildren(found.rows.length ? chart(found.rows, by, (group) => showBehind(by, group, "items", words("items")).catch(say)) : "期内没有办结 nothing was concluded");
  table("figures", [BY[by].join(" "), ...COLUMNS.map(words)], found.rows.map((row) =>
    element("tr", {}, element("th", { scope: "row" }, groupName(row.group)), ...COLUMNS.map((name) => {
      const text = figure(name, row[name]);
      if (!(name in ONLY || OF_DAYS.has(name) || name === "cases") || text === "—") return element("td", { class: "number" }, text);
      const button = element("button", { type: "button", class: "link" }, text);
      button.addEventListener("click", () => showBehind(by, row.group, name, words(name)).catch(say));
      return element("td", { class: "number" }, button);
    }))));
  const whole = await ask(`/api/approval/statistics/whole-cases?${period()}`);
  showStages(found.stages, whole.figures);
  place("measures").replaceChildren(...COLUMNS.flatMap((name) => {
    const [term, ...rest] = found.measures[name].split(" ");
    return [element("dt", {}, term), element("dd", {}, rest.join(" "))];
  }));
  showStandings(found, whole);
}

const STAGE_COLUMNS = ["stages", "median_days", "p90_days", "median_days_without_stops", "on_time_share"];

// The four stages as wholes, from acceptance to conclusion, and whole cases; each figure leads to its cases.
function showStages(stages, whole) {
  const rows = [
    ...stages.map((row) => [groupName(row.stage), row, (name) => showStagesBehind(row.stage, name === "on_time_share" ? "on_time" : "all")]),
    ...(whole.cases ? [["全流程", { ...whole, stages: whole.cases }, (name) => listCases(period(), name === "on_time_share" ? "on_time" : "concluded", "全流程办结 whole cases")]] : []),
  ];
  table("stages", ["阶段 stage", "办结数 concluded", "中位 median", "90 分位 p90", "扣停中位 without stops", "按时率 on time"], rows.map(([words, row, open]) =>
    element("tr", {}, element("th", { scope: "row" }, words), ...STAGE_COLUMNS.map((name) => {
      const text = figure(name, row[name]);
      if (text === "—") return element("td", { class: "number" }, text);
      const button = element("button", { type: "button", class: "link" }, text);
      button.addEventListener("click", () => open(name).catch(say));
      return element("td", { class: "number" }, button);
    }))));
}

async function showStagesBehind(stage, only) {
  const asked = period();
  asked.set("only", only);
  asked.set("limit", String(MOST));
  const found = await ask(`/api/approval/statistics/stages/${stage}?${asked}`);
  place("behind-heading").replaceChildren(`${groupName(stage)} · ${only === "all" ? "办结 concluded" : "按时办结 in time"}`);
  table("behind", ["案件 case", "项目 project", "受理 from", "办结 to", "工作日 days", "停表 stopped", "时限 limit"], found.items.map((row) =>
    cells([workLink(row.case), row.project_name, row.accepted_on, row.concluded_on, row.working_days, row.stop_days, row.limit_days])));
  reveal(found);
}

// Where all cases stand now; a count leads to its cases.
function showStandings({ under_way: now, standings }, whole) {
  const counts = { ...now, ...now.in_stage };
  const tiles = Object.entries(standings).map(([name, words]) => {
    const count = element("button", { type: "button", class: "link" }, String(counts[name]));
    count.addEventListener("click", () => showCases(name, words).catch(say));
    return [words, count];
  });
  const share = element("button", { type: "button", class: "link" }, figure("deemed_share", whole.figures.deemed_share));
  share.addEventListener("click", () => listCases(period(), "deemed", "有视为无意见的案件 cases with an opinion that was silence").catch(say));
  tiles.push([whole.measures.deemed_share, share]);
  place("now").replaceChildren(element("dl", { class: "tiles" }, ...tiles.map(([words, value]) =>
    element("div", { title: words }, element("dt", {}, words.split(" ")[0]), element("dd", {}, value)))));
}

async function showCases(standing, words) {
  const found = await ask(`/api/approval/cases?${new URLSearchParams({ standing, limit: String(MOST) })}`);
  tellCases(found, bilingual(words.split(" ")[0], words.slice(words.indexOf(" ") + 1)));
}

function tellCases(found, heading) {
  place("behind-heading").replaceChildren(...heading);
  table("behind", ["案件 case", "项目 project", "建设单位 applicant", "区县 district", "收到 received"], found.items.map((row) =>
    cells([workLink(row.number), row.project_name, row.applicant, groupName(row.district ?? "city"), row.received_at.slice(0, 10)])));
  reveal(found);
}

// The rows behind a figure, and whether there are more than a page shows.
function reveal(found) {
  if (found.next) place("behind").append(element("caption", {}, ...bilingual(`只列出前 ${MOST} 件。`, `The first ${MOST} are shown.`)));
  place("behind-card").hidden = false;
  place("behind-heading").scrollIntoView({ block: "start" });
}

// Clock stops and extensions are nobody's lateness, and supervised all the same.
const HELD = {
  stopped: [{ state: "stopped" }, ["特别程序中，停表", "special procedure, clock stopped"]],
  extended: [{ extended: "true" }, ["在办且已延期", "under way with an extended limit"]],
};

async function showHeld(name) {
  const [which, words] = HELD[name];
  const found = await ask(`/api/approval/items?${new URLSearchParams({ ...which, ...ofHall(), limit: String(MOST) })}`);
  place("behind-heading").replaceChildren(...bilingual(...words));
  table("behind", ["案件 case", "事项 item", "部门 department", "受理 accepted", "期限 due", "延期工作日 extended by"], found.items.map((item) =>
    cells([workLink(item.case, item.code), item.title, item.department_name, item.accepted_on, item.due_on, item.extended_days || ""])));
  reveal(found);
}

// To whoever is late with anything, by who supervises, or over items of a stage by its lead; the service asks whose stage it is.
const mayWrite = (row) => row.department && (me.rights.includes("supervise") || (row.item && row.stage && me.rights.includes("lead_stage")));

function letterButton(row) {
  const button = element("button", { type: "button", class: "link" }, ...bilingual("发函", "write"));
  button.addEventListener("click", () => writeLetter(row));
  return button;
}

function writeLetter(row) {
  const form = place("letter");
  const content = element("textarea", { id: "letter-content", rows: "3", maxlength: "4000" });
  form.replaceChildren(
    element("div", { class: "field" }, element("label", { for: "letter-content" }, ...bilingual(`督办函：${row.case} ${row.title}（${KINDS[row.kind]}）→ ${row.department_name}`, "letter of supervision")), content),
    element("p", { class: "buttons" }, element("button", { type: "submit" }, ...bilingual("发函", "Send"))));
  form.onsubmit = async (event) => {
    event.preventDefault();
    const over = row.item ? `items/${row.item}` : `stages/${row.stage}`;
    const body = { kind: row.kind, content: content.value, ...(row.item ? { department: row.department } : {}) };
    try {
      await change("POST", `/api/approval/cases/${encodeURIComponent(row.case)}/${over}/letters`, body);
      form.hidden = true;
      say({ done: true, message: "督办函已发出。 The letter is sent." });
    } catch (problem) {
      say(problem);
    }
  };
  form.hidden = false;
  content.focus();
}

async function showLate() {
  const late = await ask(`/api/approval/late?${new URLSearchParams(ofHall())}`);
  const sums = ["escalated", "red", "yellow"].map((card) => [card, late.items.filter((row) => row.card === card).length]);
  place("late-sums").replaceChildren(...sums.flatMap(([card, count]) => [element("span", { class: `card-mark ${card}` }, ...bilingual(...CARDS[card]), ` ${count}`), " "]));
  table("late", ["牌 card", "期限 due", "逾期工作日 days", "类别 kind", "案件 case", "事项 item", "在谁处 with", "督办函 letter"], late.items.map((row) =>
    cells([element("span", { class: `card-mark ${row.card}` }, ...bilingual(...CARDS[row.card])), row.due_on, row.working_days_late || "",
      KINDS[row.kind], workLink(row.case, row.item), row.title, row.department_name ?? "申请人", mayWrite(row) ? letterButton(row) : ""])));
  if (late.more) place("late").append(element("caption", {}, ...bilingual("每类只列出最久的 500 件。", "Of each kind the 500 that are longest late are shown.")));
  if (late.items.length === 0) place("late").replaceChildren(element("caption", {}, ...bilingual("没有逾期。", "Nobody is late.")));
}

function say(problem) {
  place("message").className = problem.done ? "done" : "error";
  place("message").replaceChildren(...(problem.status === 401 ? [signInAgain()] : wordsOf(problem)));
  place("message").hidden = false;
}

async function start() {
  const [city, session] = await Promise.all([ask("/api/city"), ask("/api/session")]);
  showCity(city, "审批统计与督办 Approval");
  if (session.me) {
    keepCsrfToken(session.me.csrf_token);
    me = session.me;
  }
  names = Object.fromEntries([...city.departments, ...(city.districts ?? [])].map(({ code, name }) => [code, name]));
  place("by").replaceChildren(...Object.entries(BY).map(([value, words]) => element("option", { value }, words.join(" "))));
  for (const id of ["by", "from", "to"]) place(id).addEventListener("change", () => showFigures().catch(say));
  place("hall").append(...city.departments.filter(({ role }) => role === "approvals").map(({ code, name }) => element("option", { value: code }, name)));
  place("hall").addEventListener("change", () => Promise.all([showLate(), showFigures()]).catch(say));
  for (const button of document.querySelectorAll("[data-held]")) button.addEventListener("click", () => showHeld(button.dataset.held).catch(say));
  place("asked").addEventListener("submit", (event) => event.preventDefault());
  await Promise.all([showFigures(), showLate()]);
  place("message").hidden = true;
}

start().catch(say);
