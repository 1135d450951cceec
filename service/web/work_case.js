// What belongs to a case as a whole on the page of approval work: conditions to be met, its library, whose its days were, more items.

import { ask, bilingual, element, time, withoutLogin, wordsOf } from "./words.js";
import { showCaseLetters } from "./work_between.js";
import { cells, change, fill, perform, place, say, sure } from "./work_parts.js";

const HOLDERS = { applicant: ["申请人", "applicant"], window: ["窗口", "window"], department: ["审批部门", "department"], stop: ["特别程序", "special procedure"] };
const SOURCES = { opinion: "策划生成意见", consultation: "征询答复", matter: "会议、指导或争议的决定" };
// Ends after which one applies again.
const ENDED = new Set(["withdrawn", "not_accepted", "acceptance_refused", "refused", "taken_back", "revoked"]);

const address = (at) => `/api/approval/cases/${encodeURIComponent(at.number)}`;
const may = (at, right) => at.me.rights.includes(right);
const nameOf = (at, code) => at.names[code] ?? code;

// A link to a file of the library; that it was read is recorded.
export function fileLink(at, id, name) {
  return element("a", { href: `${address(at)}/materials/${id}/file`, download: "" }, name ?? "打开 open");
}

// The newest round of each item of the case.
const newestOf = (items) => [...new Map(items.map((item) => [item.code, item])).values()];

async function showObligations(at) {
  const { items: rows } = await ask(`${address(at)}/obligations`);
  const open = newestOf(at.items).filter((item) => !["approved", "approved_with_promise", "not_needed"].includes(item.state));
  place("conditions-count").textContent = rows.length ? `（${rows.filter((row) => row.closed_on).length} / ${rows.length} 已落实 met）` : "";
  fill("conditions", ["条件 condition", "来源 from", "提出部门 department", "落实事项 item", "状态 state"], rows.map((row) => {
    const titleOf = at.items.find(({ code }) => code === row.item_code)?.title ?? row.item_code;
    const state = row.closed_on ? `${row.closed_on} 已落实 met：${row.how}` : "未落实 open";
    const item = !row.closed_on && may(at, "accept_item") && open.length ? assignment(row, open, at) : titleOf ?? "尚未指定 not named yet";
    return cells([row.content, SOURCES[row.source] ?? row.source, nameOf(at, row.department), item, state]);
  }), ["没有建设条件。", "There are no conditions."]);
}

// The window names the item that must close a condition.
function assignment(row, open, at) {
  const items = element("select", { "aria-label": "落实事项 the item that must close it" },
    ...(row.item_code ? [] : [element("option", { value: "" }, "请指定 name one")]),
    ...open.map(({ code, title }) => element("option", { value: code }, `${title}（${code}）`)));
  items.value = row.item_code ?? "";
  items.addEventListener("change", () => perform(async () => {
    await change("PUT", `${address(at)}/obligations/${row.id}`, { item_code: items.value });
    await showObligations(at);
    say("done", ...bilingual("已指定落实事项。", "The item that must close it is named."));
  }));
  return items;
}

// Who read a version; asked for when somebody wants to know.
function readersOf(at, row) {
  const told = element("span", {});
  const open = element("button", { type: "button", class: "link" }, ...bilingual("查阅记录", "readers"));
  open.addEventListener("click", () => perform(async () => {
    const { items } = await ask(`${address(at)}/materials/${row.id}/readers`);
    told.replaceChildren(...(items.length
      ? [element("ul", {}, ...items.map((each) => element("li", {}, `${withoutLogin(each.name)}${each.department ? `（${nameOf(at, each.department)}）` : ""} ${time(each.last_at)}，${each.times} 次`)))]
      : bilingual("还没有人查阅。", "Nobody yet.")));
  }));
  return element("span", {}, open, " ", told);
}

