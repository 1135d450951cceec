// One opinion request: the department's own findings on its map, answered each by itself or all at once.

import {
  KIND, SEVERITY, STATE, WHY, act, begin, button, cells, confirmed, departmentNames, fail, mark, measure, place, say, siteMap, table, time,
} from "./coordination.js";
import { showAttachments } from "./attachments.js";
import { boundsOf } from "./bounds.js";
import { showClock } from "./clock.js";
import { conditionPlaces, conditionWords } from "./conditions.js";
import { showHandling } from "./handling.js";
import { drawingOn } from "./drawing.js";
import { ask, bilingual, element, send } from "./words.js";

const id = new URLSearchParams(location.search).get("id");
const address = `/api/opinion-requests/${encodeURIComponent(id)}`;
const SOURCE = { letter: "来函 letter", telephone: "电话 telephone" };
const GIVEN = ["agree", "agree_with_conditions", "disagree", "no_objection"];
const NEEDS_TEXT = ["agree_with_conditions", "disagree", "not_needed"];
let request;
let rights = [];
let isOwn = true;
let department = null;
let nameOfDepartment;
let map;
let markup = null;
let places;
let shapes;
let isPrepared = false;
let isTouched = false;
let inside = null;

// What the form starts from: the draft on its way inside the department, else the opinion as it stands.
const written = () => inside?.draft ?? request.opinion;

const facts = (target, pairs) => place(target).replaceChildren(...pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value.length !== 0)
  .flatMap(([words, value]) => [element("dt", {}, ...bilingual(...words)), element("dd", {}, ...[value].flat())]));

function choices(kinds, first) {
  const options = kinds.map((kind) => element("option", { value: kind }, KIND[kind].join(" ")));
  return first ? [element("option", { value: "" }, first), ...options] : options;
}

function showOnMap(number) {
  if (markup?.isDrawing || places?.isDrawing) return;
  const shape = shapes?.features.find((feature) => feature.properties.number === number);
  for (const row of document.querySelectorAll(".finding-row")) row.classList.toggle("chosen", row.dataset.number === String(number));
  if (!map) return;
  map.setFilter("site-chosen", ["==", ["get", "number"], number]);
  if (shape) map.fitBounds(boundsOf(shape.geometry), { padding: 120, maxZoom: 17, duration: 300 });
}

function contestWords(contest) {
  const said = element("span", { class: "about" }, [`异议：${contest.reason}`, contest.decision && `处理：${contest.decision}`].filter(Boolean).join("；"));
  if (contest.decided_at === null) return [mark("open", ["异议待处理", "contested"]), said];
  return [contest.is_upheld ? mark("agree", ["异议成立，不再计入", "set aside"]) : mark("disagree", ["异议不成立", "contest rejected"]), said];
}

// The coordinator contests a finding for the applicant; its department decides.
function contest(number) {
  return button(["提出异议", "Contest"], async () => {
    const reason = await confirmed(["提出异议", "Contest a finding"], [`代建设单位对第 ${number} 处提出异议，由该部门处理。`, "For the applicant; the department decides."], { reason: true });
    if (reason) await change("POST", `${address}/contests`, { finding: number, reason });
  }, { class: "small" });
}

function decide(contest) {
  const ask = (upheld, words) => button(words, async () => {
    const reason = await confirmed(words, [`申请人理由：${contest.reason}`, "The applicant's reason; decided once, and not undone."], { reason: true, strong: true });
    if (reason) await change("POST", `${address}/contest-decisions`, { finding: contest.finding, upheld, reason });
  }, { class: "small" });
  return [ask(true, ["成立", "Uphold"]), " ", ask(false, ["不成立", "Reject"])];
}

