// A site that meets what it may not: what of it can stay (trim), the same area off it (refit), and where near by it would lie free as it is (shift).

import { act, cells, place, say, squareMetres, table } from "./coordination.js";
import { chosen, draw, hectares, particulars, readJson, verdict } from "./sites.js";
import { bilingual, element, send } from "./words.js";

const metres = (value) => `${value.toLocaleString("zh-CN", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} m`;
const rows = (pairs) => pairs.map(([words, value]) => cells([words, value]));

let titleOf;

// `titles` gives the title of a layer by its code.
export function adjusting(titles) {
  titleOf = titles;
  place("adjust").addEventListener("submit", (event) => event.preventDefault());
  act(place("trim"), trim);
  act(place("refit"), refit);
  act(place("shift"), shift);
}

async function answered(address, more = {}) {
  // What was answered of another site is no answer of this one, least of all the file of its boundary.
  for (const id of ["adjusted", "setbacks", "adjust_files", "adjust_method"]) place(id).replaceChildren();
  const [file] = place("site").files;
  if (!file) throw new Error("请选择红线文件。 Choose the site's file.");
  const width = place("adjust_width").value;
  const query = new URLSearchParams({ level: place("adjust_level").value, ...(width ? { width_m: width } : {}), ...particulars("adjust_use", "adjust_top"), ...more });
  const footprint = await readJson(file);
  return [footprint, await send("POST", `${address}?${query}`, footprint)];
}

async function trim() {
  const [footprint, found] = await answered("/api/trims");
  const left = found.not_cleared.length ? `裁剪不能消除 no trim clears: ${found.not_cleared.map(titleOf).join("、")}` : "";
  show(found, left, [
    ["结论 verdict", [verdict(found.verdict_before), " → ", found.verdict_after ? verdict(found.verdict_after) : "—"]],
    ["原面积 before", hectares(found.area_before_m2)],
    ["保留 kept", hectares(found.kept_m2)],
    ["减少 lost", squareMetres(found.lost_m2)],
    ["最大一块 largest part", hectares(found.largest_m2)],
  ], found.kept, "保留范围.geojson");
  table(place("setbacks"), [["图层", "layer"], ["图斑", "feature"], ["要求退让", "width"], ["实距", "distance"], ["不足", "missing"]],
    found.setbacks.map((one, number) => {
      const row = cells([titleOf(one.layer), one.feature, metres(one.width_m), metres(one.distance_m), metres(one.missing_m)]);
      return one.place ? chosen(row, number + 3, one.place) : row;
    }), ["没有退让不足", "No setback is missed"]);
  const sites = [{ geometry: footprint, isBefore: true }, found.kept ? { geometry: found.kept } : null];
  await draw([...sites, ...found.setbacks.map((one) => (one.place ? { geometry: one.place } : null))]);
  if (found.kept && found.lost_m2 === 0 && !found.not_cleared.length) say("done", ...bilingual("没有须避开的冲突，不必裁剪。", "It meets nothing that is to be kept off: all of it stays."));
  else say("done", ...(found.kept ? bilingual("已算出可保留的范围。", "What can stay is drawn.") : bilingual("没有可保留的范围。", "Nothing of it can stay.")));
}

async function refit() {
  const [footprint, found] = await answered("/api/refits", { within_m: place("within_m").value || "500" });
  show(found, "", [
    ["结论 verdict", [verdict(found.verdict_before), " → ", verdict(found.verdict_after)]],
    ["面积 area", `${hectares(found.area_before_m2)} → ${hectares(found.area_m2)}`],
    ["保留 kept", squareMetres(found.kept_m2)],
    ["补地 given", `${squareMetres(found.given_m2)}，${found.toward_deg === null ? "四周外扩 rim" : `方位角 ${found.toward_deg.toFixed(0)}° 一侧外扩 to one side`} ${metres(found.rim_m)}`],
    ["刚性冲突 hard conflicts", `${squareMetres(found.hard_before_m2)} → ${squareMetres(found.hard_after_m2)}`],
  ], found.outline, "等面积调整红线.geojson");
  place("setbacks").replaceChildren();
  await draw([{ geometry: footprint, isBefore: true }, { geometry: found.outline }]);
  if (found.is_same_area && found.given_m2 === 0) say("done", ...bilingual("没有须避开的冲突，红线不变。", "It meets nothing that is to be kept off: its outline stays as it is."));
  else say("done", ...(found.is_same_area ? bilingual("已补足原面积。", "The area is what it was.") : bilingual("此距离内相连的可用地不足以补足面积，图上是最多可得的范围。", "There is not enough free ground within the distance; the most there is is drawn.")));
}

async function shift() {
  const [footprint, found] = await answered("/api/shifts", { within_m: place("within_m").value || "500" });
  show(found, "", [
    ["结论 verdict", [verdict(found.verdict_before), " → ", verdict(found.verdict_after)]],
    ["平移 moved", `东 east ${metres(found.east_m)}，北 north ${metres(found.north_m)}，共 ${metres(found.distance_m)}`],
    ["刚性冲突 hard conflicts", `${squareMetres(found.hard_before_m2)} → ${squareMetres(found.hard_after_m2)}`],
  ], found.moved, "平移后红线.geojson");
  place("setbacks").replaceChildren();
  await draw([{ geometry: footprint, isBefore: true }, { geometry: found.moved }]);
  if (found.is_free && found.distance_m === 0) say("done", ...bilingual("没有须避开的冲突，不必平移。", "It meets nothing that is to be kept off: it stays where it is."));
  else say("done", ...(found.is_free ? bilingual("找到最近的可避让位置。", "The nearest free place is drawn.") : bilingual("此距离内没有可避让的位置，图上是冲突最少处。", "None is free; where least is met is drawn.")));
}

// What came of it: figures, how it was found, what is not said of restricted layers, and the new boundary as a file.
function show(found, more, pairs, boundary, name) {
  const restricted = [
    found.has_restricted_conflicts ? "另涉及受限图层 a restricted layer is met, too" : "",
    found.restricted_withheld ? "今日关于受限图层的答复次数已用完，是否涉及未作答 whether a restricted layer is met is not said" : "",
  ];
  place("adjust_method").textContent = [found.method, more, ...restricted].filter(Boolean).join("。 ");
  table(place("adjusted"), [["", ""], ["", ""]], rows(pairs), ["", ""]);
  place("adjust_files").replaceChildren(...(boundary ? [saved(boundary, name)] : []));
}

function saved(geometry, name) {
  const document = { type: "Feature", properties: {}, geometry };
  const address = URL.createObjectURL(new Blob([JSON.stringify(document)], { type: "application/geo+json" }));
  return element("a", { class: "button", href: address, download: name }, "GEOJSON");
}
