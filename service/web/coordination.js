// What the pages of coordination share: words, who is signed in, the map of a site, a question before what cannot be undone.

import { boundsOf } from "./bounds.js";
import { findingLayers } from "./finding_map.js";
import * as maplibregl from "./vendor/maplibre-gl/maplibre-gl.mjs";
import { ask, bilingual, element, figure, keepCsrfToken, nameOf, showCity, showLinks, signInAgain, wordsOf } from "./words.js";

export const STATUS = {
  draft: ["草稿", "draft"], preparing: ["策划生成", "preparing"], consulting: ["征求意见", "consulting"], adjusting: ["调整方案", "adjusting"],
  cleared: ["通过", "cleared"], handed_over: ["已推送", "handed over"], returned: ["退回", "returned"], shelved: ["储备", "shelved"], ended: ["终止", "ended"],
};
export const STATE = {
  awaited: ["待反馈", "awaited"], stopped: ["停表待补充", "stopped"], given: ["已反馈", "given"],
  deemed_no_objection: ["逾期视为无意见", "deemed no objection"], withdrawn: ["已收回", "taken back"],
};
export const KIND = {
  agree: ["同意", "agree"], agree_with_conditions: ["有条件同意", "with conditions"], disagree: ["不同意", "disagree"],
  no_objection: ["无意见", "no objection"], deemed_no_objection: ["视为无意见", "silence"], not_needed: ["无须征询", "not needed"],
};
// What a side says: its own words, or the kind of its opinion.
export const saidBy = (words) => KIND[words]?.[0] ?? words;
export const SEVERITY = {
  prohibit: ["禁止", "prohibit"], restrict: ["限制", "restrict"], advise: ["建议", "advise"], inform: ["提示", "inform"], clear: ["无冲突", "clear"],
};
export const URGENCY = {
  overdue: ["已逾期", "overdue"], today: ["今日到期", "due today"], soon: ["三日内到期", "due soon"], later: ["", ""], stopped: ["停表", "stopped"],
};
export const WHY = {
  touched: ["涉及其图层", "its layers are touched"], always_asked: ["必征部门", "always asked"], project_type: ["该类项目必征", "asked of this type"],
  added: ["增加", "added"], changed: ["涉及内容变化", "its findings changed"], disagreed: ["曾不同意", "it disagreed"],
};

export { time, today } from "./words.js";
export const place = (id) => document.getElementById(id);
export const mark = (kind, words) => element("span", { class: `mark ${kind}` }, ...bilingual(...(words ?? [kind, ""])));
export const squareMetres = (value) => `${figure(value)} m²`;

export function measure(finding) {
  const parts = [];
  if (finding.overlap_m2) parts.push(squareMetres(finding.overlap_m2));
  if (finding.length_m) parts.push(`${finding.length_m.toLocaleString("zh-CN")} m`);
  if (finding.point_count) parts.push(`${finding.point_count} 处`);
  return parts.join("，") || "—";
}

const DAY = /^\d{4}-\d{2}-\d{2}/;

export function cells(values) {
  return element("tr", {}, ...values.map((value) => element("td", DAY.test(value) ? { class: "day" } : {}, ...[value ?? ""].flat())));
}

export function table(target, head, rows, empty) {
  if (rows.length === 0) {
    target.replaceChildren(element("caption", { class: "empty" }, ...bilingual(...empty)));
    return;
  }
  target.replaceChildren(
    element("thead", {}, element("tr", {}, ...head.map((words) => element("th", { scope: "col" }, ...bilingual(...words))))),
    element("tbody", {}, ...rows),
  );
}

export function say(kind, ...words) {
  place("message").className = kind;
  place("message").replaceChildren(...words);
  place("message").hidden = words.length === 0;
}

export function fail(problem) {
  if (problem.status === 401) say("error", signInAgain());
  else if (problem.status === 412) say("error", ...bilingual("别人刚刚作了改动，请重新读取后再办。", "Somebody changed it meanwhile; read it again."));
  else say("error", ...wordsOf(problem));
  place("message").scrollIntoView({ block: "nearest" });
}

