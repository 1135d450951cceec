// The map of a layer's page: the city's outline, the chosen version, and over it a diagnosis, an issue, or a difference.

import { boundsOf, boundsToShow } from "./bounds.js";
import { baseMap } from "./coordination.js";
import { picture } from "./layer_raster.js";
import { ask } from "./words.js";

const NOTHING = { type: "FeatureCollection", features: [] };
const tiles = (address) => [`${location.origin}${address}/{z}/{x}/{y}.mvt`];
export const GUESS_COLOURS = ["#1565c0", "#2e7d32", "#6a1b9a"];
const CHANGES = ["match", ["get", "change"], "gained", "#2e7d32", "lost", "#b00020", "#e6a000"];
export const DIFFERENCE_MIN_ZOOM = 12;

export async function layerMap(city, layer) {
  const map = await baseMap((style) => layer.extent ?? boundsToShow(city, style));
  const outline = await ask("/api/city/outline");
  map.addSource("outline", { type: "geojson", data: outline.geometry === null ? NOTHING : outline });
  map.addLayer({ id: "outline", type: "line", source: "outline", paint: { "line-color": "#5b6770", "line-width": 1.5, "line-dasharray": [4, 2] } });
  for (const name of ["doctor", "issue"]) map.addSource(name, { type: "geojson", data: NOTHING });
  const colours = ["match", ["get", "role"], "as_said", "#c62828", ...GUESS_COLOURS.flatMap((colour, number) => [`guess ${number}`, colour]), "#607d8b"];
  map.addLayer({ id: "doctor", type: "circle", source: "doctor", filter: ["!=", ["get", "role"], "outline"], paint: { "circle-color": colours, "circle-radius": 4, "circle-stroke-color": "#fff", "circle-stroke-width": 1 } });
  shapeLayers(map, "issue", "issue", null, ["match", ["get", "role"], "mended", "#2e7d32", "other", "#1565c0", "#b00020"]);

  const clear = (name) => {
    for (const { id, source } of map.getStyle().layers) if (source === name) map.removeLayer(id);
    if (map.getSource(name)) map.removeSource(name);
  };
  // Where nothing is in force nobody says where the data lie: a draft is found by what is drawn of it.
  const fitDrawn = () => {
    const drawn = map.getSource("version") ? map.querySourceFeatures("version", { sourceLayer: layer.code }) : [];
    if (drawn.length) map.fitBounds(boundsOf({ coordinates: drawn.map((feature) => feature.geometry.coordinates) }), { padding: 50, maxZoom: 17, duration: 0 });
  };
  const over = () => map.moveLayer("doctor");
  return {
    fit: (bounds) => map.fitBounds(bounds, { padding: 50, maxZoom: 17, duration: 0 }),

    // One version as it is stored, drafts too; a raster as a picture of it.
    showVersion(version) {
      clear("version");
      if (version === null) return;
      const { number } = version;
      if (version.raster !== null) {
        map.addSource("version", picture(`/api/layers/${encodeURIComponent(layer.code)}`, version));
        map.addLayer({ id: "version-picture", type: "raster", source: "version", paint: { "raster-opacity": 0.75, "raster-resampling": "nearest" } });
        map.moveLayer("outline");
        over();
        if (layer.extent === null) this.fit(version.extent);
        return;
      }
      map.addSource("version", { type: "vector", tiles: tiles(`/tiles/${encodeURIComponent(layer.code)}/versions/${number}`), maxzoom: 18 });
      shapeLayers(map, "version", "version", layer.code, layer.color ?? "#12507b");
      over();
      if (layer.extent === null) map.once("idle", fitDrawn);
    },

    // Guesses are told apart by colour, in the order in which the page lists them.
    showDiagnosis(found) {
      const names = found === null ? [] : found.guesses.map((guess) => `guess ${guess.crs}`);
      const role = (given) => (names.includes(given) ? `guess ${names.indexOf(given)}` : given);
      const features = found === null ? [] : found.preview.features.map((feature) => ({ ...feature, properties: { role: role(feature.properties.role) } }));
      map.getSource("doctor").setData({ type: "FeatureCollection", features });
      const drawn = features.filter((feature) => feature.properties.role !== "outline");
      const shown = drawn.filter((feature) => feature.properties.role === "as_said" && found.share_inside);
      for (const feature of (shown.length ? shown : features).slice(0, 1)) this.fit(boundsOf(feature.geometry));
    },

    // An issue, and beside it what else it may mean: all of it is in the picture.
    showIssue(issue, others = []) {
      this.showDrawn([...others.map(({ geometry }) => ({ geometry, role: "other" })), { geometry: issue?.geometry ?? null, role: "issue" }]);
    },

    showDrawn(drawn) {
      const features = drawn.filter(({ geometry }) => geometry).map(({ geometry, role }) => ({ type: "Feature", properties: { role }, geometry }));
      map.getSource("issue").setData({ type: "FeatureCollection", features });
      if (!features.length) return;
      const { clientWidth: width, clientHeight: height } = map.getContainer();
      const isPoint = features.every(({ geometry }) => geometry.type === "Point");
      map.fitBounds(boundsOf({ coordinates: features.map(({ geometry }) => geometry.coordinates) }), { padding: Math.min(120, width / 4, height / 4), maxZoom: isPoint ? 17 : 21, duration: 0 });
    },

    showDifference(old, now) {
      clear("difference");
      if (old === null || layer.geometry === "raster") return;
      map.addSource("difference", {
        type: "vector", tiles: tiles(`/tiles/${encodeURIComponent(layer.code)}/differences/${old}/${now}`), minzoom: DIFFERENCE_MIN_ZOOM, maxzoom: 18,
      });
      shapeLayers(map, "difference", "difference", layer.code, CHANGES);
      over();
    },
  };
}

function shapeLayers(map, name, source, code, colour) {
  const shared = { source, ...(code === null ? {} : { "source-layer": code }) };
  const kind = (geometry) => ["==", ["geometry-type"], geometry];
  map.addLayer({ id: `${name}-fill`, type: "fill", ...shared, filter: kind("Polygon"), paint: { "fill-color": colour, "fill-opacity": 0.4 } });
  map.addLayer({ id: `${name}-line`, type: "line", ...shared, filter: ["!", kind("Point")], paint: { "line-color": colour, "line-width": 2 } });
  map.addLayer({ id: `${name}-point`, type: "circle", ...shared, filter: kind("Point"), paint: { "circle-color": colour, "circle-radius": 5, "circle-stroke-color": "#fff", "circle-stroke-width": 1 } });
}
