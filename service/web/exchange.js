// Refused handovers and the exchange of data: why a message was not taken, what goes out, what may not and why, and sending again.

import { ask, bilingual, element, keepCsrfToken, showCity, time } from "./words.js";
import { cells, change, fill, perform, place, say, sure } from "./work_parts.js";

const MOST = 200;
const STATES = [["waiting", "待传 waiting"], ["sent", "已传 sent"], ["taken", "已接收 taken"], ["refused", "被退回 refused"]];
const FAMILIES = { unreadable: "报文有误 unreadable", conflict: "与已有记录冲突 conflict" };
const at = "/api/approval/exchange";

async function showHandovers() {
  const { items, next } = await ask(`/api/approval/refused-handovers?limit=${MOST}`);
  fill("handovers", ["最近收到 last", "策划编号 planning number", "原因 why", "位置 place", "类别 kind", "推送方 from", "次数 times", "报文 message"], items.map((row) =>
    cells([time(row.last_at), row.planning_number ?? "—", row.detail, row.place ?? "", FAMILIES[row.family] ?? row.family, row.sent_by, row.times,
      element("a", { href: `/api/approval/refused-handovers/${row.id}/body`, download: "" }, `打开 open（${row.size_bytes} B）`)])),
  ["没有被退回的推送。", "None was refused."]);
  if (next) place("handovers").append(element("caption", {}, ...bilingual(`只列出最近 ${MOST} 件。`, `The last ${MOST} are shown.`)));
}

async function showQueue() {
  const { tables, names, refused } = await ask(`${at}/queue`);
  fill("queue", ["数据表 table", ...STATES.map(([, words]) => words)], Object.entries(tables).map(([name, counts]) =>
    cells([`${names[name]} ${name}`, ...STATES.map(([state]) => counts[state] ?? 0)])), ["还没有排队的数据。", "Nothing was queued yet."]);
  fill("refused", ["数据表 table", "主键 key", "退回原因 why (SBYY)", "批次 batch", "已传次数 attempts"], refused.map((row) =>
    cells([row.table, row.key, row.reason, row.batch ?? "", row.attempts])), ["没有被退回的数据。", "None was refused."]);
  place("again").hidden = refused.length === 0;
}

function listen() {
  place("fill").addEventListener("click", () => perform(async () => {
    const { queued, errors } = await change("POST", `${at}/queue`, {});
    await showQueue();
    place("errors-card").hidden = errors.length === 0;
    fill("errors", ["数据表 table", "主键 key", "字段 field", "含义 meaning", "问题 what is wrong"], errors.map((row) =>
      cells([row.table, row.key, row.field, row.name, row.what])), ["没有。", "None."]);
    say(errors.length ? "error" : "done", ...bilingual(`新排队 ${queued} 行，未通过校验 ${errors.length} 处。`, `${queued} rows queued, ${errors.length} faults.`));
  }));
  place("again").addEventListener("click", () => perform(async () => {
    if (!(await sure(["全部重新排队", "Send again"], ["被退回的数据全部重新等待发送；先按退回原因更正。", "All refused rows wait again; mend what was wrong first."]))) return;
    const { again } = await change("POST", `${at}/queue/again`);
    await showQueue();
    say("done", ...bilingual(`${again} 行重新等待发送。`, `${again} rows wait again.`));
  }));
  place("batch-again").addEventListener("submit", (event) => {
    event.preventDefault();
    perform(async () => {
      const { again } = await change("POST", `${at}/batches/${Number(place("batch").value)}/again`);
      await showQueue();
      say("done", ...bilingual(`${again} 行重新等待发送。`, `${again} rows wait again.`));
    });
  });
}

async function start() {
  const [city, session] = await Promise.all([ask("/api/city"), ask("/api/session")]);
  showCity(city, "推送与数据交换 Exchange");
  if (!session.me) {
    say("error", ...bilingual("请先登录。", "Sign in first."), " ", element("a", { href: "/sign-in" }, "登录 Sign in"));
    return;
  }
  keepCsrfToken(session.me.csrf_token);
  await Promise.all([showHandovers(), showQueue()]);
  listen();
  place("message").hidden = true;
}

perform(start);
