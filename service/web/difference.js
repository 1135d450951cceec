// The difference of two checks (检查对比): what became of each finding and why, in a table and on a map, before beside after.

import { boundsOf } from "./bounds.js";
import { SEVERITY, button, cells, mark, measure, squareMetres, table } from "./coordination.js";
import { saveAs } from "./files.js";
import { bilingual, element } from "./words.js";

export const CHANGE = {
  new: ["新增", "new"], gone: ["消失", "gone"], grown: ["增大", "grown"], shrunk: ["减小", "shrunk"], weighs_otherwise: ["管控变化", "weighs otherwise"],
};
const COLOR = { new: "#c00000", gone: "#2e7d32", grown: "#d2691e", shrunk: "#1f5fa8", weighs_otherwise: "#6a1b9a" };
const CAUSE = {
  footprint: ["红线变更", "footprint"], particulars: ["用途或高度变更", "use or height"], layer_version: ["图层更新", "layer version"], rule: ["规则变更", "rule"],
  engine: ["程序更新", "engine"], rights: ["权限不同", "rights"], not_asked: ["图层到期或未能读取", "layer expired or not readable"],
};
const NOTHING = { type: "FeatureCollection", features: [] };
const SOURCE = "difference";

const key = (layer, feature) => `${layer}\u0000${feature}`;
const keyOf = (finding) => key(finding.layer, String(finding.source_id ?? finding.feature_id ?? ""));

// The two sites and the shapes of what changed: `before` dashed, `after` filled, each with its change and the number of its row.
function shapesOf({ difference, before, after }) {
  const rows = new Map(difference.findings.map((each, number) => [key(each.layer, each.feature), { number, change: each.change }]));
  const of = (collection, side) => (collection?.features ?? []).filter(({ geometry }) => geometry).flatMap(({ geometry, properties }) => {
    if (properties.kind !== "finding") return [{ type: "Feature", geometry, properties: { kind: "site", side } }];
    const row = rows.get(keyOf(properties));
    return row ? [{ type: "Feature", geometry, properties: { kind: "change", side, ...row } }] : [];
  });
  return { type: "FeatureCollection", features: [...of(before, "before"), ...of(after, "after")] };
}

function drawOn(map, shapes) {
  if (map.getSource(SOURCE)) {
    map.getSource(SOURCE).setData(shapes);
    return;
  }
  map.addSource(SOURCE, { type: "geojson", data: shapes });
  const is = (kind, side) => ["all", ["==", ["get", "kind"], kind], ["==", ["get", "side"], side]];
  const color = ["match", ["get", "change"], ...Object.entries(COLOR).flat(), "#b00020"];
  const layer = (id, type, filter, paint) => map.addLayer({ id: `${SOURCE}-${id}`, type, source: SOURCE, filter, paint });
  const area = ["==", ["geometry-type"], "Polygon"]; // a line that bends would be filled, too
  layer("after", "fill", ["all", is("change", "after"), area], { "fill-color": color, "fill-opacity": 0.55 });
  layer("gone", "fill", ["all", is("change", "before"), area, ["==", ["get", "change"], "gone"]], { "fill-color": color, "fill-opacity": 0.3 });
  layer("after-line", "line", is("change", "after"), { "line-color": color, "line-width": 2 });
  layer("before-line", "line", is("change", "before"), { "line-color": color, "line-width": 2.5, "line-dasharray": [3, 2] });
  layer("site-before", "line", is("site", "before"), { "line-color": "#555555", "line-width": 2.5, "line-dasharray": [3, 2] });
  layer("site-after", "line", is("site", "after"), { "line-color": "#e4002b", "line-width": 3 });
  layer("chosen", "line", ["==", ["get", "number"], -1], { "line-color": "#e69f00", "line-width": 5 });
  layer("point", "circle", ["==", ["geometry-type"], "Point"], { "circle-color": color, "circle-radius": 6, "circle-stroke-color": "#fff", "circle-stroke-width": 1 });
}

export const clearDifference = (map) => map?.getSource(SOURCE)?.setData(NOTHING);

const version = (number) => (number === null ? "未检查 not checked" : `v${number}`);
const controls = (layer) => [layer.control_before, layer.control_after].map((control) => SEVERITY[control]?.join(" ") ?? "—").join(" → ");

// Why a finding changed, in words: which version, where it is a layer's.
function why(each, layers) {
  const layer = layers.find(({ layer: code }) => code === each.layer);
  return each.causes.map((cause) => {
    const words = CAUSE[cause] ?? [cause, ""];
    const more = cause === "layer_version" && layer ? `（${version(layer.version_before)} → ${version(layer.version_after)}）`
      : cause === "rule" && layer && layer.control_before !== layer.control_after ? `（${controls(layer)}）` : "";
    return element("div", {}, ...bilingual(`${words[0]}${more}`, words[1]));
  });
}

const amount = (side) => (side ? [mark(side.severity, SEVERITY[side.severity]), ` ${measure(side)}`] : "—");
const signed = (value, words) => `${value > 0 ? "+" : value < 0 ? "−" : ""}${words(Math.abs(value))}`;
const NOISE_M2 = 0.01; // as the service's: less is no change

