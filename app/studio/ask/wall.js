// A dozen clips that ship with Kinoray, so that the page is never empty; each is one click from being made again.

import { h } from "../dom.js";
import { move } from "../motion.js";
import { t } from "../words.js";

/** @param {(wanted: object) => void} make @returns {Promise<HTMLElement>} */
export async function wall(make) {
  const clips = await (await fetch("studio/wall/wall.json")).json();
  return h("div", { className: "wall" }, h("p", { className: "soft" }, t("wall")), h("ul", {}, clips.map((clip) => h("li", {}, tile(clip, make)))));
}

function tile({ file, prompt, tier, seed }, make) {
  const video = h("video", { src: `studio/wall/${file}`, loop: true, muted: true, playsInline: true, preload: "auto", tabIndex: -1, "aria-hidden": "true", width: 128, height: 128 });
  move(video);
  const again = () => make({ prompt, quality_tier: tier, seed, preview: true });
  return h("button", { type: "button", onclick: again, "aria-label": t("wall.make", { prompt }), title: prompt }, video);
}
