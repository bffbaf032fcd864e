// The gallery's cards in the document: of thousands only those around what is looked at, between two gaps for the others.

import { $, h } from "../dom.js";
import { videos } from "../store.js";
import { card, shell, show } from "./card.js";
import { MOST, stretch } from "./stretch.js";

const gallery = $("gallery");
const [before, behind] = [h("div", { className: "gap", hidden: true }), h("div", { className: "gap", hidden: true })];
gallery.append(before, behind);

/** @type {Map<string, any>} the cards that stand in the document, by their videos */
const cards = new Map();
/** @type {string[]} ids of all that are to be seen, in their order */
let list = [];
/** @type {string[]} of those that stand */
let standing = [];
let first = 0; // index of the first that stands
let pitch = 0; // pixels from row to row, as last measured

/** The card of a video, where it stands. @param {string} id */
export const cardOf = (id) => cards.get(id);

/** Shows these videos in this order: puts their cards where they belong, and takes away the others. @param {string[]} ids */
export function shelve(ids) {
  list = ids;
  const far = list.length > MOST || !before.hidden || !behind.hidden;
  const [from, to] = far ? stretch(lie(), columns(), -gallery.getBoundingClientRect().top, innerHeight) : [0, list.length];
  put(from, to, far);
}

function put(from, to, far) {
  const wanted = list.slice(from, to);
  const stays = new Set(wanted);
  const anchor = far ? held(stays) : null;
  const was = anchor?.getBoundingClientRect().top ?? 0;
  /** @type {Set<string> | null} */
  let all = null;
  for (const [id, element] of cards) {
    if (stays.has(id)) continue;
    if (!(all ??= new Set(list)).has(id)) refocus(element, stays); // it is gone, not out of sight
    element.remove();
    cards.delete(id);
  }
  let next = behind;
  for (const id of wanted.toReversed()) {
    const element = cards.get(id) ?? stand(/** @type {Video} */ (videos.get(id)));
    if (element.nextSibling !== next) gallery.insertBefore(element, next);
    next = element;
  }
  [standing, first] = [wanted, from];
  if (far) spread(from, list.length - to);
  if (anchor) hold(anchor, was, from);
}

/** @param {Video} video */
function stand(video) {
  const element = list.length <= MOST ? card(video) : shell(video);
  cards.set(video.id, element);
  show(element, video);
  return element;
}

// Who acts by keys goes on beside what leaves, not at the top of the page.
function refocus(element, stays) {
  if (!element.contains(document.activeElement)) return;
  const others = standing.filter((id) => stays.has(id)).map((id) => cards.get(id)).filter((each) => each?.isConnected);
  const next = others.find((each) => element.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING) ?? others.at(-1);
  (next?.querySelector(".open") ?? $("prompt")).focus();
}

// How it lies

const columns = () => getComputedStyle(gallery).gridTemplateColumns.split(" ").length;
const spacing = () => parseFloat(getComputedStyle(gallery).rowGap) || 0;

/** @returns {import("./stretch.js").Lie} */
function lie() {
  const [top, bottom] = [before.offsetHeight, behind.offsetHeight];
  return { count: list.length, from: first, to: Math.min(list.length, first + standing.length), top, bottom, block: Math.max(1, gallery.offsetHeight - top - bottom) };
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
function held(stays) {
  if (gallery.getBoundingClientRect().top >= 0) return null;
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
    if (list.length <= MOST) return;
    const now = lie();
    const [from, to] = stretch(now, columns(), -gallery.getBoundingClientRect().top, innerHeight);
    if (from !== now.from || to !== now.to) put(from, to, true);
  });
}
addEventListener("scroll", look, { passive: true });
addEventListener("resize", look, { passive: true });
