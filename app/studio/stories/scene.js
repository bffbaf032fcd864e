// The fields of one scene: what it shows, what is said, what is read, its picture, and what is seldom changed folded away.

import { upload } from "../ask/upload.js";
import { announce, button, h, say } from "../dom.js";
import { warn } from "../sentences.js";
import { known, number, span, t } from "../words.js";
import { choice, field, set } from "./fields.js";
import { isPicture, pictureIn } from "./picture.js";

export const TIERS = ["auto", "preview", "standard", "premium", "ultra"];
export const CUTS = ["cut", "crossfade", "fade"];
export const FITS = ["hold", "loop", "slow", "extend"];

/** @param {string} prefix @param {string[]} words @returns {[string, string][]} */
export const named = (prefix, words) => words.map((word) => [word, known(prefix, word)]);

/**
 * @param {{ edit: (change: Partial<DraftScene>) => void, listen: (button: any) => void, styles: [string, string][], takes: () => ModelInput[] }} acts
 */
export function sceneForm(acts) {
  const text = (name, rows, placeholder, most) => h("textarea", { rows, placeholder, maxLength: most, spellcheck: name !== "prompt", oninput: (event) => acts.edit({ [name]: event.target.value }) });
  const line = (name, more) => h("input", { autocomplete: "off", ...more, oninput: (event) => acts.edit({ [name]: event.target.value }) });
  /** @type {Record<string, any>} */
  const controls = {
    prompt: text("prompt", 3, t("scene.prompt.example"), 4000),
    narration: text("narration", 2, t("scene.narration.example"), 5000),
    caption: text("caption", 1, t("scene.caption.example"), 500),
    title: line("title", { maxLength: 200 }),
    seconds: line("seconds", { type: "number", min: 0, step: "any", placeholder: t("scene.seconds.auto") }),
    seed: line("seed", { inputMode: "numeric", placeholder: t("as.film") }),
    style: choice([["", t("as.film")], ...acts.styles], (value) => acts.edit({ style: value })),
    tier: choice([["", t("as.film")], ...named("tier", TIERS)], (value) => acts.edit({ tier: value })),
    transition: choice([["", t("as.film")], ...named("cut", CUTS)], (value) => acts.edit({ transition: value })),
    fit: choice([["", t("as.film")], ...named("fit", FITS)], (value) => acts.edit({ fit: value })),
  };
  const hear = button("sound", t("film.listen"), () => acts.listen(hear), { act: "listen" });
  const picture = pictureBox({ label: t("scene.picture"), name: "image", give: (given) => acts.edit({ picture: given }) });
  const others = otherBoxes(acts);
  const warnings = h("ul", { className: "warnings", "aria-label": t("warnings"), hidden: true });
  const costs = h("p", { className: "soft scene-cost" });
  const more = h(
    "details",
    { className: "scene-more" },
    h("summary", {}, t("scene.more")),
    h(
      "div",
      { className: "pairs" },
      field("title", t("scene.title"), controls.title),
      field("seconds", t("seconds"), controls.seconds),
      field("style", t("style"), controls.style),
      field("tier", t("tier"), controls.tier),
      field("seed", t("seed"), controls.seed),
      field("transition", t("scene.transition"), controls.transition),
      field("fit", t("scene.fit"), controls.fit),
    ),
  );
  const element = h(
    "div",
    { className: "scene-form" },
    field("prompt", t("scene.prompt"), controls.prompt, { className: "wide" }),
    field("narration", t("scene.narration"), controls.narration, { beside: hear }),
    field("caption", t("scene.caption"), controls.caption),
    picture.element,
    others.element,
    more,
    warnings,
    costs,
  );
  return {
    element,
    prompt: controls.prompt,
    hear,
    /** @param {DraftScene} scene @param {FilmPlan["scenes"][0] | undefined} plan @param {Warning[]} told */
    show(scene, plan, told) {
      for (const [name, control] of Object.entries(controls)) set(control, /** @type {any} */ (scene)[name]);
      picture.show(scene.picture, acts.takes().some(({ role }) => role === "first"));
      others.show(scene.others ?? {});
      warn(warnings, plan?.warnings ?? told);
      const money = plan?.estimated_cost ? `, ${t("plan.costs", { n: number(plan.estimated_cost, 4) })}` : "";
      say(costs, plan ? `${known("tier", plan.tier)} · ${span(plan.seconds)} · ${t("plan.takes", { s: span(plan.estimated_device_seconds) })}${money}` : "");
    },
    /** Opens what a field is folded away in. @param {string} name */
    reveal(name) {
      if (more.querySelector(`[data-field="${CSS.escape(name)}"]`)) more.open = true;
    },
  };
}