function step({ before, after }) {
  const by = (after?.overlap_m2 ?? 0) - (before?.overlap_m2 ?? 0);
  return before && after && Math.abs(by) > NOISE_M2 ? `增减 by ${signed(by, squareMetres)}` : "";
}

const isSameArea = (by) => Math.abs(by) <= NOISE_M2;

// What differs beside the findings: the site, the rules, and why, in one sentence of each language.
function aboutWords({ footprint_changed, area_change_m2: by, rule_set_before, rule_set_after, causes }) {
  const rules = rule_set_before === rule_set_after ? rule_set_after : `${rule_set_before} → ${rule_set_after}`;
  const [area, areaEn] = isSameArea(by) ? ["用地面积不变", "the same area"] : [`用地面积 ${signed(by, squareMetres)}`, `area ${signed(by, squareMetres)}`];
  const [site, siteEn] = footprint_changed ? [`红线不同，${area}`, `Another footprint, ${areaEn}`] : ["红线相同", "The same footprint"];
  const told = (place) => causes.map((cause) => CAUSE[cause]?.[place] ?? cause);
  return [`${site}；规则 ${rules}；${causes.length ? `原因：${told(0).join("、")}` : "没有任何变化"}。`,
    `${siteEn}; rules ${rules}; ${causes.length ? `causes: ${told(1).join(", ")}` : "nothing changed"}.`];
}

// All of it into `target`; `map` is that of the page, where there is one. `names`: what the two checks are called.
export function showDifference({ difference, before = null, after = null }, target, { map = null, names = [["先前", "before"], ["后来", "after"]] } = {}) {
  const { findings, layers, titles } = difference;
  const counts = Object.entries(CHANGE).map(([kind, words]) => [words, findings.filter(({ change }) => change === kind).length]).filter(([, count]) => count);
  const changes = element("table", { class: "difference-table" });
  const shapes = shapesOf({ difference, before, after });
  table(changes, [["变化", "change"], ["图层与图斑", "layer, feature"], names[0], names[1], ["原因", "why"]], findings.map((each, number) => {
    const row = cells([
      element("span", { class: `change ${each.change}` }, ...bilingual(...CHANGE[each.change])),
      [titles[each.layer] ?? each.layer, element("span", { class: "about" }, `图斑 feature ${each.feature || "—"}`)], amount(each.before), [amount(each.after), element("span", { class: "about" }, step(each))].flat(), why(each, layers),
    ]);
    row.classList.add("finding-row");
    row.dataset.change = String(number);
    row.tabIndex = 0;
    const choose = (goes) => {
      for (const other of changes.querySelectorAll(".finding-row")) other.classList.toggle("chosen", other === row);
      if (!map?.getSource(SOURCE)) return;
      map.setFilter(`${SOURCE}-chosen`, ["==", ["get", "number"], number]);
      const mine = shapes.features.filter(({ properties }) => properties.number === number);
      if (goes && mine.length) fit(map, mine);
    };
    row.addEventListener("mouseover", () => choose(false));
    row.addEventListener("click", () => choose(true));
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(true); });
    return row;
  }), ["两次检查一致。", "The two say the same."]);
  target.replaceChildren(
    element("p", { class: "difference-verdict" }, mark(difference.verdict_before, SEVERITY[difference.verdict_before]), " → ", mark(difference.verdict_after, SEVERITY[difference.verdict_after]), " ",
      ...(counts.length ? [counts.map(([words, count]) => `${words.join(" ")} ${count}`).join("，")] : bilingual("冲突相同", "the same findings"))),
    element("p", { class: "hint" }, ...bilingual(...aboutWords(difference))),
    ...(layers.length ? [element("ul", { class: "difference-layers" }, ...layers.map((each) => element("li", {}, layerWords(each, titles))))] : []),
    element("div", { class: "wide" }, changes),
    ...(shapes.features.length ? [element("p", { class: "hint" }, ...bilingual("地图上虚线为先前、实线为后来；颜色同表。点击一行在地图上定位。", "On the map dashed is before, solid after; a click on a row goes there."))] : []),
    element("p", { class: "buttons" }, button(["下载对比 JSON", "Download as JSON"], () => saveAs("检查对比.json", new Blob([JSON.stringify(difference, null, 2)], { type: "application/json" })), { class: "small" })),
  );
  if (map) drawOn(map, shapes);
  return shapes;
}

function layerWords(each, titles) {
  const parts = [];
  if (each.version_before !== each.version_after) parts.push(`版本 version ${version(each.version_before)} → ${version(each.version_after)}`);
  if (each.control_before !== each.control_after) parts.push(`管控 control ${controls(each)}`);
  return `${titles[each.layer] ?? each.layer}：${parts.join("，") || "依据或查看权限不同 another basis or right to see it"}`;
}

export function fit(map, features) {
  map.fitBounds(boundsOf({ coordinates: features.map(({ geometry }) => geometry.coordinates) }), { padding: 80, maxZoom: 18, duration: 0 });
}
