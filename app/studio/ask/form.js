// What is asked for: the form as a request, kept over a reload, and one request or several made of it.

import { get } from "../api.js";
import { $, soon } from "../dom.js";
import { advancedWishes, keepAdvanced, setAdvanced } from "./advanced.js";
import { grid } from "./grid.js";
import { kept, t } from "../words.js";

const NAME = "kinoray-draft";
export const TIERS = ["auto", "preview", "standard", "premium", "ultra"];
const MOST = 40; // at once
const FIELDS = ["prompt", "style", "priority", "model", "size", "seconds", "seed", "negative", "many"];
/** @type {(() => void)[]} */
const listeners = [];

let picture = () => ({});
/** @type {(given: GivenInput[]) => Promise<number>} */
let putPictures = async (given) => given.length;
/**
 * @param {() => Record<string, any>} wish what a request has of the pictures
 * @param {typeof putPictures} put puts those into the form, in place of what is there; of how many it has no place for
 */
export function withPictures(wish, put) {
  [picture, putPictures] = [wish, put];
}
export const onForm = (listener) => void listeners.push(listener);
export const changed = () => {
  keepDraft();
  listeners.forEach((listener) => listener());
};

export const tier = () => /** @type {any} */ (document.querySelector('input[name="tier"]:checked'))?.value ?? "auto";
export function pickTier(name) {
  const found = /** @type {any} */ (document.querySelector(`input[name="tier"][value="${CSS.escape(name)}"]`));
  if (found) found.checked = true;
}

/** What decides the plan; an empty field leaves it to the server. */
export function wishes(prompt = $("prompt").value.trim()) {
  /** @type {Record<string, any>} */
  const wanted = { prompt, quality_tier: tier(), style: $("style").value };
  for (const name of ["model", "size", "seconds", "seed"]) {
    if ($(name).value.trim()) wanted[name] = $(name).value.trim();
  }
  if ($("negative").value.trim()) wanted.negative_prompt = $("negative").value.trim();
  if ($("speculative").checked && !$("speculative-box").hidden) wanted.speculative = true;
  return { ...wanted, ...advancedWishes() };
}

/** All requests that the form stands for: a line each, and each with every seed, tier and style of the grid. */
export function requests() {
  const many = $("many").value;
  const lines = many === "lines" ? $("prompt").value.split("\n") : [$("prompt").value];
  const prompts = lines.map((line) => line.trim()).filter(Boolean);
  const common = { priority: $("priority").value, preview: true, ...picture() };
  return prompts.flatMap((prompt) => variations(many).map((each) => ({ ...wishes(prompt), ...common, ...each })));
}

function variations(many) {
  if (many === "seeds") return [1, 2, 3, 4].map(() => ({ seed: "-1" }));
  if (many === "grid") return grid();
  if (many === "tiers") return TIERS.slice(1).map((name) => ({ quality_tier: name }));
  return [{}];
}

/** What is wrong with so many requests; empty: nothing. */
export const tooMany = (n) => (n > MOST ? t("many.most", { n: MOST, got: n }) : "");

/**
 * The form as a video was asked for, with its pictures, to change it. Raises Refusal; Error: what it has no place for.
 * @param {Video} video
 */
export async function remix(video) {
  const { id } = video;
  const [{ fields: asked, inputs, extends: before }, { data: models }] = await Promise.all([get(`v1/videos/${id}/request`), get("v1/models")]);
  const { asked_tier: wished, tier: used, style: dress } = video.optimization;
  const told = { model: video.model, quality_tier: wished || used, size: video.size, num_frames: video.num_frames, fps: video.fps, style: dress ?? "", speculative: Boolean(video.draft), ...asked };
  const { prompt, model, quality_tier: tier, size, num_frames: frames, fps, style, seed, speculative, negative_prompt: negative = "", ...others } = told;
  const usual = models.find((/** @type {Model} */ each) => each.id === model)?.default_fps;
  setAdvanced(fps === usual ? others : { ...others, fps });
  fill({ prompt, tier, style, model, size, seconds: String(Number((frames / fps).toFixed(3))), seed: String(seed), negative, speculative });
  $("prompt").scrollIntoView({ block: "center" });
  $("prompt").focus();
  const left = await putPictures(inputs.map((each, number) => ({ ...each, path: `v1/videos/${id}/inputs/${number}` })));
  if (left) throw new Error(t("remix.left", { n: left }));
  if (before) throw new Error(t("remix.goes.on"));
}

/** @param {Record<string, any>} values fields that are not named stay */
export function fill({ tier: name, speculative, ...values }) {
  if (name) pickTier(name);
  if (speculative !== undefined) $("speculative").checked = Boolean(speculative);
  for (const [field, value] of Object.entries(values)) {
    if (!FIELDS.includes(field)) continue;
    if ($(field).tagName === "SELECT" && value && ![...$(field).options].some((each) => each.value === value)) {
      $(field).append(new Option(value, value)); // a style or a size that is told of later
    }
    $(field).value = value;
  }
  changed();
}

const keepDraft = soon(() => {
  const draft = Object.fromEntries(FIELDS.map((name) => [name, $(name).value]));
  kept?.setItem(NAME, JSON.stringify({ ...draft, tier: tier(), speculative: $("speculative").checked, advanced: keepAdvanced() }));
}, 200);

/** What was typed before the page was left. @returns {Record<string, any>} */
export function draft() {
  try {
    return JSON.parse(kept?.getItem(NAME) ?? "{}") ?? {};
  } catch {
    return {};
  }
}
