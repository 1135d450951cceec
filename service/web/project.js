// A project's page: where it stands, what may be done next, its site, its opinions, what happened to it.

import {
  KIND, SEVERITY, STATE, STATUS, begin, button, cells, confirmed, departmentNames, drawable, fail, mark, measure, place, saidBy, say, siteMap, table, time,
} from "./coordination.js";
import { showProposal } from "./asking.js";
import { showAttachments } from "./attachments.js";
import { boundsOf } from "./bounds.js";
import { CHANGE } from "./difference.js";
import { linkFindings, numbered } from "./finding_map.js";
import { showGuidance } from "./guidance.js";
import { showMeetings } from "./meetings.js";
import { CORRECTABLE, particularFields, particularsOf } from "./particulars.js";
import { showCheck, showRounds } from "./rounds.js";
import { siteOn } from "./site.js";
import { ask, askAll, bilingual, element, send } from "./words.js";

const id = new URLSearchParams(location.search).get("id");
const address = `/api/projects/${encodeURIComponent(id)}`;
const STEPS = {
  submit: ["提交", "Submit"], adjust: ["转调整方案", "Adjust"], return: ["退回", "Return"], shelve: ["入库储备", "Shelve"], resume: ["恢复", "Resume"], end: ["终止", "End"],
};
const ACTS = {
  register_project: ["登记", "registered"], give_footprint: ["提供用地红线", "footprint given"], consult_departments: ["征求意见", "departments asked"],
  clear_project: ["通过", "cleared"], amend_project: ["更正登记", "amended"], decide_scope: ["决定适用范围", "scope decided"], correct_handover: ["更正已推送信息", "handover corrected"],
  withdraw_clearance: ["撤回通过", "clearance withdrawn"], recheck_project: ["图层更新复检", "rechecked after an update"], submit_project: ["提交", "submitted"],
  adjust_project: ["转调整方案", "to be adjusted"], return_project: ["退回", "returned"], shelve_project: ["入库储备", "shelved"], resume_project: ["恢复", "resumed"],
  end_project: ["终止", "ended"], ask_for_meeting: ["申请协调会", "meeting asked for"], call_meeting: ["召集协调会", "meeting called"],
  attach_file: ["添加附件", "file added"], ask_for_guidance: ["请求业务指导", "guidance asked for"], give_guidance: ["答复业务指导", "guidance given"],
  decline_meeting: ["不召开协调会", "no meeting"], record_minutes: ["协调会纪要", "minutes of a meeting"], close_decision: ["落实协调会决定", "a meeting's decision closed"],
};
let rights = [];
let me;
let city;
let nameOfDepartment;
let types = {};
let districts = {};
let site = null;
let project;
let map;

const may = (right) => rights.includes(right);

async function done(words) {
  await show();
  say("done", ...bilingual(...words));
}

async function ifSure(title, text, options, doing) {
  const answer = await confirmed(title, text, options);
  if (answer) await doing(answer);
}

function actButtons() {
  const acts = [];
  const inWork = ["preparing", "consulting", "adjusting"].includes(project.status);
  if (project.scope_decided_by === null && may("register_project")) {
    const decide = (inScope, words) => button(words, () => ifSure(words, [project.scope_doubts.join("；"), "Art. 5"], { reason: true }, async (reason) => {
      await send("PUT", `${address}/scope`, { in_scope: inScope, reason });
      await done(["已决定。", "Decided."]);
    }));
    acts.push(decide(true, ["适用本办法", "In scope"]), decide(false, ["不适用本办法", "Out of scope"]));
  }
  if (inWork && may("consult_departments")) {
    acts.push(button(["检查", "Check"], async () => {
      await send("POST", `${address}/checks`);
      project = await ask(address);
      await draw();
      await done(["已按今日一张蓝图检查。", "Checked against today's blueprint."]);
    }));
    if (project.check) acts.push(button(["拟征求部门…", "Whom to ask …"], () => showProposal({ project, city, address, done })));
  }
  if (project.status === "consulting" && may("clear_project")) {
    acts.push(button(["通过并推送", "Clear and hand over"], () => ifSure(["通过项目", "Clear the project"],
      ["通过后生成意见书并推送联合审批；之后只能更正或撤回。", "It is handed over to approval; afterwards it can only be corrected or withdrawn."], { strong: true, yes: ["通过", "Clear"] },
      async () => { await send("POST", `${address}/clearance`); await done(["已通过。", "Cleared."]); })));
  }
  if (may("register_project")) {
    if (inWork || project.status === "draft") acts.push(button(["修改登记信息…", "Amend …"], amend));
    for (const step of project.next_steps.filter((each) => each in STEPS)) {
      const final = ["end", "return"].includes(step);
      acts.push(button(STEPS[step], () => ifSure(STEPS[step], final ? ["未反馈的意见征询将收回；终止后不能恢复。", "Open requests are taken back; an ended project is not resumed."] : ["请说明理由。", "Say why."],
        { reason: step !== "submit", strong: final }, async (reason) => {
          await send("POST", `${address}/steps`, { step, reason: reason === true ? null : reason });
          await done(["已办理。", "Done."]);
        })));
    }
  }
  if (project.clearance && !project.clearance.withdrawn_at && may("clear_project")) {
    acts.push(button(["更正…", "Correct …"], correct), button(["撤回通过", "Withdraw the clearance"], () => ifSure(["撤回通过", "Withdraw the clearance"],
      ["项目退回调整，联合审批中止办理，须重新征求意见并通过。", "The project is adjusted again; approval grants nothing until it is cleared anew."], { reason: true, strong: true },
      async (reason) => { await send("POST", `${address}/clearance/withdrawal`, { reason }); await done(["通过已撤回。", "The clearance is withdrawn."]); })));
  }
  place("acts").replaceChildren(...acts.flatMap((each) => [each, " "]));
}

