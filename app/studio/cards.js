// The gallery: a card for each video, in the order in which they were asked for. Text from outside is only ever text.

import { call } from "./api.js";
import { move } from "./motion.js";

const PICTURE = /^data:image\/webp;base64,[A-Za-z0-9+/]+={0,2}$/; // nothing else becomes an image's address
const BLUR_PX = 10; // of a preview after no step at all
const gallery = document.getElementById("gallery");
const template = document.getElementById("card").content.firstElementChild;
export const cards = new Map(); // id -> { element, video }
export const styles = new Map(); // id -> name

export const ended = (video) => video.status === "completed" || video.status === "failed";
export const seconds = (value) => (value < 1 ? "less than a second" : `about ${Math.round(value)} s`);

// Shows a video as it is now; a new one gets a card, `fresh` before others of the same second.
export function card(video, fresh = false) {
  let found = cards.get(video.id);
  if (!found) {
    const element = template.cloneNode(true);
    element.dataset.id = video.id;
    found = { element, video };
    const later = [...gallery.children].find((other) => {
      const { created_at: at } = cards.get(other.dataset.id).video;
      return fresh ? at <= video.created_at : at < video.created_at;
    });
    cards.set(video.id, found);
    gallery.insertBefore(element, later ?? null);
    const screen = element.querySelector("video");
    for (const change of ["play", "pause"]) screen.addEventListener(change, () => labelPlay(element));
  }
  if (ended(found.video) && !ended(video)) return found; // an answer that was long on its way
  found.video = video;
  show(found);
  return found;
}

export function drop(id) {
  const found = cards.get(id);
  if (!found) return;
  cards.delete(id);
  URL.revokeObjectURL(found.element.querySelector("video").src);
  found.element.remove();
}

// Keeps a page that is left open from growing without end: the oldest that have ended leave; the id of the last that stays.
export function trim(most) {
  const before = cards.size;
  while (cards.size > most && ended(cards.get(gallery.lastElementChild.dataset.id).video)) drop(gallery.lastElementChild.dataset.id);
  return cards.size < before ? gallery.lastElementChild.dataset.id : null;
}

export function show({ element, video }) {
  const part = (name) => element.querySelector(`.${name}`);
  const over = ended(video);
  element.classList.toggle("failed", video.status === "failed");
  part("prompt").textContent = video.optimization.written_prompt ?? video.prompt;
  part("prompt").title = video.prompt;
  part("state").textContent = sentence(video);
  part("bar").firstElementChild.style.width = `${video.progress}%`;
  part("bar").hidden = over;
  if (video.status === "failed") part("glimpse").hidden = true;
  element.querySelector('[data-act="cancel"]').hidden = over;
  for (const what of ["play", "save", "good", "bad"]) {
    element.querySelector(`[data-act="${what}"]`).hidden = video.status !== "completed";
  }
  part("badges").replaceChildren(...badges(video).map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  warn(part("warnings"), video.warnings);
  if (video.status === "completed" && !element.dataset.loaded) load(element, video);
}

// What a server of this or a newer version warns of, as a list: [{ code, message }].
export function warn(list, warnings) {
  const said = (Array.isArray(warnings) ? warnings : []).filter((each) => typeof each?.message === "string");
  list.replaceChildren(
    ...said.map(({ code, message }) => Object.assign(document.createElement("li"), { textContent: message, title: String(code ?? "") })),
  );
  list.hidden = !said.length;
}

// The unfinished video: blurred at first, sharper step by step, gone when the video itself can be seen.
export function glimpse({ element, video }, { image, step, total_steps: total }) {
  if (ended(video) || typeof image !== "string" || !PICTURE.test(image)) return;
  const picture = element.querySelector(".glimpse");
  picture.src = image;
  picture.style.filter = `blur(${(BLUR_PX * Math.max(0, 1 - step / total)).toFixed(1)}px)`;
  picture.hidden = false;
}

function sentence(video) {
  if (video.status === "completed") return "";
  if (video.status === "failed") return video.error ? `${video.error.code}: ${video.error.message}` : "failed";
  if (video.phase === "queued") return video.queue_position ? `${video.queue_position} before it` : "next in line";
  const eta = video.eta_s == null ? "" : `, ${seconds(video.eta_s)} to go`;
  return video.phase === "denoising" ? `step ${video.step} of ${video.total_steps}${eta}` : video.phase;
}

function badges(video) {
  const plan = video.optimization;
  const found = [plan.tier, `${plan.evaluations} of ${plan.fixed_default_steps} evaluations`, `seed ${video.seed}`];
  if (plan.style) found.push(styles.get(plan.style) ?? "a style");
  if (video.priority !== "normal") found.push(`${video.priority} priority`);
  if (video.cache?.hit) found.push("from the cache");
  else if (video.inference_time_s != null) found.push(`${video.inference_time_s.toFixed(1)} s`);
  return found;
}

async function load(element, { id }) {
  element.dataset.loaded = "yes";
  const screen = element.querySelector("video");
  screen.addEventListener("loadeddata", () => (element.querySelector(".glimpse").hidden = true), { once: true });
  labelPlay(element);
  try {
    const file = await (await call(`v1/videos/${id}/content`)).blob(); // not by address: a <video> sends no key
    if (!cards.has(id)) return;
    screen.src = URL.createObjectURL(file);
    move(screen);
  } catch (error) {
    delete element.dataset.loaded; // the next look at it tries again
    element.querySelector(".state").textContent = error.message;
  }
}

function labelPlay(element) {
  element.querySelector('[data-act="play"]').textContent = element.querySelector("video").paused ? "Play" : "Pause";
}
