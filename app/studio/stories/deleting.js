// A film that is deleted is hidden at once and gone a while later, unless that is undone. So is a draft.

import { call } from "../api.js";
import { $, button, h } from "../dom.js";
import { t } from "../words.js";
import { draftOf, forgetDraft, isDraft, keep } from "./drafts.js";
import { drop, place } from "./films.js";

const UNDO_MS = 6000;
/** @type {Map<string, number>} */
const leaving = new Map(); // id -> its timer
let changed = () => {};

/** @param {() => void} listener */
export const onLeaving = (listener) => void (changed = listener);
export const isLeaving = (id) => leaving.has(id);

/** A word about what was done, which can be taken back for a while. @param {string} text @param {() => void} back */
export function undoable(text, back) {
  const undo = button("repeat", t("undo"), () => ($("toasts").replaceChildren(), back()));
  const toast = h("p", { className: "toast" }, text, undo);
  $("toasts").replaceChildren(toast);
  setTimeout(() => toast.remove(), UNDO_MS);
}

/** @param {string} id @param {string} title @param {(error: Error) => void} refused */
export function remove(id, title, refused) {
  const draft = draftOf(id);
  if (isDraft(id)) {
    forgetDraft(id);
    return undoable(t("film.deleted", { title }), () => draft && (keep(draft), changed()));
  }
  leaving.set(id, window.setTimeout(() => gone(id, refused), UNDO_MS));
  changed();
  return undoable(t("film.deleted", { title }), () => {
    clearTimeout(leaving.get(id));
    leaving.delete(id);
    changed();
  });
}

async function gone(id, refused) {
  clearTimeout(leaving.get(id));
  try {
    await call(place(id), { method: "DELETE", keepalive: true });
    forgetDraft(id);
    drop(id);
  } catch (error) {
    if (error.status === 404) drop(id);
    else refused(error);
  } finally {
    leaving.delete(id);
    changed();
  }
}

addEventListener("pagehide", () => [...leaving.keys()].forEach((id) => gone(id, () => {}))); // who leaves has not undone it
