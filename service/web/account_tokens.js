// Tokens of machines on the operator's page: issued for a time, for all that a department may or for some acts and layers, revoked at once.

import { ACT_WORDS } from "./act_words.js";
import { button, cells, confirmed, departmentNames, mark, place, say, table, time } from "./coordination.js";
import { showSecret } from "./secret.js";
import { askAll, bilingual, element, send, withoutLogin } from "./words.js";

const FOR_MACHINES = ["read_layer", "compare_versions", "upload_version", "bring_into_force", "withdraw_version", "export_layer", "keep_check", "read_check", "read_project", "read_opinion_requests", "give_opinion", "read_case", "decide_item"];

function stateOf(token) {
  if (token.revoked_at) return [mark("overdue", ["已吊销", "revoked"]), element("span", { class: "about" }, `${time(token.revoked_at)} ${withoutLogin(token.revoked_by)}`)];
  return [new Date(token.expires_at) <= new Date() ? mark("", ["已到期", "expired"]) : mark("given", ["有效", "good"])];
}

function scopeOf(token) {
  const acts = token.acts === null ? "部门的全部权限 all it may" : token.acts.map((act) => ACT_WORDS[act] ?? act).join("、");
  return [acts, ...(token.layers === null ? [] : [element("span", { class: "about" }, `图层 layers: ${token.layers.join("、")}`)])];
}

export async function showTokens(city) {
  const nameOfDepartment = departmentNames(city);
  const tokens = await askAll("/api/tokens");
  const isOver = (token) => Boolean(token.revoked_at) || new Date(token.expires_at) <= new Date();
  const again = async (words) => { await showTokens(city); say("done", ...bilingual(...words)); };
  const rows = [...tokens].sort((one, other) => isOver(one) - isOver(other) || other.id - one.id);
  table(place("tokens"), [["编号", "no."], ["持有", "of"], ["范围", "for"], ["签发", "made"], ["到期", "expires"], ["最近使用", "last used"], ["状态", "state"], ["", ""]], rows.map((token) => cells([
    String(token.id), token.department === null ? "推送接口 interface" : nameOfDepartment(token.department), scopeOf(token), [time(token.made_at), element("span", { class: "about" }, withoutLogin(token.made_by))],
    time(token.expires_at), token.used_at ? time(token.used_at) : "从未 never", stateOf(token),
    isOver(token) ? "" : button(["吊销", "Revoke"], async () => {
      if (!await confirmed(["吊销令牌", "Revoke the token"], ["立即生效，不能恢复；使用它的系统将不能再访问。", "At once, and for good; what uses it is shut out."], { strong: true })) return;
      await send("DELETE", `/api/tokens/${token.id}`);
      await again(["令牌已吊销。", "The token is revoked."]);
    }, { class: "small" }),
  ])), ["没有令牌。", "No token."]);
  const holders = [...city.departments.map(({ code, name }) => [code, name]), ["interface", "推送接口 the push of handovers"]];
  place("token-acts").replaceChildren(
    button(["签发令牌…", "Issue a token …"], async () => {
      const fields = [
        { name: "holder", words: ["部门或接口", "of"], type: "select", options: holders },
        { name: "expires_at", words: ["到期（不填为 90 天，最长一年）", "until; 90 days when empty, a year at most"], type: "datetime-local", optional: true },
        { name: "acts", words: ["只用于（不选为部门的全部权限）", "for these acts alone; all when none"], type: "checks", options: FOR_MACHINES.map((act) => [act, ACT_WORDS[act]]) },
        { name: "layers", words: ["只用于图层代码（空格分隔；不填为全部）", "for these layers alone"], optional: true },
      ];
      const given = await confirmed(["签发令牌", "Issue a token"], ["令牌只显示一次，请当面交付。", "Shown once; hand it over."], { fields, yes: ["签发", "Issue"] });
      if (!given) return;
      const listed = (text) => { const found = text.split(/[\s,，、]+/).filter(Boolean); return found.length ? found : null; };
      const made = await send("POST", "/api/tokens", {
        department: given.holder === "interface" ? null : given.holder, interface: given.holder === "interface", acts: listed(given.acts), layers: listed(given.layers),
        expires_at: given.expires_at ? `${given.expires_at}:00` : null,
      });
      await again(["令牌已签发。", "The token is made."]);
      showSecret([`${made.label} 的令牌（编号 ${made.id}，${time(made.expires_at)} 到期）：`, "the token:"], made.token);
    }), " ",
    button(["批量吊销…", "Revoke many …"], async () => {
      const fields = [{ name: "whose", words: ["吊销谁的", "whose"], type: "select", options: [...holders, ["all", "全部 every token there is"]] }];
      const given = await confirmed(["批量吊销令牌", "Revoke tokens"], ["立即生效，不能恢复。", "At once, and for good."], { fields, strong: true });
      if (!given) return;
      const whose = given.whose === "all" ? { all: true } : given.whose === "interface" ? { interface: true } : { department: given.whose };
      const { revoked } = await send("POST", "/api/token-revocations", whose);
      await again([`已吊销 ${revoked} 个令牌。`, "Revoked."]);
    }, { class: "strong" }),
  );
}
