// The page: puts its parts together, follows what happens to all videos, and sends what the form asks for.

import { act, make, trouble } from "./acts.js";
import { call, forget, get, key, lasting } from "./api.js";
import { setAdvanced, showAdvanced } from "./ask/advanced.js";
import { analyse, latest } from "./ask/analysis.js";
import { changed, draft, fill, onForm, pickTier, requests, TIERS, tooMany, withPictures } from "./ask/form.js";
import { showGrid } from "./ask/grid.js";
import { listenForPictures, picturePlace } from "./ask/picture.js";
import { advise, pickStyles } from "./ask/styles.js";
import { wall } from "./ask/wall.js";
import { $, h, icon, say, sleep } from "./dom.js";
import { figuresSoon, keepFigures } from "./figures.js";
import { keepPage } from "./install.js";
import { newest, older } from "./keep/gallery.js";
import { route } from "./keep/opening.js";
import { switchMotion } from "./motion.js";
import { resume, waiting } from "./outbox.js";
import { listenForCommands } from "./palette.js";
import { title } from "./sentences.js";
import { ended, happened, heard, learn, left, refresh, videos, watch } from "./store.js";
import { followTogether } from "./tabs.js";
import { switchTheme, THEMES } from "./theme.js";
import { listenForViews } from "./views.js";
import { reportVitals } from "./vitals.js";
import { known, switchLanguage, t, translate } from "./words.js";
import "./watch/stage.js";

const EXAMPLES = [
  "a crimson ball rolls to the right on a sand background",
  "a small white star spins on a night blue background",
  "a green ring moves left on a gray background",
  "a red circle moves right and a blue square moves left on a black background",
];

// What happens

let ready = () => {};
const connected = new Promise((resolve) => (ready = () => resolve(undefined)));

function tell({ kind, data }) {
  heard({ kind, data });
  if (kind === "ready") {
    ready();
    for (const video of videos.values()) if (!ended(video)) refresh(video.id); // what the stream may have missed
    if (!data.whole) newest().catch(() => {});
  } else if (kind === "snapshot") {
    learn(data);
  } else {
    happened(kind, data);
  }
}

let gone = false;
function away(is = gone) {
  gone = is;
  const unsent = is && waiting() ? ` ${t("away.unsent", { n: waiting() })}` : "";
  $("away").textContent = is ? (navigator.onLine ? t("away") : t("offline")) + unsent : "";
  $("away").hidden = !is;
}

// What is asked for

/** @type {Model[]} */
let models = [];

const picture = picturePlace($("picture-box"), { id: "picture", shape, changed: () => changed() });
/** @type {ReturnType<import("./ask/others.js").otherPictures> | null} */
let others = null; // the pictures beside that one, where a model takes any
withPictures(() => (others ? others.wish(picture) : picture.wish()), putPictures);

function shape() {
  const model = models.find((each) => each.id === $("model").value) ?? models.find((each) => each.default) ?? models[0];
  const [width, height] = ($("size").value || model?.sizes[0] || "1x1").split("x").map(Number);
  return width / height;
}

function fillModels() {
  $("model").append(...models.map((model) => new Option(model.id, model.id)));
  pickModel();
}

/** @param {GivenInput[]} given what a video was made with @returns {Promise<number>} of how many there is no place */
async function putPictures(given) {
  const size = $("size").value;
  await pickModel(); // which may bring back what was kept, and knows only the model's own sizes
  fill({ size });
  picture.clear();
  others?.clear();
  let left = 0;
  for (const each of given) {
    const free = each.kind === "image" && (each.role === "first" ? picture : others?.place(each));
    if (!free || !free.takes()) left += 1;
    else await free.take(await (await call(each.path)).blob(), { name: "", background: "keep", crop: "cover" });
  }
  return left;
}

function pickModel() {
  const model = models.find((each) => each.id === $("model").value) ?? models.find((each) => each.default) ?? models[0];
  if (!model) return;
  const size = $("size").value;
  $("size").replaceChildren(new Option(t("default"), ""), ...model.sizes.map((each) => new Option(each, each)));
  $("size").value = model.sizes.includes(size) ? size : "";
  $("speculative-box").hidden = !model.drafts;
  $("seconds").max = String(model.max_seconds);
  $("picture-box").hidden = !models.some((each) => each.takes_image);
  const enabled = picture.enable(model.takes_image, model.id);
  reshape();
  return Promise.all([enabled, showOthers(model)]);
}

/** @param {Model} model */
async function showOthers(model) {
  if (!others && !model.inputs.some(({ role }) => role !== "first")) return;
  const { otherPictures } = await import("./ask/others.js");
  others ??= otherPictures($("pictures"), { shape, changed });
  await others.enable(model);
}

function reshape() {
  picture.reshape();
  others?.reshape();
}

function lock() {
  const is = $("seed").value.trim() !== "" && $("seed").value.trim() !== "-1";
  $("seed-lock").setAttribute("aria-pressed", String(is));
}

function asked() {
  showGrid($("many").value === "grid", changed);
  const wanted = requests();
  const label = wanted.length > 1 ? t("make.n", { n: wanted.length }) : t("make");
  $("make").querySelector("span").textContent = label;
  lock();
  analyse();
  advise();
}

function submit(event) {
  event.preventDefault();
  const wrong = tooMany(requests().length);
  if (wrong) return void ($("trouble").textContent = wrong);
  trouble(async () => {
    await Promise.all([picture.ready(), others?.ready()]);
    await Promise.all(requests().map((wanted) => make(wanted)));
  });
  if (window.matchMedia("(max-width: 62rem)").matches) $("watch").scrollIntoView({ block: "start" });
}

