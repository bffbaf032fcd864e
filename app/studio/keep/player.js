// A player that steps by frames: two videos may be tied to one, so that they show the same moment.

import { $, button, h, label, say } from "../dom.js";
import { still } from "../motion.js";
import { file } from "../store.js";
import { t } from "../words.js";

/** A screen of a video, not yet playing. @param {Video} video @param {(text: string) => void} refused */
export function screen(video, refused) {
  const made = h("video", { loop: true, muted: true, playsInline: true, "data-of": video.id, "data-own": "", "aria-label": video.prompt });
  file(video.id).then((address) => (made.src = address)).catch((error) => refused(error.message));
  return made;
}

/** Controls of one or several screens, the first of which leads. @param {any[]} screens @param {Video} video */
export function controls(screens, video) {
  const [lead, ...tied] = screens;
  const frames = Math.max(1, video.num_frames);
  const frame = () => Math.min(frames, Math.floor(lead.currentTime * video.fps + 0.01) + 1);
  const where = h("output", {}, "");
  const seek = h("input", { type: "range", min: 1, max: frames, value: 1, "aria-label": t("detail.seek") });
  const toggle = button("play", t("play"), () => (lead.paused ? start() : hold()), { bare: true });
  const start = () => screens.forEach((each) => each.play().catch(() => {}));
  const hold = () => screens.forEach((each) => each.pause());
  const go = (to) => {
    hold();
    const at = (((to - 1 + frames) % frames) + 0.5) / video.fps; // the middle of a frame: its edges round either way
    screens.forEach((each) => (each.currentTime = Math.min(at, each.duration || at)));
  };
  const loop = h("input", { type: "checkbox", checked: true, onchange: () => screens.forEach((each) => (each.loop = loop.checked)) });
  const show = () => {
    seek.value = String(frame());
    seek.setAttribute("aria-valuetext", t("detail.frame", { n: frame(), of: frames }));
    say(where, t("detail.frame", { n: frame(), of: frames }));
  };
  const turned = () => label(toggle, lead.paused ? "play" : "pause");
  seek.addEventListener("input", () => go(Number(seek.value)));
  for (const change of ["timeupdate", "seeked", "loadeddata"]) lead.addEventListener(change, show);
  for (const change of ["play", "pause"]) lead.addEventListener(change, turned);
  lead.addEventListener("timeupdate", () => {
    for (const each of tied) if (!lead.paused && Math.abs(each.currentTime - lead.currentTime) > 0.08) each.currentTime = lead.currentTime;
  });
  lead.addEventListener("loadeddata", () => !still() && start(), { once: true });
  const box = h(
    "div",
    { className: "controls", role: "group", "aria-label": t("detail.seek") },
    toggle,
    button("previous", t("detail.back"), () => go(frame() - 1), { bare: true, act: "back" }),
    button("next", t("detail.forth"), () => go(frame() + 1), { bare: true, act: "forth" }),
    seek,
    where,
    h("label", { className: "check" }, loop, t("detail.loop")),
  );
  const keys = (event) => {
    if (!box.isConnected || !$("detail").open || event.target.closest("input,select,textarea,button")) return;
    if (event.key === " ") lead.paused ? start() : hold();
    else if (event.key === "," || event.key === "ArrowLeft") go(frame() - 1);
    else if (event.key === "." || event.key === "ArrowRight") go(frame() + 1);
    else return;
    event.preventDefault();
  };
  $("detail").addEventListener("keydown", keys);
  $("detail").addEventListener("close", () => $("detail").removeEventListener("keydown", keys), { once: true });
  show();
  return box;
}
