// Two videos at the same moment, by a wipe or side by side, and what their settings differ in.

import { h } from "../dom.js";
import { title } from "../sentences.js";
import { span, t } from "../words.js";
import { asked } from "./code.js";
import { controls, screen } from "./player.js";

/** @param {Video[]} pair @returns {HTMLElement[]} */
export function comparison(pair) {
  const line = h("p", { className: "soft", role: "status" });
  const screens = pair.map((video) => screen(video, (text) => (line.textContent = text)));
  const stage = h("div", { className: "compare wipe" }, screens);
  const wipe = h("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": t("compare.wipe") });
  const cut = () => stage.style.setProperty("--cut", `${wipe.value}%`);
  wipe.addEventListener("input", cut);
  cut();
  const side = h("input", { type: "checkbox" });
  side.addEventListener("change", () => {
    stage.classList.toggle("wipe", !side.checked);
    wipe.disabled = side.checked;
  });
  const tied = controls(screens, pair[0]);
  const look = h("div", { className: "detail-look" }, stage, tied, h("p", { className: "wipe-row" }, h("label", {}, t("compare.wipe"), wipe), h("label", { className: "check" }, side, t("compare.side"))), line);
  return [look, h("div", { className: "detail-told" }, differences(pair))];
}

/** @param {Video[]} pair */
function differences(pair) {
  const wishes = pair.map((video) => ({
    ...asked(video),
    evaluations: `${video.optimization.evaluations} / ${video.optimization.fixed_default_steps}`,
    time: span(video.inference_time_s),
  }));
  const names = [...new Set(wishes.flatMap(Object.keys))].filter((name) => wishes[0][name] !== wishes[1][name]);
  if (!names.length) return h("p", {}, t("compare.same"));
  const head = h("tr", {}, h("td"), pair.map((video) => h("th", { scope: "col" }, title(video))));
  return h(
    "table",
    {},
    h("thead", {}, head),
    h("tbody", {}, names.map((name) => h("tr", {}, h("th", { scope: "row" }, name.replaceAll("_", " ")), wishes.map((wish) => h("td", {}, String(wish[name] ?? "-")))))),
  );
}
