// A site (用地红线) for a project: read from a file of any known format, or drawn on the map; checked at once, kept by nobody.

import { boundsOf } from "./bounds.js";
import { showReport } from "./check.js";
import { button, place, squareMetres } from "./coordination.js";
import { drawingOn } from "./drawing.js";
import { ask, bilingual, element, send } from "./words.js";

const FILES = ".geojson,.json,.zip,.gpkg,.txt,.dxf,.kml,.kmz,.gml,.fgb,.parquet,.csv,.tab,.mif";

// `target` gets the controls; `given` is what to send of the site, null while there is none.
export function siteOn(map, target) {
  const drawing = drawingOn(map, "drawn-site", "#e4002b");
  let read = null;
  const file = element("input", { type: "file", id: "site-file", "aria-label": "红线文件 file of the site", accept: FILES });
  const crs = element("input", { id: "site-crs", maxlength: "100", placeholder: "文件未注明时填坐标系，如 EPSG:4529", "aria-label": "坐标系 coordinate system" });
  const width = element("input", { id: "site-width", type: "number", min: "0.1", max: "2000", step: "any", placeholder: "线、点的宽度（米）", "aria-label": "线、点的作业带宽（米） width of lines and points" });
  const acts = element("p", { class: "buttons", id: "site-acts" });
  const hint = element("p", { class: "hint", id: "site-hint" });
  const report = element("div", { id: "site-report", "aria-live": "polite" });
  const small = { class: "small" };

  const show = () => {
    const words = drawing.isDrawing ? bilingual(`在地图上依次点击角点，已有 ${drawing.corners} 个。`, "Click the corners on the map, then finish.")
      : read ? bilingual(`已读取：${squareMetres(read.plane_area_m2)}，${read.source_crs} → ${read.crs}${read.notes.length ? `；${read.notes.join("；")}` : ""}`, "It is read.")
        : drawing.shape ? bilingual("已画出（红色虚线）。", "It is drawn.") : bilingual("选择文件，或在地图上画出。", "Choose a file, or draw it on the map.");
    hint.replaceChildren(...words);
    const buttons = drawing.isDrawing
      ? [button(["完成", "Finish"], finish, { class: "first small" }), button(["撤销一点", "Undo"], () => drawing.undo(), small), button(["取消", "Cancel"], clear, small)]
      : [button(["画红线", "Draw"], () => begin({}), small), ...(drawing.shape && !read ? [button(["再画一块", "Draw another part"], () => begin({ another: true }), small)] : []),
        ...(drawing.shape ? [button(["清除", "Clear"], clear, small)] : [])];
    acts.replaceChildren(...buttons.flatMap((each) => [each, " "]));
  };
  const begin = (options) => {
    read = null;
    report.replaceChildren();
    place("map").scrollIntoView({ block: "nearest" });
    drawing.begin(options);
  };
  const clear = () => {
    read = null;
    file.value = "";
    report.replaceChildren();
    drawing.show(null);
  };
  const given = () => (read ? { footprint: read.footprint, crs: read.crs } : drawing.shape && !drawing.isDrawing ? { footprint: drawing.shape } : null);
  const check = async () => {
    const { footprint, crs: of } = given();
    showReport(await send("POST", `/api/checks${of ? `?crs=${encodeURIComponent(of)}` : ""}`, footprint), report, { isLinked: false });
  };
  const finish = async () => {
    drawing.finish();
    await check();
  };
  const reading = button(["读取文件", "Read"], async () => {
    if (!file.files.length) throw new Error("请先选择文件。 Choose a file first.");
    const form = new FormData();
    form.append("file", file.files[0]);
    if (crs.value.trim()) form.append("crs", crs.value.trim());
    if (width.value) form.append("width_m", width.value);
    read = null;
    report.replaceChildren();
    drawing.show(null);
    read = await ask("/api/footprints", { method: "POST", body: form });
    drawing.show(read.geometry);
    map.fitBounds(boundsOf(read.geometry), { padding: 80, maxZoom: 17, duration: 0 });
    await check();
  }, small);

  file.addEventListener("change", () => { if (file.files.length) reading.click(); });
  drawing.onChange(show);
  target.replaceChildren(
    element("p", { class: "row" }, file, crs, width, reading),
    element("p", { class: "hint" }, ...bilingual("Shapefile（zip）、GeoPackage、DXF、KML、GeoJSON、勘测定界 TXT 等", "and other formats of layers")),
    acts, hint, report,
  );
  show();
  return {
    get given() {
      if (drawing.isDrawing) throw new Error("红线还没有画完，请先完成或取消。 The site is not finished; finish or cancel it.");
      return given();
    },
  };
}
