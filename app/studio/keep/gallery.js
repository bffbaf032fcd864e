// The gallery: a card for each video, in the order in which they were asked for; older ones come as one scrolls, and of
// thousands only those around what is looked at stand in the document.

import { act, leaving, onLeaving } from "../acts.js";
import { get } from "../api.js";
import { $, announce, h, say } from "../dom.js";
import { title } from "../sentences.js";
import { ended, learn, videos, watch } from "../store.js";
import { t } from "../words.js";
import { card, glimpse, shell, show } from "./card.js";
import { fits, onFilter, onFound, query } from "./filters.js";
import { MOST, stretch } from "./stretch.js";

const PAGE = 24;
const MOST_PAGE = 96; // who scrolls on goes far: each page is larger than the last

/** @typedef {{ id: string, created: number, seen: boolean }} Place `seen`: the filters leave it, and it is not about to go */
/** @type {Map<string, Place>} */
const places = new Map();
/** @type {Place[]} in their order, the newest first */
const order = [];
/** @type {Map<string, any>} the cards that stand in the document, by their videos */
const cards = new Map();
/** @type {string[]} the same in their order */
let standing = [];
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
const [before, behind] = [h("div", { className: "gap", hidden: true }), h("div", { className: "gap", hidden: true })];
gallery.append(before, behind);

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
  const seen = !leaving.has(video.id) && fits(video);
  if (!known) {
    known = { id: video.id, created: video.created_at, seen };
    places.set(video.id, known);
    order.splice(index(video.created_at, reading), 0, known); // of the same second, the one that is told of later is newer, but for pages of older ones
    if (!aside) listed.add(video.id);
    if (!reading) trim();
    arrangeSoon();
  } else if (known.seen !== seen) {
    known.seen = seen;
    arrangeSoon();
  }
  const element = cards.get(video.id);
  if (element) show(element, video);
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

/** Puts the cards into the document that belong there now, and takes away the others. */
function arrange() {
  const list = order.filter((each) => each.seen).map(({ id }) => id);
  const far = list.length > MOST || !before.hidden || !behind.hidden;
  const [from, to] = far ? stretch(lie(list.length), columns(), -gallery.getBoundingClientRect().top, innerHeight) : [0, list.length];
  const wanted = list.slice(from, to);
  const anchor = far ? held(wanted) : null;
  const was = anchor?.getBoundingClientRect().top ?? 0;
  const now = new Set(wanted);
  for (const [id, element] of cards) if (!now.has(id)) leave(element, id, places.get(id)?.seen ? null : wanted);
  let next = behind;
  for (const id of wanted.toReversed()) {
    const element = cards.get(id) ?? stand(/** @type {Video} */ (videos.get(id)));
    if (element.nextSibling !== next) gallery.insertBefore(element, next);
    next = element;
  }
  standing = wanted;
  first = from;
  if (far) spread(from, list.length - to);
  if (anchor) hold(anchor, was, from);
}

/** @param {Video} video */
function stand(video) {
  const element = places.size <= MOST ? card(video) : shell(video);
  cards.set(video.id, element);
  show(element, video);
  return element;
}

/** @param {any} element @param {string} id @param {string[] | null} others who acts by keys goes on beside what leaves */
function leave(element, id, others) {
  if (others) refocus(element, new Set(others));
  element.remove();
  cards.delete(id);
}

// How it lies

let first = 0; // index of the first that stands, among those that are seen
let pitch = 0; // pixels from row to row, as last measured

const columns = () => getComputedStyle(gallery).gridTemplateColumns.split(" ").length;
const spacing = () => parseFloat(getComputedStyle(gallery).rowGap) || 0;

/** @param {number} count @returns {import("./stretch.js").Lie} */
function lie(count) {
  const [top, bottom] = [before.offsetHeight, behind.offsetHeight];
  return { count, from: first, to: Math.min(count, first + standing.length), top, bottom, block: Math.max(1, gallery.offsetHeight - top - bottom) };
}

// The gaps stand for the rows that do not: as high as those that do are on an average.
function spread(rowsBefore, rowsBehind) {
  const [each, between] = [columns(), spacing()];
  const [one, last] = [cards.get(standing[0]), cards.get(standing.at(-1) ?? "")];
  if (one) pitch = (last.getBoundingClientRect().bottom - one.getBoundingClientRect().top + between) / Math.ceil(standing.length / each);
  for (const [gap, count] of /** @type {[any, number][]} */ ([[before, rowsBefore], [behind, rowsBehind]])) {
    gap.hidden = !count;
    gap.style.height = `${Math.max(0, Math.ceil(count / each) * pitch - between)}px`;
  }
}

// The first card in sight that stays: what one looks at must not jump while others come and go above it.
function held(wanted) {
  if (gallery.getBoundingClientRect().top >= 0) return null;
  const stays = new Set(wanted);
  return standing.filter((id) => stays.has(id)).map((id) => cards.get(id)).find((element) => element.getBoundingClientRect().bottom > 0) ?? null;
}

function hold(anchor, was, from) {
  const moved = anchor.getBoundingClientRect().top - was;
  if (Math.abs(moved) < 1) return;
  if (from) before.style.height = `${Math.max(0, before.offsetHeight - moved)}px`;
  else scrollBy(0, moved);
}

let looking = 0;
function look() {
  looking ||= requestAnimationFrame(() => {
    looking = 0;
    if (places.size <= MOST) return;
    const list = lie(order.reduce((sum, each) => sum + (each.seen ? 1 : 0), 0));
    const [from, to] = stretch(list, columns(), -gallery.getBoundingClientRect().top, innerHeight);
    if (from !== list.from || to !== list.to) arrange();
  });
}
addEventListener("scroll", look, { passive: true });
addEventListener("resize", look, { passive: true });

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

// Who acts by keys goes on beside what leaves, not at the top of the page.
function refocus(element, stays) {
  if (!element.contains(document.activeElement)) return;
  const others = standing.filter((id) => stays.has(id)).map((id) => cards.get(id)).filter((each) => each?.isConnected);
  const next = others.find((each) => element.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING) ?? others.at(-1);
  (next?.querySelector(".open") ?? $("prompt")).focus();
}

function offer(is) {
  more = is;
  $("more").hidden = !is;
}

function empty() {
  $("none").hidden = standing.length > 0 || !videos.size;
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
      most = Math.max(most, places.size + 2 * MOST_PAGE);
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
  if (what === "dropped") remove(video.id);
  else if (what === "preview" && cards.has(video.id)) glimpse(cards.get(video.id), video);
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
  if ((more || !reached.has(query())) && standing.length < PAGE / 2) older().catch(() => {});
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
