// One film on the page: its player, its scenes, the fields of the one that is picked, what it takes, and the way to make it.

import { get, passes } from "../api.js";
import { announce, h, say, soon } from "../dom.js";
import { t } from "../words.js";
import { changes } from "./changes.js";
import { isLeaving, remove, undoable } from "./deleting.js";
import { draftOf, edits, forgetDraft, fresh, keep, MOST_SCENES, pictures, scene as newScene, sceneChange } from "./drafts.js";
import { face } from "./face.js";
import { wrong } from "./fields.js";
import { filmForm } from "./film.js";
import { cancel, films, look, retry } from "./films.js";
import { filmHead } from "./head.js";
import { planned, troubleOf } from "./planning.js";
import { timeline } from "./player.js";
import { sceneForm } from "./scene.js";
import { apply, isSending, send } from "./sending.js";
import { strip } from "./strip.js";
import { tabs } from "./tabs.js";
import { hush, listen, voices } from "./voices.js";

const TYPED_MS = 350;

// What there is to choose from; a film can be looked at without. `whole`: all of it was answered.
async function choices() {
  let whole = true;
  const none = (error) => {
    whole &&= !passes(error);
    return { available: false, data: [] };
  };
  const [styles, models, spoken] = await Promise.all([get("v1/styles").catch(none), get("v1/models").catch(none), voices().catch(none)]);
  return { whole, styles: styles.data.map(({ id, name }) => /** @type {[string, string]} */ ([id, name])), models: /** @type {Model[]} */ (models.data), voices: spoken };
}

/** A film on record as a draft that nobody has sent; pictures have to be given again. @param {Film} film @returns {Draft} */
const copyOf = (film) => {
  const made = edits(film);
  return { ...made, id: `draft_${fresh()}`, of: null, scenes: made.scenes.map((each) => ({ ...each, from: null, picture: null, others: {}, key: fresh().slice(0, 12) })) };
};

const gone = () => ({ element: h("div", { className: "films-room" }, h("p", { className: "lead" }, t("films.gone")), h("a", { href: "#/stories" }, t("films.back"))), show: () => {}, all: true, focus: () => {}, close: () => {} });

/**
 * @param {string} id
 * @param {{ refused: (error: Error) => void, go: (id: string, notes?: string[]) => void, renamed: (from: string, to: string) => void, notes: string[] }} around
 */
