// The list of layers: by group, else by control, each with swatch, department and version, switched on and off.

import { CONTROLS, CONTROL_WORDS, bilingual, element } from "./words.js";

export async function readLayers(ask) {
  const layers = [];
  let next = null;
  do {
    const page = await ask(`/api/layers?limit=200${next ? `&cursor=${encodeURIComponent(next)}` : ""}`);
    layers.push(...page.items);
    next = page.next;
  } while (next);
  return layers;
}

function styleLayersOf(map, code) {
  return map.getStyle().layers.filter((layer) => layer["source-layer"] === code);
}

function colorOf(map, code) {
  const paint = styleLayersOf(map, code)[0]?.paint ?? {};
  // A layer drawn by classes has many colours: the last is that of what has no class, the outline's.
  return [paint["fill-color"]].flat().at(-1) ?? paint["line-color"] ?? paint["circle-color"] ?? null;
}

// The classes of a layer that is drawn by them, as the standard names and colours them.
function legendOf(map, code) {
  const classes = styleLayersOf(map, code)[0]?.metadata?.["blueprint:legend"] ?? [];
  const item = (each) => {
    const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.backgroundColor = each.color;
    return element("li", {}, swatch, `${each.title} ${each.code}`);
  };
  return classes.length ? element("details", { class: "legend" }, element("summary", {}, ...bilingual("图例", "Legend")), element("p", { class: "hint" }, ...bilingual("图斑过密时不分类着色，请放大。", "Where features crowd, zoom in for their classes.")), element("ul", {}, ...classes.map(item))) : null;
}

function row(map, layer) {
  const color = colorOf(map, layer.code);
  const box = element("input", { type: "checkbox", id: `layer-${layer.code}` });
  box.checked = color !== null;
  box.disabled = color === null;
  box.addEventListener("change", () => {
    const visibility = box.checked ? "visible" : "none";
    for (const { id } of styleLayersOf(map, layer.code)) map.setLayoutProperty(id, "visibility", visibility);
  });
  const legend = legendOf(map, layer.code);
  const swatch = element("span", { class: `swatch${legend ? " of-classes" : ""}`, "aria-hidden": "true" });
  if (color && !legend) swatch.style.backgroundColor = color;
  const version = layer.version === null ? "无现行版本 none in force" : `第 ${layer.version} 版 v${layer.version}`;
  const control = layer.group === null ? "" : `${CONTROL_WORDS[layer.control][0]} · `;
  const about = element("span", { class: "about" }, `${control}${layer.department_name ?? layer.department} · ${version}`);
  // What has no swatch is not on this map; why is said, as its box cannot be ticked.
  const unseen = color !== null || layer.version === null ? [] : [element("span", { class: "about" }, ...(layer.geometry === "raster" ? bilingual("栅格：在“详情”页看图与图例", "A raster: seen on its page") : bilingual("不在本图上", "Not on this map")))];
  const label = element("label", { for: box.id }, ...bilingual(layer.title, layer.title_en), about, ...unseen);
  const life = element("a", { class: "about", href: `/layer?code=${encodeURIComponent(layer.code)}`, "aria-label": `${layer.title} 详情 details` }, "详情");
  return element("li", { "data-layer": layer.code }, box, swatch, label, life, ...(legend ? [legend] : []));
}

// Layers stand under the city's groups, in the order of both; those of no group after them, by control.
export function showLayers(map, layers, groups, place) {
  place.replaceChildren();
  const sections = groups.map(({ code, name, name_en }) => [[name, name_en], (layer) => layer.group === code]);
  const known = new Set(groups.map(({ code }) => code));
  for (const control of CONTROLS) {
    sections.push([CONTROL_WORDS[control], (layer) => !known.has(layer.group) && layer.control === control]);
  }
  for (const [words, belongs] of sections) {
    const members = layers.filter(belongs).sort((one, other) => one.position - other.position);
    if (members.length === 0) continue;
    place.append(element("h3", {}, ...bilingual(...words)), element("ul", {}, ...members.map((layer) => row(map, layer))));
  }
}

export function showFeatures(features, layersByCode, place) {
  const seen = new Map();
  for (const feature of features) {
    if (feature.sourceLayer && layersByCode.has(feature.sourceLayer)) {
      seen.set(`${feature.sourceLayer}/${feature.id}`, feature);
    }
  }
  if (seen.size === 0) {
    place.replaceChildren(element("p", { class: "hint" }, ...bilingual("此处没有图斑。", "No feature here.")));
    return;
  }
  const items = [...seen.values()].map((feature) => {
    const layer = layersByCode.get(feature.sourceLayer);
    const name = feature.properties.label ?? `图斑 ${feature.id}`;
    const [control, controlEn] = CONTROL_WORDS[layer.control];
    const facts = [
      // Where a tile has too many features they are drawn without what is said of each.
      feature.properties.source_id || feature.properties.class_code ? `标识码 ${feature.properties.source_id ?? "—"}` : "标识码 —（过密处请放大后再点 zoom in where features crowd）",
      feature.properties.class_code ? `${layer.class_field ? "类别" : "要素代码"} ${feature.properties.class_code}` : null,
      `${control} ${controlEn}`,
      layer.basis,
    ].filter(Boolean);
    return element(
      "li", {}, element("strong", {}, ...bilingual(layer.title, layer.title_en)), ` · ${name}`,
      element("span", { class: "about" }, facts.join(" · ")),
    );
  });
  place.replaceChildren(element("ul", {}, ...items));
}
