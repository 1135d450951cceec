// An item on the page of approval work: what it needs, what was done, and the acts that its reader may do now.

import { saveFile } from "./files.js";
import { ask, bilingual, element } from "./words.js";
import { showBetween } from "./work_between.js";
import { fileLink } from "./work_case.js";
import { cardMark, cells, change, field, fill, perform, place, say, sure } from "./work_parts.js";

const STEP_WORDS = {
  drop: ["无需办理", "Not needed"], need: ["恢复办理", "Needed after all"], submit: ["接件", "Take in"], accept: ["受理", "Accept"],
  ask_correction: ["一次性告知补正", "Ask for corrections"], correct: ["补正完成", "Corrected"], not_accept: ["不受理", "Do not accept"],
  refuse_acceptance: ["不予受理", "Refuse acceptance"], withdraw: ["申请人撤回", "Withdrawn by applicant"], begin: ["开始办理", "Begin"],
  stop: ["特别程序开始", "Stop the clock"], resume: ["特别程序结束", "Go on"], extend: ["延长期限", "Extend the limit"], approve: ["准予", "Approve"],
  refuse: ["不予许可", "Refuse"], revoke: ["撤销", "Revoke"], verify: ["承诺核查通过", "Commitment checked"],
};
const WINDOW = new Set(["drop", "need", "submit", "accept", "ask_correction", "correct", "not_accept", "refuse_acceptance", "withdraw"]);
const REASONED = new Set(["drop", "not_accept", "refuse_acceptance", "withdraw", "stop", "extend", "refuse", "revoke"]);
// What cannot be undone, and what it means.
const GRAVE = {
  ask_correction: ["需要补正的内容只能告知一次，告知后不能再补充。", "What is lacking is said once; nothing can be added later."],
  not_accept: ["本轮申请到此结束，申请人须重新申请。", "This application ends; the applicant has to apply again."],
  refuse_acceptance: ["本轮申请到此结束，申请人须重新申请。", "This application ends; the applicant has to apply again."],
  withdraw: ["本轮申请到此结束，申请人须重新申请。", "This application ends; the applicant has to apply again."],
  extend: ["期限只能延长一次。", "The limit is extended only once."],
  approve: ["准予决定即日生效，文号不能再用；撤销须另作决定。", "The decision takes effect today and its number is used up."],
  refuse: ["不予许可决定即日生效，文号不能再用；决定书须写明理由和救济途径并上传，申请人须重新申请。", "The refusal takes effect today and its number is used up; its decision, with reasons and remedies, is uploaded, and the applicant has to apply again."],
  revoke: ["撤销后批复失效，以其为材料的事项随之缺件。", "The result is void; items that rest on it lack a material."],
};
const KINDS = {
  agree: "同意 agrees", agree_with_conditions: "有条件同意 agrees with conditions", disagree: "不同意 disagrees",
  no_objection: "无意见 no objection", deemed_no_objection: "视为无意见 deemed no objection",
};
const NEED_WORDS = { here: ["已有", "here"], missing: ["缺少", "missing"], expired: ["已过期", "expired"], promised: ["容缺", "promised"], not_needed: ["无需", "not needed"] };

const address = (at) => `/api/approval/cases/${encodeURIComponent(at.number)}`;

const input = (name, attributes = {}) => element("input", { name, autocomplete: "off", ...attributes });

// What the applicant hands in, and may promise; results and what was handed over come by themselves.
const isApplicants = (code, at) => at.table.materials.find((each) => each.code === code)?.obtained_from === "applicant";

