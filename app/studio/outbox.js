// Requests for videos on their way: each has a name of its own (Idempotency-Key), so that one that was perhaps heard can
// be sent again, by this page or after a reload, and makes no second job.

import { lasting, post, Refusal } from "./api.js";

const NAME = "kinoray-unsent";
/** @type {{ key: string, path?: string, body: object }[]} */
let unsent = [];
let changed = () => {};

const keep = () => {
  try {
    window.sessionStorage.setItem(NAME, JSON.stringify(unsent));
  } catch {
    // a picture too large, or a browser that keeps nothing: it lives as long as the page
  }
  changed();
};

// crypto.randomUUID is there only behind TLS or on localhost.
const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Not the server's own word: nobody answered, or what stands before it, a 5xx without a code of ours. @param {any} error */
export const unheard = (error) => !(error instanceof Refusal) || (error.status >= 500 && !error.code);

export const waiting = () => unsent.length;

/**
 * Asks for a video until the server has answered. Raises Refusal where it says no.
 * @param {object} body @param {string} [path] @returns {Promise<Video>}
 */
export function send(body, path = "v1/videos") {
  const letter = { key: fresh(), path, body };
  unsent.push(letter);
  keep();
  return deliver(letter);
}

async function deliver(letter) {
  try {
    return await lasting(() => post(letter.path ?? "v1/videos", letter.body, { "idempotency-key": letter.key }), unheard, () => changed());
  } finally {
    unsent = unsent.filter((each) => each !== letter);
    keep();
  }
}

/** Goes on with what a page before this one in the tab left unsent. @param {() => void} onchange */
export function resume(onchange) {
  changed = onchange;
  try {
    unsent = JSON.parse(window.sessionStorage.getItem(NAME) ?? "[]");
  } catch {
    unsent = [];
  }
  return unsent.map(deliver);
}
