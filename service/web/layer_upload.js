// Uploading a version: the file is looked at first and nothing is stored; then a person says how to take it; large files by a job.

import { boundsOf } from "./bounds.js";
import { act, button, confirmed, place } from "./coordination.js";
import { COMPILING, finished, sendForm } from "./files.js";
import { showDiagnosis } from "./layer_doctor.js";
import { mappingChoices } from "./layer_mapping.js";
import { issuesTable } from "./layer_quality.js";
import { bar, clearError, count, fieldError } from "./layer_words.js";
import { ask, bilingual, element, withoutLogin } from "./words.js";

const SHAPES = ["polygon", "line", "point", "collection"];
let page = null;
let file = null;
let looked = null;

export function prepareUpload(given) {
  page = given;
  place("upload-card").hidden = !page.may("upload_version");
  if (place("upload-card").hidden) return;
  const drop = place("drop");
  for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  drop.addEventListener("drop", ({ dataTransfer }) => { if (dataTransfer.files.length) place("file").files = dataTransfer.files; take(dataTransfer.files); });
  place("file").addEventListener("change", () => take(place("file").files));
}

function take(files) {
  clearError(place("drop"));
  clear();
  if (files.length === 0) return;
  if (files.length > 1) {
    fieldError(place("drop"), new Error("一次上传一个文件；Shapefile 请把各部分打成一个 zip。 One file at a time; zip the parts of a Shapefile."));
    return;
  }
  [file] = files;
  look({});
}

function clear() {
  looked = null;
  place("diagnosis").replaceChildren();
  place("upload").replaceChildren();
  place("upload").hidden = true;
  page.map.showDiagnosis(null);
}

// What was said of the file already goes along: its layer, its CRS, its encoding.
async function look(said) {
  clearError(place("drop"));
  const form = new FormData();
  form.append("file", file, file.name);
  for (const [name, value] of Object.entries(said)) if (value) form.append(name, value);
  const progress = bar(place("upload-progress"));
  const sent = (share) => progress.tell(share < 1 ? share : null, share < 1 ? `正在发送 ${file.name}……` : "正在查看文件……", share < 1 ? "sending" : "looking at the file");
  try {
    const found = await sendForm(`${page.address}/diagnosis`, form, sent);
    looked = found;
    showDiagnosis(place("diagnosis"), found);
    page.map.showDiagnosis(found);
    showForm(found, said);
  } catch (problem) {
    place("diagnosis").replaceChildren();
    showForm(null, said);
    fieldError(place("drop"), problem);
  } finally {
    progress.end();
  }
}

function field(id, words, input, about) {
  input.id = id;
  return element("div", { class: "field" }, element("label", { for: id }, ...bilingual(...words)), input, ...(about ? [element("p", { class: "hint" }, ...bilingual(...about))] : []));
}

