// A password or a token that is shown once: it stands on the page until it was handed over, in no dialog that a key closes by chance.

import { place } from "./coordination.js";
import { bilingual } from "./words.js";

export function showSecret(about, text) {
  place("secret-about").replaceChildren(...bilingual(...about));
  place("secret-text").textContent = text;
  place("secret-card").hidden = false;
  place("secret-card").scrollIntoView({ block: "nearest" });
  place("secret-text").focus();
}

export function hideSecret() {
  place("secret-text").textContent = "";
  place("secret-card").hidden = true;
}