// The fields that belong to a step.
function fieldsOf(step, item, at) {
  const fields = [];
  const rule = at.table.items.find(({ code }) => code === item.code);
  if (step === "submit" && rule?.on_commitment) {
    fields.push(element("label", {}, input("on_commitment", { type: "checkbox" }), " 告知承诺制办理 ", element("span", { lang: "en" }, "on commitment")));
  }
  if (step === "accept") {
    for (const need of item.needs.filter(({ state }) => state === "missing" || state === "expired")) {
      const code = need.codes.find((each) => isApplicants(each, at));
      if (code) fields.push(field(`${need.title}：容缺受理，承诺补交日`, "missing; promised until", input(`promise:${code}`, { type: "date" })));
    }
  }
  if (step === "ask_correction") {
    fields.push(element("p", { class: "hint" }, ...bilingual("逐项写明缺什么；已有的材料须写明缺陷。没有写的不要求补正。", "Say of each what is lacking; of one that is there, its defect. What is left empty is not asked for.")));
    for (const need of item.needs) {
      const code = need.codes.find((each) => isApplicants(each, at));
      if (!code) continue;
      fields.push(field(need.title, "what is lacking", input(`what:${code}`, { maxlength: "4000" })));
      if (need.state === "here") fields.push(field(`${need.title}：现有材料的缺陷`, "defect of what is there", input(`defect:${code}`, { maxlength: "4000" })));
    }
  }
  if (step === "stop") {
    const kinds = at.table.stops.map(({ code, title, most_days }) => element("option", { value: code }, `${title}（至多 ${most_days} 个工作日）`));
    fields.push(field("特别程序", "procedure", element("select", { name: "stop_kind" }, ...kinds)));
  }
  if (step === "stop" || step === "extend") fields.push(field("工作日", "working days", input("working_days", { type: "number", min: "1", max: "200" })));
  if (step === "approve" || step === "refuse") {
    fields.push(
      field("文号", "number", input("result.number", { maxlength: "100" })),
      field("标题", "title", input("result.title", { maxlength: "200", value: step === "refuse" ? `不予许可决定书：${item.title}` : item.title })),
      field("签发人", "signed by", input("result.signed_by", { maxlength: "200" })),
    );
  }
  if (step === "approve") fields.push(field("有效期至（可空）", "valid until, may be empty", input("result.valid_until", { type: "date" })));
  const against = step === "approve" ? item.basis.filter((row) => row.source === "consultation" && row.kind === "disagree" && row.department !== item.department) : [];
  if (against.length) fields.push(element("p", { class: "hint" }, ...bilingual(`${against.map(({ department }) => at.names[department] ?? department).join("、")}不同意，须写明如何处理。`, "Say how the disagreement was dealt with.")));
  if (REASONED.has(step) || against.length) fields.push(field("理由", "reason", element("textarea", { name: "reason", rows: "3", maxlength: "4000" })));
  return fields;
}

// What was filled in, as the interface takes it.
function bodyOf(step, form) {
  const body = { step };
  const lacking = {};
  for (const { name, type, value, checked } of form.elements) {
    if (!name || (value === "" && type !== "checkbox")) continue;
    const [kind, code] = name.split(":");
    if (kind === "promise") (body.promised ??= []).push({ material: code, due_on: value });
    else if (kind === "what") lacking[code] = { ...lacking[code], material: code, what: value };
    else if (kind === "defect") lacking[code] = { what: value, ...lacking[code], material: code, defect: value };
    else if (name.startsWith("result.")) (body.result ??= {})[name.slice(7)] = value;
    else if (type === "checkbox") body[name] = checked;
    else body[name] = name === "working_days" ? Number(value) : value;
  }
  if (step === "ask_correction") body.lacking = Object.values(lacking);
  return body;
}

function offer(step, item, at) {
  const form = place("act-form");
  const fields = fieldsOf(step, item, at);
  const words = STEP_WORDS[step];
  const take = async () => {
    if (GRAVE[step] && !(await sure([`${words[0]}：${item.title}`, words[1]], GRAVE[step]))) return;
    await change("POST", `${address(at)}/items/${item.code}/steps`, bodyOf(step, form));
    form.hidden = true;
    form.replaceChildren();
    await at.changed();
    await showItem(at);
    say("done", ...bilingual(`${words[0]}：已记录。`, `${words[1]}: recorded.`));
  };
  if (fields.length === 0) {
    form.replaceChildren();
    perform(take);
    return;
  }
  const cancel = element("button", { type: "button" }, ...bilingual("取消", "Cancel"));
  cancel.addEventListener("click", () => { form.hidden = true; });
  form.replaceChildren(element("h3", {}, ...bilingual(...words)), ...fields,
    element("p", { class: "buttons" }, element("button", { type: "submit" }, ...bilingual(...words)), " ", cancel));
  form.onsubmit = (event) => {
    event.preventDefault();
    perform(take);
  };
  form.hidden = false;
  form.querySelector("input, select, textarea").focus();
}

