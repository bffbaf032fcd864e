// A picture to begin with: picked, dropped or pasted, looked at before it is sent.

import { $, button, h } from "../dom.js";
import { number, t } from "../words.js";

const KINDS = ["image/png", "image/jpeg", "image/webp"];
const MOST_BYTES = 20e6;
let picture = ""; // as a data URL
let takes = true;
let changed = () => {};

export const pictureWish = () => (picture && takes ? { input_reference: picture } : {});

/** Whether the model that is asked takes one. @param {boolean} does @param {string} model */
export function pictureFor(does, model) {
  takes = does;
  $("picture-box").classList.toggle("off", !does);
  $("picture").disabled = !does;
  $("picture-note").textContent = does ? t("picture.drop") : t("picture.not", { model });
}

async function take(file) {
  if (!takes) return;
  if (!KINDS.includes(file.type)) return void ($("picture-note").textContent = t("picture.kind"));
  if (file.size > MOST_BYTES) return void ($("picture-note").textContent = t("picture.big", { mb: number(MOST_BYTES / 1e6) }));
  picture = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result)));
    reader.readAsDataURL(file);
  });
  $("picture-note").textContent = file.name;
  const shown = h("img", { alt: file.name, src: URL.createObjectURL(file) });
  $("picture-seen").replaceChildren(shown, button("close", t("picture.away"), takeAway, { bare: true }));
  changed();
}

function takeAway() {
  picture = "";
  URL.revokeObjectURL($("picture-seen").querySelector("img").src);
  $("picture-seen").replaceChildren();
  $("picture").value = "";
  $("picture-note").textContent = t("picture.drop");
  $("picture").focus();
  changed();
}

/** @param {() => void} onchange */
export function listenForPictures(onchange) {
  changed = onchange;
  const first = (files) => [...(files ?? [])].find((file) => file.type.startsWith("image/"));
  $("picture").addEventListener("change", () => $("picture").files[0] && take($("picture").files[0]));
  document.addEventListener("paste", (event) => {
    const file = first(event.clipboardData?.files);
    if (file) take(file);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // or the browser leaves the page for the picture
    $("picture-box").classList.toggle("over", takes);
  });
  document.addEventListener("dragleave", () => $("picture-box").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("picture-box").classList.remove("over");
    const file = first(event.dataTransfer?.files);
    if (file) take(file);
  });
}
