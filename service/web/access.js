// Sharing of data: asking for access with a purpose, granting and withdrawing it, what was taken away, who asked restricted layers.

import { act, begin, button, cells, confirmed, departmentNames, fail, mark, place, say, table, time, today } from "./coordination.js";
import { fetched, saved } from "./files.js";
import { ask, askAll, bilingual, element, send, withoutLogin } from "./words.js";

const STATE = { requested: ["待办理", "requested"], granted: ["有效", "in force"], refused: ["已拒绝", "refused"], withdrawn: ["已收回", "withdrawn"] };
const CLASS = { public: "公开", internal: "内部", restricted: "受限" };
const FORMS = { vector: [["gpkg", "GeoPackage"], ["geojson", "GeoJSON"], ["fgb", "FlatGeobuf"], ["parquet", "GeoParquet"], ["shp", "Shapefile (zip)"]], raster: [["tif", "GeoTIFF"]] };
let me;
let nameOfDepartment;
const may = (right) => me.rights.includes(right);
const number = (value) => value.toLocaleString("zh-CN");
const person = (name) => (name ? withoutLogin(name) : "—");

// A change to a request or grant, as it was read just before.
async function change(grant, step, body, done) {
  const address = `/api/access-grants/${grant.id}`;
  await send("POST", `${address}/${step}`, body, { read: address });
  await showGrants();
  say("done", ...bilingual(...done));
}

const isOver = (grant) => grant.ends_on < today();
const between = (grant) => [element("span", {}, nameOfDepartment(grant.owner)), " → ", element("span", {}, nameOfDepartment(grant.department))];

function stateOf(grant) {
  if (grant.state === "granted" && isOver(grant)) return mark("", ["已到期", "over"]);
  if (grant.state === "granted" && grant.starts_on > today()) return mark("soon", ["尚未开始", "to come"]);
  return mark({ granted: "given", requested: "open", withdrawn: "overdue" }[grant.state] ?? "", STATE[grant.state]);
}

const termsOf = (grant) => [
  ...(grant.conditions ? [element("span", {}, grant.conditions)] : []),
  element("span", { class: "about" }, grant.may_export ? `可导出 ${number(grant.most_exports)} 次、${number(grant.most_features)} 个图斑 may be exported` : "不得导出 not to be exported"),
];

async function termFields() {
  const layers = (await askAll("/api/layers")).filter(({ department }) => department === me.department);
  const closed = (layer) => ["restricted", "internal", "public"].indexOf(layer.sensitivity);
  layers.sort((one, other) => closed(one) - closed(other));
  if (!layers.length) throw new Error("本部门还没有图层。 Your department has no layer.");
  return [
    { name: "layer", words: ["图层", "layer"], type: "select", options: layers.map(({ code, title, sensitivity }) => [code, `${title} ${code}（${CLASS[sensitivity]}）`]) },
    { name: "starts_on", words: ["自", "from"], type: "date", value: today() },
    { name: "ends_on", words: ["至（最长一年）", "last day, a year at most"], type: "date" },
    { name: "conditions", words: ["条件（不填则用图层所载条件）", "conditions; else those of the layer"], type: "area", optional: true },
    { name: "may_export", words: ["导出", "export"], type: "checks", options: [["yes", "允许导出为文件 may be taken away as files"]] },
    { name: "most_exports", words: ["可导出次数", "files at most"], type: "number", value: "10" },
    { name: "most_features", words: ["可导出图斑数", "features at most"], type: "number", value: "1000000" },
  ];
}

const terms = (given) => ({
  layer: given.layer, starts_on: given.starts_on, ends_on: given.ends_on, conditions: given.conditions || null, may_export: given.may_export === "yes",
  most_exports: Number(given.most_exports), most_features: Number(given.most_features),
});

