// Whether what moves moves: as the system says, until the person says otherwise.

import { $, h, icon } from "./dom.js";
import { kept, t } from "./words.js";

const NAME = "kinoray-motion";
const button = $("motion");
const reduced = window.matchMedia("(prefers-reduced-motion: reduce)");
let chosen = kept?.getItem(NAME) ?? null; // "still" or "moving"

export const still = () => (chosen ?? (reduced.matches ? "still" : "moving")) === "still";

/** Plays or holds a video, one that has just been loaded, too. @param {HTMLVideoElement} video */
export function move(video) {
  if (still()) video.pause();
  else video.play().catch(() => {}); // the browser may not let it; the button on its card will
}

function show() {
  document.body.classList.toggle("still", still());
  const words = t(still() ? "motion.play" : "motion.pause");
  button.replaceChildren(icon(still() ? "play" : "pause"), h("span", {}, words));
  button.setAttribute("aria-label", words);
  for (const video of document.querySelectorAll("video[src]:not([data-own])")) move(/** @type {HTMLVideoElement} */ (video));
}

export function switchMotion() {
  chosen = still() ? "moving" : "still";
  kept?.setItem(NAME, chosen);
  show();
}

button.addEventListener("click", switchMotion);
reduced.addEventListener("change", show);
show();
