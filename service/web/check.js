// The check of a footprint: GeoJSON in, verdict, ledger and findings out, the shapes on the map.

import { boundsOf } from "./bounds.js";
import { findingLayers, linkFindings, numbered } from "./finding_map.js";
import { CONTROL_WORDS, RELATION_WORDS, VERDICT_WORDS, ask, bilingual, element, figure, wordsOf } from "./words.js";

const SOURCE = "check";
const NOTHING = { type: "FeatureCollection", features: [] };

export function prepareMap(map) {
  map.addSource(SOURCE, { type: "geojson", data: NOTHING });
  findingLayers(map, SOURCE);
  map.addLayer({
    id: "check-footprint", type: "line", source: SOURCE, filter: ["!=", ["get", "kind"], "finding"],
    paint: { "line-color": "#e4002b", "line-width": 3 },
  });
}

function post(address, text) {
  return ask(address, { method: "POST", headers: { "content-type": "application/json" }, body: text });
}

function readText(text) {
  if (!text.trim()) throw new Error("请先选择文件或粘贴 GeoJSON。 Choose a file or paste GeoJSON first.");
  try {
    JSON.parse(text);
  } catch {
    throw new Error("这不是 GeoJSON：不是合法的 JSON 文本。 This is not GeoJSON: the text is not JSON.");
  }
  return text;
}

function measure(finding) {
  if (finding.overlap_m2) return `${figure(finding.overlap_m2)} m²`;
  if (finding.length_m) return `${figure(finding.length_m)} m`;
  if (finding.point_count) return `${finding.point_count} 点 pt`;
  return finding.distance_m ? `距 off ${figure(finding.distance_m)} m` : "—";
}

function table(report, isLinked) {
  const titles = new Map(report.layers.map((layer) => [layer.code, layer.title]));
  const head = [["#", ""], ["结论", "severity"], ["图层", "layer"], ["图斑", "feature"], ["关系", "relation"], ["量", "measure"]];
  const rows = report.findings.map((finding, number) => element(
    "tr", isLinked ? { class: "finding-row", "data-number": String(number), tabindex: "0" } : {},
    element("td", { class: "number" }, String(number + 1)),
    element("td", {}, finding.sliver ? "碎面 sliver" : CONTROL_WORDS[finding.severity]?.join(" ") ?? finding.severity),
    element("td", { title: finding.basis ?? "" }, titles.get(finding.layer) ?? finding.layer),
    element("td", {}, finding.source_id ?? String(finding.feature_id ?? finding.attributes?.threshold ?? "—")),
    element("td", {}, RELATION_WORDS[finding.relation] ?? finding.relation),
    element("td", { class: "number" }, measure(finding)),
  ));
  return element(
    "table", { id: "findings" },
    element("thead", {}, element("tr", {}, ...head.map((words) => element("th", { scope: "col" }, ...bilingual(...words))))),
    element("tbody", {}, ...rows),
  );
}

// What a check says, into `place`; `isLinked` where its findings are on a map, too.
export function showReport(report, place, { isLinked = true } = {}) {
  const [chinese, english] = VERDICT_WORDS[report.verdict] ?? [report.verdict, ""];
  const [site, free] = [report.footprint.area_m2, report.ledger.conflict_free_m2].map((each) => `${figure(each)} m²`);
  const unanswered = report.layers.filter((layer) => !["conflict", "clear"].includes(layer.outcome));
  place.replaceChildren(
    element("p", { class: `verdict ${report.verdict}`, id: "verdict", "data-verdict": report.verdict },
      ...bilingual(chinese, english)),
    element("p", { class: "hint" }, ...bilingual(`用地面积 ${site}，其中无冲突 ${free}；现行图层日期 ${report.on}。`, `The site has ${site}, of which ${free} meet nothing.`)),
    report.findings.length ? table(report, isLinked)
      : element("p", { class: "hint" }, ...bilingual("没有触及任何图斑。", "It meets no feature.")),
  );
  if (unanswered.length) {
    const names = unanswered.map((layer) => layer.title).join("、");
    place.append(element("p", { class: "hint" }, ...bilingual(`以下图层对此处没有答复（无数据、不覆盖、已过规划期或无权查看）：${names}。`, "These layers do not answer here: no data, outside their coverage, expired, or not for you.")));
  }
}

const siteOf = (collection) => collection.features.find((feature) => feature.properties.kind !== "finding").geometry;

export function prepareForm(map, form, place) {
  let drawn = NOTHING;
  const [file, text, button] = [form.elements.file, form.elements.text, form.querySelector("[type=submit]")];

  linkFindings(map, SOURCE, place, () => drawn);
  file.addEventListener("change", async () => {
    if (file.files.length) text.value = await file.files[0].text();
  });
  form.addEventListener("reset", () => {
    place.replaceChildren();
    map.getSource(SOURCE).setData(NOTHING);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const footprint = readText(text.value);
      const width = form.elements.width.value ? `width_m=${form.elements.width.value}` : "";
      const report = await post(`/api/checks?${width}`, footprint);
      showReport(report, place);
      place.scrollIntoView({ block: "nearest" });
      const shapes = await post(`/api/checks?f=geojson&${width}`, footprint);
      drawn = numbered(shapes);
      map.getSource(SOURCE).setData(drawn);
      map.fitBounds(boundsOf(siteOf(shapes)), { padding: 80, maxZoom: 17, duration: 0 });
    } catch (error) {
      place.replaceChildren(element("p", { class: "error", role: "alert" }, ...wordsOf(error)));
    } finally {
      button.disabled = false;
    }
  });
}
