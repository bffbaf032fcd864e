// What a person has typed and not yet sent: films that are drafts, and edits of films that are made. It survives a reload.

import { kept } from "../words.js";

const NAME = "kinoray-films";
const FILM = { title: "", style: "", tier: "auto", model: "", size: "", fps: "", seed: "", negative_prompt: "", voice: "", language: "en", speed: 1, captions: "track", transition: "cut", transition_seconds: 0.5, fit: "hold", music_level: 0 };
const SCENE = { title: "", prompt: "", narration: "", caption: "", seconds: "", style: "", tier: "", seed: "", transition: "", fit: "" };
export const MOST_SCENES = 60;

/** @type {Record<string, Draft>} */
let drafts = read();
/** @type {Set<() => void>} */
const listeners = new Set();

function read() {
  try {
    return JSON.parse(kept?.getItem(NAME) ?? "{}");
  } catch {
    return {};
  }
}

function write() {
  try {
    kept?.setItem(NAME, JSON.stringify(drafts));
  } catch {
    // a browser that keeps nothing, or is full: it lives as long as the page
  }
  listeners.forEach((listener) => listener());
}

addEventListener("storage", (event) => {
  if (event.key !== NAME) return;
  drafts = read(); // another tab has typed
  listeners.forEach((listener) => listener());
});

/** @param {() => void} listener */
export const onDrafts = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const isDraft = (id) => id.startsWith("draft_");
export const draftOf = (id) => drafts[id] ?? null;
export const allDrafts = () => Object.values(drafts);

/** Keeps it as it is now. @param {Draft} draft */
export function keep(draft) {
  drafts[draft.id] = { ...draft, changed: Date.now() };
  write();
}

export function forgetDraft(id) {
  if (!(id in drafts)) return;
  delete drafts[id];
  write();
}

/** An empty scene, or one with these fields. @param {object} [fields] @returns {DraftScene} */
export const scene = (fields = {}) => ({ ...SCENE, picture: null, others: {}, ...texts(fields, SCENE), key: fresh().slice(0, 12), from: null });

/** A film that nobody has seen yet, of a body as the API takes it. @param {any} [body] @returns {Draft} */
export function draft(body = {}) {
  const scenes = (body.scenes ?? [{}]).map((each) => scene(each));
  return { id: `draft_${fresh()}`, of: null, changed: Date.now(), sending: null, film: { ...FILM, ...texts(body, FILM) }, scenes };
}

/** What a film on record asks for, to be edited. @param {Film} film @returns {Draft} */
export function edits(film) {
  const made = draft(film);
  const scenes = film.scenes.map((each, at) => ({ ...made.scenes[at], key: `scene-${each.number}`, from: each.number, picture: each.has_image ? { kept: true, name: "" } : null, others: keptOthers(each) }));
  return { ...made, id: film.id, of: film.id, scenes };
}

/** @param {FilmScene} each @returns {Record<string, Picture>} */
function keptOthers(each) {
  /** @type {Record<string, Picture>} */
  const found = {};
  for (const { role } of each.inputs.filter((given) => given.role !== "first")) {
    const at = Object.keys(found).filter((name) => name.startsWith(role)).length;
    found[`${role}-${at}`] = { kept: true, name: "" };
  }
  return found;
}

/** All pictures of a scene with what each is for. @param {DraftScene} each @returns {(Picture & { role: string })[]} */
export const pictures = (each) => [
  ...(each.picture ? [{ ...each.picture, role: "first" }] : []),
  ...Object.entries(each.others ?? {}).map(([name, picture]) => ({ ...picture, role: name.split("-")[0] })),
];

// Of a record's fields those that a draft has; what is null is as if it were not given.
function texts(fields, known) {
  const found = {};
  for (const [name, usual] of Object.entries(known)) {
    const value = fields[name];
    if (value != null) found[name] = typeof usual === "number" ? Number(value) : String(value);
  }
  return found;
}

const NUMBERS = new Set(["seconds", "fps"]);

/** @returns {Record<string, any>} */
const given = (fields, usual) => {
  /** @type {Record<string, any>} */
  const found = {};
  for (const [name, value] of Object.entries(fields)) {
    if (!(name in usual) || value === "" || value === usual[name]) continue;
    found[name] = NUMBERS.has(name) ? Number(value) : typeof value === "string" ? value.trim() : value;
    if (found[name] === "") delete found[name];
  }
  return found;
};

const several = (each) => pictures(each).some(({ role }) => role !== "first");

// Those that the film on record has cannot be sent.
function pictureBody(each, all = several(each)) {
  const sent = pictures(each).filter(({ upload }) => upload);
  if (all) return { input_references: sent.map(({ upload, role }) => ({ upload, role })) };
  return sent.length ? { image: { upload: sent[0].upload } } : {};
}

/** The scene as the API takes it. @param {DraftScene} each @returns {Record<string, any>} */
export const sceneBody = (each) => ({ ...given(each, SCENE), prompt: each.prompt.trim(), ...pictureBody(each) });

/** Those fields of a scene as a change takes them: null takes away what there was. @param {DraftScene} each @param {DraftScene | undefined} before @param {string[]} fields */
export function sceneChange(each, before, fields) {
  const whole = sceneBody(each);
  const plain = fields.filter((name) => name !== "image");
  /** @type {Record<string, any>} */
  const shown = fields.includes("image") ? { image: null, ...pictureBody(each, several(each) || Boolean(before && several(before))) } : {};
  if ("input_references" in shown) delete shown.image;
  return { ...Object.fromEntries(plain.map((name) => [name, whole[name] ?? null])), ...shown };
}

/** The film as the API takes it. @param {Draft} made @param {DraftScene[]} [scenes] @returns {Record<string, any>} */
export function body(made, scenes = made.scenes) {
  const wish = given(made.film, { ...FILM, tier: "", language: "", captions: "", transition: "", fit: "" });
  wish.preview = true; // scenes are seen while they are made
  wish.scenes = scenes.map(sceneBody);
  return wish;
}