export async function editor(id, { refused, go, renamed, notes }) {
  let film = films.get(id) ?? null;
  const missing = (error) => {
    if (error.status === 404) return;
    if (!film) throw error; // nothing is known of it, not even that it is gone
    refused(error);
  };
  const [{ whole: all, ...offered }] = await Promise.all([choices(), draftOf(id) && !draftOf(id)?.of ? null : look(id).then((found) => (film = found)).catch(missing)]);
  const first = draftOf(id) ?? (film ? edits(film) : null);
  if (!first || (first.of && !film)) return gone();
  let draft = first;
  let picked = draft.scenes[0].key;
  let trouble = /** @type {import("./planning.js").Trouble | null} */ (null);
  let plan = /** @type {FilmPlan | null} */ (null);
  /** @type {Map<string, FilmPlan["scenes"][0]>} */
  let plans = new Map();
  let asked = 0;
  let closed = false;

  const before = () => (film ? edits(film) : null);
  const diffNow = () => (film ? changes(draft, /** @type {Draft} */ (before())) : null);
  const current = () => draft.scenes.find((each) => each.key === picked) ?? draft.scenes[0];
  const model = () => offered.models.find((each) => each.id === draft.film.model) ?? offered.models.find((each) => each.default);
  const complain = (error, at) => {
    trouble = troubleOf(error, at);
    if (trouble.scene != null && draft.scenes[trouble.scene]) picked = draft.scenes[trouble.scene].key;
    show();
    reveal();
  };

  // --- what a person does ---

  function edited(next) {
    if (isSending(id)) return;
    draft = next;
    if (film && !changes(draft, /** @type {Draft} */ (before())).any) forgetDraft(id);
    else keep(draft);
    show();
    planSoon();
  }
  const editScene = (change) => {
    if (trouble && trouble.scene != null && trouble.field in change) trouble = null;
    edited({ ...draft, scenes: draft.scenes.map((each) => (each.key === picked ? { ...each, ...change } : each)) });
  };
  const editFilm = (change) => {
    if (trouble && trouble.scene == null) trouble = null;
    edited({ ...draft, film: { ...draft.film, ...change } });
  };
  function insert(scene, at) {
    if (draft.scenes.length >= MOST_SCENES) return announce(t("scene.most", { n: MOST_SCENES }));
    picked = scene.key;
    edited({ ...draft, scenes: draft.scenes.toSpliced(at, 0, scene) });
    scenes.tile(scene.key)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    announce(t("scene.added", { n: at + 1 }));
    room.pick(0);
    form.prompt.focus({ preventScroll: true });
  }
  function double(key) {
    const at = draft.scenes.findIndex((each) => each.key === key);
    const { title, prompt, narration, caption, seconds, style, tier, seed, transition, fit } = draft.scenes[at];
    insert(newScene({ title, prompt, narration, caption, seconds, style, tier, seed, transition, fit }), at + 1);
  }
  function removeScene(key) {
    const at = draft.scenes.findIndex((each) => each.key === key);
    if (draft.scenes.length === 1 || at < 0) return;
    const removed = draft.scenes[at];
    const rest = draft.scenes.toSpliced(at, 1);
    if (picked === key) picked = rest[Math.min(at, rest.length - 1)].key;
    edited({ ...draft, scenes: rest });
    scenes.tile(picked)?.querySelector(".frame").focus({ preventScroll: true });
    undoable(t("scene.removed", { text: removed.title || removed.prompt || t("scene.empty") }), () => {
      picked = removed.key;
      edited({ ...draft, scenes: draft.scenes.toSpliced(Math.min(at, draft.scenes.length), 0, removed) });
      scenes.tile(picked)?.querySelector(".frame").focus();
    });
  }
  function pick(key) {
    picked = key;
    const { from } = current();
    if (from != null) player.scene(from);
    show();
    room.pick(0);
  }

  async function make() {
    const diff = diffNow();
    const empty = draft.scenes.findIndex((each) => !each.prompt.trim());
    if (empty >= 0) {
      picked = draft.scenes[empty].key;
      trouble = { scene: empty, field: "prompt", message: t("plan.needs", { n: empty + 1 }) };
      show();
      return reveal();
    }
    const whole = ({ from }) => !diff?.patch || diff.patch.some(({ number, fields }) => number === from && fields.includes("image"));
    const lost = film ? draft.scenes.findIndex((each) => whole(each) && pictures(each).some(({ kept }) => kept)) : -1;
    if (lost >= 0) return complain({ param: `scenes[${lost}].image`, message: t("scene.picture.again") });
    trouble = null;
    try {
      if (film && diff?.patch) await change(film, diff.patch);
      else renamed(id, (await sent(send(draft))).id);
    } catch (error) {
      if (error.code === "revision_conflict") await look(id).catch(() => {});
      complain(error.code === "revision_conflict" ? { message: t("moved.elsewhere") } : error);
    }
    return undefined;
  }
  const sent = (way) => (show(), way);
  async function change(from, patch) {
    const bodies = patch.map(({ number, fields }) => ({ number, body: sceneChange(draft.scenes[number - 1], before()?.scenes[number - 1], fields) }));
    await apply(from, bodies);
    forgetDraft(id);
    film = films.get(id) ?? film;
    draft = /** @type {Draft} */ (before());
    if (!draft.scenes.some(({ key }) => key === picked)) picked = draft.scenes[0].key;
    show();
  }
  const tried = (work) => async () => {
    trouble = null;
    try {
      await work();
    } catch (error) {
      complain(error);
    }
  };
  const retryAll = tried(async () => {
    const failed = film?.scenes.filter(({ stage }) => stage === "failed").map(({ number }) => number) ?? [];
    for (const n of failed.length ? failed : [1]) await retry(id, n);
  });
  async function recut(captions) {
    if (!film) return;
    if (film.scenes.some((each) => each.inputs.length)) return complain({ message: t("scene.picture.again") });
    const copy = copyOf(film);
    await tried(async () => go((await send({ ...copy, film: { ...copy.film, captions } })).id))();
  }
  async function hear(pressed, text) {
    const words = pressed.querySelector("span");
    if (pressed.dataset.busy) return hush();
    pressed.dataset.busy = "yes";
    say(words, t("film.listen.stop"));
    try {
      const { voice, language, speed } = draft.film;
      await listen({ text: text || t("film.listen.words"), voice, language, speed });
    } catch (error) {
      complain({ ...error, message: error.message, param: error.param === "text" ? `scenes[${draft.scenes.indexOf(current())}].narration` : error.param });
    } finally {
      delete pressed.dataset.busy;
      say(words, t("film.listen"));
    }
    return undefined;
  }

  // --- what is seen ---

  const head = filmHead({
    title: (title) => editFilm({ title }),
    make,
    revert: () => {
      forgetDraft(id);
      draft = /** @type {Draft} */ (before());
      picked = draft.scenes.some(({ key }) => key === picked) ? picked : draft.scenes[0].key;
      trouble = null;
      show();
    },
    cancel: tried(() => cancel(id)),
    retry: retryAll,
    copy: () => {
      const made = copyOf(/** @type {Film} */ (film));
      keep(made);
      go(made.id);
    },
    remove: () => {
      remove(id, draft.film.title || t("untitled"), refused);
      location.hash = "#/stories";
    },
    refused: (message) => complain({ message }),
    recut,
  });
  const player = timeline({ onscene: (n) => scenes.here(n), refused: (message) => complain({ message }) });
  const scenes = strip({
    pick,
    order: (keys) => edited({ ...draft, scenes: keys.map((key) => /** @type {DraftScene} */ (draft.scenes.find((each) => each.key === key))) }),
    add: () => insert(newScene(), draft.scenes.length),
    double,
    remove: removeScene,
    retry: (n) => tried(() => retry(id, n))(),
  });
  const form = sceneForm({ edit: editScene, listen: (pressed) => hear(pressed, current().narration.trim()), styles: offered.styles, takes: () => model()?.inputs ?? [] });
  const whole = filmForm({ edit: editFilm, listen: (pressed) => hear(pressed, draft.scenes.find((each) => each.narration.trim())?.narration ?? ""), ...offered });
  const room = tabs(t("tabs"), [[t("scene"), form.element], [t("film.tab"), whole.element]]);
  const told = notes.length ? h("ul", { className: "soft film-notes" }, notes.map((note) => h("li", {}, note))) : null;
  const element = h("div", { className: "film-room" }, head.element, told, h("div", { className: "film-bench" }, h("div", { className: "film-left" }, player.element, scenes.element), h("aside", { className: "film-right" }, room.element)));
  element.addEventListener("paste", (event) => event.clipboardData?.files.length && form.paste(event));

  const planSoon = soon(async () => {
    const mine = (asked += 1);
    if (film && !diffNow()?.any) return void ([plan, plans] = [null, new Map()]);
    const found = await planned(draft);
    if (mine !== asked || closed) return;
    plan = found.plan;
    if (found.plan) plans = new Map(found.plan.scenes.map((each, place) => [draft.scenes[found.at[place]]?.key, each]));
    if (found.trouble || trouble?.field !== "prompt" || current().prompt.trim()) trouble = found.trouble;
    show();
  }, TYPED_MS);

  // The field that something is wrong with is seen and has the focus.
  function reveal() {
    if (!trouble) return;
    const inScene = trouble.scene != null;
    if (inScene) room.pick(0);
    else if (whole.element.querySelector(`[data-field="${CSS.escape(trouble.field)}"]`)) room.pick(1);
    if (inScene) form.reveal(trouble.field);
    const found = /** @type {any} */ ((inScene ? form.element : whole.element).querySelector('[aria-invalid="true"]'));
    found?.focus();
  }

  function show() {
    if (closed) return;
    const known = films.get(id);
    if (known) film = known;
    if (film && !draftOf(id)) draft = /** @type {Draft} */ (before());
    else draft = draftOf(id) ?? draft;
    const diff = diffNow();
    const scene = current();
    const at = draft.scenes.indexOf(scene);
    const onScene = trouble?.scene === at ? trouble : null;
    const here = onScene && wrong(form.element, onScene.field, onScene.message);
    if (!onScene) wrong(form.element, "", "");
    const onFilm = trouble && trouble.scene == null ? wrong(whole.element, trouble.field, trouble.message) : (wrong(whole.element, "", ""), false);
    const takes = diff && plan ? diff.again.reduce((sum, place) => sum + (plans.get(draft.scenes[place].key)?.estimated_device_seconds ?? 0), 0) : null;
    const place = trouble?.scene == null ? "" : t("scene.n", { n: trouble.scene + 1 });
    const message = trouble && !here && !onFilm ? (place ? t("plan.field", { where: place, message: trouble.message }) : trouble.message) : "";
    head.show({ draft, film, plan, diff, takes, sending: isSending(id), trouble: message });
    scenes.show({ draft, film, picked: scene.key, again: new Set(diff?.again ?? []), plan: plans, wrong: trouble?.scene == null ? null : (draft.scenes[trouble.scene]?.key ?? null) });
    const made = scene.from == null ? null : (film?.scenes[scene.from - 1] ?? null);
    room.rename(0, t("scene.n", { n: at + 1 }));
    form.show(scene, plans.get(scene.key), made?.warnings ?? []);
    whole.show(draft.film, plan?.warnings);
    face(player.face, scene, made);
    player.show(film);
    element.classList.toggle("is-leaving", isLeaving(id));
  }

  show();
  planSoon();
  return {
    element,
    show,
    all,
    /** Where whoever opens it goes on: the first thing to type, or its name. */
    focus() {
      const at = current().prompt ? head.heading : form.prompt;
      at.focus({ preventScroll: true });
    },
    close() {
      closed = true;
      player.close();
      hush();
    },
  };
}

