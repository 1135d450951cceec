// The rules that checks go by: what a changed rule set would turn, putting it in force on a day, and taking it back.

import { act, begin, button, cells, confirmed, fail, mark, place, say, SEVERITY, table, today } from "./coordination.js";
import { saveFile } from "./files.js";
import { readLayers } from "./layers.js";
import { ask, bilingual, CONTROL_WORDS, element, Problem, RELATION_WORDS, send, time, withoutLogin } from "./words.js";

const TURN = { to_conflict: ["变为冲突", "into conflict"], to_clear: ["冲突消除", "conflict gone"], other: ["程度变化", "weighs otherwise"], same: ["不变", "the same"] };
const TURN_KINDS = { to_conflict: "prohibit", to_clear: "clear", other: "advise", same: "" };

const RULE_TURN = { added: ["新增", "added", "clear"], removed: ["删除", "removed", "prohibit"], changed: ["修改", "changed", "advise"] };
const STANDING = { in_force: ["现行", "in force", "clear"], planned: ["已排期", "planned", "soon"], earlier: ["已替代", "earlier", ""], taken_back: ["已收回", "taken back", ""] };
const FIELDS = {
  layer: ["图层", "layer"], title: ["名称", "title"], title_en: ["英文名称", "English title"], finding: ["发现的文字", "finding"], finding_en: ["发现的英文", "finding in English"], remedy: ["措施", "what can be done"], remedy_en: ["英文措施", "the same in English"],
  basis: ["依据", "basis"], last_checked_on: ["核对日", "checked on"], control: ["管控", "control"], threshold: ["阈值", "threshold"], below: ["阈值以下", "below the threshold"], matrix: ["用途矩阵", "use matrix"], height: ["高度", "height"], gap: ["覆盖缺口", "gap"],
  when: ["针对属性", "features"], relation: ["关系", "relation"], reach: ["距离", "distance"], pixels: ["像元", "pixels"], department: ["责任部门", "department"], valid_from: ["有效期起", "valid from"], valid_until: ["有效期止", "valid until"], signed_off: ["签认", "signed off"], unsure: ["待核", "unsure"],
};

// What of the layer a rule is about, in a line.
function about(rule) {
  const told = [];
  if (rule.when) told.push(`${rule.when.field}：${rule.when.values.join("、")}`);
  if (rule.relation) told.push(RELATION_WORDS[rule.relation] ?? rule.relation);
  if (rule.reach) {
    const widths = Object.entries(rule.reach.widths).map(([value, width]) => `${value} ${width} m`);
    told.push(widths.length ? `${rule.reach.field}：${widths.join("、")}，不明 ${rule.reach.distance_m} m` : `${rule.reach.distance_m} m`);
  }
  if (rule.pixels) {
    const { above, below, values, share } = rule.pixels;
    const asked = [...(above !== null ? [`> ${above}`] : []), ...(below !== null ? [`< ${below}`] : []), ...(values.length ? [`= ${values.join("、")}`] : [])];
    told.push(`像元 pixels ${asked.join(" | ")}${share ? `，占 ${share * 100}% 以上` : ""}`);
  }
  if (rule.matrix) told.push(`用途 × ${rule.matrix.field}`);
  if (rule.height) told.push("高度 height");
  if (rule.gap) told.push("覆盖缺口 gap");
  if (rule.threshold) told.push(Object.entries(rule.threshold).map(([measure, least]) => `${measure} ≥ ${least}`).join("、"));
  return told.join("；") || element("span", { class: "hint" }, ...bilingual("整个图层", "the whole layer"));
}

function ruleRow(rule, neverMet, title) {
  const signed = rule.signed_off ? `${rule.signed_off.by} ${rule.signed_off.on}` : mark("soon", ["未签认", "not signed off"]);
  return cells([
    [element("strong", {}, rule.title), element("br"), element("span", { lang: "en" }, `${rule.title_en} · ${rule.id}`)],
    title ? [title, element("br"), element("span", { class: "hint" }, rule.layer)] : [rule.layer, element("br"), element("span", { class: "hint" }, ...bilingual("目录中没有这个图层", "no such layer here"))], neverMet ? [about(rule), element("br"), element("strong", {}, `不会命中 never met：${neverMet}`)] : about(rule), rule.control ? mark(rule.control, CONTROL_WORDS[rule.control]) : [controls[rule.layer] ? mark(controls[rule.layer], CONTROL_WORDS[controls[rule.layer]]) : "", element("span", { class: "about" }, ...bilingual("同图层管控", "the layer's own"))],
    [rule.basis.join("；"), ...(rule.unsure ? [element("br"), element("span", { class: "hint" }, `待核：${rule.unsure}`)] : [])],
    rule.remedy, `${rule.valid_from ?? ""}…${rule.valid_until ?? ""}`, rule.last_checked_on, signed,
  ]);
}

