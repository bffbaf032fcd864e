// The page: asks the public API, follows what happens to all videos, shows what came of it.

import { call, post } from "./api.js";
import { card, cards, drop, ended, glimpse, seconds, show, styles, trim, warn } from "./cards.js";
import { follow } from "./feed.js";

const EXAMPLES = [
  "a crimson ball rolls to the right on a sand background",
  "a small white star spins on a night blue background",
  "a green ring orbits on a gray background",
  "a red circle moves right and a blue square moves left on a black background",
];
const PAGE = 12;
const FIGURES_MS = 10000;
const AGAIN_MS = 2000;
const $ = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let oldest = null;
let most = 10 * PAGE; // cards, before the oldest make room for what is asked for elsewhere

// What happens

let ready;
const connected = new Promise((resolve) => (ready = resolve));

function tell({ kind, data }) {
  if (kind === "ready") {
    ready();
    for (const { video } of cards.values()) if (!ended(video)) refresh(video.id); // what the stream may have missed
    if (!data.whole) newest().catch(() => {});
  } else if (kind === "snapshot") {
    arrived(data);
  } else if (cards.has(data.video_id)) {
    happened(kind, data, cards.get(data.video_id));
  }
}

function happened(kind, data, found) {
  const { video } = found;
  if (kind === "end" && data.status === "deleted") return drop(video.id);
  if (ended(video)) return; // told again after a reconnect
  if (kind === "end") return void refresh(video.id).then(soonFigures);
  if (kind === "preview") return glimpse(found, data);
  if (kind === "phase") Object.assign(video, { phase: data.phase, ...(data.phase === "queued" ? { step: 0, progress: 0 } : {}) });
  if (kind === "queue") Object.assign(video, { queue_position: data.position, eta_s: data.eta_s });
  if (kind === "step") {
    const { step, total_steps: total, eta_s: eta } = data;
    Object.assign(video, { step, total_steps: total, eta_s: eta, phase: "denoising", progress: Math.min(99, (100 * step) / total) });
  }
  show(found);
}

function arrived(video) {
  card(video, true);
  const last = trim(most);
  if (last) [oldest, $("more").hidden] = [last, false];
}

// The video as the server has it, as soon as it can say.
async function refresh(id) {
  while (cards.has(id)) {
    try {
      return void card(await (await call(`v1/videos/${id}`)).json());
    } catch (error) {
      if (error.status === 404) return drop(id);
      await sleep(AGAIN_MS);
    }
  }
}

function away(is) {
  $("away").textContent = is ? "The server does not answer. Trying again until it does." : "";
  $("away").hidden = !is;
}

// What is asked for

async function act(what, id) {
  const { element, video } = cards.get(id);
  const screen = element.querySelector("video");
  if (what === "play") return void (screen.paused ? screen.play() : screen.pause());
  await trouble(async () => {
    if (what === "good" || what === "bad") {
      await post(`v1/videos/${id}/feedback`, { score: what === "good" ? 4 : 2 }); // 4: right as it is
      element.querySelector(".state").textContent = "Thank you for rating it.";
    }
    if (what === "cancel") card(await (await post(`v1/videos/${id}/cancel`, {})).json());
    if (what === "again") await make(another(video));
    if (what === "save") Object.assign(document.createElement("a"), { href: screen.src, download: `${id}.mp4` }).click();
    if (what === "delete") {
      await call(`v1/videos/${id}`, { method: "DELETE" });
      drop(id);
    }
  });
}

// What decides the plan, and with it the whole wish.
const asks = (text) => ({ prompt: text, quality_tier: $("tier").value, style: $("style").value });
const wish = (text) => ({ ...asks(text), priority: $("priority").value, preview: true });

// The same again, as it was asked for then, whatever the form says now, with a fresh seed.
function another(video) {
  const { written_prompt: written, asked_tier: asked, tier, style, enhanced } = video.optimization;
  return {
    prompt: written ?? video.prompt,
    quality_tier: asked || tier,
    style: style ?? "",
    ...(enhanced ? { enhance: true } : {}),
    model: video.model,
    size: video.size,
    num_frames: video.num_frames,
    fps: video.fps,
    priority: video.priority,
    seed: -1,
    preview: true,
  };
}