// `found` is null where nothing is known of the file: then it can be looked at again with what it does not say.
function showForm(found, said = {}) {
  const isRaster = page.layer.geometry === "raster";
  const text = (value = "") => element("input", { maxlength: "200", value });
  const crs = text(said.crs);
  const encoding = text(said.encoding);
  const several = (found?.sublayers.length ?? 0) > 1;
  const unchosen = isRaster && several && !said.sublayer; // which band holds the values nobody but a person knows
  const sublayer = element("select", {}, ...(isRaster && several ? [element("option", { value: "" }, "请选择 choose")] : []), ...(found?.sublayers ?? []).map((name) => element("option", { value: name }, name)));
  if (found) sublayer.value = unchosen ? "" : found.sublayer;
  const again = () => look({ ...(several && { sublayer: sublayer.value }), crs: crs.value.trim(), encoding: encoding.value.trim() });
  sublayer.addEventListener("change", again);
  const others = found !== null && SHAPES.some((kind) => kind !== page.layer.geometry && found.kinds[kind]);
  const split = element("input", { type: "checkbox", id: "split" });
  const [validUntil, reviewBy] = [element("input", { type: "date" }), element("input", { type: "date" })];
  const districts = page.city.districts.map(({ code, name }) => element("label", {}, element("input", { type: "checkbox", value: code, name: "district" }), ` ${name}`));
  const newest = page.versions.at(-1)?.number ?? null;
  const isDelta = element("input", { type: "checkbox", id: "is-delta" });
  const changeField = text();
  const mapping = mappingChoices(page, found?.fields ?? []);
  const whole = element("div", {},
    ...(others ? [element("label", {}, split, " ", ...bilingual("舍去其他几何类型", "leave features of other kinds out"))] : []), ...mapping.shown,
    element("div", { class: "fields" }, field("valid-until", ["有效期至", "valid until"], validUntil), field("review-by", ["复核期限", "review by"], reviewBy)),
    ...(districts.length && !isRaster ? [element("p", { class: "hint" }, ...bilingual("覆盖范围：数据只涉及部分区县时勾选。", "Coverage: tick districts where the data speak of a part of the city.")), element("div", { class: "row" }, ...districts)] : []),
  );
  const change = element("div", { hidden: "" }, field("change-field", ["变更类型字段", "field that says what a row is"], changeField, ["其值为调入、属性变更、调出（或 add、change、remove）；文件有 WHQ、WHC、WHH 三层时不必填写。", "Not needed for files with the layers WHQ, WHC, WHH."]));
  isDelta.addEventListener("change", () => { whole.hidden = isDelta.checked; change.hidden = !isDelta.checked; });
  const go = element("button", { type: "button", class: "first", id: "store" }, ...bilingual("上传为草稿", "Upload as a draft"));
  const send = () => store(isDelta.checked
    ? { address: `${page.address}/versions/${newest}/delta`, values: { sublayer: several && changeField.value.trim() ? sublayer.value : "", crs: crs.value, encoding: encoding.value, change_field: changeField.value } }
    : {
      address: `${page.address}/versions`,
      values: {
        sublayer: several ? sublayer.value : "", crs: crs.value, encoding: encoding.value, valid_until: validUntil.value, review_by: reviewBy.value, mapping: mapping.value(),
        accept_crs: document.querySelector("#diagnosis [name=accept]:checked")?.value ?? "", split: others && split.checked ? "true" : "",
        districts: districts.map((each) => each.firstElementChild).filter((box) => box.checked).map((box) => box.value).join(","),
      },
    });
  act(go, () => (unchosen ? fieldError(sublayer.closest(".field"), new Error("请选择波段。 Choose the band.")) : send()));
  place("upload").replaceChildren(
    ...(several ? [field("sublayer", isRaster ? ["波段", "band"] : ["子图层", "layer of the file"], sublayer, isRaster ? ["文件有多个波段，请选择数值所在的一个。", "The file has several bands; choose the one with the values."] : ["文件有多个图层，请选择一个。", "The file has several; choose one."])] : []),
    element("div", { class: "fields" }, field("crs", ["坐标系", "CRS"], crs, ["文件未注明时填写，如 EPSG:4550；已登记的地方坐标系如 LOCAL:ANSHAN。", "where the file does not say it; a registered local grid by its name"]), ...(isRaster ? [] : [field("encoding", ["文字编码", "encoding"], encoding, ["一般不填；如 GB18030。", "as a rule not needed"])])),
    ...(newest === null || isRaster ? [] : [element("label", {}, isDelta, " ", ...bilingual(`增量更新（动态维护）：只含变更，基于第 ${newest} 版`, `a delta on v${newest}`))]), change, whole,
    element("p", { class: "buttons" }, go, " ", button(["重新查看", "Look again"], again)),
  );
  place("upload").hidden = false;
  place("upload").onsubmit = (event) => event.preventDefault();
}

// Where the diagnosis drew the data that are stored now: as the file says, or by the system that was accepted.
function boundsOfTaken(crs) {
  const role = crs ? `guess ${crs}` : "as_said";
  const drawn = looked?.preview.features.find((feature) => feature.properties.role === role);
  return drawn ? boundsOf(drawn.geometry) : null;
}

