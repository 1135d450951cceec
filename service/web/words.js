// The words of the page, Chinese first, and the few ways in which text gets onto it (never as markup).

export const CONTROLS = ["prohibit", "restrict", "advise", "inform"];

export const CONTROL_WORDS = {
  prohibit: ["禁止", "prohibits"], restrict: ["限制", "restricts"], advise: ["建议", "advises"], inform: ["提示", "informs"],
};

export const VERDICT_WORDS = {
  prohibit: ["禁止：触及禁止建设的控制线", "prohibited"], restrict: ["限制：须经主管部门同意", "restricted"],
  advise: ["建议：请听取主管部门意见", "advised"], inform: ["提示：有需要知悉的图斑", "for information"],
  clear: ["无冲突", "clear"],
};

export const ROLE_WORDS = {
  planner: ["规划员", "planner"], reviewer: ["审查员", "reviewer"], section_head: ["科长", "section head"],
  director: ["分管领导", "director"], coordinator: ["协同主管", "coordinator"], lead: ["牵头人", "lead"],
  supervisor: ["督办", "supervisor"], operator: ["账户管理员", "operator"], auditor: ["审计员", "auditor"],
};

export const RELATION_WORDS = {
  overlaps: "压占 overlaps", within: "位于其内 within", covers: "全部包含 covers", crosses: "穿越 crosses", contains: "包含 contains",
  touches: "位于边界 on the boundary", within_distance: "在控制距离内 within distance", outside: "位于其外 outside", uncovered: "无规划覆盖 not covered",
};

// A figure with so many decimals; what is not nought is never shown as nought: a sliver has as many as two of its digits need.
export function figure(value, digits = 2) {
  const isTiny = value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits;
  const most = isTiny ? Math.min(9, 1 - Math.floor(Math.log10(Math.abs(value)))) : digits;
  return value.toLocaleString("zh-CN", { minimumFractionDigits: most, maximumFractionDigits: most });
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function bilingual(chinese, english) {
  return english ? [`${chinese} `, element("span", { lang: "en" }, english)] : [chinese];
}

// What the service answers instead of what was asked for (RFC 9457): `words` are its sentence in Chinese and in English.
export class Problem extends Error {
  constructor(status, words, retryAfter, members = {}) {
    super(words.join(" "));
    Object.assign(this, { status, words, retryAfter, members });
  }
}

// What went wrong, as a page says it wherever that is: Chinese first, the English beside it.
export const wordsOf = (problem) => (problem instanceof Problem ? bilingual(...problem.words) : [problem.message]);

export const AWAY = "服务没有应答，请确认它仍在运行。 The service does not answer; is it still running?";
let csrfToken = null;
// What each address answered last time, by its tag (RFC 9110): a change that says what it read undoes nobody else's.
const tags = new Map();

// Every change that a session makes carries the token that the service told with it.
export function keepCsrfToken(token) {
  csrfToken = token;
}

// What a page says instead of a 401, with the way in: who was signed in finds the session over.
export function signInAgain() {
  const words = csrfToken ? ["会话已结束，请重新登录。", "The session is over; sign in again."] : ["请先登录。", "Sign in first."];
  return element("a", { href: "/sign-in" }, ...bilingual(...words));
}

export const changing = () => (csrfToken ? { "X-CSRF-Token": csrfToken } : {});

export async function ask(address, options = {}) {
  const headers = { ...options.headers, ...((options.method ?? "GET") === "GET" ? {} : changing()) };
  let response;
  try {
    response = await fetch(address, { ...options, headers });
  } catch {
    throw new Error(AWAY);
  }
  if (response.headers.has("ETag")) tags.set(address, response.headers.get("ETag"));
  if (response.status === 204) return null;
  const document = await response.json().catch(() => null);
  if (!response.ok || document === null) throw problemOf(response.status, document, response.headers.get("Retry-After"));
  return document;
}

export function problemOf(status, document, retryAfter) {
  const { detail, detail_zh: chinese } = document ?? {};
  const words = detail ? [...new Set([chinese ?? detail, detail])] : [`服务答复 ${status}。`, `The service answered ${status}.`];
  return new Problem(status, words, retryAfter, document ?? {});
}

// Every page of a list that is short; long registers are read page by page.
export async function askAll(address, { limit = 1000 } = {}) {
  const found = [];
  for (let next = ""; next !== null;) {
    const page = await ask(`${address}${address.includes("?") ? "&" : "?"}limit=${limit}${next === "" ? "" : `&cursor=${encodeURIComponent(next)}`}`);
    found.push(...page.items);
    next = page.next;
  }
  return found;
}

// `read`: the address of what the change is made to, as it was read there; 412 when somebody changed it since.
export function send(method, address, body, { read = null } = {}) {
  const content = body === undefined ? { headers: {} } : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  if (tags.has(read)) content.headers["If-Match"] = tags.get(read);
  return ask(address, { method, ...content });
}

// The record's name of a person ends in the login; a page shows the name alone.
export function nameOf(me) {
  return me.name.slice(0, me.name.length - me.login.length).trim();
}

// The same of any name on record: "张 三 zhangsan" is 张 三.
export const withoutLogin = (text) => text?.replace(/(?<=.) [^ ]*$/, "");

let timeZone;
// Instants by the clock of the city, wherever the reader's browser is.
export const time = (text) => new Date(text).toLocaleString("zh-CN", { dateStyle: "medium", timeStyle: "short", timeZone });
export const today = () => new Date().toLocaleDateString("sv-SE", { timeZone });

export function showCity(city, page) {
  timeZone = city.time_zone;
  document.title = page ? `${page} · ${city.name}一张蓝图` : `${city.name}一张蓝图 One Blueprint`;
  document.getElementById("city").textContent = `${city.name}一张蓝图`;
  document.getElementById("city-en").textContent = `One Blueprint of ${city.name_en ?? city.name}`;
}

// The links in a page's header that are not for everybody, by the right that each needs.
const LINKS = { "to-board": "read_statistics", "to-inbox": "give_opinion", "to-access": "read_grants", "to-audit-log": "read_audit_log", "to-accounts": "administer_accounts" };

export function showLinks(me) {
  for (const [id, right] of Object.entries(LINKS)) {
    const link = document.getElementById(id);
    if (link) link.hidden = !me?.rights.includes(right);
  }
}
