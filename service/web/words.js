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

export const RELATION_WORDS = {
  overlaps: "压占", within: "位于其内", covers: "全部包含", crosses: "穿越", contains: "包含", touches: "位于边界",
  within_distance: "在控制距离内", outside: "位于其外",
};

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function bilingual(chinese, english) {
  return english ? [`${chinese} `, element("span", { lang: "en" }, english)] : [chinese];
}

export async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error("服务没有应答，请确认它仍在运行。 The service does not answer; is it still running?");
  }
  const document = await response.json().catch(() => null);
  if (!response.ok || document === null) {
    throw new Error(document?.detail ?? `服务答复 ${response.status}。 The service answered ${response.status}.`);
  }
  return document;
}
