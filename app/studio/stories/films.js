// What is known of the films on the server: answers and the page's one event stream come in, whoever shows one is told.

import { call, get, post } from "../api.js";
import { onEvent, videos, watch } from "../store.js";

const PAGE = 24;
const LOOK_MS = 4000; // how often one that is under way is looked at, should the stream be silent
const SOON_MS = 150; // so long several events of one film are waited for

/** @type {Map<string, Film>} */
export const films = new Map();
/** @type {Set<(id: string, film: Film | null) => void>} */
const listeners = new Set();
/** @type {Map<string, number>} */
const due = new Map();
let last = "";
export let hasMore = false;

/** @param {(id: string, film: Film | null) => void} listener told of each that is another now; null: it is gone */
export function onFilm(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @param {string} id */
export const place = (id) => `v1/storyboards/${id}`;
const tell = (id) => listeners.forEach((listener) => listener(id, films.get(id) ?? null));
/** @param {Film} film */
export const over = (film) => film.status === "completed" || film.status === "failed";

/** @type {Map<string, number>} of films that were begun in the same second the one with more is newer */
const turns = new Map();
let [newest, oldest] = [0, 0];

/** Whether one film stands before another in a list: negative, it does. @param {Film} one @param {Film} other */
export const order = (one, other) => other.created_at - one.created_at || (turns.get(other.id) ?? 0) - (turns.get(one.id) ?? 0);

/** Takes in a film as the server has it. @param {Film} film @param {boolean} [listed] behind all that are known, as a page of older ones has it */
export function learn(film, listed = false) {
  const before = films.get(film.id);
  if (!turns.has(film.id)) turns.set(film.id, listed ? (oldest -= 1) : (newest += 1));
  if (before && before.revision > film.revision) return before; // an answer that was long on its way
  films.set(film.id, film);
  tell(film.id);
  return film;
}

export function drop(id) {
  if (films.delete(id)) tell(id);
}

/** The film as the server has it. Raises Refusal. @param {string} id @returns {Promise<Film>} */
export async function look(id) {
  try {
    return learn(await get(`v1/storyboards/${id}`));
  } catch (error) {
    if (error.status === 404) drop(id);
    throw error;
  }
}

/** The newest, or those behind the ones that are known. @param {boolean} [more] */
export async function page(more = false) {
  const found = await get(`v1/storyboards?limit=${PAGE}${more && last ? `&after=${last}` : ""}`);
  for (const film of found.data) learn(film, true);
  if (more || !last) {
    last = found.last_id ?? last;
    hasMore = found.has_more;
  }
}

function lookSoon(id) {
  if (due.has(id)) return;
  due.set(
    id,
    window.setTimeout(() => {
      due.delete(id);
      look(id).catch(() => {}); // the next event, or the next look, tries again
    }, SOON_MS),
  );
}

let followed = false;
/** From now on what happens to films is heard. */
export function follow() {
  if (followed) return;
  followed = true;
  onEvent(({ kind, data }) => {
    if (kind === "storyboard") lookSoon(data.storyboard_id);
    if (kind === "ready") for (const film of films.values()) if (!over(film)) lookSoon(film.id);
  });
  watch((what, video) => {
    if (what === "dropped") return;
    for (const film of films.values()) {
      if (over(film) || !film.scenes.some((scene) => scene.video_id === video.id)) continue;
      if (what === "ended") lookSoon(film.id);
      else tell(film.id);
    }
  });
  setInterval(() => {
    if (document.visibilityState === "visible" && location.hash.startsWith("#/stories")) for (const film of films.values()) if (!over(film)) lookSoon(film.id);
  }, LOOK_MS);
}

/** How far a scene is, 0 to 1, by its video's own events where they are quicker than the film. @param {FilmScene} scene */
export function share(scene) {
  if (scene.stage === "made") return 1;
  const video = videos.get(scene.video_id ?? "");
  const own = video?.total_steps ? (0.95 * video.step) / video.total_steps : 0;
  return Math.min(1, Math.max(own, scene.progress / 100));
}

/** How far a film is, percent. @param {Film} film */
export const progress = (film) => (over(film) ? film.progress : Math.max(film.progress, Math.round((95 * film.scenes.reduce((sum, scene) => sum + share(scene), 0)) / film.scenes.length)));

/** @param {string} id @param {number} n @param {object} change @param {number} revision @returns {Promise<Film>} */
export const change = async (id, n, change, revision) =>
  learn(await (await call(`${place(id)}/scenes/${n}`, { method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify({ ...change, revision }) })).json());

/** @param {string} id @param {number} n */
export const retry = async (id, n) => learn(await post(`${place(id)}/scenes/${n}/retry`, {}));
/** @param {string} id */
export const cancel = async (id) => learn(await post(`v1/storyboards/${id}/cancel`, {}));

/** @type {Map<string, Promise<string>>} */
const files = new Map(); // address and version -> an address in this page
const MOST_FILES = 150;

/**
 * A file of a film as an address in this page, since a <video> sends no key.
 * @param {Film} film @param {{ variant?: string, scene?: number }} [which]
 */
export function file(film, { variant = "video", scene } = {}) {
  const of = scene == null ? `${film.revision}` : `${film.scenes[scene - 1].video_id}/${film.scenes[scene - 1].narration}`;
  const name = `${film.id}/${scene ?? ""}/${variant}/${of}`;
  const path = `${place(film.id)}/content?variant=${variant}${scene == null ? "" : `&scene=${scene}`}`;
  const found = files.get(name) ?? call(path).then(async (answer) => URL.createObjectURL(await answer.blob()));
  files.delete(name);
  files.set(name, found);
  found.catch(() => files.delete(name)); // the next look at it tries again
  for (const [old, address] of [...files].slice(0, Math.max(0, files.size - MOST_FILES))) {
    files.delete(old);
    address.then((text) => URL.revokeObjectURL(text)).catch(() => {});
  }
  return found;
}
