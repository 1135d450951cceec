// Who answers in a department: the responsible section, who stands in for whom; on the inbox.

import { button, cells, confirmed, place, say, table, today } from "./coordination.js";
import { nameIn, options as byName, peopleOf } from "./people.js";
import { ask, bilingual, element, send, withoutLogin } from "./words.js";

const RIGHT = { review_draft: ["审核", "review"], issue_opinion: ["签发", "sign"] };

export async function showPeople(me) {
  const may = (right) => me.rights.includes(right);
  const code = encodeURIComponent(me.department);
  place("people-card").hidden = !may("handle_request");
  if (!may("handle_request")) return;
  const again = async () => {
    await showPeople(me);
    say("done", ...bilingual("已保存。", "Saved."));
  };
  const responsible = await ask(`/api/departments/${code}/responsible-section`);
  place("responsible").replaceChildren(...bilingual("责任科室：", "Responsible section:"), " ",
    responsible.section ? `${responsible.section}${responsible.officer ? ` · ${withoutLogin(responsible.officer)}` : ""}` : element("span", { class: "about" }, ...bilingual("未指定，由有权人员直接反馈。", "Nobody is named: whoever may gives the opinion at once.")));
  const people = await peopleOf(me.department);
  const { items } = await ask(`/api/departments/${code}/stand-ins`);
  table(place("stand-ins"), [["人员", "who"], ["代理人", "deputy"], ["权限", "rights"], ["自", "from"], ["至", "to"], ["事由", "reason"], ["", ""]], items.map((each) => cells([
    nameIn(people, each.login), nameIn(people, each.deputy), each.act ? RIGHT[each.act].join(" ") : "请假，全部 absence, all", each.starts_on, each.ends_on, each.reason,
    each.login === me.login || may("organise_department") ? button(["结束", "End"], async () => { await send("POST", `/api/stand-ins/${each.id}/end`); await again(); }, { class: "small" }) : "",
  ])), ["没有请假或委托。", "Nobody is away."]);
  const acts = [];
  if (may("arrange_stand_in")) {
    acts.push(button(["登记请假或委托", "Somebody stands in"], async () => {
      const given = await confirmed(["登记请假或委托", "Somebody stands in"], ["起止两日均有效；代理人须为本部门人员。", "Both days count; the deputy is of this department."], { reason: true, fields: [
        { name: "login", words: ["人员", "who"], type: "select", value: me.login, options: byName(people.filter(({ login }) => login === me.login || may("organise_department"))) },
        { name: "deputy", words: ["代理人", "deputy"], type: "select", options: byName(people.filter(({ login }) => login !== me.login || may("organise_department"))) },
        { name: "act", words: ["权限", "rights"], type: "select", optional: true, options: [["", "请假，全部 absence, all"], ["review_draft", "只委托审核 review alone"], ["issue_opinion", "只委托签发 sign alone"]] },
        { name: "starts_on", words: ["自", "from"], type: "date", value: today() }, { name: "ends_on", words: ["至", "to"], type: "date", value: today() },
      ] });
      if (!given) return;
      await send("POST", "/api/stand-ins", { ...given, act: given.act || null });
      await again();
    }));
  }
  if (may("organise_department")) {
    acts.push(button(["指定责任科室", "Name the responsible section"], async () => {
      const { departments, districts } = await ask("/api/departments");
      const own = [...departments, ...districts.flatMap((district) => district.departments)].find((each) => each.code === me.department);
      if (!own?.sections.length) throw new Error("本部门还没有科室，请账户管理员先设立。 The department has no section yet; the operator opens one.");
      const given = await confirmed(["指定责任科室", "Name the responsible section"], ["此后本部门意见须经接收、研究、审核、签发。", "From then on opinions are received, studied, reviewed and signed."], { fields: [
        { name: "section", words: ["科室", "section"], type: "select", options: own.sections.map(({ id, name }) => [String(id), name]) }, { name: "officer", words: ["责任人（可不选）", "person"], type: "select", optional: true, options: [["", "—"], ...byName(people)] },
      ] });
      if (!given) return;
      await send("PUT", `/api/departments/${code}/responsible-section`, { section: Number(given.section), officer: given.officer || null });
      await again();
    }));
  }
  place("people-acts").replaceChildren(...acts.flatMap((each) => [each, " "]));
}
