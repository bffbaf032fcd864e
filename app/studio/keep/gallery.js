// The gallery: a card for each video, in the order in which they were asked for; older ones come as one scrolls.

import { act, leaving, onLeaving } from "../acts.js";
import { get } from "../api.js";
import { $, announce, say } from "../dom.js";
import { title } from "../sentences.js";
import { ended, learn, videos, watch } from "../store.js";
import { t } from "../words.js";
import { card, glimpse, show } from "./card.js";
import { fits, onFilter } from "./filters.js";

const PAGE = 24;
/** @type {Map<string, any>} */
const cards = new Map();
let oldest = null;
let most = 10 * PAGE; // cards, before the oldest make room for what is asked for elsewhere
let reading = false;
let more = false;

const gallery = $("gallery");

function place(video) {
  let element = cards.get(video.id);
  if (!element) {
    element = card(video);
    cards.set(video.id, element);
    // Of the same second, the one that is told of later is newer, but for pages of older ones.
    const later = [...gallery.children].find((other) => {
      const { created_at: at } = videos.get(other.dataset.id) ?? { created_at: 0 };
      return reading ? at < video.created_at : at <= video.created_at;
    });
    gallery.insertBefore(element, later ?? null);
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
    const id = gallery.lastElementChild?.dataset.id;
    const last = videos.get(id);
    if (cards.size <= most || !last || !ended(last)) return;
    remove(id);
    videos.delete(id);
    oldest = gallery.lastElementChild.dataset.id;
    offer(true);
  }
}

function remove(id) {
  const element = cards.get(id);
  if (element) refocus(element);
  element?.remove();
  cards.delete(id);
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
  if (reading) return;
  reading = true;
  try {
    let seen = 0;
    do {
      const page = await get(`v1/videos?limit=${PAGE}${oldest ? `&after=${oldest}` : ""}`);
      most = Math.max(most, cards.size + 2 * PAGE);
      for (const video of page.data) {
        if (!videos.has(video.id)) learn(video);
        seen += fits(video) ? 1 : 0;
      }
      oldest = page.last_id ?? oldest;
      offer(page.has_more);
    } while (more && seen < PAGE / 2);
  } finally {
    reading = false;
    empty();
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
onFilter(() => {
  again();
  if (more && [...cards.values()].filter((element) => !element.hidden).length < PAGE / 2) older().catch(() => {});
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
new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting) && more) older().catch(() => {});
}, { rootMargin: "600px" }).observe($("more"));
