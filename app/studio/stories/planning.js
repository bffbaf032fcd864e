// What a film would be and take, by the server's own plan, and where it says no: at the field that it names.

import { post } from "../api.js";
import { body } from "./drafts.js";

const PLACE = /^scenes\[(\d+)\](?:\.(\w+).*)?$/;

/** @typedef {{ scene: number | null, field: string, message: string }} Trouble `scene`: its place from 0; null: the film's */

/**
 * The plan of the scenes that show something; `at` are their places from 0.
 * @param {Draft} draft @returns {Promise<{ plan: FilmPlan | null, at: number[], trouble: Trouble | null }>}
 */
export async function planned(draft) {
  const at = draft.scenes.flatMap((each, place) => (each.prompt.trim() ? [place] : []));
  if (!at.length) return { plan: null, at, trouble: null };
  try {
    return { plan: await post("v1/storyboards/analyze", body(draft, at.map((place) => draft.scenes[place]))), at, trouble: null };
  } catch (error) {
    return { plan: null, at, trouble: troubleOf(error, at) };
  }
}

/** Where the server's word belongs. @param {any} error @param {number[]} [at] places of the scenes that were sent @returns {Trouble} */
export function troubleOf(error, at) {
  const [, place, field] = PLACE.exec(error.param ?? "") ?? [];
  if (place != null) return { scene: at ? (at[Number(place)] ?? null) : Number(place), field: field ?? "prompt", message: error.message };
  return { scene: null, field: error.param ?? "", message: error.message };
}
