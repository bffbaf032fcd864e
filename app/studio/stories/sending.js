// A film on its way to the server: its request has a name of its own (Idempotency-Key) that is kept with the draft, so
// that it is sent again after a reload or once the server is back, and makes no second film.

import { lasting, post } from "../api.js";
import { unheard } from "../outbox.js";
import { allDrafts, body, draftOf, forgetDraft, fresh, keep } from "./drafts.js";
import { change, learn } from "./films.js";

/** @type {Map<string, Promise<Film>>} */
const under = new Map(); // by draft

export const isSending = (id) => under.has(id) || Boolean(draftOf(id)?.sending);

/** Has the film made. Raises Refusal where the server says no. @param {Draft} draft @param {object} [wish] @returns {Promise<Film>} */
export function send(draft, wish = body(draft)) {
  const found = under.get(draft.id);
  if (found) return found;
  const sending = draft.sending ?? { key: fresh(), body: wish };
  keep({ ...draft, sending });
  const way = deliver(draft.id, sending).finally(() => under.delete(draft.id));
  under.set(draft.id, way);
  return way;
}

async function deliver(id, { key, body }) {
  try {
    const film = learn(await lasting(() => post("v1/storyboards", body, { "idempotency-key": key }), unheard));
    forgetDraft(id);
    return film;
  } catch (error) {
    const draft = draftOf(id);
    if (draft) keep({ ...draft, sending: null }); // the server's own word: it is a draft again
    throw error;
  }
}

/** Goes on with what a page before this one left unsent. @returns {{ id: string, way: Promise<Film> }[]} */
export const resume = () => allDrafts().filter(({ sending }) => sending).map((draft) => ({ id: draft.id, way: send(draft) }));

/**
 * Makes the scenes that are other, one after another, each from the revision that the one before made.
 * @param {Film} film @param {{ number: number, body: object }[]} scenes @returns {Promise<Film>}
 */
export async function apply(film, scenes) {
  let now = film;
  for (const { number, body: wanted } of scenes) now = await change(film.id, number, wanted, now.revision);
  return now;
}
