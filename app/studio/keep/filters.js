// Which of the videos are seen: by words or meaning, marks, state, model, tier, style, rating, and the cache.

import { get } from "../api.js";
import { $, h, soon } from "../dom.js";
import { ended, styles, videos, watch } from "../store.js";

/** @type {(() => void)[]} */
const listeners = [];
const models = new Set();
const seenStyles = new Set();
const NAMES = ["find", "status", "model", "tier", "style", "rated", "marked", "cached"];
/** @type {Record<string, string>} */
let wanted = {};
/** @type {{ words: string, ids: Set<string> }} what the server has found by meaning, too */
let found = { words: "", ids: new Set() };
let words = /** @type {string[]} */ ([]);

/** @type {(found: Video[]) => void} */
let told = () => {};
/** @param {(found: Video[]) => void} listener is given what the server has found */
export const onFound = (listener) => void (told = listener);
export const onFilter = (listener) => void listeners.push(listener);

function read() {
  wanted = Object.fromEntries(NAMES.map((name) => [name, $(`filter-${name}`).value]));
  words = wanted.find.toLowerCase().split(/\s+/).filter(Boolean);
}

/** What the server's own lists can narrow: favourites, or a tag; empty: neither. */
export const query = () => (wanted.marked === "favourite" ? "favourite=true" : wanted.marked ? `tag=${encodeURIComponent(wanted.marked.slice(4))}` : "");

/** @param {Video} video */
const rated = ({ rating }) => (rating == null ? "none" : rating > 3 ? "good" : rating < 3 ? "bad" : "");

/** @param {Video} video */
export function fits(video) {
  const { status, model, tier, style, rated: rating, marked, cached, find } = wanted;
  const plan = video.optimization;
  return (
    (!words.length || (found.words === find && found.ids.has(video.id)) || said(video)) &&
    (!status || (status === "live" ? !ended(video) : video.status === status)) &&
    (!model || video.model === model) &&
    (!tier || plan.tier === tier) &&
    (!style || plan.style === style) &&
    (!rating || rated(video) === rating) &&
    (!marked || (marked === "favourite" ? Boolean(video.favourite) : (video.tags ?? []).includes(marked.slice(4)))) &&
    (!cached || (cached === "hit") === Boolean(video.cache?.hit))
  );
}

function said(video) {
  const text = `${video.prompt} ${video.optimization.written_prompt ?? ""} ${(video.tags ?? []).join(" ")} ${video.id}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

// Meaning is the server's to know; what it finds is learnt like any other video.
const search = soon(async () => {
  const asked = wanted.find;
  if (!asked.trim()) return;
  const answer = await get(`v1/videos?limit=50&search=${encodeURIComponent(asked.slice(0, 300))}`).catch(() => ({ data: [] }));
  if (asked !== wanted.find) return;
  found = { words: asked, ids: new Set(answer.data.map((video) => video.id)) };
  told(answer.data);
  tell();
}, 500);

// A model or a style appears among the choices with its first video.
watch((_, video) => {
  if (!models.has(video.model)) {
    models.add(video.model);
    $("filter-model").append(new Option(video.model, video.model));
  }
  const style = video.optimization.style;
  if (style && !seenStyles.has(style) && styles.has(style)) {
    seenStyles.add(style);
    $("filter-style").append(new Option(styles.get(style), style));
  }
});

/** The tags that there are, to choose from. */
export const readTags = soon(async () => {
  const { data } = await get("v1/tags").catch(() => ({ data: [] }));
  const chosen = $("filter-marked").value;
  const options = data.map(({ tag, videos: count }) => new Option(`# ${tag} (${count})`, `tag:${tag}`));
  $("filter-marked").replaceChildren(...[...$("filter-marked").options].slice(0, 2), ...options);
  $("filter-marked").value = options.some((each) => each.value === chosen) || chosen === "favourite" ? chosen : "";
  $("known-tags").replaceChildren(...data.map(({ tag }) => h("option", { value: tag })));
}, 200);
/** @type {Map<string, string>} */
const tagged = new Map(); // id -> its tags, of those that have any
watch((what, video) => {
  const now = what === "dropped" ? "" : (video.tags ?? []).join("\n");
  if (now === (tagged.get(video.id) ?? "")) return;
  if (now) tagged.set(video.id, now);
  else tagged.delete(video.id);
  readTags();
});

const tell = () => listeners.forEach((listener) => listener());
const changed = soon(() => {
  read();
  if (videos.size) tell();
  search();
}, 120);
for (const name of NAMES) $(`filter-${name}`).addEventListener("input", changed);
read();
