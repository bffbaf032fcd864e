// A tile of the strip under a pointer: it follows, the others make room, Escape puts it back.

import { still } from "../motion.js";

const FAR = 6; // pixels that a press may move and be a click
const EDGE = 48; // pixels from an end, within which the strip scrolls
const SLIDE_MS = 160;

/** @param {any} list of tiles with `data-key` @param {() => void} dropped once they are in another order */
export function dragging(list, dropped) {
  list.addEventListener("pointerdown", (event) => {
    const tile = event.target.closest("[data-key]");
    const grip = event.target.closest('[data-act="move"]');
    if (!tile || event.button || (!grip && (event.pointerType !== "mouse" || !event.target.closest(".frame")))) return;
    follow(list, tile, event, dropped);
  });
}

function follow(list, tile, down, dropped) {
  const behind = tile.nextElementSibling;
  const grabbed = down.clientX - tile.getBoundingClientRect().left;
  const focused = document.activeElement;
  let lifted = false;
  const lift = () => {
    lifted = true;
    tile.classList.add("lifted");
    list.classList.add("dragging");
  };
  const move = (event) => {
    if (event.pointerId !== down.pointerId) return;
    if (!lifted && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < FAR) return;
    if (!lifted) lift();
    event.preventDefault();
    scroll(list, event.clientX);
    place(list, tile, event.clientX);
    tile.style.translate = "";
    tile.style.translate = `${event.clientX - grabbed - tile.getBoundingClientRect().left}px`;
  };
  const end = (keep) => {
    for (const [name, listener] of /** @type {const} */ ([["pointermove", move], ["pointerup", up], ["pointercancel", cancelled], ["keydown", escape]])) removeEventListener(name, /** @type {any} */ (listener), true);
    if (!lifted) return;
    if (!keep) list.insertBefore(tile, behind);
    tile.style.translate = "";
    tile.classList.remove("lifted");
    list.classList.remove("dragging");
    addEventListener("click", swallow, { capture: true, once: true }); // it was no click
    setTimeout(() => removeEventListener("click", swallow, true));
    if (focused instanceof HTMLElement && list.contains(focused)) focused.focus({ preventScroll: true });
    if (keep) dropped();
  };
  const up = (event) => event.pointerId === down.pointerId && end(true);
  const cancelled = () => end(false);
  const escape = (event) => event.key === "Escape" && end(false);
  for (const [name, listener] of /** @type {const} */ ([["pointermove", move], ["pointerup", up], ["pointercancel", cancelled], ["keydown", escape]])) addEventListener(name, /** @type {any} */ (listener), true);
}

const swallow = (event) => {
  event.preventDefault();
  event.stopPropagation();
};

function scroll(list, x) {
  const { left, right } = list.getBoundingClientRect();
  if (x < left + EDGE) list.scrollLeft -= 14;
  else if (x > right - EDGE) list.scrollLeft += 14;
}

// Before the first tile whose middle is behind the pointer.
function place(list, tile, x) {
  const others = [...list.querySelectorAll("[data-key]")].filter((each) => each !== tile);
  const next = others.find((each) => x < each.getBoundingClientRect().left + each.offsetWidth / 2) ?? list.querySelector(".more");
  if (next === tile.nextElementSibling) return;
  const before = new Map(others.map((each) => [each, each.offsetLeft]));
  list.insertBefore(tile, next);
  if (still()) return;
  for (const [each, left] of before) {
    const way = left - each.offsetLeft;
    if (way) each.animate([{ translate: `${way}px` }, { translate: "0" }], { duration: SLIDE_MS, easing: "ease-out" });
  }
}
