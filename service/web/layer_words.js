// What the pages of layers share: the words of their states, what somebody may do with a layer, and rows of facts.

import { mark, place } from "./coordination.js";
import { bilingual, element, signInAgain, wordsOf } from "./words.js";

export const STANDING = {
  draft: ["草稿", "draft"], checked: ["已质检", "checked"], scheduled: ["已排期", "scheduled"], in_force: ["现行", "in force"],
  superseded: ["已被替代", "superseded"], withdrawn: ["已收回", "withdrawn"],
};
const STANDING_KINDS = { draft: "open", checked: "advise", scheduled: "advise", in_force: "clear", superseded: "", withdrawn: "dead" };
export const GEOMETRY = { polygon: ["面", "areas"], line: ["线", "lines"], point: ["点", "points"], raster: ["栅格", "raster"] };
export const SENSITIVITY = { public: ["公开", "public"], internal: ["内部", "internal"], restricted: ["受限", "restricted"] };
const SOON_DAYS = 30;

export const count = (value) => (value ?? 0).toLocaleString("zh-CN");
export const hectares = (value) => `${(value / 10_000).toLocaleString("zh-CN", { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" })} 公顷 ha`;
export const versionWords = (number) => [`第 ${number} 版`, `v${number}`];

// A draft whose check found no error is called checked; warnings may still have to be confirmed.
export const standingOf = (version) => (version.state === "draft" && version.checked_at !== null && version.error_count === 0 ? "checked" : version.state);
export const standing = (version) => mark(STANDING_KINDS[standingOf(version)], STANDING[standingOf(version)]);

// Which of a few states a layer is in; retired and expired come before all else.
export function stateOf(layer, today) {
  if (layer.retired_on !== null) return "retired";
  if (layer.version === null) return layer.next_from === null ? "none" : "scheduled";
  if (layer.valid_until !== null && layer.valid_until < today) return "expired";
  const soon = new Date(`${today}T00:00:00Z`);
  soon.setUTCDate(soon.getUTCDate() + SOON_DAYS);
  if (layer.valid_until !== null && layer.valid_until <= soon.toISOString().slice(0, 10)) return "due";
  return layer.next_from === null ? "in_force" : "scheduled";
}

export const STATES = {
  in_force: ["现行", "in force"], scheduled: ["已排期", "a version is scheduled"], due: ["复核将到期", "review is due"],
  expired: ["已过期待复核", "expired"], none: ["无现行版本", "none in force"], retired: ["已停用", "retired"],
};

export function stateMarks(layer, today) {
  const state = stateOf(layer, today);
  if (state === "retired") return [mark("dead", STATES.retired), element("span", { class: "about" }, `自 ${layer.retired_on} since：${layer.retired_reason}`)];
  const kind = { in_force: "clear", scheduled: "clear", due: "soon", expired: "overdue", none: "" }[state];
  const marks = [layer.version === null ? mark("", STATES.none) : mark(kind, state === "scheduled" ? STATES.in_force : STATES[state])];
  const about = [];
  if (layer.version !== null) about.push(`第 ${layer.version} 版，自 ${layer.in_force_from} since`);
  if (layer.valid_until !== null) about.push(`有效至 ${layer.valid_until} stood by until`);
  if (layer.next_from !== null) marks.push(" ", mark("advise", [`第 ${layer.next_version} 版 ${layer.next_from} 生效`, "scheduled"]));
  return [...marks, element("span", { class: "about" }, about.join("；"))];
}

const ADDS = ["upload_version", "bring_into_force"];

// What the menus of the pages go by; the service decides. Nothing is added to a retired layer.
export function mayOn(me, layer, right) {
  if (layer.retired_on !== null && ADDS.includes(right)) return false;
  return (me?.rights.includes(right) ?? false) && (layer.department === me.department || me.roles.includes("coordinator"));
}

export function facts(target, pairs) {
  place(target).replaceChildren(...pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value.length !== 0)
    .flatMap(([words, value]) => [element("dt", {}, ...bilingual(...words)), element("dd", {}, ...[value].flat())]));
}

// A bar with what it is about beside it, in a line of its own: one that ends takes no other away.
export function bar(target) {
  const line = element("div");
  target.append(line);
  const progress = element("progress", { max: "1" });
  const words = element("span", { class: "hint" });
  return {
    line,
    tell(share, ...said) {
      if (share === null) progress.removeAttribute("value");
      else progress.value = share;
      words.replaceChildren(...bilingual(...said));
      line.replaceChildren(progress, " ", words);
    },
    end: () => line.remove(),
  };
}

// An error stands under the field that it is about, in the words of the service.
export function fieldError(field, problem) {
  field.querySelector(".field-error")?.remove();
  const words = problem.status === 401 ? [signInAgain()] : wordsOf(problem);
  field.append(element("p", { class: "field-error", role: "alert" }, ...words));
  field.scrollIntoView({ block: "nearest" });
}

export const clearError = (field) => field.querySelector(".field-error")?.remove();
