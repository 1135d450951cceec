// What may be done with a version: look what it would change, bring it into force on a day, go back to it, withdraw it; each is confirmed.

import { SEVERITY, button, cells, confirmed, mark, place, table, today } from "./coordination.js";
import { finished } from "./files.js";
import { clearError, count, fieldError, hectares } from "./layer_words.js";
import { ask, bilingual, element, send } from "./words.js";

const TURNS = {
  to_conflict: ["转为冲突", "to conflict", "disagree"], to_clear: ["转为无冲突", "to clear", "clear"], other: ["结论变化", "another verdict", "open"], same: ["不变", "same", ""],
};
const AT_ONCE = 20_000;
let page = null;

const version = () => `${page.address}/versions/${page.chosen.number}`;

// `isOpen`: whether the reader may see what is in the chosen version.
export function showForce(given, isOpen) {
  page = given;
  const { chosen } = page;
  const stands = chosen.withdrawn_on === null;
  place("dry-run").replaceChildren();
  place("version-acts").replaceChildren();
  place("force").hidden = !(stands && ["draft", "superseded"].includes(chosen.state) && page.may("bring_into_force"));
  if (!place("force").hidden) showForm();
  if (stands && chosen.state === "superseded" && page.may("bring_into_force")) place("version-acts").append(button(["回滚到此版", "Roll back to this version"], rollBack), " ");
  if (stands && page.may("withdraw_version") && chosen.state !== "superseded") place("version-acts").append(button(["收回此版", "Withdraw this version"], withdraw));
  if (isOpen && chosen.state !== "in_force" && page.layer.geometry !== "raster") {
    place("version-acts").append(" ", element("a", { class: "button", href: `/answers?assume=${encodeURIComponent(`${page.layer.code}:${chosen.number}`)}` }, ...bilingual("以此版试算一宗用地", "Check a site as if it applied")));
  }
}

// Warnings need a reason once; errors cannot be talked away.
function showForm() {
  const { chosen } = page;
  if (chosen.error_count || chosen.checked_at === null) {
    const words = chosen.checked_at === null ? ["尚未质检，不能生效。", "It was not checked yet and cannot come into force."]
      : [`有 ${count(chosen.error_count)} 个错误，不能生效；请按质检报告改正后重新上传。`, "It has errors and cannot come into force; correct them and upload it again."];
    place("force").replaceChildren(element("p", { class: "owed" }, ...bilingual(...words)));
    return;
  }
  const day = element("input", { type: "date", id: "starts-on", min: today(), value: today() });
  const reason = element("textarea", { id: "warnings-reason", maxlength: "2000" });
  const owes = chosen.warning_count > 0 && chosen.warnings_reason === null;
  day.addEventListener("change", () => place("dry-run").replaceChildren());
  place("force").replaceChildren(
    element("label", { for: "starts-on" }, ...bilingual("生效日", "first day in force")), day,
    ...(owes ? [element("label", { for: "warnings-reason" }, ...bilingual(`${count(chosen.warning_count)} 个警告可以保留的理由`, "why the warnings may stand; kept with the version")), reason] : []),
    element("p", { class: "buttons" }, button(["试发布：将改变什么", "Dry run: what will change"], () => tried(() => foresee(day.value, owes ? reason : null)), { class: "first", id: "foresee" })),
  );
}

async function tried(doing) {
  clearError(place("force"));
  try {
    await doing();
  } catch (problem) {
    if (problem.status === 401 || problem.status === 412) throw problem;
    fieldError(place("force"), problem);
  }
}

async function foresee(day, reason) {
  if (!day) throw new Error("请填写生效日。 Give the first day in force.");
  const told = (words) => place("dry-run").replaceChildren(element("p", { class: "hint" }, ...bilingual(...words)));
  told(["正在试算……", "Looking what would change …"]);
  const before = page.versions.find((each) => each.state === "in_force")?.feature_count ?? 0;
  const query = `${version()}/dry-run?starts_on=${day}`;
  try {
    // So much is looked at by a job, as the service itself says where it may be more than a reader waits for.
    const found = page.layer.geometry !== "raster" && before + page.chosen.feature_count > AT_ONCE
      ? await finished(await send("POST", query), (job) => told(job.state === "waiting" ? ["排队中……", "waiting …"] : ["正在试算……", "running …"]), "试算没有完成。 The dry run was not finished.")
      : await ask(query);
    showForecast(found, reason);
  } catch (problem) {
    place("dry-run").replaceChildren();
    throw problem;
  }
}