async function make(wanted) {
  const video = await (await post("v1/videos", wanted)).json();
  if (!cards.has(video.id)) card(video, true); // else the stream was quicker, and knows more
  if (ended(video)) soonFigures();
}

async function trouble(work) {
  $("trouble").textContent = "";
  try {
    await work();
  } catch (error) {
    $("trouble").textContent = error.message;
  }
}

async function newest() {
  const page = await (await call(`v1/videos?limit=${PAGE}`)).json();
  for (const video of page.data.reverse()) card(video, true);
}

async function older() {
  const page = await (await call(`v1/videos?limit=${PAGE}${oldest ? `&after=${oldest}` : ""}`)).json();
  for (const video of page.data) if (!cards.has(video.id)) card(video);
  most = Math.max(most, cards.size + PAGE);
  oldest = page.last_id;
  $("more").hidden = !page.has_more;
}

// What is known

async function figures() {
  const stats = await (await call("api/stats")).json();
  const share = (value) => (value == null ? "-" : `${Math.round(100 * value)} %`);
  const made = `${stats.jobs.completed} made`;
  if (stats.scope === "own") {
    $("figures").textContent = `${made} · ${stats.tenant.jobs} under way`;
    return;
  }
  $("figures").textContent =
    `${made} · ${share(stats.optimization.steps_saved_share)} of evaluations saved · ` +
    `${share(stats.cache_stats.levels.results?.hit_rate)} repeats from the cache · ${stats.line?.jobs ?? 0} waiting · ` +
    `${stats.replicas.length} replica${stats.replicas.length === 1 ? "" : "s"}`;
}

let figuresSoon;
function soonFigures() {
  clearTimeout(figuresSoon);
  figuresSoon = setTimeout(() => figures().catch(() => {}), 300);
}

async function pickStyles() {
  for (const { id, name, description, owner } of (await (await call("v1/styles")).json()).data) {
    styles.set(id, name);
    const text = owner === "other" ? `${name} (shared)` : name;
    $("style").append(Object.assign(document.createElement("option"), { value: id, textContent: text, title: description }));
  }
  for (const each of cards.values()) show(each);
}

let asked = 0;
async function plan() {
  const mine = (asked += 1);
  const text = $("prompt").value.trim();
  const say = (words, warnings) => {
    if (mine !== asked) return;
    $("plan").textContent = words;
    warn($("plan-warnings"), warnings);
  };
  if (!text) return say("");
  try {
    const found = await (await post("api/optimization/analyze", asks(text))).json();
    const complexity = `${found.complexity.replace("_", " ")} (${found.complexity_score})`;
    say(`${complexity}: ${found.tier}, ${found.steps} steps, ${seconds(found.estimated_seconds)}`, found.warnings);
  } catch (error) {
    say(error.message);
  }
}

let later;
const soon = () => {
  clearTimeout(later);
  later = setTimeout(plan, 300);
};

$("gallery").addEventListener("click", ({ target }) => {
  const what = target.closest("[data-act]")?.dataset.act;
  if (what) act(what, target.closest("article").dataset.id);
});
$("prompt").addEventListener("input", soon);
$("tier").addEventListener("change", soon);
$("style").addEventListener("change", soon);
$("prompt").addEventListener("keydown", (key) => {
  if (key.key === "Enter" && (key.metaKey || key.ctrlKey)) $("ask").requestSubmit();
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = wish($("prompt").value.trim());
  if ($("seed").value.trim()) wanted.seed = Number($("seed").value);
  trouble(() => make(wanted));
});
$("more").addEventListener("click", () => trouble(older));
for (const text of EXAMPLES) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  button.addEventListener("click", () => {
    $("prompt").value = text;
    soon();
  });
  $("examples").append(button);
}

follow(tell, away);
trouble(async () => {
  await Promise.race([connected, sleep(3000)]); // what happens while the list is read is then told, too
  await older();
  await pickStyles();
});
for (;;) {
  await figures().catch(() => {});
  await sleep(FIGURES_MS);
}
