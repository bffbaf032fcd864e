// All films of a person as cards, newest first and live, with the drafts that nobody has sent yet; and ways to begin one.

import { button, fillBar, h, icon, say } from "../dom.js";
import { date, known, number, seconds, t } from "../words.js";
import { isLeaving, remove } from "./deleting.js";
import { allDrafts, draft, isDraft, keep } from "./drafts.js";
import { EXAMPLES } from "./examples.js";
import { file, films, hasMore, order, over, page, progress } from "./films.js";
import { clock } from "./player.js";
import { sketch } from "./sketch.js";
import { askForText } from "./text.js";

const MOST_SKETCHES = 4;

/** @param {{ open: (id: string, notes?: string[]) => void, refused: (error: Error) => void }} acts */
export function filmList({ open, refused }) {
  const begin = (made, notes = []) => (keep(made), open(made.id, notes));
  const way = (drawing, name, about, onclick, act) => h("button", { type: "button", className: "way", onclick, "data-act": act }, icon(drawing), h("b", {}, name), h("span", { className: "soft" }, about));
  const ways = h(
    "div",
    { className: "ways" },
    way("add", t("new.blank"), t("new.blank.about"), () => begin(draft()), "new-blank"),
    way("remix", t("new.text"), t("new.text.about"), () => askForText(begin), "new-text"),
    EXAMPLES.map((example) => {
      const each = way("play", example.title, t("new.example.about", { n: example.scenes.length }), () => begin(draft(example)), "new-example");
      const strip = h("span", { className: "way-strip", "aria-hidden": "true" }, example.scenes.map(({ prompt }) => sketched(prompt)));
      each.prepend(strip);
      return each;
    }),
  );
  const none = h("div", { className: "films-none", hidden: true }, h("div", { className: "reel", "aria-hidden": "true" }, EXAMPLES[0].scenes.map(({ prompt }) => sketched(prompt))), h("p", { className: "soft" }, t("films.empty")));
  const cards = h("div", { className: "films" });
  const more = h("button", { type: "button", hidden: true, onclick: () => page(true).then(show).catch(refused) }, t("films.older"));
  const element = h(
    "div",
    { className: "films-room" },
    h("section", { "aria-labelledby": "films-begin" }, h("h2", { id: "films-begin", className: "big" }, t("films.begin")), h("p", { className: "soft lead" }, t("films.lead")), ways),
    h("section", { "aria-labelledby": "films-title" }, h("h2", { id: "films-title" }, t("films")), none, cards, more),
  );
  /** @type {Map<string, any>} */
  const shown = new Map();

  function show() {
    const drafts = allDrafts().filter(({ id }) => isDraft(id)).map((each) => ({ id: each.id, at: each.changed / 1000, draft: each, film: /** @type {Film | null} */ (null) }));
    const made = [...films.values()].filter(({ id }) => !isLeaving(id)).map((film) => ({ id: film.id, at: film.created_at, draft: /** @type {Draft | null} */ (null), film }));
    const all = [...drafts, ...made].sort((a, b) => (a.film && b.film ? order(a.film, b.film) : b.at - a.at));
    for (const [id, card] of shown) if (!all.some((each) => each.id === id)) (card.remove(), shown.delete(id));
    all.forEach(({ id, film, draft: typed }, at) => {
      const card = shown.get(id) ?? filmCard(id, refused);
      shown.set(id, card);
      if (cards.children[at] !== card) cards.insertBefore(card, cards.children[at] ?? null);
      if (film) ofFilm(card, film);
      else if (typed) ofDraft(card, typed);
    });
    none.hidden = all.length > 0;
    more.hidden = !hasMore;
  }

  return { element, show };
}

const sketched = (prompt) => {
  const made = h("i", { className: "sketch" });
  sketch(made, prompt);
  return made;
};

function filmCard(id, refused) {
  const name = h("a", { className: "film-name", href: `#/stories/${id}` });
  const trash = button("trash", t("delete"), () => remove(id, name.textContent, refused), { bare: true, act: "delete" });
  return h(
    "article",
    { className: "film-card", "data-film": id },
    h("div", { className: "film-poster", "aria-hidden": "true" }, h("div", { className: "sketches" }), h("img", { alt: "", hidden: true, onload: (event) => (event.target.hidden = false), onerror: (event) => (event.target.hidden = true) }), h("span", { className: "length" }), h("span", { className: "bar" }, h("i"))),
    h("h3", {}, name),
    h("p", { className: "film-state" }),
    trash,
  );
}

/** @param {any} card @param {{ title: string, prompts: string[], state: string, length: string, share: number | null }} told */
function draw(card, { title, prompts, state, length, share }) {
  const part = (name) => card.querySelector(`.${name}`);
  say(part("film-name"), title || t("untitled"));
  say(part("film-state"), state);
  say(part("length"), length);
  part("length").hidden = !length;
  part("bar").hidden = share == null;
  fillBar(part("bar"), (share ?? 0) / 100);
  const words = prompts.slice(0, MOST_SKETCHES).join("\n");
  if (card.dataset.words !== words) part("sketches").replaceChildren(...prompts.slice(0, MOST_SKETCHES).map(sketched));
  card.dataset.words = words;
  card.querySelector('[data-act="delete"]').title = `${t("delete")}: ${title || t("untitled")}`;
  card.querySelector('[data-act="delete"]').setAttribute("aria-label", `${t("delete")}: ${title || t("untitled")}`);
}

const count = (n) => (n === 1 ? t("scenes.one") : t("scenes.n", { n: number(n) }));

/** @param {any} card @param {Draft} typed */
function ofDraft(card, typed) {
  card.dataset.state = "draft";
  const state = [typed.sending ? t("sending") : t("draft"), count(typed.scenes.length)].join(" · ");
  draw(card, { title: typed.film.title, prompts: typed.scenes.map(({ prompt }) => prompt), state, length: "", share: null });
}

/** @param {any} card @param {Film} film */
function ofFilm(card, film) {
  card.dataset.state = film.status;
  const live = !over(film);
  const rest = live && film.eta_seconds != null ? t("togo", { s: seconds(film.eta_seconds) }) : "";
  const state = film.status === "failed" ? (film.error?.message ?? t("failed")) : live ? [`${number(progress(film))} %`, known("phase", film.phase), rest].filter(Boolean).join(" · ") : [count(film.scenes.length), date(film.created_at)].join(" · ");
  const length = film.status === "completed" ? clock(Number(film.seconds)) : "";
  draw(card, { title: film.title, prompts: film.scenes.map(({ prompt }) => prompt), state, length, share: live ? progress(film) : null });
  poster(card.querySelector("img"), film);
}

// The film's own poster, or that of the first scene that is made.
function poster(image, film) {
  const first = film.scenes.find(({ stage }) => stage === "made");
  const which = film.status === "completed" ? { variant: "thumbnail" } : first ? { variant: "thumbnail", scene: first.number } : null;
  const of = which ? `${film.revision}/${JSON.stringify(which)}` : "";
  if (image.dataset.of === of) return;
  image.dataset.of = of;
  if (!which) return void (image.hidden = true);
  file(film, which)
    .then((address) => {
      if (image.dataset.of !== of) return;
      image.src = address;
    })
    .catch(() => (image.hidden = true)); // the sketches stand
}