function prepare() {
  translate();
  $("prompt").placeholder = t("prompt.example");
  $("palette-find").placeholder = t("commands.find");
  $("seed").placeholder = t("seed.free");
  $("seed").title = t("seed.title");
  $("seconds").placeholder = t("default");
  $("language").replaceChildren(h("b", { "aria-hidden": "true" }, t("language.short")), h("span", {}, t("language")));
  $("language").setAttribute("aria-label", t("language"));
  $("commands").prepend(icon("command"));
  $("make").prepend(icon("bolt"));
  for (const [id, name, words] of /** @type {const} */ ([["seed-lock", "locked", "seed.lock"], ["seed-fresh", "dice", "seed.fresh"], ["detail-close", "close", "close"]])) {
    $(id).append(icon(name));
    $(id).title = t(words);
    $(id).setAttribute("aria-label", t(words));
  }
  for (const name of TIERS.slice(1)) $("filter-tier").append(new Option(known("tier", name), name));
  $("examples").append(...EXAMPLES.map((text) => h("button", { type: "button", className: "chip", onclick: () => fill({ prompt: text }) }, text)));
}

function listen() {
  $("ask").addEventListener("submit", submit);
  $("ask").addEventListener("input", changed);
  $("prompt").addEventListener("keydown", (key) => {
    if (key.key === "Enter" && (key.metaKey || key.ctrlKey)) $("ask").requestSubmit();
  });
  $("model").addEventListener("change", pickModel);
  $("seed-lock").addEventListener("click", () => fill({ seed: $("seed-lock").getAttribute("aria-pressed") === "true" ? "" : (latest?.seed_text ?? "") }));
  $("seed-fresh").addEventListener("click", () => fill({ seed: $("seed").value === "-1" ? "" : "-1" }));
  $("advanced").addEventListener("toggle", () => $("advanced").open && showAdvanced(changed));
  $("more").addEventListener("click", () => trouble(older));
  $("language").addEventListener("click", switchLanguage);
  addEventListener("online", () => away());
  addEventListener("offline", () => away());
  onForm(asked);
  listenForPictures((file) => {
    if (!$("picture").disabled) picture.take(file);
    else if (!others?.take(file)) $("trouble").textContent = t("picture.not", { model: $("model").value || (models[0]?.id ?? "") });
  }, $("picture-box"));
  $("size").addEventListener("change", reshape);
  listenForCommands(offers);
}

function offers() {
  const live = [...videos.values()].filter((video) => !ended(video));
  return [
    { label: t("go.prompt"), run: () => $("prompt").focus() },
    ...["", "stories", "control"].map((name) => ({ label: t("go.view", { name: t(`view.${name || "first"}`) }), run: () => (location.hash = `#/${name}`) })),
    { label: t("go.filter"), run: () => $("filter-find").focus() },
    { label: t("make"), run: () => $("ask").requestSubmit() },
    { label: t(document.body.classList.contains("still") ? "motion.play" : "motion.pause"), run: switchMotion },
    ...THEMES.map((name) => ({ label: t("theme", { name: t(`theme.${name}`) }), run: () => switchTheme(name) })),
    { label: t("language"), run: switchLanguage },
    ...["docs", "health", "api/stats"].map((path) => ({ label: t("go.elsewhere", { path }), run: () => open(path, "_blank", "noopener") })),
    { label: t("go.wall"), run: () => showWall(true) },
    ...TIERS.map((name) => ({ label: `${t("tier")}: ${known("tier", name)}`, run: () => (pickTier(name), changed()) })),
    ...EXAMPLES.map((text) => ({ label: t("example.n", { text }), run: () => fill({ prompt: text }) })),
    ...(key() ? [{ label: t("key.forget"), run: forget }] : []),
    ...live.map((video) => ({ label: `${t("cancel")}: ${title(video)}`, run: () => act("cancel", video) })),
    ...[...videos.values()].map((video) => ({ label: `${t("details")}: ${title(video)}`, run: () => act("details", video) })),
  ];
}

let walled = false;
async function showWall(is) {
  if (!is) {
    if (walled) $("wall").replaceChildren();
    walled = false;
  } else if (!walled) {
    walled = true;
    const made = await wall((wanted) => trouble(() => make(wanted))).catch(() => null);
    if (made && walled) $("wall").replaceChildren(made);
    $("wall").scrollIntoView({ block: "nearest" });
  }
}

// What is read once, whenever the server is there: a page may be opened before.
const FIRST = [
  async () => {
    await older();
    if (!videos.size) showWall(true);
  },
  async () => {
    models = (await get("v1/models")).data;
    fillModels();
  },
  pickStyles,
];
/** @param {() => Promise<void>} read */
const needed = (read) => lasting(read).catch((error) => say($("trouble"), error.message));

prepare();
listen();
const { tier: keptTier, advanced, ...keptFields } = draft();
setAdvanced(advanced);
fill({ ...keptFields, ...(keptTier ? { tier: keptTier } : {}) });
$("prompt").focus({ preventScroll: true });
watch((what, video) => {
  if (what === "shown" && walled) showWall(false);
  if (what === "ended" || (what === "shown" && !ended(video))) figuresSoon();
});
followTogether(tell, away, () => [...videos.values()].filter((video) => !ended(video)).map((video) => ({ ...video, eta_s: left(video) })));
resume(away).forEach((sent) => trouble(async () => learn(await sent)));
keepFigures();
reportVitals((path, body) => call(path, { method: "POST", headers: { "content-type": "application/json" }, body, keepalive: true }));
listenForViews();
route();
keepPage();
Promise.race([connected, sleep(3000)]).then(() => FIRST.forEach(needed)); // what happens while the list is read is then told, too
