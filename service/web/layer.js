// The page of a layer's life: what it is, its versions, and of the chosen one what was found, what it would change, and its files.

import { begin, departmentNames, fail, mark, place, say, time, today } from "./coordination.js";
import { prepareCompare, prepareExport } from "./layer_files.js";
import { showForce } from "./layer_force.js";
import { layerMap } from "./layer_map.js";
import { showMapping } from "./layer_mapping.js";
import { showMendings } from "./layer_mendings.js";
import { showQuality } from "./layer_quality.js";
import { legend } from "./layer_raster.js";
import { prepareUpload, resume } from "./layer_upload.js";
import { GEOMETRY, SENSITIVITY, count, facts, mayOn, standing, stateMarks, versionWords } from "./layer_words.js";
import { CONTROL_WORDS, ask, bilingual, element, withoutLogin } from "./words.js";

const code = new URLSearchParams(location.search).get("code") ?? "";
const address = `/api/layers/${encodeURIComponent(code)}`;
const page = { address, city: null, me: null, layer: null, versions: [], chosen: null, map: null, may: () => false, settle, choose };

function showLayer({ layer }, nameOf) {
  place("layer-heading").replaceChildren(layer.title, " ", element("small", { lang: "en" }, layer.title_en ?? layer.code));
  place("standing").replaceChildren(...stateMarks(layer, today()));
  facts("particulars", [
    [["代码", "code"], layer.code], [["图层组", "group"], layer.group_name], [["主管部门", "department"], nameOf(layer.department)],
    [["类型", "kind"], bilingual(...GEOMETRY[layer.geometry])], [["管控", "control"], bilingual(...CONTROL_WORDS[layer.control])], [["依据", "basis"], layer.basis],
    [["分级", "class"], bilingual(...SENSITIVITY[layer.sensitivity])], [["属性标准", "standard"], layer.standard],
    [["摘要", "abstract"], layer.abstract], [["权属单位", "owner"], layer.owner], [["比例尺", "scale"], layer.scale && `1:${count(layer.scale)}`],
    [["数据时点", "data of"], layer.data_on], [["数据来源与沿革", "lineage"], layer.lineage], [["共享用途", "may be used for"], layer.purpose], [["共享条件", "conditions"], layer.conditions],
    [["底图", "base map"], layer.is_base_map ? "是 yes" : null],
  ]);
  place("change").href = `/define?code=${encodeURIComponent(layer.code)}`;
  place("change").hidden = !page.may("define_layer");
}

// A period without a day: a plan that was called off or moved, or a version that another followed on its first day.
function days({ starts_on: first, ends_on: end }) {
  if (end === null) return `${first} 起 since`;
  if (first !== end) return `${first} 至 ${end} 前 until before`;
  return first > today() ? `原定 ${first} 生效，已取消 planned, called off` : `${first} 当日被替代或取消 replaced or called off that day`;
}

const size = ({ raster, feature_count: features }) => (raster === null ? `${count(features)} 个图斑 features` : `${count(raster.width)} × ${count(raster.height)} 像元 pixels`);

function versionItem(version) {
  const about = [
    `${version.source_name} · ${size(version)}`,
    version.base === null ? null : `基于第 ${version.base} 版 on v${version.base}`,
    version.warnings_reason && `警告确认：${version.warnings_reason}`,
    version.withdrawn_on && `${version.withdrawn_on} 收回 withdrawn`,
  ].filter(Boolean);
  const item = element(
    "li", { class: "version", tabindex: "0", "data-version": String(version.number) },
    element("time", {}, time(version.uploaded_at), ` · ${withoutLogin(version.uploaded_by)}`), element("strong", {}, ...bilingual(...versionWords(version.number))), " ", standing(version),
    ...(version.error_count ? [" ", mark("error", [`${count(version.error_count)} 个错误`, "errors"])] : []),
    ...(version.warning_count ? [" ", mark("warning", [`${count(version.warning_count)} 个警告`, "warnings"])] : []),
    ...version.periods.map((period) => element("span", { class: "about" }, days(period))), ...about.map((words) => element("span", { class: "about" }, words)),
  );
  item.addEventListener("click", () => choose(version.number).catch(fail));
  item.addEventListener("keydown", ({ key }) => { if (key === "Enter") choose(version.number).catch(fail); });
  return item;
}

