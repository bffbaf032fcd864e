// What is other than in the film on record, and which scenes would be made again for that: pure.

import { pictures } from "./drafts.js";

const OF_ALL = ["model", "size", "fps", "negative_prompt"];
const OWN = ["style", "tier", "seed"]; // of scenes that say none of their own
const SPOKEN = ["voice", "language", "speed"];
const OF_FILM = ["title", "captions", "transition", "transition_seconds", "fit", "music_level"];
const FIELDS = ["prompt", "title", "narration", "caption", "seconds", "style", "tier", "seed", "transition", "fit"];
const CLIP = ["prompt", "style", "tier", "seed"];

const trimmed = (value) => (typeof value === "string" ? value.trim() : value);
const other = (a, b, name) => trimmed(a[name]) !== trimmed(b[name]);
const pictured = (each) => pictures(each).map(({ role, kept, upload }) => `${role} ${kept ? "kept" : upload}`).join();

/** The fields of a scene that are other. @param {DraftScene} now @param {DraftScene} before */
export function changedFields(now, before) {
  const found = FIELDS.filter((name) => other(now, before, name));
  return pictured(now) === pictured(before) ? found : [...found, "image"];
}

// Whether its clip is another one; its length follows from the voice where none is given.
const clipChanges = (fields, now) =>
  fields.includes("image") || fields.includes("seconds") || CLIP.some((name) => fields.includes(name)) || (fields.includes("narration") && !trimmed(now.seconds));

const touched = (now, wide) =>
  OF_ALL.some((name) => wide.includes(name)) ||
  OWN.some((name) => wide.includes(name) && !trimmed(now[name])) ||
  (SPOKEN.some((name) => wide.includes(name)) && Boolean(trimmed(now.narration)) && !trimmed(now.seconds)) ||
  (wide.includes("fit") && !now.fit);

/**
 * What a person has changed of a film. `patch`: each scene by its number, where scenes alone are other; null where the
 * film has to be made as another one. `again`: places of scenes, from 0, whose clips are made.
 * @param {Draft} now @param {Draft} before as the film on record asks for
 * @returns {{ any: boolean, patch: { number: number, fields: string[] }[] | null, wide: string[], again: number[] }}
 */
export function changes(now, before) {
  const wide = [...OF_ALL, ...OWN, ...SPOKEN, ...OF_FILM].filter((name) => other(now.film, before.film, name));
  const same = now.scenes.length === before.scenes.length && now.scenes.every((each, at) => each.from === at + 1);
  /** @type {{ number: number, fields: string[] }[]} */
  const scenes = [];
  const again = [];
  now.scenes.forEach((each, at) => {
    const was = each.from == null ? null : before.scenes[each.from - 1];
    const fields = was ? changedFields(each, was) : [];
    if (was && fields.length) scenes.push({ number: /** @type {number} */ (each.from), fields });
    if (!was || clipChanges(fields, each) || touched(each, wide)) again.push(at);
  });
  return { any: !same || wide.length > 0 || scenes.length > 0, patch: same && !wide.length ? scenes : null, wide, again };
}
