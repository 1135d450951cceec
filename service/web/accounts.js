// Accounts for their operator: persons and their roles from a time to a time, passwords and second factors reset, everybody signed out.

import { showSections } from "./account_sections.js";
import { showTokens } from "./account_tokens.js";
import { begin, button, cells, confirmed, departmentNames, fail, mark, place, say, table, time } from "./coordination.js";
import { hideSecret, showSecret } from "./secret.js";
import { ROLE_WORDS, ask, askAll, bilingual, element, send, withoutLogin } from "./words.js";

let tree;
let persons = [];
let nameOfDepartment;

const now = () => new Date().toISOString();
const instant = (text) => new Date(text).toISOString();
const isOver = ({ ends_at: ends }) => ends !== null && instant(ends) <= now();
const isNow = (appointment) => !isOver(appointment) && instant(appointment.starts_at) <= now();
const roleWords = ({ role, department, section }) => `${ROLE_WORDS[role]?.[0] ?? role}${department ? `（${nameOfDepartment(department)}${section ? ` ${section}` : ""}）` : ""}`;

function marksOf(person) {
  const found = [];
  if (person.deactivated_at) found.push(mark("overdue", ["已停用", "closed"]));
  else if (person.must_change_password) found.push(mark("open", ["待改密码", "one-time password"]));
  if (person.second_factor_since) found.push(mark("given", ["动态口令", "second factor"]));
  if (person.is_sample) found.push(mark("soon", ["示例账户", "sample"]));
  return found.flatMap((each) => [each, " "]);
}

function showPersons() {
  const words = place("filter").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const told = (person) => [person.login, person.name, person.email, ...person.appointments.filter(isNow).map(roleWords)].join(" ").toLowerCase();
  const shown = persons.filter((person) => (place("closed").checked || !person.deactivated_at) && words.every((word) => told(person).includes(word)));
  table(place("persons"), [["登录名", "login"], ["姓名", "name"], ["现任岗位", "roles now"], ["状态", "state"], ["", ""]], shown.map((person) => cells([
    person.login, [person.name, element("span", { class: "about" }, person.email ?? "")], person.appointments.filter(isNow).map(roleWords).join("、") || "无 none", marksOf(person),
    button(["办理", "Open"], () => open(person.login, { focus: true }), { class: "small" }),
  ])), ["没有符合条件的账户。", "No account."]);
}

// Reads everything of one account again, here and in the list.
async function open(login, { focus = false } = {}) {
  const person = await ask(`/api/accounts/${encodeURIComponent(login)}`);
  persons = [...persons.filter((each) => each.login !== person.login), person].sort((one, other) => (one.login < other.login ? -1 : 1));
  showPersons();
  place("person-card").hidden = false;
  place("person-heading").replaceChildren(person.name, " ", element("small", {}, person.login));
  const facts = [
    [["电子邮箱", "e-mail"], person.email ?? "—"],
    [["密码", "password"], person.must_change_password ? "一次性，登录后须修改 good for one sign-in" : "本人所设 of their own"],
    [["动态口令", "second factor"], person.second_factor_since ? `自 ${time(person.second_factor_since)} 起 on` : "未启用 off"],
    [["状态", "state"], person.deactivated_at ? `${time(person.deactivated_at)} 停用 closed` : "使用中 in use"],
  ];
  place("person").replaceChildren(...facts.flatMap(([words, value]) => [element("dt", {}, ...bilingual(...words)), element("dd", {}, value)]));
  place("person-acts").replaceChildren(...(person.deactivated_at ? [] : actsOn(person)).flatMap((each) => [each, " "]));
  showAppointments(person);
  showIdentities(person);
  if (focus) {
    place("person-heading").focus();
    place("person-card").scrollIntoView({ block: "start" });
  }
}

