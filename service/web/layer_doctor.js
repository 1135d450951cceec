// What the upload doctor found in a file: what it holds, where the data fall on the city, and which systems would fit; a person decides.

import { cells, table } from "./coordination.js";
import { GUESS_COLOURS } from "./layer_map.js";
import { GEOMETRY, count, facts } from "./layer_words.js";
import { bilingual, element } from "./words.js";

const CONFIDENCE = { sure: "有把握", likely: "较可能", possible: "可能" };
const FIRST_ROWS = 5;
const percent = (share) => `${(share * 100).toLocaleString("zh-CN", { maximumFractionDigits: 0 })}%`;

export function showDiagnosis(target, found) {
  const list = element("dl", { id: "found" });
  const sample = element("table");
  const names = found.fields.slice(0, 12);
  table(sample, names.map((name) => [name, ""]), found.rows.slice(0, FIRST_ROWS).map((row) => cells(names.map((name) => String(row[name] ?? "")))), ["没有属性字段。", "No fields."]);
  target.replaceChildren(
    list, verdict(found), ...(found.refusal ? [registered(found)] : []), ...(isPlaced(found) ? [] : found.guesses.map(guess)),
    ...(found.raster !== null ? [] : [element("details", {}, element("summary", {}, ...bilingual(`前 ${Math.min(FIRST_ROWS, found.rows.length)} 行`, "first rows")), element("div", { class: "wide" }, sample))]),
    element("details", {}, element("summary", {}, ...bilingual("诊断原文", "in the words of the service")), ...found.advice.map((words) => element("p", { class: "hint" }, words))),
  );
  facts("found", [
    [["格式", "format"], found.format], ...(found.raster === null ? holds(found) : pixels(found)),
    [["声明的坐标系", "CRS as said"], found.declared_crs ?? "未注明 not said"],
    [["坐标转换", "operation"], found.operation_accuracy_m === null ? found.operation : `${found.operation}（±${found.operation_accuracy_m} m）`],
  ]);
}

const holds = (found) => [
  [["子图层", "sublayer"], found.sublayer], [["图斑", "rows"], `${count(found.row_count)}（${Object.entries(found.kinds).map(([kind, number]) => `${GEOMETRY[kind]?.[0] ?? kind} ${count(number)}`).join("、")}）`],
  [["字段", "fields"], found.fields.join("、")], [["高程、量测值", "Z, M"], found.has_heights ? "有，入库时舍去 there are; they are dropped" : null],
];

const pixels = ({ raster, sublayer, sublayers }) => [
  [["波段", "band"], sublayers.length > 1 ? `${sublayer}（共 ${sublayers.length} 个：${sublayers.join("、")}）` : sublayer], [["像元", "pixels"], `${count(raster.width)} × ${count(raster.height)}，${raster.pixel_width} × ${raster.pixel_height}`],
  [["数值类型", "type of values"], raster.data_type], [["空值", "no data"], raster.nodata],
];

// In the city, and where it should be there: no other system is in question.
export const isPlaced = (found) => Boolean(found.share_inside) && found.shift === null;

function verdict(found) {
  const say = (kind, ...words) => element("p", { class: kind, id: "falls" }, ...bilingual(...words));
  if (found.shift !== null) {
    const { system, reference_zh: reference, share_as_is: asIs, share_shifted_back: back, moved_m: moved } = found.shift;
    return say("error", `像是 ${system} 偏移坐标：与${reference}比对，原样吻合 ${percent(asIs)}，去除偏移（约 ${count(Math.round(moved))} 米）后吻合 ${percent(back)}。不会自动纠偏，请取得未偏移的数据；确认数据没有偏移的，才可接受其坐标系。`, `It looks like ${system}; nothing is shifted back. Accept a system only where you know that the data are right.`);
  }
  if (isPlaced(found)) return say("done", `抽样节点 ${percent(found.share_inside)} 落在本市范围内（地图红点）。`, `${percent(found.share_inside)} of the sample lie within the city.`);
  if (found.refusal) return say("error", `${found.refusal_zh}。`, `${found.refusal}.`);
  const told = found.declared_crs === null ? "文件未注明坐标系" : "按声明的坐标系，数据落在本市范围以外";
  if (!found.guesses.length) return say("error", `${told}，也不合任何 CGCS2000 或 WGS 84 坐标系，请向数据提供单位核实。`, "The data fit no system of CGCS2000 or WGS 84; ask their source.");
  return say("owed", `${told}；下列坐标系可使数据落入本市（地图上同色的点），核对后才可接受。`, "These systems would put the data into the city; nothing is applied unless you accept it.");
}

// Which old systems and local grids the operator has brought in: what is not among them is refused.
const registered = (found) => element("p", { class: "hint", id: "registered" }, ...bilingual(
  found.registered.length ? `已登记转换参数的坐标系：${found.registered.join("、")}。` : "本市尚未登记任何转换参数；请账户管理员在服务器上用 blueprint crs register 登记。",
  found.registered.length ? "systems with a registered transformation" : "No transformation is registered; the operator registers one by blueprint crs register.",
));

// A guess that names a system alone can be accepted; swapped or scaled numbers must be corrected in the file.
function guess(each, number) {
  const words = `${each.crs} ${each.name_zh} · ${CONFIDENCE[each.confidence] ?? each.confidence} · ${percent(each.share_inside)} 落在本市内${each.also.length ? ` · 同位 ${each.also.join("、")}` : ""}`;
  const about = element("span", { class: "about" }, ...bilingual(each.why_zh.join("；"), `${each.name}; ${each.why.join("; ")}`));
  const problem = each.swapped ? ["x、y（或经纬度）颠倒，须改正文件。", "x and y are swapped; correct the file."] : each.scale !== 1 ? ["数值像是毫米，须以米导出。", "The numbers seem to be millimetres; export the file in metres."] : null;
  const box = element("input", { type: "radio", name: "accept", value: each.crs });
  const made = element("div", { class: "guess" }, ...(problem ? [words, " ", ...bilingual(...problem)] : [element("label", {}, box, " ", ...bilingual("接受", "accept"), ` ${words}`)]), about);
  made.style.borderColor = GUESS_COLOURS[number] ?? "#607d8b";
  return made;
}
