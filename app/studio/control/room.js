// The control room itself: its panels, and the looks at the service that fill them; none while the tab is hidden.

import { get } from "../api.js";
import { h, say } from "../dom.js";
import { number, span, t } from "../words.js";
import { caches } from "./caches.js";
import { charts } from "./charts.js";
import { jobs, pools } from "./jobs.js";
import { errors, health, tenants } from "./parts.js";
import { replicas } from "./replicas.js";

const EVERY_MS = 2500;
const HISTORY_MS = 10000;
const SELDOM_MS = 60000;
const LATE_MS = 10000; // what was heard so long ago is said to be old

/** @param {Record<string, string>} links */
function elsewhere(links) {
  const found = [["control.ray", links.ray_dashboard], ["control.grafana", links.grafana], ["control.docs", "docs"], ["control.metrics", "metrics"]];
  return h("nav", { "aria-label": t("control.links") }, found.filter(([, address]) => address).map(([name, address]) => h("a", { href: address, rel: "noreferrer" }, t(name))));
}

/** @param {ControlStats} first */
export function room(first) {
  const trouble = h("p", { className: "trouble", role: "alert" });
  const [sum, score, old] = [h("p", { className: "soft" }), h("p", { className: "score" }), h("p", { className: "warnings" })];
  let timer = 0;
  let stopped = false;
  let heard = performance.now();
  const due = { history: 0, seldom: 0 };
  const shared = {
    own: first.tenant.name,
    soon: () => void (clearTimeout(timer), look()),
    /** @param {() => Promise<void>} work */
    trouble: (work) => void work().then(() => say(trouble, ""), (error) => say(trouble, error.message)),
  };
  const panels = { pools: pools(), jobs: jobs(shared), replicas: replicas(), charts: charts(), health: health(), errors: errors(), tenants: tenants(), caches: caches(shared) };

  /** @param {ControlStats} stats @param {ControlledJobs} told */
  const show = (stats, told) => {
    panels.pools.show(stats);
    panels.jobs.show(told);
    panels.replicas.show(stats, told);
    panels.tenants.show(stats);
    panels.caches.show(stats);
    say(sum, t("control.sum", { waiting: number(told.waiting_total), running: number(told.running_total), replicas: number(stats.replicas.length) }));
  };
  const isDue = (what, ms) => {
    if (performance.now() < due[what]) return false;
    due[what] = performance.now() + ms;
    return true;
  };
  const well = async () => {
    const body = await (await fetch("health")).json(); // 503 has a body, too
    panels.health.show(body);
    say(score, t("control.score", { score: number(body.score) }));
    score.dataset.status = body.status;
  };
  const seldom = async () => {
    const [trends, mended, usage] = await Promise.all([get("api/health/trends"), get("api/recoveries?limit=5"), get("v1/usage?tenant=*&group_by=tenant")]);
    panels.health.trend(trends);
    panels.health.mended(mended);
    panels.tenants.used(usage);
  };
  async function look() {
    clearTimeout(timer);
    if (stopped) return;
    try {
      if (document.visibilityState === "visible") {
        const [stats, told, failed] = await Promise.all([get("api/stats"), get("api/jobs"), get("api/errors?limit=20"), well()]);
        if (stopped) return;
        if (isDue("seldom", SELDOM_MS)) await seldom();
        show(stats, told);
        panels.errors.show(failed, shared.own);
        if (isDue("history", HISTORY_MS)) await panels.charts.load();
        heard = performance.now();
      }
    } catch (error) {
      console.info(`The control room heard nothing: ${error.message}`);
    }
    const away = performance.now() - heard;
    old.hidden = away < LATE_MS || document.visibilityState !== "visible";
    if (!old.hidden) say(old, t("control.stale", { s: span(away / 1000) }));
    clearTimeout(timer);
    if (!stopped) timer = window.setTimeout(look, EVERY_MS);
  }
  const seen = () => document.visibilityState === "visible" && look();

  return {
    element: h("div", { className: "control" },
      h("div", { className: "head" }, h("h2", {}, t("control.title")), score, sum, elsewhere(first.links)),
      old, trouble,
      panels.pools.element, panels.replicas.element, panels.jobs.element, panels.charts.element,
      panels.health.element, h("div", { className: "stack" }, panels.caches.element, panels.errors.element), panels.tenants.element),
    start() {
      document.addEventListener("visibilitychange", seen);
      look();
    },
    close() {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
      panels.charts.close();
    },
  };
}
