// Two or more panels in one place, one of them open: with a tab each, by pointer and by arrow keys.

import { h, say } from "../dom.js";

/** @param {string} name @param {[string, any][]} panels each with its tab's text */
export function tabs(name, panels) {
  const ids = panels.map((_, at) => `film-tab-${at}`);
  const buttons = panels.map(([text], at) => h("button", { type: "button", role: "tab", id: ids[at], "aria-controls": `${ids[at]}-panel`, onclick: () => pick(at) }, text));
  const rooms = panels.map(([, panel], at) => h("div", { role: "tabpanel", id: `${ids[at]}-panel`, "aria-labelledby": ids[at] }, panel));
  const list = h("div", { className: "tabs", role: "tablist", "aria-label": name }, buttons);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const at = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    pick(at);
    buttons[at].focus();
  });
  function pick(at) {
    buttons.forEach((each, place) => {
      each.setAttribute("aria-selected", String(place === at));
      each.tabIndex = place === at ? 0 : -1;
      rooms[place].hidden = place !== at;
    });
  }
  pick(0);
  return { element: h("div", { className: "tabbed" }, list, rooms), pick, rename: (at, text) => say(buttons[at], text) };
}
