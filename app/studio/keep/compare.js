// Two to four videos at the same moment, by a wipe or side by side, and what their settings differ in.

import { button, h } from "../dom.js";
import { title } from "../sentences.js";
import { styles } from "../store.js";
import { known, span, t } from "../words.js";
import { controls, screen } from "./player.js";

export const MOST = 4;

/** @param {Video[]} group @param {() => void} more picks another one @returns {HTMLElement[]} */
export function comparison(group, more) {
  const line = h("p", { className: "soft", role: "status" });
  const screens = group.map((video) => screen(video, (text) => (line.textContent = text)));
  const two = group.length === 2;
  const stage = h("div", { className: two ? "compare wipe" : "compare" }, screens);
  const tied = controls(screens, group[0]);
  const another = group.length < MOST ? button("compare", t("compare.more"), more) : null;
  const look = h("div", { className: "detail-look" }, stage, tied, h("p", { className: "wipe-row" }, two ? wipes(stage) : null, another), line);
  return [look, h("div", { className: "detail-told" }, differences(group))];
}

function wipes(stage) {
  const wipe = h("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": t("compare.wipe") });
  const cut = () => stage.style.setProperty("--cut", `${wipe.value}%`);
  wipe.addEventListener("input", cut);
  const drag = (event) => {
    const { left, width } = stage.getBoundingClientRect();
    if (wipe.disabled || !event.buttons) return;
    wipe.value = String((100 * (event.clientX - left)) / width);
    cut();
  };
  for (const kind of ["pointerdown", "pointermove"]) stage.addEventListener(kind, drag);
  cut();
  const side = h("input", { type: "checkbox" });
  side.addEventListener("change", () => {
    stage.classList.toggle("wipe", !side.checked);
    wipe.disabled = side.checked;
  });
  return [h("label", {}, t("compare.wipe"), wipe), h("label", { className: "check" }, side, t("compare.side"))];
}

/** What two videos may differ in, as it is asked for. @param {Video} video @returns {Record<string, any>} */
function asked(video) {
  const plan = video.optimization;
  return {
    prompt: plan.written_prompt ?? video.prompt,
    model: video.model,
    quality_tier: plan.asked_tier || plan.tier,
    size: video.size,
    num_frames: video.num_frames,
    fps: video.fps,
    seed: video.seed_text,
    ...(plan.style ? { style: plan.style } : {}),
    ...(plan.enhanced ? { enhance: true } : {}),
    ...(video.draft ? { speculative: true } : {}),
    ...(video.priority === "normal" ? {} : { priority: video.priority }),
  };
}

/** @param {Video[]} group */
function differences(group) {
  const wishes = group.map((video) => ({
    ...asked(video),
    style: styles.get(video.optimization.style ?? "") ?? video.optimization.style,
    evaluations: `${video.optimization.evaluations} / ${video.optimization.fixed_default_steps}`,
    time: span(video.inference_time_s),
  }));
  const names = [...new Set(wishes.flatMap(Object.keys))].filter((name) => wishes.some((wish) => wish[name] !== wishes[0][name]));
  if (!names.length) return h("p", {}, t("compare.same"));
  const head = h("tr", {}, h("td"), group.map((video, number) => h("th", { scope: "col" }, h("span", {}, `${number + 1}. ${title(video)}`))));
  return h(
    "table",
    {},
    h("thead", {}, head),
    h("tbody", {}, names.map((name) => h("tr", {}, h("th", { scope: "row" }, known("differs", name)), wishes.map((wish) => h("td", {}, String(wish[name] ?? "-")))))),
  );
}
