// A place for a picture that a video is made with: picked, dropped or pasted, cut, sent, and seen as it will be used.

import { post, Refusal } from "../api.js";
import { $, announce, button, h, icon, say, soon } from "../dom.js";
import { known, number, percent, t } from "../words.js";
import { cut, frame, untouched, whole } from "./crop.js";
import { forget, keepPicture, keptPicture, upload } from "./upload.js";

const KINDS = ["image/png", "image/jpeg", "image/webp"];
const MOST_BYTES = 50e6;
const SETTLED_MS = 500;
const GROUNDS = ["keep", "remove", "blur"];

/**
 * @param {any} box an element, into which the place is put
 * @param {{ id: string, shape: () => number, changed: () => void, label?: string, plain?: boolean }} options `id`: of this
 *   place, in the page and in what is kept over a reload; `shape`: width / height of the video; `changed` is told when
 *   there is another wish; `plain`: it is taken as it is, but for its cut
 */
export function picturePlace(box, { id, shape, changed, label = t("picture"), plain = false }) {
  const input = h("input", { id, type: "file", accept: KINDS.join(), className: "unseen", disabled: true });
  const pick = h("label", { id: `${id}-pick`, className: "picture-pick", for: id }, icon("picture"), label);
  const note = h("p", { id: `${id}-note`, className: "soft" });
  const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": t("picture.sends") });
  const seen = h("div", { id: `${id}-seen`, className: "picture-seen" });
  const choice = (name, values) => h("select", { id: `${id}-${name}` }, values.map((each) => new Option(t(`prepare.${each}`), each)));
  const ground = choice("background", GROUNDS);
  const crop = choice("crop", ["cover", "subject"]);
  const result = h("div", { className: "picture-result" });
  const prepare = h("div", { className: "picture-prepare", hidden: true }, h("label", { for: ground.id }, t("prepare.background")), ground, h("label", { for: crop.id }, t("prepare.crop")), crop, result);
  box.classList.add("picture-box");
  box.replaceChildren(input, pick, note, bar, seen, prepare);

  let takes = false;
  let model = "";
  /** @type {{ file: Blob, name: string, bitmap: ImageBitmap, box: any, frame: any } | null} */
  let picture = null;
  /** @type {{ id: string | null, whole: boolean, data: string, blob: Blob } | null} what is, or is being, sent */
  let sent = null;
  let abort = new AbortController();
  /** @type {Promise<void>} */
  let sending = Promise.resolve();

  const largest = () => whole(/** @type {any} */ (picture).bitmap.width / /** @type {any} */ (picture).bitmap.height, shape());
  const wished = () => (ground.value === "keep" && crop.value === "cover" ? {} : { prepare: { background: ground.value, crop: crop.value } });
  const keep = () => keepPicture(id, picture && { file: picture.file, name: picture.name, box: picture.box, blob: sent?.blob, id: sent?.id ?? null, background: ground.value, crop: crop.value });
  const hint = () => say(note, takes ? t("picture.drop") : t("picture.not", { model }));

  /** It as one of `input_references`. @returns {Record<string, any> | null} */
  const given = () => (!takes || !sent?.whole ? null : sent.data ? { image: sent.data } : { upload: sent.id });

  /** What a request has of it, where it is the only one. @returns {Record<string, any>} */
  const wish = () => (given() ? { input_reference: sent?.data || given(), ...wished() } : {});

  /** Shows a picture, and sends it. @param {Blob & { name?: string }} file @param {any} [before] as it was kept */
  async function take(file, before = null) {
    if (!takes) return;
    if (!KINDS.includes(file.type)) return say(note, t("picture.kind"));
    if (file.size > MOST_BYTES) return say(note, t("picture.big", { mb: number(MOST_BYTES / 1e6) }));
    let bitmap;
    try {
      bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      return say(note, t("picture.broken"));
    }
    drop();
    const address = URL.createObjectURL(file);
    picture = { file, name: before?.name ?? file.name ?? "", bitmap, box: null, frame: null };
    picture.frame = frame(address, picture.name, largest, settled);
    picture.box = before?.box ?? largest();
    picture.frame.show(picture.box);
    if (before) [ground.value, crop.value] = [before.background, before.crop];
    seen.replaceChildren(picture.frame.element, button("close", t("picture.away"), takeAway, { bare: true }));
    say(note, picture.name);
    prepare.hidden = plain;
    begin(before?.blob ?? null, before?.id ?? null);
  }

  /** @param {Blob | null} blob what was cut before @param {string | null} known where that was going */
  function begin(blob, known) {
    if (!picture) return;
    abort.abort();
    abort = new AbortController();
    if (!known) leave();
    const { file, name, bitmap, box: part } = picture;
    const { signal } = abort;
    sent = null;
    changed();
    bar.hidden = false;
    bar.value = 0;
    sending = (async () => {
      blob ??= untouched(part, largest()) ? file : await cut(bitmap, part, file.type);
      /** @type {{ id: string | null, whole: boolean, data: string, blob: Blob }} */
      const mine = { id: known, whole: false, data: "", blob };
      sent = mine;
      keep();
      try {
        mine.id = await upload(blob, { name, id: known, signal, begun: (fresh) => ((mine.id = fresh), keep()), progress: (share) => (bar.value = share) });
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== 403) throw error; // a key that may not upload sends it with the request
        mine.data = await address(blob);
      }
      signal.throwIfAborted();
      mine.whole = true;
      bar.hidden = true;
      changed();
      look();
    })();
    sending.catch((error) => {
      if (signal.aborted) return;
      bar.hidden = true;
      say(note, error.message);
    });
  }

  // Forgets what was sent, once nothing of it is on its way any more.
  function leave() {
    const before = sent;
    sending.catch(() => {}).then(() => void forget(before?.id ?? null));
  }

  const settled = (next) => {
    if (!picture) return;
    picture.box = next;
    again();
  };
  const again = soon(() => picture && begin(null, null), SETTLED_MS);

  // What the server makes of it, before anything is made of that.
  let looked = 0;
  async function look() {
    const mine = (looked += 1);
    const mark = /** @type {any} */ (seen.querySelector(".subject"));
    if (mark) mark.hidden = true;
    result.replaceChildren();
    if (!picture || !sent?.whole || !("prepare" in wished())) return;
    result.replaceChildren(h("span", { className: "soft" }, t("prepare.looks")));
    try {
      const found = (await post("api/optimization/analyze", { prompt: "a picture", ...(model ? { model } : {}), ...wish() })).prepared;
      if (mine === looked && found) show(found, mark);
    } catch (error) {
      if (mine === looked) result.replaceChildren(h("span", { className: "refused" }, error.message));
    }
  }

  function show(found, mark) {
    if (found.box && mark && picture) {
      const part = picture.box;
      const [x, y, width, height] = found.box;
      const place = { left: part.x + (x / found.width) * part.width, top: part.y + (y / found.height) * part.height, width: (width / found.width) * part.width, height: (height / found.height) * part.height };
      for (const [side, share] of Object.entries(place)) mark.style[side] = `${100 * share}%`;
      mark.hidden = false;
    }
    const about = found.box ? t("prepare.seen", { subject: known("prepare", found.subject), share: percent(found.coverage) }) : "";
    const safe = typeof found.preview === "string" && /^data:image\/webp;base64,[A-Za-z0-9+/]+={0,2}$/.test(found.preview);
    result.replaceChildren(...(safe ? [h("img", { src: found.preview, alt: t("prepare.result") })] : []), h("span", { className: "soft" }, about));
    announce(about);
  }

  function drop() {
    abort.abort();
    for (const img of seen.querySelectorAll("img")) URL.revokeObjectURL(/** @type {any} */ (img).src);
    picture?.bitmap.close();
    picture = null;
    seen.replaceChildren();
    result.replaceChildren();
    prepare.hidden = true;
    bar.hidden = true;
  }

  function clear() {
    drop();
    leave();
    sent = null;
    keep();
    input.value = "";
    hint();
    changed();
  }

  function takeAway() {
    clear();
    input.focus();
  }

  input.addEventListener("change", () => input.files[0] && take(input.files[0]));
  for (const select of [ground, crop]) {
    select.addEventListener("change", () => {
      keep();
      changed();
      look();
    });
  }

  return {
    take,
    wish,
    given,
    wished,
    filled: () => picture !== null,
    takes: () => takes,
    clear,
    /** Settles once what is there is sent. Raises what was in the way. */
    ready: () => (takes ? sending : Promise.resolve()),
    /** Whether the model that is asked takes a picture. @param {boolean} does @param {string} name */
    async enable(does, name) {
      const first = does && !takes;
      [takes, model] = [does, name];
      box.classList.toggle("off", !does);
      input.disabled = !does;
      if (!picture) hint();
      if (!first || picture) return;
      const before = await keptPicture(id);
      if (before && !picture && takes) take(before.file, before);
    },
    /** The video has another shape now. */
    reshape() {
      if (!picture) return;
      const fits = largest();
      if (Math.abs(picture.box.width / picture.box.height - fits.width / fits.height) < 0.001) return;
      picture.box = fits;
      picture.frame.show(fits);
      again();
    },
  };
}

const address = (blob) =>
  new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result)));
    reader.readAsDataURL(blob);
  });

/** Pictures that are pasted, or dropped anywhere on the page. @param {(file: File) => void} take @param {any} box */
export function listenForPictures(take, box) {
  const first = (files) => [...(files ?? [])].find((file) => file.type.startsWith("image/"));
  const here = () => !$("first").hidden;
  document.addEventListener("paste", (event) => {
    const file = first(event.clipboardData?.files);
    if (file && here()) take(file);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // or the browser leaves the page for the picture
    box.classList.toggle("over", here());
  });
  document.addEventListener("dragleave", () => box.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("over");
    const file = first(event.dataTransfer?.files);
    if (file && here()) take(file);
  });
}
