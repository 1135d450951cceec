// The coordinator's board: where every project stands, what waits for a decision, what approval does not have yet.

import { STATUS, begin, button, cells, fail, mark, place, say, table, time, act } from "./coordination.js";
import { showNotices } from "./inbox.js";
import { ask, bilingual, element, send } from "./words.js";

const link = (project) => [element("a", { href: `/project?id=${project.id}` }, project.name), element("span", { class: "about" }, `${project.planning_number} · ${project.applicant}`)];
const CHANNEL = { email: "邮件 e-mail", webhook: "接口 webhook" };
const OFFICE = { coordinator: "协同主管", supervisor: "督办" };
const KINDS = { handover: ["推送", "handover"], correction: ["更正", "correction"], withdrawal: ["撤回", "withdrawal"] };

function waits(item) {
  const found = [];
  if (item.scope_open) found.push(mark("open", ["适用范围待定", "scope to be decided"]));
  if (item.disagreeing) found.push(mark("disagree", [`${item.disagreeing} 个部门不同意`, "disagree"]));
  if (item.stopped_too_long) found.push(mark("disagree", [`停表已 ${item.longest_stop} 个工作日`, "stopped for long"]));
  else if (item.stopped) found.push(mark("stopped", [`停表 ${item.longest_stop} 个工作日`, "stopped"]));
  if (item.undecided_contests) found.push(mark("open", [`${item.undecided_contests} 件异议待处理`, "contests"]));
  if (item.project.status === "consulting" && item.awaited + item.stopped === 0 && !found.length) found.push(mark("given", ["意见已齐，可办理通过", "all answered"]));
  return found.flatMap((each) => [each, " "]);
}

function showBoard(board) {
  place("now").replaceChildren(...Object.entries(board.counts).map(([status, count]) =>
    element("div", {}, element("dt", {}, ...bilingual(...STATUS[status])), element("dd", {}, String(count)))));
  table(place("work"), [["项目", "project"], ["状态", "state"], ["待反馈", "awaited"], ["已反馈", "given"], ["视为无意见", "deemed"], ["最近期限", "next due"], ["需要处理", "to do"]],
    board.items.map((item) => cells([
      link(item.project), mark(item.project.status, STATUS[item.project.status]), String(item.awaited + item.stopped), String(item.given),
      String(item.deemed), item.next_due_on ?? "—", waits(item),
    ])), ["没有在办项目，请登记第一个。", "No project is in work; register the first one."]);
  place("cut").replaceChildren(...(board.in_work > board.items.length ? bilingual(`只列最先到期的 ${board.items.length} 个，在办共 ${board.in_work} 个；其余请检索。`, "Only those due first are listed; search for the others.") : []));
  place("notices-failed").replaceChildren(...(board.undelivered_notice_count ? bilingual(`${board.undelivered_notice_count} 条通知多次外发失败，系统内也无人读过；每小时仍在重试，请核对地址与服务器。`, "notices failed often on their way outside, and nobody has read them here; they are tried on.") : []));
  table(place("notices-failed-table"), [["收件", "to"], ["渠道", "by"], ["地址", "address"], ["已尝试", "tries"], ["最近错误", "last error"]], board.undelivered_notices.map((notice) => cells([
    OFFICE[notice.to] ?? notice.to, CHANNEL[notice.channel], notice.address, String(notice.attempts), notice.last_error ?? "—",
  ])), ["没有。", "None."]);
  place("notices-failed-table").hidden = board.undelivered_notice_count === 0;
  table(place("undelivered"), [["项目", "project"], ["消息", "message"], ["已尝试", "tries"], ["最近错误", "last error"], ["", ""]], board.undelivered.map((message) => cells([
    message.planning_number, message.dead ? mark("dead", ["多次失败", "failed often"]) : KINDS[message.kind].join(" "), String(message.attempts),
    message.last_error ?? "—", button(["立即重推", "Send now"], async () => {
      await send("POST", `/api/handovers/${message.message_id}/resend`);
      say("done", ...bilingual("已安排立即重推。", "It is tried at once."));
    }, { class: "small" }),
  ])), ["没有待推送的消息。", "Nothing waits to be sent."]);
}

async function count() {
  const query = new URLSearchParams(["first", "last"].map((name) => [name, place(name).value]).filter(([, value]) => value));
  const found = await ask(`/api/statistics/opinions?${query}`);
  for (const name of ["first", "last"]) place(name).value = found[name];
  const share = (value) => (value === null ? "—" : `${(value * 100).toLocaleString("zh-CN", { maximumFractionDigits: 1 })}%`);
  const head = [["部门", "department"], ["征求", "asked"], ["已反馈", "answered"], ["视为无意见", "deemed"], ["收回", "taken back"], ["办理中", "open"], ["不同意", "disagreed"], ["按时率", "on time"], ["中位工作日", "median days"]];
  table(place("statistics"), head, found.items.map((each) => cells([
    each.department_name, ...[each.asked, each.answered, each.deemed, each.withdrawn, each.open, each.disagreed].map(String), share(each.on_time_share), String(each.median_working_days ?? "—"),
  ])), ["该时段没有征求意见。", "Nobody was asked in that time."]);
}

async function search() {
  const wanted = Object.entries({ q: place("words").value.trim(), status: place("status").value }).filter(([, value]) => value);
  // The workbook has what is searched for, or all.
  place("to-workbook").href = `/api/project-list.xlsx?${new URLSearchParams(wanted)}`;
  place("found-card").hidden = wanted.length === 0;
  if (wanted.length === 0) return;
  const { items } = await ask(`/api/projects?limit=100&${new URLSearchParams(wanted)}`);
  table(place("found"), [["项目", "project"], ["状态", "state"], ["登记", "registered"]],
    items.map((project) => cells([link(project), mark(project.status, STATUS[project.status]), time(project.registered_at)])),
    ["没有找到。", "Nothing is found."]);
}

async function start() {
  const { me } = await begin("协同看板 Board");
  if (me === null) return;
  place("status").append(...Object.entries(STATUS).map(([status, words]) => element("option", { value: status }, words.join(" "))));
  for (const [id, doing] of [["search", search], ["period", count]]) {
    place(id).addEventListener("submit", (event) => event.preventDefault());
    act(place(id).querySelector("[type=submit]"), doing);
  }
  // Who supervises sees how departments answer, and is told of silence; the work itself is the coordinator's.
  const coordinates = me.rights.includes("consult_departments");
  for (const id of ["now-card", "undelivered-card", "work", "to-register"]) place(id).hidden = !coordinates;
  if (coordinates) showBoard(await ask("/api/board"));
  await count();
  const notices = async () => showNotices((await ask("/api/notices?limit=50")).items.filter((notice) => notice.office !== null), notices);
  await notices();
  say("");
}

start().catch(fail);
