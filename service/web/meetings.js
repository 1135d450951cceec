// The meetings of a project on its page: asked for, called, held with decisions, confirmed by the departments.

import { button, confirmed, mark, place, saidBy, time } from "./coordination.js";
import { bilingual, element, ask, send } from "./words.js";

const STATE = { asked: ["已申请", "asked for"], called: ["已召集", "called"], held: ["已召开", "held"], declined: ["不召开", "declined"] };
const AGENDA = { agree_against_disagree: "同意与不同意", conditions_on_one_place: "同一位置的条件", disagreement: "不同意" };

function opposedOf(meeting, project) {
  const requests = [...(project.consultation?.requests ?? []), ...(project.consultation?.standing ?? [])];
  return requests.filter(({ opinion, department }) => opinion?.kind === "disagree" && !opinion.settled_at && meeting.departments.includes(department));
}

function acts(meeting, { project, me, nameOfDepartment, may, done }) {
  const address = `/api/meetings/${meeting.id}`;
  const found = [];
  if (may("consult_departments") && ["asked", "called"].includes(meeting.state)) {
    if (meeting.state === "asked") {
      found.push(button(["召集", "Call"], async () => {
        const fields = [{ name: "meets_at", words: ["时间", "when"], type: "datetime-local" }, { name: "place", words: ["地点", "where"] }];
        const given = await confirmed(["召集协调会", "Call the meeting"], ["意见冲突自动列入议程，有关部门将收到通知。", "What stands against what is put on the agenda; its departments are told."], { fields });
        if (!given) return;
        await send("POST", `${address}/call`, { meets_at: `${given.meets_at}:00`, place: given.place });
        await done(["已召集。", "Called."]);
      }, { class: "small" }));
    } else {
      found.push(button(["记录纪要", "Minutes"], async () => {
        const opposed = opposedOf(meeting, project);
        const fields = [{ name: "minutes", words: ["纪要", "minutes"], type: "area" },
          ...opposed.map((request) => ({ name: `settles-${request.id}`, words: [`对${nameOfDepartment(request.department)}不同意的决定`, "decision on its disagreement"], type: "area", optional: true })),
          ...meeting.departments.map((department) => ({ name: `task-${department}`, words: [`${nameOfDepartment(department)}的任务`, "task"], optional: true }))];
        const given = await confirmed(["协调会纪要", "Minutes"], ["纪要与决定记录后不能更改；不同意由该部门确认后才算解决。", "Never changed afterwards; a disagreement is settled when its department confirms."], { fields, strong: true });
        if (!given) return;
        const decisions = [
          ...opposed.map(({ id, department }) => ({ department, text: given[`settles-${id}`], request_id: id })),
          ...meeting.departments.map((department) => ({ department, text: given[`task-${department}`] })),
        ].filter(({ text }) => text);
        await send("POST", `${address}/minutes`, { minutes: given.minutes, decisions });
        await done(["纪要已记录。", "The minutes are kept."]);
      }, { class: "small" }));
    }
    found.push(button(["不召开", "Decline"], async () => {
      const reason = await confirmed(["不召开协调会", "Hold no meeting"], ["请说明理由。", "Say why."], { reason: true });
      if (!reason) return;
      await send("POST", `${address}/decline`, { reason });
      await done(["已记录。", "Kept."]);
    }, { class: "small" }));
  }
  return found.flatMap((each) => [each, " "]);
}

function decision(meeting, each, { me, nameOfDepartment, may, done }) {
  const settles = each.request_id !== null;
  const isMine = each.department === me.department && may(settles ? "decide_contest" : "give_opinion");
  const words = settles ? ["确认", "Confirm"] : ["完成", "Done"];
  const close = button(words, async () => {
    const how = await confirmed(words, settles ? ["确认后不同意意见即告解决，该决定作为条件推送。", "The disagreement is settled; the decision is handed over as a condition."] : ["说明落实情况。", "Say how it was done."],
      { reason: true, strong: settles });
    if (!how) return;
    await send("POST", `/api/meetings/${meeting.id}/decisions/${each.number}/closing`, { how });
    await done(["已记录。", "Kept."]);
  }, { class: "small" });
  return element("li", {}, `${nameOfDepartment(each.department)}：${each.text} `,
    each.closed_at ? mark("given", settles ? ["已确认", "confirmed"] : ["已完成", "done"]) : isMine ? close : mark("open", settles ? ["待确认", "to be confirmed"] : ["待完成", "to be done"]));
}

function shown(meeting, page) {
  const { nameOfDepartment } = page;
  const agenda = meeting.agenda.map(({ kind, sides }) => element("li", {}, `${AGENDA[kind]}：${sides.map(({ department, words, about }) => `${nameOfDepartment(department)}（${about ? `${about}：` : ""}${saidBy(words)}）`).join(" ↔ ")}`));
  return element(
    "section", {}, element("h3", {}, mark(meeting.state === "held" ? "given" : "open", STATE[meeting.state]), ` ${meeting.question}`),
    element("p", { class: "hint" }, meeting.departments.map(nameOfDepartment).join("、"), meeting.meets_at ? ` · ${time(meeting.meets_at)} · ${meeting.place}` : ""),
    ...(agenda.length ? [element("ul", {}, ...agenda)] : []),
    ...(meeting.minutes ? [element("p", { class: "draft" }, meeting.minutes)] : []),
    ...(meeting.decisions.length ? [element("ol", {}, ...meeting.decisions.map((each) => decision(meeting, each, page)))] : []),
    element("p", { class: "buttons" }, ...acts(meeting, page)),
  );
}

export async function showMeetings(page) {
  const { project, me, nameOfDepartment, may, done, address } = page;
  const { items } = await ask(`${address}/meetings`);
  place("meetings").replaceChildren(...(items.length ? items.map((meeting) => shown(meeting, page)) : [element("p", { class: "empty" }, ...bilingual("没有协调会。", "No meetings."))]));
  const requests = [...(project.consultation?.requests ?? []), ...(project.consultation?.standing ?? [])];
  const others = [...new Set(requests.map(({ department }) => department))].filter((department) => department !== me.department);
  const isOpposed = (code) => requests.some(({ department, opinion }) => department === code && opinion?.kind === "disagree");
  const mayAsk = ["preparing", "consulting", "adjusting"].includes(project.status) && (may("consult_departments") ? others.length > 0 : requests.some(({ department }) => department === me.department));
  place("ask-meeting").replaceChildren(...(mayAsk ? [button(["申请协调会", "Ask for a meeting"], async () => {
    const fields = [{ name: "question", words: ["议题", "what it is about"] }, { name: "departments", words: ["涉及部门", "departments"], type: "checks", options: others.map((code) => [code, nameOfDepartment(code), !may("consult_departments") || isOpposed(code)]) }];
    const given = await confirmed(["申请协调会", "Ask for a meeting"], ["涉及两个以上部门的问题（第十五条）。", "A problem of two or more departments (Art. 15)."], { fields });
    if (!given) return;
    await send("POST", `${address}/meetings`, { question: given.question, departments: given.departments.split(/[\s,，、]+/).filter(Boolean) });
    await done(["已申请。", "Asked for."]);
  }, { class: "small" })] : []));
}
