// Defining a layer, changing what is said of one, and retiring it; the service decides, and says at which item something is wrong.

import { act, begin, button, confirmed, fail, place, say } from "./coordination.js";
import { definitionOf, formOf, itemOf, readNumber, sections } from "./define_fields.js";
import { clearErrors, showError } from "./forms.js";
import { mayOn } from "./layer_words.js";
import { ask, askAll, bilingual, element, send } from "./words.js";

const code = new URLSearchParams(location.search).get("code");
const address = (of) => `/api/layers/${encodeURIComponent(of)}`;
const inputs = new Map();
let layer = null;
let changed = false;

function inputOf({ name, type = "text", options = [], longest = 60, value }) {
  const choices = () => element("select", {}, ...options.map(([given, words]) => element("option", { value: given }, words)));
  const made = {
    select: choices, standard: () => element("select"), area: () => element("textarea", { maxlength: String(longest) }), flag: () => element("input", { type: "checkbox" }),
    day: () => element("input", { type: "date" }), number: () => element("input", { inputmode: "decimal", maxlength: "40" }),
    numbers: () => element("input", { maxlength: "4000" }), colour: () => element("input", { maxlength: "7", placeholder: "#2e7d32" }),
  }[type]?.() ?? element("input", { maxlength: String(longest) });
  made.id = `layer-${name}`;
  const said = layer?.[name] ?? (layer === null ? value : null);
  if (type === "flag") made.checked = Boolean(said);
  else if (said !== null && said !== undefined) made.value = String(said);
  // What is not offered any more, as a group that the city has no more, is shown and told at its item, not dropped unsaid.
  if (type === "select" && said && made.value !== String(said)) {
    made.append(element("option", { value: String(said) }, String(said)));
    made.value = String(said);
  }
  // A number that was emptied has its default, and that is seen before it is sent.
  if (type === "number" && value !== undefined) made.addEventListener("change", () => { if (!made.value.trim()) made.value = String(value); });
  return made;
}

function field(spec) {
  const input = inputOf(spec);
  inputs.set(spec.name, { spec, input });
  if (spec.name === "code" && layer !== null) input.readOnly = true;
  const label = element("label", { for: input.id }, ...bilingual(...spec.words), ...(spec.required ? [element("span", { "aria-hidden": "true" }, " *")] : []));
  input.required = Boolean(spec.required);
  const about = spec.about ? [element("p", { class: "hint" }, ...bilingual(...spec.about))] : [];
  return element("div", { class: "field", "data-item": spec.name }, label, ...(spec.type === "colour" ? [input, swatch(input)] : [input]), ...about);
}