function showActs(item, at) {
  const own = at.me.department === item.department && at.me.rights.includes("decide_item");
  const window = at.me.rights.includes("accept_item");
  const isOnCommitment = Boolean(item.verify_due_on) && !item.verified_on;
  const steps = item.possible.filter((step) => (WINDOW.has(step) ? window : own) && (step !== "verify" || isOnCommitment));
  const buttons = steps.map((step) => {
    const button = element("button", { type: "button", "data-step": step, ...(GRAVE[step] ? { class: "grave" } : {}) }, ...bilingual(...STEP_WORDS[step]));
    button.addEventListener("click", () => offer(step, item, at));
    return button;
  });
  if (own && item.result && !item.result.uploaded_at) buttons.push(uploadOf(item, at));
  place("acts").replaceChildren(...(buttons.length ? buttons.flatMap((button) => [button, " "]) : bilingual("现在没有您可以办理的步骤。", "There is no step for you to take now.")));
  place("act-form").hidden = true;
}

function uploadOf(item, at) {
  const paper = item.state === "refused" ? "不予许可决定书" : "批复证照";
  const file = element("input", { type: "file", name: "file", id: "result-file" });
  file.addEventListener("change", () => perform(async () => {
    if (!(await sure([`上传${paper}：${item.result.number}`, "Upload the decision"], ["决定文件只能上传一次，随即进入材料库。", "It is uploaded once and is in the library at once."]))) {
      file.value = "";
      return;
    }
    const body = new FormData();
    body.append("file", file.files[0]);
    await change("PUT", `${address(at)}/items/${item.code}/result-file`, body);
    await showItem(at);
    say("done", ...bilingual(`${paper}已上传。`, "It is uploaded."));
  }));
  return element("span", {}, element("label", { for: "result-file" }, ...bilingual(`上传${paper}：`, item.state === "refused" ? "decision" : "certificate")), " ", file);
}

function showMaterials(item, at) {
  fill("needs", ["材料 material", "状态 state", "在哪里 place", "文件 file"], item.needs.map((need) =>
    cells([`${need.title}（${need.codes.join(" / ")}）`, NEED_WORDS[need.state]?.join(" ") ?? need.state, need.material?.place ?? (need.promised_until ? `${need.promised_until} 前补交` : ""),
      need.material?.sha256 ? fileLink(at, need.material.id) : ""])),
  ["不需要材料。", "It needs no material."]);
  const form = place("material-form");
  form.hidden = !at.me.rights.includes("give_material") || item.needs.length === 0;
  const code = element("select", { name: "code" }, ...item.needs.flatMap((need) => need.codes.map((each) => element("option", { value: each }, `${need.title}（${each}）`))));
  const file = element("input", { type: "file", name: "file" });
  const until = input("valid_until", { type: "date" });
  const why = input("replaces_reason", { maxlength: "4000" });
  form.replaceChildren(
    element("label", {}, ...bilingual("材料", "material"), " ", code), element("label", {}, ...bilingual("文件", "file"), " ", file),
    element("label", {}, ...bilingual("有效期至", "valid until"), " ", until), element("label", {}, ...bilingual("更换理由", "why it is replaced"), " ", why),
    element("button", { type: "submit" }, ...bilingual("收取材料", "Hand in")));
  form.onsubmit = (event) => {
    event.preventDefault();
    perform(async () => {
      if (!file.files.length) throw new Error("请选择文件。 Choose a file.");
      const body = new FormData();
      body.append("file", file.files[0]);
      body.append("code", code.value);
      body.append("item", item.code);
      if (until.value) body.append("valid_until", until.value);
      if (why.value) body.append("replaces_reason", why.value);
      await change("POST", `${address(at)}/materials`, body);
      await showItem(at);
      say("done", ...bilingual("材料已收取，各事项共用。", "The material is in the library, for every item."));
    });
  };
}

// A step that passes through a state has a row for each in the exchange; here the last of them stands for it.
const isWhole = (row, place, rows) => rows[place + 1]?.step !== row.step || rows[place + 1].taken_at !== row.taken_at;

// What a step had besides: everything that was lacking, what was promised, for how long the clock was stopped.
function contentOf({ reason, detail }, at) {
  const titleOf = (code) => at.table.materials.find((each) => each.code === code)?.title ?? code;
  return [
    reason,
    detail.on_commitment && "告知承诺 on commitment",
    ...(detail.lacking ?? []).map(({ title, what, defect }) => `${title}：${[...new Set([what, defect])].filter(Boolean).join("，")}`),
    ...(detail.promised ?? []).map(({ material, due_on }) => `容缺 promised：${titleOf(material)}，${due_on} 前补交`),
    detail.title, detail.working_days && `${detail.working_days} 个工作日 working days`,
    detail.number && `${detail.number}（${detail.signed_by}）`,
  ].filter(Boolean).join("；");
}

