// Whom the next round would ask (拟征求部门): proposed by the check, added and left out by the coordinator with reasons.

import { STATE, WHY, button, cells, confirmed, mark, place, table } from "./coordination.js";
import { ask, bilingual, element, send } from "./words.js";

const HEAD = [["征求", "ask"], ["部门", "department"], ["原因", "why"], ["涉及", "findings"], ["期限", "due"]];

// What became of a department that is not asked again: it has answered, or its request still runs.
function standing(project, department) {
  const { requests = [], standing: earlier = [] } = project.consultation ?? {};
  const request = [...requests, ...earlier].find((each) => each.department === department);
  if (request && ["awaited", "stopped"].includes(request.state)) return mark(request.state, STATE[request.state]);
  return mark("given", ["意见仍有效", "its opinion stands"]);
}

function row({ each, box }, project) {
  return cells([
    box, each.department_name, each.stands ? standing(project, each.department) : bilingual(...WHY[each.why]), `${each.findings.length} 处`,
    each.stands ? "" : `${each.due_on}${each.provisional ? " 暂定 provisional" : ""}（${each.working_days} 个工作日）`,
  ]);
}

export async function showProposal({ project, city, address, done }) {
  const proposal = await ask(`${address}/consultation`);
  const proposed = proposal.departments.map((each) => {
    const box = element("input", { type: "checkbox", "aria-label": each.department_name });
    box.checked = !each.stands;
    box.disabled = each.stands || !each.may_be_dropped;
    return { each, box };
  });
  const added = new Map();
  const isAsked = (code) => added.has(code) || proposed.some(({ each, box }) => each.department === code && box.checked);
  const nameOf = (code) => city.departments.find((each) => each.code === code)?.name ?? code;

  const add = button(["增加部门…", "Add a department …"], async () => {
    const choices = city.departments.filter(({ code }) => !isAsked(code)).map(({ code, name }) => [code, name]);
    const given = await confirmed(["增加征求部门", "Ask one more department"], ["图层未涉及的部门也可征求，须说明理由。", "A department whose layers are not touched may be asked, too, with a reason."],
      { reason: true, fields: [{ name: "department", words: ["部门", "department"], type: "select", options: choices }] });
    if (!given) return;
    added.set(given.department, given.reason);
    show();
  });
  const send_ = button(["发出征求意见", "Ask them"], async () => {
    const dropped = proposed.filter(({ each, box }) => !each.stands && !box.checked && !added.has(each.department)).map(({ each }) => each);
    const fields = dropped.map(({ department, department_name: name }) => ({ name: `drop-${department}`, words: [`不征求${name}的理由`, "why it is left out"], type: "area" }));
    const given = await confirmed(["发出征求意见", "Ask for opinions"], ["发出后各部门开始计时，逾期视为无意见。", "The limits begin to run; silence is no objection."], { fields, yes: ["发出", "Ask"] });
    if (!given) return;
    await send("POST", `${address}/consultation`, {
      add: [...added].map(([department, reason]) => ({ department, reason })),
      drop: dropped.map(({ department }) => ({ department, reason: given[`drop-${department}`] })),
    });
    place("proposal-card").hidden = true;
    await done(["已发出。", "Sent."]);
  }, { class: "first" });

  function show() {
    const extra = [...added].map(([code, reason]) => cells([
      button(["撤销", "Undo"], () => { added.delete(code); show(); }, { class: "small" }), nameOf(code), [...bilingual(...WHY.added), element("span", { class: "about" }, reason)], "", "",
    ]));
    table(place("proposal"), HEAD, [...proposed.map((each) => row(each, project)), ...extra], ["不涉及任何部门。", "No department is concerned."]);
    const asks = proposed.some(({ each }) => !each.stands) || added.size > 0;
    place("proposal-hint").replaceChildren(...(asks
      ? bilingual(`第 ${proposal.round} 轮。去掉勾选的部门须说明理由；涉及禁止或限制内容的部门不能去掉。`, "A department left out needs a reason; one with a prohibition or restriction cannot be.")
      : bilingual("目前无须再征求：各部门意见仍有效或正在征求。", "Nobody has to be asked now: opinions stand, or are awaited.")));
    place("consult").replaceChildren(...(asks ? [send_, " "] : []), add);
  }

  show();
  place("proposal-card").hidden = false;
  place("proposal-card").scrollIntoView({ block: "nearest" });
}
