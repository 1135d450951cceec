// Registering a project: its site, from a file or drawn, and what is said of it.

import { boundsToShow } from "./bounds.js";
import { act, baseMap, begin, fail, inputsOf, place, say } from "./coordination.js";
import { particularFields, particularsOf } from "./particulars.js";
import { siteOn } from "./site.js";
import { bilingual, send } from "./words.js";

async function start() {
  const { city, me } = await begin("登记项目 Register");
  if (me === null) return;
  if (!me.rights.includes("register_project")) {
    say("error", ...bilingual("只有协同主管可以登记项目。", "Only the coordinator registers projects."));
    return;
  }
  const { shown, values } = inputsOf(particularFields(city), "new");
  place("fields").replaceChildren(...shown);
  const map = await baseMap((style) => boundsToShow(city, style));
  const site = siteOn(map, place("site"));
  const register = async () => {
    const missing = [...place("register").querySelectorAll("[required]")].find((input) => !input.value.trim());
    if (missing) {
      missing.focus();
      throw new Error(`请填写：${place("register").querySelector(`label[for="${missing.id}"]`).textContent}`);
    }
    const { given } = site;
    if (given === null) throw new Error("请选择红线文件或在地图上画出红线。 Choose the file of the site, or draw it.");
    const made = await send("POST", "/api/projects", { ...particularsOf(values()), ...given, draft: place("draft").checked });
    location.assign(`/project?id=${made.id}`);
  };
  place("register").addEventListener("submit", (event) => event.preventDefault());
  act(place("register").querySelector("[type=submit]"), register);
  say("");
}

start().catch(fail);
