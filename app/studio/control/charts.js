// Live charts of the last hour or day, drawn by uPlot; each says its latest figures in words, and has a table.

import { get } from "../api.js";
import { h, say } from "../dom.js";
import { money, number, percent, span, t, time } from "../words.js";
import uPlot from "../vendor/uPlot.esm.js";
import { row, table } from "./table.js";

const SPANS = ["1h", "24h"];
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]; // steps of an axis of things that are counted
const ROWS = 12; // of a chart's table
const COLOURS = ["--ran", "--shared", "--forecast", "--bad", "--warn"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2]]; // told apart without colours too

/** @typedef {{ name: string, series: string[], tell: (value: number) => string, steps?: boolean, most?: number, other?: string }} Chart `other`: the one of its series that has a scale of its own, at the right */
/** @type {Chart[]} */
const CHARTS = [
  { name: "made", series: ["videos_per_hour", "errors_per_hour"], tell: (value) => number(value, 1) },
  { name: "waiting", series: ["waiting_high", "waiting_normal", "waiting_low"], tell: (value) => number(value), steps: true },
  { name: "waits", series: ["wait_p50_s", "wait_p95_s"], tell: (value) => span(value) },
  { name: "hits", series: ["hit_rate_results", "hit_rate_embeddings", "hit_rate_similar", "hit_rate_subjects", "hit_rate_flight"], tell: (value) => percent(value), most: 1 },
  { name: "cost", series: ["device_seconds_per_hour", "cost_per_hour"], tell: (value) => number(value, value < 10 ? 2 : 0), other: "cost_per_hour" },
  { name: "replicas", series: ["replicas_wanted", "replicas_ready"], tell: (value) => number(value), steps: true },
];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @param {Chart} chart @param {HTMLElement} place @param {string[]} names @param {(place: number | null) => void} pointed */
function plotOf(chart, place, names, pointed) {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  /** @type {(plot: any, low: number, high: number) => [number, number]} */
  const range = (_, low, high) => [Math.min(0, low ?? 0), chart.most ?? Math.max(high ? high * 1.08 : 1, chart.steps ? 1 : 0)];
  const steps = chart.steps ? { paths: uPlot.paths.stepped?.({ align: 1 }) } : {};
  return new uPlot(
    {
      width: Math.max(200, place.clientWidth),
      height: 180,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { y: { range }, other: { range } },
      axes: [
        { ...axis, values: (_, at) => at.map((each) => time(each)) },
        { ...axis, size: 64, ...(chart.steps ? { incrs: WHOLE } : {}), values: (_, at) => at.map((each) => chart.tell(each)) },
        ...(names.includes(chart.other ?? "") ? [{ ...axis, side: 1, scale: "other", size: 56, grid: { show: false }, values: (_, at) => at.map((each) => money(each)) }] : []),
      ],
      series: [{}, ...names.map((name, index) => ({ label: name, stroke: colour(COLOURS[index]), width: 2, dash: DASHES[index], points: { size: 4 }, ...steps, ...(name === chart.other ? { scale: "other" } : {}) }))],
      hooks: { setCursor: [(plot) => pointed(plot.cursor.idx ?? null)] },
    },
    [[], ...names.map(() => [])],
    place,
  );
}

