// Documents that the service makes when they are asked for, and the browser keeps as files.

import { act } from "./coordination.js";
import { changing, element, problemOf } from "./words.js";

export function download(name, words, making) {
  return act(element("button", { type: "button", class: "small" }, words.toUpperCase()), async () => {
    const address = URL.createObjectURL(await making());
    const link = element("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  });
}

export async function made(address, body) {
  const response = await fetch(address, { method: "POST", headers: { "content-type": "application/json", ...changing() }, body: JSON.stringify(body) });
  if (!response.ok) throw problemOf(response.status, await response.json().catch(() => null), null);
  return response.blob();
}
