// The rooms of the page beside the first one, each loaded when its address (#/NAME) is first opened.

import { $, h } from "./dom.js";
import { t } from "./words.js";

/**
 * What a room exports. `open` is called each time its address is opened, with the rest of the address after `#/NAME/`,
 * `close` when the person goes elsewhere.
 * @typedef {{ open: (place: HTMLElement, rest: string) => void | Promise<void>, close?: () => void }} View
 */

/** @type {Record<string, () => Promise<View>>} name, as in the address -> its module */
const VIEWS = { control: () => import("./control/view.js") };

/** @type {{ name: string, view: View } | null} */
let shown = null;

/** Shows the room that the address names, or the first one. */
export async function showView() {
  const [, name = "", ...rest] = location.hash.split("/");
  const load = Object.hasOwn(VIEWS, name) ? VIEWS[name] : null;
  if (shown && shown.name !== name) {
    shown.view.close?.();
    shown = null;
  }
  $("first").hidden = load !== null;
  $("view").hidden = load === null;
  for (const link of $("views").children) {
    if (link.getAttribute("href") === (load ? `#/${name}` : "#/")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!load) return;
  if (!shown) $("view").replaceChildren(h("p", { className: "soft" }, t("view.loads")));
  const view = await load();
  if (location.hash.split("/")[1] !== name) return; // somebody went on meanwhile
  shown = { name, view };
  await view.open($("view"), rest.join("/"));
}

/** Links to the rooms, and the room that the address names from now on. */
export function listenForViews() {
  const names = Object.keys(VIEWS);
  $("views").hidden = !names.length;
  $("views").append(...["", ...names].map((name) => h("a", { href: `#/${name}`, hidden: name === "control" }, t(`view.${name || "first"}`))));
  addEventListener("hashchange", showView);
  return showView();
}

/** The link to the control room is there for operators alone. @param {boolean} is */
export function operates(is) {
  for (const link of $("views").children) if (link.getAttribute("href") === "#/control") link.hidden = !is;
}

/** A style sheet of a room that is loaded late, once it is there. @param {string} path */
export const sheet = (path) =>
  new Promise((resolve) => document.head.append(h("link", { rel: "stylesheet", href: path, onload: () => resolve(undefined), onerror: () => resolve(undefined) })));
