// The rooms of the page beside the first one, each loaded when its address (#/NAME) is first opened.

import { $, h } from "./dom.js";
import { onEvent } from "./store.js";
import { t } from "./words.js";

/**
 * What a room exports. `open` is called each time its address is opened, with the rest of the address after `#/NAME/`,
 * `close` when the person goes elsewhere.
 * @typedef {{ open: (place: HTMLElement, rest: string) => void | Promise<void>, close?: () => void }} View
 */

/** @type {Record<string, () => Promise<View>>} name, as in the address -> its module */
const VIEWS = { stories: () => import("./stories/view.js"), control: () => import("./control/view.js") };

/** @type {{ name: string, view: View } | null} */
let shown = null;
let failed = false; // the room that the address names could not be opened

/** Shows the room that the address names, or the first one. */
export async function showView() {
  failed = false;
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
  const here = () => location.hash.split("/")[1] === name; // else somebody went on meanwhile
  try {
    const view = await load();
    if (!here()) return;
    shown = { name, view };
    await view.open($("view"), rest.join("/"));
  } catch (error) {
    if (!here()) return;
    shown?.view.close?.();
    shown = null;
    failed = true;
    $("view").replaceChildren(h("p", { className: "soft refused", role: "alert" }, error.message));
  }
}

/** Links to the rooms, and the room that the address names from now on. */
export function listenForViews() {
  const names = Object.keys(VIEWS);
  $("views").hidden = !names.length;
  $("views").append(...["", ...names].map((name) => h("a", { href: `#/${name}`, hidden: name === "control" }, t(`view.${name || "first"}`))));
  addEventListener("hashchange", showView);
  onEvent(({ kind }) => kind === "ready" && failed && showView()); // the server was away
  return showView();
}

/** The link to the control room is there for operators alone. @param {boolean} is */
export function operates(is) {
  for (const link of $("views").children) if (link.getAttribute("href") === "#/control") link.hidden = !is;
}

/** A style sheet of a room that is loaded late, once it is there. @param {string} path */
export const sheet = (path) =>
  new Promise((resolve) => document.head.append(h("link", { rel: "stylesheet", href: path, onload: () => resolve(undefined), onerror: () => resolve(undefined) })));
