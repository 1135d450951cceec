// The map page: the city fitted, all layers in force, features under the pointer, a check of a footprint.

import * as maplibregl from "./vendor/maplibre-gl/maplibre-gl.mjs";
import { boundsToShow } from "./bounds.js";
import { prepareForm, prepareMap } from "./check.js";
import { readLayers, showFeatures, showLayers } from "./layers.js";
import { ask, bilingual, element, keepCsrfToken, nameOf, showCity, showLinks, signInAgain, wordsOf } from "./words.js";

const message = document.getElementById("message");

function say(...parts) {
  message.replaceChildren(...parts);
  message.hidden = parts.length === 0;
}

// A session that is over must not stand in the way of what is public: the service takes its cookie back here, first.
async function showAccount() {
  const { me } = await ask("/api/session");
  keepCsrfToken(me?.csrf_token ?? null);
  const link = document.getElementById("account");
  if (me === null) link.replaceChildren(...bilingual("登录", "Sign in"));
  else link.replaceChildren(...bilingual(nameOf(me), me.owes ? "sign-in to be completed" : "account"));
  showLinks(me);
  link.href = me === null || me.owes === "second_factor_code" ? "/sign-in" : "/account";
}

function makeMap(style, bounds) {
  maplibregl.setWorkerUrl(new URL("./vendor/maplibre-gl/maplibre-gl-worker.mjs", import.meta.url).href);
  const map = new maplibregl.Map({
    container: "map",
    style,
    bounds,
    fitBoundsOptions: { padding: 20 },
    maxZoom: 20,
    dragRotate: false,
    pitchWithRotate: false,
    attributionControl: false,
    localIdeographFontFamily: "'Noto Sans CJK SC', 'Microsoft YaHei', 'PingFang SC', sans-serif",
    locale: { "NavigationControl.ZoomIn": "放大 Zoom in", "NavigationControl.ZoomOut": "缩小 Zoom out", "Map.Title": "地图 Map" },
  });
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-left");
  map.addControl(new maplibregl.ScaleControl(), "bottom-left");
  map.touchZoomRotate.disableRotation();
  return map;
}

// The outline of the jurisdiction lies under everything else: it says where the blueprint speaks at all.
function drawOutline(map, outline) {
  if (outline.geometry === null) return;
  const below = map.getStyle().layers.find((layer) => layer.type !== "background")?.id;
  map.addSource("outline", { type: "geojson", data: outline });
  map.addLayer({ id: "outline-area", type: "fill", source: "outline", paint: { "fill-color": "#ffffff" } }, below);
  map.addLayer(
    { id: "outline-line", type: "line", source: "outline", paint: { "line-color": "#5b6770", "line-width": 1.5, "line-dasharray": [4, 2] } },
    below,
  );
}

async function start() {
  await showAccount();
  const [city, layers, style] = await Promise.all([ask("/api/city"), readLayers(ask), ask("/tiles/style.json")]);
  const outline = await ask("/api/city/outline");
  showCity(city);
  const map = makeMap(style, boundsToShow(city, style));
  // Whoever drives the page from outside (a test, the console) finds the map here.
  window.blueprintMap = map;
  map.on("error", ({ error }) => {
    if (error?.status === 401) say(signInAgain());
    else say(`地图出错：${error?.message ?? ""} The map reports an error.`);
  });
  await map.once("load");
  drawOutline(map, outline);
  prepareMap(map);
  // In a small window the list is folded up: what is asked of the map stands right below it.
  document.getElementById("layers-shown").open = !matchMedia("(max-width: 48rem)").matches;
  showLayers(map, layers, city.layer_groups, document.getElementById("layers"));
  prepareForm(map, document.getElementById("check"), document.getElementById("report"));
  const layersByCode = new Map(layers.map((layer) => [layer.code, layer]));
  map.on("click", ({ point }) => {
    const around = [[point.x - 3, point.y - 3], [point.x + 3, point.y + 3]];
    showFeatures(map.queryRenderedFeatures(around), layersByCode, document.getElementById("here"));
    // Beside a long list of layers what was asked for would stand out of sight; under the map of a small window the map stays.
    if (document.getElementById("panel").scrollHeight > document.getElementById("panel").clientHeight) document.getElementById("here-heading").scrollIntoView({ block: "start" });
  });
  if (layers.some((layer) => layer.version !== null)) say();
  else say(...bilingual("还没有现行图层，暂不能检查。", "No layer is in force yet, so nothing can be checked."), " ", element("a", { href: "/catalogue" }, ...bilingual("到“图层”页定义、上传并启用", "Define, upload and bring one into force")));
}

start().catch((error) => say(element("span", { class: "error", role: "alert" }, ...wordsOf(error))));
