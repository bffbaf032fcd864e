// The figures at the top: what the service has made and saved, and who waits.

import { waitingNow } from "./ask/analysis.js";
import { get } from "./api.js";
import { $, say, soon } from "./dom.js";
import { operates } from "./views.js";
import { number, percent, t } from "./words.js";

const EVERY_MS = 10000;

async function figures() {
  const stats = await get("api/stats");
  operates(stats.scope === "all");
  const some = (name, count, text = number(count)) => count && told.push(t(name, { n: text })); // who has just come is told of no zeros
  const told = /** @type {string[]} */ ([]);
  some("figures.made", stats.jobs.completed);
  if (stats.scope === "own") {
    some("figures.own", stats.tenant.jobs);
    waitingNow(stats.tenant.waiting ?? 0);
  } else {
    const count = stats.replicas.length;
    const waiting = stats.line?.jobs ?? 0;
    some("figures.saved", stats.optimization.steps_saved_share, percent(stats.optimization.steps_saved_share));
    const hits = stats.cache_stats.levels.results?.hit_rate;
    some("figures.cache", hits, percent(hits));
    some("figures.waiting", waiting);
    told.push(t(count === 1 ? "figures.replica" : "figures.replicas", { n: number(count) }));
    waitingNow(waiting);
  }
  say($("figures"), told.join(" · "));
  $("figures").title = $("figures").textContent;
}

export const figuresSoon = soon(() => document.visibilityState === "visible" && figures().catch(() => {}), 300); // of many tabs one is looked at

export function keepFigures() {
  figuresSoon();
  setInterval(figuresSoon, EVERY_MS);
  document.addEventListener("visibilitychange", figuresSoon);
}
