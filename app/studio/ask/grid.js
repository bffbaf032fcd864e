// Several videos of one prompt: every seed with every chosen quality and every chosen style.

import { $, h } from "../dom.js";
import { styles } from "../store.js";
import { known, t } from "../words.js";

const TIERS = ["preview", "standard", "premium", "ultra"];
const MOST_SEEDS = 8;

const chosen = (name) => [...document.querySelectorAll(`#grid input[name="${name}"]:checked`)].map((each) => /** @type {any} */ (each).value);
const box = (name, value, label, changed) => h("label", { className: "check" }, h("input", { type: "checkbox", name, value, onchange: changed }), label);

/** The variations that the grid stands for. @returns {Record<string, string>[]} */
export function grid() {
  const seeds = Math.min(MOST_SEEDS, Math.max(1, Number($("grid-seeds")?.value) || 1));
  const axis = (name, field) => {
    const values = chosen(name);
    return values.length ? values.map((value) => ({ [field]: value })) : [{}];
  };
  const fresh = Array.from({ length: seeds }, () => /** @type {Record<string, string>} */ (seeds > 1 ? { seed: "-1" } : {}));
  return axis("grid-tier", "quality_tier").flatMap((tier) => axis("grid-style", "style").flatMap((style) => fresh.map((seed) => ({ ...tier, ...style, ...seed }))));
}

/** Shows the grid's choices, or puts them away. @param {boolean} is @param {() => void} changed */
export function showGrid(is, changed) {
  const place = $("grid");
  place.hidden = !is;
  if (!is || place.childElementCount) return;
  const seeds = h("input", { id: "grid-seeds", type: "number", min: 1, max: MOST_SEEDS, value: 4, onchange: changed });
  place.append(
    h("div", {}, h("label", { for: "grid-seeds" }, t("grid.seeds")), seeds),
    h("fieldset", {}, h("legend", {}, t("tier")), TIERS.map((name) => box("grid-tier", name, known("tier", name), changed))),
    h("fieldset", {}, h("legend", {}, t("style")), [...styles].map(([id, name]) => box("grid-style", id, name, changed))),
  );
}