// The colour itself beside its number.
function swatch(input) {
  const shown = element("input", { type: "color", "aria-label": "选取颜色 choose a colour" });
  const follow = () => { if (/^#[0-9a-fA-F]{6}$/.test(input.value)) shown.value = input.value; };
  shown.addEventListener("input", () => { input.value = shown.value; });
  input.addEventListener("input", follow);
  follow();
  return shown;
}

const kind = () => inputs.get("geometry").input.value;
const applies = ({ only }) => only === undefined || only.includes(kind());

// What another kind of geometry has is not asked, and not sent.
function fit(standards) {
  for (const { spec, input } of inputs.values()) input.closest(".field").hidden = !applies(spec);
  const { input } = inputs.get("standard");
  const chosen = input.value || layer?.standard || "";
  const fitting = standards.filter(({ geometry }) => geometry === kind());
  input.replaceChildren(element("option", { value: "" }, "无 none"), ...fitting.map(({ code: given, title }) => element("option", { value: given }, `${given} ${title}`)));
  input.value = fitting.some(({ code: given }) => given === chosen) ? chosen : "";
}

function valueOf({ spec, input }) {
  if (spec.type === "flag") return input.checked;
  const text = input.value.trim();
  if (text === "") return spec.value ?? null;
  if (spec.type === "number") return readNumber(text);
  return spec.type === "numbers" ? text.split(/[,，\s]+/).filter(Boolean).map(readNumber) : text;
}

const values = () => Object.fromEntries([...inputs.values()].filter(({ spec }) => applies(spec)).map((each) => [each.spec.name, valueOf(each)]));

async function save() {
  clearErrors(place("define"));
  const missing = [...inputs.values()].find(({ spec, input }) => spec.required && applies(spec) && !input.value.trim());
  if (missing) {
    showError(missing.input, "请填写。", "Fill this in.");
    return;
  }
  const body = definitionOf(values());
  try {
    if (layer === null) await ask("/api/layers", { method: "POST", headers: { "content-type": "application/json", "If-None-Match": "*" }, body: JSON.stringify(body) });
    else await send("POST", "/api/layers", body, { read: address(code) });
  } catch (problem) {
    const item = inputs.get(itemOf(problem.members?.place));
    if (item === undefined || item.input.closest(".field").hidden) throw problem;
    showError(item.input, ...problem.words);
    return;
  }
  changed = false;
  location.assign(`/layer?code=${encodeURIComponent(body.code)}`);
}

function showForm(city, standards) {
  const made = sections(city).map(({ words, fields }) => element("fieldset", {}, element("legend", {}, ...bilingual(...words)), element("div", { class: "fields" }, ...fields.map(field))));
  const go = act(element("button", { type: "submit", id: "save" }, ...bilingual(layer === null ? "定义图层" : "保存修改", layer === null ? "Define" : "Save")), save);
  const back = element("a", { href: layer === null ? "/catalogue" : `/layer?code=${encodeURIComponent(code)}` }, ...bilingual("返回", "Back"));
  place("define").replaceChildren(...made, element("p", { class: "buttons" }, go, " ", back));
  place("define").addEventListener("submit", (event) => event.preventDefault());
  place("define").addEventListener("input", () => { changed = true; });
  inputs.get("geometry").input.addEventListener("change", () => fit(standards));
  fit(standards);
  place("define").hidden = false;
}

// Out of use: asked again, with the reason; what is in force has to be withdrawn first.
function showRetirement() {
  place("retire-card").hidden = layer === null;
  if (layer === null) return;
  const isRetired = layer.retired_on !== null;
  place("retire-about").replaceChildren(...(isRetired
    ? bilingual(`已于 ${layer.retired_on} 停用：${layer.retired_reason}`, "Retired; checks leave it out.")
    : bilingual("停用后不能再上传、生效，今后的检核不再涉及；版本和以往检核保留，可恢复启用。有现行或已排期的版本时，先收回该版本。", "Nothing new comes of a retired layer and checks leave it out; its versions stay. A version in force has to be withdrawn first.")));
  const retire = async () => {
    const reason = await confirmed(["停用图层", "Retire the layer"], [`停用“${layer.title}”？`, `Retire ${layer.code}?`], { reason: true, strong: true, yes: ["停用", "Retire"] });
    if (reason) done(await send("POST", `${address(code)}/retirement`, { reason }, { read: address(code) }));
  };
  const reinstate = async () => {
    if (await confirmed(["恢复启用", "Reinstate"], [`恢复启用“${layer.title}”？`, `Take ${layer.code} into use again?`])) done(await send("DELETE", `${address(code)}/retirement`, undefined, { read: address(code) }));
  };
  place("retire-acts").replaceChildren(isRetired ? button(["恢复启用", "Reinstate"], reinstate) : button(["停用图层", "Retire the layer"], retire, { class: "strong" }));
}

const done = () => location.assign(`/layer?code=${encodeURIComponent(code)}`);

async function start() {
  const { city, me } = await begin(code === null ? "定义图层 Define" : "修改图层 Change", {});
  if (me === null) return;
  const found = code === null ? null : await ask(address(code));
  layer = found && formOf(found);
  const isMine = layer === null ? me.rights.includes("define_layer") : mayOn(me, found, "define_layer");
  if (!isMine) {
    say("error", ...bilingual("只有协同主管可以定义图层。", "Only the coordinator defines layers."));
    return;
  }
  if (layer !== null) place("define-heading").replaceChildren(`修改图层：${layer.title} `, element("small", { lang: "en" }, `Change ${layer.code}`));
  const standards = await askAll("/api/standards");
  if (layer === null || layer.retired_on === null) showForm(city, standards);
  showRetirement();
  window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  say("");
}

start().catch(fail);
