// The audit log for its auditor: searched, taken away as a file, proven.

import { ACT_WORDS } from "./act_words.js";
import { act, begin, cells, departmentNames, fail, mark, place, say, table, time } from "./coordination.js";
import { ROLE_WORDS, ask, bilingual, element } from "./words.js";

const OUTCOME = { done: ["已办", "done"], refused: ["被拒", "refused"] };
const CHANNEL = { http: "网络", console: "本机", due: "到期" };
const ASKED = ["actor", "department", "act", "kind", "thing", "outcome", "from", "to"];
let nameOfDepartment;
let rows = [];
let cursor = null;

const question = () => new URLSearchParams(ASKED.map((name) => [name, place(name).value.trim()]).filter(([, value]) => value));

// What an act left behind, small and closed until somebody opens it.
function details(entry) {
  const kept = [["之前 before", entry.before], ["之后 after", entry.after]].filter(([, values]) => values !== null);
  return element("details", {}, element("summary", {}, ...bilingual("详情", "more")),
    ...kept.flatMap(([words, values]) => [element("div", {}, words), element("pre", {}, JSON.stringify(values, null, 1))]),
    element("div", {}, `请求 request ${entry.request_id ?? "—"}`), element("div", {}, `哈希 hash ${entry.hash}`));
}

function row(entry) {
  const roles = entry.roles.map((role) => ROLE_WORDS[role]?.[0]).filter(Boolean).join("、");
  return cells([
    String(entry.seq), time(entry.at), [entry.actor, element("span", { class: "about" }, [entry.department && nameOfDepartment(entry.department), roles].filter(Boolean).join(" · "))],
    [ACT_WORDS[entry.act] ?? entry.act, element("span", { class: "about" }, entry.act)], [entry.thing, element("span", { class: "about" }, entry.kind)],
    entry.purpose ?? "—", [CHANNEL[entry.channel] ?? entry.channel, element("span", { class: "about" }, entry.address ?? "")],
    mark(entry.outcome === "done" ? "given" : "overdue", OUTCOME[entry.outcome]), details(entry),
  ]);
}

async function further() {
  const asked = question();
  if (cursor !== null) asked.set("cursor", cursor);
  const page = await ask(`/api/audit-log?${asked}`);
  rows = [...rows, ...page.items];
  cursor = page.next;
  table(place("found"), [["序号", "no."], ["时间", "at"], ["操作人", "who"], ["操作", "act"], ["对象", "thing"], ["用途", "purpose"], ["来源", "from"], ["结果", "outcome"], ["", ""]],
    rows.map(row), ["没有符合条件的记录。", "No entry answers."]);
  place("more").hidden = cursor === null;
}

async function search() {
  rows = [];
  cursor = null;
  for (const form of ["csv", "ndjson"]) place(`as-${form}`).href = `/api/audit-log/export?${question()}&f=${form}`;
  await further();
}

async function verify() {
  // As it was printed: number, hash, and perhaps the day.
  const anchor = place("anchor").value.trim().toLowerCase().split(/\s+/).slice(0, 2).join(" ");
  let found = { next: 0 };
  while (found.next !== null) {
    if (found.next) place("verified").replaceChildren(element("p", { class: "hint" }, ...bilingual(`已核对至第 ${found.next.toLocaleString("zh-CN")} 条，共至 ${found.head.toLocaleString("zh-CN")} 条……`, "on the way …")));
    found = await ask(`/api/audit-log/verification?${new URLSearchParams({ cursor: found.next, ...(anchor && { anchor }) })}`);
  }
  const head = element("p", { class: "hint" }, ...bilingual("链头（请抄存他处）：", "the head, to be kept elsewhere:"), element("br"), element("code", {}, `${found.head} ${found.head_hash}`));
  place("verified").replaceChildren(found.holds
    ? element("p", { class: "done" }, ...bilingual(`完好：${found.entries.toLocaleString("zh-CN")} 条记录，链头 ${found.head}。`, "The log is as it was written."))
    : element("p", { class: "error" }, ...bilingual(`日志被改动：第 ${found.wrong_seq} 条：${found.reason_zh}。`, found.reason)), head);
}

async function start() {
  const { city, me } = await begin("审计日志 Audit log");
  if (me === null) return;
  if (!me.rights.includes("read_audit_log")) {
    say("error", ...bilingual("只有审计员可以查阅审计日志。", "Only an auditor reads the audit log."));
    for (const card of document.querySelectorAll(".card")) card.hidden = true;
    return;
  }
  nameOfDepartment = departmentNames(city);
  place("department").append(...city.departments.map(({ code, name }) => element("option", { value: code }, name)));
  place("act-names").append(...Object.entries(ACT_WORDS).map(([name, words]) => element("option", { value: name }, words)));
  for (const [id, doing] of [["search", search], ["verify", verify]]) {
    place(id).addEventListener("submit", (event) => event.preventDefault());
    act(place(id).querySelector("[type=submit]"), doing);
  }
  act(place("more"), further);
  await search();
  say("");
}

start().catch(fail);
