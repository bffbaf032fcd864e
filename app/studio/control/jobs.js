// The line by pool and class, and all jobs that have not ended: each can be made more or less urgent, or cancelled.

import { call, post } from "../api.js";
import { $, announce, button, h } from "../dom.js";
import { known, number, span, t } from "../words.js";
import { brief, row, sure, table } from "./table.js";

const CLASSES = ["high", "normal", "low"];

/** Why one waits. @param {ControlledJob} job */
function why(job) {
  if (job.reason) return known("why", job.reason);
  if (job.position == null) return t("why.far");
  return job.position ? t("why.ahead", { n: number(job.position) }) : t("why.next");
}

/** @param {ControlledJob} job @param {string} own the tenant of who looks: another's video cannot be opened */
const link = (job, own) => (job.tenant === own ? h("a", { href: `#/video/${job.id}`, title: job.id }, brief(job.id)) : h("span", { title: job.id }, brief(job.id)));

/** @param {{ own: string, soon: () => void, trouble: (work: () => Promise<void>) => void }} room */
export function jobs(room) {
  const waiting = table(t("jobs.waiting"), ["jobs.video", "jobs.tenant", "jobs.model", "jobs.waited", "jobs.why", "jobs.eta", "jobs.priority", "jobs.act"].map((name) => t(name)), t("jobs.none.waiting"));
  const running = table(t("jobs.running"), ["jobs.video", "jobs.tenant", "jobs.model", "jobs.step", "jobs.where", "jobs.eta", "jobs.priority", "jobs.act"].map((name) => t(name)), t("jobs.none.running"));
  const more = h("p", { className: "soft" });

  /** @param {string} id @param {string} priority @param {string | null} before */
  const change = async (id, priority, before) => {
    await call(`v1/videos/${id}`, { method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify({ priority }) });
    const said = t("jobs.has", { id: brief(id), priority: t(`line.${priority}`) });
    const undo = before ? button("repeat", t("undo"), () => room.trouble(() => change(id, before, null))) : null;
    const toast = h("p", { className: "toast" }, said, undo);
    $("toasts").replaceChildren(toast);
    setTimeout(() => toast.remove(), 8000);
    announce(said);
    room.soon();
  };

  /** @param {ControlledJob} job */
  const acts = (job) => {
    const { id } = job;
    let now = job.priority;
    const choice = h("select", { "aria-label": t("jobs.priority.of", { id: brief(id) }) }, CLASSES.map((name) => new Option(t(`line.${name}`), name)));
    choice.addEventListener("change", () => {
      const before = now;
      room.trouble(() => change(id, choice.value, before).catch((error) => ((choice.value = before), Promise.reject(error))));
    });
    const stop = async () => {
      if (!(await sure(t("jobs.cancel.ask", { id: brief(id) }), t("sure.cancel")))) return;
      await post(`v1/videos/${id}/cancel`, {});
      announce(t("jobs.cancelled", { id: brief(id) }));
      room.soon();
    };
    const cancel = button("stop", t("jobs.cancel", { id: brief(id) }), () => room.trouble(stop), { bare: true, act: "cancel" });
    const fill = (/** @type {ControlledJob} */ latest) => {
      now = latest.priority;
      if (document.activeElement !== choice) choice.value = now;
    };
    return { choice, cancel, fill };
  };

  /** @param {(job: ControlledJob) => any[]} tell */
  const rowOf = (tell) => (/** @type {ControlledJob} */ first) => {
    const { choice, cancel, fill } = acts(first);
    const made = row(tell, choice, cancel);
    const texts = made.fill;
    made.fill = (job) => (texts(job), fill(job));
    return made;
  };
  const eta = (job) => (job.eta_s == null ? "–" : span(job.eta_s));

  return {
    element: h("section", { className: "panel wide", "aria-label": t("jobs.title") }, h("h2", {}, t("jobs.title")), running.element, waiting.element, more),
    /** @param {ControlledJobs} told */
    show(told) {
      const who = (job) => [link(job, room.own), job.tenant, job.model];
      waiting.show(told.waiting, (job) => job.id, rowOf((job) => [...who(job), span(job.waited_s), why(job), eta(job)]));
      running.show(told.running, (job) => job.id, rowOf((job) => [...who(job), `${number(job.step)} / ${number(job.total_steps)} · ${known("phase", job.phase)}`, job.replica ?? "–", eta(job)]));
      const cut = told.waiting_total > told.waiting.length;
      more.hidden = !cut;
      more.textContent = cut ? t("jobs.more", { n: number(told.waiting.length), of: number(told.waiting_total) }) : "";
    },
  };
}

/** The line by pool and class, and what each pool scales to and why. */
export function pools() {
  const shown = table(t("line.pools"), ["line.pool", "line.state", "line.high", "line.normal", "line.low", "line.running", "line.wait", "line.target", "line.why"].map((name) => t(name)));
  return {
    element: h("section", { className: "panel wide", "aria-label": t("line.title") }, h("h2", {}, t("line.title")), shown.element),
    /** @param {ControlStats} stats */
    show(stats) {
      const names = [...new Set([...Object.keys(stats.line?.pools ?? {}), ...Object.keys(stats.pools)])].sort();
      shown.show(names.map((name) => ({ name, row: stats.line?.pools?.[name], status: stats.pools[name] })), (pool) => pool.name, () =>
        row(({ name, row: line, status }) => [
          name,
          status ? known("state", status.state) : "–",
          ...CLASSES.map((each) => number(line?.classes?.[each] ?? 0)),
          number(line?.running ?? 0),
          line ? span(line.wait_s) : "–",
          line?.wanted == null ? number(line?.replicas ?? 0) : t("line.of", { n: number(line.replicas), of: number(line.wanted) }),
          status?.error ?? line?.unplaced ?? line?.why ?? t("line.fixed"),
        ]),
      );
    },
  };
}
