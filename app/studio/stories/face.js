// What the player shows of a scene that cannot be seen yet: a sketch of its words, or its preview while it is made.

import { fillBar, h, say } from "../dom.js";
import { pictured } from "../keep/card.js";
import { previews } from "../store.js";
import { known, t } from "../words.js";
import { share } from "./films.js";
import { sketch } from "./sketch.js";

/** @param {any} place @param {DraftScene} scene @param {FilmScene | null} made */
export function face(place, scene, made) {
  if (!place.firstElementChild) {
    place.append(h("div", { className: "sketch" }), h("img", { className: "glimpse", alt: "", hidden: true }), h("div", { className: "face-words" }, h("p", { className: "face-prompt" }), h("p", { className: "face-said" }), h("p", { className: "face-state" })), h("span", { className: "bar" }, h("i")));
  }
  const part = (name) => place.querySelector(`.${name}`);
  sketch(part("sketch"), scene.prompt);
  say(part("face-prompt"), scene.prompt || t("scene.empty"));
  say(part("face-said"), scene.caption || scene.narration);
  const live = made && !["made", "failed"].includes(made.stage);
  say(part("face-state"), live ? known("stage", made.stage) : "");
  part("bar").hidden = !live;
  fillBar(part("bar"), made ? share(made) : 0);
  const preview = live ? previews.get(made.video_id ?? "") : null;
  if (!preview || !pictured(part("glimpse"), preview)) part("glimpse").hidden = true;
}
