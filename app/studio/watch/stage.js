// The stage: the newest job large, from its first preview to the video, over the ribbon of its schedule.

import { act, hurry } from "../acts.js";
import { get } from "../api.js";
import { $, button, fillBar, h, say } from "../dom.js";
import { pictured } from "../keep/card.js";
import { move } from "../motion.js";
import { refined, sentence, story, title } from "../sentences.js";
import { ended, file, left, previews, videos, watch } from "../store.js";
import { span, t } from "../words.js";
import { company, ribbon } from "./ribbon.js";

const TICK_MS = 500;
const SOON_MS = 80; // sooner than anybody sees
const REPORT_MS = 800;
/** @type {string | null} */
let shown = null;
let asked = 0; // when the report was
let reported = "";

const running = (video) => video && !ended(video) && video.phase !== "queued";

// One that runs before one that waits, what is under way before what is made, the newest of each; it stays while it runs.
function newest() {
  const now = shown ? videos.get(shown) : undefined;
  if (running(now)) return now;
  const rank = (video) => (running(video) ? 2 : ended(video) ? 0 : 1);
  let best = now;
  for (const video of videos.values()) {
    if (ended(video) && (video.status === "failed" || best)) continue;
    if (!best || rank(video) > rank(best) || (rank(video) === rank(best) && video.created_at > best.created_at)) best = video;
  }
  return best;
}

/** Puts another video on the stage. @param {Video} video */
function mount(video) {
  shown = video.id;
  asked = 0;
  reported = "";
  const screen = h("video", { loop: true, muted: true, playsInline: true, tabIndex: -1, "data-of": video.id, "aria-hidden": "true" });
  const picture = h("img", { className: "glimpse", alt: "", hidden: true });
  screen.addEventListener("loadeddata", () => (picture.hidden = true));
  const buttons = [
    button("stop", t("cancel"), () => turn("cancel"), { act: "cancel" }),
    button("detail", t("details"), () => turn("details"), { act: "details" }),
    button("again", t("another"), () => turn("again"), { act: "again" }),
  ];
  const urgent = h("select", { "aria-label": t("priority") }, ["low", "normal", "high"].map((each) => new Option(t("priority.is", { name: t(`priority.${each}`) }), each)));
  urgent.addEventListener("change", () => {
    const current = videos.get(shown ?? "");
    if (current) hurry(current, urgent.value);
  });
  const ribbonBox = h("div", { className: "ribbon", hidden: true });
  $("stage-body").replaceChildren(
    h("div", { className: "stage-screen" }, screen, picture, h("span", { className: "bar" }, h("i")), h("p", { className: "stage-draft", hidden: true }, t("draft.shown")), h("p", { className: "countdown", hidden: true })),
    ribbonBox,
    h("p", { className: "prompt" }),
    h("p", { className: "stage-state" }),
    h("p", { className: "stage-story" }),
    h("p", { className: "stage-refined soft" }),
    h("p", { className: "stage-company soft" }),
    h("p", { className: "acts" }, buttons, urgent),
  );
  $("stage").hidden = false;
}

const turn = (what) => {
  const video = videos.get(shown ?? "");
  if (video) act(what, video);
};

function show() {
  const video = newest();
  if (!video) {
    shown = null;
    $("stage").hidden = true;
    return;
  }
  if (video.id !== shown) mount(video);
  const part = (name) => $("stage-body").querySelector(name);
  const over = ended(video);
  say(part(".prompt"), title(video));
  say(part(".stage-state"), sentence(video));
  say(part(".stage-story"), video.status === "failed" ? "" : story(video));
  const drafted = Boolean(video.draft?.url) && !over; // it plays, and there is more to see in it than in a preview
  part(".stage-draft").hidden = !drafted;
  say(part(".stage-refined"), refined(video));
  fillBar(part(".bar"), video.progress / 100);
  part(".bar").hidden = over;
  const rest = left(video);
  part(".countdown").hidden = over || !rest || video.phase === "queued"; // what was foretold is over: nobody knows
  if (rest) say(part(".countdown"), span(rest));
  part('[data-act="cancel"]').hidden = over;
  part('[data-act="again"]').hidden = !over;
  part("select").hidden = over;
  if (document.activeElement !== part("select")) part("select").value = video.priority;
  $("stage").classList.toggle("live", !over);
  const preview = previews.get(video.id);
  if (preview && !over && !drafted) pictured(part(".glimpse"), preview);
  if (video.status === "completed") play(part("video"), video);
  else if (drafted) play(part("video"), video, "draft");
  report(video);
}

function play(screen, video, variant = "") {
  const wanted = variant || "video";
  if (screen.dataset.asked === wanted) return;
  screen.dataset.asked = wanted;
  file(video.id, variant)
    .then((address) => {
      if (screen.dataset.asked !== wanted) return; // the video itself was quicker
      screen.src = address;
      move(screen);
    })
    .catch(() => delete screen.dataset.asked); // its card says why
}

// The report has what the events leave out: which steps were forecast, and beside whom the others ran.
async function report(video) {
  const state = `${video.status} ${video.phase} ${video.step}`;
  if (state === reported || (!ended(video) && performance.now() - asked < REPORT_MS)) return;
  reported = state;
  asked = performance.now();
  try {
    const id = video.id;
    const found = await get(`v1/videos/${id}/report`);
    if (shown !== video.id) return;
    ribbon($("stage-body").querySelector(".ribbon"), found);
    say($("stage-body").querySelector(".stage-company"), company(found).join(", "));
  } catch {
    reported = ""; // it is no more than a story
  }
}

let due = 0;
// Twenty jobs tell of twenty steps at once: one look at them all is enough.
function showSoon() {
  due ||= window.setTimeout(() => {
    due = 0;
    show();
  }, SOON_MS);
}

watch((what, video) => {
  if (what === "dropped" && video.id === shown) shown = null;
  if (shown) showSoon();
  else show();
});
setInterval(() => {
  const video = videos.get(shown ?? "");
  if (video && !ended(video)) show();
}, TICK_MS);