function findingRow(finding, place, canAnswer) {
  const number = place + 1;
  const contested = request.contests.find((each) => each.finding === number);
  const said = written()?.answers.find((answer) => answer.finding === number);
  const about = [];
  if (contested) about.push(element("div", {}, ...contestWords(contested), " ", ...(contested.decided_at === null && isOwn && rights.includes("decide_contest") ? decide(contested) : [])));
  else if (rights.includes("contest_finding") && request.withdrawn_why === null && request.state !== "withdrawn") about.push(element("div", {}, contest(number)));
  const kind = element("select", { "aria-label": `第 ${number} 处意见 opinion on item ${number}` }, ...choices([...GIVEN, "not_needed"], "随总体意见 as the whole"));
  const text = element("input", { "aria-label": `第 ${number} 处条件或理由 condition or reason of item ${number}`, placeholder: "条件或理由 conditions or reason", maxlength: "4000" });
  kind.value = said?.kind ?? "";
  text.value = said?.text ?? "";
  text.hidden = !NEEDS_TEXT.includes(kind.value);
  kind.addEventListener("change", () => { text.hidden = !NEEDS_TEXT.includes(kind.value); });
  const answer = canAnswer ? [kind, text] : said ? [mark(said.kind, KIND[said.kind]), element("span", { class: "about" }, said.text ?? "")] : [""];
  const row = element(
    "tr", { class: "finding-row", "data-number": String(number), tabindex: "0" },
    element("td", {}, String(number)), element("td", {}, mark(finding.severity, SEVERITY[finding.severity])),
    element("td", {}, finding.title, element("span", { class: "about" }, [finding.feature ? `图斑 feature ${finding.feature}` : "", finding.basis].filter(Boolean).join(" · ")), ...about),
    element("td", { class: "number" }, measure(finding)), element("td", {}, ...answer),
  );
  row.addEventListener("click", () => showOnMap(number));
  row.addEventListener("focus", () => showOnMap(number));
  return row;
}

function showFindings(canAnswer) {
  place("findings-hint").replaceChildren(...(request.findings.length ? bilingual("点击一行在地图上定位；地图只突出贵部门的图斑。", "Click a row to see it on the map; only your own items stand out.") : []));
  table(place("findings"), [["#", ""], ["管控", "control"], ["图层与图斑", "layer, feature"], ["量", "measure"], ["意见", "opinion"]],
    request.findings.map((finding, number) => findingRow(finding, number, canAnswer)),
    ["用地范围与贵部门图层无冲突。", "The site meets nothing of your layers."]);
}

function showGiven() {
  const opinion = request.opinion;
  place("given-card").hidden = !opinion;
  if (!opinion) return;
  facts("given", [
    [["意见", "opinion"], mark(opinion.kind, KIND[opinion.kind])],
    [["条件", "conditions"], opinion.condition_list.map((each) => element("div", {}, ...conditionWords(each, request.findings)))],
    [["理由", "reason"], opinion.reason], [["依据", "basis"], opinion.basis], [["修改后可同意", "would agree if"], opinion.would_agree_if],
    [["说明", "remark"], opinion.remark], [["反馈人", "by"], opinion.given_by], [["时间", "at"], time(opinion.given_at)],
    [["来源", "came by"], SOURCE[opinion.source]], [["凭据", "evidence"], opinion.evidence],
    [["修改次数", "amended"], opinion.earlier.length || ""],
  ]);
}

// Only what belongs to the chosen kind is asked.
function fit() {
  for (const field of document.querySelectorAll("[data-for]")) field.hidden = field.dataset.for !== place("kind").value;
}

function showForm(canAnswer) {
  place("answer-card").hidden = !canAnswer;
  if (!canAnswer || isPrepared) return;
  isPrepared = true;
  const kind = place("kind");
  kind.replaceChildren(...choices(GIVEN, "请选择 choose"));
  const opinion = written();
  if (opinion && GIVEN.includes(opinion.kind)) {
    kind.value = opinion.kind;
    for (const name of ["conditions", "reason", "basis", "would_agree_if", "remark"]) place(name).value = opinion[name] ?? "";
  }
  else for (const name of ["conditions", "reason", "basis", "would_agree_if", "remark"]) place(name).value = "";
  places.fill(kind.value === "agree_with_conditions" ? opinion?.condition_list ?? [] : []);
  fit();
  const all = (chosen) => button([`全部${KIND[chosen][0]}`, `all: ${KIND[chosen][1]}`], () => {
    for (const select of document.querySelectorAll(".finding-row select")) {
      select.value = chosen;
      select.dispatchEvent(new Event("change"));
    }
    kind.value = chosen;
    isTouched = true;
    fit();
  }, { class: "small" });
  place("all").replaceChildren(button([`按初判填写：${KIND[request.proposed_kind][0]}`, `as proposed: ${KIND[request.proposed_kind][1]}`], takeProposal, { class: "small" }), all("agree"), all("no_objection"), button(["草稿写入说明", "draft as remark"], () => { place("remark").value = request.draft; isTouched = true; }, { class: "small" }));
}