async function store({ address, values }) {
  clearError(place("drop"));
  const form = new FormData();
  form.append("file", file, file.name);
  for (const [name, value] of Object.entries(values)) if (value.trim()) form.append(name, value.trim());
  const progress = bar(place("upload-progress"));
  const sent = (share) => progress.tell(share < 1 ? share : null, share < 1 ? `正在发送 ${file.name}……` : "正在入库、质检……", share < 1 ? "sending" : "storing and checking");
  try {
    const answer = await sendForm(address, form, sent);
    const number = "kind" in answer ? (await waited(answer, progress)).version : answer.number;
    const bounds = boundsOfTaken(values.accept_crs);
    clear();
    place("file").value = "";
    await stored(number);
    if (bounds) page.map.fit(bounds);
    place("version-card").scrollIntoView({ block: "start" });
  } catch (problem) {
    refuse(problem);
  } finally {
    progress.end();
  }
}

// Files that jobs are storing still, as when the page was left meanwhile: how far they are, and what became of them.
export async function resume() {
  try {
    const { items } = await ask(`/api/jobs?unfinished=true&layer=${encodeURIComponent(page.layer.code)}`);
    await Promise.all(items.filter(({ kind }) => kind === "upload").map(follow));
  } catch (problem) {
    fieldError(place("drop"), problem);
  }
}

// One's own file leads to its version; another's is told of in its line, and the page stays where it is.
async function follow(job) {
  const isOwn = job.asked_by === page.me.name;
  const progress = bar(place("upload-progress"));
  try {
    const { version } = await waited(job, progress, isOwn ? null : withoutLogin(job.asked_by));
    if (isOwn) {
      progress.end();
      await stored(version);
    } else progress.line.replaceChildren(...bilingual(`${withoutLogin(job.asked_by)} 上传的文件已存为第 ${version} 版草稿；刷新页面后可见。`, `Somebody's file is version ${version} now, a draft; reload the page to see it.`));
  } catch (problem) {
    progress.line.replaceChildren();
    fieldError(progress.line, problem);
  }
}

const stored = (number) => page.settle(number, `已存为第 ${number} 版草稿并质检；试发布后可生效。`, `Stored as version ${number}, a draft, and checked.`);

// A large file is stored by a job, which who asked can call off; `whose` it is, where it is another's.
function waited(job, progress, whose = null) {
  const cancel = button(["取消上传", "Cancel"], async () => {
    if (await confirmed(["取消上传", "Cancel the upload"], ["已入库的部分会全部撤销。", "Nothing of it is kept."], { strong: true })) await ask(`/api/jobs/${job.id}/cancel`, { method: "POST" });
  }, { class: "small" });
  return finished(job, (now) => {
    const share = now.phase === "stage" && now.bytes_total ? now.bytes_done / now.bytes_total : null;
    const words = now.state === "waiting" ? "排队中……" : now.phase === "compile" ? COMPILING : `正在入库：${count(now.features_done)} 个图斑……`;
    progress.tell(share, whose === null ? words : `${whose} 上传的文件：${words}`, now.phase ?? now.state);
    if (whose === null) progress.line.append(" ", cancel);
  }, "上传没有完成。 The upload was not finished.");
}

function refuse(problem) {
  fieldError(place("drop"), problem);
  const { issues, rows } = problem.members ?? {};
  if (issues?.length) {
    const table = element("table", { id: "refused" });
    // Readings of one outline that may be meant in several ways are drawn together, the chosen one over the others.
    issuesTable(table, issues, (issue) => page.map.showIssue(issue, issues.filter((each) => each !== issue && each.code === "geometry-ambiguous" && each.row === issue.row)));
    place("diagnosis").replaceChildren(element("div", { class: "wide" }, table));
  } else if (rows?.length) place("diagnosis").replaceChildren(...rows.map(({ number, source_id: id, what_zh: zh, what }) =>
    element("p", { class: "hint" }, `第 ${number} 行 row ${number}（${id ?? "—"}）：`, ...(zh && zh !== what ? bilingual(zh, what) : [what]))));
}
