// Verifying a check report (报告核验): a file that somebody holds, or a kept check by its number (?check=); two files against each other.

import { boundsOf } from "./bounds.js";
import { act, baseMap, begin, fail, mark, place, say } from "./coordination.js";
import { clearDifference, fit, showDifference } from "./difference.js";
import { ask, bilingual, element, send } from "./words.js";

// What came of it, into `target`: same or not, why, and each difference.
export function showVerification(found, target) {
  const [kind, words] = found.holds ? ["clear", ["一致", "same"]] : ["prohibit", ["不一致", "differs"]];
  target.replaceChildren(
    element("p", { id: "verdict-of-report" }, mark(kind, words)),
    element("p", {}, found.conclusion),
    ...(found.is_as_written === null ? [] : [element("p", { id: "seal", class: "hint" }, found.is_as_written ? "封签 seal：完好 intact" : "封签 seal：不符 broken")]),
    element("p", { class: "hint digest" }, `摘要 digest: ${found.digest}`),
    ...(found.differences.length ? [element("ul", { id: "differences" }, ...found.differences.map((text) => element("li", {}, text)))] : []),
  );
}

async function verifyFile() {
  const [report, footprint] = [place("report").files[0], place("footprint").files[0]];
  if (!report) throw new Error("请选择报告文件。 Choose the report's file.");
  const form = new FormData();
  form.append("file", report);
  if (footprint) form.append("footprint", footprint);
  place("outcome").replaceChildren(element("p", { class: "hint" }, ...bilingual("正在重新检查……", "Checking again …")));
  try {
    showVerification(await ask("/api/report-verifications", { method: "POST", body: form }), place("outcome"));
  } catch (problem) {
    place("outcome").replaceChildren();
    throw problem;
  }
  say("done", ...bilingual("已核验。", "Verified."));
}

let map = null;

async function compareFiles() {
  const [before, after] = [place("before").files[0], place("after").files[0]];
  if (!before || !after) throw new Error("请选择两份报告。 Choose two reports.");
  const form = new FormData();
  form.append("before", before);
  form.append("after", after);
  place("compared").replaceChildren(element("p", { class: "hint" }, ...bilingual("正在对比……", "Comparing …")));
  try {
    const found = await ask("/api/report-differences", { method: "POST", body: form });
    const sites = [found.before, found.after].filter(Boolean).flatMap(({ features }) => features.filter(({ properties }) => properties.kind === "footprint"));
    place("not-drawn").hidden = Boolean(found.before && found.after);
    place("map").hidden = sites.length === 0;
    if (sites.length && map === null) map = await baseMap(boundsOf(sites.at(-1).geometry));
    showDifference(found, place("compared"), { map });
    if (sites.length) fit(map, sites);
  } catch (problem) {
    place("compared").replaceChildren();
    clearDifference(map);
    throw problem;
  }
  say("done", ...bilingual("已对比。", "Compared."));
}

async function start() {
  const { me } = await begin("核验与对比报告 Verify");
  if (me === null) return;
  place("verify").addEventListener("submit", (event) => event.preventDefault());
  act(place("verify").querySelector("[type=submit]"), verifyFile);
  place("compare").addEventListener("submit", (event) => event.preventDefault());
  act(place("compare").querySelector("[type=submit]"), compareFiles);
  const check = new URLSearchParams(location.search).get("check");
  if (check === null) {
    say("");
    return;
  }
  showVerification(await send("POST", `/api/checks/${encodeURIComponent(check)}/verification`), place("outcome"));
  say("done", ...bilingual(`已核验检查 ${check}。`, `Check ${check} is verified.`));
}

if (place("verify")) start().catch(fail);
