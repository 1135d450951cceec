// Sites from files and of answers on one map, and how their figures are said.

import * as maplibregl from "./vendor/maplibre-gl/maplibre-gl.mjs";
import { boundsOf } from "./bounds.js";
import { SEVERITY, mark, place, siteMap } from "./coordination.js";
import { bilingual, element, figure } from "./words.js";

export const hectares = (value) => `${figure(value / 10000, 4)} 公顷`;
export const verdict = (value) => mark(value, SEVERITY[value]);
let map = null;
let labels = [];

// The planned use and the elevation of the highest point, as far as they are given in these fields.
export function particulars(use, top) {
  const given = { use: place(use).value.trim(), top_m: place(top).value };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value));
}

export async function readJson(file) {
  try {
    return JSON.parse(await file.text());
  } catch {
    throw new Error(`${file.name} 不是 GeoJSON。 It is not GeoJSON.`);
  }
}

// Every polygon of a GeoJSON document, whatever holds it.
export function geometries(document) {
  if (document.type === "FeatureCollection") return document.features.flatMap(geometries);
  if (document.type === "Feature") return document.geometry ? [document.geometry] : [];
  if (document.type === "GeometryCollection") return document.geometries;
  return [document];
}

// The sites on the map, the chosen one strongest; a row of the table chooses one. What is null keeps its number. A site has a `label`
// where there are several to tell apart; one that `isBefore` is the site as it was given, under what became of it.
export async function draw(sites) {
  const features = sites.flatMap((site, place) => (site === null ? [] : geometries(site.geometry)).map((shape) => ({ type: "Feature", geometry: shape, properties: { kind: "footprint", number: place + 1, isBefore: Boolean(site.isBefore) } })));
  const collection = { type: "FeatureCollection", features };
  place("map-card").hidden = false;
  const isCompared = sites.some((site) => site?.isBefore);
  place("map-about").hidden = !isCompared;
  place("map-about").replaceChildren(...(isCompared ? bilingual("灰线为原红线，红线为调整后；退让不足处也以红线画出。", "Grey: the site as given. Red: what became of it, and where a setback is missed.") : []));
  if (map === null) {
    map = await siteMap(collection);
    map.setPaintProperty("site-footprint", "line-color", ["case", ["get", "isBefore"], "#51606e", "#e4002b"]);
  } else map.getSource("site").setData(collection);
  for (const each of labels) each.remove();
  labels = sites.filter((site) => site?.label).map(({ geometry, label }) => {
    const [west, , east, north] = boundsOf({ coordinates: geometries(geometry).map(({ coordinates }) => coordinates) });
    return new maplibregl.Marker({ element: element("span", { class: "map-label" }, label), anchor: "bottom" }).setLngLat([(west + east) / 2, north]).addTo(map);
  });
  fit(features);
}

function fit(features) {
  map.fitBounds(boundsOf({ coordinates: features.map(({ geometry }) => geometry.coordinates) }), { padding: 50, maxZoom: 17, duration: 0 });
}

export function chosen(row, number, geometry) {
  row.classList.add("finding-row");
  row.tabIndex = 0;
  const show = () => {
    for (const other of document.querySelectorAll(".finding-row")) other.classList.toggle("chosen", other === row);
    map?.setFilter("site-chosen", ["==", ["get", "number"], number]);
    fit(geometries(geometry).map((shape) => ({ geometry: shape })));
  };
  row.addEventListener("click", show);
  row.addEventListener("keydown", ({ key }) => { if (key === "Enter") show(); });
  return row;
}