async function showLibrary(at) {
  const { items: rows } = await ask(`${address(at)}/materials`);
  fill("library", ["材料 material", "版本", "收取 given", "有效至 valid until", "来源 from", "更换理由", "文件 file", "查阅 read by"], rows.map((row) =>
    cells([`${row.title}（${row.code}）`, row.version, `${row.given_on} ${row.given_by}`, row.valid_until ? `${row.valid_until}${row.is_valid ? "" : "（已过期 expired）"}` : "长期",
      { applicant: "申请人", handover: "策划生成推送", result: "审批结果" }[row.origin], row.replaces_reason ?? "", row.sha256 ? fileLink(at, row.id, row.file_name) : "—", row.sha256 ? readersOf(at, row) : ""])),
  ["材料库是空的。", "The library is empty."]);
}

async function showLedger(at) {
  const found = await ask(`${address(at)}/ledger`);
  place("ledger-sums").replaceChildren(
    element("p", {}, ...(found.from_on
      ? bilingual(`${found.from_on} 至 ${found.to_on} 共 ${found.elapsed} 个工作日，每一天归一方：`, "working days, each of which belongs to one:")
      : bilingual("还没有接件，没有用时。", "Nothing was taken in yet."))),
    element("dl", { class: "tiles" }, ...Object.entries(found.sums).map(([holder, days]) =>
      element("div", {}, element("dt", {}, ...bilingual(...HOLDERS[holder])), element("dd", {}, String(days))))));
  fill("ledger", ["从 after", "到 up to", "工作日 days", "在谁处 with", "事项 items"], found.turns.map((turn) =>
    cells([turn.starts_on, turn.ends_on, turn.working_days, HOLDERS[turn.holder].join(" "), turn.items.join("、")])), ["还没有用时。", "No day passed yet."]);
}

// Items that the case could have besides: of its project type and not in it, or ended without approval.
function offerItems(at) {
  const present = new Map(newestOf(at.items).map((item) => [item.code, item]));
  const over = new Set(at.theCase.stages.filter((row) => row.status === "concluded").map((row) => row.stage));
  const rules = at.table.items.filter((rule) => rule.project_types.includes(at.theCase.project_type)
    && (present.has(rule.code) ? ENDED.has(present.get(rule.code).state) : !over.has(rule.stage)));
  place("add-item").hidden = !may(at, "prepare_case") || !at.theCase.project_type || rules.length === 0;
  place("added").replaceChildren(...rules.map(({ code, title }) =>
    element("option", { value: code }, `${present.has(code) ? "重新申请 again：" : ""}${title}（${code}）`)));
  place("add-item").onsubmit = (event) => {
    event.preventDefault();
    perform(async () => {
      await change("POST", `${address(at)}/items`, { code: place("added").value });
      await at.changed();
      say("done", ...bilingual("事项已加入。", "The item was added."));
    });
  };
}

function offerSecret(at) {
  place("secret-part").hidden = !may(at, "accept_item") || !at.theCase.project_code;
  place("secret").replaceChildren();
  place("give-secret").onclick = () => perform(async () => {
    const words = ["以前发出的密码随即作废。新密码只显示一次，请交给申请人。", "A secret given before is void. It is shown once: hand it to the applicant."];
    if (!(await sure(["发放申请人查询密码", "Give the applicant a secret"], words))) return;
    const { secret } = await change("POST", `${address(at)}/applicant-secret`);
    place("secret").replaceChildren(...bilingual(`项目代码 ${at.theCase.project_code}，查询密码 ${secret}，查询网址 ${location.origin}/progress`, "code, secret and address for the applicant"));
  });
}

// Parts that take a question of their own are read when they are opened, and anew while they stay open.
const PARTS = { "library-part": showLibrary, "ledger-part": showLedger };

export async function showCaseParts(at) {
  offerItems(at);
  offerSecret(at);
  for (const [id, show] of Object.entries(PARTS)) {
    place(id).ontoggle = () => place(id).open && show(at).catch((problem) => say("error", ...wordsOf(problem)));
  }
  await Promise.all([showObligations(at), showCaseLetters(at), ...Object.entries(PARTS).filter(([id]) => place(id).open).map(([, show]) => show(at))]);
}
