// Many footprints at once: a dataset is sent, a job checks it, and what came of it is shown again as long as it is kept.

import { SEVERITY, act, button, cells, place, say, table } from "./coordination.js";
import { finished, sendForm } from "./files.js";
import { verdict } from "./sites.js";
import { ask, bilingual, element, send, time } from "./words.js";

const FILES = ["xlsx", "csv", "gpkg", "json"];
const FIELDS = { name_field: "name_field", use_field: "use_field", top_field: "top_field", crs: "batch_crs", width_m: "batch_width", sublayer: "batch_sublayer" };
const KEPT_DAYS = 31;
const SHOWN = 10;
const STATES = { waiting: "排队中 waiting", running: "检查中 running", done: "已完成 done", failed: "未完成 failed", cancelled: "已取消 cancelled" };

export async function batches() {
  place("batch").addEventListener("submit", (event) => event.preventDefault());
  act(place("batch").querySelector("[type=submit]"), checkAll);
  await listed();
}

async function checkAll() {
  const [file] = place("dataset").files;
  if (!file) throw new Error("请选择数据文件。 Choose a file.");
  const body = new FormData();
  body.append("file", file, file.name);
  for (const [name, id] of Object.entries(FIELDS)) {
    if (place(id).value.trim()) body.append(name, place(id).value.trim());
  }
  cleared();
  const sending = (share) => { place("progress").textContent = `正在上传…… sending ${Math.round(share * 100)} %`; };
  const job = await sendForm("/api/check-batches", body, sending).finally(() => { place("progress").textContent = ""; });
  await followed(job);
}

// How far it is and a way to call it off, until it has ended; one that was cancelled or failed stands in the list, too.
async function followed(job) {
  const [bar, words] = [element("progress", { "aria-label": "批量检查进度 progress of the batch" }), element("span", {})];
  const cancel = button(["取消", "Cancel"], () => send("POST", `/api/jobs/${job.id}/cancel`), { class: "small" });
  place("progress").replaceChildren(bar, " ", words, " ", cancel);
  const told = ({ state, phase, features_done: done }) => {
    const total = Number(/^check of (\d+)$/u.exec(phase ?? "")?.[1] ?? 0);
    if (total) Object.assign(bar, { max: total, value: done });
    else bar.removeAttribute("value");
    const far = total ? `已检查 ${done.toLocaleString("zh-CN")} / ${total.toLocaleString("zh-CN")} 宗 checked` : "正在读取文件…… reading the file";
    words.textContent = state === "waiting" ? "排队中…… waiting" : far;
  };
  const ended = () => { place("progress").replaceChildren(); return listed(); };
  shown(await finished(job, told, "批量检查没有完成。 The batch was not finished.").finally(ended));
}

function cleared() {
  for (const id of ["batch-notes", "batch-files", "summary", "met"]) place(id).replaceChildren();
}

function shown({ sites, verdicts, layers, restricted_withheld: withheld, file: address, titles = {}, notes = [], note_count: noted = 0, left_out: left = 0 }) {
  place("batch-notes").replaceChildren(...notes.map((note) => element("li", {}, note)), ...(noted > notes.length ? [element("li", {}, `另有 ${noted - notes.length} 条，见下载的文件 and more, in the files`)] : []));
  place("batch-files").replaceChildren(...FILES.flatMap((form) => [element("a", { class: "button", href: `${address}?f=${form}`, download: "" }, form.toUpperCase()), " "]));
  table(place("summary"), [["最重管控", "worst control"], ["宗数", "footprints"]],
    Object.keys(SEVERITY).map((severity) => cells([verdict(severity), (verdicts[severity] ?? 0).toLocaleString("zh-CN")])), ["没有用地", "None"]);
  table(place("met"), [["冲突图层", "layer met"], ["宗数", "footprints"]],
    Object.entries(layers).map(([code, count]) => cells([titles[code] ?? code, count.toLocaleString("zh-CN")])), ["没有冲突图层", "No layer is met"]);
  const unanswered = withheld ? [`其中 ${withheld} 宗：今日关于受限图层的答复次数已用完，是否涉及未作答。`, ` Of ${withheld} it is not said whether restricted layers are met: today's answers are used up.`] : ["", ""];
  const without = left ? [`${left.toLocaleString("zh-CN")} 个图斑未检查，见下。`, ` ${left} features were not, see below.`] : ["", ""];
  say(left ? "note" : "done", ...bilingual(`已检查 ${sites.toLocaleString("zh-CN")} 宗用地。${without[0]}${unanswered[0]}`, `${sites} footprints checked.${without[1]}${unanswered[1]}`));
}

// The batches of one's own that are kept or under way: who left the page comes back to them.
async function listed() {
  const since = Date.now() - KEPT_DAYS * 86_400_000;
  const { items } = await ask("/api/jobs?limit=200");
  const own = items.filter(({ kind, asked_at: at }) => kind === "batch_check" && new Date(at) > since).slice(0, SHOWN);
  table(place("batches"), [["提交时间", "asked at"], ["文件", "file"], ["状态", "state"], ["宗数", "footprints"], ["", ""]],
    own.map((job) => cells([time(job.asked_at), job.result?.name ?? "—", STATES[job.state], job.result?.sites?.toLocaleString("zh-CN") ?? "—", again(job)])),
    ["还没有批量检查", "No batch yet"]);
}

function again(job) {
  if (job.state === "done") return button(["查看", "Show"], () => { cleared(); shown(job.result); }, { class: "small" });
  if (["waiting", "running"].includes(job.state)) return button(["跟踪进度", "Follow"], () => { cleared(); return followed(job); }, { class: "small" });
  return job.error ?? "";
}
