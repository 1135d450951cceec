// What a project's check says, what changed since the first round and why, and every round that was held.

import { showReport } from "./check.js";
import { KIND, SEVERITY, STATE, button, cells, mark, measure, place, table } from "./coordination.js";
import { showVerification } from "./verify.js";
import { ask, bilingual, element, send } from "./words.js";

const FORMS = ["pdf", "docx", "xlsx", "html"];
const CHANGE = { new: ["新增", "new"], gone: ["消失", "gone"], grown: ["增大", "grown"], shrunk: ["缩小", "shrunk"], weighs_otherwise: ["管控变化", "weighs otherwise"] };
const CAUSE = { footprint: "红线变更 footprint", layer_version: "图层更新 layer version", rule: "规则变更 rule", engine: "程序更新 engine", rights: "权限不同 rights" };

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

async function showChanges(project, rounds, report) {
  const first = rounds[0]?.check_id;
  place("changes").hidden = !report || !first || first === project.check.id;
  if (place("changes").hidden) return;
  const found = await ask(`/api/checks/${project.check.id}/difference?from=${first}`);
  const titles = Object.fromEntries(report.layers.map(({ code, title }) => [code, title]));
  const amount = (side) => (side ? [mark(side.severity, SEVERITY[side.severity]), ` ${measure(side)}`] : "—");
  table(place("changes-table"), [["变化", "change"], ["图层与图斑", "layer, feature"], ["首轮", "first round"], ["现在", "now"], ["原因", "why"]], found.findings.map((each) => cells([
    bilingual(...CHANGE[each.change]), [titles[each.layer] ?? each.layer, element("span", { class: "about" }, `图斑 ${each.feature}`)], amount(each.before), amount(each.after),
    each.causes.map((cause) => CAUSE[cause]).join("、"),
  ])), ["与首轮检查相同。", "The same as in the first round."]);
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
    element("h3", {}, `第 ${round.round} 轮 · 红线第 ${round.footprint_revision} 版 · ${round.opened_on}`),
    ...(round.superseded_on ? [element("p", { class: "hint" }, `${round.superseded_on} 终止：${round.superseded_why}`)] : []),
    element("ul", {}, ...round.requests.map(request), ...chosen(round.added, "增加"), ...chosen(round.dropped, "未征求")),
  ]));
  await showChanges(project, items, page.report);
}
