// A film's files, to be saved; one with its subtitles the other way is put together as a film of its own.

import { button, h, icon } from "../dom.js";
import { t } from "../words.js";
import { file } from "./films.js";

const FILES = /** @type {const} */ ([["video", ".mp4"], ["srt", ".srt"], ["vtt", ".vtt"], ["audio", ".m4a"], ["thumbnail", ".webp"]]);

/** @param {{ refused: (message: string) => void, recut: (captions: string) => void }} acts */
export function exporting({ refused, recut }) {
  /** @type {Film | null} */
  let film = null;
  const rows = FILES.map(([variant, ending]) => button("save", t(`export.${variant}`), () => save(variant, ending), { act: `export-${variant}` }));
  const other = button("film", t("export.burnt"), () => (close(), recut(film?.captions === "burnt" ? "track" : "burnt")), { act: "export-recut" });
  const menu = h("details", { className: "menu" }, h("summary", {}, icon("save"), h("span", {}, t("film.more"))), h("div", { className: "menu-list" }, rows, other, h("p", { className: "soft" }, t("export.recut"))));
  const close = () => ((menu.open = false), menu.querySelector("summary").focus());
  menu.addEventListener("keydown", (event) => event.key === "Escape" && menu.open && (event.stopPropagation(), close()));
  menu.addEventListener("focusout", (event) => !menu.contains(event.relatedTarget) && (menu.open = false));

  async function save(variant, ending) {
    if (!film) return;
    const name = film.title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60) || film.id;
    try {
      h("a", { href: await file(film, { variant }), download: `${name}${ending}` }).click();
      close();
    } catch (error) {
      refused(error.status === 404 ? t("export.none") : error.message);
    }
  }

  return {
    element: menu,
    /** @param {Film | null} now */
    show(now) {
      film = now;
      menu.hidden = now?.status !== "completed";
      other.querySelector("span").textContent = t(now?.captions === "burnt" ? "export.plain" : "export.burnt");
    },
  };
}

