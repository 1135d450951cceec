// The field mapping of a layer: which field of its files is which of its standard; suggestions are shown, and taken by a person alone.

import { button, cells, place, say, table } from "./coordination.js";
import { ask, bilingual, element, send } from "./words.js";

const WHY = { case: ["大小写不同", "case"], alias: ["别名", "alias"], title: ["字段标题", "title"], cut: ["截断的字段名", "cut name"], likeness: ["名称相近", "likeness"] };

export async function showMapping(page) {
  const has = page.layer.standard !== null && page.may("upload_version");
  place("mapping-card").hidden = !has;
  if (!has) return;
  const [kept, standard] = await Promise.all([ask(`${page.address}/field-mapping`), ask(`/api/standards/${encodeURIComponent(page.layer.standard)}`)]);
  Object.assign(page, { standard, mapping: kept.mapping });
  const suggested = new Map(kept.suggestions.map((each) => [each.standard_field, each]));
  const inputs = new Map();
  const shown = standard.fields.filter(({ name, required }) => name in kept.mapping || suggested.has(name) || required === "M");
  table(place("mapping"), [["标准字段", "field of the standard"], ["文件中的字段", "field of your files"], ["建议", "suggestion"]], shown.map(({ name, title, required }) => {
    const input = element("input", { maxlength: "200", value: kept.mapping[name] ?? "", placeholder: name, "aria-label": `${title} 的来源字段`, "data-field": name });
    inputs.set(name, input);
    const found = suggested.get(name);
    const take = found && button([`采用 ${found.source_field}`, ""], async () => { input.value = found.source_field; }, { class: "small" });
    return cells([
      [`${title} `, element("span", { class: "about" }, `${name}${required === "M" ? " · 必填 mandatory" : ""}`)], input,
      found ? [take, element("span", { class: "about" }, ...bilingual(...WHY[found.why]))] : "",
    ]);
  }), ["标准没有必填字段。", "The standard has no mandatory field."]);
  place("mapping-about").replaceChildren(...bilingual(`按属性标准 ${standard.title} ${standard.code}；同名字段不必填写，保存后用于下次上传。`, "Fields of the same name need nothing; it holds from the next upload on."));
  place("mapping-acts").replaceChildren(button(["保存映射", "Save the mapping"], async () => {
    const changed = [...inputs].map(([name, input]) => [name, input.value.trim()]).filter(([name, value]) => value !== (kept.mapping[name] ?? ""));
    await send("PUT", `${page.address}/field-mapping`, { mapping: Object.fromEntries(changed) });
    await showMapping(page);
    say("done", ...bilingual("映射已保存，下次上传时使用。", "The mapping is kept for the next upload."));
  }));
}

// Why a field of a file may be meant; null where only a person can know.
function likeness({ name, title, aliases }, source) {
  const plain = source.trim().toUpperCase();
  if (plain === name) return "case";
  if (aliases.some((alias) => alias.toUpperCase() === plain)) return "alias";
  return source.trim() === title ? "title" : null;
}

// Of a file that is looked at: the standard's fields that it lacks by name, each with what of the rest it may be.
export function mappingChoices(page, fields) {
  if (!page.standard) return { shown: [], value: () => "" };
  const free = fields.filter((name) => !page.standard.fields.some((field) => field.name === name));
  const lacking = page.standard.fields.filter(({ name }) => !fields.includes(name));
  const wanted = lacking.filter(({ name, required }) => required === "M" || name in page.mapping);
  if (!free.length || !wanted.length) return { shown: [], value: () => "" };
  const rows = wanted.map((field) => {
    const { name, title } = field;
    const options = free.map((each) => [each, likeness(field, each)]).sort(([, one], [, other]) => (other !== null) - (one !== null));
    const select = element("select", { "data-field": name, "aria-label": title }, element("option", { value: "" }, "—"),
      ...options.map(([each, why]) => element("option", { value: each }, why === null ? each : `${each}（${WHY[why][0]}）`)));
    if (free.includes(page.mapping[name])) select.value = page.mapping[name];
    return [name, title, select];
  });
  const shown = element("table", { id: "upload-mapping" });
  table(shown, [["标准字段", "field of the standard"], ["文件中的字段", "field of the file"]], rows.map(([name, title, select]) => cells([[`${title} `, element("span", { class: "about" }, name)], select])), ["", ""]);
  return {
    shown: [element("p", { class: "hint" }, ...bilingual("文件缺少下列标准字段，请指明由哪个字段代替。", "The file lacks these fields; say which of its own they are.")), element("div", { class: "wide" }, shown)],
    value: () => rows.filter(([, , select]) => select.value).map(([name, , select]) => `${select.value}=${name}`).join(","),
  };
}
