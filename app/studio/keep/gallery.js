// The gallery: a card for each video, in the order in which they were asked for; older ones come as one scrolls.

import { act, leaving, onLeaving } from "../acts.js";
import { get } from "../api.js";
import { $, announce, say } from "../dom.js";
import { title } from "../sentences.js";
import { ended, learn, videos, watch } from "../store.js";
import { t } from "../words.js";
import { glimpse, show } from "./card.js";
import { fits, onFilter, onFound, query } from "./filters.js";
import { cardOf, shelve } from "./shelf.js";

const PAGE = 24;
const SOON_MS = 80; // sooner than anybody sees
const MOST_PAGE = 96; // who scrolls on goes far: each page is larger than the last

/** @typedef {{ id: string, created: number, seen: boolean }} Place `seen`: the filters leave it, and it is not about to go */
/** @type {Map<string, Place>} */
const places = new Map();
/** @type {Place[]} in their order, the newest first */
const order = [];
let seen = 0; // of them
/** @type {Map<string, string | null>} where each of the server's lists goes on, by what it is narrowed to */
const reached = new Map();
/** @type {Map<string, number>} by the same: how many pages of it have been read */
const pages = new Map();
/** @type {Set<string>} ids that the whole list, or the stream, has told of: what is found by a search may be much older */
const listed = new Set();
let most = 10 * PAGE; // videos, before the oldest make room for what is asked for elsewhere
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

/** @param {Video} video */
function place(video) {
  let known = places.get(video.id);
  const is = !leaving.has(video.id) && fits(video);
  if (!known) {
    known = { id: video.id, created: video.created_at, seen: is };
    places.set(video.id, known);
    order.splice(index(video.created_at, reading), 0, known); // of the same second, the one that is told of later is newer, but for pages of older ones
    if (!aside) listed.add(video.id);
    if (!reading) trim();
    arrangeSoon();
  } else if (known.seen !== is) {
    known.seen = is;
    arrangeSoon();
  }
  if (ended(video)) showNow(video.id);
  else showSoon(video.id);
}

/** @type {Set<string>} */
const stale = new Set();
let drawn = 0;
// Many steps of many jobs, one drawing.
function showSoon(id) {
  stale.add(id);
  drawn ||= window.setTimeout(() => {
    drawn = 0;
    stale.forEach(showNow);
    stale.clear();
  }, SOON_MS);
}

function showNow(id) {
  const [element, video] = [cardOf(id), videos.get(id)];
  if (element && video) show(element, video);
}

let due = false;
// Many videos, one arrangement: before anything is drawn.
function arrangeSoon() {
  if (due) return;
  due = true;
  queueMicrotask(() => {
    due = false;
    arrange();
    empty();
  });
}

function arrange() {
  const list = order.filter((each) => each.seen).map(({ id }) => id);
  seen = list.length;
  shelve(list);
}

// Keeps a page that is left open from growing without end: the oldest that have ended leave.
function trim() {
  for (;;) {
    const id = order.at(-1)?.id ?? "";
    const last = videos.get(id);
    if (places.size <= most || !last || !ended(last)) return;
    remove(id);
    videos.delete(id);
    if (listed.delete(id)) reached.set("", order.findLast((each) => listed.has(each.id))?.id ?? null);
    offer(true);
  }
}

function remove(id) {
  const known = places.get(id);
  if (!known) return;
  places.delete(id);
  order.splice(order.indexOf(known), 1);
  arrangeSoon();
}

function offer(is) {
  more = is;
  $("more").hidden = !is;
}

function empty() {
  $("none").hidden = seen > 0 || !videos.size;
  $("keep").classList.toggle("empty", !videos.size);
  document.body.classList.toggle("fresh", !videos.size);
}

/** Reads the next page of older ones; of a filter as many as fill one. */
export async function older() {
  if (busy) return;
  const list = query();
  busy = true;
  try {
    let fitting = 0;
    do {
      const after = reached.get(list);
      const page = await get(`v1/videos?limit=${Math.min(MOST_PAGE, PAGE * Math.max(1, pages.get(list) ?? 0))}${list && `&${list}`}${after ? `&after=${after}` : ""}`);
      most = Math.max(most, places.size + 2 * MOST_PAGE);
      [reading, aside] = [true, list !== ""];
      for (const video of page.data) {
        if (!videos.has(video.id)) learn(video);
        else if (!list) listed.add(video.id);
        fitting += fits(video) ? 1 : 0;
      }
      [reading, aside] = [false, false];
      pages.set(list, (pages.get(list) ?? 0) + 1);
      reached.set(list, page.last_id ?? after ?? null);
      mores.set(list, page.has_more);
      offer(page.has_more);
    } while (more && fitting < PAGE / 2 && list === query());
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
  if (what === "dropped") remove(video.id);
  else if (what === "preview" && cardOf(video.id)) glimpse(cardOf(video.id), video);
  else if (what === "ended" && video.status === "completed") announce(t("ready", { prompt: title(video) }));
  else if (what === "shown") place(video);
});

function again() {
  for (const each of order) each.seen = !leaving.has(each.id) && fits(/** @type {Video} */ (videos.get(each.id)));
  arrange();
  empty();
}
onLeaving(again);
// What a search has found may be much older than what has been read so far.
onFound((found) => {
  [reading, aside] = [true, true];
  most = Math.max(most, places.size + found.length);
  for (const video of found) if (!videos.has(video.id)) learn(video);
  [reading, aside] = [false, false];
});
onFilter(() => {
  again();
  offer(mores.get(query()) ?? true);
  if ((more || !reached.has(query())) && seen < PAGE / 2) older().catch(() => {});
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
