// Where each condition holds (附带条件的位置): the whole site, a finding, or a place drawn on the map; one row for each line of the text.

import { button } from "./coordination.js";
import { bilingual, element } from "./words.js";

const DRAWN = "drawn";

// `written` is told when somebody changes something; `look` shows a finding, or a drawn place, on the map.
export function conditionPlaces({ text, target, findings, written, look }) {
  let rows = [];
  let drawing = null;
  let drawn = null;

  // A line whose words were changed keeps its place as long as no line comes or goes; one that moved takes its place along.
  const read = () => {
    const lines = text.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const before = [...rows];
    rows = lines.map((line, number) => {
      const same = before.findIndex((row) => row?.text === line);
      const found = same >= 0 ? before[same] : lines.length === rows.length ? rows[number] : null;
      if (same >= 0) before[same] = null;
      return { finding: null, place: null, ...found, text: line };
    });
  };

  const choose = (row, value) => {
    written();
    if (value === DRAWN) {
      row.finding = null;
      if (drawing === null) throw new Error("地图还没有读完，请稍候再画。 The map is not there yet; draw a little later.");
      drawn = row;
      drawing.begin();
    } else {
      Object.assign(row, { finding: value === "" ? null : Number(value), place: null });
      if (drawn === row) stop();
      look(row);
    }
    show();
  };

  const stop = () => {
    drawn = null;
    drawing?.show(null);
  };

  const finish = () => {
    drawing.finish();
    drawn.place = drawing.shape;
    written();
    const row = drawn;
    stop();
    look(row);
    show();
  };

  function acts(row) {
    if (drawn === row) {
      return [element("span", { class: "about" }, `在地图上依次点击角点，已有 ${drawing.corners} 个。`), button(["完成", "Finish"], finish, { class: "small" }), " ",
        button(["取消", "Cancel"], () => { stop(); show(); }, { class: "small" })];
    }
    return row.place ? [" ", button(["地图上看", "Look"], () => look(row), { class: "small" })] : [];
  }

  function show() {
    target.hidden = rows.length === 0;
    target.replaceChildren(...rows.map((row, number) => {
      const select = element("select", { "aria-label": `第 ${number + 1} 条的位置` },
        element("option", { value: "" }, "整个项目 the whole"),
        ...findings().map((finding, place) => element("option", { value: String(place + 1) }, `第 ${place + 1} 处 ${finding.title} ${finding.feature}`)),
        element("option", { value: DRAWN }, "地图上画的范围 drawn on the map"));
      select.value = drawn === row || row.place ? DRAWN : String(row.finding ?? "");
      select.addEventListener("change", () => choose(row, select.value));
      return element("li", {}, element("span", {}, row.text), select, ...acts(row));
    }));
  }

  text.addEventListener("input", () => { read(); show(); });

  return {
    get isDrawing() { return drawn !== null; },
    fill(list) {
      rows = list.map(({ text: words, finding, place }) => ({ text: words, finding, place }));
      read();
      show();
    },
    drawOn(found) {
      drawing = found;
      drawing.onChange(() => { if (drawn !== null) show(); });
      show();
    },
    get list() { return rows; },
  };
}

// A condition as it was given, with its place in words.
export const conditionWords = (each, findings) => {
  const finding = findings[each.finding - 1];
  return [`${each.number}. ${each.text}`, ...(finding ? [element("span", { class: "about" }, `第 ${each.finding} 处 ${finding.title} ${finding.feature}`)] : []),
    ...(each.place ? [element("span", { class: "about" }, ...bilingual("地图上画的范围", "drawn on the map"))] : [])];
};
