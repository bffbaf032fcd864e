// Asks the server. Where it wants a key, the person is asked once, and all that waits for one goes on with it.

import { $, sleep } from "./dom.js";
import { t } from "./words.js";

const NAME = "kinoray-key";
const AGAIN_MS = 2000;
const LATER = new Set([500, 502, 503, 504, 429]); // said of a server that is not there yet, or has too much to do
const kept = (() => {
  try {
    localStorage.removeItem(NAME); // where an earlier version of this page left it, for ever
    return window.sessionStorage; // of this tab, until it is closed
  } catch {
    return null; // where the browser keeps nothing, the key lives as long as the page
  }
})();
let given = { key: kept?.getItem(NAME) ?? null };
/** @type {{ promise: Promise<void>, resolve: () => void } | null} */
let asking = null; // while the person is asked

/** What the server said no with. */
export class Refusal extends Error {
  /** @param {string} message @param {number} status @param {{ param?: string | null, code?: string | null }} [problem] */
  constructor(message, status, { param = null, code = null } = {}) {
    super(message);
    this.status = status;
    this.param = param; // the field at fault
    this.code = code;
  }
}

/**
 * Asks, for as long as it takes to have a key. Raises Refusal, and what `fetch` raises where nobody answers.
 * @param {string} path
 * @param {Omit<RequestInit, "signal"> & { signal?: () => AbortSignal }} [options] `signal` makes the signal of each try,
 *   since one try may wait long for a key
 */
export async function call(path, { signal, ...options } = {}) {
  for (;;) {
    const used = given;
    const headers = { ...options.headers, ...(used.key ? { authorization: `Bearer ${used.key}` } : {}) };
    const answer = await fetch(path, { ...options, headers, signal: signal?.() });
    if (answer.status !== 401) {
      if (used.key && used === given) accepted();
      if (answer.ok) return answer;
      throw await refusal(answer);
    }
    await another(used);
  }
}

/** Whether it may go well a little later: nobody answered, or the server says so. */
export const passes = (error) => !(error instanceof Refusal) || LATER.has(error.status);

/**
 * Does it again and again until there is an answer. Raises what it raises where that does not pass.
 * @template T
 * @param {() => Promise<T>} work @param {(error: any) => boolean} [again] whether that passes @param {() => void} [waits] told before each pause
 */
export async function lasting(work, again = passes, waits = () => {}) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!again(error)) throw error;
      waits();
      await sleep(AGAIN_MS);
    }
  }
}

/** @param {string} path @returns {Promise<any>} */
export const get = async (path) => (await call(path)).json();

/** @param {string} path @param {object} body @param {Record<string, string>} [headers] @returns {Promise<any>} */
export const post = async (path, body, headers = {}) =>
  (await call(path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) })).json();

/** @param {string} path @param {object} body @returns {Promise<any>} */
export const patch = async (path, body) =>
  (await call(path, { method: "PATCH", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();

async function refusal(answer) {
  const problem = (await answer.json().catch(() => ({}))).error ?? { message: t("answered", { status: answer.status }) };
  const again = answer.headers.get("retry-after");
  return new Refusal(again ? `${problem.message} ${t("again.in", { s: again })}` : problem.message, answer.status, problem);
}

function accepted() {
  kept?.setItem(NAME, given.key ?? "");
  if ($("key-dialog").open) $("key-dialog").close();
  $("key-text").value = "";
}

export const key = () => given.key;
let rekeyed = () => {};
/** Calls `listener` whenever there is another key. @param {() => void} listener */
export const onKey = (listener) => void (rekeyed = listener);

/** Goes on without a key, or with another one. */
export function forget() {
  kept?.removeItem(NAME);
  location.reload();
}

// Settles once there is another key than the one that was refused, however many ask for it.
function another(refused) {
  if (refused !== given) return Promise.resolve();
  if (!asking) {
    /** @type {() => void} */
    let resolve = () => {};
    asking = { promise: new Promise((settle) => (resolve = settle)), resolve: () => resolve() };
    kept?.removeItem(NAME);
    $("key-trouble").textContent = refused.key ? t("key.refused") : "";
    if (!$("key-dialog").open) $("key-dialog").showModal();
    $("key-text").focus();
    $("key-text").select();
  }
  return asking.promise;
}

$("key-dialog").addEventListener("cancel", (event) => event.preventDefault()); // there is nothing to see without one
$("key-dialog").addEventListener("close", () => asking && $("key-dialog").showModal()); // a second Escape closes it all the same
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("key-text").value.trim();
  if (!/^[!-~]+$/.test(text)) return void ($("key-trouble").textContent = t("key.form"));
  $("key-trouble").textContent = "";
  given = { key: text };
  rekeyed(); // before anything that has waited goes on
  const resolve = asking?.resolve;
  asking = null;
  resolve?.();
});
