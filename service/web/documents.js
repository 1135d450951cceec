// Documents that the service makes of what is sent when they are asked for, and the browser keeps as files.

import { button } from "./coordination.js";
import { fetched, saveAs } from "./files.js";
import { changing } from "./words.js";

// A button for each form; `address` has a query already, or ends in a question mark.
export function documents(name, address, body) {
  const options = { method: "POST", headers: { "content-type": "application/json", ...changing() }, body: JSON.stringify(body) };
  const made = async (form) => (await fetched(`${address}&f=${form}`, options)).blob();
  return ["pdf", "docx", "xlsx"].flatMap((form) => [button([form.toUpperCase()], async () => saveAs(`${name}.${form}`, await made(form)), { class: "small" }), " "]);
}
