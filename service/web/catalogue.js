// The catalogue of layers: every one that the reader may see, by group, with where it stands; searched by names and metadata.

import { begin, cells, fail, place, say, table, today } from "./coordination.js";
import { GEOMETRY, SENSITIVITY, STATES, count, stateMarks, stateOf } from "./layer_words.js";
import { askAll, bilingual, element } from "./words.js";

const HEAD = [["图层", "layer"], ["状态", "state"], ["主管部门", "department"], ["类型", "kind"], ["图斑", "features"], ["数据时点", "data of"], ["分级", "class"]];
let groups = [];

async function search() {
  const words = place("words").value.trim();
  show(await askAll(`/api/layers?${new URLSearchParams(words && { q: words })}`), words);
}

function show(layers, words) {
  const [group, state] = [place("group").value, place("state").value];
  const chosen = layers.filter((layer) => (!group || (layer.group ?? "-") === group) && (state ? stateOf(layer, today()) === state : layer.retired_on === null));
  place("count").replaceChildren(...bilingual(`共 ${count(chosen.length)} 个图层。`, `${chosen.length} layers.`));
  const nothing = layers.length || words
    ? ["没有符合条件的图层，请换用其他词或条件。", "No layer fits; try other words."]
    : ["还没有图层。由协同主管在此页定义，或用 blueprint layer define --from layers.toml。", "There are no layers yet; the coordinator defines them here, or by the command line."];
  table(place("catalogue"), HEAD, rows(chosen), nothing);
  say("");
}

// Under the city's groups, in the order of both; those of no group last.
function rows(layers) {
  const known = new Set(groups.map((each) => each.code));
  return [...groups, { code: null, name: "未分组", name_en: "no group" }].flatMap(({ code, name, name_en: english }) => {
    const members = layers.filter((layer) => (code === null ? !known.has(layer.group) : layer.group === code)).sort((one, other) => one.position - other.position);
    if (!members.length) return [];
    const head = element("th", { colspan: String(HEAD.length), scope: "rowgroup", class: "group" }, ...bilingual(name, english ?? ""));
    return [element("tr", {}, head), ...members.map(row)];
  });
}

function row(layer) {
  const link = element("a", { href: `/layer?code=${encodeURIComponent(layer.code)}` }, layer.title);
  const made = cells([
    [link, ...(layer.title_en ? [" ", element("span", { lang: "en" }, layer.title_en)] : []), element("span", { class: "about" }, [layer.code, layer.abstract].filter(Boolean).join(" · "))],
    stateMarks(layer, today()), layer.department_name, [...bilingual(...GEOMETRY[layer.geometry])], layer.feature_count === null ? "—" : count(layer.feature_count),
    layer.data_on ?? "—", [...bilingual(...SENSITIVITY[layer.sensitivity])],
  ]);
  made.dataset.layer = layer.code;
  return made;
}

async function start() {
  const { city, me } = await begin("图层 Layers", { anyone: true });
  place("define").hidden = !me?.rights.includes("define_layer");
  groups = city.layer_groups;
  const options = (pairs, all = "全部 all") => [["", all], ...pairs].map(([value, words]) => element("option", { value }, words));
  place("group").replaceChildren(...options([...groups.map(({ code, name }) => [code, name]), ["-", "未分组 no group"]]));
  place("state").replaceChildren(...options(Object.entries(STATES).map(([value, words]) => [value, words.join(" ")]), "全部在用 all in use"));
  place("search").addEventListener("submit", (event) => { event.preventDefault(); search().catch(fail); });
  for (const id of ["group", "state"]) place(id).addEventListener("change", () => search().catch(fail));
  await search();
}

start().catch(fail);
