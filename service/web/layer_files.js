// Two versions against each other, counted and on the map; a version, or what differs, as a file.

import { button, cells, confirmed, place, say, table } from "./coordination.js";
import { saveFile } from "./files.js";
import { DIFFERENCE_MIN_ZOOM } from "./layer_map.js";
import { clearError, count, fieldError, hectares, versionWords } from "./layer_words.js";
import { ask, bilingual, element } from "./words.js";

const FORMS = { gpkg: "GeoPackage", shp: "Shapefile（zip）", geojson: "GeoJSON", fgb: "FlatGeobuf", parquet: "GeoParquet" };
let page = null;

const option = (version) => element("option", { value: String(version.number) }, versionWords(version.number).join(" "));
const mayExport = () => page.me?.rights.includes("export_layer") ?? false;

// Others' data that is not public is taken away for a stated purpose only; undefined when that is called off.
async function statedPurpose() {
  if (page.layer.sensitivity === "public" || page.layer.department === page.me.department) return {};
  const given = await confirmed(
    ["导出用途", "What the file is for"], ["非公开数据限本部门履职使用；用途、账户和时间写入文件并登记。", "It is stamped into the file and registered; data that was granted keeps the purpose of its grant."],
    { fields: [{ name: "purpose", words: ["用途", "purpose"] }], yes: ["导出", "Export"] },
  );
  return given === null ? undefined : { purpose: given.purpose };
}

async function save(field, query) {
  clearError(field);
  try {
    const purpose = await statedPurpose();
    if (purpose === undefined) return;
    const name = await saveFile(`${page.address}/versions/${query.number}/export?${new URLSearchParams({ ...query.options, ...purpose })}`);
    say("done", ...bilingual(`已导出 ${name}，并已登记。`, "It is exported, and registered."));
  } catch (problem) {
    fieldError(field, problem);
  }
}

export function prepareExport(given, open) {
  page = given;
  place("export-card").hidden = !open || !mayExport();
  const { number, raster } = page.chosen;
  const form = element("select", { id: "form", "aria-label": "格式 format" }, ...(raster === null ? Object.entries(FORMS) : [["tif", "GeoTIFF"]]).map(([value, words]) => element("option", { value }, words)));
  const go = button([`导出第 ${number} 版`, `Export v${number}`], () => save(place("export"), { number, options: { f: form.value } }));
  place("export").replaceChildren(element("p", { class: "row" }, form, go));
}

export function prepareCompare(given, versions) {
  page = given;
  place("compare-card").hidden = versions.length < 2;
  if (versions.length < 2) return;
  place("difference").replaceChildren();
  page.map.showDifference(null);
  for (const [id, chosen] of [["old", versions.at(-2)], ["new", versions.at(-1)]]) {
    place(id).replaceChildren(...versions.map(option));
    place(id).value = String(chosen.number);
  }
  place("compare").onsubmit = (event) => {
    event.preventDefault();
    compare(Number(place("old").value), Number(place("new").value)).catch((problem) => fieldError(place("difference"), problem));
  };
}

async function compare(old, now) {
  if (old === now) throw new Error("请选择两个不同的版本。 Choose two versions.");
  const found = await ask(`${page.address}/difference?from=${old}&to=${now}`);
  const counts = element("table", { id: "difference-counts" });
  const unit = found.compared_by === "pixel" ? ["像元", "pixels"] : ["图斑", "features"];
  table(counts, [unit, ["个数", "number"], ["面积", "area"]], [
    [["新增", "added"], found.added, `+${hectares(found.added_m2).replace("+", "")}`], [["删除", "removed"], found.removed, hectares(-found.removed_m2)],
    [["图形变化", "changed shape"], found.changed_shape, `${hectares(found.gained_m2)}，${hectares(-found.lost_m2)}`],
    [["属性变化", "changed attributes"], found.changed_attributes, "—"], [["不变", "unchanged"], found.unchanged, "—"], [["合计", "net"], "", hectares(found.net_m2)],
  ].map(([words, number, area]) => cells([bilingual(...words), number === "" ? "" : count(number), area])), ["", ""]);
  const fields = Object.entries(found.changed_fields).map(([name, number]) => `${name} ${count(number)}`).join("、");
  const legend = element("p", { class: "hint" }, ...bilingual(`地图放大到 ${DIFFERENCE_MIN_ZOOM} 级以上显示：绿 增，红 减，黄 属性变化。`, "On the map when zoomed in: green gained, red lost, yellow attributes."));
  const files = [["gpkg", {}, "GeoPackage"], ["geojson", {}, "GeoJSON"], ["gpkg", { as_delta: "true" }, "动态维护增量 delta"]]
    .map(([f, more, words]) => button([`差异：${words}`, ""], () => save(place("difference"), { number: now, options: { since: String(old), f, ...more } }), { class: "small" }));
  place("difference").replaceChildren(
    element("div", { class: "wide field" }, counts), ...(fields ? [element("p", { class: "hint" }, `变化的字段 changed fields：${fields}`)] : []),
    ...(found.raster === null ? [legend] : []), ...(mayExport() ? [element("p", { class: "row" }, ...(found.raster === null ? files : files.slice(0, 2)))] : []),
  );
  page.map.showDifference(old, now);
  if (page.layer.extent) page.map.fit(page.layer.extent);
}
