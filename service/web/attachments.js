// Files of a project or of a request: a list to save from, and one more.

import { button, cells, place, table, time } from "./coordination.js";
import { ask, bilingual, element } from "./words.js";

const size = (bytes) => (bytes < 1 << 20 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / (1 << 20)).toFixed(1)} MB`);

// `target`: where the request's files are added to; null where the reader may not.
export async function showAttachments({ projectId, requestId = null, target, nameOfDepartment, done }) {
  const { items } = await ask(`/api/projects/${encodeURIComponent(projectId)}/attachments`);
  const shown = requestId === null ? items : items.filter((each) => each.request_id === null || each.request_id === requestId);
  table(place("attachments"), [["文件", "file"], ["说明", "about"], ["来自", "from"], ["大小", "size"]], shown.map((each) => cells([
    [element("a", { href: `/api/attachments/${each.id}/file`, download: "" }, each.file_name), element("span", { class: "about" }, each.request_id === null ? "项目附件 of the project" : "意见附件 of an opinion")],
    each.about ?? "", [each.added_department ? nameOfDepartment(each.added_department) : each.added_by, element("span", { class: "about" }, time(each.added_at))], size(each.size_bytes),
  ])), ["没有附件。", "No attachments."]);
  place("attach").hidden = target === null;
  if (target === null || place("attach").childElementCount) return;
  const file = element("input", { type: "file", id: "attachment", "aria-label": "附件 file", accept: ".pdf,.ofd,.png,.jpg,.jpeg,.tif,.tiff,.docx,.xlsx" });
  const about = element("input", { id: "attachment-about", maxlength: "4000", placeholder: "说明 what it is", "aria-label": "说明 what it is" });
  const add = button(["添加附件", "Add"], async () => {
    if (!file.files.length) throw new Error("请选择文件。 Choose a file.");
    const form = new FormData();
    form.append("file", file.files[0]);
    if (about.value.trim()) form.append("about", about.value.trim());
    await ask(target, { method: "POST", body: form });
    file.value = about.value = "";
    await done(["附件已添加。", "The file is added."]);
  });
  place("attach").replaceChildren(file, " ", about, " ", add, element("span", { class: "about" }, ...bilingual("PDF、OFD、图片、Word、Excel（不含宏），不超过 50 MB", "without macros, 50 MB at most")));
}
