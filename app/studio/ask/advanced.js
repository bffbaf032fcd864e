// Fields that the form does not have itself, made from the server's OpenAPI document: a new one appears by itself.

import { get } from "../api.js";
import { $, h } from "../dom.js";
import { t } from "../words.js";

// The form has these itself, or they say the same in another way.
const ELSEWHERE = new Set([
  ...["prompt", "model", "negative_prompt", "seconds", "size", "width", "height", "seed", "tier", "style", "priority", "preview", "speculative"],
  ...["input_reference", "prepare", "num_outputs_per_prompt", "extra_body", "extra_params", "video_params", "lora_strength"],
]);
/** @type {Record<string, any>} what is set, also before the fields are there */
let values = {};
let asked = false;
let draw = () => {}; // the fields with these values, once they are there

export const advancedWishes = () => ({ ...values });
export const keepAdvanced = advancedWishes;
export function setAdvanced(given) {
  values = given && typeof given === "object" ? { ...given } : {};
  draw();
}

/** Makes the fields once, when they are first looked at. @param {() => void} changed */
export async function showAdvanced(changed) {
  if (asked) return;
  asked = true;
  const box = $("advanced-fields");
  box.replaceChildren(t("advanced.loading"));
  try {
    const schemas = (await get("openapi.json")).components.schemas;
    draw = () => box.replaceChildren(...fields(schemas).map(([name, schema]) => field(name, schema, changed)));
    draw();
  } catch (error) {
    asked = false;
    box.replaceChildren(error.message);
  }
}

/** @returns {[string, any][]} name and schema of each field, one of each meaning */
function fields(schemas) {
  const all = Object.entries(schemas.CreateVideo.properties);
  const own = all.filter(([name, schema]) => !ELSEWHERE.has(name) && !schema.description?.startsWith("The same as"));
  return own.map(([name, schema]) => [name, plain(schema, schemas)]);
}

// The kind of value that stands for a field of several: a $ref or a list is written as JSON.
function plain(schema, schemas) {
  const kinds = (schema.anyOf ?? [schema]).filter((each) => each.type !== "null");
  const chosen = kinds.find((each) => each.type && each.type !== "array" && each.type !== "object") ?? kinds[0] ?? {};
  const whole = chosen.$ref ? schemas[chosen.$ref.split("/").pop()] : chosen;
  return { ...whole, description: schema.description ?? "" };
}

function field(name, schema, changed) {
  const input = control(name, schema);
  const hint = h("small", { id: `hint-${name}` }, schema.description);
  input.id = `advanced-${name}`;
  input.setAttribute("aria-describedby", hint.id);
  input.addEventListener("change", () => {
    const value = read(input, schema);
    if (value === undefined) delete values[name];
    else values[name] = value;
    changed();
  });
  return h("div", { className: "field" }, h("label", { for: input.id }, name.replaceAll("_", " ")), input, hint);
}

function control(name, schema) {
  const set = values[name];
  const choices = schema.type === "boolean" ? ["true", "false"] : schema.enum;
  if (choices) {
    const select = h("select", {}, new Option(t("default"), ""), ...choices.map((each) => new Option(each, each)));
    select.value = set === undefined ? "" : String(set);
    return select;
  }
  const value = set === undefined ? "" : typeof set === "object" ? JSON.stringify(set) : String(set);
  if (!["integer", "number"].includes(schema.type)) {
    const json = ["array", "object"].includes(schema.type);
    return h("input", { value, spellcheck: false, autocomplete: "off", placeholder: json ? (schema.type === "array" ? "[…]" : "{…}") : t("default") });
  }
  const limits = { min: schema.minimum ?? "", max: schema.maximum ?? "", step: schema.type === "integer" ? 1 : "any" };
  return h("input", { type: "number", placeholder: t("default"), value, ...limits });
}

function read(input, schema) {
  const text = input.value.trim();
  if (!text) return undefined;
  if (schema.type === "boolean") return text === "true";
  if (schema.type === "integer" || schema.type === "number") return Number(text);
  if (!["array", "object"].includes(schema.type)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // the server says what is wrong with it
  }
}