function actsOf(grant) {
  const isMine = grant.owner === me.department && may("grant_access");
  const found = [];
  if (grant.state === "requested" && isMine) {
    found.push(button(["授权", "Grant"], async () => {
      await ask(`/api/access-grants/${grant.id}`);
      const given = await confirmed(["同意申请", "Grant what is asked for"], [`${nameOfDepartment(grant.department)}：${grant.purpose}${grant.wanted ? `（${grant.wanted}）` : ""}`], { fields: await termFields() });
      if (given) await change(grant, "grant", terms(given), ["已授权。", "Granted."]);
    }, { class: "small first" }), button(["拒绝", "Refuse"], async () => {
      await ask(`/api/access-grants/${grant.id}`);
      const reason = await confirmed(["拒绝申请", "Refuse the request"], ["拒绝后不能恢复；对方可以重新申请。", "It cannot be taken back; they may ask anew."], { reason: true, strong: true });
      if (reason) await change(grant, "refusal", { reason }, ["已拒绝。", "Refused."]);
    }, { class: "small" }));
  }
  if (grant.state === "requested" && grant.department === me.department && may("request_access")) {
    found.push(button(["撤回申请", "Take back"], async () => {
      await ask(`/api/access-grants/${grant.id}`);
      const reason = await confirmed(["撤回申请", "Take the request back"], ["请说明理由。", "Say why."], { reason: true });
      if (reason) await change(grant, "withdrawal", { reason }, ["申请已撤回。", "The request is taken back."]);
    }, { class: "small" }));
  }
  if (grant.state === "granted" && isMine && !isOver(grant)) {
    found.push(button(["收回", "Withdraw"], async () => {
      await ask(`/api/access-grants/${grant.id}`);
      const reason = await confirmed(["收回授权", "Withdraw the grant"], ["立即生效，不能恢复；已导出的文件见导出登记。", "At once, and for good; what was taken is in the register."], { reason: true, strong: true });
      if (reason) await change(grant, "withdrawal", { reason }, ["授权已收回，立即生效。", "Withdrawn, at once."]);
    }, { class: "small" }));
  }
  return found.flatMap((each) => [each, " "]);
}

async function showGrants() {
  const [open, granted, refused, withdrawn] = await Promise.all(Object.keys(STATE).map((state) => askAll(`/api/access-grants?state=${state}`)));
  const asked = (grant) => [grant.purpose, ...(grant.wanted ? [element("span", { class: "about" }, `所需 wanted: ${grant.wanted}`)] : [])];
  table(place("open"), [["编号", "no."], ["提供 → 使用", "from → to"], ["用途", "purpose"], ["申请人", "asked by"], ["时间", "at"], ["办理", "to do"]],
    open.map((grant) => cells([String(grant.id), between(grant), asked(grant), person(grant.requested_by), time(grant.requested_at), actsOf(grant)])),
    ["没有待办理的申请。", "No request waits."]);
  const inForce = [...granted].sort((one, other) => isOver(one) - isOver(other) || other.id - one.id);
  table(place("granted"), [["编号", "no."], ["提供 → 使用", "from → to"], ["图层", "layer"], ["用途", "purpose"], ["起止", "from, to"], ["条件", "terms"], ["状态", "state"], ["", ""]],
    inForce.map((grant) => cells([String(grant.id), between(grant), grant.layer, grant.purpose, `${grant.starts_on} — ${grant.ends_on}`, termsOf(grant), stateOf(grant), actsOf(grant)])),
    ["没有授权。需要其他部门的数据时，请向其申请。", "No grant. Ask the department whose data you need."]);
  const over = [...refused, ...withdrawn].sort((one, other) => other.id - one.id);
  table(place("over"), [["编号", "no."], ["提供 → 使用", "from → to"], ["图层", "layer"], ["用途", "purpose"], ["状态", "state"], ["理由", "reason"], ["经办", "by"]],
    over.map((grant) => cells([
      String(grant.id), between(grant), grant.layer ?? "—", asked(grant), stateOf(grant), grant.reason ?? "—",
      [person(grant.withdrawn_by ?? grant.decided_by), element("span", { class: "about" }, time(grant.withdrawn_at ?? grant.decided_at))],
    ])), ["没有。", "None."]);
}

function showActs(city) {
  const others = city.departments.filter(({ code }) => code !== me.department).map(({ code, name }) => [code, name]);
  const purpose = { name: "purpose", words: ["履职用途", "the duty that it is for"], type: "area" };
  const found = [];
  if (may("request_access") && me.department) {
    found.push(button(["申请数据…", "Ask for access …"], async () => {
      const fields = [{ name: "owner", words: ["数据提供部门", "the department that keeps the data"], type: "select", options: others }, purpose, { name: "wanted", words: ["所需数据（受限图层没有目录，请用文字说明）", "which data, in words"], type: "area", optional: true }];
      const given = await confirmed(["申请数据", "Ask for access"], ["提供部门将看到申请人、用途与所需数据。", "Its keeper sees who asks, what for and for what."], { fields, yes: ["提交", "Ask"] });
      if (!given) return;
      await send("POST", "/api/access-requests", { owner: given.owner, purpose: given.purpose, wanted: given.wanted || null });
      await showGrants();
      say("done", ...bilingual("申请已提交。", "Asked for."));
    }, { class: "first" }));
  }
  if (may("grant_access") && me.department) {
    found.push(button(["主动授权…", "Give access …"], async () => {
      const fields = [{ name: "department", words: ["使用部门", "to whom"], type: "select", options: others }, purpose, ...await termFields()];
      const given = await confirmed(["主动授权", "Give access unasked"], ["授权本部门的一个图层。", "To one layer of your own."], { fields });
      if (!given) return;
      await send("POST", "/api/access-grants", { ...terms(given), department: given.department, purpose: given.purpose });
      await showGrants();
      say("done", ...bilingual("已授权。", "Granted."));
    }));
  }
  place("acts").replaceChildren(...found.flatMap((each) => [each, " "]));
}

