// Makes elements. Text from outside is only ever text: nothing here, or elsewhere on the page, takes markup.

import { ICONS } from "./icons.js";
import { t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} id @returns {any} the element of the page that is called so */
export const $ = (id) => document.getElementById(id);

/**
 * An element: `on…` are listeners, `data-…` and `aria-…` attributes, everything else properties.
 * @param {string} tag @param {Record<string, any>} [props] @param {...any} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for" || name === "list") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("viewBox", "0 0 24 24");
  drawn.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawn.append(path);
  return drawn;
}

/** A button with a drawing and a name that is read out, and shown unless `bare`. */
export function button(drawing, label, onclick, { bare = false, act = "", className = "" } = {}) {
  const words = bare ? { "aria-label": label, title: label } : {};
  return h("button", { type: "button", className, onclick, "data-act": act || null, ...words }, icon(drawing), bare ? null : h("span", {}, label));
}

/** Gives a bare button another drawing, and the name that it has in the words. @param {any} element @param {keyof typeof ICONS} name */
export function label(element, name) {
  element.replaceChildren(icon(name));
  element.title = t(name);
  element.setAttribute("aria-label", t(name));
}

/** Sets a text only where it is another one: a screen reader, and the layout, hear of nothing else. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** How far a bar is, 0 to 1. Drawn larger, not laid out anew. @param {any} bar @param {number} share */
export function fillBar(bar, share) {
  bar.firstElementChild.style.transform = `scaleX(${Math.min(1, Math.max(0, share)).toFixed(3)})`;
}

/** What a person who does not see the page is told: few things, and one at a time. */
export function announce(text) {
  say($("said"), text);
}

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls `work` once nothing has been asked for `ms` long. */
export function soon(work, ms) {
  let later = 0;
  return (...args) => {
    clearTimeout(later);
    later = window.setTimeout(() => work(...args), ms);
  };
}
