// Replicas as tiles: what each serves, whether it works, drains or is silent, its memory, and which jobs are in it.

import { h, say } from "../dom.js";
import { number, percent, span, t } from "../words.js";
import { brief, keyed, size } from "./table.js";

const SILENT_S = 5; // a sign of life comes every two

/** @param {ControlReplica} replica */
function state(replica) {
  if (replica.silent_s > SILENT_S) return ["silent", t("replicas.silent")];
  if (replica.leaving) return ["leaving", t("replicas.leaving")];
  if (replica.pressure !== "ok") return ["pressed", t("replicas.pressure", { level: replica.pressure })];
  return replica.running ? ["busy", t("replicas.busy")] : ["idle", t("replicas.idle")];
}

/** How full something is: a bar with its figure as text. */
function bar(name) {
  const meter = h("meter", { min: 0, max: 1, high: 0.9, "aria-label": name });
  const text = h("span");
  return {
    element: h("div", { className: "gauge" }, h("span", {}, name), meter, text),
    show(value, told) {
      meter.value = value;
      say(text, told);
    },
  };
}

function tile() {
  const [name, word, facts, list] = [h("h3"), h("p", { className: "state" }), h("p", { className: "soft" }), h("ul", { className: "batch" })];
  const slots = bar(t("replicas.slots"));
  const memory = bar(t("replicas.memory"));
  const element = h("li", { className: "tile" }, name, word, slots.element, memory.element, facts, list);
  element.fill = (/** @type {{ replica: ControlReplica, jobs: Map<string, ControlledJob> }} */ { replica, jobs }) => {
    const [kind, text] = state(replica);
    element.dataset.state = kind;
    say(name, `${replica.pool} · ${replica.replica}`);
    say(word, text);
    slots.show(replica.slots ? Math.min(1, replica.running / replica.slots) : 0, `${number(replica.running)} / ${number(replica.slots)}`);
    const used = replica.device_memory ?? replica.host_memory;
    memory.show(used, percent(used));
    say(facts, [replica.model, replica.device, `${t("replicas.step")} ${span(replica.step_s)}`, `${t("replicas.process")} ${size(replica.memory_bytes)}`, t("replicas.seen", { s: span(replica.silent_s) })].join(" · "));
    keyed(list, replica.jobs ?? [], (id) => id, () => {
      const item = h("li");
      item.fill = (id) => {
        const job = jobs.get(id);
        say(item, job ? `${brief(id)} · ${number(job.step)} / ${number(job.total_steps)}` : brief(id));
      };
      return item;
    });
  };
  return element;
}

export function replicas() {
  const [list, none] = [h("ul", { className: "tiles" }), h("p", { className: "soft" }, t("replicas.none"))];
  return {
    element: h("section", { className: "panel wide", "aria-label": t("replicas.title") }, h("h2", {}, t("replicas.title")), list, none),
    /** @param {ControlStats} stats @param {ControlledJobs} told */
    show(stats, told) {
      const jobs = new Map(told.running.map((job) => [job.id, job]));
      const known = [...stats.replicas].sort((a, b) => (a.pool + a.replica).localeCompare(b.pool + b.replica));
      keyed(list, known.map((replica) => ({ replica, jobs })), ({ replica }) => replica.replica, tile);
      none.hidden = known.length > 0;
    },
  };
}
