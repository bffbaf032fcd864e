// One card of the gallery: light until it is looked at; its video is fetched as it comes into view.

import { button, fillBar, h, label, say } from "../dom.js";
import { move, still } from "../motion.js";
import { badges, sentence, title, warn } from "../sentences.js";
import { ended, file, previews, videos } from "../store.js";
import { t } from "../words.js";
import { chooser } from "./chosen.js";

const PICTURE = /^data:image\/webp;base64,[A-Za-z0-9+/]+={0,2}$/; // nothing else becomes an image's address
const BLUR_PX = 10; // of a preview after no step at all
const SMALL = 2e7; // pixels of all frames: what is larger plays only where one points at it

/** @param {Video} video */
export function card(video) {
  const element = shell(video);
  fill(element, video);
  delete element.dataset.light;
  return element;
}

/** A card with nothing in it until it comes near to what is looked at: thousands of them weigh little. @param {Video} video */
export function shell(video) {
  const element = h("article", { "data-id": video.id, "data-light": "yes" });
  element.setAttribute("aria-labelledby", `prompt-${video.id}`);
  element.addEventListener("pointerenter", () => hovered(element, true));
  element.addEventListener("pointerleave", () => hovered(element, false));
  seen.observe(element);
  return element;
}

/** @type {any} what all cards have, which is made once: to copy it takes a tenth of making it */
let pattern = null;

const drawn = () =>
  h(
    "div",
    {},
    h(
      "div",
      { className: "look" },
      h("a", { className: "screen open" }, h("video", { loop: true, playsInline: true, tabIndex: -1, "aria-hidden": "true" }), h("img", { className: "glimpse", alt: "", hidden: true }), h("span", { className: "bar" }, h("i"))),
      button("star", t("favourite"), null, { act: "favourite", bare: true, className: "star" }),
      button("pause", t("pause"), null, { act: "play", bare: true, className: "plays" }),
    ),
    h("p", { className: "prompt" }),
    h("p", { className: "state" }),
    h("ul", { className: "warnings", "aria-label": t("warnings"), hidden: true }),
    h("p", { className: "badges" }),
    h("p", { className: "acts" }, acts()),
  );

function fill(element, video) {
  const made = (pattern ??= drawn()).cloneNode(true);
  const screen = made.querySelector("video");
  screen.muted = true; // which no copy is
  screen.dataset.of = video.id;
  // What is told late may be told of a screen that is gone.
  for (const change of ["play", "pause"]) screen.addEventListener(change, () => screen.isConnected && labelPlay(element));
  screen.addEventListener("loadeddata", () => screen.isConnected && (element.querySelector(".glimpse").hidden = true));
  made.querySelector(".open").href = `#/video/${video.id}`;
  made.querySelector(".prompt").id = `prompt-${video.id}`;
  made.querySelector(".look").append(chooser(video));
  element.replaceChildren(...made.childNodes);
}

// Empty again, unless somebody is at it.
function strip(element) {
  if (!element.dataset.light || element.contains(document.activeElement)) return;
  element.replaceChildren();
  for (const name of ["badges", "warned"]) delete element.dataset[name];
}

const acts = () => [
  button("stop", t("cancel"), null, { act: "cancel" }),
  button("again", t("another"), null, { act: "again", bare: true }),
  button("four", t("four"), null, { act: "four", bare: true }),
  button("remix", t("remix"), null, { act: "remix", bare: true }),
  button("compare", t("compare"), null, { act: "compare", bare: true }),
  button("save", t("save"), null, { act: "save", bare: true }),
  button("good", t("good"), null, { act: "good", bare: true }),
  button("bad", t("bad"), null, { act: "bad", bare: true }),
  button("trash", t("delete"), null, { act: "delete", bare: true }),
];