let titles = {};
let controls = {};
let rights = [];

async function showRules() {
  const [set, layers] = await Promise.all([ask("/api/rules"), readLayers(ask)]);
  controls = Object.fromEntries(layers.map(({ code, control }) => [code, control]));
  titles = set.titles;
  place("rules-about").textContent = `${set.code} 第 ${set.version} 版 v${set.version} · ${set.rules.length} 条规则 rules，${set.unsigned.length} 条未签认 not signed off · sha256:${set.sha256.slice(0, 12)}`;
  table(place("rules"), [["规则", "rule"], ["图层", "layer"], ["针对", "about"], ["管控", "control"], ["依据", "basis"], ["可采取的措施", "what can be done"], ["有效期", "valid"], ["核对日", "checked"], ["签认", "signed off"]],
    set.rules.map((rule) => ruleRow(rule, set.never_met[rule.id], set.titles[rule.layer])), ["没有您可读的图层的规则", "No rule of a layer that you may read"]);
  showHistory(set);
}

function showHistory(set) {
  const now = set.history.find(({ standing }) => standing === "in_force");
  const name = `${set.code} 第 ${set.version} 版`;
  const since = now && now.sha256 !== null ? [`${name}，自 ${now.starts_on} 起生效。`, `In force since then.`] : [`${name}，为城市档案的规则集。`, "The rule set of the city's profile."];
  place("in-force").replaceChildren(...bilingual(...since));
  table(place("history"), [["规则集", "rule set"], ["自", "from"], ["状态", "stands"], ["决定", "decided"], ["收回", "taken back"]], set.history.map((each) => cells([
    [each.rule_set, ...(each.sha256 === null ? [element("br"), element("span", { class: "hint" }, ...bilingual("城市档案的规则集", "of the city's profile"))] : [])], each.starts_on,
    mark(STANDING[each.standing][2], STANDING[each.standing].slice(0, 2)), [withoutLogin(each.decided_by) ?? "", " ", time(each.decided_at)], each.taken_back_at ? [withoutLogin(each.taken_back_by) ?? "", " ", time(each.taken_back_at)] : "",
  ])), ["未曾更换规则集。", "No other rule set was put in force."]);
  place("in-force-acts").replaceChildren();
  if (!rights.includes("put_rules_in_force")) return;
  place("in-force-acts").append(button(["下载规则集文件", "Download its file"], () => saveFile("/api/rules/file")));
  const last = set.history.find(({ standing }) => standing === "planned") ?? set.history.find(({ standing, sha256 }) => standing === "in_force" && sha256 !== null);
  if (last) place("in-force-acts").append(" ", button(last.standing === "planned" ? ["取消排期", "Take back what is planned"] : ["回退到前一套", "Roll back to the one before"], () => rollBack(last)));
}

async function rollBack(last) {
  const words = last.standing === "planned" ? [`${last.rule_set} 不再于 ${last.starts_on} 生效，现行规则集继续有效。`, "It will not come into force; the one in force stays."]
    : ["自今日起恢复此前的规则集；历史日期的检查和已留存的报告不受影响。", "The set before it holds again from today; checks of earlier days and kept reports stay as they are."];
  if (!await confirmed([`收回 ${last.rule_set}`, `Take back ${last.rule_set}`], words, { strong: true, yes: ["收回", "Take back"] })) return;
  await send("POST", "/api/rules/roll-back", undefined, { read: "/api/rules" });
  await showRules();
  say("done", ...bilingual(`${last.rule_set} 已收回。`, "It was taken back."));
}

