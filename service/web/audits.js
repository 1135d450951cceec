// Plans against each other: how every pair stands that may not overlap, its differences on the map, accepted for a reason.

import { act, baseMap, begin, button, cells, confirmed, departmentNames, fail, mark, place, say, squareMetres, table, time } from "./coordination.js";
import { COMPILING, finished, saveFile } from "./files.js";
import { ask, askAll, bilingual, element, send, withoutLogin, wordsOf } from "./words.js";

const STATES = { open: ["未解决", "open"], accepted: ["已认可", "accepted"], settled: ["已解决", "settled"] };
const KINDS = { open: "open", accepted: "advise", settled: "clear" };
const COLOURS = ["match", ["get", "state"], "accepted", "#0072b2", "settled", "#2e7d32", "#e6a000"];
const PAGE = 50;
const hectares = (value) => `${(value / 10000).toLocaleString("zh-CN", { minimumFractionDigits: 4, maximumFractionDigits: 4 })} 公顷`;
const count = (value) => (value === null ? "—" : value.toLocaleString("zh-CN"));
let audit = null;
let cursor = 0;
let pastCursor = null;
let map = null;
let departmentName;
let districtNames;

async function showMatrix() {
  const pairs = await ask("/api/plan-audit-matrix");
  table(place("matrix"), [["规则", "rule"], ["图层", "layers"], ["核查日", "audited"], ["未解决", "open"], ["面积", "area"], ["已认可", "accepted"], ["已解决", "settled"], ["", ""]],
    pairs.map((pair) => {
      const made = cells([
        pair.rule, `${pair.first_title ?? pair.first} × ${pair.second_title ?? pair.second}`,
        pair.missing.length ? `无现行版本 none in force：${pair.missing.join("、")}` : pair.audited_on === null ? "未核查 not yet" : pair.is_current ? pair.audited_on : mark("soon", [`${pair.audited_on} 版本已更新`, "outdated"]),
        count(pair.open), pair.open_m2 === null ? "—" : hectares(pair.open_m2), count(pair.accepted), count(pair.settled),
        pair.missing.length ? "" : button(["核查", "Audit"], () => compare(pair.first, pair.second), { class: "small" }),
      ]);
      if (pair.audit_id !== null) {
        made.classList.add("finding-row");
        made.tabIndex = 0;
        made.addEventListener("click", ({ target }) => { if (!target.closest("button")) open(pair.audit_id).catch(fail); });
        made.addEventListener("keydown", ({ key }) => { if (key === "Enter") open(pair.audit_id).catch(fail); });
      }
      return made;
    }), ["城市档案没有列出互不重叠的图层", "The city profile lists none"]);
}

// Every audit that was made, the newest first, each with its own address; page after page.
async function showPast(before = null) {
  const { items, next } = await ask(`/api/plan-audits?limit=20${before === null ? "" : `&cursor=${before}`}`);
  const rows = items.map((each) => cells([
    element("a", { href: `/audits?id=${each.id}` }, `${each.first_title} v${each.first_version} × ${each.second_title} v${each.second_version}`),
    each.on, each.finished_at === null ? mark("soon", ["未完成", "not finished"]) : time(each.finished_at), each.finished_at === null ? "—" : count(each.found),
    withoutLogin(each.made_by), each.finished_at === null ? button(["继续", "Go on"], () => compare(each.first, each.second), { class: "small" }) : "",
  ]));
  if (before === null) {
    table(place("past"), [["图层", "layers"], ["版本日", "versions of"], ["完成", "finished"], ["差异", "differences"], ["核查人", "by"], ["", ""]], rows, ["还没有核查。选择两个图层，按“核查”。", "No audit yet: choose two layers and press Audit."]);
  } else place("past").tBodies[0].append(...rows);
  place("past-more").hidden = next === null;
  pastCursor = next;
}

async function compare(first, second) {
  const job = await send("POST", "/api/plan-audits", { first, second });
  const told = ({ state, phase, features_done: done }) => {
    place("progress").textContent = state === "waiting" ? "排队中…… waiting"
      : phase === "compile" ? COMPILING : phase === "ledger" ? "正在更新台账…… bringing the ledger up to date" : `已比对 ${done.toLocaleString("zh-CN")} 处…… compared`;
  };
  const { id } = await finished(job, told, "核查没有完成。 The audit was not finished.").finally(() => { place("progress").textContent = ""; });
  await Promise.all([showMatrix(), showPast(), open(id)]);
  say("done", ...bilingual("核查完成。", "Audited."));
}

