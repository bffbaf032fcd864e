// Pictures beside the one that a video begins with: to end with, and of who or what is seen, as the chosen model takes them.

import { h } from "../dom.js";
import { t } from "../words.js";
import { picturePlace } from "./picture.js";

/**
 * @param {any} place an element, into which they are put
 * @param {{ shape: () => number, changed: () => void }} options as of `picturePlace`
 */
export function otherPictures(place, { shape, changed }) {
  /** @typedef {{ role: ModelInput, picture: ReturnType<typeof picturePlace>, box: any, more: any, wish: () => object, set: (at: number | null, holds: number) => void }} Slot */
  /** @type {Map<string, Slot>} */
  const slots = new Map();
  /** @type {Slot[]} */
  let offered = [];

  /** @param {ModelInput} role @param {number} at @returns {Slot} */
  function slot(role, at) {
    const id = `picture-${role.role}-${at}`;
    const [box, frame, strength] = [h("div"), number(`${id}-frame`, { value: role.frame_step, step: role.frame_step }), number(`${id}-strength`, { value: 1, step: 0.05, max: 1 })];
    const picture = picturePlace(box, { id, shape, changed: arranged, label: t(`picture.${role.role}`), plain: true });
    const field = (name, input, is) => h("span", { className: "check", hidden: !is }, h("label", { for: input.id }, t(name)), input);
    const more = h("div", { className: "picture-more" }, field("picture.frame", frame, role.takes_frame), field("picture.strength", strength, role.takes_strength));
    box.append(more);
    const file = (event) => [...(event.dataTransfer?.files ?? [])].find((each) => each.type.startsWith("image/"));
    box.addEventListener("drop", (event) => {
      if (!file(event)) return;
      event.preventDefault();
      event.stopPropagation(); // what is dropped elsewhere is begun with
      picture.take(file(event));
    });
    const wish = () => ({ ...picture.given(), role: role.role, ...(role.takes_frame ? { frame: Number(frame.value) } : {}), ...(role.takes_strength && strength.value !== "1" ? { strength: Number(strength.value) } : {}) });
    const set = (at, holds) => ([frame.value, strength.value] = [String(at ?? role.frame_step), String(holds)]);
    return { role, picture, box, more, wish, set };
  }

  const number = (id, more) => h("input", { id, type: "number", min: 0, onchange: () => changed(), ...more });

  // Of several that are taken as many as there are, and one to be filled.
  function arranged() {
    let free = "";
    for (const { role, picture, box, more } of offered) {
      box.hidden = free === role.role;
      more.hidden = !picture.filled();
      if (!picture.filled()) free = role.role;
    }
    changed();
  }

  return {
    /** Offers what this model takes. @param {Model} model */
    enable(model) {
      const roles = model.inputs.filter((each) => each.role !== "first" && each.kinds.includes("image") && each.role !== "mask");
      for (const each of offered) each.picture.enable(false, model.id);
      offered = roles.flatMap((role) =>
        Array.from({ length: role.most }, (_, at) => {
          const name = JSON.stringify([role, at]);
          const found = slots.get(name) ?? slot(role, at);
          slots.set(name, found);
          return found;
        }),
      );
      place.replaceChildren(...offered.map(({ box }) => box));
      const enabled = Promise.all(offered.map(({ picture }) => picture.enable(true, model.id)));
      arranged();
      return enabled;
    },
    /** Puts a picture where there is none yet; whether there is such a place. @param {File} file */
    take: (file) => Boolean(offered.find(({ picture }) => !picture.filled())?.picture.take(file)),
    clear: () => offered.forEach(({ picture }) => picture.clear()),
    /** The next free place of a role, set to where the picture stands and how strongly it holds. @param {GivenInput} given */
    place({ role, frame, strength }) {
      const free = offered.find((each) => each.role.role === role && !each.picture.filled());
      free?.set(frame, strength);
      return free?.picture;
    },
    reshape: () => offered.forEach(({ picture }) => picture.reshape()),
    ready: () => Promise.all(offered.map(({ picture }) => picture.ready())),
    /** What a request has of all pictures. @param {ReturnType<typeof picturePlace>} first */
    wish(first) {
      const others = offered.filter(({ picture }) => picture.given()).map((each) => each.wish());
      if (!others.length) return first.wish();
      const begins = first.given();
      return { ...(begins ? first.wished() : {}), input_references: [...(begins ? [{ ...begins, role: "first" }] : []), ...others] };
    },
  };
}
