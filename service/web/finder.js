// The site finder (选址): where a site of a size could lie; what is found shows while it is searched, and stays where the search is called off.

import { button, cells, fail, place, say, squareMetres, table } from "./coordination.js";
import { finished } from "./files.js";
import { chosen, draw, hectares, particulars, readJson, verdict } from "./sites.js";
import { bilingual, element, send } from "./words.js";

const HEAD = [["名次", "rank"], ["结论", "verdict"], ["面积", "area"], ["所在空地", "free ground around"], ["其余管控", "other controls"], ["紧凑度", "compactness"], ["涉及图层", "layers"]];

// `titles` are those of the layers, by code.
export async function find(titles) {
  const [size, file] = [Number(place("hectares").value), place("area").files[0]];
  if (!(size > 0)) throw new Error("请填写面积。 Say how large the site is.");
  if (size < 0.01 || size > 500) throw new Error("面积为 0.01 至 500 公顷。 A site is searched from 0.01 to 500 ha.");
  const query = new URLSearchParams({ area_m2: String(size * 10000), level: place("level").value, ...particulars("use", "top") });
  if (!file) query.set("district", place("district").value);
  place("places").replaceChildren();
  place("method").textContent = "";
  const job = await send("POST", `/api/site-searches?${query}`, file ? await readJson(file) : undefined);
  const found = await withProgress(job, titles);
  await showPlaces(found, titles);
  const count = found.sites.length;
  if (found.is_finished) say("done", ...bilingual(`找到 ${count} 处。`, `${count} found.`));
  else say("note", ...bilingual(`查找未完成，已查 ${found.windows_done.toLocaleString("zh-CN")} / ${found.tiles.toLocaleString("zh-CN")} 格；保留已找到的 ${count} 处，未查之处可能有更好的。`, `The search was not finished: the ${count} places found so far stay; better ones may be left where it did not come.`), ...(found.error ? [" ", found.error] : []));
}

async function showPlaces(found, titles) {
  const full = found.full_windows ? `${found.tiles} 格中有 ${found.full_windows} 格候选已满，其中可能还有更好的位置，可缩小范围再找 a better place may be left in ${found.full_windows} of ${found.tiles} windows: search a smaller area。` : "";
  place("method").textContent = `查找范围 ${hectares(found.searched_m2)}，其中无刚性冲突 ${hectares(found.free_m2)}，候选 ${found.candidates.toLocaleString("zh-CN")} 处。${full}${found.method}`;
  table(place("places"), HEAD, found.sites.map((site) => chosen(cells([
    String(site.rank), verdict(site.verdict), hectares(site.area_m2), squareMetres(site.free_m2), `${(site.weighed_share * 100).toFixed(2)} %`, site.compactness.toFixed(2),
    `${site.layers.map((code) => titles[code] ?? code).join("、") || "—"}${site.has_restricted_conflicts ? "；另有受限图层 and restricted ones" : ""}${site.restricted_withheld ? "；受限图层未答复 restricted ones not answered" : ""}`,
  ]), site.rank, site.site)), ["此范围内没有这样大小的用地", "No place of this size here"]);
  if (found.sites.length) await draw(found.sites.map(({ site, rank }) => ({ geometry: site, label: String(rank) })));
}

// How far a search is, what it has found, and a way to call it off, until its result is there.
function withProgress(job, titles) {
  const bar = place("search-progress");
  const words = element("span", {});
  const shown = element("progress", { "aria-label": "选址进度 progress of the search" });
  const cancel = button(["取消", "Cancel"], () => send("POST", `/api/jobs/${job.id}/cancel`), { class: "small" });
  bar.replaceChildren(shown, " ", words, " ", cancel);
  let seen = "[]";
  const told = ({ state, phase, features_done: done, so_far: found }) => {
    const [, what, count] = /^(search|blocks) of (\d+)$/u.exec(phase ?? "") ?? [];
    if (count) Object.assign(shown, { max: Number(count), value: done });
    else shown.removeAttribute("value");
    const far = `${done.toLocaleString("zh-CN")} / ${Number(count ?? 0).toLocaleString("zh-CN")}`;
    const step = { search: `已查 ${far} 格 windows searched`, blocks: `正在分区概查 ${far} blocks looked at` }[what] ?? "正在排序复核…… ranking";
    const places = found?.sites.length ? `，目前最好的 ${found.sites.length} 处见下 the best so far are below` : "";
    words.textContent = state === "waiting" ? "排队中…… waiting" : `${step}${places}`;
    const sites = JSON.stringify(found?.sites ?? []);
    if (sites !== seen) {
      seen = sites;
      showPlaces({ ...found, method: "仍在查找，以下是目前最好的位置。 Still searching: these are the best places so far." }, titles).catch(fail);
    }
  };
  return finished(job, told, "选址没有完成。 The search was not finished.", ({ so_far: found, error }) => ({ ...found, error })).finally(() => bar.replaceChildren());
}
