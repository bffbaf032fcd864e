// The gallery: a card for each video, in the order in which they were asked for; older ones come as one scrolls.

import { act, leaving, onLeaving } from "../acts.js";
import { get } from "../api.js";
import { $, announce, say } from "../dom.js";
import { title } from "../sentences.js";
import { ended, learn, videos, watch } from "../store.js";
import { t } from "../words.js";
import { card, glimpse, shell, show } from "./card.js";
import { fits, onFilter, onFound, query } from "./filters.js";

const PAGE = 24;
const MOST_PAGE = 96; // who scrolls on goes far: each page is larger than the last
const WHOLE = 240; // cards that stay as they are; of more, those far from what is looked at are empty
/** @type {Map<string, any>} */
const cards = new Map();
/** @type {any[]} the cards in their order, the newest first */
const order = [];
/** @type {Map<string, string | null>} where each of the server's lists goes on, by what it is narrowed to */
const reached = new Map();
/** @type {Map<string, number>} by the same: how many pages of it have been read */
const pages = new Map();
/** @type {Set<string>} ids that the whole list, or the stream, has told of: what is found by a search may be much older */
const listed = new Set();
let most = 10 * PAGE; // cards, before the oldest make room for what is asked for elsewhere
let reading = false; // just now, a page of older ones is learnt
let busy = false;
/** @type {Map<string, boolean>} by the same: whether there is more of it */
const mores = new Map();
let more = false;
let aside = false; // what is learnt now is found, not listed

const gallery = $("gallery");

/** Where a video of that time belongs: behind all that are newer. @param {number} at Unix seconds @param {boolean} last of the same second */
function index(at, last) {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = order[middle].created;
    if (other > at || (last && other === at)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function place(video) {
  let element = cards.get(video.id);
  if (!element) {
    // Of the same second, the one that is told of later is newer, but for pages of older ones.
    const at = index(video.created_at, reading);
    element = order.length < WHOLE ? card(video) : shell(video);
    element.created = video.created_at;
    cards.set(video.id, element);
    gallery.insertBefore(element, order[at] ?? null);
    order.splice(at, 0, element);
    if (!aside) listed.add(video.id);
    if (!reading) trim();
  }
  show(element, video);
  hide(element, video);
}

function hide(element, video) {
  const hidden = leaving.has(video.id) || !fits(video);
  if (element.hidden === hidden) return;
  if (hidden) refocus(element);
  element.hidden = hidden;
}

// Keeps a page that is left open from growing without end: the oldest that have ended leave.
function trim() {
  for (;;) {
    const id = order.at(-1)?.dataset.id;
    const last = videos.get(id);
    if (cards.size <= most || !last || !ended(last)) return;
    remove(id);
    videos.delete(id);
    if (listed.delete(id)) reached.set("", order.findLast((each) => listed.has(each.dataset.id))?.dataset.id ?? null);
    offer(true);
  }
}

function remove(id) {
  const element = cards.get(id);
  if (!element) return;
  refocus(element);
  element.remove();
  cards.delete(id);
  order.splice(order.indexOf(element), 1);
}

// Who acts by keys goes on beside what leaves, not at the top of the page.
function refocus(element) {
  if (!element.contains(document.activeElement)) return;
  const others = [...gallery.querySelectorAll("article:not([hidden])")].filter((each) => each !== element);
  const next = others.find((each) => element.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING) ?? others.at(-1);
  (next?.querySelector(".open") ?? $("prompt")).focus();
}

function offer(is) {
  more = is;
  $("more").hidden = !is;
}

function empty() {
  const seen = [...cards.values()].some((element) => !element.hidden);
  $("none").hidden = seen || !videos.size;
  $("keep").classList.toggle("empty", !videos.size);
  document.body.classList.toggle("fresh", !videos.size);
}

/** Reads the next page of older ones; of a filter as many as fill one. */
export async function older() {
  if (busy) return;
  const list = query();
  busy = true;
  try {
    let seen = 0;
    do {
      const after = reached.get(list);
      const page = await get(`v1/videos?limit=${Math.min(MOST_PAGE, PAGE * Math.max(1, pages.get(list) ?? 0))}${list && `&${list}`}${after ? `&after=${after}` : ""}`);
      most = Math.max(most, cards.size + 2 * MOST_PAGE);
      [reading, aside] = [true, list !== ""];
      for (const video of page.data) {
        if (!videos.has(video.id)) learn(video);
        else if (!list) listed.add(video.id);
        seen += fits(video) ? 1 : 0;
      }
      [reading, aside] = [false, false];
      pages.set(list, (pages.get(list) ?? 0) + 1);
      reached.set(list, page.last_id ?? after ?? null);
      mores.set(list, page.has_more);
      offer(page.has_more);
    } while (more && seen < PAGE / 2 && list === query());
  } finally {
    [reading, aside, busy] = [false, false, false];
    empty();
    if (list !== query()) offer(mores.get(query()) ?? true);
  }
}

/** What may have been missed while the stream was away. */
export async function newest() {
  const page = await get(`v1/videos?limit=${PAGE}`);
  for (const video of page.data.reverse()) learn(video);
}

watch((what, video) => {
  const element = cards.get(video.id);
  if (what === "dropped") remove(video.id);
  else if (what === "preview" && element) glimpse(element, video);
  else if (what === "ended" && video.status === "completed") announce(t("ready", { prompt: title(video) }));
  else if (what === "shown") place(video);
  if (what !== "preview" && !reading) empty();
});

function again() {
  for (const [id, element] of cards) hide(element, videos.get(id));
  empty();
}
onLeaving(again);
// What a search has found may be much older than what has been read so far.
onFound((found) => {
  [reading, aside] = [true, true];
  most = Math.max(most, cards.size + found.length);
  for (const video of found) if (!videos.has(video.id)) learn(video);
  [reading, aside] = [false, false];
});
onFilter(() => {
  again();
  offer(mores.get(query()) ?? true);
  if ((more || !reached.has(query())) && [...cards.values()].filter((element) => !element.hidden).length < PAGE / 2) older().catch(() => {});
});

gallery.addEventListener("click", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const what = /** @type {any} */ (target.closest("[data-act]"))?.dataset.act;
  const element = /** @type {any} */ (target.closest("article"));
  const video = element && videos.get(element.dataset.id);
  if (!what || !video) return;
  const screen = element.querySelector("video");
  if (what === "play") return void (screen.paused ? screen.play() : screen.pause());
  if (what === "good" || what === "bad") say(element.querySelector(".state"), t("thanks"));
  act(what, video);
});
const end = new IntersectionObserver((entries) => {
  if (entries.at(-1)?.isIntersecting && more) older().then(lookAgain, () => {});
}, { rootMargin: "600px" });
end.observe($("more"));

/** An end that is still in sight after a page has come tells of no change: it is asked anew. */
function lookAgain() {
  end.unobserve($("more"));
  end.observe($("more"));
}