/** The pictures beside the first, as far as the film's model takes any. @param {{ edit: (change: Partial<DraftScene>) => void, takes: () => ModelInput[] }} acts */
function otherBoxes({ edit, takes }) {
  const element = h("div", { className: "scene-others" });
  /** @type {Map<string, ReturnType<typeof pictureBox>>} */
  const boxes = new Map();
  let given = /** @type {Record<string, Picture>} */ ({});
  const give = (name) => (picture) => {
    const { [name]: _, ...rest } = given;
    edit({ others: picture ? { ...rest, [name]: picture } : rest });
  };
  return {
    element,
    /** @param {Record<string, Picture>} others */
    show(others) {
      given = others;
      const taken = takes().filter(({ role, kinds, takes_frame: framed }) => ["last", "reference"].includes(role) && kinds.includes("image") && !framed);
      const names = taken.flatMap(({ role, most }) => {
        const all = Array.from({ length: most }, (_, at) => `${role}-${at}`);
        const free = all.find((name) => !others[name]); // of several that are taken as many as there are, and one to be filled
        return all.filter((name) => others[name] || name === free);
      });
      for (const name of [...names, ...Object.keys(others)]) {
        if (boxes.has(name)) continue;
        boxes.set(name, pictureBox({ label: t(`picture.${name.split("-")[0]}`), name: "input_references", give: give(name) }));
      }
      const shown = [...boxes].filter(([name]) => names.includes(name) || others[name]);
      if (shown.length !== element.childElementCount || shown.some(([, box], at) => element.children[at] !== box.element)) element.replaceChildren(...shown.map(([, box]) => box.element));
      for (const [name, box] of shown) box.show(others[name] ?? null, names.includes(name));
    },
  };
}

/** @param {{ label: string, name: string, give: (picture: Picture | null) => void }} acts `name`: as the API calls the field */
function pictureBox({ label, name, give }) {
  const input = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp", className: "unseen", onchange: () => input.files?.[0] && take(input.files[0]) });
  const note = h("p", { className: "soft", role: "status" });
  const bar = h("span", { className: "sent", hidden: true }, h("i"));
  const seen = h("img", { alt: "", hidden: true });
  const away = button("close", t("scene.picture.away"), () => (give(null), input.focus()), { bare: true });
  const pick = h("label", { className: "chip" }, input, label);
  const element = h("div", { className: "field scene-picture", "data-field": name }, h("div", { className: "picture-row" }, seen, h("div", {}, pick, note, bar), away), h("p", { className: "wrong" }));
  let takes = true;
  let local = ""; // the address of the file that was given last, in this page
  let of = "";
  let sending = new AbortController();

  async function take(file) {
    if (!takes) return;
    if (!isPicture(file)) return void say(note, t("picture.kind"));
    const megabytes = number(file.size / 1e6, 1);
    sending.abort(); // of the one that was picked before
    sending = new AbortController();
    const { signal } = sending;
    bar.hidden = false;
    const progress = (share) => {
      bar.firstElementChild.style.width = `${100 * share}%`;
      say(note, t("scene.picture.sent", { n: number((share * file.size) / 1e6, 1), of: megabytes }));
    };
    try {
      const id = await upload(file, { name: file.name, progress, signal });
      signal.throwIfAborted();
      URL.revokeObjectURL(local);
      [local, of] = [URL.createObjectURL(file), id];
      give({ upload: id, name: file.name });
      announce(file.name);
    } catch (error) {
      if (!signal.aborted) say(note, error.message);
    } finally {
      if (!signal.aborted) bar.hidden = true;
      input.value = "";
    }
    return undefined;
  }

  const given = (event, data) => {
    event.stopPropagation(); // the form for videos listens everywhere
    element.classList.remove("over");
    const file = pictureIn(data);
    if (!file) return;
    event.preventDefault();
    take(file);
  };
  element.addEventListener("drop", (event) => given(event, event.dataTransfer));
  element.addEventListener("dragover", (event) => (event.preventDefault(), event.stopPropagation(), element.classList.toggle("over", takes)));
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  return {
    element,
    paste: (event) => given(event, event.clipboardData),
    /** @param {Picture | null} picture @param {boolean} can */
    show(picture, can) {
      takes = can;
      input.disabled = !can;
      pick.hidden = !can;
      away.hidden = !picture;
      seen.hidden = !(picture?.upload && picture.upload === of);
      if (!seen.hidden) Object.assign(seen, { src: local, alt: picture?.name ?? "" });
      if (bar.hidden) say(note, picture?.kept ? t("scene.picture.kept") : picture ? picture.name : can ? t("scene.picture.drop") : t("scene.picture.not"));
    },
  };
}