async function correct() {
  const fields = particularFields(city, project).filter(({ name }) => CORRECTABLE.includes(name));
  const text = ["联合审批将收到更正；建设内容、类型、用途与红线须撤回通过后重新征求意见。", "Approval is told; purpose, type, use and footprint need a withdrawal."];
  await ifSure(["更正已推送信息", "Correct what was handed over"], text, { reason: true, fields }, async ({ reason, ...given }) => {
    const changed = Object.entries(particularsOf(given)).filter(([name, value]) => value !== (project[name] ?? null));
    await send("POST", `${address}/corrections`, { reason, ...Object.fromEntries(changed) }, { read: address });
    await done(["已更正并推送。", "Corrected; approval is told."]);
  });
}

async function amend() {
  const text = ["所改内容记入项目历程；适用范围有疑义时须重新决定。", "What is changed is kept in the history; doubts about the scope are decided anew."];
  await ifSure(["修改登记信息", "Amend what was registered"], text, { fields: particularFields(city, project) }, async ({ reason, ...given }) => {
    await send("PUT", `${address}/particulars`, particularsOf(given), { read: address });
    await done(["已修改。", "Amended."]);
  });
}

function showParticulars() {
  const facts = [
    [["策划编号", "number"], project.planning_number], [["建设单位", "applicant"], project.applicant], [["信用代码", "credit code"], project.applicant_code],
    [["建设内容", "purpose"], project.purpose], [["项目类型", "type"], types[project.project_type] ?? project.project_type],
    [["总投资（万元）", "10,000 yuan"], project.investment_10k_cny], [["规划用途", "planned use"], project.planned_use],
    [["最高点高程（米）", "highest point, m"], project.top_m],
    [["行业", "industry"], project.industry], [["资金来源", "funds"], project.funds_source], [["区县", "district"], districts[project.district] ?? project.district],
    [["计划开工", "planned start"], project.planned_start_on],
    [["适用范围", "scope"], project.scope_decided_by === null ? `待定：${project.scope_doubts.join("；")}` : project.in_scope ? "适用本办法 in scope" : `不适用：${project.scope_reason}`],
    [["用地红线", "footprint"], `第 ${project.footprint.revision} 版 revision · ${time(project.footprint.made_at)}`],
    [["检查", "check"], project.check ? `${project.check.on} · ${SEVERITY[project.check.verdict]?.join(" ") ?? "—"}` : "未检查 not checked"],
  ];
  place("particulars").replaceChildren(...facts.filter(([, value]) => value !== null && value !== undefined)
    .flatMap(([words, value]) => [element("dt", {}, ...bilingual(...words)), element("dd", {}, String(value))]));
}

function showRequests() {
  const { requests = [], standing = [] } = project.consultation ?? {};
  table(place("requests"), [["部门", "department"], ["状态", "state"], ["期限", "due"], ["意见", "opinion"]], [...requests, ...standing].map((request) => cells([
    [element("a", { href: `/opinion?id=${request.id}` }, request.department_name), element("span", { class: "about" }, `第 ${request.round} 轮 round · ${request.findings.length} 处 items`)],
    mark(request.state, STATE[request.state]), `${request.due_on}${request.provisional ? " 暂定" : ""}`,
    request.opinion ? [mark(request.opinion.kind, KIND[request.opinion.kind]), ...(request.opinion.settled_at ? [" ", mark("given", ["已协调解决", "settled"])] : []), element("span", { class: "about" }, request.opinion.conditions ?? request.opinion.reason ?? request.opinion.remark ?? "")] : "",
  ])), ["还没有征求意见。", "Nobody was asked yet."]);
}

