// Guidance before the handover (业务指导, Art. 16): a district's department asks one of the city; both see question and answer.

import { button, cells, confirmed, place, table, time } from "./coordination.js";
import { ask, element, send } from "./words.js";

export async function showGuidance({ project, city, me, nameOfDepartment, may, done, address }) {
  const { items } = await ask(`${address}/guidance`);
  const levels = Object.fromEntries(city.departments.map(({ code, level }) => [code, level]));
  const ofDistricts = city.departments.filter(({ level }) => level === "district");
  const isOpen = ["preparing", "consulting", "adjusting"].includes(project.status);
  const mayAsk = isOpen && may("ask_for_guidance") && (levels[me.department] === "district" || (may("consult_departments") && ofDistricts.length > 0));
  place("guidance-card").hidden = items.length === 0 && !mayAsk;
  table(place("guidance"), [["问", "asks"], ["问题", "question"], ["答", "answers"], ["答复", "answer"]], items.map((each) => cells([
    [nameOfDepartment(each.department), element("span", { class: "about" }, time(each.asked_at))], each.question,
    [nameOfDepartment(each.asked_of), each.answered_at ? element("span", { class: "about" }, time(each.answered_at)) : ""],
    each.answer ?? (each.asked_of === me.department && may("give_guidance") ? button(["答复", "Answer"], async () => {
      const given = await confirmed(["答复业务指导", "Give guidance"], [each.question, ""], { fields: [{ name: "answer", words: ["答复", "answer"], type: "area" }] });
      if (!given) return;
      await send("POST", `/api/guidance/${each.id}/answer`, { answer: given.answer });
      await done(["已答复。", "Answered."]);
    }, { class: "small" }) : "待答复 awaited"),
  ])), ["没有业务指导。", "Nothing was asked."]);
  if (!mayAsk) return place("ask-guidance").replaceChildren();
  const choice = (departments) => departments.map(({ code, name }) => [code, name]);
  const own = levels[me.department] === "district" ? [] : [{ name: "department", words: ["区县部门", "the district's department"], type: "select", options: choice(ofDistricts) }];
  place("ask-guidance").replaceChildren(button(["请求业务指导", "Ask the city for guidance"], async () => {
    const given = await confirmed(["请求业务指导", "Ask for guidance"], ["不影响意见时限，答复双方可见。", "It holds no limit; both departments see the answer."], { fields: [
      ...own, { name: "asked_of", words: ["市级部门", "the city's department"], type: "select", options: choice(city.departments.filter(({ level }) => level === "city")) },
      { name: "question", words: ["问题", "question"], type: "area" },
    ] });
    if (!given) return;
    await send("POST", `${address}/guidance`, { asked_of: given.asked_of, question: given.question, department: given.department ?? null });
    await done(["已提出。", "Asked."]);
  }));
}
