// The live check (实时检核): an outline is drawn or dragged, and the verdict and findings follow; nothing is kept.

import { boundsOf, boundsToShow } from "./bounds.js";
import { showReport } from "./check.js";
import { SEVERITY, baseMap, begin, button, fail, mark, place, say } from "./coordination.js";
import { findingLayers, linkFindings, numbered } from "./finding_map.js";
import { saveAs } from "./files.js";
import { outlineOn } from "./outline.js";
import { geometries, particulars, readJson } from "./sites.js";
import { ask, bilingual, element, wordsOf } from "./words.js";

const PAUSE_MS = 120;
const LONGEST_MS = 400;
const REST_MS = 500;
const NOTHING = { type: "FeatureCollection", features: [] };
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
let map;
let outline;
let drawn = NOTHING;
let asking = null;
let pause = null;
let rest = null;
let since = null;
let state = { corners: [], isClosed: false, isDrawing: false, kind: "area", parts: 0 };

const post = (form, signal) => ask(`/api/checks?${new URLSearchParams({ f: form, ...particulars("use", "top"), ...(place("width").value && geometries(outline.shape).some(({ type }) => type !== "Polygon") ? { width_m: place("width").value } : {}) })}`, {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(outline.shape), signal,
});

// One question at a time: what was asked of an older outline is given up, its answer would be of another shape.
async function answered(form, show) {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  try {
    const found = await post(form, mine.signal);
    if (asking === mine) show(found);
  } catch (problem) {
    if (mine.signal.aborted) return;
    map.getSource("found").setData(NOTHING);
    place("report").replaceChildren();
    // What is wrong with an outline (it crosses itself, lies outside the city) is said where its verdict stands.
    place("standing").replaceChildren(element("span", { class: "error" }, ...wordsOf(problem)));
    place("standing").dataset.verdict = "";
  }
}

function drawFindings(shapes) {
  const { features } = numbered(shapes);
  drawn = { type: "FeatureCollection", features: features.filter((each) => each.properties.kind === "finding") };
  map.getSource("found").setData(drawn);
}

async function check() {
  since = null;
  clearTimeout(rest); // else what is to be drawn of the outline before gives this question up
  if (outline.shape === null) return;
  await answered("json", (report) => {
    showReport(report, place("report"));
    place("standing").replaceChildren(mark(report.verdict, SEVERITY[report.verdict]), ` ${report.findings.length} 处 findings`);
    place("standing").dataset.verdict = report.verdict;
    rest = setTimeout(() => answered("geojson", drawFindings), REST_MS);
  });
}

// Soon after the outline comes to rest, and now and then while it goes on being dragged.
function checkSoon() {
  clearTimeout(pause);
  clearTimeout(rest);
  since ??= Date.now();
  pause = setTimeout(check, Math.max(0, Math.min(PAUSE_MS, LONGEST_MS - (Date.now() - since))));
}

function showCorners() {
  const inFocus = document.activeElement?.dataset?.corner;
  place("corners").replaceChildren(...state.corners.map(([longitude, latitude], number) => element("li", {},
    element("button", { type: "button", class: "small", "data-corner": String(number) }, `${longitude.toFixed(6)}, ${latitude.toFixed(6)}`))));
  if (inFocus !== undefined) document.querySelector(`[data-corner="${Math.min(Number(inFocus), state.corners.length - 1)}"]`)?.focus();
  if (state.corners.length === 0) place("corners").replaceChildren(element("li", { class: "empty" }, ...bilingual("还没有角点。", "No corner yet.")));
}