function showClearance() {
  const { clearance } = project;
  place("clearance-card").hidden = !clearance;
  if (!clearance) return;
  const way = (message) => (message.cancelled_at ? "已取消 cancelled" : message.delivered_at ? `已送达 ${time(message.delivered_at)}` : `待推送 ${message.last_error ?? ""}`);
  const words = { handover: ["推送", "handover"], correction: ["更正", "correction"], withdrawal: ["撤回", "withdrawal"] };
  place("clearance").replaceChildren(...[[["通过", "cleared"], `${clearance.cleared_on} · ${clearance.cleared_by}`],
    ...[clearance.handover, ...clearance.changes].map((message) => [words[message.kind], way(message)])]
    .flatMap(([term, value]) => [element("dt", {}, ...bilingual(...term)), element("dd", {}, value)]));
  place("documents").replaceChildren(...["pdf", "docx"].flatMap((form) => [
    element("a", { class: "button", href: `${address}/generation-opinion?f=${form}` }, `策划生成意见书 ${form.toUpperCase()}`), " "]));
}

// What a department says, and about which finding.
const side = ({ words, about }) => [saidBy(words), ...(about ? [element("span", { class: "about" }, about)] : [])];

// The place that two conditions share, on the map.
function lookAt(shape) {
  map?.getSource("shared").setData({ type: "Feature", properties: {}, geometry: shape });
  map?.fitBounds(boundsOf(shape), { padding: 120, maxZoom: 17, duration: 300 });
  place("map").scrollIntoView({ block: "nearest" });
}

const changesOf = ({ counts }) => Object.entries(CHANGE).filter(([change]) => counts[change]).map(([change, [words]]) => `${words} ${counts[change]}`).join("，") || "—";

// What became of each finding, with its measure before and after, in a row of its own below; the comparison of two checks has all of it.
const SHOWN = 5;
function findingsOf({ findings }) {
  const side = (measured) => (measured ? `${SEVERITY[measured.severity][0]} ${measure(measured)}` : "—");
  const lines = findings.slice(0, SHOWN).map((each) => element("div", {}, ...bilingual(...CHANGE[each.change]), `：${each.title} ${each.feature}，${side(each.before)} → ${side(each.after)}`));
  if (findings.length > SHOWN) lines.push(element("div", {}, ...bilingual(`另有 ${findings.length - SHOWN} 处`, `${findings.length - SHOWN} more`)));
  return lines.length ? [element("tr", {}, element("td", { colspan: "5", class: "hint" }, ...lines))] : [];
}

// Rechecks one after another, of which nothing followed, are one line of the history.
function grouped(events) {
  const isQuiet = ({ act, details }) => act === "recheck_project" && !details.asked?.length && !details.released?.length;
  const lines = [];
  for (const event of events) {
    if (isQuiet(event) && lines.length && isQuiet(lines.at(-1).event)) lines.at(-1).times += 1;
    else lines.push({ event, times: 1 });
  }
  return lines;
}

