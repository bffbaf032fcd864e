// Opens the control room for operators, and says to others whom it is for; its panels are loaded with it.

import { get } from "../api.js";
import { h } from "../dom.js";
import { sheet } from "../views.js";
import { addWords, t } from "../words.js";
import { CONTROL } from "./words.js";

addWords(CONTROL);

/** @type {Promise<any> | null} */
let sheets = null;
/** @type {{ stop: () => void } | null} */
let open_ = null;

/** @param {HTMLElement} place */
export async function open(place) {
  if (open_) return;
  sheets ??= Promise.all([sheet("studio/vendor/uPlot.min.css"), sheet("studio/control/control.css")]);
  let stopped = false;
  open_ = { stop: () => (stopped = true) };
  await sheets;
  const stats = await get("api/stats").catch((error) => error);
  if (stopped) return;
  if (!stats.scope && stats.status !== 403) throw stats;
  if (stats.scope !== "all") return void place.replaceChildren(h("p", { className: "soft refused" }, t("control.none")));
  const room = await import("./room.js");
  if (stopped) return;
  const made = room.room(stats);
  place.replaceChildren(made.element);
  open_.stop = made.close;
  made.start();
}

export function close() {
  open_?.stop();
  open_ = null;
}