function showActs() {
  const { corners, isClosed, isDrawing } = state;
  const small = { class: "small" };
  const centre = () => map.getCenter().toArray();
  const acts = isDrawing
    ? [button(["完成", "Finish"], () => outline.close(), { class: "first small" }), button(["地图中心加一点", "Corner at the centre"], () => outline.addAt(centre()), small),
      button(["撤销一点", "Undo"], () => outline.undo(), small), button(["取消", "Cancel"], () => outline.giveUp(), small)]
    : [...(isClosed ? [] : [button(["画红线", "Draw"], () => outline.begin(), small), button(["画线", "Line"], () => outline.begin({ of: "line" }), small), button(["画点", "Point"], () => outline.begin({ of: "point" }), small)]),
      ...(isClosed ? [button(["再画一块", "Another area"], () => outline.begin({ another: true }), small), button(["再画一条线", "Another line"], () => outline.begin({ of: "line", another: true }), small), button(["再画一点", "Another point"], () => outline.begin({ of: "point", another: true }), small)] : []),
      ...(isClosed && state.parts ? [button(["换一块", "Next shape"], () => outline.takeNext(), small), button(["删除此块", "Remove this one"], () => outline.giveUp(), small)] : []),
      ...(isClosed ? [element("button", { type: "button", class: "small", id: "move-all", title: "方向键移动整块 arrow keys move the whole" }, ...bilingual("整体移动（方向键）", "Move by arrow keys")),
        button(["下载", "Download"], () => saveAs("用地红线.geojson", new Blob([JSON.stringify(outline.shape.type === "FeatureCollection" ? outline.shape : { type: "Feature", properties: {}, geometry: outline.shape })], { type: "application/geo+json" })), small),
        button(["清除", "Clear"], () => outline.clear(), small)] : [])];
  const inFocus = document.activeElement?.id;
  place("acts").replaceChildren(...acts.flatMap((each) => [each, " "]));
  if (inFocus === "move-all") place("move-all")?.focus();
  if (isDrawing && corners.length === 0) say("", ...bilingual("在地图上依次点击角点。", "Click the corners on the map."));
  else say("");
}

function changed(now) {
  const isAnother = now.isClosed !== state.isClosed || now.isDrawing !== state.isDrawing || now.kind !== state.kind || now.parts !== state.parts || (now.corners.length === 0) !== (state.corners.length === 0);
  state = now;
  if (isAnother) showActs();
  showCorners();
  map.getSource("found").setData(NOTHING); // what was drawn is of the outline before
  if (now.isClosed) { checkSoon(); return; }
  clearTimeout(pause);
  clearTimeout(rest);
  asking?.abort();
  place("report").replaceChildren();
  place("standing").dataset.verdict = "";
  place("standing").replaceChildren(...bilingual("还没有红线：在地图上画出，或读取文件。", "No outline yet: draw one on the map, or read a file."));
}

function byKeys(event) {
  const target = event.target.closest?.("[data-corner], #move-all");
  if (!target) return;
  const number = target.dataset.corner === undefined ? null : Number(target.dataset.corner);
  if (KEYS[event.key]) {
    const step = event.shiftKey ? 10 : 1;
    outline.move(number, ...KEYS[event.key].map((way) => way * step));
  } else if (event.key === "Delete" && number !== null) {
    try { outline.remove(number); } catch (problem) { fail(problem); }
  } else return;
  event.preventDefault();
}

async function readFile() {
  const [file] = place("file").files;
  if (!file) return;
  const single = ({ type, coordinates }) => (type.startsWith("Multi") ? coordinates.map((each) => ({ type: type.slice(5), coordinates: each })) : [{ type, coordinates }]);
  const shapes = geometries(await readJson(file)).flatMap(single);
  const kinds = ["Polygon", "LineString", "Point"];
  if (shapes.length === 0 || shapes.some(({ type }) => !kinds.includes(type)) || (shapes.at(-1).type === "Polygon" && shapes.at(-1).coordinates.length !== 1)) throw new Error("文件中没有面、线或点，或最后一块有洞，此页不能改；请在地图页检查。 No area, line or point is in the file, or its last area has a hole; check it on the map page.");
  outline.show(shapes);
  map.fitBounds(boundsOf({ coordinates: shapes.map(({ coordinates }) => coordinates) }), { padding: 100, maxZoom: 17, duration: 0 });
}

async function start() {
  const { city } = await begin("实时检核 Live check", { anyone: true });
  map = await baseMap((style) => boundsToShow(city, style));
  map.addSource("found", { type: "geojson", data: NOTHING });
  findingLayers(map, "found");
  linkFindings(map, "found", place("report"), () => drawn);
  outline = outlineOn(map, changed);
  document.addEventListener("keydown", byKeys);
  place("file").addEventListener("change", () => readFile().catch(fail));
  for (const id of ["use", "top", "width"]) place(id).addEventListener("input", () => { if (outline.shape) checkSoon(); });
  showActs();
  outline.clear();
  say("");
}

start().catch(fail);
