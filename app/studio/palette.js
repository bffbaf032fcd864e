// The command palette: everything that can be done here, and every video, by a few letters. Ctrl+K or Cmd+K.

import { $, h } from "./dom.js";

const MOST = 12;
const dialog = $("palette");
/** @type {() => { label: string, run: () => void }[]} */
let commands = () => [];
/** @type {{ label: string, run: () => void }[]} */
let found = [];
let at = 0;

function show() {
  const words = $("palette-find").value.toLowerCase().split(/\s+/);
  found = commands().filter(({ label }) => words.every((word) => label.toLowerCase().includes(word))).slice(0, MOST);
  at = Math.min(at, Math.max(0, found.length - 1));
  const options = found.map(({ label }, index) =>
    h("li", { id: `command-${index}`, role: "option", "aria-selected": String(index === at), onclick: () => run(index) }, label),
  );
  $("palette-list").replaceChildren(...options);
  $("palette-none").hidden = found.length > 0;
  if (found.length) $("palette-find").setAttribute("aria-activedescendant", `command-${at}`);
  else $("palette-find").removeAttribute("aria-activedescendant");
  $(`command-${at}`)?.scrollIntoView({ block: "nearest" });
}

function run(index) {
  const chosen = found[index];
  dialog.close();
  chosen?.run(); // behind the close, which gives the focus back
}

export function openPalette() {
  if (dialog.open || $("key-dialog").open) return;
  $("palette-find").value = "";
  at = 0;
  dialog.showModal();
  show();
}

/** @param {() => { label: string, run: () => void }[]} offer what there is to do just now */
export function listenForCommands(offer) {
  commands = offer;
  $("commands").addEventListener("click", openPalette);
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    openPalette();
  });
  $("palette-find").addEventListener("input", () => {
    at = 0;
    show();
  });
  $("palette-find").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) at = (at + step + found.length) % Math.max(1, found.length);
    else if (event.key === "Enter") return void (event.preventDefault(), run(at));
    else return;
    event.preventDefault();
    show();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

