// The scenes side by side: picked, added, doubled, removed, and put in another order by dragging and by keys.

import { announce, button, fillBar, h, icon, say } from "../dom.js";
import { pictured } from "../keep/card.js";
import { previews, videos } from "../store.js";
import { known, number, span, t } from "../words.js";
import { dragging } from "./dragging.js";
import { file, share } from "./films.js";
import { sketch } from "./sketch.js";

/** @typedef {{ draft: Draft, film: Film | null, picked: string, again: Set<number>, plan: Map<string, FilmPlan["scenes"][0]>, wrong: string | null }} Seen */

/**
 * @param {{ pick: (key: string) => void, order: (keys: string[]) => void, add: () => void, double: (key: string) => void,
 *   remove: (key: string) => void, retry: (n: number) => void }} acts
 */
export function strip(acts) {
  /** @type {Map<string, any>} */
  const tiles = new Map();
  /** @type {Seen | null} */
  let seen = null;
  const more = h("li", { className: "tile more" }, h("button", { type: "button", className: "frame", onclick: acts.add, "data-act": "add" }, icon("add"), h("span", {}, t("scene.add"))));
  const list = h("ol", { className: "strip", "aria-label": t("strip"), tabIndex: -1 }, more);
  const help = h("p", { className: "soft strip-help", id: "strip-help" }, t("strip.help"));
  list.setAttribute("aria-describedby", "strip-help");
  const keys = () => [...list.children].map((each) => each.dataset.key).filter(Boolean);
  dragging(list, () => acts.order(keys()));

  function moveBy(key, step) {
    const order = keys();
    const at = order.indexOf(key);
    const to = at + step;
    if (to < 0 || to >= order.length) return;
    order.splice(to, 0, ...order.splice(at, 1));
    acts.order(order);
    announce(t("scene.moved", { n: to + 1, of: order.length }));
    tiles.get(key)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  list.addEventListener("keydown", (event) => {
    const tile = event.target.closest("[data-key]");
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!tile) return;
    if (step && event.altKey) moveBy(tile.dataset.key, step);
    else if (step && !event.ctrlKey && !event.metaKey) (step < 0 ? tile.previousElementSibling : tile.nextElementSibling)?.querySelector(".frame")?.focus();
    else if (event.key === "Delete") acts.remove(tile.dataset.key);
    else return;
    event.preventDefault();
  });

  function tile(key) {
    const frame = h(
      "button",
      { type: "button", className: "frame", onclick: () => acts.pick(key) },
      h("span", { className: "sketch" }),
      h("img", { className: "poster", alt: "", hidden: true, draggable: false, onload: shown, onerror: unshown }),
      h("img", { className: "glimpse", alt: "", hidden: true, draggable: false }),
      h("span", { className: "place" }),
      h("span", { className: "bar" }, h("i")),
    );
    const own = button("grip", "", null, { bare: true, act: "move" });
    const made = h(
      "li",
      { className: "tile", "data-key": key },
      frame,
      h("p", { className: "tile-name" }),
      h("p", { className: "tile-state" }),
      h("div", { className: "tile-acts" }, own, button("copy", "", () => acts.double(key), { bare: true, act: "double" }), button("trash", "", () => acts.remove(key), { bare: true, act: "remove" }), button("again", t("scene.retry"), () => acts.retry(Number(made_n(key))), { act: "retry" })),
    );
    tiles.set(key, made);
    return made;
  }

  const made_n = (key) => seen?.draft.scenes.find((each) => each.key === key)?.from;

  /** @param {Seen} now */
  function show(now) {
    seen = now;
    const { scenes } = now.draft;
    const wanted = scenes.map(({ key }) => key);
    for (const [key, element] of tiles) if (!wanted.includes(key)) (element.remove(), tiles.delete(key));
    const focused = /** @type {any} */ (document.activeElement);
    if (!list.classList.contains("dragging") && String(keys()) !== String(wanted)) {
      wanted.forEach((key, at) => {
        const element = tiles.get(key) ?? tile(key);
        if (list.children[at] !== element) list.insertBefore(element, list.children[at]);
      });
      if (list.contains(focused)) focused.focus(); // moving it has taken that away
    }
    scenes.forEach((scene, at) => draw(tiles.get(scene.key), scene, at, now));
  }

  return { element: h("div", { className: "strip-box" }, list, help), show, tile: (key) => tiles.get(key), here: (n) => tiles.forEach((each, key) => each.classList.toggle("here", made_n(key) === n)) };
}

