// What is registered of a project (登记信息), as fields of a form: for registering, amending and correcting.

const LEVELS = [["", "—"], ["district", "区县 district"], ["city", "市 city"], ["province", "省 province"], ["state", "国家 state"]];
const NUMBERS = ["investment_10k_cny", "top_m"];
export const CORRECTABLE = ["name", "applicant", "applicant_code", "industry", "investment_10k_cny", "district", "funds_source", "planned_start_on"];

// The fields with the project's values, or empty ones.
export function particularFields(city, project = {}) {
  const choice = (items) => [["", "—"], ...(items ?? []).map(({ code, name }) => [code, name])];
  const fields = [
    { name: "name", words: ["项目名称", "name"], optional: false }, { name: "applicant", words: ["建设单位", "applicant"], optional: false },
    { name: "applicant_code", words: ["统一社会信用代码", "credit code"] }, { name: "project_type", words: ["项目类型", "type"], type: "select", options: choice(city.project_types) },
    { name: "industry", words: ["行业", "industry"] }, { name: "investment_10k_cny", words: ["总投资（万元）", "10,000 yuan"], type: "number" },
    { name: "funds_source", words: ["资金来源", "source of funds"] }, { name: "planned_use", words: ["规划用途", "planned use"] },
    { name: "district", words: ["区县", "district"], type: "select", options: choice(city.districts) }, { name: "approval_level", words: ["审批层级", "who approves the investment"], type: "select", options: LEVELS },
    { name: "planned_start_on", words: ["计划开工", "planned start"], type: "date" }, { name: "top_m", words: ["最高点高程（米）", "highest point, m"], type: "number" },
    { name: "purpose", words: ["建设内容与用途", "purpose"], type: "area", optional: false },
  ];
  return fields.map((field) => ({ optional: true, ...field, value: String(project[field.name] ?? "") }));
}

// What was filled in, as the service takes it: nothing is null, numbers are numbers.
export function particularsOf(filled) {
  return Object.fromEntries(Object.entries(filled).map(([name, value]) => [name, value === "" ? null : NUMBERS.includes(name) ? Number(value) : value]));
}
