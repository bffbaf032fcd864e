// The schedule as a ribbon: which steps the model ran, and beside how many others; which were forecast; which are to come.

import { h } from "../dom.js";
import { t } from "../words.js";

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
  const told = JSON.stringify(steps);
  if (element.dataset.told === told) return;
  element.dataset.told = told;
  const ran = steps.filter((batch) => batch).length;
  const forecast = steps.filter((batch) => batch === 0).length;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", t("ribbon", { ran, total: steps.length, forecast }));
  element.title = t("ribbon", { ran, total: steps.length, forecast });
  const again = new Set(report.attempts.slice(1).map((attempt) => attempt.resumed_from_step ?? 0));
  const kind = (batch) => (batch == null ? "" : batch ? `ran${batch > 1 ? " shared" : ""}` : "forecast");
  element.replaceChildren(...steps.map((batch, step) => h("i", { className: `${kind(batch)}${again.has(step) && batch != null ? " resumed" : ""}` })));
  legend(element, steps, again.size > 0);
  element.hidden = !ran && !forecast;
}

// What the colours mean, beside the ribbon: those of them that are there.
function legend(element, steps, resumed) {
  const kinds = [["ran", steps.includes(1)], ["shared", steps.some((batch) => batch && batch > 1)], ["forecast", steps.includes(0)], ["resumed", resumed]].filter(([, is]) => is);
  const key = element.nextElementSibling?.classList.contains("ribbon-key") ? element.nextElementSibling : h("p", { className: "ribbon-key soft", "aria-hidden": "true" });
  key.replaceChildren(...kinds.map(([name]) => h("span", {}, h("i", { className: name }), t(`ribbon.${name}`))));
  element.after(key);
}

/** Whom it shared its steps with, and where it paused. @param {Report} report @param {(s: number) => string} span */
export function company(report, span) {
  const most = Math.max(0, ...report.attempts.flatMap((attempt) => attempt.batches.map((run) => run.batch))) - 1;
  const pauses = report.waits.filter((wait) => ["preempted", "turns", "memory", "lease_lost"].includes(wait.cause));
  const told = [];
  if (most > 0) told.push(most === 1 ? t("batch.one") : t("batch", { n: most }));
  const lost = pauses.reduce((sum, wait) => sum + (wait.duration_s ?? 0), 0);
  if (pauses.length) told.push(t(pauses.length === 1 ? "paused.one" : "paused", { n: pauses.length, s: span(lost) }));
  return told;
}