/** One chart: the plot, what it says in words, and a table. @param {Chart} chart */
function chartOf(chart) {
  const title = t(`chart.${chart.name}`);
  const place = h("div", { className: "plot", role: "img" });
  const legend = h("ul", { className: "legend" });
  const rows = h("div");
  const more = h("details", {}, h("summary", {}, t("charts.table", { title })), rows);
  const none = h("p", { className: "soft" }, t("charts.none"));
  /** @type {any} */
  let plot = null;
  /** @type {StatsHistory | null} */
  let told = null;
  /** @type {string[]} */
  let names = [];

  const value = (name, index) => told?.series[name]?.[index] ?? null;
  const latest = (name) => (told?.series[name] ?? []).findLast((each) => each != null) ?? null;
  const told_ = (name, index) => {
    const found = value(name, index);
    return found == null ? "–" : chart.tell(found);
  };
  /** The legend says what stands at the pointer, or what was last. @param {number | null} index */
  const say_ = (index) => {
    names.forEach((name, number) => {
      const found = index == null ? latest(name) : value(name, index);
      say(legend.children[number].lastElementChild, found == null ? "–" : chart.tell(found));
    });
  };
  const redraw = () => {
    plot?.destroy();
    plot = null;
    if (told && names.length) draw();
  };
  const draw = () => {
    plot ??= plotOf(chart, place, names, say_);
    plot.setData([told?.at, ...names.map((name) => told?.series[name])]);
  };
  const list = () => {
    if (!more.open || !told) return;
    const shown = table(t("charts.table", { title }), [t("charts.time"), ...names.map((name) => t(`series.${name}`))]);
    const every = Math.max(1, Math.floor(told.at.length / ROWS));
    const picked = told.at.map((at, index) => ({ at, index })).filter(({ index }) => (/** @type {any} */ (told).at.length - 1 - index) % every === 0).slice(-ROWS);
    shown.show(picked, ({ at }) => String(at), () => row(({ at, index }) => [time(at), ...names.map((name) => told_(name, index))]));
    rows.replaceChildren(shown.element);
  };
  more.addEventListener("toggle", list);
  const resized = new ResizeObserver(() => plot?.setSize({ width: Math.max(200, place.clientWidth), height: 180 }));
  resized.observe(place);
  return {
    element: h("figure", { className: "chart", "data-chart": chart.name }, h("figcaption", {}, title), none, place, legend, more),
    redraw,
    close: () => (resized.disconnect(), plot?.destroy()),
    /** @param {StatsHistory} history */
    show(history) {
      told = history;
      const had = chart.series.filter((name) => history.series[name]?.some((each) => each != null));
      none.hidden = had.length > 0;
      place.hidden = legend.hidden = more.hidden = !had.length;
      if (had.join() !== names.join()) {
        names = had;
        legend.replaceChildren(...names.map((name, index) => h("li", { "data-line": String(index) }, h("i"), h("span", {}, t(`series.${name}`)), h("b"))));
        redraw();
      } else if (names.length) {
        draw();
      }
      say_(null);
      list();
      place.setAttribute("aria-label", t("charts.said", { title, values: names.map((name) => `${t(`series.${name}`)} ${latest(name) == null ? "–" : chart.tell(/** @type {number} */ (latest(name)))}`).join(", ") }));
    },
  };
}

export function charts() {
  let shown = SPANS[0];
  const all = CHARTS.map(chartOf);
  const load = async () => {
    const asked = shown;
    const told = await get(`api/stats/history?window=${asked}`); // the browser has the tag, and 304 costs nothing
    if (asked === shown) all.forEach((each) => each.show(told));
  };
  const spans = SPANS.map((name) =>
    h("button", { type: "button", "data-span": name, "aria-pressed": String(name === shown), onclick: () => {
      shown = name;
      for (const each of spans) each.setAttribute("aria-pressed", String(each.dataset.span === name));
      load().catch(() => {});
    } }, t(`charts.${name}`)));
  const recolour = () => all.forEach((each) => each.redraw());
  const themed = new MutationObserver(recolour);
  themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", recolour);
  return {
    element: h("section", { className: "panel wide", "aria-label": t("charts.title") },
      h("div", { className: "head" }, h("h2", {}, t("charts.title")), h("div", { className: "tools", role: "group", "aria-label": t("charts.window") }, spans)),
      h("div", { className: "charts" }, all.map((each) => each.element))),
    load,
    close: () => (themed.disconnect(), dark.removeEventListener("change", recolour), all.forEach((each) => each.close())),
  };
}
