// A version's raster on the map of its layer: a picture that the service draws, and what its colours mean.

import { count } from "./layer_words.js";
import { bilingual, element } from "./words.js";

// As `blueprint/rasters/picture.py` draws them.
const RAMP = ["#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494"];
const CLASSES = ["#8dd3c7", "#ffed6f", "#bebada", "#fb8072", "#80b1d3", "#fdb462", "#b3de69", "#fccde5", "#bc80bd", "#ccebc5", "#8c8c8c", "#e6ab02"];

export const picture = (address, { number, extent: [west, south, east, north] }) => ({
  type: "image", url: `${location.origin}${address}/versions/${number}/picture`, coordinates: [[west, north], [east, north], [east, south], [west, south]],
});

function swatch(colour) {
  const made = element("span", { class: "swatch", "aria-hidden": "true" });
  Object.assign(made.style, { background: colour, display: "inline-block", verticalAlign: "text-bottom" });
  return made;
}

const short = (value) => value.toLocaleString("zh-CN", { maximumFractionDigits: 2 });

export function legend({ raster }, layer) {
  const unit = layer.unit ? ` ${layer.unit}` : "";
  const classes = raster.classes && Object.entries(raster.classes).map(([value, pixels]) => [Number(value), pixels]).sort(([one], [other]) => one - other);
  const entries = classes
    ? classes.map(([value, pixels], place) => [CLASSES[place % CLASSES.length], `${value}（${count(pixels)} 像元）`])
    : RAMP.map((colour, step) => [colour, `${short(raster.minimum + ((raster.maximum - raster.minimum) * step) / (RAMP.length - 1))}${unit}`]);
  return element("div", { id: "raster-legend" },
    element("p", { class: "hint" }, ...bilingual("地图上的图例（示意图，非逐像元数值；透明处无值）", "On the map: a picture, not the pixels themselves; clear where there is no value")),
    element("p", { class: "row" }, ...entries.map(([colour, words]) => element("span", {}, swatch(colour), ` ${words}`))));
}
