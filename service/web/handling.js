// A request's way inside its department: where it lies, what the reader may do next, every step that was taken.

import { button, confirmed, mark, place, time } from "./coordination.js";
import { options as byName, peopleOf } from "./people.js";
import { ask, bilingual, element, withoutLogin } from "./words.js";

export const INSIDE = {
  to_receive: ["待接收", "to receive"], in_study: ["研究", "in study"], in_review: ["待审核", "in review"], to_issue: ["待签发", "to sign"], issued: ["已签发", "issued"],
};
const DONE = {
  receive: ["接收", "received"], hand_over: ["转科室", "handed over"], assign: ["交办", "assigned"], save: ["暂存草稿", "draft saved"], submit: ["送审", "submitted"],
  approve: ["审核通过", "approved"], send_back: ["退回", "sent back"], issue: ["签发", "issued"], reopen: ["重新办理", "taken up again"],
};
const STEPS = {
  receive: ["接收", "Receive"], assign: ["交办", "Assign"], hand_over: ["转科室", "Hand over"], save: ["暂存草稿", "Save the draft"], submit: ["送审", "Submit for review"],
  approve: ["审核通过", "Approve"], send_back: ["退回", "Send back"], issue: ["签发", "Sign and issue"], reopen: ["重新办理", "Take up again"],
};
const WITH_DRAFT = ["save", "submit", "approve", "issue"];

async function question(step, department, sectionId) {
  if (step === "hand_over") {
    const { departments, districts } = await ask("/api/departments");
    const all = [...departments, ...districts.flatMap((district) => district.departments)];
    const sections = all.find((each) => each.code === department)?.sections ?? [];
    const options = [["", "退回部门收文 back to the department"], ...sections.map(({ id, name }) => [String(id), name])];
    const given = await confirmed(STEPS[step], ["转交的科室。", "The section that it goes to."], { reason: true, fields: [{ name: "section", words: ["科室", "section"], type: "select", options, optional: true }] });
    return given && { reason: given.reason, section: given.section === "" ? null : Number(given.section) };
  }
  if (step === "assign") {
    const people = (await peopleOf(department)).filter((person) => sectionId === null || person.section_id === null || person.section_id === sectionId);
    const given = await confirmed(STEPS[step], ["本科室承办人。", "Who of the section studies it."], { fields: [{ name: "officer", words: ["承办人", "officer"], type: "select", options: byName(people) }] });
    return given && { officer: given.officer };
  }
  if (["send_back", "reopen"].includes(step)) {
    const reason = await confirmed(STEPS[step], ["请说明理由。", "Say why."], { reason: true });
    return reason && { reason };
  }
  if (step === "issue") {
    return (await confirmed(STEPS[step], ["签发后即为本部门意见，期限内可重新办理。", "It is the department's opinion then, until the limit it can be taken up again."], { yes: STEPS[step] })) && {};
  }
  return {};
}

// Shows the card; `body` gives the opinion as it is in the form, which goes along where it was changed; `take` sends a step.
export function showHandling(found, { department, isTouched, body, take }) {
  place("handling-card").hidden = !found.in_steps;
  if (!found.in_steps) return;
  place("handling-standing").replaceChildren(
    mark(found.with_me ? "open" : "given", INSIDE[found.state]), " ", found.section ?? "未定科室", found.officer ? ` · ${withoutLogin(found.officer)}` : "",
    found.internal_due_on ? ` · 内部时限 ${found.internal_due_on}` : "",
  );
  const buttons = found.next_steps.filter((step) => step in STEPS).map((step) => button(STEPS[step], async () => {
    const given = await question(step, department, found.section_id);
    if (given) await take({ step, ...given, ...(WITH_DRAFT.includes(step) && (isTouched() || !found.draft) ? { draft: body() } : {}) });
  }, ["submit", "approve", "issue", "receive"].includes(step) ? { class: "first" } : {}));
  place("handling-acts").replaceChildren(...buttons.flatMap((each) => [each, " "]));
  place("handling-hint").replaceChildren(...(found.with_me || found.next_steps.length ? [] : bilingual("目前不在您这里。", "It is not with you now.")));
  place("handling-events").replaceChildren(...[...found.events].reverse().map((event) => element(
    "li", {}, element("time", {}, `${time(event.at)} · ${event.by}${event.stands_for ? `（代 ${withoutLogin(event.stands_for)}）` : ""}`), ...bilingual(...DONE[event.step]),
    ...([event.section, event.officer].some(Boolean) ? [element("span", { class: "about" }, [event.section, withoutLogin(event.officer)].filter(Boolean).join(" · "))] : []),
    ...(event.reason ? [element("span", { class: "about" }, event.reason)] : []),
  )));
}
