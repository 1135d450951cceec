// A limit that one can read (Art. 11): its days one by one, and the evidence for what became of it.

import { place, time, today } from "./coordination.js";
import { ask, bilingual, element, withoutLogin } from "./words.js";

const DAYS = { weekend: "周末 weekend", holiday: "节假日 holiday", working_day: "工作日 working day", make_up_day: "调休上班 make-up day", city_rule: "本市规定 city rule" };
const TOLD = {
  asked: ["通知征求意见", "told of the request"], due: ["提醒期限", "reminded of the limit"], deemed: ["通知视为无意见", "told of the silence"], taken_back: ["通知收回", "told that it is taken back"],
  clock_stopped: ["通知停表", "told of the stop"], clock_restarted: ["通知恢复计时", "told of the restart"], contested: ["通知异议", "told of a contest"], released: ["通知不再涉及", "told of its release"],
  meeting: ["通知协调会", "told of a meeting"], long_stop: ["通知停表过久", "told of a long stop"],
};

export async function showClock(address) {
  const clock = await ask(`${address}/clock`);
  place("days").replaceChildren(...clock.days.map((day) => {
    const kinds = [day.counts ? "counts" : "", day.day === clock.due_on ? "due" : "", day.day === today() ? "today" : ""].filter(Boolean).join(" ");
    const why = day.stopped ? "停表 stopped" : day.name ?? DAYS[day.kind] ?? day.kind;
    return element("li", { class: kinds }, day.day.slice(5), " ", day.counts ? `第 ${day.number} 日 day` : why, day.published ? "" : " 暂定 provisional");
  }));
  const seen = clock.first_seen_at ? ` · ${withoutLogin(clock.first_seen_by)}` : "";
  const events = [
    [clock.sent_at, ["发出", "sent"], ""],
    [clock.first_seen_at, ["首次查看", "first seen"], seen],
    ...clock.told.map((told) => [told.made_at, TOLD[told.kind] ?? [told.kind, ""], told.read_at ? ` · 已读 ${time(told.read_at)} ${withoutLogin(told.read_by)}` : ""]),
    ...clock.stops.flatMap((stop) => [
      [stop.stopped_on, ["停表 stopped", "stopped"], ` · ${withoutLogin(stop.stopped_by)}：${stop.stop_reason}`],
      [stop.restarted_on, ["恢复计时", "restarted"], stop.restarted_on ? ` · ${withoutLogin(stop.restarted_by)}：${stop.restart_reason}` : ""],
    ]),
    ...clock.due_changes.map((moved) => [moved.at, ["期限变更", "the day moved"], ` · ${moved.from_on} → ${moved.to_on}：${moved.why}`]),
    [clock.answered_at, ["反馈意见", "answered"], ""],
    [clock.ends_at, ["期限届满", "the limit ends"], ""],
    [clock.withdrawn_on, ["到期收回", "taken back"], ""],
  ].filter(([at]) => at);
  // A day without an hour comes last of that day.
  const when = (at) => (at.length === 10 ? `${at}T23:59:59` : at);
  events.sort(([one], [other]) => new Date(when(one)) - new Date(when(other)));
  place("clock-events").replaceChildren(...events.map(([at, words, more]) =>
    element("li", {}, element("time", {}, at.length === 10 ? at : time(at)), ...bilingual(...words), element("span", {}, more))));
}