// A picture that is none leaves the sketch to be seen.
const shown = (event) => (event.target.hidden = false);
const unshown = (event) => (event.target.hidden = true);

/** @param {any} tile @param {DraftScene} scene @param {number} at @param {Seen} now */
function draw(tile, scene, at, now) {
  const part = (name) => tile.querySelector(`.${name}`);
  const made = scene.from == null ? null : (now.film?.scenes[scene.from - 1] ?? null);
  const again = now.again.has(at);
  const text = scene.title || scene.prompt || t("scene.empty");
  const state = stateOf(made, again, now);
  say(part("place"), number(at + 1));
  say(part("tile-name"), text);
  const planned = now.plan.get(scene.key);
  const length = (again ? null : (made?.duration_seconds ?? made?.narration_seconds)) ?? planned?.seconds;
  say(part("tile-state"), [state, length ? span(length) : ""].filter(Boolean).join(" · "));
  tile.classList.toggle("picked", scene.key === now.picked);
  tile.classList.toggle("again", again && made != null);
  tile.classList.toggle("failed", !again && made?.stage === "failed");
  tile.classList.toggle("wrong", scene.key === now.wrong);
  tile.dataset.stage = made?.stage ?? "";
  part("frame").setAttribute("aria-label", [t("scene.pick", { n: at + 1, of: now.draft.scenes.length, text }), state].filter(Boolean).join(", "));
  part("frame").setAttribute("aria-current", String(scene.key === now.picked));
  for (const [act, name] of [["move", "scene.drag"], ["double", "scene.duplicate"], ["remove", "scene.remove"]]) {
    const each = tile.querySelector(`[data-act="${act}"]`);
    each.title = t(name, { n: at + 1 });
    each.setAttribute("aria-label", each.title);
  }
  tile.querySelector('[data-act="retry"]').hidden = !(made?.stage === "failed" && now.film?.phase !== "completed");
  look(tile, scene, made, again, now.film);
}

// What one sees of it: its poster once it is made, its preview while it is, else a sketch of its words.
function look(tile, scene, made, again, film) {
  const part = (name) => tile.querySelector(`.${name}`);
  sketch(part("sketch"), scene.prompt);
  const live = made && !again && !["made", "failed"].includes(made.stage);
  part("bar").hidden = !live;
  fillBar(part("bar"), made ? share(made) : 0);
  const preview = live ? previews.get(made.video_id) : null;
  if (!preview || !pictured(part("glimpse"), preview)) part("glimpse").hidden = true;
  const poster = part("poster");
  if (made?.stage !== "made") {
    delete poster.dataset.of;
    return void (poster.hidden = true);
  }
  if (poster.dataset.of === made.video_id) return undefined;
  poster.dataset.of = made.video_id;
  file(film, { scene: made.number, variant: "thumbnail" })
    .then((address) => {
      if (poster.dataset.of !== made.video_id) return;
      poster.src = address;
    })
    .catch(() => (poster.hidden = true)); // the sketch stands
  return undefined;
}

/** @param {FilmScene | null} made @param {boolean} again @param {Seen} now */
function stateOf(made, again, now) {
  if (!made) return now.film ? t("stage.new") : "";
  if (again) return t("stage.changed");
  if (made.stage === "failed") return made.error?.message ?? t("stage.failed");
  if (made.stage === "made") return made.cached ? t("stage.cached") : t("stage.made");
  const video = videos.get(made.video_id ?? "");
  if (made.stage === "denoising" || video?.phase === "denoising") {
    const [step, steps] = video?.total_steps ? [video.step, video.total_steps] : [made.step, made.steps];
    return t("step", { n: step, of: steps });
  }
  return known("stage", made.stage);
}
