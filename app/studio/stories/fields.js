// One labelled field of a form: its name, its control, and what is wrong with it, said where it is.

import { h, say } from "../dom.js";

let count = 0;

/**
 * @param {string} name as the API calls it @param {string} text @param {any} control
 * @param {{ note?: string, className?: string, beside?: any }} [more]
 */
export function field(name, text, control, { note = "", className = "", beside = null } = {}) {
  const id = `film-field-${(count += 1)}`;
  control.id = id;
  const wrong = h("p", { className: "wrong", id: `${id}-wrong` });
  control.setAttribute("aria-describedby", `${id}-wrong`);
  const row = beside ? h("div", { className: "beside" }, control, beside) : control;
  return h("div", { className: `field ${className}`, "data-field": name }, h("label", { htmlFor: id }, text), row, note ? h("p", { className: "soft" }, note) : null, wrong);
}

/** Says what is wrong with one of the fields, or takes it back. @param {any} form @param {string} name @param {string} message */
export function wrong(form, name, message) {
  for (const each of form.querySelectorAll("[data-field]")) {
    const is = each.dataset.field === name && message !== "";
    say(each.querySelector(".wrong"), is ? message : "");
    const control = each.querySelector("input,textarea,select");
    if (is) control?.setAttribute("aria-invalid", "true");
    else control?.removeAttribute("aria-invalid");
  }
  return Boolean(name && form.querySelector(`[data-field="${CSS.escape(name)}"]`));
}

/** @param {[string, string][]} options value and text @param {(value: string) => void} onchange */
export function choice(options, onchange) {
  const made = h("select", { onchange: () => onchange(made.value) });
  made.append(...options.map(([value, text]) => new Option(text, value)));
  return made;
}

/** Sets a control's value where it is another, so that whoever types in it is left alone. */
export function set(control, value) {
  const text = value == null ? "" : String(value);
  if (control.tagName === "SELECT" && ![...control.options].some((option) => option.value === text)) control.append(new Option(text, text));
  if (control.value !== text) control.value = text;
}
