// Verifying a check report (报告核验): a file that somebody holds, or a kept check by its number (?check=); two files against each other.

import { boundsOf } from "./bounds.js";
import { act, baseMap, begin, fail, mark, place, say } from "./coordination.js";
import { clearDifference, fit, showDifference } from "./difference.js";
import { ask, bilingual, element, send } from "./words.js";

const SEALS = { intact: "完好 intact", broken: "不符 broken", missing: "缺失 missing" };

const listOf = (id, words, texts) => (texts.length ? [element("p", {}, ...bilingual(...words)), element("ul", { id }, ...texts.map((text) => element("li", {}, text)))] : []);

// What came of it, into `target`: same or not, why, and each difference.
export function showVerification(found, target) {
  const isUnsealed = found.seal === "missing" && found.differences.length === 0;
  const isBare = found.holds && found.unverified.length > 0;
  const [kind, words] = isBare ? ["restrict", ["数值一致，无封签", "figures the same, no seal"]] : found.holds ? ["clear", ["一致", "same"]] : isUnsealed ? ["restrict", ["封签缺失，未能核验", "seal missing, not verified"]] : ["prohibit", ["不一致", "differs"]];
  target.replaceChildren(
    element("p", { id: "verdict-of-report" }, mark(kind, words)),
    element("p", {}, found.conclusion),
    ...(found.seal === null ? [] : [element("p", { id: "seal", class: "hint" }, `封签 seal：${SEALS[found.seal]}`)]),
    ...listOf("verified", ["已核验：", "Verified:"], found.verified),
    ...listOf("unverified", ["未核验，可能被改动：", "Not verified, may have been changed:"], found.unverified),
    element("p", { class: "hint digest" }, `摘要 digest: ${found.digest}`),
    ...(found.differences.length ? [element("ul", { id: "differences" }, ...found.differences.map((text) => element("li", {}, text)))] : []),
  );
}

// The same on this page, with a message that is green only where the whole holds.
function tellVerification(found, [name, nameEn]) {
  showVerification(found, place("outcome"));
  if (found.holds && found.unverified.length) say("note", ...bilingual(`${name}的数值复算一致；没有封签，其余内容未核验，见下。`, `The figures of ${nameEn} hold; without a seal the rest is not verified, see below.`));
  else if (found.holds) say("done", ...bilingual(`${name}已核验，一致。`, `Verified: ${nameEn} holds.`));
  else say("error", ...bilingual(`${name}未通过核验，见下。`, `Not verified: ${nameEn}; see below.`));
}

async function verifyFile() {
  const [report, footprint] = [place("report").files[0], place("footprint").files[0]];
  if (!report) throw new Error("请选择报告文件。 Choose the report's file.");
  const form = new FormData();
  form.append("file", report);
  if (footprint) form.append("footprint", footprint);
  place("outcome").replaceChildren(element("p", { class: "hint" }, ...bilingual("正在重新检查……", "Checking again …")));
  try {
    tellVerification(await ask("/api/report-verifications", { method: "POST", body: form }), ["报告", "the report"]);
  } catch (problem) {
    place("outcome").replaceChildren();
    throw problem;
  }
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
  tellVerification(await send("POST", `/api/checks/${encodeURIComponent(check)}/verification`), [`检查 ${check}`, `check ${check}`]);
}

if (place("verify")) start().catch(fail);
