// The room of films at #/stories: all of them, or at #/stories/ID one of them to be edited, made and looked at.

import { lasting } from "../api.js";
import { $, announce, h, say } from "../dom.js";
import { onEvent } from "../store.js";
import { sheet } from "../views.js";
import { t } from "../words.js";
import "./words.js";
import { onLeaving } from "./deleting.js";
import { onDrafts } from "./drafts.js";
import { editor } from "./editor.js";
import { follow, onFilm, over, page } from "./films.js";
import { filmList } from "./list.js";
import { resume } from "./sending.js";

const ID = /^[a-z]+_[0-9a-f]{8,64}$/;
let styled = false;
const nobody = { show: () => {}, close: () => {}, id: "", all: true }; // `all`: what it offers was all answered
let shown = nobody;
/** @type {string[]} */
let notes = [];

const trouble = h("p", { className: "wrong films-trouble", role: "alert" });
const refused = (error) => say(trouble, error.message);

const go = (id, told = []) => {
  notes = told;
  location.hash = `#/stories/${id}`;
};

/** The film that was sent has another name than its draft. @param {string} from @param {string} to */
function renamed(from, to) {
  if (location.hash === `#/stories/${from}`) {
    history.replaceState(null, "", `#/stories/${to}`);
    open($("view"), to);
  }
}

/** @param {HTMLElement} place @param {string} rest */
export async function open(place, rest) {
  if (!styled) await sheet("studio/stories/stories.css");
  if (!styled) begin();
  styled = true;
  const id = ID.test(rest) ? rest : "";
  say(trouble, "");
  shown.close();
  place.replaceChildren(trouble);
  if (id) {
    const one = await editor(id, { refused, go, renamed, notes: notes.splice(0) });
    if (location.hash !== `#/stories/${id}`) return one.close(); // somebody went on meanwhile
    shown = { ...one, id };
    place.append(one.element);
    one.focus();
  } else {
    const list = filmList({ open: go, refused });
    shown = { ...nobody, ...list };
    place.append(list.element);
    list.show();
    lasting(page).then(list.show).catch(refused);
  }
  scrollTo(0, 0);
}

export function close() {
  shown.close();
  shown = nobody;
}

let drawn = 0;
// Many events, one drawing.
function showSoon() {
  drawn ||= requestAnimationFrame(() => {
    drawn = 0;
    shown.show();
  });
}

// Once, whichever of them is opened first.
function begin() {
  follow();
  /** @type {Map<string, string>} */
  const states = new Map();
  onFilm((id, film) => {
    if (!shown.id || shown.id === id) showSoon();
    const before = states.get(id);
    if (film) states.set(id, film.status);
    if (!film || !before || before === film.status || !over(film)) return;
    if (film.status === "completed") announce(t("film.ready", { title: film.title || t("untitled") }));
    else announce(t("film.failed", { message: film.error?.message ?? "" }));
  });
  onEvent(({ kind }) => kind === "ready" && !shown.all && open($("view"), shown.id)); // it was opened while the server was away
  onDrafts(() => shown.id === "" && shown.show());
  onLeaving(() => shown.show());
  for (const { id, way } of resume()) way.then((film) => renamed(id, film.id)).catch(refused);
}

