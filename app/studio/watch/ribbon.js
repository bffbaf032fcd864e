// The schedule as a ribbon: which steps the model ran, and beside how many others; which were forecast; where it paused.

import { h } from "../dom.js";
import { title } from "../sentences.js";
import { videos } from "../store.js";
import { span, t } from "../words.js";

const PAUSES = new Set(["preempted", "memory", "lease_lost", "turns"]);
const MOST_NAMED = 3;

/** Behind which step it paused, and how long. @param {Report} report @returns {Map<number, number>} */
export function pauses(report) {
  const found = new Map();
  const last = report.attempts.at(-1)?.number;
  for (const { cause, step, attempt, duration_s: s } of report.waits) {
    if (PAUSES.has(cause) && step && attempt === last) found.set(step, (found.get(step) ?? 0) + (s ?? 0));
  }
  return found;
}

/**
 * What became of each step: the number of jobs that shared it, 0 where it was forecast, null where it is to come.
 * @param {Report} report @returns {(number | null)[]}
 */
export function cells(report) {
  /** @type {(number | null)[]} */
  const found = Array(report.total_steps).fill(null);
  for (const attempt of report.attempts) {
    let step = attempt.resumed_from_step ?? 0; // what a lost attempt did behind its checkpoint is done again
    for (const run of attempt.batches) {
      for (let each = 0; each < run.steps && step < found.length; each += 1) found[step++] = run.batch;
    }
  }
  return found;
}

/** @param {HTMLElement} element @param {Report} report */
export function ribbon(element, report) {
  const steps = cells(report);
  const paused = pauses(report);
  const told = JSON.stringify([steps, [...paused]]);
  if (element.dataset.told === told) return;
  element.dataset.told = told;
  const ran = steps.filter((batch) => batch).length;
  const forecast = steps.filter((batch) => batch === 0).length;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", [t("ribbon", { ran, total: steps.length, forecast }), ...[...paused].map(([n, s]) => t("ribbon.paused.at", { n, s: span(s) }))].join(", "));
  element.title = t("ribbon", { ran, total: steps.length, forecast });
  const again = new Set(report.attempts.slice(1).map((attempt) => attempt.resumed_from_step ?? 0));
  const kind = (batch) => (batch == null ? "" : batch ? `ran${batch > 1 ? " shared" : ""}` : "forecast");
  const cell = (batch, step) => {
    const marks = `${again.has(step) && batch != null ? " resumed" : ""}${paused.has(step) ? " paused" : ""}`;
    const title = paused.has(step) ? t("ribbon.paused.at", { n: step, s: span(paused.get(step) ?? 0) }) : "";
    return h("i", { className: `${kind(batch)}${marks}`, title });
  };
  element.replaceChildren(...steps.map(cell));
  legend(element, steps, again.size > 0, paused.size > 0);
  element.hidden = !ran && !forecast && !report.attempts.some(({ batches }) => batches.length);
}

// What the colours mean, beside the ribbon: those of them that are there.
function legend(element, steps, resumed, paused) {
  const kinds = [["ran", steps.includes(1)], ["shared", steps.some((batch) => batch && batch > 1)], ["forecast", steps.includes(0)], ["resumed", resumed], ["paused", paused]].filter(([, is]) => is);
  const key = element.nextElementSibling?.classList.contains("ribbon-key") ? element.nextElementSibling : h("p", { className: "ribbon-key soft", "aria-hidden": "true" });
  key.replaceChildren(...kinds.map(([name]) => h("span", {}, h("i", { className: name }), t(`ribbon.${name}`))));
  element.after(key);
}

/** Whom it shared its steps with, and where it paused. @param {Report} report */
export function company(report) {
  const runs = report.attempts.flatMap((attempt) => attempt.batches);
  const most = Math.max(0, ...runs.map((run) => run.batch)) - 1;
  const waits = report.waits.filter((wait) => PAUSES.has(wait.cause));
  const told = [];
  if (most > 0) told.push((most === 1 ? t("batch.one") : t("batch", { n: most })) + named(runs));
  const lost = waits.reduce((sum, wait) => sum + (wait.duration_s ?? 0), 0);
  if (waits.length) told.push(t(waits.length === 1 ? "paused.one" : "paused", { n: waits.length, s: span(lost) }));
  return told;
}

// Those of one's own that are known by name; the server names nobody else's.
function named(runs) {
  const ids = new Set(runs.flatMap((run) => (run.packed ?? []).map(({ job }) => job)));
  const mates = [...ids].map((id) => videos.get(id ?? "")).filter((video) => video !== undefined).slice(0, MOST_NAMED);
  return mates.length ? ` (${mates.map((video) => title(/** @type {Video} */ (video))).join("; ")})` : "";
}