function showForecast(found, reason) {
  const [chinese, english] = found.summary.split(" · ");
  const changes = element("dl", { class: "tiles", id: "forecast" }, ...[
    [["新增", "added"], count(found.added)], [["删除", "removed"], count(found.removed)], [["图形变化", "changed shape"], count(found.changed_shape)],
    [["属性变化", "attributes"], count(found.changed_attributes)], [["不变", "unchanged"], count(found.unchanged)], [["公顷", "ha"], hectares(found.net_m2).split(" ")[0]],
  ].map(([words, value]) => element("div", {}, element("dt", {}, ...bilingual(...words)), element("dd", {}, value))));
  const met = element("table", { id: "forecast-layers" });
  table(met, [["与图层相交", "layer met"], ["现有处数", "places now"], ["将有处数", "places then"], ["面积增减", "area"]],
    found.layers.map((each) => cells([each.title, count(each.places_before), count(each.places_after), hectares(each.change_m2)])), ["变化的图斑与其他图层没有相交。", "What changes meets no other layer."]);
  const sites = element("table", { id: "forecast-sites" });
  table(sites, [["在办项目与留存检查", "open projects, kept checks"], ["现结论", "now"], ["将为", "then"], ["变化", "turn"]],
    found.sites.map((site) => cells([
      site.kind === "project" ? element("a", { href: `/project?id=${site.id}` }, site.name) : site.name,
      ...[site.verdict_before, site.verdict_after].map((verdict) => (SEVERITY[verdict] ? mark(verdict, SEVERITY[verdict]) : verdict)), mark(TURNS[site.turn][2], TURNS[site.turn].slice(0, 2)),
    ])), ["不涉及在办项目和留存检查。", "No open project and no kept check is touched."]);
  const old = found.superseded === null ? ["此前没有现行版本。", "Nothing is in force until then."] : [`将替代第 ${found.superseded} 版。`, `It supersedes v${found.superseded}.`];
  place("dry-run").replaceChildren(
    element("p", { class: "draft" }, ...bilingual(chinese, english)), element("p", { class: "hint" }, ...bilingual(...old)), changes, ...(page.layer.geometry === "raster" ? [sites] : [met, sites]).map((each) => element("div", { class: "wide" }, each)),
    element("p", { class: "buttons" }, button([`${found.starts_on} 起生效`, "Bring into force"], () => tried(() => publish(found, reason)), { class: "first", id: "publish" })),
  );
}

async function publish(found, reason) {
  if (reason !== null && !reason.value.trim()) throw new Error("请写明警告可以保留的理由。 Say why the warnings may stand.");
  const sure = await confirmed([`第 ${found.version} 版生效`, `Bring v${found.version} into force`], [`自 ${found.starts_on} 起，检查和地图以此版为准。`, found.summary], { yes: ["生效", "Bring into force"] });
  if (!sure) return;
  const body = { starts_on: found.starts_on, ...(reason !== null && { confirm_warnings: reason.value.trim() }) };
  await send("POST", `${version()}/in-force`, body, { read: version() });
  await page.settle(found.version, `第 ${found.version} 版自 ${found.starts_on} 起生效。`, `Version ${found.version} is in force from ${found.starts_on} on.`);
}

async function rollBack() {
  const { number } = page.chosen;
  const sure = await confirmed([`回滚到第 ${number} 版`, `Roll back to v${number}`], ["自今日起恢复此版，现行版本被替代；历史日期的检查不受影响。", "It is in force again from today; checks of earlier days stay as they are."], { strong: true, yes: ["回滚", "Roll back"] });
  if (!sure) return;
  await send("POST", `${page.address}/roll-back`, { to: number }, { read: version() });
  await page.settle(number, `已回滚到第 ${number} 版。`, `Version ${number} is in force again.`);
}

async function withdraw() {
  const { number, state } = page.chosen;
  const words = state === "draft" ? ["草稿收回后不能再生效。", "A draft that is withdrawn cannot come into force."]
    : state === "scheduled" ? ["排期取消，原现行版本继续有效。", "It will not come into force; the one before stays."]
      : ["自今日起图层没有现行版本，检查不再查到它；不会自动恢复前一版。", "From today the layer has no version in force; none takes its place by itself."];
  if (!await confirmed([`收回第 ${number} 版`, `Withdraw v${number}`], words, { strong: true, yes: ["收回", "Withdraw"] })) return;
  await send("POST", `${version()}/withdrawal`, undefined, { read: version() });
  await page.settle(number, `第 ${number} 版已收回。`, `Version ${number} is withdrawn.`);
}