// What the applicant is handed of a step (行政许可法 32, 42, 45), to print and seal, or to be worked on.
function voucherLinks({ number, voucher }, item, at) {
  const save = (form) => {
    const button = element("button", { type: "button" }, form.toUpperCase());
    button.addEventListener("click", () => perform(() => saveFile(`${address(at)}/items/${encodeURIComponent(item.code)}/vouchers/${number}?round=${item.round}&f=${form}`)));
    return button;
  };
  return element("span", {}, `${voucher} `, save("pdf"), " ", save("docx"));
}

export async function showItem(at) {
  const item = await ask(`${address(at)}/items/${encodeURIComponent(at.code)}`);
  place("item-name").replaceChildren(`${item.title} `, element("small", {}, `${item.code} · ${at.number}`));
  const facts = [
    ["状态 state", item.state_words], ["审批部门 department", item.department_name],
    ["期限 limit", item.limit_days === null ? "—" : `${item.limit_days + item.extended_days} ${item.day_unit === "working" ? "个工作日 working days" : "日 days"}`],
    ["到期 due", item.due_on ? `${item.due_on}${item.provisional ? "（暂定 provisional）" : ""}` : "—"],
    ["用时 days so far", item.spans.map((span) => `${{ applicant: "申请人", window: "窗口", department: "部门", stop: "特别程序" }[span.holder]} ${span.working_days}`).join(" · ") || "—"],
    [item.state === "refused" ? "不予许可决定 refusal" : "批复 result", item.result ? `${item.result.number} ${item.result.title}${item.result.uploaded_at ? "" : "（未上传 not uploaded）"}` : "—"],
  ];
  place("item-facts").replaceChildren(element("dt", {}, "牌 card"), element("dd", {}, cardMark(item.card)), ...facts.flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]));
  place("obstacles").replaceChildren(element("strong", {}, ...bilingual("尚不能受理", "in the way of acceptance")), element("ul", {}, ...item.obstacles.map((text) => element("li", {}, text))));
  place("obstacles").hidden = item.obstacles.length === 0;
  showActs(item, at);
  showMaterials(item, at);
  place("owed-part").hidden = item.obligations.length === 0;
  place("obligations").replaceChildren(...item.obligations.map((row) => obligation(row, item, at)));
  place("basis-part").hidden = item.basis.length === 0;
  place("basis").replaceChildren(...item.basis.map((row) => element("li", {}, `${at.names[row.department] ?? row.department} ${row.given_on}：${[KINDS[row.kind] ?? row.kind, row.text].filter(Boolean).join("，")}`)));
  if (item.result?.sha256) place("item-facts").lastChild.append(" ", fileLink(at, item.result.material_id, item.state === "refused" ? "决定书 decision" : "证照 certificate"));
  await showBetween(item, { ...at, show: () => at.changed().then(() => showItem(at)) });
  fill("steps", ["日期 day", "步骤 step", "经办 by", "理由和内容 reason and content", "凭证 voucher"], item.steps.filter(isWhole).map((row) =>
    cells([row.taken_on, STEP_WORDS[row.step]?.join(" ") ?? row.step, row.taken_by, contentOf(row, at), row.voucher ? voucherLinks(row, item, at) : ""])), ["还没有办理。", "Nothing was done yet."]);
  place("item-card").hidden = false;
  place("item-name").scrollIntoView({ block: "start" });
}

function obligation(row, item, at) {
  const made = element("li", {}, row.content, row.closed_on ? `（${row.closed_on} 已落实：${row.how}）` : "（未落实 open）");
  if (!row.closed_on && at.me.department === item.department && at.me.rights.includes("decide_item")) {
    const how = element("input", { "aria-label": "如何落实 how it was met", placeholder: "如何落实 how it was met", maxlength: "4000" });
    const button = element("button", { type: "button" }, ...bilingual("落实", "Met"));
    button.addEventListener("click", () => perform(async () => {
      await change("PUT", `${address(at)}/obligations/${row.id}`, { how: how.value });
      await showItem(at);
    }));
    made.append(" ", how, " ", button);
  }
  return made;
}
