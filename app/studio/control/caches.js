// The caches by level, with what each holds and spares; who clears one is asked first.

import { call } from "../api.js";
import { $, announce, button, h } from "../dom.js";
import { known, number, percent, t } from "../words.js";
import { row, size, sure, table } from "./table.js";

const CLEARED = ["results", "embeddings", "similar", "subjects"]; // what DELETE /api/cache takes

/** @param {{ soon: () => void, trouble: (work: () => Promise<void>) => void }} room */
export function caches(room) {
  const shown = table(t("caches.title"), ["caches.level", "caches.entries", "caches.size", "caches.hits", "caches.rate", "caches.saved", "jobs.act"].map((name) => t(name)), "", true);
  const away = h("p", { className: "warnings" }, t("caches.away"));
  /** @type {any} */
  let told = null;
  const clear = async (level) => {
    const entries = level ? told.levels[level].entries : Object.values(told.levels).reduce((sum, each) => sum + each.entries, 0);
    const bytes = level ? told.levels[level].size_bytes : told.size_bytes;
    const ask = t("caches.ask", { n: number(entries), size: size(bytes), level: level ? known("series.hit_rate", level) : t("caches.all") });
    if (!(await sure(ask, t("sure.clear")))) return;
    const done = await (await call(`api/cache${level ? `?level=${level}` : ""}`, { method: "DELETE" })).json();
    const said = t("caches.cleared", { n: number(done.removed) });
    const toast = h("p", { className: "toast" }, said);
    $("toasts").replaceChildren(toast);
    setTimeout(() => toast.remove(), 8000);
    announce(said);
    room.soon();
  };
  const bin = (level) => button("trash", level ? t("caches.clear", { level: known("series.hit_rate", level) }) : t("caches.clear.all"), () => room.trouble(() => clear(level)), { bare: Boolean(level), act: level ? `clear-${level}` : "clear" });
  return {
    element: h("section", { className: "panel", "aria-label": t("caches.title") }, h("div", { className: "head" }, h("h2", {}, t("caches.title")), bin("")), away, shown.element),
    /** @param {ControlStats} stats */
    show({ cache_stats: figures }) {
      told = figures;
      away.hidden = figures.healthy;
      shown.show(Object.entries(figures.levels), ([name]) => name, ([name]) =>
        row(([level, each]) => [known("series.hit_rate", level), number(each.entries), size(each.size_bytes), number(each.hits), percent(each.hit_rate), number(each.saved_step_seconds, 1)],
          CLEARED.includes(name) ? bin(name) : ""));
    },
  };
}
