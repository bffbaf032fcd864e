// Where a video's time went: its stages and waits as bars on one scale.

import { h } from "../dom.js";
import { span, t } from "../words.js";

const WAITS = new Set(["line", "webhook"]); // stages in which nothing is done
const INSTANT_S = 0.0005;

/** @param {Report} report */
export function waterfall(report) {
  const now = report.total_s ?? 0;
  const until = (each) => each.offset_s + (each.duration_s ?? Math.max(0, now - each.offset_s));
  const whole = Math.max(0.001, now, ...report.stages.map(until));
  const rows = report.stages.filter((stage) => stage.duration_s == null || stage.duration_s >= INSTANT_S);
  return h(
    "ol",
    { className: "waterfall" },
    rows.map((stage) => {
      const took = until(stage) - stage.offset_s;
      const bar = h("span", { className: WAITS.has(stage.name) ? "wait" : "work" });
      bar.style.marginLeft = `${(100 * stage.offset_s) / whole}%`;
      bar.style.width = `${Math.max(0.4, (100 * took) / whole)}%`;
      const name = stage.name.replaceAll("_", " ");
      return h("li", { title: t("waterfall", { name, s: span(took), at: span(stage.offset_s) }) }, h("b", {}, name), h("span", { className: "track" }, bar), h("em", {}, span(took)));
    }),
  );
}
