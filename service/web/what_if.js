// What if (试算): a site checked as if other versions of some layers applied, beside what the blueprint in force says of it.

import { SEVERITY, act, button, cells, fail, mark, measure, place, say, squareMetres, table } from "./coordination.js";
import { documents } from "./documents.js";
import { STANDING, standingOf } from "./layer_words.js";
import { draw, hectares, particulars, readJson, verdict } from "./sites.js";
import { CONTROLS, ask, bilingual, element, send } from "./words.js";

const UNANSWERED = { outside_coverage: "不在覆盖范围 outside coverage", no_data: "无现行版本 no version in force", expired: "已过规划期 expired", not_permitted: "无权查看 not for you", failed: "无法读取 cannot be read" };
const assumed = new Map();
let titles;

// The layers of which versions can be assumed; `?assume=CODE:N` in the page's address chooses one at once.
export async function supposing(layers) {
  titles = Object.fromEntries(layers.map(({ code, title }) => [code, title]));
  place("supposed_layer").replaceChildren(option("", "请选择图层 choose a layer"), ...layers.filter(({ geometry }) => geometry !== "raster").map(({ code, title }) => option(code, title)));
  place("supposed_layer").addEventListener("change", () => showVersions(place("supposed_layer").value).catch(fail));
  place("supposed_version").addEventListener("change", add);
  place("supposing").addEventListener("submit", (event) => event.preventDefault());
  act(place("supposing").querySelector("[type=submit]"), check);
  showAssumed();
  const [code, number] = new URLSearchParams(window.location.search).get("assume")?.split(":") ?? [];
  if (titles[code]) {
    place("supposed_layer").value = code;
    await showVersions(code);
    place("supposed_version").value = number;
    add();
    place("what-if").scrollIntoView();
  }
}

const option = (value, words) => element("option", { value }, words);

async function showVersions(code) {
  place("supposed_version").replaceChildren();
  place("supposed_version").disabled = true;
  const { items } = code ? await ask(`/api/layers/${encodeURIComponent(code)}/versions`) : { items: [] };
  const words = items.length ? "请选择版本 choose a version" : "没有版本 no version";
  place("supposed_version").disabled = items.length === 0;
  place("supposed_version").replaceChildren(option("", words), ...items.toReversed().map((version) => option(String(version.number), `第 ${version.number} 版 v${version.number} · ${STANDING[standingOf(version)].join(" ")}`)));
}

function add() {
  const [code, number] = [place("supposed_layer").value, place("supposed_version").value];
  if (!code || !number) return;
  assumed.set(code, number);
  showAssumed();
}

function showAssumed() {
  const items = [...assumed].map(([code, number]) => element("li", {}, `${titles[code]} 第 ${number} 版 v${number} `, button(["移除", "remove"], () => { assumed.delete(code); showAssumed(); }, { class: "small" })));
  place("supposed").replaceChildren(...(items.length ? items : [element("li", { class: "empty" }, ...bilingual("还没有选择版本。", "No version is chosen yet."))]));
}

async function check() {
  const [file] = place("supposed_site").files;
  if (!file) throw new Error("请选择红线文件。 Choose the site's file.");
  if (assumed.size === 0) throw new Error("请选择假定适用的版本。 Choose the version that is to apply.");
  const width = place("supposed_width").value;
  const query = new URLSearchParams({ ...(width ? { width_m: width } : {}), ...particulars("supposed_use", "supposed_top") });
  const footprint = await readJson(file);
  const now = await send("POST", `/api/checks?${query}`, footprint);
  for (const [code, number] of assumed) query.append("assume", `${code}:${number}`);
  const supposed = await send("POST", `/api/checks?${query}`, footprint);
  show(now, supposed);
  place("supposed-files").replaceChildren(...documents("试算", `/api/checks?${query}`, footprint));
  await draw([{ geometry: footprint }]);
  say("done", ...bilingual("试算完成。", "Checked."));
}

function show(now, supposed) {
  const pair = (told) => [told(now), told(supposed)];
  const rows = [
    ["结论 verdict", ...pair((report) => verdict(report.verdict))], ["面积 area", ...pair((report) => hectares(report.footprint.area_m2))],
    ["禁止 prohibited", ...pair(({ ledger }) => squareMetres(ledger.prohibited_m2))], ["限制 restricted", ...pair(({ ledger }) => squareMetres(ledger.restricted_m2))],
    ["建议 advised", ...pair(({ ledger }) => squareMetres(ledger.advised_m2))], ["无冲突 free", ...pair(({ ledger }) => squareMetres(ledger.conflict_free_m2))],
  ];
  const head = [["现行蓝图", "in force"], ["试算", "as if"]];
  table(place("supposed-verdict"), [["", ""], ...head], rows.map(cells), ["", ""]);
  const before = Object.fromEntries(now.layers.map((layer) => [layer.code, layer]));
  const met = supposed.layers.filter(({ code, outcome }) => assumed.has(code) || outcome === "conflict" || before[code]?.outcome === "conflict");
  table(place("supposed-layers"), [["图层", "layer"], ...head], met.map((layer) => cells([
    `${layer.title}${assumed.has(layer.code) ? `（第 ${before[layer.code]?.version ?? "—"} → ${layer.version} 版）` : ""}`, said(before[layer.code], now), said(layer, supposed),
  ])), ["", ""]);
}

// What one layer says in a report: the worst of its findings with the measures of all, clear, or why it does not answer.
function said(layer, report) {
  if (layer === undefined) return "—";
  if (layer.outcome === "clear") return "无冲突 clear";
  if (layer.outcome !== "conflict") return UNANSWERED[layer.outcome] ?? layer.outcome;
  const severities = report.findings.filter((finding) => finding.layer === layer.code).map(({ severity }) => severity);
  const worst = CONTROLS.find((each) => severities.includes(each)) ?? layer.control;
  return [mark(worst, SEVERITY[worst]), ` ${measure({ ...layer, overlap_m2: layer.overlap_m2 ?? layer.uncovered_m2 })}`];
}
