// What a project's check says, how it differs from another one and why, and every round that was held.

import { showReport } from "./check.js";
import { KIND, SEVERITY, STATE, button, fail, mark, place, time } from "./coordination.js";
import { clearDifference, showDifference } from "./difference.js";
import { showVerification } from "./verify.js";
import { ask, bilingual, element, send } from "./words.js";

const FORMS = ["pdf", "docx", "xlsx", "html"];
// The report of the latest check, for whoever may read all of it.
export async function showCheck({ project, may }) {
  const { check } = project;
  place("check-card").hidden = !check || !may("consult_departments");
  if (place("check-card").hidden) return null;
  const report = await ask(`/api/checks/${check.id}`);
  showReport(report, place("check-report"));
  place("check-files").replaceChildren(...FORMS.flatMap((form) => [element("a", { class: "button", href: `/api/checks/${check.id}?f=${form}` }, `检查报告 ${form.toUpperCase()}`), " "]),
    button(["核验", "Verify"], async () => showVerification(await send("POST", `/api/checks/${check.id}/verification`), place("check-verified"))));
  place("check-verified").replaceChildren();
  return report;
}

// Any two checks of the project: the latest against the one that is chosen, first that of the first round.
async function showChanges(page, rounds) {
  const { project, address, report } = page;
  const { items, next } = report ? await ask(`${address}/checks`) : { items: [], next: null };
  const ofOthers = (checks) => checks.filter(({ id, verdict }) => id !== project.check?.id && verdict !== null);
  const others = ofOthers(items);
  place("changes").hidden = others.length === 0;
  clearDifference(page.map());
  place("changes-said").replaceChildren();
  if (others.length === 0) return;
  const first = rounds[0]?.check_id;
  const words = (each) => `检查 ${each.id} · ${time(each.made_at)} · ${each.footprint_revision === null ? "" : `红线第 ${each.footprint_revision} 版 · `}${SEVERITY[each.verdict]?.[0] ?? ""}${each.id === first ? " · 首轮征求意见" : ""}`;
  const select = place("compared-with");
  const options = (checks) => checks.map((each) => element("option", { value: String(each.id) }, words(each)));
  select.replaceChildren(...options(others));
  let cursor = next;
  place("earlier-checks").hidden = cursor === null;
  place("earlier-checks").onclick = async () => {
    try {
      const more = await ask(`${address}/checks?cursor=${cursor}`);
      select.append(...options(ofOthers(more.items)));
      cursor = more.next;
      place("earlier-checks").hidden = cursor === null;
    } catch (problem) {
      fail(problem);
    }
  };
  select.value = String(others.some(({ id }) => id === first) ? first : others[0].id);
  const compare = async () => {
    if (!place("changes").open) { clearDifference(page.map()); return; }
    place("changes-said").replaceChildren(element("p", { class: "hint" }, ...bilingual("正在对比……", "Comparing …")));
    const shapes = (id) => ask(`/api/checks/${id}?f=geojson`).catch(() => null);
    try {
      const [difference, before, after] = await Promise.all([ask(`/api/checks/${project.check.id}/difference?from=${select.value}`), shapes(select.value), shapes(project.check.id)]);
      showDifference({ difference, before, after }, place("changes-said"), { map: page.map(), names: [[`检查 ${select.value}`, "before"], [`检查 ${project.check.id}`, "after"]] });
      if (before === null) place("changes-said").append(element("p", { class: "hint" }, ...bilingual("先前的图形不在图上：所依据的程序或数据已更新，不能再画出。", "What was before is not on the map: its engine or data were updated, so it cannot be drawn again.")));
    } catch (problem) {
      place("changes-said").replaceChildren();
      fail(problem);
    }
  };
  select.onchange = compare;
  place("changes").ontoggle = compare;
  if (place("changes").open) await compare();
}

function request(each) {
  const said = each.opinion ? mark(each.opinion.kind, KIND[each.opinion.kind]) : mark(each.state, STATE[each.state]);
  return element("li", {}, element("a", { href: `/opinion?id=${each.id}` }, each.department_name), " ", said,
    element("span", { class: "about" }, each.opinion ? each.opinion.conditions ?? each.opinion.reason ?? each.opinion.remark ?? "" : each.withdrawn_why ?? ""));
}

export async function showRounds(page) {
  const { project, address, nameOfDepartment } = page;
  const { items } = await ask(`${address}/consultations`);
  place("rounds-card").hidden = items.length === 0;
  const chosen = (choices, words) => choices.map(({ department, reason }) => element("li", {}, `${words}${nameOfDepartment(department)}：${reason}`));
  place("rounds").replaceChildren(...[...items].reverse().flatMap((round) => [
    element("h3", {}, `第 ${round.round} 轮 · 红线第 ${round.footprint_revision} 版 round ${round.round}, footprint ${round.footprint_revision} · ${round.opened_on}`),
    ...(round.superseded_on ? [element("p", { class: "hint" }, `${round.superseded_on} 终止：${round.superseded_why}`)] : []),
    element("ul", {}, ...round.requests.map(request), ...chosen(round.added, "增加"), ...chosen(round.dropped, "未征求")),
  ]));
  await showChanges(page, items);
}
