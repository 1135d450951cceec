// Sections of departments on the operator's page: opened and closed, never deleted.

import { button, cells, confirmed, place, say, table } from "./coordination.js";
import { bilingual, element, send } from "./words.js";

export function showSections(tree, read) {
  const again = async (words) => { showSections(await read(), read); say("done", ...bilingual(...words)); };
  const branches = [...tree.departments.map((branch) => [tree.name, branch]), ...tree.districts.flatMap(({ name, departments }) => departments.map((branch) => [name, branch]))];
  const shown = (section) => element("li", {}, section.name, " ", element("span", { class: "about" }, section.heads.length ? `负责人 head: ${section.heads.join("、")}` : "尚无科长 no head"), " ",
    button(["关闭", "Close"], async () => {
      if (!await confirmed(["关闭科室", "Close the section"], [`${section.name}：无人任职时才能关闭；记录保留。`, "Only when nobody holds a role in it; it stays on record."], { strong: true })) return;
      await send("POST", `/api/sections/${section.id}/end`);
      await again(["科室已关闭。", "The section is closed."]);
    }, { class: "small" }));
  table(place("sections"), [["辖区", "level"], ["部门", "department"], ["科室", "sections"]], branches.map(([level, branch]) => cells([
    level, [branch.name, element("span", { class: "about" }, branch.code)], branch.sections.length ? [element("ul", {}, ...branch.sections.map(shown))] : "—",
  ])), ["城市档案没有列出部门。", "The city profile lists no department."]);
  place("section-acts").replaceChildren(button(["设立科室…", "Open a section …"], async () => {
    const fields = [{ name: "department", words: ["部门", "department"], type: "select", options: branches.map(([, { code, name }]) => [code, name]) }, { name: "name", words: ["科室名称", "name"] }, { name: "name_en", words: ["英文名称", "in English"], optional: true }];
    const given = await confirmed(["设立科室", "Open a section"], ["即时起有效。", "From now on."], { fields, yes: ["设立", "Open"] });
    if (!given) return;
    await send("POST", `/api/departments/${encodeURIComponent(given.department)}/sections`, { name: given.name, name_en: given.name_en || null });
    await again(["科室已设立。", "The section is open."]);
  }));
}
