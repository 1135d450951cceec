// The receipts of what was mended in a version: what was wrong, what mending changed, both outlines on the map, undoing it and accepting it again.

import { act, button, cells, confirmed, mark, place, table } from "./coordination.js";
import { quality } from "./layer_quality.js";
import { count } from "./layer_words.js";
import { ask, bilingual, element, figure, send, withoutLogin } from "./words.js";

const HEAD = [["选", ""], ["图斑", "feature"], ["问题", "what was wrong"], ["面积、最大移动", "area, moved"], ["状态", "state"]];
const PAGE = 100;
let page = null;
let cursor = null;
let isPrepared = false;

export async function showMendings(given, open) {
  page = given;
  place("mendings-card").hidden = true;
  if (!open || page.chosen.raster !== null) return;
  if (!isPrepared) act(place("more-mendings"), () => list(cursor));
  isPrepared = true;
  await list();
}

async function list(from = null) {
  const found = await ask(`${quality(page.chosen.number)}/mendings?${new URLSearchParams({ limit: String(PAGE), ...(from && { cursor: from }) })}`);
  cursor = found.next;
  place("more-mendings").hidden = cursor === null;
  const rows = found.items.map(receiptRow);
  if (from) {
    place("mendings").tBodies[0].append(...rows);
    return;
  }
  place("mendings-card").hidden = rows.length === 0;
  table(place("mendings"), HEAD, rows, ["没有修复。", "Nothing was mended."]);
  const stands = page.chosen.withdrawn_on === null || page.chosen.periods.length > 0;
  const isDraft = page.chosen.periods.length === 0;
  const isUndone = found.items.some((each) => each.undone_at !== null);
  const stillMended = cursor !== null || found.items.some((each) => each.undone_at === null);
  place("mendings-about").replaceChildren(...bilingual(
    "无效图形按图层容差自动修复。点一行看地图：红色为文件原样，绿色为修复后。不同意的可以撤销。", "Invalid shapes were mended within the layer's tolerance. Red: as the file has it; green: as mended.",
  ), ...(isUndone ? [" ", ...bilingual("已撤销的图斑：导出为文件原样，瓦片和对比在改正之前仍画修复后的图形。", "Of those undone an export has the shape of the file; tiles and comparisons draw the mended one until it is corrected.")] : []));
  const may = stands && page.may("upload_version") && page.layer.retired_on === null;
  place("mendings-acts").replaceChildren(...(may ? [
    ...(stillMended ? [button(["撤销所选修复", "Undo those chosen"], () => settleReceipts("undo", chosen()), { id: "undo-chosen" }), " ", button(["全部撤销", "Undo all"], () => settleReceipts("undo", null), { id: "undo-all" })] : []),
    ...(isDraft && isUndone ? [" ", button(["重新接受所选修复", "Accept those chosen again"], () => settleReceipts("accept", chosen()), { id: "accept-chosen" }), " ", button(["全部重新接受", "Accept all again"], () => settleReceipts("accept", null), { id: "accept-all" })] : []),
  ] : []));
}

function receiptRow(receipt) {
  const box = element("input", { type: "checkbox", value: String(receipt.row), "aria-label": `图斑 feature ${receipt.row}` });
  box.addEventListener("click", (event) => event.stopPropagation());
  const made = cells([
    box, [String(receipt.row), ...(receipt.source_id ? [element("span", { class: "about" }, receipt.source_id)] : [])],
    [receipt.why.zh, element("span", { class: "about", lang: "en" }, receipt.why.en), element("span", { class: "about" }, `东 ${figure(receipt.place[0])}，北 ${figure(receipt.place[1])}`)],
    [`${figure(receipt.before_m2)} → ${figure(receipt.after_m2)} m²`, element("span", { class: "about" }, `最大移动 ${figure(receipt.moved_m, 3)} m moved`)],
    receipt.undone_at === null ? mark("clear", ["已修复", "mended"]) : [mark("error", ["已撤销", "undone"]), element("span", { class: "about" }, withoutLogin(receipt.undone_by))],
  ]);
  made.dataset.feature = String(receipt.row);
  made.classList.add("finding-row");
  made.tabIndex = 0;
  const show = () => {
    for (const other of made.parentElement.children) other.classList.toggle("chosen", other === made);
    page.map.showDrawn([{ geometry: receipt.mended, role: "mended" }, { geometry: receipt.original, role: "original" }, { geometry: { type: "Point", coordinates: receipt.lonlat }, role: "original" }]);
  };
  made.addEventListener("click", show);
  made.addEventListener("keydown", ({ key, target }) => { if (key === "Enter" && target === made) show(); });
  return made;
}

function chosen() {
  const rows = [...place("mendings").querySelectorAll("input:checked")].map(({ value }) => Number(value));
  if (rows.length === 0) throw new Error("请先勾选图斑。 Choose features first.");
  return rows;
}

// What follows is said before: a shape that is invalid again holds the draft back.
async function settleReceipts(what, rows) {
  const { number, periods } = page.chosen;
  const features = rows === null ? "全部图斑" : `${count(rows.length)} 个图斑`;
  if (what === "undo") {
    const isDraft = periods.length === 0;
    const sure = await confirmed(
      [`撤销修复：${features}`, "Undo mendings"],
      [`${isDraft ? `第 ${number} 版草稿中` : `第 ${number} 版曾经生效，保持不变；另存一份草稿，其中`}图形恢复为文件原样，仍然无效，记为错误。草稿不能生效，直到上传改正后的图形（整份文件，或在此草稿上增量更新），或重新接受修复。`,
        "The shapes are as the file has them and invalid: the draft cannot come into force until corrected shapes are uploaded (the whole file, or a delta on it), or the mendings are accepted again."],
      { yes: ["撤销修复", "Undo"] },
    );
    if (!sure) return;
  }
  const done = await send("POST", `${quality(number)}/mendings`, { act: what, rows });
  await page.settle(done.number, `${done.follows.zh}。`, `${done.follows.en}.`);
}