function showAppointments(person) {
  const state = (each) => (isOver(each) ? mark("", ["已结束", "over"]) : isNow(each) ? mark("given", ["有效", "now"]) : mark("soon", ["尚未开始", "to come"]));
  const rows = [...person.appointments].sort((one, other) => isOver(one) - isOver(other) || other.id - one.id);
  table(place("appointments"), [["岗位", "role"], ["自", "from"], ["至", "to"], ["任命", "appointed by"], ["状态", "state"], ["", ""]], rows.map((each) => cells([
    roleWords(each), time(each.starts_at), each.ends_at ? time(each.ends_at) : "未定 open", [withoutLogin(each.granted_by), ...(each.ended_by ? [element("span", { class: "about" }, `结束 ended: ${withoutLogin(each.ended_by)}`)] : [])],
    state(each), isOver(each) ? "" : button(["结束", "End"], async () => {
      const sure = await confirmed(["结束岗位", "End the role"], [`${person.name}：${roleWords(each)}。立即生效；记录保留，需要时重新任命。`, "At once; it stays on record."], { strong: true });
      if (!sure) return;
      await send("POST", `/api/appointments/${each.id}/end`);
      await done(person, ["岗位已结束。", "The role is over."]);
    }, { class: "small" }),
  ])), ["没有岗位：可以登录，不能办理任何事项。", "No role: may sign in and do nothing."]);
}

function showIdentities(person) {
  table(place("identities"), [["认证方", "issuer"], ["标识", "subject"], ["关联", "linked"], ["", ""]], person.identities.map((each) => cells([
    each.issuer, each.subject, [time(each.linked_at), element("span", { class: "about" }, withoutLogin(each.linked_by))],
    each.ended_at ? `${time(each.ended_at)} 解除 ended` : button(["解除", "End"], async () => {
      const sure = await confirmed(["解除关联", "End the link"], ["此后不能再由统一身份认证登录这个账户。", "The provider signs nobody in to this account any more."], { strong: true });
      if (!sure) return;
      await send("POST", `/api/identities/${each.id}/end`);
      await done(person, ["关联已解除。", "The link is over."]);
    }, { class: "small" }),
  ])), ["未关联。", "None."]);
}

async function done(person, words) {
  await open(person.login);
  say("done", ...bilingual(...words));
}

// Where a role can be held: the city, a department, or one of its sections.
function places() {
  const branches = [...tree.departments, ...tree.districts.flatMap(({ departments }) => departments)];
  return [["", "全市 the whole city"], ...branches.flatMap(({ code, name, sections }) => [[code, name], ...sections.map((section) => [`${code}/${section.name}`, `${name} · ${section.name}`])])];
}

