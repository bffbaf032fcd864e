// How the parts of the service are, with the last hour as lines, what was mended, what failed, and who uses how much.

import { h, say } from "../dom.js";
import { date, known, money, number, percent, span, t } from "../words.js";
import { brief, row, table } from "./table.js";

const SVG = "http://www.w3.org/2000/svg";
/** @type {[string, string, (value: number) => string][]} figure of a minute, its name, how it is told */
const TRENDS = [
  ["videos_per_minute", "chart.made", (value) => number(60 * value)],
  ["waiting", "jobs.waiting", (value) => number(value)],
  ["wait_s", "line.wait", (value) => span(value)],
  ["error_rate", "health.errors", (value) => percent(value)],
];

/** A line of the last hour beside its figure; the figure is what is read out. @param {string} name @param {(number | null)[]} values @param {(value: number) => string} tell */
function spark(name, values, tell) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("viewBox", "0 0 120 24");
  drawn.setAttribute("preserveAspectRatio", "none");
  drawn.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  const most = Math.max(1e-9, ...values.map((each) => each ?? 0));
  let pen = "M";
  const points = values.map((value, at) => {
    if (value == null) return (pen = "M"), "";
    const point = `${pen}${((120 * at) / Math.max(1, values.length - 1)).toFixed(1)} ${(22 - (20 * value) / most).toFixed(1)}`;
    pen = "L";
    return point;
  });
  path.setAttribute("d", points.join(""));
  drawn.append(path);
  const last = values.findLast((each) => each != null);
  return h("li", {}, h("span", {}, t(name)), drawn, h("b", {}, last == null ? "–" : tell(last)));
}

export function health() {
  const shown = table(t("health.title"), ["health.part", "line.state", "health.since", "health.why"].map((name) => t(name)), "", true);
  const [trend, forecast] = [h("ul", { className: "sparks" }), h("p", { className: "soft" })];
  const mended = table(t("health.mended"), ["errors.when", "health.part", "health.why"].map((name) => t(name)), t("health.mended.none"));
  return {
    element: h("section", { className: "panel", "aria-label": t("health.title") }, h("h2", {}, t("health.title")), shown.element, h("h3", {}, t("health.trend")), trend, forecast, mended.element),
    /** @param {{ components: Record<string, any> }} body */
    show(body) {
      shown.show(Object.entries(body.components), ([name]) => name, () =>
        row(([name, part]) => [
          name,
          h("span", { className: `dot ${part.status}` }, known("health", part.status ?? (part.ok ? "ok" : "down"))),
          part.since ? date(part.since) : "–",
          part.why ?? part.error ?? "",
        ]));
    },
    /** @param {{ minutes: any[], forecast: { sentence: string } | null }} told */
    trend(told) {
      trend.replaceChildren(...TRENDS.map(([figure, name, tell]) => spark(name, told.minutes.map((each) => each[figure]), tell)));
      say(forecast, told.forecast?.sentence ?? "");
    },
    /** @param {{ events: any[] }} told */
    mended(told) {
      mended.show(told.events, (event) => event.id, () => row((event) => [date(event.at), event.subject, `${event.detail} ${event.done}`.trim()]));
    },
  };
}

export function errors() {
  const shown = table(t("errors.title"), ["errors.when", "jobs.video", "jobs.tenant", "errors.code", "errors.message"].map((name) => t(name)), t("errors.none"), true);
  return {
    element: h("section", { className: "panel", "aria-label": t("errors.title") }, h("h2", {}, t("errors.title")), shown.element),
    /** @param {{ data: any[] }} told @param {string} own */
    show(told, own) {
      shown.show(told.data, (each) => each.id, () =>
        row((each) => [
          date(each.at),
          each.tenant === own ? h("a", { href: `#/video/${each.id}`, title: each.id }, brief(each.id)) : h("span", { title: each.id }, brief(each.id)),
          each.tenant,
          each.code,
          each.message,
        ]));
    },
  };
}

/** What is limited, as text. @param {Record<string, any>} limits */
const limited = (limits, before = "") =>
  Object.entries(limits).map(([name, value]) => (value && typeof value === "object" ? limited(value, `${before}${name} `) : `${before}${name} ${number(value)}`)).filter(Boolean).join(", ");

export function tenants() {
  const shown = table(t("tenants.title"), ["jobs.tenant", "jobs.waiting", "jobs.running", "tenants.weight", "tenants.share", "tenants.made", "tenants.seconds", "tenants.money", "tenants.limits"].map((name) => t(name)), t("tenants.none"), true);
  /** @type {Map<string, any>} */
  let used = new Map();
  return {
    element: h("section", { className: "panel wide", "aria-label": t("tenants.title") }, h("h2", {}, t("tenants.title")), shown.element),
    /** @param {ControlStats} stats */
    show(stats) {
      const names = [...new Set([...Object.keys(stats.tenants ?? {}), ...used.keys()])].sort();
      shown.show(names.map((name) => ({ name, use: stats.tenants?.[name], sum: used.get(name) })), ({ name }) => name, () =>
        row(({ name, use, sum }) => [
          name, number(use?.waiting ?? 0), number(use?.running ?? 0), use ? number(use.weight, 2) : "–", use ? percent(use.share) : "–",
          sum ? number(sum.completed) : "–", sum ? number(sum.device_seconds, 1) : "–", sum ? money(sum.money) : "–",
          use ? limited(use.limits) || t("tenants.free") : "–",
        ]));
    },
    /** @param {{ data: any[] }} usage by tenant */
    used(usage) {
      used = new Map(usage.data.map((each) => [each.tenant, each]));
    },
  };
}
