// The words that decided, marked under the text while it is typed: a layer of the same letters behind the field.

import { $, h } from "../dom.js";

const COUNTED = /^\d+ \w+$/; // "12 words" is no word of the prompt
const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Where each of the words stands in a text: [from, to, kind], in order, not overlapping. */
export function places(text, words) {
  /** @type {[number, number, string][]} */
  const found = [];
  for (const [word, kind] of words) {
    const pattern = new RegExp(`(?<![\\p{L}\\p{N}])${escape(word)}(?![\\p{L}\\p{N}])`, "giu");
    for (const hit of text.matchAll(pattern)) found.push([hit.index, hit.index + hit[0].length, kind]);
  }
  found.sort((one, other) => one[0] - other[0] || other[1] - one[1]);
  let reached = 0;
  return found.filter(([from, to]) => from >= reached && (reached = to));
}

/** @param {string} text @param {Analysis | null} found */
export function marked(text, found) {
  const words = [
    ...(found?.understood?.unknown ?? []).map((word) => [word, "unknown"]),
    ...(found?.factors ?? []).filter((each) => each.score).flatMap((each) => each.found.filter((word) => !COUNTED.test(word)).map((word) => [word, "factor"])),
  ];
  const parts = [];
  let reached = 0;
  for (const [from, to, kind] of places(text, words.filter(([word]) => word))) {
    parts.push(text.slice(reached, from), h("mark", { className: kind }, text.slice(from, to)));
    reached = to;
  }
  $("marks").replaceChildren(...parts, `${text.slice(reached)} `); // a last empty line has a height, too
}
