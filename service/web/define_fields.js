// What a layer is defined by, in the order in which the page asks for it: names of the API, words, and what one has to know to fill it in.

import { GEOMETRY, SENSITIVITY } from "./layer_words.js";
import { CONTROL_WORDS } from "./words.js";

const pairs = (words) => Object.entries(words).map(([code, both]) => [code, both.join(" ")]);
const FEATURES = ["polygon", "line", "point"];

// `only`: kinds of geometry that have the item; `type`: what is typed (`number`, `day`, `area`, `colour`, `flag`, `select`).
export function sections(city) {
  const named = (items) => items.map(({ code, name }) => [code, name]);
  return [
    { words: ["基本情况", "What it is"], fields: [
      { name: "code", words: ["代码", "code"], required: true, longest: 60, about: ["字母开头，只用字母、数字、下划线，如 STBHHX；定义后不能更改。", "Letters, digits and _, a letter first; it stays."] },
      { name: "title", words: ["名称", "title"], required: true, longest: 200 },
      { name: "title_en", words: ["英文名称", "English title"], longest: 200 },
      { name: "group", words: ["图层组", "group"], type: "select", options: [["", "未分组 none"], ...named(city.layer_groups)] },
      { name: "position", words: ["组内次序", "place in its group"], type: "number", whole: true, value: 0, about: ["小者在前，在地图上也在上。", "The smallest comes first and is drawn on top."] },
      { name: "department", words: ["主管部门", "department"], type: "select", required: true, options: named(city.departments), about: ["由其规划员上传版本、定生效日。", "Its planners upload versions and bring them into force."] },
    ] },
    { words: ["数据", "Data"], fields: [
      { name: "geometry", words: ["几何类型", "geometry"], type: "select", required: true, options: pairs(GEOMETRY), about: ["有版本后不能更改。", "It stays once there are versions."] },
      { name: "standard", words: ["属性标准", "attribute standard"], type: "standard", only: FEATURES, about: ["按标准质检字段、代码、面积和拓扑；不选则只检查图形。", "Fields, codes, areas and topology are checked by it; without one shapes alone."] },
      { name: "source_id_field", words: ["标识码字段", "field with the identifier"], only: FEATURES, longest: 60, about: ["如 BSM；增量更新和版本对比依它认图斑。", "such as BSM; deltas and comparisons go by it"] },
      { name: "label_field", words: ["名称字段", "field with the name"], only: FEATURES, longest: 60, about: ["地图和检核结果中图斑的名称，如 MC。", "the name of a feature on maps and in findings"] },
      { name: "value_kind", words: ["栅格值", "values of the raster"], type: "select", only: ["raster"], required: true, options: [["continuous", "连续量 measures"], ["classes", "类别代码 codes of classes"]], about: ["重采样和统计由此决定。", "Resampling and statistics go by it."] },
      { name: "unit", words: ["单位", "unit"], only: ["raster"], longest: 20, about: ["如 °、m、dB。", "such as °, m, dB"] },
    ] },
    { words: ["管控规则", "Rule"], fields: [
      { name: "control", words: ["管控", "control"], type: "select", required: true, options: pairs(CONTROL_WORDS), about: ["红线触及本图层时的结论。", "what a check says of a footprint that meets it"] },
      { name: "conflict_when", words: ["何时为冲突", "in conflict when"], type: "select", only: ["polygon"], options: [["inside", "压占本图层 it overlaps it"], ["outside", "超出本图层 it leaves it"]], about: ["如城镇开发边界：超出为冲突。", "the urban growth boundary: outside is a conflict"] },
      { name: "basis", words: ["依据", "legal basis"], longest: 2000, about: ["法规、规划的名称和条款，检核结果引用。", "quoted by every finding"] },
      { name: "buffer_m", words: ["控制距离（米）", "buffer in metres"], type: "number", only: FEATURES, value: 0, about: ["从图斑边界外扩；对以后上传的版本有效。按字段分别取值时填最严的。", "Holds for versions uploaded from now on; the strictest where widths go by a field."] },
      { name: "buffer_field", words: ["控制距离所依字段", "field by which the buffer goes"], only: FEATURES, longest: 60, about: ["如电压等级 DYDJ；不分则空。", "such as the voltage"] },
      { name: "widths", words: ["各值的控制距离", "buffer of each value"], only: FEATURES, about: ["如 220=15, 110=10（米）。", "value=metres, with commas between"] },
      { name: "edge_width_field", words: ["自身宽度字段", "field with its own width"], only: FEATURES, longest: 60, about: ["画的是中心线时，道路、河道的全宽（米）。", "the whole width of what is drawn as a centre line"] },
      { name: "edge_width_m", words: ["自身宽度（米）", "its own width in metres"], type: "number", only: FEATURES, value: 0, about: ["字段缺失时取此值。", "where the field is missing"] },
      { name: "tolerance_m2", words: ["容差（平方米）", "tolerance in m²"], type: "number", only: FEATURES, value: 1, about: ["压占不超过此面积不算冲突。", "An overlap of no more is none."] },
      { name: "sliver_width_m", words: ["碎面宽度（米）", "sliver width in metres"], type: "number", only: FEATURES, value: 0.1, about: ["窄于此的条带视为绘图误差。", "A strip that is narrower is an error of drawing."] },
      { name: "threshold_above", words: ["大于此值为触及", "met above"], type: "number", only: ["raster"] },
      { name: "threshold_below", words: ["小于此值为触及", "met below"], type: "number", only: ["raster"] },
      { name: "threshold_values", words: ["触及的类别", "met by these classes"], only: ["raster"], type: "numbers", about: ["整数，逗号分隔；只用于类别栅格。", "whole numbers with commas between"] },
      { name: "threshold_share", words: ["触及占比限值", "share of the footprint"], type: "number", only: ["raster"], value: 0, about: ["超过红线面积的这一比例为冲突，0.1 即 10%。", "more than this is a conflict; 0.1 is 10 %"] },
    ] },
    { words: ["共享", "Sharing"], fields: [
      { name: "sensitivity", words: ["分级", "class"], type: "select", required: true, options: pairs(SENSITIVITY), about: ["公开：人人可读；内部：各部门；受限：主管部门及获授权者。涉密数据不得上传。", "restricted: its own department, and whom it grants; state secrets must not be uploaded"] },
      { name: "purpose", words: ["共享用途", "what it may be used for"], type: "area", longest: 2000 },
      { name: "conditions", words: ["共享条件", "under which conditions"], type: "area", longest: 2000 },
    ] },
    { words: ["地图样式", "On the map"], fields: [
      { name: "color", words: ["颜色", "colour"], type: "colour", about: ["如 #2e7d32；不填则按管控着色。", "without one that of its control"] },
      { name: "class_field", words: ["类别字段", "field with the class"], only: FEATURES, longest: 60, about: ["如 YDYHFLDM；对以后上传的版本有效。", "holds for versions uploaded from now on"] },
      { name: "symbology", words: ["按类别着色", "colours by class"], type: "select", only: ["polygon"], options: [["", "单一颜色 one colour"], ["land_use_2023", "用地用海分类 2023"], ["land_use_2020", "用地用海分类 2020（试行）"]], about: ["须填类别字段。", "needs the field with the class"] },
      { name: "is_base_map", words: ["底图", "base map"], type: "flag", about: ["绘于最下。", "drawn at the bottom"] },
    ] },
    { words: ["元数据", "Metadata"], fields: [
      { name: "abstract", words: ["摘要", "abstract"], type: "area", longest: 4000 },
      { name: "lineage", words: ["数据来源与沿革", "lineage"], type: "area", longest: 4000 },
      { name: "owner", words: ["权属单位", "owner"], longest: 200, about: ["不是主管部门时填写。", "where it is not the department"] },
      { name: "scale", words: ["比例尺分母", "scale 1 to"], type: "number", whole: true, about: ["1:2000 填 2000。", "2000 for 1:2000"] },
      { name: "data_on", words: ["数据时点", "data of the day"], type: "day" },
    ] },
  ];
}