/** @param {any} element @param {Video} video */
export function show(element, video) {
  if (!element.firstChild) return;
  const part = (name) => /** @type {any} */ (element.querySelector(`.${name}`));
  const over = ended(video);
  element.classList.toggle("failed", video.status === "failed");
  element.classList.toggle("made", video.status === "completed");
  say(part("prompt"), title(video));
  part("prompt").title = video.prompt;
  part("open").setAttribute("aria-label", `${t("details")}: ${title(video)}`);
  say(part("state"), sentence(video));
  fillBar(part("bar"), video.progress / 100);
  part("bar").hidden = over;
  if (video.status === "failed") part("glimpse").hidden = true;
  element.querySelector('[data-act="cancel"]').toggleAttribute("hidden", over);
  for (const what of ["play", "save", "good", "bad", "compare"]) {
    element.querySelector(`[data-act="${what}"]`).toggleAttribute("hidden", video.status !== "completed");
  }
  for (const [what, is] of /** @type {const} */ ([["favourite", video.favourite], ["good", (video.rating ?? 0) > 3], ["bad", (video.rating ?? 9) < 3]])) {
    element.querySelector(`[data-act="${what}"]`).setAttribute("aria-pressed", String(Boolean(is)));
  }
  const texts = badges(video);
  if (texts.join() !== element.dataset.badges) part("badges").replaceChildren(...texts.map((text) => h("span", {}, text)));
  element.dataset.badges = texts.join();
  const warned = JSON.stringify(video.warnings);
  if (warned !== element.dataset.warned) warn(part("warnings"), video.warnings);
  element.dataset.warned = warned;
  if (element.dataset.near && video.status === "completed") wanted(element, video);
}

/** Only a picture that the server drew becomes an image's address. */
export function pictured(picture, { image, step, total_steps: total }) {
  if (typeof image !== "string" || !PICTURE.test(image)) return false;
  picture.src = image;
  picture.style.filter = `blur(${(BLUR_PX * Math.max(0, 1 - step / total)).toFixed(1)}px)`;
  picture.hidden = false;
  return true;
}

/** The unfinished video: blurred at first, sharper step by step, gone when the video itself can be seen. */
export function glimpse(element, video) {
  const preview = previews.get(video.id);
  if (preview && !ended(video) && element.firstChild) pictured(element.querySelector(".glimpse"), preview);
}

const small = (video) => {
  const [width, height] = video.size.split("x").map(Number);
  return width * height * video.num_frames <= SMALL;
};

function wanted(element, video) {
  const screen = element.querySelector("video");
  if (element.dataset.loaded) return;
  if (!small(video) && !element.dataset.hovered) return;
  element.dataset.loaded = "yes";
  file(video.id)
    .then((address) => {
      if (!element.dataset.near || !screen.isConnected) return;
      screen.src = address;
      labelPlay(element);
      if (small(video)) move(screen);
    })
    .catch((error) => {
      delete element.dataset.loaded; // the next look at it tries again
      if (screen.isConnected) say(element.querySelector(".state"), error.message);
    });
}

function hovered(element, is) {
  const video = videos.get(element.dataset.id);
  if (video?.status !== "completed") return;
  element.dataset.hovered = is ? "yes" : "";
  const screen = element.querySelector("video");
  if (!screen) return;
  if (is) wanted(element, video);
  if (still() || small(video)) return; // who paused what moves has a button for it; small ones play anyway
  if (is) screen.play().catch(() => {});
  else screen.pause();
}

const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const element = /** @type {any} */ (target);
    const screen = element.querySelector("video");
    const video = videos.get(element.dataset.id ?? "");
    if (!isIntersecting) {
      delete element.dataset.near;
      delete element.dataset.loaded;
      if (screen?.src) {
        screen.removeAttribute("src"); // a browser has only so many decoders; the file itself is kept a while
        screen.load();
      }
      strip(element);
    } else if (video) {
      element.dataset.near = "yes";
      if (!screen) {
        fill(element, video);
        show(element, video);
        glimpse(element, video);
      }
      if (video.status === "completed") wanted(element, video);
    }
  }
}, { rootMargin: "300px" });

function labelPlay(element) {
  const plays = !element.querySelector("video").paused;
  label(element.querySelector('[data-act="play"]'), plays ? "pause" : "play");
}
