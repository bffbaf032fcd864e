// What one video is kept by: its tags, to be added and taken away, and why it was rated as it was.

import { mark, rate, trouble } from "../acts.js";
import { h, icon } from "../dom.js";
import { videos } from "../store.js";
import { t } from "../words.js";

const REASONS = ["too_rough", "wrong_motion", "off_prompt", "too_slow", "good_enough"];
const now = (video) => videos.get(video.id) ?? video;

/** @param {Video} video */
export function tags(video) {
  const list = h("ul", { className: "tags", "aria-label": t("tags") });
  const text = h("input", { type: "text", maxLength: 40, placeholder: t("tag.add"), "aria-label": t("tag.add"), list: "known-tags", autocomplete: "off" });
  const set = (wanted) =>
    trouble(async () => {
      await mark(video, { tags: wanted });
      show();
    });
  const show = () =>
    list.replaceChildren(
      ...(now(video).tags ?? []).map((tag) => {
        const away = () => set((now(video).tags ?? []).filter((each) => each !== tag));
        return h("li", {}, h("button", { type: "button", className: "chip", title: t("tag.away", { tag }), "aria-label": t("tag.away", { tag }), onclick: away }, tag, icon("close")));
      }),
    );
  const form = h("form", { className: "tag-form" }, list, text);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (text.value.trim()) set([...new Set([...(now(video).tags ?? []), text.value.trim()])]);
    text.value = "";
  });
  show();
  return form;
}

/** @param {Video} video */
export function reasons(video) {
  const said = new Set();
  const chip = (reason) => {
    const made = h("button", { type: "button", className: "chip", "aria-pressed": "false" }, t(`why.${reason}`));
    made.addEventListener("click", () => {
      if (!said.delete(reason)) said.add(reason);
      made.setAttribute("aria-pressed", String(said.has(reason)));
      trouble(() => rate(video, now(video).rating ?? (reason === "good_enough" ? 5 : 2), [...said]));
    });
    return made;
  };
  return h("p", { className: "chips", role: "group", "aria-label": t("why") }, h("span", { className: "soft" }, t("why")), REASONS.map(chip));
}