function actsOn(person) {
  const address = `/api/accounts/${encodeURIComponent(person.login)}`;
  const question = (words, title, text, doing, attributes = {}) => button(words, async () => {
    if (await confirmed(title, text, { strong: true })) await doing();
  }, attributes);
  return [
    button(["任命岗位…", "Appoint …"], async () => {
      const fields = [
        { name: "role", words: ["岗位", "role"], type: "select", options: Object.entries(ROLE_WORDS).map(([code, words]) => [code, words.join(" ")]) },
        { name: "place", words: ["部门、科室", "department, section"], type: "select", options: places(), optional: true },
        { name: "starts_at", words: ["自（不填为即时）", "from; now when empty"], type: "datetime-local", optional: true },
        { name: "ends_at", words: ["至（不填为未定）", "to; open when empty"], type: "datetime-local", optional: true },
      ];
      const given = await confirmed(["任命岗位", "Appoint"], [`${person.name}。督办、账户管理员、审计员是全市的岗位；账户管理员与审计员不得兼任其他岗位。`, "Supervisor, operator and auditor are of the whole city; the latter two hold no other role."], { fields });
      if (!given) return;
      const [department, ...section] = given.place.split("/");
      await send("POST", `${address}/appointments`, {
        role: given.role, department: department || null, section: section.join("/") || null, starts_at: given.starts_at ? `${given.starts_at}:00` : null, ends_at: given.ends_at ? `${given.ends_at}:00` : null,
      });
      await done(person, ["已任命。", "Appointed."]);
    }, { class: "first" }),
    question(["重置密码", "Reset the password"], ["重置密码", "Reset the password"], [`${person.name} 的原密码立即失效并退出所有会话；新密码只显示一次。`, "The old one is void at once, all sessions end; the new one is shown once."], async () => {
      const { password } = await send("POST", `${address}/password`);
      await done(person, ["密码已重置。", "The password is reset."]);
      showSecret([`${person.name}（${person.login}）的一次性密码，首次登录后须修改：`, "their password for one sign-in:"], password);
    }),
    question(["强制退出", "Sign out everywhere"], ["强制退出", "Sign out everywhere"], [`${person.name} 的所有会话立即结束。`, "All their sessions end at once."], async () => {
      await send("DELETE", `${address}/sessions`);
      await done(person, ["已退出所有会话。", "Signed out everywhere."]);
    }),
    ...(person.second_factor_since ? [question(["重置动态口令", "Reset the second factor"], ["重置动态口令", "Reset the second factor"], ["请先核实本人身份。动态口令与恢复码失效，所有会话结束。", "Make sure who asks. Codes are void, all sessions end."], async () => {
      await send("DELETE", `${address}/second-factor`);
      await done(person, ["动态口令已取消，本人可重新设置。", "It is gone; they may set up a new one."]);
    })] : []),
    button(["关联统一身份…", "Link to the provider …"], async () => {
      const fields = [{ name: "subject", words: ["认证方给出的标识", "the provider's subject"] }, { name: "issuer", words: ["认证方（不填为已配置的）", "issuer; the one set up when empty"], optional: true }];
      const given = await confirmed(["关联统一身份认证", "Link to the provider"], ["标识见被拒登录的审计记录；不按姓名或邮箱匹配。", "A refused sign-in is in the log with its subject."], { fields });
      if (!given) return;
      await send("POST", `${address}/identities`, { subject: given.subject, issuer: given.issuer || null });
      await done(person, ["已关联。", "Linked."]);
    }),
    question(["停用账户", "Close the account"], ["停用账户", "Close the account"], [`${person.name} 的会话与岗位立即结束，不能恢复；其办理记录保留。`, "Sessions and roles end at once, and for good; what they did stays on record."], async () => {
      await send("DELETE", address);
      await done(person, ["账户已停用。", "The account is closed."]);
    }, { class: "strong" }),
  ];
}

async function add() {
  const fields = [{ name: "login", words: ["登录名", "login"] }, { name: "name", words: ["姓名", "name"] }, { name: "email", words: ["电子邮箱", "e-mail"], optional: true }];
  const given = await confirmed(["新建账户", "Add an account"], ["登录名以后不能更改；一次性密码随后显示。", "The login stays; the password for one sign-in is shown next."], { fields, yes: ["新建", "Add"] });
  if (!given) return;
  const made = await send("POST", "/api/accounts", { login: given.login, name: given.name, email: given.email || null });
  await open(made.login);
  say("done", ...bilingual("账户已建立，请任命岗位。", "The account is made; appoint it to a role."));
  showSecret([`${made.name}（${made.login}）的一次性密码，首次登录后须修改：`, "their password for one sign-in:"], made.password);
}

async function start() {
  const begun = await begin("账户管理 Accounts");
  if (begun.me === null) return;
  if (!begun.me.rights.includes("administer_accounts")) {
    say("error", ...bilingual("只有账户管理员可以管理账户。", "Only an operator administers accounts."));
    for (const card of document.querySelectorAll(".card")) card.hidden = true;
    return;
  }
  nameOfDepartment = departmentNames(begun.city);
  place("add").replaceWith(button(["新建账户…", "Add an account …"], add, { class: "first", id: "add" }));
  place("filter").addEventListener("input", showPersons);
  place("closed").addEventListener("change", showPersons);
  place("secret-kept").addEventListener("click", hideSecret);
  const readTree = async () => { tree = await ask("/api/departments"); return tree; };
  [persons] = await Promise.all([askAll("/api/accounts"), readTree().then((read) => showSections(read, readTree)), showTokens(begun.city)]);
  showPersons();
  say("");
}

start().catch(fail);