// A register page by page: what is there already stays.
function register(address, target, more, head, row, empty) {
  let cursor = null;
  let rows = [];
  const read = async (query = "") => {
    const page = await ask(`${address}?limit=50${query}${cursor === null ? "" : `&cursor=${cursor}`}`);
    rows = [...rows, ...page.items];
    cursor = page.next;
    table(place(target), head, rows.map(row), empty);
    place(more).hidden = cursor === null;
  };
  return { again: (query) => { cursor = null; rows = []; return read(query); }, further: read };
}

const exportsRegister = register("/api/exports", "exports", "more-exports",
  [["时间", "at"], ["图层", "layer"], ["账户", "account"], ["格式", "format"], ["图斑", "features"], ["用途", "purpose"], ["授权", "grant"], ["导出编号", "number"]],
  (each) => cells([
    time(each.exported_at), [`${each.layer} v${each.version}`, element("span", { class: "about" }, `${CLASS[each.sensitivity]} · ${nameOfDepartment(each.owner)}`)],
    [each.account, element("span", { class: "about" }, each.department ? nameOfDepartment(each.department) : "—")], each.format, number(each.features), each.purpose ?? "—", each.grant_id === null ? "—" : String(each.grant_id),
    [element("code", {}, each.number), element("span", { class: "about" }, `SHA-256 ${each.sha256.slice(0, 16)}…`)],
  ]), ["没有导出记录。", "Nothing was exported."]);

const askedRegister = register("/api/restricted-answers", "asked", "more-asked", [["日期", "day"], ["检查方", "who checked"], ["提供部门", "whose layers"], ["次数", "times"]],
  (each) => cells([each.day, nameOfDepartment(each.reader), nameOfDepartment(each.owner), number(each.asked)]), ["没有。", "None."]);

const exportsQuery = () => [["layer", "of-layer"], ["number", "of-number"]].map(([name, id]) => [name, place(id).value.trim()])
  .filter(([, value]) => value).map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join("");

async function showTaking() {
  const layers = (await askAll("/api/layers")).filter(({ version }) => version !== null);
  place("take-card").hidden = !layers.length;
  place("take-layer").replaceChildren(...layers.map((layer) => element("option", { value: layer.code }, `${layer.title} ${layer.code} v${layer.version}（${CLASS[layer.sensitivity]}）`)));
  const chosen = () => layers.find(({ code }) => code === place("take-layer").value);
  const offer = () => place("take-form").replaceChildren(...FORMS[chosen().geometry === "raster" ? "raster" : "vector"].map(([code, words]) => element("option", { value: code }, words)));
  place("take-layer").addEventListener("change", offer);
  offer();
  place("take").addEventListener("submit", (event) => event.preventDefault());
  act(place("take").querySelector("[type=submit]"), async () => {
    const query = new URLSearchParams({ f: place("take-form").value });
    const purpose = place("take-purpose").value.trim();
    if (purpose) query.set("purpose", purpose);
    const file = await fetched(`/api/layers/${chosen().code}/versions/${chosen().version}/export?${query}`);
    await saved(file);
    await exportsRegister.again(exportsQuery());
    say("done", ...bilingual(`已导出，编号 ${file.headers.get("Export-Number")}。`, "Taken away, and in the register."));
  });
}

async function start() {
  const begun = await begin("数据共享 Sharing");
  me = begun.me;
  if (me === null) return;
  if (!may("read_grants")) {
    say("error", ...bilingual("您的岗位不涉及数据共享。", "Your roles have no part in sharing."));
    for (const card of document.querySelectorAll(".card")) card.hidden = true;
    return;
  }
  nameOfDepartment = departmentNames(begun.city);
  showActs(begun.city);
  place("search").addEventListener("submit", (event) => event.preventDefault());
  act(place("search").querySelector("[type=submit]"), () => exportsRegister.again(exportsQuery()));
  act(place("more-exports"), () => exportsRegister.further(exportsQuery()));
  act(place("more-asked"), () => askedRegister.further());
  await Promise.all([showGrants(), exportsRegister.again(), askedRegister.again(), ...(may("export_layer") ? [showTaking()] : [])]);
  say("");
}

start().catch(fail);