function showVersions() {
  const items = [...page.versions].reverse().map(versionItem);
  const isRetired = page.layer.retired_on !== null;
  const told = isRetired ? ["停用前没有版本。", "It had no version when it was retired."] : ["还没有版本，请上传第一个文件。", "There is no version yet; upload the first file."];
  const nothing = element("li", { class: "empty" }, ...bilingual(...told));
  place("versions").replaceChildren(...(items.length ? items : [nothing]));
}

// What may be seen of a version's inside: a draft's by those alone who could bring it into force.
const isOpen = (version) => version.periods.length > 0 || page.may("bring_into_force");

const degrees = ([west, south, east, north]) =>
  `${west.toFixed(4)}—${east.toFixed(4)}°E，${south.toFixed(4)}—${north.toFixed(4)}°N`;

async function choose(number) {
  const version = await ask(`${address}/versions/${number}`);
  page.chosen = version;
  for (const item of document.querySelectorAll("#versions .version")) item.classList.toggle("chosen", item.dataset.version === String(number));
  place("version-card").hidden = false;
  place("version-heading").replaceChildren(`第 ${number} 版 `, element("small", { lang: "en" }, `Version ${number}`));
  place("version-standing").replaceChildren(standing(version));
  facts("version-particulars", [
    [["文件", "file"], version.source_name], [["坐标系", "CRS"], version.source_crs],
    [["坐标转换", "operation"], version.operation_accuracy_m === null ? version.operation : `${version.operation}（±${version.operation_accuracy_m} m）`],
    ...(version.raster === null ? [[["图斑、节点", "features, vertices"], `${count(version.feature_count)}、${count(version.vertex_count)}`]]
      : [[["像元", "pixels"], `${size(version)}，${version.raster.pixel_width_m} m`], [["最小、平均、最大", "least, mean, most"], [version.raster.minimum, version.raster.mean, version.raster.maximum].map((value) => value.toLocaleString("zh-CN")).join("、")]]),
    [["自动修复", "mended"], version.mended_count ? count(version.mended_count) : null],
    [["高程、量测值", "Z, M"], version.is_flattened ? "已舍去 dropped" : null],
    [["有效期至", "valid until"], version.valid_until], [["复核期限", "review by"], version.review_by],
    [["四至", "extent"], degrees(version.extent)],
    [["落点印证", "place tested"], version.is_place_confirmed === null ? null : version.is_place_confirmed ? "与界线或其他图层相符 lies on a boundary or another layer" : "无从印证 by nothing it could be compared with"],
    [["覆盖范围", "coverage"], version.has_coverage ? "本市部分区域 a part of the city" : null],
    [["警告确认", "warnings confirmed"], version.warnings_reason && `${version.warnings_reason}（${withoutLogin(version.warnings_confirmed_by)}，${time(version.warnings_confirmed_at)}）`], [["SHA-256", ""], version.source_sha256],
  ]);
  const open = isOpen(version);
  place("version-picture").replaceChildren(...(open && version.raster !== null ? [legend(version, page.layer)] : []));
  page.map.showVersion(open ? version : null);
  page.map.showIssue(null);
  showForce(page, open);
  prepareExport(page, open);
  await showQuality(page, open);
  await showMendings(page, open);
}

// A change is made: everything is read again, and what was done is said where it is seen.
async function settle(number, ...words) {
  await reload(number);
  say("done", ...bilingual(...words));
  place("message").scrollIntoView({ block: "nearest" });
}

// After a change everything is read again; `number` is the version to look at then.
async function reload(number = null) {
  const [layer, { items }] = await Promise.all([ask(address), ask(`${address}/versions`)]);
  Object.assign(page, { layer, versions: items, may: (right) => mayOn(page.me, layer, right) });
  showLayer(page, departmentNames(page.city));
  showVersions();
  page.map ??= await layerMap(page.city, layer);
  prepareCompare(page, items.filter(isOpen));
  await showMapping(page);
  const wanted = number ?? page.chosen?.number ?? layer.version ?? items.at(-1)?.number ?? null;
  if (wanted !== null) await choose(wanted);
}

async function start() {
  if (!code) throw new Error("请从图层目录中选择图层。 Choose a layer in the catalogue.");
  Object.assign(page, await begin("图层 Layer", { anyone: true }));
  await reload();
  prepareUpload(page);
  say("");
  if (page.may("upload_version")) await resume();
}

start().catch(fail);
