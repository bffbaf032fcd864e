// What a person does to a video, from a card, the stage, the details or the palette: each asks the server and says so.

import { call, patch, post } from "./api.js";
import { remix } from "./ask/form.js";
import { $, announce, button, h } from "./dom.js";
import { send } from "./outbox.js";
import { title } from "./sentences.js";
import { drop, file, learn, videos } from "./store.js";
import { t } from "./words.js";

const UNDO_MS = 6000;
/** @type {Map<string, { timer: number, gone: () => void }>} */
export const leaving = new Map(); // id -> about to be deleted: hidden, and still there
/** @type {(() => void)[]} */
const listeners = [];
export const onLeaving = (listener) => void listeners.push(listener);

/** Does it, and says what was in the way. @param {() => unknown} work */
export async function trouble(work) {
  $("trouble").textContent = "";
  try {
    await work();
  } catch (error) {
    $("trouble").textContent = error.message;
  }
}

/** Has a video made; the stream may be quicker than the answer, and knows more. @param {object} wanted @param {string} [path] */
export async function make(wanted, path) {
  const video = await send(wanted, path);
  if (!videos.has(video.id)) learn(video);
  return video;
}

// The same again with a fresh seed, and with all else that it was asked for with, whatever the form says now.
const onceMore = (video) => {
  const { id, prompt, priority, optimization } = video;
  return make({ prompt: optimization.written_prompt ?? prompt, seed: -1, priority, preview: true }, `v1/videos/${id}/remix`);
};

/** @param {Video} video */
export async function save(video) {
  h("a", { href: await file(video.id), download: `${named(video)}.mp4` }).click();
}

const named = (video) => title(video).toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60) || video.id;

/** Saves what the server makes only when it is asked for. @param {string} path @param {string} name */
export async function download(path, name) {
  const address = URL.createObjectURL(await (await call(path)).blob());
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), UNDO_MS);
}

/** What a video is kept by, on the server. @param {Video} video @param {object} marks */
export const mark = async ({ id }, marks) => learn(await patch(`v1/videos/${id}`, marks));

/** Hides it now and deletes it a while later, unless that is undone. @param {Video} video */
export function remove(video) {
  if (leaving.has(video.id)) return;
  const { id } = video;
  const gone = () => call(`v1/videos/${id}`, { method: "DELETE", keepalive: true }).then(() => drop(id));
  const timer = window.setTimeout(() => finish(id), UNDO_MS);
  leaving.set(id, { timer, gone });
  offer(video);
  listeners.forEach((listener) => listener());
}

function offer(video) {
  const undo = button("repeat", t("undo"), () => stay(video.id));
  $("toasts").replaceChildren(h("p", { className: "toast" }, t("deleted", { prompt: title(video) }), undo));
}

function finish(id) {
  const found = leaving.get(id);
  if (!found) return;
  clearTimeout(found.timer);
  $("toasts").replaceChildren();
  trouble(found.gone).finally(() => {
    leaving.delete(id);
    listeners.forEach((listener) => listener());
  });
}

function stay(id) {
  clearTimeout(leaving.get(id)?.timer);
  leaving.delete(id);
  $("toasts").replaceChildren();
  listeners.forEach((listener) => listener());
}

addEventListener("pagehide", () => [...leaving.keys()].forEach(finish)); // who leaves has not undone it

/** Makes a video that has not ended more or less urgent. @param {Video} video @param {string} priority */
export const hurry = ({ id }, priority) => trouble(async () => learn(await patch(`v1/videos/${id}`, { priority })));

/** @param {Video} video @param {number} score @param {string[]} [reasons] */
export async function rate(video, score, reasons = []) {
  const { id } = video;
  await post(`v1/videos/${id}/feedback`, { score, reasons });
  learn({ ...(videos.get(id) ?? video), rating: score });
  announce(t("thanks"));
}

/** @param {string} what @param {Video} video */
export function act(what, video) {
  const id = video.id;
  if (what === "remix") return trouble(() => remix(video));
  if (what === "delete") return remove(video);
  if (what === "details") return void (location.hash = `#/video/${id}`);
  return trouble(async () => {
    if (what === "good" || what === "bad") return rate(video, what === "good" ? 4 : 2); // 4: right as it is
    if (what === "favourite") await mark(video, { favourite: !video.favourite });
    if (what === "gif" || what === "webp") await download(`v1/videos/${id}/content?variant=${what}`, `${named(video)}.${what}`);
    if (what === "four") await Promise.all([1, 2, 3, 4].map(() => onceMore(video)));
    if (what === "cancel") learn(await post(`v1/videos/${id}/cancel`, {}));
    if (what === "again") await onceMore(video);
    if (what === "save") await save(video);
  });
}
