// What is known of the videos: the stream's events and the server's answers come in, whoever shows one is told.

import { call, get, lasting } from "./api.js";

/** @type {Map<string, Video>} */
export const videos = new Map();
/** @type {Map<string, { image: string, step: number, total_steps: number }>} */
export const previews = new Map();
/** @type {Map<string, string>} */
export const styles = new Map(); // id -> name
/** @type {((what: "shown" | "dropped" | "preview" | "ended", video: Video) => void)[]} */
const listeners = [];

export const watch = (listener) => void listeners.push(listener);
const tell = (what, video) => listeners.forEach((listener) => listener(what, video));

/** @param {Video} video */
export const ended = (video) => video.status === "completed" || video.status === "failed";

/** Takes in a video as the server has it. @param {Video} video @returns {Video} as it is known now */
export function learn(video) {
  const before = videos.get(video.id);
  if (before && ended(before) && !ended(video)) return before; // an answer that was long on its way
  const now = { ...video, heard: performance.now() };
  videos.set(video.id, now);
  if (ended(video)) previews.delete(video.id);
  tell("shown", now);
  if (before && !ended(before) && ended(video)) tell("ended", now);
  return now;
}

export function drop(id) {
  const video = videos.get(id);
  videos.delete(id);
  previews.delete(id);
  if (video) tell("dropped", video);
}

/** The video as the server has it, as soon as it can say; where it will not say, it stays as it is known. @param {string} id */
export async function refresh(id) {
  try {
    const video = await lasting(async () => (videos.has(id) ? get(`v1/videos/${id}`) : null));
    if (video) learn(video);
  } catch (error) {
    if (error.status === 404) drop(id);
  }
}

/** An event of the stream, of a video that is known. */
export function happened(kind, data) {
  const video = videos.get(data.video_id);
  if (!video) return;
  if (kind === "end" && data.status === "deleted") return drop(video.id);
  if (ended(video)) return; // told again after a reconnect
  if (kind === "end" || kind === "priority") return void refresh(video.id);
  if (kind === "preview") {
    previews.set(video.id, data);
    return tell("preview", video);
  }
  if (kind === "draft") video.draft = { ...video.draft, url: data.variant, after_s: data.after_s, verdict: "pending" };
  if (kind === "refine") video.draft = { ...video.draft, verdict: data.verdict, from_step: data.from_step, steps_saved: data.steps_saved };
  if (kind === "phase") Object.assign(video, { phase: data.phase, ...(data.phase === "queued" ? { step: 0, progress: 0 } : {}) });
  if (kind === "queue") Object.assign(video, { queue_position: data.position, queue_reason: data.reason ?? video.queue_reason, eta_s: data.eta_s });
  if (kind === "step") {
    const { step, total_steps: total, eta_s: eta } = data;
    Object.assign(video, { step, total_steps: total, eta_s: eta, phase: "denoising", progress: Math.min(99, (100 * step) / total) });
  }
  video.heard = performance.now();
  tell("shown", video);
}

/** @type {Map<string, Promise<string>>} */
const files = new Map(); // id, or id/variant -> its address in this page, of the newest few dozen
const MOST_FILES = 60;

/** The video's file as an address: not by the server's, since a <video> sends no key. @param {string} id @param {string} [variant] */
export function file(id, variant = "") {
  const name = variant ? `${id}/${variant}` : id;
  const found = files.get(name) ?? call(`v1/videos/${id}/content${variant && `?variant=${variant}`}`).then(async (answer) => URL.createObjectURL(await answer.blob()));
  files.delete(name);
  files.set(name, found);
  found.catch(() => files.delete(name)); // the next look at it tries again
  for (const [other, address] of [...files].slice(0, Math.max(0, files.size - MOST_FILES))) {
    if (document.querySelector(`video[data-of="${other.split("/")[0]}"]`)) continue; // it is looked at
    files.delete(other);
    address.then((text) => URL.revokeObjectURL(text)).catch(() => {});
  }
  return found;
}

/** @type {Set<(event: { kind: string, data: any }) => void>} */
const hearers = new Set();

/** Told of each event of the page's stream, also of what is no video. @param {(event: { kind: string, data: any }) => void} hearer */
export const onEvent = (hearer) => void hearers.add(hearer);
/** @param {{ kind: string, data: any }} event */
export const heard = (event) => hearers.forEach((hearer) => hearer(event));

/** The seconds that are left now, by what was heard last. @param {Video} video */
export const left = (video) =>
  video.eta_s == null ? null : Math.max(0, video.eta_s - (performance.now() - (video.heard ?? performance.now())) / 1000);
