// The details of a video, and comparing, are loaded when somebody first looks at them: a first look weighs less.

import { trouble } from "../acts.js";
import { lasting } from "../api.js";
import { $ } from "../dom.js";
import { videos } from "../store.js";

const details = () => lasting(() => import("./detail.js"));

/** Opens what the address names. */
export function route() {
  if (/^#\/(video|compare)\//.test(location.hash)) trouble(async () => (await details()).route());
}

addEventListener("hashchange", route);
$("gallery").addEventListener("click", (event) => {
  const found = event.target.closest('[data-act="compare"]');
  const video = found && videos.get(found.closest("article").dataset.id);
  if (video) trouble(async () => (await details()).pick(video));
});
