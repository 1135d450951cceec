// What takes its time: files sent and saved, and long work that is waited for.

import { AWAY, ask, changing, element, problemOf } from "./words.js";

// A form with a file, which may be large: `told` hears how much of it is sent, from 0 to 1, which fetch does not tell.
export function sendForm(address, form, told) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = "json";
    for (const [name, value] of Object.entries(changing())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded, total }) => told(total ? loaded / total : 0));
    request.addEventListener("error", () => reject(new Error(AWAY)));
    request.addEventListener("load", () => {
      if (request.status < 300 && request.response !== null) resolve(request.response);
      else reject(problemOf(request.status, request.response, request.getResponseHeader("Retry-After")));
    });
    request.send(form);
  });
}

// A file that the service writes on demand, saved under the name it gives; what it refuses is a sentence here, no page of JSON.
export async function saveFile(address, options = {}) {
  return saved(await fetched(address, options));
}

export async function saved(response) {
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "file";
  saveAs(name, await response.blob());
  return name;
}

export async function fetched(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error(AWAY);
  }
  if (!response.ok) throw problemOf(response.status, await response.json().catch(() => null), response.headers.get("Retry-After"));
  return response;
}

export function saveAs(name, blob) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const COMPILING = "首次使用，正在编译计算程序，约需几秒至一分钟，每台机器只需一次…… compiling, once a machine";

// Waits for a job; `told` hears of it each time it was asked. Resolves to its result; what a job that was called off had found, to `partial`.
export async function finished(job, told, failed, partial = null) {
  let now = job;
  while (["waiting", "running"].includes(now.state)) {
    told(now);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    now = await ask(`/api/jobs/${now.id}`);
  }
  if (partial && now.so_far && now.state !== "done") return partial(now);
  if (now.state === "cancelled") throw new Error("已取消，没有留下任何内容。 It was cancelled; nothing of it is kept.");
  if (now.state !== "done") throw new Error(now.error ?? failed);
  return now.result;
}
