// The findings of a check on a map, and how they and the rows of their table lead to each other.

import { boundsOf } from "./bounds.js";

const BY_SEVERITY = ["match", ["get", "severity"], "prohibit", "#c00000", "restrict", "#d2691e", "advise", "#b8860b", "inform", "#1f5fa8", "#b00020"];

// Layers for the findings of a source: areas, lines, points, and the chosen one strongest.
export function findingLayers(map, source) {
  const finding = ["==", ["get", "kind"], "finding"];
  const none = ["==", ["get", "number"], -1];
  map.addLayer({ id: `${source}-finding`, type: "fill", source, filter: ["all", finding, ["==", ["geometry-type"], "Polygon"]], paint: { "fill-color": BY_SEVERITY, "fill-opacity": 0.5 } });
  map.addLayer({ id: `${source}-finding-line`, type: "line", source, filter: finding, paint: { "line-color": BY_SEVERITY, "line-width": 2 } });
  map.addLayer({ id: `${source}-chosen`, type: "line", source, filter: none, paint: { "line-color": "#e69f00", "line-width": 5 } });
  map.addLayer({ id: `${source}-point`, type: "circle", source, filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": ["case", finding, BY_SEVERITY, "#e4002b"], "circle-radius": 6, "circle-stroke-color": "#fff", "circle-stroke-width": 1 } });
}

// The findings with their places in the report; what lies near by, without touching, has no shape.
export function numbered(collection) {
  let number = -1;
  const features = collection.features.map((feature) => (feature.properties.kind === "finding" ? { ...feature, properties: { ...feature.properties, number: (number += 1) } } : feature));
  return { type: "FeatureCollection", features: features.filter((feature) => feature.geometry) };
}

// Pointing at a row or a shape marks the other; a click, or Enter on a row, goes there. `shapes` gives what is drawn now.
export function linkFindings(map, source, table, shapes) {
  const rowOf = (number) => table.querySelector(`.finding-row[data-number="${number}"]`);
  const mark = (number) => {
    for (const row of table.querySelectorAll(".finding-row")) row.classList.toggle("chosen", row.dataset.number === String(number));
    map.setFilter(`${source}-chosen`, ["==", ["get", "number"], number]);
  };
  const go = (number) => {
    const found = shapes().features.find((feature) => feature.properties.number === number);
    mark(number);
    if (!found) return;
    map.fitBounds(boundsOf(found.geometry), { padding: 100, maxZoom: 18, duration: 0 });
    map.getContainer().scrollIntoView({ block: "nearest" });
  };
  const numberOf = (event) => {
    const row = event.target.closest?.(".finding-row[data-number]");
    return row ? Number(row.dataset.number) : null;
  };
  const on = (name, doing) => table.addEventListener(name, (event) => {
    const number = numberOf(event);
    if (number !== null) doing(number, event);
  });
  on("mouseover", mark);
  on("focusin", mark);
  on("click", go);
  on("keydown", (number, event) => { if (event.key === "Enter") go(number); });
  const layers = [`${source}-point`, `${source}-finding-line`, `${source}-finding`];
  const under = ({ point }) => map.queryRenderedFeatures(point, { layers }).find((feature) => feature.properties.number !== undefined)?.properties.number ?? null;
  let last = null;
  map.on("mousemove", (event) => {
    const number = under(event);
    map.getCanvas().style.cursor = number === null ? "" : "pointer";
    if (number !== last && number !== null) mark(number);
    last = number;
  });
  map.on("click", (event) => {
    const number = under(event);
    if (number === null || rowOf(number) === null) return;
    mark(number);
    rowOf(number).scrollIntoView({ block: "nearest" });
    rowOf(number).focus({ preventScroll: true });
  });
}