// What the draft proposes, with its words where none are written yet; the officer reads it through and submits it.
function takeProposal() {
  const words = { disagree: "reason", agree_with_conditions: "conditions" }[request.proposed_kind];
  place("kind").value = request.proposed_kind;
  if (words && !place(words).value.trim()) {
    place(words).value = request.proposed_words;
    place(words).dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (request.proposed_kind === "disagree" && !place("basis").value.trim()) place("basis").value = [...new Set(request.findings.filter(({ severity, basis }) => severity === "prohibit" && basis).map(({ basis }) => basis))].join("；");
  isTouched = true;
  fit();
}

// What the form listens to, once: it is filled anew after every change.
function listen() {
  place("kind").addEventListener("change", fit);
  place("answer").addEventListener("submit", (event) => event.preventDefault());
  act(place("answer").querySelector("[type=submit]"), submit);
  for (const card of ["answer-card", "findings-card"]) place(card).addEventListener("input", () => { isTouched = true; });
}

function showMarkup() {
  if (markup === null) return;
  const hint = markup.isDrawing ? [`在地图上依次点击角点，已有 ${markup.corners} 个。`, "Click its corners on the map, then finish."]
    : markup.shape ? ["已有图示（紫色虚线）。", "There is a mark-up (violet)."] : ["在地图上画出所反对的范围。", "Draw what is objected to."];
  place("markup-hint").replaceChildren(...bilingual(...hint));
  const acts = markup.isDrawing ? [button(["完成", "Finish"], () => { markup.finish(); isTouched = true; }, { class: "small" }), button(["取消", "Cancel"], () => markup.show(written()?.markup), { class: "small" })]
    : [button(["画图示", "Draw"], () => { place("map").scrollIntoView({ block: "nearest" }); markup.begin(); }, { class: "small" }),
      ...(markup.shape ? [button(["清除", "Remove"], () => { markup.show(null); isTouched = true; }, { class: "small" })] : [])];
  place("markup-acts").replaceChildren(...acts.flatMap((each) => [each, " "]));
}

// The places that were drawn for conditions: of the form, or of the opinion as it stands.
function showPlaces() {
  const conditions = place("answer-card").hidden ? request.opinion?.condition_list ?? [] : places.list;
  const features = conditions.filter((each) => each.place).map((each) => ({ type: "Feature", properties: {}, geometry: each.place }));
  map?.getSource("places").setData({ type: "FeatureCollection", features });
}

function lookAt(condition) {
  showPlaces();
  if (condition.place) map?.fitBounds(boundsOf(condition.place), { padding: 120, maxZoom: 17, duration: 300 });
  else if (condition.finding) showOnMap(condition.finding);
}

function body() {
  const kind = place("kind").value;
  if (!kind) throw new Error("请选择总体意见。 Choose the opinion as a whole.");
  const text = (name) => place(name).value.trim() || null;
  const given = { kind, remark: text("remark") };
  if (markup?.isDrawing) throw new Error("图示还没有画完，请先完成或取消。 The mark-up is not finished; finish or cancel it.");
  if (places.isDrawing) throw new Error("条件的范围还没有画完，请先完成或取消。 The place of a condition is not finished; finish or cancel it.");
  if (kind === "agree_with_conditions") given.condition_list = places.list;
  if (kind === "disagree") Object.assign(given, { reason: text("reason"), basis: text("basis"), would_agree_if: text("would_agree_if"), markup: markup?.shape ?? written()?.markup ?? null });
  given.answers = [...document.querySelectorAll(".finding-row")].map((row) => ({
    finding: Number(row.dataset.number), kind: row.querySelector("select").value, text: row.querySelector("input").value.trim() || null,
  })).filter((answer) => answer.kind).map((answer) => (NEEDS_TEXT.includes(answer.kind) ? answer : { ...answer, text: null }));
  if (!isOwn) Object.assign(given, { source: place("source").value, evidence: text("evidence") });
  if (request.opinion) given.amends = request.opinion.number;
  return given;
}

async function submit() {
  const given = body();
  const words = KIND[given.kind];
  const sure = await confirmed(
    [`提交意见：${words[0]}`, words[1]],
    [`期限（${request.due_on}）内可以修改，期满后不能再改。`, `It can be amended until ${request.due_on}, and not after.`], { yes: ["提交", "Submit"] },
  );
  if (sure) await change("PUT", `${address}/opinion`, given);
}

async function change(method, where, given) {
  await send(method, where, given);
  isPrepared = isTouched = false;
  await show();
  say("done", ...bilingual("已保存。", "Saved."));
}

function showActs(isOpen) {
  const acts = [];
  if (isOpen && rights.includes("stop_clock")) {
    const stopped = request.stopped_on !== null;
    acts.push(button(stopped ? ["恢复计时", "Restart the clock"] : ["要求补充材料（停表）", "Ask for material: stop the clock"], async () => {
      const reason = await confirmed(stopped ? ["恢复计时", "Restart"] : ["停表", "Stop the clock"],
        stopped ? ["说明补充了什么材料。", "Say what was supplemented."] : ["说明缺少什么材料；停表期间不计入时限。", "Say which material is missing; the days of the stop do not count."], { reason: true });
      if (reason) await change("POST", `${address}/clock-${stopped ? "restart" : "stop"}`, { reason });
    }));
  }
  place("acts").replaceChildren(...acts);
}

// What is left of the limit, or how long it is past while nobody answered.
function timeLeft() {
  const left = request.working_days_left;
  if (left >= 0) return `剩余 ${left} 个工作日 working days left`;
  return request.opinion ? "" : `已过 ${-left} 个工作日 working days past`;
}

async function show() {
  request = await ask(address);
  const isOpen = ["awaited", "stopped"].includes(request.state);
  const canAmend = request.state === "given" && request.working_days_left >= 0 && request.withdrawn_on === null;
  isOwn = request.department === department;
  inside = isOwn && rights.includes("handle_request") ? await ask(`${address}/handling`) : null;
  const inSteps = inside?.in_steps ?? false;
  const mayDraft = inSteps && inside.next_steps.some((step) => ["submit", "approve", "issue"].includes(step));
  const canAnswer = (isOpen || canAmend) && rights.includes(isOwn ? "give_opinion" : "enter_opinion") && (!inSteps || mayDraft || inside.may_answer_at_once);
  place("submit-row").hidden = inSteps && !inside.may_answer_at_once;
  place("entered").hidden = isOwn;
  place("request-heading").replaceChildren(request.project_name, " ", element("small", {}, request.planning_number));
  place("standing").replaceChildren(mark(request.state, STATE[request.state]));
  facts("facts", [
    [["项目", "project"], element("a", { href: `/project?id=${request.project_id}` }, request.project_name)],
    [["部门", "department"], request.department_name], [["轮次", "round"], `第 ${request.round} 轮 · 红线第 ${request.footprint_revision} 版 round ${request.round}, footprint ${request.footprint_revision}`],
    [["征求原因", "why"], bilingual(...(WHY[request.why] ?? [request.why, ""]))], [["发出", "sent"], request.sent_on],
    [["期限", "due"], [`${request.due_on}${request.provisional ? "（暂定 provisional）" : ""}`, timeLeft()].filter(Boolean).join(" · ")],
    [["收回原因", "taken back"], request.withdrawn_why],
  ]);
  place("draft").textContent = request.draft;
  place("draft-card").hidden = !canAnswer;
  showFindings(canAnswer);
  showForm(canAnswer);
  showGiven();
  showActs(isOpen);
  if (inside) {
    showHandling({ ...inside, next_steps: isOpen || canAmend ? inside.next_steps : [] }, {
      department, isTouched: () => isTouched, body, take: (step) => change("POST", `${address}/handling/steps`, step),
    });
  }
  markup?.show(written()?.markup);
  showPlaces();
  await showAttachments({
    projectId: request.project_id, requestId: request.id, nameOfDepartment, done: async () => { await show(); say("done", ...bilingual("附件已添加。", "The file is added.")); },
    target: (isOpen || canAmend) && rights.includes(isOwn ? "give_opinion" : "enter_opinion") ? `${address}/attachments` : null,
  });
  await showClock(address);
}

async function start() {
  const { city, me } = await begin("意见征询 Opinion");
  if (me === null) return;
  nameOfDepartment = departmentNames(city);
  ({ rights, department } = me);
  places = conditionPlaces({
    text: place("conditions"), target: place("condition-places"), findings: () => request.findings, written: () => { isTouched = true; }, look: lookAt,
  });
  await show();
  say("");
  listen();
  shapes = await ask(`${address}/map`);
  map = await siteMap(shapes);
  markup = drawingOn(map, "markup");
  markup.onChange(showMarkup);
  markup.show(written()?.markup);
  map.addSource("places", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  map.addLayer({ id: "places", type: "line", source: "places", paint: { "line-color": "#00695c", "line-width": 3 } });
  places.drawOn(drawingOn(map, "condition", "#00695c"));
  showPlaces();
  map.on("click", "site-finding", ({ features }) => showOnMap(features[0].properties.number));
}

start().catch(fail);