async function open(id) {
  audit = await ask(`/api/plan-audits/${id}`);
  history.replaceState(null, "", `/audits?id=${audit.id}`);
  place("ledger-card").hidden = false;
  place("map-about").textContent = `${audit.first_title} v${audit.first_version} × ${audit.second_title} v${audit.second_version} · ${audit.on}`;
  table(place("statistics"), [["状态", "state"], [audit.first_title, "class"], [audit.second_title, "class"], ["碎面", "sliver"], ["个数", "number"], ["面积", "area"]],
    audit.statistics.map((row) => cells([
      mark(KINDS[row.state], STATES[row.state]), row.first_class ?? "—", row.second_class ?? "—", row.is_sliver ? "是 yes" : "", count(row.differences), hectares(row.overlap_m2),
    ])), ["没有差异", "No difference"]);
  place("ledger-files").replaceChildren(...["gpkg", "parquet", "geojson"].flatMap((form) => [button([form.toUpperCase(), ""], () => saveFile(fileAddress(form)), { class: "small" }), " "]));
  await Promise.all([list(), districts(), months(), draw()]);
}

function fileAddress(form) {
  const query = new URLSearchParams({ f: form });
  if (place("state").value) query.set("state", place("state").value);
  if (place("purpose").value.trim()) query.set("purpose", place("purpose").value.trim());
  return `/api/plan-audits/${audit.id}/export?${query}`;
}

// The ledger by district, the most open ground first; what lies in none, or in one whose outline is not known, stands last.
async function districts() {
  const found = new Map();
  let sums;
  try {
    sums = await ask(`/api/plan-audits/${audit.id}/districts`);
  } catch (problem) { // the city's boundary file names no district
    if (problem.status !== 422) throw problem;
    place("districts").replaceChildren(element("caption", { class: "empty" }, ...wordsOf(problem)));
    return;
  }
  for (const row of sums) {
    if (row.is_sliver) continue;
    if (!found.has(row.district)) found.set(row.district, { open: [0, 0], accepted: [0, 0], settled: [0, 0] });
    const sum = found.get(row.district)[row.state];
    sum[0] += row.differences;
    sum[1] += row.overlap_m2;
  }
  const rows = [...found].sort(([one, its], [other, others]) => (one === null) - (other === null) || others.open[1] - its.open[1]);
  table(place("districts"), [["区县", "district"], ["未解决", "open"], ["面积", "area"], ["已认可", "accepted"], ["面积", "area"], ["已解决", "settled"]],
    rows.map(([code, { open: left, accepted, settled }]) => cells([districtName(code), count(left[0]), hectares(left[1]), count(accepted[0]), hectares(accepted[1]), count(settled[0])])),
    ["没有差异", "No difference"]);
}

const districtName = (code) => (code === null ? "区县界线外或未知 in no known district" : districtNames.get(code) ?? code);

// How the ledger stood after the last audit of each month, the latest first.
async function months() {
  const found = await ask(`/api/plan-audits/${audit.id}/series`);
  table(place("months"), [["月", "month"], ["核查日", "audited"], ["未解决", "open"], ["面积", "area"], ["已认可", "accepted"], ["已解决", "settled"]],
    found.reverse().map((each) => cells([each.month, each.audited_on, count(each.open), hectares(each.open_m2), count(each.accepted), count(each.settled)])), ["还没有核查", "No audit yet"]);
}

// By which versions it was settled, and which side gave way, by its department.
function settledBy(row) {
  if (row.settled_versions === null) return "";
  const owners = { first: [row.first_owner], second: [row.second_owner], both: [row.first_owner, row.second_owner] };
  return element("span", { class: "about" }, `v${row.settled_versions.join(" × v")} · ${row.settled_on} · `, ...row.yielded === null
    ? bilingual("原处另有图斑，无一方让步", "others came in their place, neither side yielded")
    : [`让步 yielded: ${owners[row.yielded].map(departmentName).join("、")}`]);
}

// Why it was accepted, by whom and when.
function reasonOf(row) {
  if (row.state !== "accepted") return row.reason ?? "";
  return [row.reason, element("span", { class: "about" }, `${withoutLogin(row.decided_by)} · ${time(row.decided_at)}`)];
}

const keyOf = (key) => (key.startsWith("@") ? "无编号 no id" : key);

// Page after page: what is there already stays.
async function list(from = 0) {
  const query = new URLSearchParams({ slivers: String(place("slivers").checked), cursor: String(from), limit: String(PAGE) });
  if (place("state").value) query.set("state", place("state").value);
  const page = await ask(`/api/plan-audits/${audit.id}/differences?${query}`);
  const rows = page.items.map(differenceRow);
  if (from) place("differences").tBodies[0].append(...rows);
  else {
    table(place("differences"), [["编号", "number"], ["状态", "state"], [audit.first_title, ""], [audit.second_title, ""], ["面积", "area"], ["占图斑", "shares"], ["理由", "reason"], ["", ""]],
      rows, ["没有这样的差异", "No such difference"]);
  }
  cursor = page.next;
  place("more").hidden = cursor === null;
}

