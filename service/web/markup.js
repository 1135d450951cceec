// A mark-up on the map (图示): a polygon drawn corner by corner, kept as GeoJSON in longitude and latitude.

const NOTHING = { type: "FeatureCollection", features: [] };

export function markupOn(map) {
  let corners = null;
  let shape = null;
  let changed = () => {};
  map.addSource("markup", { type: "geojson", data: NOTHING });
  map.addLayer({ id: "markup-fill", type: "fill", source: "markup", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": "#6a1b9a", "fill-opacity": 0.25 } });
  map.addLayer({ id: "markup-line", type: "line", source: "markup", paint: { "line-color": "#6a1b9a", "line-width": 3, "line-dasharray": [2, 1] } });
  map.addLayer({ id: "markup-corner", type: "circle", source: "markup", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": "#6a1b9a", "circle-radius": 5 } });

  const asFeature = (geometry) => ({ type: "Feature", properties: {}, geometry });
  const drawn = () => {
    if (corners === null) return shape === null ? [] : [asFeature(shape)];
    const points = corners.map((corner) => asFeature({ type: "Point", coordinates: corner }));
    if (corners.length > 2) points.push(asFeature({ type: "Polygon", coordinates: [[...corners, corners[0]]] }));
    else if (corners.length === 2) points.push(asFeature({ type: "LineString", coordinates: corners }));
    return points;
  };
  const draw = () => {
    map.getSource("markup").setData({ type: "FeatureCollection", features: drawn() });
    map.getCanvas().style.cursor = corners === null ? "" : "crosshair";
    changed();
  };
  map.on("click", ({ lngLat }) => {
    if (corners === null) return;
    corners.push([lngLat.lng, lngLat.lat].map((degrees) => Number(degrees.toFixed(7))));
    draw();
  });

  return {
    get shape() { return shape; },
    get isDrawing() { return corners !== null; },
    get corners() { return corners?.length ?? 0; },
    onChange(told) { changed = told; },
    show(geometry) { shape = geometry ?? null; corners = null; draw(); },
    begin() { corners = []; draw(); },
    finish() {
      if (corners.length < 3) throw new Error("图示至少要三个角点。 A mark-up has three corners at least.");
      shape = { type: "Polygon", coordinates: [[...corners, corners[0]]] };
      corners = null;
      draw();
    },
  };
}