const widthsText = (widths) => Object.entries(widths ?? {}).map(([value, metres]) => `${value}=${metres}`).join(", ");

// A layer as the API tells it, as the form has it.
export function formOf(layer) {
  const { buffer_by: by, ...rest } = layer;
  return {
    ...rest, threshold_values: layer.threshold_values?.join(", ") ?? null, buffer_field: by?.field ?? null, widths: widthsText(by?.widths),
    edge_width_field: by?.edge_width_field ?? null, edge_width_m: by?.edge_width_m ?? 0,
  };
}

// The form's values as the API takes them; a text that cannot be read goes to the service as it is, which says what is wrong with it.
export function definitionOf({ buffer_field: field, widths, edge_width_field: edgeField, edge_width_m: edge, ...rest }) {
  const pair = (text) => [text.slice(0, text.lastIndexOf("=")).trim(), readNumber(text.slice(text.lastIndexOf("=") + 1).trim())];
  const listed = Object.fromEntries((widths ?? "").split(/[,，;；]/).map((text) => text.trim()).filter(Boolean).map(pair));
  const isPlain = !field && !Object.keys(listed).length && !edgeField && !edge;
  return { ...rest, buffer_by: isPlain ? null : { field: field ?? null, widths: listed, edge_width_field: edgeField ?? null, edge_width_m: edge ?? 0 } };
}

export const readNumber = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

// Which item of the form is meant by a place that the service names.
export const itemOf = (place) => {
  const [first, second] = (place ?? "").split(".");
  if (first !== "buffer_by") return first;
  return { widths: "widths", edge_width_m: "edge_width_m", edge_width_field: "edge_width_field" }[second] ?? "buffer_field";
};
