// The styles that a video may be made in: the server's own with a picture of each, those that suit the words first.

import { get } from "../api.js";
import { $, h, soon } from "../dom.js";
import { learn, styles, videos } from "../store.js";
import { t } from "../words.js";
import { fill, wishes } from "./form.js";

// Of which a picture ships, made by the built-in model: `python -m cluster.style_pictures`.
const PICTURED = ["cinematic", "commercial", "artistic", "educational", "social", "corporate"];
const SUITS = 0.15; // below, nothing in the prompt points to a style

/** @type {{ id: string, name: string, description: string }[]} */
let all = [];
/** @type {Map<string, string>} id -> why it suits the prompt */
let advised = new Map();

export async function pickStyles() {
  const chosen = $("style").value;
  all = (await get("v1/styles")).data;
  for (const { id, name, description, owner } of /** @type {Style[]} */ (all)) {
    styles.set(id, name);
    const text = owner === "other" ? t("style.shared", { name }) : name;
    [...$("style").options].find((each) => each.value === id)?.remove();
    $("style").append(Object.assign(new Option(text, id), { title: description }));
  }
  $("style").value = chosen;
  for (const video of videos.values()) learn(video);
  show();
}

const search = soon(async () => {
  const { prompt } = wishes();
  const advice = prompt ? ((await get(`v1/styles/recommend?limit=3&prompt=${encodeURIComponent(prompt.slice(0, 500))}`).catch(() => null))?.data ?? []) : [];
  advised = new Map(advice.filter(({ score }) => score >= SUITS).map(({ style, reason }) => [style.id, reason]));
  show();
}, 600);

/** Looks which styles suit the words, by meaning. */
export function advise() {
  show();
  search();
}

function show() {
  const chosen = $("style").value;
  const shown = all.filter(({ id }) => PICTURED.includes(id) || advised.has(id) || id === chosen);
  const rank = ({ id }) => (advised.has(id) ? [...advised.keys()].indexOf(id) : advised.size);
  const told = JSON.stringify([chosen, shown.map(({ id }) => id), [...advised]]);
  if ($("advice").dataset.told === told) return;
  $("advice").dataset.told = told;
  const focused = /** @type {any} */ (document.activeElement?.closest("#advice button"))?.dataset.style;
  $("advice").replaceChildren(...shown.sort((one, other) => rank(one) - rank(other)).map((style) => chip(style, chosen)));
  if (focused) $("advice").querySelector(`[data-style="${CSS.escape(focused)}"]`)?.focus();
}

function chip({ id, name, description }, chosen) {
  const is = id === chosen;
  const picture = PICTURED.includes(id) ? h("img", { src: `studio/styles/${id}.webp`, alt: "", width: 64, height: 64, loading: "lazy" }) : null;
  const words = [h("b", {}, name), advised.has(id) ? h("small", {}, t("style.fits")) : null];
  return h("button", { type: "button", className: "style", "data-style": id, title: advised.get(id) ?? description, "aria-pressed": String(is), onclick: () => fill({ style: is ? "" : id }) }, picture, h("span", {}, words));
}