function differenceRow(row) {
  const share = (value) => `${(100 * value).toFixed(1)} %`;
  const made = cells([
    String(row.id), [mark(KINDS[row.state], STATES[row.state]), row.is_sliver ? " 碎面 sliver" : "", settledBy(row)],
    [`${keyOf(row.first_key)}（${row.first_class ?? "—"}）`, element("span", { class: "about" }, departmentName(row.first_owner))], [`${keyOf(row.second_key)}（${row.second_class ?? "—"}）`, element("span", { class: "about" }, departmentName(row.second_owner))],
    squareMetres(row.overlap_m2), `${share(row.first_share)} / ${share(row.second_share)}`, reasonOf(row), row.state === "settled" ? "" : decision(row),
  ]);
  made.classList.add("finding-row");
  made.tabIndex = 0;
  const show = () => {
    for (const other of document.querySelectorAll("#differences .finding-row")) other.classList.toggle("chosen", other === made);
    map?.setFilter("differences-chosen", ["==", ["id"], row.id]);
    map?.fitBounds(row.bounds, { padding: 80, maxZoom: 17, duration: 0 });
  };
  made.addEventListener("click", ({ target }) => { if (!target.closest("button")) show(); });
  made.addEventListener("keydown", ({ key }) => { if (key === "Enter") show(); });
  return made;
}

function decision(row) {
  const address = `/api/plan-differences/${row.id}`;
  // Whether it stands as it is shown; read now, it is changed only as long as it does.
  const stands = async () => {
    const now = await ask(address);
    if (now.state === row.state && now.reason === row.reason) return true;
    await Promise.all([open(audit.id), showMatrix()]);
    say("error", ...bilingual("这处差异刚由他人处理，已按现状显示。", "Somebody else has decided on this difference; it is shown as it stands now."));
    return false;
  };
  const change = async (body) => {
    await send("PUT", address, body, { read: address });
    await Promise.all([open(audit.id), showMatrix()]);
    say("done", ...bilingual("已记入台账。", "Entered in the ledger."));
  };
  if (row.state === "accepted") return button(["撤回认可", "Take back"], async () => { if (await stands()) await change({ state: "open" }); }, { class: "small" });
  return button(["认可", "Accept"], async () => {
    if (!await stands()) return;
    const reason = await confirmed(["认可差异", "Accept a difference"], ["说明为何可以并存；由两图层的主管部门或协同主管认可。", "Say why both may stand."], { reason: true });
    if (reason) await change({ state: "accepted", reason });
  }, { class: "small" });
}

async function draw() {
  const described = await ask(`/api/plan-audits/${audit.id}/tiles.json`);
  place("map-card").hidden = described.bounds === undefined;
  if (described.bounds === undefined) return;
  if (map === null) map = await baseMap(described.bounds);
  else {
    for (const layer of ["differences-fill", "differences-line", "differences-chosen"]) map.removeLayer(layer);
    map.removeSource("differences");
  }
  map.addSource("differences", { type: "vector", tiles: described.tiles.map((address) => address.replace(/^https?:\/\/[^/]+/u, location.origin)), maxzoom: described.maxzoom });
  const shared = { source: "differences", "source-layer": "differences" };
  map.addLayer({ id: "differences-fill", type: "fill", ...shared, paint: { "fill-color": COLOURS, "fill-opacity": 0.6 } });
  map.addLayer({ id: "differences-line", type: "line", ...shared, paint: { "line-color": COLOURS, "line-width": 1.5 } });
  map.addLayer({ id: "differences-chosen", type: "line", ...shared, filter: ["==", ["id"], -1], paint: { "line-color": "#b00020", "line-width": 4 } });
  map.fitBounds(described.bounds, { padding: 40, maxZoom: 17, duration: 0 });
}

async function start() {
  const { city, me } = await begin("规划核查 Audits");
  if (me === null) return;
  departmentName = departmentNames(city);
  districtNames = new Map([{ code: city.administrative_code, name: `${city.name}（未分区县 not divided）` }, ...city.districts].map(({ code, name }) => [code, name]));
  place("other").addEventListener("submit", (event) => event.preventDefault());
  act(place("other").querySelector("[type=submit]"), () => compare(place("first").value.trim(), place("second").value.trim()));
  for (const id of ["state", "slivers"]) place(id).addEventListener("change", () => list().catch(fail));
  act(place("more"), () => list(cursor));
  act(place("past-more"), () => showPast(pastCursor));
  const layers = await askAll("/api/layers");
  place("codes").replaceChildren(...layers.filter(({ geometry }) => geometry === "polygon").map(({ code, title }) => element("option", { value: code }, title)));
  await Promise.all([showMatrix(), showPast()]);
  say("");
  const asked = new URLSearchParams(location.search).get("id");
  if (asked !== null) {
    await open(asked);
    place("ledger-card").scrollIntoView();
  }
}

start().catch(fail);
