// Drawing areas on the map, corner by corner: the mark-up of an opinion (图示), a site (用地红线). Kept as GeoJSON in longitude and latitude.

const NOTHING = { type: "FeatureCollection", features: [] };

const polygonsOf = (shape) => (shape === null ? [] : shape.type === "MultiPolygon" ? shape.coordinates : [shape.coordinates]);
const shapeOf = (polygons) => (polygons.length === 1 ? { type: "Polygon", coordinates: polygons[0] } : { type: "MultiPolygon", coordinates: polygons });

// `name` keeps the map's sources apart: more than one thing may be drawn on it.
export function drawingOn(map, name, color = "#6a1b9a") {
  let corners = null;
  let shape = null;
  let changed = () => {};
  map.addSource(name, { type: "geojson", data: NOTHING });
  const add = (part, type, of, paint) => map.addLayer({ id: `${name}-${part}`, type, source: name, paint, ...(of ? { filter: ["==", ["geometry-type"], of] } : {}) });
  add("fill", "fill", "Polygon", { "fill-color": color, "fill-opacity": 0.25 });
  add("line", "line", null, { "line-color": color, "line-width": 3, "line-dasharray": [2, 1] });
  add("corner", "circle", "Point", { "circle-color": color, "circle-radius": 5 });

  const asFeature = (geometry) => ({ type: "Feature", properties: {}, geometry });
  const drawn = () => {
    const found = shape === null ? [] : [asFeature(shape)];
    if (corners === null) return found;
    found.push(...corners.map((corner) => asFeature({ type: "Point", coordinates: corner })));
    if (corners.length > 2) found.push(asFeature({ type: "Polygon", coordinates: [[...corners, corners[0]]] }));
    else if (corners.length === 2) found.push(asFeature({ type: "LineString", coordinates: corners }));
    return found;
  };
  const draw = () => {
    map.getSource(name).setData({ type: "FeatureCollection", features: drawn() });
    map.getCanvas().style.cursor = corners === null ? "" : "crosshair";
    changed();
  };
  map.on("click", ({ lngLat }) => {
    if (corners === null) return;
    const corner = [lngLat.lng, lngLat.lat].map((degrees) => Number(degrees.toFixed(8)));
    // The second click of a double click is no corner of its own.
    if (String(corners.at(-1)) !== String(corner)) corners.push(corner);
    draw();
  });
  map.on("dblclick", (event) => {
    if (corners !== null) event.preventDefault();
  });

  return {
    get shape() { return shape; },
    get isDrawing() { return corners !== null; },
    get corners() { return corners?.length ?? 0; },
    onChange(told) { changed = told; },
    show(geometry) { shape = geometry ?? null; corners = null; draw(); },
    begin({ another = false } = {}) { shape = another ? shape : null; corners = []; draw(); },
    undo() { corners.pop(); draw(); },
    finish() {
      if (corners.length < 3) throw new Error("至少要三个角点。 An area has three corners at least.");
      shape = shapeOf([...polygonsOf(shape), [[...corners, corners[0]]]]);
      corners = null;
      draw();
    },
  };
}
