// Tables and tiles of the control room: kept from look to look, so that focus and a reader's place stay where they are.

import { h, say } from "../dom.js";
import { number, t } from "../words.js";

/**
 * Puts one element for each item into a place, those that are there already kept, in the items' order.
 * @template T
 * @param {Element} place @param {T[]} items @param {(item: T) => string} key
 * @param {(item: T) => any} make an element whose `fill` shows an item
 */
export function keyed(place, items, key, make) {
  /** @type {Map<string, any>} */
  const there = new Map([...place.children].map((each) => [/** @type {any} */ (each).dataset.key, each]));
  let at = place.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let element = there.get(name);
    if (!element) {
      element = make(item);
      element.dataset.key = name;
    }
    there.delete(name);
    element.fill(item);
    if (at && element === at) at = at.nextElementSibling;
    else place.insertBefore(element, at);
  }
  there.forEach((element) => element.remove());
}

/**
 * A table with a caption and columns; `show` fills it, or says that there is nothing.
 * @param {string} caption @param {string[]} columns @param {string} [none]
 * @param {boolean} [headed] a heading above it says the same
 */
export function table(caption, columns, none = "", headed = false) {
  const body = h("tbody");
  const made = h("table", {}, h("caption", { className: headed ? "unseen" : "" }, caption), h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))), body);
  const empty = h("p", { className: "soft" }, none);
  const scrolled = h("div", { className: "scrolled", tabIndex: 0, role: "group", "aria-label": caption }, made);
  const element = h("div", {}, scrolled, empty);
  /** @param {any[]} items @param {(item: any) => string} key @param {(item: any) => any} make */
  const show = (items, key, make) => {
    keyed(body, items, key, make);
    scrolled.hidden = !items.length && none !== "";
    empty.hidden = items.length > 0 || none === "";
  };
  return { element, show };
}

/** A row of texts, the first its head, that `tell` gives for each item; more cells may stand behind. */
export function row(tell, ...more) {
  /** @type {any[] | null} */
  let cells = null;
  const element = h("tr");
  element.fill = (item) => {
    const texts = tell(item);
    if (!cells) {
      cells = texts.map((text, place) => (place ? h("td", { className: text.length > 40 ? "long" : "" }) : h("th", { scope: "row" })));
      element.append(.../** @type {any[]} */ (cells), ...more.map((each) => h("td", {}, each)));
    }
    texts.forEach((text, place) => {
      const cell = /** @type {any[]} */ (cells)[place];
      if (typeof text === "string") return say(cell, text);
      if (cell.firstElementChild?.isEqualNode(text)) return;
      cell.replaceChildren(text);
    });
  };
  return element;
}

/** A person is asked first; true where they want it. @param {string} question @param {string} yes */
export function sure(question, yes) {
  return new Promise((resolve) => {
    const leave = h("button", { type: "button", onclick: () => dialog.close() }, t("sure.no"));
    const go = h("button", { type: "button", className: "primary", "data-act": "sure", onclick: () => dialog.close("yes") }, yes);
    const dialog = h("dialog", { className: "sure", "aria-label": question }, h("p", {}, question), h("div", { className: "tools" }, leave, go));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    leave.focus();
  });
}

/** @param {number} bytes */
export function size(bytes) {
  for (const [unit, of] of /** @type {[string, number][]} */ ([["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])) {
    if (bytes >= of) return `${number(bytes / of, bytes < 10 * of ? 1 : 0)} ${unit}`;
  }
  return `${number(bytes)} B`;
}

/** An id that fits a column: what its kind is goes without saying. @param {string} id */
export const brief = (id) => id.replace(/^video_/, "").slice(0, 8);