async function showRest() {
  const { items } = await ask(`${address}/history?limit=200`);
  place("history").replaceChildren(...grouped(items.reverse()).map(({ event, times }) => element(
    "li", {}, element("time", {}, `${time(event.at)} · ${event.by}`), ...bilingual(...(times > 1 ? [`图层更新复检 ${times} 次`, `rechecked after ${times} updates`] : ACTS[event.act] ?? [event.act, ""])),
    ...(event.details.reason ? [element("span", { class: "about" }, event.details.reason)] : []))));
  const page = { project, address, nameOfDepartment, may, map: () => map };
  const report = await showCheck(page);
  const titles = Object.fromEntries((report?.layers ?? []).map(({ code, title }) => [code, title]));
  await showRounds({ ...page, report });
  await showGuidance({ project, city, me, nameOfDepartment, may, done, address });
  await showAttachments({ projectId: project.id, nameOfDepartment, done, target: may("register_project") && project.status !== "ended" ? `${address}/attachments` : null });
  await showMeetings({ project, me, nameOfDepartment, may, done, address });
  if (!may("consult_departments")) return;
  const contradictions = (await ask(`${address}/contradictions`)).items;
  place("contradictions-card").hidden = contradictions.length === 0;
  table(place("contradictions"), [["部门", "department"], ["意见", "says"], ["部门", "department"], ["意见", "says"]], contradictions.map(({ one, other, place: shared }) =>
    cells([one.department_name, side(one), other.department_name, [side(other), ...(shared ? [" ", button(["地图上看", "Look"], () => lookAt(shared), { class: "small" })] : [])].flat()])), ["没有。", "None."]);
  const rechecks = await askAll(`/api/rechecks?project_id=${encodeURIComponent(id)}`, { limit: 200 });
  const changed = rechecks.filter((each) => each.failed || each.verdict_before !== each.verdict_after || each.findings.length || each.asked.length || each.released.length);
  place("rechecks-card").hidden = rechecks.length === 0;
  place("rechecks-same").replaceChildren(...(changed.length < rechecks.length ? bilingual(`另有 ${rechecks.length - changed.length} 次复检无变化，不列出。`, `${rechecks.length - changed.length} rechecks that changed nothing are not listed.`) : []));
  table(place("rechecks"), [["自", "from"], ["图层", "layer"], ["结论", "verdict"], ["变化", "changes"], ["征求 / 不再涉及", "asked / released"]], changed.reverse().flatMap((each) => [cells([
    each.starts_on, [titles[each.layer] ?? each.layer, ...(each.act === "expired" ? [element("br"), element("span", { class: "hint" }, ...bilingual("现行版本到期", "its term ended"))] : [])], each.failed ?? `${SEVERITY[each.verdict_before][0]} → ${SEVERITY[each.verdict_after][0]}`, changesOf(each),
    `${each.asked.map(nameOfDepartment).join("、") || "—"} / ${each.released.map(nameOfDepartment).join("、") || "—"}`,
  ]), ...findingsOf(each)]), ["没有引起变化的更新。", "No update changed anything."]);
}

async function replace() {
  const { given } = site;
  if (given === null) throw new Error("请选择红线文件或在地图上画出红线。 Choose the file of the site, or draw it.");
  await ifSure(["更换用地红线", "Replace the footprint"], ["正在进行的征求意见将终止，未反馈的收回；已反馈的意见随原版红线保留。", "The round that is open ends; what was said stays with the old footprint."],
    { strong: true }, async () => {
      await send("PUT", `${address}/footprint`, given, { read: address });
      location.reload();
    });
}

async function show(read = null) {
  project = read ?? await ask(address);
  place("project-heading").replaceChildren(project.name, " ", element("small", {}, project.planning_number));
  const verdict = project.check?.verdict;
  place("standing").replaceChildren(mark(project.status, STATUS[project.status]), " ", ...(verdict ? [mark(verdict, SEVERITY[verdict])] : []));
  place("footprint-form").hidden = !(may("register_project") && ["draft", "preparing", "consulting", "adjusting"].includes(project.status));
  actButtons();
  showParticulars();
  showRequests();
  showClearance();
  await showRest();
}

// What is drawn: the site and the findings of its latest check, which the rows of its report lead to.
let shapes = { type: "FeatureCollection", features: [] };

async function draw() {
  shapes = numbered(await shapesOf());
  map?.getSource("site").setData(drawable(shapes));
}

const siteAlone = () => ({ type: "Feature", properties: { kind: "footprint" }, geometry: project.footprint.geometry });

async function shapesOf() {
  const site = siteAlone();
  if (!project.check || !may("consult_departments")) return { type: "FeatureCollection", features: [site] };
  return ask(`/api/checks/${project.check.id}?f=geojson`).catch(() => ({ type: "FeatureCollection", features: [site] }));
}

async function start() {
  const begun = await begin("项目 Project");
  ({ city, me } = begun);
  if (me === null) return;
  ({ rights } = me);
  nameOfDepartment = departmentNames(city);
  districts = Object.fromEntries(city.districts.map(({ code, name }) => [code, name]));
  types = Object.fromEntries((city.project_types ?? []).map(({ code, name }) => [code, name]));
  place("replace").append(button(["更换红线", "Replace"], replace));
  project = await ask(address);
  // The map with the site comes while the cards are still read; what the check found is drawn into it.
  const mapped = siteMap({ type: "FeatureCollection", features: [siteAlone()] }).then((made) => { map = made; return draw(); });
  mapped.catch(() => {});
  await show(project);
  say("");
  await mapped;
  linkFindings(map, "site", place("check-report"), () => shapes);
  map.addSource("shared", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  map.addLayer({ id: "shared", type: "line", source: "shared", paint: { "line-color": "#00695c", "line-width": 5 } });
  site = siteOn(map, place("site"));
}

start().catch(fail);
