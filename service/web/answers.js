// Answers that help before a project is registered: alternatives side by side, where a site could lie, many footprints at once.

import { adjusting } from "./adjust.js";
import { SEVERITY, act, begin, cells, departmentNames, fail, mark, place, say, squareMetres, table } from "./coordination.js";
import { documents } from "./documents.js";
import { finished } from "./files.js";
import { find } from "./finder.js";
import { chosen, draw, hectares, readJson, verdict } from "./sites.js";
import { supposing } from "./what_if.js";
import { ask, askAll, bilingual, element, send } from "./words.js";

const FILES = ["xlsx", "csv", "gpkg", "json"];
async function compare() {
  const files = [...place("sites").files];
  if (files.length < 2) throw new Error("请选择至少两个红线文件。 Choose two files at least.");
  const [width, top] = [place("width_m").value, place("compared_top").value];
  const sites = await Promise.all(files.map(async (file) => ({
    name: file.name.replace(/\.[^.]*$/u, "").slice(0, 60), footprint: await readJson(file), ...(width ? { width_m: Number(width) } : {}), ...(top ? { top_m: Number(top) } : {}),
  })));
  const asked = { sites, ...(place("compared_use").value.trim() ? { use: place("compared_use").value.trim() } : {}) };
  const found = await send("POST", "/api/alternatives", asked);
  const shapes = Object.fromEntries(sites.map(({ name, footprint }) => [name, footprint]));
  const ranked = found.alternatives.toSorted((one, other) => one.rank - other.rank);
  place("ranking").textContent = found.ranking;
  table(place("comparison"), [["名次", "rank"], ["方案", "site"], ["结论", "verdict"], ["面积", "area"], ["禁止", "prohibited"], ["限制", "restricted"], ["建议", "advised"], ["无冲突", "free"]],
    ranked.map(({ name, rank, report: { verdict: worst, footprint, ledger } }, number) => chosen(cells([
      String(rank), name, verdict(worst), hectares(footprint.area_m2), squareMetres(ledger.prohibited_m2), squareMetres(ledger.restricted_m2),
      squareMetres(ledger.advised_m2), squareMetres(ledger.conflict_free_m2),
    ]), number + 1, shapes[name])), ["没有方案", "No site"]);
  const met = found.layers.filter(({ results }) => results.some(({ outcome }) => outcome === "conflict"));
  table(place("comparison-layers"), [["图层", "layer"], ["部门", "department"], ...ranked.map(({ name }) => [name, ""])],
    met.map(({ title, department, results }) => cells([title, nameOf(department), ...ranked.map(({ name }) => layerResult(results.find((each) => each.name === name)))])),
    ["各方案都没有冲突图层", "No site meets a layer"]);
  place("comparison-files").replaceChildren(...documents("方案比选", "/api/alternatives?", asked));
  await draw(ranked.map(({ name }) => ({ geometry: shapes[name], label: name })));
  say("done", ...bilingual("比选完成。", "Compared."));
}

function layerResult({ outcome, control, overlap_m2: area, length_m: length, point_count: points }) {
  if (outcome !== "conflict") return "—";
  const how = [area ? squareMetres(area) : "", length ? `${length.toLocaleString("zh-CN")} m` : "", points ? `${points} 处` : ""].filter(Boolean).join("，");
  return [mark(control, SEVERITY[control]), ` ${how}`];
}

let nameOf;
let titleOf = {};

async function checkAll() {
  const [file] = place("dataset").files;
  if (!file) throw new Error("请选择数据文件。 Choose a file.");
  const body = new FormData();
  body.append("file", file, file.name);
  for (const [name, id] of [["name_field", "name_field"], ["use_field", "use_field"], ["top_field", "top_field"], ["crs", "batch_crs"], ["width_m", "batch_width"]]) {
    if (place(id).value.trim()) body.append(name, place(id).value.trim());
  }
  place("batch-notes").replaceChildren();
  const job = await ask("/api/check-batches", { method: "POST", body });
  const told = ({ state, features_done: done }) => {
    place("progress").textContent = state === "waiting" ? "排队中…… waiting" : `已检查 ${done.toLocaleString("zh-CN")} 宗…… checked`;
  };
  const result = await finished(job, told, "批量检查没有完成。 The batch was not finished.").finally(() => { place("progress").textContent = ""; });
  const { sites, verdicts, layers, restricted_withheld: withheld, file: address, titles = {}, notes = [], note_count: noted = 0, left_out: left = 0 } = result;
  place("batch-notes").replaceChildren(...notes.map((note) => element("li", {}, note)), ...(noted > notes.length ? [element("li", {}, `另有 ${noted - notes.length} 条 and more`)] : []));
  place("batch-files").replaceChildren(...FILES.flatMap((form) => [element("a", { class: "button", href: `${address}?f=${form}`, download: "" }, form.toUpperCase()), " "]));
  table(place("summary"), [["最重管控", "worst control"], ["宗数", "footprints"]],
    Object.keys(SEVERITY).map((severity) => cells([verdict(severity), (verdicts[severity] ?? 0).toLocaleString("zh-CN")])), ["没有用地", "None"]);
  table(place("met"), [["冲突图层", "layer met"], ["宗数", "footprints"]],
    Object.entries(layers).map(([code, count]) => cells([titles[code] ?? code, count.toLocaleString("zh-CN")])), ["没有冲突图层", "No layer is met"]);
  const unanswered = withheld ? [`其中 ${withheld} 宗：今日关于受限图层的答复次数已用完，是否涉及未作答。`, ` Of ${withheld} it is not said whether restricted layers are met: today's answers are used up.`] : ["", ""];
  const without = left ? [`${left.toLocaleString("zh-CN")} 个图斑未检查，见下。`, ` ${left} features were not, see below.`] : ["", ""];
  say(left ? "note" : "done", ...bilingual(`已检查 ${sites.toLocaleString("zh-CN")} 宗用地。${without[0]}${unanswered[0]}`, `${sites} footprints checked.${without[1]}${unanswered[1]}`));
}

async function start() {
  const { city, me } = await begin("比选与选址 Options");
  if (me === null) return;
  nameOf = departmentNames(city);
  place("district").replaceChildren(...[{ code: city.administrative_code, name: "全市 the whole city", has_outline: city.has_outline }, ...city.districts].map(({ code, name, has_outline }) => element("option", { value: code, ...(has_outline ? {} : { disabled: "" }) }, has_outline ? name : `${name}（无界线 no outline）`)));
  place("no-outline").hidden = city.has_outline && city.districts.every(({ has_outline }) => has_outline);
  for (const [id, doing] of [["alternatives", compare], ["finder", () => find(titleOf)], ["batch", checkAll]]) {
    place(id).addEventListener("submit", (event) => event.preventDefault());
    act(place(id).querySelector("[type=submit]"), doing);
  }
  const layers = await askAll("/api/layers");
  titleOf = Object.fromEntries(layers.map(({ code, title }) => [code, title]));
  adjusting((code) => titleOf[code] ?? code);
  await supposing(layers);
  say("");
}

start().catch(fail);
