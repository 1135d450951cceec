// The rules that checks go by, and what a changed rule set would turn.

import { act, begin, cells, fail, mark, place, say, SEVERITY, table } from "./coordination.js";
import { readLayers } from "./layers.js";
import { ask, bilingual, CONTROL_WORDS, element, Problem, RELATION_WORDS, send } from "./words.js";

const TURN = { to_conflict: ["变为冲突", "into conflict"], to_clear: ["冲突消除", "conflict gone"], other: ["程度变化", "weighs otherwise"], same: ["不变", "the same"] };
const TURN_KINDS = { to_conflict: "prohibit", to_clear: "clear", other: "advise", same: "" };

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

async function showRules() {
  const [set, layers] = await Promise.all([ask("/api/rules"), readLayers(ask)]);
  controls = Object.fromEntries(layers.map(({ code, control }) => [code, control]));
  titles = set.titles;
  place("rules-about").textContent = `${set.code} 第 ${set.version} 版 v${set.version} · ${set.rules.length} 条规则 rules，${set.unsigned.length} 条未签认 not signed off · sha256:${set.sha256.slice(0, 12)}`;
  table(place("rules"), [["规则", "rule"], ["图层", "layer"], ["针对", "about"], ["管控", "control"], ["依据", "basis"], ["可采取的措施", "what can be done"], ["有效期", "valid"], ["核对日", "checked"], ["签认", "signed off"]],
    set.rules.map((rule) => ruleRow(rule, set.never_met[rule.id], set.titles[rule.layer])), ["没有您可读的图层的规则", "No rule of a layer that you may read"]);
}

async function tryFile() {
  const [file] = place("file").files;
  if (!file) throw new Problem(0, ["请选择规则集文件。", "Choose the file of a rule set."]);
  const body = { rules: await file.text() };
  if (place("on").value) body.on = place("on").value;
  const found = await send("POST", "/api/rules/trial", body);
  place("tried").replaceChildren(...bilingual(`${found.rule_set}：${found.projects.length} 个项目中 ${found.turned} 个结论会变化；未签认规则 ${found.unsigned.length} 条。`, `${found.turned} of ${found.projects.length} verdicts would turn.`));
  const turned = found.projects.filter(({ turn, layers }) => turn !== "same" || layers.length > 0);
  table(place("turns"), [["项目", "project"], ["现规则", "now"], ["改动后", "changed"], ["变化", "turn"], ["图层", "layers"]],
    turned.map((trial) => cells([
      element("a", { href: `/project?id=${trial.project_id}` }, trial.name), mark(trial.verdict_before, SEVERITY[trial.verdict_before]), mark(trial.verdict_after, SEVERITY[trial.verdict_after]),
      mark(TURN_KINDS[trial.turn], TURN[trial.turn]), trial.layers.map((code) => (titles[code] ? `${titles[code]} ${code}` : code)).join("、"),
    ])), ["没有项目的结论或发现会变化", "No project would be seen otherwise"]);
  say("done", ...bilingual("试算完成。", "Tried."));
}

async function start() {
  const { me } = await begin("管控规则 Rules", { anyone: true });
  place("trial-card").hidden = !me?.rights.includes("consult_departments");
  place("trial").addEventListener("submit", (event) => event.preventDefault());
  act(place("trial").querySelector("[type=submit]"), tryFile);
  await showRules();
  say("");
}

start().catch(fail);
