// The part of a picture that is taken: a frame of a video's shape over it, moved and sized by pointer and by keys.

import { h } from "../dom.js";
import { number, t } from "../words.js";

const LEAST = 0.1; // of the largest frame that fits
const STEP = 0.02;

/** @typedef {{ x: number, y: number, width: number, height: number }} Box shares of the picture's sides */

/**
 * The largest frame of a shape, in the middle. @param {number} picture width / height @param {number} shape the same
 * @returns {Box}
 */
export function whole(picture, shape) {
  const width = Math.min(1, shape / picture);
  const height = Math.min(1, picture / shape);
  return { x: (1 - width) / 2, y: (1 - height) / 2, width, height };
}

/** The frame moved by shares of the picture's sides, within it. @param {Box} box @returns {Box} */
export const moved = (box, dx, dy) => ({
  ...box,
  x: Math.min(1 - box.width, Math.max(0, box.x + dx)),
  y: Math.min(1 - box.height, Math.max(0, box.y + dy)),
});

/** The frame made larger or smaller around its middle, within the picture. @param {Box} box @param {Box} largest @returns {Box} */
export function sized(box, largest, factor) {
  const scale = Math.min(1, Math.max(LEAST, (box.width / largest.width) * factor));
  const [width, height] = [largest.width * scale, largest.height * scale];
  return moved({ x: box.x + (box.width - width) / 2, y: box.y + (box.height - height) / 2, width, height }, 0, 0);
}

/** Whether the frame is as one that nobody has touched. @param {Box} box @param {Box} largest */
export const untouched = (box, largest) => Object.keys(box).every((side) => Math.abs(box[side] - largest[side]) < 0.001);

/**
 * That part of a picture as a file of its own. @param {ImageBitmap} picture upright @param {Box} box @param {string} type
 * @returns {Promise<Blob>}
 */
export function cut(picture, box, type) {
  const [width, height] = [Math.max(16, Math.round(box.width * picture.width)), Math.max(16, Math.round(box.height * picture.height))];
  const canvas = h("canvas", { width, height });
  canvas.getContext("2d").drawImage(picture, box.x * picture.width, box.y * picture.height, box.width * picture.width, box.height * picture.height, 0, 0, width, height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(t("picture.broken")))), type === "image/jpeg" ? type : "image/png", 0.95));
}

/**
 * A picture with the frame over it. `changed` is told of each new frame, `settled` once a hand has let go of it.
 * @param {string} address @param {string} name @param {() => Box} largest @param {(box: Box) => void} settled
 */
export function frame(address, name, largest, settled) {
  const handle = h("span", { className: "handle" });
  const grip = h("button", { type: "button", className: "frame", "aria-label": t("crop"), title: t("crop.keys") }, handle);
  const look = h("div", { className: "crop" }, h("img", { alt: name, src: address, ondragstart: (event) => event.preventDefault() }), h("span", { className: "subject", hidden: true }), grip);
  let box = largest();
  const show = (next) => {
    box = next;
    for (const [side, share] of /** @type {const} */ ([["left", box.x], ["top", box.y], ["width", box.width], ["height", box.height]])) grip.style[side] = `${100 * share}%`;
    grip.setAttribute("aria-description", t("crop.at", { share: number((100 * box.width) / largest().width), x: number(100 * box.x), y: number(100 * box.y) }));
  };
  const take = (next) => {
    show(next);
    settled(box);
  };
  grip.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    const size = { "+": 1.1, "=": 1.1, "-": 1 / 1.1 }[event.key];
    if (move) take(moved(box, move[0], move[1]));
    else if (size) take(sized(box, largest(), size));
    else if (event.key === "0") take(largest());
    else return;
    event.preventDefault();
  });
  grip.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    grip.focus();
    grip.setPointerCapture(event.pointerId);
    const sizes = event.target === handle;
    const [from, area, began] = [box, look.getBoundingClientRect(), [event.clientX, event.clientY]];
    const drag = (now) => {
      const [dx, dy] = [(now.clientX - began[0]) / area.width, (now.clientY - began[1]) / area.height];
      show(sizes ? sized(from, largest(), 1 + (2 * dx) / from.width) : moved(from, dx, dy));
    };
    const end = () => {
      grip.removeEventListener("pointermove", drag);
      settled(box);
    };
    grip.addEventListener("pointermove", drag);
    grip.addEventListener("lostpointercapture", end, { once: true });
  });
  show(box);
  return { element: look, show };
}
