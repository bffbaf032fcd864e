// Above a film: its title, how it stands, what it would take, what is made again for the changes, and the acts.

import { button, fillBar, h, say } from "../dom.js";
import { known, number, seconds, span, t } from "../words.js";
import { exporting } from "./exporting.js";
import { over, progress } from "./films.js";
import { clock } from "./player.js";

/**
 * @typedef {{ draft: Draft, film: Film | null, plan: FilmPlan | null, diff: ReturnType<typeof import("./changes.js").changes> | null, takes: number | null,
 *   sending: boolean, trouble: string }} Standing
 */

/**
 * @param {{ title: (text: string) => void, make: () => void, revert: () => void, cancel: () => void, retry: () => void, copy: () => void, remove: () => void,
 *   refused: (message: string) => void, recut: (captions: string) => void }} acts
 */
export function filmHead(acts) {
  const title = h("input", { className: "film-title", maxLength: 200, placeholder: t("untitled"), autocomplete: "off", "aria-label": t("film.title"), oninput: () => acts.title(title.value) });
  const state = h("p", { className: "film-now" });
  const bar = h("span", { className: "bar", hidden: true }, h("i"));
  const plan = h("p", { className: "film-plan" });
  const note = h("p", { className: "film-note" });
  const trouble = h("p", { className: "wrong", role: "alert" });
  const make = button("film", t("film.make"), acts.make, { className: "primary", act: "make" });
  const revert = button("repeat", t("film.revert"), acts.revert, { act: "revert" });
  const stop = button("stop", t("cancel"), acts.cancel, { act: "cancel" });
  const again = button("again", t("scene.retry"), acts.retry, { act: "retry-film" });
  const copy = button("remix", t("film.copy"), acts.copy, { act: "copy" });
  const trash = button("trash", t("delete"), acts.remove, { bare: true, act: "delete" });
  const files = exporting(acts);
  const element = h(
    "div",
    { className: "film-head" },
    h("div", { className: "film-names" }, h("a", { className: "soft back", href: "#/stories" }, `← ${t("films.back")}`), h("h2", { className: "unseen", tabIndex: -1 }, ""), title, state, bar),
    h("div", { className: "film-acts" }, plan, h("div", { className: "acts" }, make, revert, again, stop, files.element, copy, trash)),
    h("div", { className: "film-words" }, note, trouble),
  );
  const heading = element.querySelector("h2");

  /** @param {Standing} now */
  function show(now) {
    const { film, draft, diff } = now;
    const live = film !== null && !over(film);
    if (title.value !== draft.film.title) title.value = draft.film.title;
    say(heading, draft.film.title || t("untitled"));
    say(state, stateOf(film, now));
    state.dataset.state = film?.status ?? "draft";
    bar.hidden = !live;
    fillBar(bar, film ? progress(film) / 100 : 0);
    const changed = !film || Boolean(diff?.any);
    make.hidden = !changed;
    make.disabled = now.sending;
    const word = now.sending ? "film.sending" : !film ? "film.make" : diff?.patch ? "film.apply" : "film.anew";
    say(make.querySelector("span"), t(word));
    revert.hidden = !film || !changed || now.sending;
    stop.hidden = !live;
    again.hidden = film?.status !== "failed" || changed;
    copy.hidden = !film || changed;
    files.show(film && !changed ? film : null);
    say(plan, changed ? planText(now) : "");
    say(note, film && changed ? changeText(now) : "");
    say(trouble, now.trouble || (film?.status === "failed" && !changed ? (film.error?.message ?? "") : ""));
  }
  return { element, show, heading };
}

/** @param {Film | null} film @param {Standing} now */
function stateOf(film, now) {
  if (!film) return t("draft");
  if (film.status === "failed") return film.error?.code === "cancelled" ? t("film.cancelled") : t("stage.failed");
  if (!over(film)) {
    const made = film.scenes.filter(({ stage }) => stage === "made").length;
    const rest = film.eta_seconds ? t("togo", { s: seconds(film.eta_seconds) }) : "";
    return [known("phase", film.phase), t("fact.made", { n: made, of: film.scenes.length }), rest].filter(Boolean).join(" · ");
  }
  return (now.diff?.any ? [t("draft.edited"), ...facts(film)] : facts(film)).join(" · ");
}

/** What a film took, in its own figures. @param {Film} film */
export function facts(film) {
  const { usage } = film;
  const of = film.scenes.length;
  const length = clock(Number(film.seconds));
  if (film.cached) return [length, t("fact.whole")];
  const found = [length, t("fact.made", { n: of - usage.scenes_cached, of })];
  if (usage.scenes_cached) found.push(t("fact.cached", { n: usage.scenes_cached }));
  if (usage.device_seconds) found.push(t("fact.device", { s: span(usage.device_seconds) }));
  if (usage.cost) found.push(t("plan.costs", { n: number(usage.cost, 4) }));
  return found;
}

/** @param {Standing} now */
function planText({ plan, takes, diff, film }) {
  if (!plan) return "";
  const s = film && diff?.patch && takes != null ? takes : plan.estimated_device_seconds;
  const found = [t("plan.film", { length: clock(plan.seconds) }), s < 1 ? t("plan.under") : t("plan.takes", { s: span(s) })];
  if (plan.estimated_cost) found.push(t("plan.costs", { n: number(plan.estimated_cost, 4) }));
  return found.join(" · ");
}

// Which scenes that will be, before anything is sent.
/** @param {Standing} now */
function changeText({ diff, draft, takes }) {
  if (!diff) return "";
  const n = diff.again.length;
  const time = takes ? t("change.takes", { s: span(takes) }) : "";
  const list = diff.again.map((at) => number(at + 1)).join(", ");
  const name = n === 0 ? "change.none" : n === draft.scenes.length && n > 1 ? "change.all" : n === 1 ? "change.one" : "change.some";
  const said = t(name, { list, n, takes: time });
  return diff.patch ? said : `${said} ${t("change.new")}`;
}
