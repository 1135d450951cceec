// The quality check of a version: issues by level, each with its place on the map, and their files.

import { act, button, cells, fail, mark, place, say, table, time } from "./coordination.js";
import { saveAs, saveFile } from "./files.js";
import { count } from "./layer_words.js";
import { ask, bilingual, element, send, withoutLogin } from "./words.js";

const LEVELS = { fatal: ["致命", "fatal"], error: ["错误", "error"], warning: ["警告", "warning"], info: ["提示", "info"] };
const HEAD = [["级别", "level"], ["问题", "issue"], ["行", "row"], ["字段与值", "field, value"]];
const PAGE = 100;
let page = null;
let cursor = null;

export const quality = (version) => `${page.address}/versions/${version}/quality`;

export async function showQuality(given, open) {
  page = given;
  place("quality-card").hidden = !open;
  if (!open) return;
  if (!place("level").childElementCount) {
    place("level").replaceChildren(element("option", { value: "" }, "全部 all"), ...Object.entries(LEVELS).map(([value, words]) => element("option", { value }, words.join(" "))));
    place("level").addEventListener("change", () => list().catch(fail));
    act(place("more-issues"), () => list(cursor));
  }
  place("level").value = "";
  await list();
}

async function list(from = null) {
  const { number, state } = page.chosen;
  const level = place("level").value;
  const found = await ask(`${quality(number)}?${new URLSearchParams({ limit: String(PAGE), ...(level && { level }), ...(from && { cursor: from }) })}`);
  cursor = found.next;
  place("more-issues").hidden = cursor === null;
  const rows = found.items.map((issue) => issueRow(issue, (chosen) => page.map.showIssue(chosen)));
  if (from) {
    place("issues").tBodies[0].append(...rows);
    return;
  }
  table(place("issues"), HEAD, rows, found.checked_at === null ? ["还没有质检。", "Not checked yet."] : ["没有问题。", "No issue."]);
  const counts = Object.entries(LEVELS).filter(([name]) => found.counts?.[name]);
  place("quality-counts").replaceChildren(...(counts.length
    ? counts.flatMap(([name, words]) => [mark(name, [`${words[0]} ${count(found.counts[name])}`, words[1]]), " "])
    : [found.checked_at === null ? mark("open", ["未质检", "not checked"]) : mark("clear", ["质检通过", "nothing found"])]));
  place("quality-about").replaceChildren([
    found.checked_at && `${time(found.checked_at)} 质检 checked`, found.standard ? `按属性标准 ${found.standard} by its standard` : "图层未指定属性标准，只查图形 shapes alone",
    found.mended_count && `自动修复 ${count(found.mended_count)} 个图斑 mended`, found.confirmation && `警告已确认：${found.confirmation.reason}（${withoutLogin(found.confirmation.by)}） warnings confirmed`,
  ].filter(Boolean).join("；"));
  place("quality-files").replaceChildren(
    button(["问题表", "Table"], () => saveTable(number), { class: "small" }),
    button(["错误图层", "Error GeoPackage"], async () => say("done", ...bilingual(`已保存 ${await saveFile(`${quality(number)}/errors.gpkg`)}。`, "It is saved.")), { class: "small" }),
    ...(state === "draft" && page.may("upload_version") ? [button(["重新质检", "Check anew"], () => checkAnew(number), { class: "small" })] : []),
  );
}

async function checkAnew(number) {
  await send("POST", quality(number));
  await page.settle(number, "已重新质检。", "It was checked anew.");
}

// A refused file's issues are drawn by the same rows.
export function issueRow(issue, show, label = null) {
  const made = cells([
    mark(issue.level, LEVELS[issue.level]),
    [issue.text.zh, element("span", { class: "about" }, `${issue.code} · 处理：${issue.todo.zh}`), element("span", { class: "about", lang: "en" }, `${issue.text.en}. ${issue.todo.en}`)],
    issue.row === null ? "—" : [issue.other_row === null ? String(issue.row) : `${issue.row}、${issue.other_row}`, ...(label === null ? [] : [element("span", { class: "about" }, ...bilingual(...label))])],
    issue.field === null ? "—" : [issue.field, element("span", { class: "about" }, issue.value ?? "")],
  ]);
  made.dataset.code = issue.code;
  if (issue.geometry === null) return made;
  made.classList.add("finding-row");
  made.tabIndex = 0;
  const choose = () => {
    for (const other of made.parentElement.children) other.classList.toggle("chosen", other === made);
    show(issue);
  };
  made.addEventListener("click", choose);
  made.addEventListener("keydown", ({ key }) => { if (key === "Enter") choose(); });
  return made;
}

export const issuesTable = (target, issues, show) => table(target, HEAD, issues.map((issue) => issueRow(issue, show, reading(issue, issues))), ["没有问题。", "No issue."]);

// Which of the readings of an outline an issue draws, where there are several.
function reading(issue, issues) {
  const same = issues.filter(({ code, row }) => code === "geometry-ambiguous" && code === issue.code && row === issue.row);
  return same.length > 1 ? [`候选 ${same.indexOf(issue) + 1}`, `reading ${same.indexOf(issue) + 1} of ${same.length}, red; the others blue`] : null;
}

// All issues that are listed, as a table that spreadsheets open: with a mark of its encoding, and nothing in a cell that they would compute.
async function saveTable(number) {
  const rows = [["级别 level", "代码 code", "行 row", "另一行 other row", "字段 field", "值 value", "东 east", "北 north", "说明", "says", "处理", "what to do"]];
  let next = null;
  do {
    const found = await ask(`${quality(number)}?${new URLSearchParams({ limit: "1000", ...(next && { cursor: next }) })}`);
    rows.push(...found.items.map((issue) => [
      issue.level, issue.code, issue.row, issue.other_row, issue.field, issue.value, ...(issue.place ?? [null, null]), issue.text.zh, issue.text.en, issue.todo.zh, issue.todo.en,
    ]));
    next = found.next;
  } while (next);
  const cell = (value) => {
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
    return `"${text.replaceAll('"', '""')}"`;
  };
  const file = new Blob(["\ufeff", rows.map((row) => row.map(cell).join(",")).join("\r\n")], { type: "text/csv" });
  saveAs(`${page.layer.code}_v${number}_issues.csv`, file);
}