const plainly = (value) => (value === null ? "—" : typeof value === "object" ? JSON.stringify(value, null, 1).replace(/[\n{}[\]"]+/g, " ").trim() : String(value));

const WORDS = { control: CONTROL_WORDS, below: CONTROL_WORDS, relation: RELATION_WORDS };
const said = (name, value) => [WORDS[name]?.[value] ?? plainly(value)].flat().join(" ");

function changeRows({ id, layer, title, turn, fields }) {
  const head = [[element("strong", {}, title), element("br"), element("span", { class: "hint" }, id)], titles[layer] ? `${titles[layer]} ${layer}` : layer, mark(RULE_TURN[turn][2], RULE_TURN[turn].slice(0, 2))];
  if (fields.length === 0) return [cells([...head, "", "", ""])];
  return fields.map((field, index) => cells([...(index ? ["", "", ""] : head), element("span", {}, ...bilingual(...(FIELDS[field.name] ?? [field.name, ""]))), said(field.name, field.before), said(field.name, field.after)]));
}

let tried = null;

async function tryFile() {
  const [file] = place("file").files;
  place("found").hidden = true;
  if (!file) throw new Problem(0, ["请选择规则集文件。", "Choose the file of a rule set."]);
  const body = { rules: await file.text() };
  if (place("on").value) body.on = place("on").value;
  const found = await send("POST", "/api/rules/trial", body);
  tried = { rules: body.rules, ...found };
  place("compared").replaceChildren(...bilingual(`${found.rule_set} 与现行规则集相比，${found.changes.length} 条规则不同。`, `${found.changes.length} rules differ from those in force.`));
  table(place("changes"), [["规则", "rule"], ["图层", "layer"], ["变化", "change"], ["字段", "field"], ["现行", "in force"], ["改动后", "changed"]], found.changes.flatMap(changeRows), ["规则相同", "The same rules"]);
  place("tried").replaceChildren(...bilingual(`${found.rule_set}：${found.projects.length} 个项目中 ${found.turned} 个结论会变化；未签认规则 ${found.unsigned.length} 条。`, `${found.turned} of ${found.projects.length} verdicts would turn; ${found.unsigned.length} rules are not signed off.`));
  const turned = found.projects.filter(({ turn, layers }) => turn !== "same" || layers.length > 0);
  table(place("turns"), [["项目", "project"], ["现规则", "now"], ["改动后", "changed"], ["变化", "turn"], ["图层", "layers"]],
    turned.map((trial) => cells([
      element("a", { href: `/project?id=${trial.project_id}` }, trial.name), mark(trial.verdict_before, SEVERITY[trial.verdict_before]), mark(trial.verdict_after, SEVERITY[trial.verdict_after]),
      mark(TURN_KINDS[trial.turn], TURN[trial.turn]), trial.layers.map((code) => (titles[code] ? `${titles[code]} ${code}` : code)).join("、"),
    ])), ["没有项目的结论或发现会变化", "No project would be seen otherwise"]);
  place("force").hidden = !rights.includes("put_rules_in_force");
  place("starts-on").min = today();
  place("starts-on").value ||= today();
  place("found").hidden = false;
  say("done", ...bilingual("试算完成。", "Tried."));
}

async function bringIntoForce() {
  const startsOn = place("starts-on").value;
  if (!startsOn) throw new Problem(0, ["请填写生效日。", "Give the first day in force."]);
  const owed = tried.unsigned.length ? [`有 ${tried.unsigned.length} 条规则未经部门签认，报告将注明。`, `${tried.unsigned.length} rules are not signed off; reports will say so.`] : ["", ""];
  const sure = await confirmed([`${tried.rule_set} 生效`, `Put ${tried.rule_set} in force`], [`自 ${startsOn} 起，检查以此规则集为准，可随时回退。${owed[0]}`, `Checks of that day and later go by it; it can be taken back. ${owed[1]}`], { yes: ["生效", "Put in force"] });
  if (!sure) return;
  await send("POST", "/api/rules/in-force", { rules: tried.rules, starts_on: startsOn }, { read: "/api/rules" });
  place("found").hidden = true;
  await showRules();
  say("done", ...bilingual(`${tried.rule_set} 自 ${startsOn} 起生效。`, "It is in force from that day on."));
}

async function start() {
  const { me } = await begin("管控规则 Rules", { anyone: true });
  rights = me?.rights ?? [];
  place("trial-card").hidden = !rights.includes("consult_departments");
  for (const [form, doing] of [["trial", tryFile], ["force", bringIntoForce]]) {
    place(form).addEventListener("submit", (event) => event.preventDefault());
    act(place(form).querySelector("[type=submit]"), doing);
  }
  place("file").addEventListener("change", () => { place("found").hidden = true; });
  await showRules();
  say("");
}

start().catch(fail);
