// Several videos chosen together: compared, saved as one file, tagged, made favourites, or deleted.

import { download, mark, remove, trouble } from "../acts.js";
import { button, h, say } from "../dom.js";
import { videos, watch } from "../store.js";
import { number, t } from "../words.js";

const MOST_COMPARED = 4;
/** @type {Set<string>} ids, in the order in which they were chosen */
const chosen = new Set();
const tray = h("div", { id: "tray", role: "region", "aria-label": t("chosen"), hidden: true });

/** The box on a card. @param {Video} video */
export function chooser(video) {
  const box = h("input", { type: "checkbox", "aria-label": t("choose"), checked: chosen.has(video.id) });
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(video.id);
    else chosen.delete(video.id);
    show();
  });
  return h("label", { className: "choose" }, box);
}

const all = () => /** @type {Video[]} */ ([...chosen].map((id) => videos.get(id)).filter(Boolean));
const done = () => all().filter((video) => video.status === "completed");

function clear() {
  chosen.clear();
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(".choose input"))) box.checked = false;
  show();
}

const count = h("span", { role: "status" });
const compare = button("compare", t("compare"), () => (location.hash = `#/compare/${done().map((video) => video.id)}`));
const zip = button("save", t("chosen.zip"), () => trouble(() => download(`v1/videos/zip?ids=${done().map((video) => video.id)}`, "videos.zip")));
const star = button("star", t("favourite"), () => trouble(() => Promise.all(all().map((video) => mark(video, { favourite: true })))));
const tag = h("input", { type: "text", maxLength: 40, placeholder: t("tag.add"), "aria-label": t("tag.add"), list: "known-tags", autocomplete: "off" });
const tagged = h("form", {}, tag);
tagged.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = tag.value.trim();
  if (text) trouble(() => Promise.all(all().map((video) => mark(video, { tags: [...new Set([...(video.tags ?? []), text])] }))));
  tag.value = "";
});
const away = button("trash", t("delete"), () => (all().forEach(remove), clear()));
tray.append(count, compare, zip, star, tagged, away, button("close", t("chosen.none"), clear, { bare: true }));
document.body.append(tray);

function show() {
  tray.hidden = !chosen.size;
  say(count, t("chosen.n", { n: number(chosen.size) }));
  compare.disabled = done().length < 2 || done().length > MOST_COMPARED;
  zip.disabled = !done().length;
}

watch((what, video) => {
  if (!chosen.has(video.id)) return;
  if (what === "dropped") chosen.delete(video.id);
  show();
});
