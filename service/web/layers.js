// The list of layers: grouped by control, each with swatch, department and version, switched on and off.

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
  return paint["fill-color"] ?? paint["line-color"] ?? paint["circle-color"] ?? null;
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
  const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
  if (color) swatch.style.backgroundColor = color;
  const version = layer.version === null ? "无现行版本 none in force" : `第 ${layer.version} 版 v${layer.version}`;
  const about = element("span", { class: "about" }, `${layer.department_name ?? layer.department} · ${version}`);
  const label = element("label", { for: box.id }, ...bilingual(layer.title, layer.title_en), about);
  return element("li", { "data-layer": layer.code }, box, swatch, label);
}

export function showLayers(map, layers, place) {
  place.replaceChildren();
  for (const control of CONTROLS) {
    const group = layers.filter((layer) => layer.control === control);
    if (group.length === 0) continue;
    const heading = element("h3", {}, ...bilingual(...CONTROL_WORDS[control]));
    place.append(heading, element("ul", {}, ...group.map((layer) => row(map, layer))));
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
      `标识码 ${feature.properties.source_id ?? "—"}`,
      feature.properties.class_code ? `要素代码 ${feature.properties.class_code}` : null,
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
