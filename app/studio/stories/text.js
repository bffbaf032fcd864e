// A film from a text: the server makes scenes of it to look at; nothing is generated.

import { button, h, say } from "../dom.js";
import { t } from "../words.js";
import { draft } from "./drafts.js";
import { field, wrong } from "./fields.js";
import { scenesOf } from "./voices.js";

/** Asks for a text and hands over the draft that comes of it. @param {(made: Draft, notes: string[]) => void} drafted */
export function askForText(drafted) {
  const text = h("textarea", { rows: 9, required: true, maxLength: 200000 });
  const scenes = h("input", { type: "number", min: 1, max: 60, placeholder: t("text.scenes.auto") });
  const title = h("input", { maxLength: 200, autocomplete: "off" });
  const narrate = h("input", { type: "checkbox", checked: true });
  const trouble = h("p", { className: "wrong", role: "alert" });
  const go = h("button", { className: "primary" }, t("text.draft"));
  const form = h(
    "form",
    { className: "text-form", onsubmit: (event) => (event.preventDefault(), ask()) },
    h("h2", { id: "text-title" }, t("text.title")),
    h("p", { className: "soft" }, t("text.note")),
    field("text", t("text.label"), text),
    h("div", { className: "pairs" }, field("title", t("film.title"), title), field("scenes", t("text.scenes"), scenes)),
    h("label", { className: "check" }, narrate, t("text.narrate")),
    trouble,
    h("p", { className: "acts" }, go, button("close", t("close"), () => dialog.close())),
  );
  const dialog = h("dialog", { className: "text-dialog", "aria-labelledby": "text-title", onclose: () => dialog.remove() }, form);

  async function ask() {
    say(trouble, "");
    wrong(form, "", "");
    go.disabled = true;
    say(go, t("text.busy"));
    try {
      const wish = { text: text.value, narrate: narrate.checked, ...(scenes.value ? { scenes: Number(scenes.value) } : {}), ...(title.value.trim() ? { title: title.value.trim() } : {}) };
      const found = await scenesOf(wish);
      const made = draft(found.storyboard);
      dialog.close();
      drafted(made, found.notes);
    } catch (error) {
      if (!wrong(form, error.param ?? "", error.message)) say(trouble, error.message);
    } finally {
      go.disabled = false;
      say(go, t("text.draft"));
    }
  }

  document.body.append(dialog);
  dialog.showModal();
  text.focus();
}
