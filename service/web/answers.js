// Answers that help before a project is registered: alternatives side by side, where a site could lie, many footprints at once.

import { adjusting } from "./adjust.js";
import { batches } from "./batches.js";
import { SEVERITY, act, begin, cells, departmentNames, fail, mark, place, say, squareMetres, table } from "./coordination.js";
import { documents } from "./documents.js";
import { find } from "./finder.js";
import { chosen, draw, hectares, readJson, verdict } from "./sites.js";
import { supposing } from "./what_if.js";
import { askAll, bilingual, element, send } from "./words.js";

// Whether a site has a line or a point, which take the width; areas beside them have none.
function isThin({ type, features, geometries, geometry }) {
  const parts = features ?? geometries ?? (geometry ? [geometry] : null);
  return parts ? parts.some(isThin) : /LineString|Point/u.test(type);
}

async function compare() {
  const files = [...place("sites").files];
  if (files.length < 2) throw new Error("请选择至少两个红线文件。 Choose two files at least.");
  const [width, top] = [place("width_m").value, place("compared_top").value];
  const sites = await Promise.all(files.map(async (file) => {
    const footprint = await readJson(file);
    return {
      name: file.name.replace(/\.[^.]*$/u, "").slice(0, 60), footprint, ...(width && isThin(footprint) ? { width_m: Number(width) } : {}), ...(top ? { top_m: Number(top) } : {}),
    };
  }));
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

async function start() {
  const { city, me } = await begin("比选与选址 Options");
  if (me === null) return;
  nameOf = departmentNames(city);
  place("district").replaceChildren(...[{ code: city.administrative_code, name: "全市 the whole city", has_outline: city.has_outline }, ...city.districts].map(({ code, name, has_outline }) => element("option", { value: code, ...(has_outline ? {} : { disabled: "" }) }, has_outline ? name : `${name}（无界线 no outline）`)));
  place("no-outline").hidden = city.has_outline && city.districts.every(({ has_outline }) => has_outline);
  for (const [id, doing] of [["alternatives", compare], ["finder", () => find(titleOf)]]) {
    place(id).addEventListener("submit", (event) => event.preventDefault());
    act(place(id).querySelector("[type=submit]"), doing);
  }
  const layers = await askAll("/api/layers");
  titleOf = Object.fromEntries(layers.map(({ code, title }) => [code, title]));
  await batches();
  adjusting((code) => titleOf[code] ?? code);
  await supposing(layers);
  say("");
}

start().catch(fail);