// Everything that a button does goes through here: one thing at a time, and what went wrong is said on top.
export function act(button, doing) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    if (place("message").className === "error") say("");
    try {
      await doing();
    } catch (problem) {
      fail(problem);
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

export const button = (words, doing, attributes = {}) => act(element("button", { type: "button", ...attributes }, ...bilingual(...words)), doing);

// Who is signed in, and the city; null when nobody is, and a page that shows nothing to `anyone` has said so.
export async function begin(page, { anyone = false } = {}) {
  const [city, { me }] = await Promise.all([ask("/api/city"), ask("/api/session")]);
  showCity(city, page);
  keepCsrfToken(me?.csrf_token ?? null);
  if (me === null) {
    if (!anyone) fail({ status: 401 });
    return { city, me };
  }
  place("account").replaceChildren(...bilingual(nameOf(me), "account"));
  place("account").href = "/account";
  showLinks(me);
  return { city, me };
}

export function departmentNames(city) {
  const names = Object.fromEntries(city.departments.map(({ code, name }) => [code, name]));
  return (code) => names[code] ?? code;
}

// Boxes to tick, as one field; its value is what is ticked, with spaces between.
function checks(options) {
  const boxes = options.map(([code]) => element("input", { type: "checkbox", value: code }));
  const made = element("div", { class: "row" }, ...options.map(([, words], number) => element("label", {}, boxes[number], ` ${words}`)));
  Object.defineProperty(made, "value", { get: () => boxes.filter((box) => box.checked).map((box) => box.value).join(" ") });
  for (const [number, [, , isTicked]] of options.entries()) boxes[number].checked = isTicked ?? false;
  return made;
}

// Inputs with their labels, by the names that they are asked for with; `values` reads them.
export function inputsOf(fields, prefix) {
  const inputs = fields.map(({ name, value = "", type = "text", optional = false, options = [] }) => {
    const choices = () => element("select", {}, ...options.map(([code, words]) => element("option", { value: code }, words)));
    const text = () => element("input", { type, maxlength: type === "text" ? "200" : "40", value, ...(type === "number" ? { step: "any" } : {}) });
    const input = type === "checks" ? checks(options) : type === "select" ? choices() : type === "area" ? element("textarea", { maxlength: "4000" }) : text();
    input.id = `${prefix}-${name}`;
    if (value && ["select", "area"].includes(type)) input.value = value;
    input.required = !optional && type !== "checks";
    return input;
  });
  return {
    shown: fields.map(({ name, words }, number) => element("div", { class: "field" }, element("label", { for: `${prefix}-${name}` }, ...bilingual(...words)), inputs[number])),
    values: () => Object.fromEntries(fields.map(({ name }, number) => [name, inputs[number].value.trim()])),
  };
}

// A question in a dialog of its own. Resolves to the reason (or true; with fields, to all that was filled in), and to null when it is called off.
export function confirmed(title, text, { reason = false, strong = false, yes = ["确定", "Yes"], fields = [] } = {}) {
  const { shown, values } = inputsOf(fields, "dialog");
  const input = element("textarea", { id: "dialog-reason", maxlength: "4000", required: "" });
  const sure = element("button", { type: "submit", class: strong ? "strong" : "" }, ...bilingual(...yes));
  const no = element("button", { type: "button" }, ...bilingual("取消", "Cancel"));
  const form = element(
    "form", { method: "dialog" }, element("h2", {}, ...bilingual(...title)), element("p", {}, ...bilingual(...text)),
    ...(fields.length > 6 ? [element("div", { class: "fields" }, ...shown)] : shown),
    ...(reason ? [element("label", { for: "dialog-reason" }, ...bilingual("理由", "Reason")), input] : []),
    element("p", { class: "buttons" }, sure, " ", no),
  );
  const dialog = element("dialog", fields.length > 6 ? { class: "large" } : {}, form);
  document.body.append(dialog);
  return new Promise((resolve) => {
    let answer = null;
    form.addEventListener("submit", () => {
      answer = reason ? input.value.trim() : true;
      if (fields.length) answer = { reason: answer, ...values() };
    });
    no.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { dialog.remove(); resolve(answer || null); });
    dialog.showModal();
  });
}

// What of a collection can be drawn: what lies near by, without touching, has no shape.
export const drawable = (collection) => ({ type: "FeatureCollection", features: collection.features.filter((feature) => feature.geometry) });

// The layers that the reader may see, pale, within these bounds, or within those that a function finds with the style.
export async function baseMap(around) {
  maplibregl.setWorkerUrl(new URL("./vendor/maplibre-gl/maplibre-gl-worker.mjs", import.meta.url).href);
  const style = await ask("/tiles/style.json");
  const bounds = typeof around === "function" ? around(style) : around;
  const map = new maplibregl.Map({
    container: "map", style, bounds, fitBoundsOptions: { padding: 60, maxZoom: 17 },
    maxZoom: 20, dragRotate: false, pitchWithRotate: false, attributionControl: false,
    localIdeographFontFamily: "'Noto Sans CJK SC', 'Microsoft YaHei', 'PingFang SC', sans-serif",
    locale: { "NavigationControl.ZoomIn": "放大 Zoom in", "NavigationControl.ZoomOut": "缩小 Zoom out", "Map.Title": "地图 Map" },
  });
  window.blueprintMap = map;
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-left");
  map.addControl(new maplibregl.ScaleControl(), "bottom-left");
  map.on("error", ({ error }) => say("error", `地图出错：${error?.message ?? ""} The map reports an error.`));
  await map.once("load");
  for (const layer of map.getStyle().layers) {
    if (layer.type === "fill") map.setPaintProperty(layer.id, "fill-opacity", 0.25);
  }
  return map;
}

// The site on these layers; findings over them, the chosen one strongest.
export async function siteMap(collection) {
  const site = collection.features.find((feature) => feature.properties.kind === "footprint");
  const map = await baseMap(boundsOf(site.geometry));
  map.addSource("site", { type: "geojson", data: drawable(collection) });
  findingLayers(map, "site");
  map.addLayer({
    id: "site-footprint", type: "line", source: "site", filter: ["==", ["get", "kind"], "footprint"],
    paint: { "line-color": "#e4002b", "line-width": 3 },
  });
  return map;
}
