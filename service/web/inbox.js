// A department's inbox: what it has to answer, the earliest due first; its notices; what is done.

import { STATE, KIND, URGENCY, begin, button, cells, fail, mark, place, say, table, time } from "./coordination.js";
import { showPeople } from "./department.js";
import { INSIDE } from "./handling.js";
import { ask, bilingual, element, send, withoutLogin } from "./words.js";

const link = (id, text) => element("a", { href: `/opinion?id=${id}` }, text);

function due(item) {
  const words = [element("span", {}, item.due_on), item.provisional ? " 暂定 provisional" : ""];
  return [...words, element("span", { class: "about" }, `剩余 ${item.working_days_left} 个工作日 ${item.working_days_left} working days left`)];
}

function inside(item) {
  const at = item.inside;
  if (!at) return "";
  const where = [at.section, withoutLogin(at.officer)].filter(Boolean).join(" · ");
  const due = at.due_on ? [element("span", { class: "about" }, `内部时限 ${at.due_on}`), at.is_late ? mark("soon", ["内部逾期", "late inside"]) : ""] : [];
  return [mark(at.is_with_me ? "open" : "given", INSIDE[at.state]), at.is_with_me ? " 在您这里 with you" : at.is_with_my_section ? " 在本科室 your section" : "", element("span", { class: "about" }, where), ...due];
}

function showOpen(items) {
  const withMe = items.filter((item) => item.inside?.is_with_me).length;
  const inSteps = items.some((item) => item.inside);
  place("with-me").replaceChildren(...(inSteps ? bilingual(`待您办理 ${withMe} 件，本科室 ${items.filter((item) => item.inside?.is_with_my_section).length} 件。`, `${withMe} wait for you.`) : []));
  items = [...items.filter((item) => item.inside?.is_with_me), ...items.filter((item) => !item.inside?.is_with_me)];
  table(place("open"), [["期限", "due"], ["", ""], ["项目", "project"], ["轮次", "round"], ["涉及", "findings"], ["状态", "state"], ["科室流转", "inside"]], items.map((item) => cells([
    due(item),
    item.urgency === "later" ? "" : mark(item.urgency, URGENCY[item.urgency]),
    [link(item.request_id, item.project_name), element("span", { class: "about" }, item.planning_number)],
    `第 ${item.round} 轮 round`, `${item.findings} 处 items`, mark(item.state, STATE[item.state]), inside(item),
  ])), ["没有待反馈的意见征询。", "Nothing waits for your answer."]);
}

// What passed in silence lately: no objection, and nothing can be said any more.
function showLapsed(items) {
  place("lapsed").hidden = items.length === 0;
  table(place("lapsed"), [["期限", "due"], ["近三十日逾期", "passed in the last thirty days"], ["项目", "project"], ["轮次", "round"]], items.map((item) => cells([
    item.due_on, mark("overdue", ["逾期视为无意见，已收回", "silence: no objection"]), [link(item.request_id, item.project_name), element("span", { class: "about" }, item.planning_number)], `第 ${item.round} 轮 round`,
  ])), ["没有。", "None."]);
}

function showDone(items) {
  table(place("done"), [["项目", "project"], ["状态", "state"], ["意见", "opinion"], ["期限", "due"]], items.map((item) => cells([
    [link(item.id, item.project_name), element("span", { class: "about" }, item.planning_number)],
    mark(item.state, STATE[item.state]), item.opinion ? mark(item.opinion.kind, KIND[item.opinion.kind]) : item.withdrawn_why ?? "", item.due_on,
  ])), ["还没有。", "None yet."]);
}

export function showNotices(items, again) {
  table(place("notices"), [["时间", "at"], ["内容", "what"], ["", ""]], items.map((notice) => cells([
    time(notice.made_at), notice.text,
    notice.read_at ? element("span", { class: "about" }, ...bilingual("已读", "read")) : button(["已读", "Read"], async () => {
      await send("POST", `/api/notices/${notice.id}/read`);
      await again();
    }, { class: "small" }),
  ])), ["没有通知。", "No notices."]);
}

async function start() {
  const { me } = await begin("部门待办 Inbox");
  if (me === null) return;
  if (me.department === null) {
    say("error", ...bilingual("您不属于任何部门，没有部门待办。", "You belong to no department; there is no inbox."));
    return;
  }
  const notices = async () => showNotices((await ask("/api/notices?limit=50")).items.filter((notice) => notice.department === me.department), notices);
  const inbox = await ask(`/api/departments/${encodeURIComponent(me.department)}/inbox`);
  showOpen(inbox.items);
  showLapsed(inbox.lapsed);
  await showPeople(me);
  const open = new Set(inbox.items.map((item) => item.request_id));
  const all = await ask(`/api/opinion-requests?department=${encodeURIComponent(me.department)}&limit=200`);
  showDone(all.items.filter((item) => !open.has(item.id)).reverse());
  await notices();
  say("");
}

if (place("open")) start().catch(fail);
