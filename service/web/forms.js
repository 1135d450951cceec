// Forms of the account pages: a text beside the field that is wrong, and one thing at a time.

import { Problem, bilingual, element } from "./words.js";

export const TEXTS = {
  empty: ["请填写。", "Fill this in."],
  away: ["服务没有应答，请稍后再试。", "The service does not answer; try again later."],
};

// An error stands under its field, is read out, and brings the focus there.
export function showError(input, chinese, english) {
  const field = input.closest(".field");
  let place = field.querySelector(".field-error");
  if (!place) {
    place = element("p", { class: "field-error", id: `${input.id}-error`, role: "alert" });
    field.append(place);
  }
  place.replaceChildren(...bilingual(chinese, english));
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-errormessage", place.id);
  input.focus();
}

export function clearErrors(form) {
  for (const place of form.querySelectorAll(".field-error")) place.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  }
}

// What a problem means to the person: `sentences` knows some statuses, the rest is what the service says.
export function explain(problem, sentences = {}) {
  if (!(problem instanceof Problem)) return [problem.message];
  if (problem.status === 429) {
    return [`尝试次数过多，请 ${problem.retryAfter} 秒后再试。`, `Too many attempts; try again in ${problem.retryAfter} seconds.`];
  }
  const known = sentences[problem.status];
  if (known) return known;
  return problem.words;
}

// Runs `act` when the form is sent and every field has something; a problem is shown beside the field that `act` is about.
export function onSubmit(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearErrors(form);
    const inputs = [...form.querySelectorAll("input")].filter((input) => input.offsetParent !== null);
    const empty = inputs.find((input) => input.value === "");
    if (empty) showError(empty, ...TEXTS.empty);
    else busy(form, act);
  });
}

export async function busy(form, act) {
  const buttons = [...form.querySelectorAll("button")].filter((button) => !button.disabled);
  for (const button of buttons) button.disabled = true;
  try {
    await act();
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}
