// The fields of the whole film: its look, who speaks it, how it is cut, and what is heard and read beside.

import { button, h, say } from "../dom.js";
import { warn } from "../sentences.js";
import { number, t } from "../words.js";
import { choice, field, set } from "./fields.js";
import { CUTS, FITS, named, TIERS } from "./scene.js";
import { languageName, languages, speaks } from "./voices.js";

/**
 * @param {{ edit: (change: Record<string, any>) => void, listen: (button: any) => void, styles: [string, string][], models: Model[],
 *   voices: { available: boolean, data: VoiceEntry[] } }} acts
 */
export function filmForm(acts) {
  const { voices, models } = acts;
  const change = (name) => (value) => acts.edit({ [name]: value });
  const input = (name, more) => h("input", { autocomplete: "off", ...more, oninput: (event) => acts.edit({ [name]: more.type === "range" ? Number(event.target.value) : event.target.value }) });
  const model = models.find((each) => each.default) ?? models[0];
  /** @type {Record<string, any>} */
  const controls = {
    style: choice([["", t("style.none")], ...acts.styles], change("style")),
    tier: choice(named("tier", TIERS), change("tier")),
    model: choice([["", t("default")], ...models.map(({ id }) => /** @type {[string, string]} */ ([id, id]))], change("model")),
    size: choice([["", t("default")], ...[...new Set(models.flatMap(({ sizes }) => sizes))].map((size) => /** @type {[string, string]} */ ([size, size]))], change("size")),
    fps: input("fps", { type: "number", min: 1, max: 240, placeholder: model ? String(model.default_fps) : t("default") }),
    seed: input("seed", { inputMode: "numeric", placeholder: t("seed.free") }),
    negative_prompt: input("negative_prompt", {}),
    language: choice(languages(voices.data), (value) => acts.edit({ language: value, voice: "" })),
    voice: choice([["", t("film.narrator.own")]], change("voice")),
    speed: input("speed", { type: "range", min: 0.5, max: 2, step: 0.05 }),
    captions: choice(named("captions", ["track", "burnt", "off"]), change("captions")),
    transition: choice(named("cut", CUTS), change("transition")),
    transition_seconds: input("transition_seconds", { type: "range", min: 0.1, max: 5, step: 0.1 }),
    fit: choice(named("fit", FITS), change("fit")),
    music_level: input("music_level", { type: "range", min: 0, max: 1, step: 0.05 }),
  };
  const figures = Object.fromEntries(["speed", "transition_seconds", "music_level"].map((name) => [name, h("output", {})]));
  const hear = button("sound", t("film.listen"), () => acts.listen(hear), { act: "listen" });
  hear.disabled = !voices.available;
  const warnings = h("ul", { className: "warnings", "aria-label": t("warnings"), hidden: true });
  const group = (name, ...fields) => h("fieldset", {}, h("legend", {}, t(name)), h("div", { className: "pairs" }, fields));
  const element = h(
    "div",
    { className: "film-form" },
    group("film.look", field("style", t("film.style"), controls.style), field("tier", t("tier"), controls.tier), field("model", t("model"), controls.model), field("size", t("size"), controls.size), field("fps", t("film.fps"), controls.fps), field("seed", t("seed"), controls.seed), field("negative_prompt", t("film.negative"), controls.negative_prompt, { className: "wide" })),
    group(
      "film.voice",
      field("language", t("film.language"), controls.language),
      field("voice", t("film.narrator"), controls.voice, { beside: hear, note: voices.available ? "" : t("film.narrator.none") }),
      field("speed", t("film.speed"), controls.speed, { beside: figures.speed }),
    ),
    group(
      "film.cut",
      field("captions", t("film.captions"), controls.captions),
      field("transition", t("film.transition"), controls.transition),
      field("transition_seconds", t("film.transition.s"), controls.transition_seconds, { beside: figures.transition_seconds }),
      field("fit", t("scene.fit"), controls.fit),
      field("music_level", t("film.music"), controls.music_level, { beside: figures.music_level }),
    ),
    warnings,
  );
  let spoken = "";

  function pickVoices(language) {
    if (spoken === language) return;
    spoken = language;
    const listed = voices.data.filter((voice) => speaks(voice, language));
    const text = ({ id, name, language: tag }) => (tag && tag !== language ? `${name} (${languageName(tag)})` : name === id || !name ? id : name);
    controls.voice.replaceChildren(new Option(t("film.narrator.own"), ""), ...listed.map((voice) => new Option(text(voice), voice.id)));
  }

  return {
    element,
    hear,
    /** @param {Draft["film"]} film @param {Warning[] | undefined} told */
    show(film, told) {
      pickVoices(film.language);
      for (const [name, control] of Object.entries(controls)) set(control, film[name]);
      say(figures.speed, `${number(film.speed, 2)} ×`);
      say(figures.transition_seconds, `${number(film.transition_seconds, 1)} s`);
      say(figures.music_level, film.music_level ? `${number(100 * film.music_level)} %` : t("film.music.none"));
      controls.transition_seconds.disabled = film.transition === "cut";
      warn(warnings, told);
    },
  };
}
