// Parts of the page of approval work: tables, messages, the question before what cannot be undone, changes sent once.

import { ask, bilingual, element, wordsOf } from "./words.js";

const CARDS = { yellow: ["黄牌", "yellow"], red: ["红牌", "red"], escalated: ["督办升级", "escalated"], green: ["正常", "green"] };

export const place = (id) => document.getElementById(id);

export function say(kind, ...words) {
  place("message").className = kind;
  place("message").replaceChildren(...words);
  place("message").hidden = false;
  place("message").scrollIntoView({ block: "nearest" });
}

export const cells = (values) => element("tr", {}, ...values.map((value) => element("td", {}, value instanceof Node ? value : String(value ?? ""))));

export function cardMark(card) {
  return card ? element("span", { class: `card-mark ${card}` }, ...bilingual(...CARDS[card])) : "—";
}

export function fill(id, head, rows, empty) {
  if (rows.length === 0) {
    place(id).replaceChildren(element("caption", {}, ...bilingual(...empty)));
    return;
  }
  place(id).replaceChildren(
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows),
  );
}

// An input under its label; `number` tells apart forms that are open side by side.
export function field(label, english, input, number = "") {
  input.id = `f${number}-${input.name}`;
  return element("div", { class: "field" }, element("label", { for: input.id }, ...bilingual(label, english)), input);
}

// Asks before what cannot be undone; Escape and "Cancel" say no.
export function sure(heading, words) {
  place("sure-heading").replaceChildren(...bilingual(...heading));
  place("sure-text").replaceChildren(...bilingual(...words));
  const dialog = place("sure");
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

// A change carries a key of its own, so that sent twice it is done once.
export function change(method, address, body) {
  const headers = { "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()).slice(2) + Date.now() };
  if (body instanceof FormData) return ask(address, { method, headers, body });
  if (body === undefined) return ask(address, { method, headers });
  return ask(address, { method, headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(body) });
}

// One act at a time, and the page shows that one is under way; what goes wrong is said.
export async function perform(act) {
  const page = document.querySelector("main");
  if (page.ariaBusy === "true") return;
  page.ariaBusy = "true";
  try {
    await act();
  } catch (problem) {
    say("error", ...wordsOf(problem));
  } finally {
    page.ariaBusy = "false";
  }
}
