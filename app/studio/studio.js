// The page: asks the public API, follows each job's events, shows what came of it. Text from outside is only ever text.

const EXAMPLES = [
  "a crimson ball bounces across the sand",
  "a small white star spins on a night blue background",
  "a green ring orbits in front of a gray wall",
  "a red circle moves right and a blue square moves left on a black background",
];
const $ = (id) => document.getElementById(id);
const KEY = "kinoray-key";
const PICTURE = /^data:image\/webp;base64,[A-Za-z0-9+/]+={0,2}$/; // nothing else becomes an image's address
const BLUR_PX = 10; // of a preview after no step at all
const cards = new Map(); // id -> { element, video }
const styles = new Map(); // id -> name
let oldest = null;

async function call(path, options = {}) {
  const key = localStorage.getItem(KEY);
  const headers = { ...(options.headers ?? {}), ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const answer = await fetch(path, { ...options, headers });
  if (answer.ok) return answer;
  const problem = (await answer.json().catch(() => ({}))).error ?? { message: `The server answered ${answer.status}.` };
  if (answer.status === 401) {
    const given = prompt(`${problem.message}\nYour API key:`);
    if (given) {
      localStorage.setItem(KEY, given.trim());
      return call(path, options);
    }
  }
  const again = answer.headers.get("retry-after");
  throw new Error(again ? `${problem.message} Try again in ${again} s.` : problem.message);
}

const post = (path, body) =>
  call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

// Server-sent events through fetch, since EventSource cannot send a key.
async function* events(id, last) {
  const answer = await call(`v1/videos/${id}/events`, { headers: last ? { "last-event-id": last } : {} });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value.replaceAll("\r", "");
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      if (field("data")) yield { kind: field("event"), id: field("id"), data: JSON.parse(field("data")) };
    }
  }
}

const seconds = (value) => (value < 1 ? "less than a second" : `about ${Math.round(value)} s`);

function card(video, first) {
  let found = cards.get(video.id);
  if (!found) {
    const element = $("card").content.firstElementChild.cloneNode(true);
    found = { element, video };
    cards.set(video.id, found);
    first ? $("gallery").prepend(element) : $("gallery").append(element);
    element.addEventListener("click", (click) => act(click.target.dataset?.act, video.id));
  }
  found.video = video;
  show(found);
  return found;
}

function show({ element, video }) {
  const part = (name) => element.querySelector(`.${name}`);
  const ended = video.status === "completed" || video.status === "failed";
  element.classList.toggle("failed", video.status === "failed");
  part("prompt").textContent = video.optimization.written_prompt ?? video.prompt;
  part("prompt").title = video.prompt;
  part("state").textContent = sentence(video);
  part("bar").firstElementChild.style.width = `${video.progress}%`;
  part("bar").hidden = ended;
  if (video.status === "failed") part("glimpse").hidden = true;
  element.querySelector('[data-act="cancel"]').hidden = ended;
  for (const what of ["save", "good", "bad"]) element.querySelector(`[data-act="${what}"]`).hidden = video.status !== "completed";
  part("badges").replaceChildren(...badges(video).map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  if (video.status === "completed" && !element.dataset.loaded) load(element, video);
}

// The unfinished video: blurred at first, sharper step by step, gone when the video itself can be seen.
function glimpse(element, { image, step, total_steps: total }) {
  if (typeof image !== "string" || !PICTURE.test(image)) return;
  const picture = element.querySelector(".glimpse");
  picture.src = image;
  picture.style.filter = `blur(${(BLUR_PX * Math.max(0, 1 - step / total)).toFixed(1)}px)`;
  picture.hidden = false;
}

function sentence(video) {
  if (video.status === "completed") return "";
  if (video.status === "failed") return video.error ? `${video.error.code}: ${video.error.message}` : "failed";
  if (video.phase === "queued") return video.queue_position ? `${video.queue_position} before it` : "next in line";
  const eta = video.eta_s == null ? "" : `, ${seconds(video.eta_s)} to go`;
  return video.phase === "denoising" ? `step ${video.step} of ${video.total_steps}${eta}` : video.phase;
}

function badges(video) {
  const plan = video.optimization;
  const found = [plan.tier, `${plan.steps} of ${plan.fixed_default_steps} steps`, `seed ${video.seed}`];
  if (plan.style) found.push(styles.get(plan.style) ?? "a style");
  if (video.priority !== "normal") found.push(`${video.priority} priority`);
  if (video.cache?.hit) found.push("from the cache");
  else if (video.inference_time_s != null) found.push(`${video.inference_time_s.toFixed(1)} s`);
  return found;
}

async function load(element, video) {
  element.dataset.loaded = "yes";
  const screen = element.querySelector("video");
  const { id } = video;
  screen.addEventListener("loadeddata", () => (element.querySelector(".glimpse").hidden = true), { once: true });
  try {
    screen.src = URL.createObjectURL(await (await call(`v1/videos/${id}/content`)).blob());
  } catch (error) {
    element.querySelector(".state").textContent = error.message;
  }
}

async function follow(id) {
  let last;
  for (let lost = 0; lost < 20 && cards.has(id); lost += 1) {
    try {
      for await (const event of events(id, last)) {
        lost = 0;
        last = event.id ?? last;
        const found = cards.get(id);
        if (!found) return;
        if (event.kind === "snapshot") found.video = event.data;
        if (event.kind === "phase") found.video.phase = event.data.phase;
        if (event.kind === "queue") Object.assign(found.video, { queue_position: event.data.position, eta_s: event.data.eta_s });
        if (event.kind === "step") {
          const { step, total_steps: total } = event.data;
          Object.assign(found.video, event.data, { phase: "denoising", progress: Math.min(99, (100 * step) / total) });
        }
        if (event.kind === "preview") glimpse(found.element, event.data);
        if (event.kind === "end") {
          card(await (await call(`v1/videos/${id}`)).json());
          return figures();
        }
        show(found);
      }
    } catch (error) {
      if (!cards.has(id)) return;
      cards.get(id).element.querySelector(".state").textContent = `${error.message} Trying again.`;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function act(what, id) {
  if (!what) return;
  const { element, video } = cards.get(id);
  await trouble(async () => {
    if (what === "good" || what === "bad") {
      await post(`v1/videos/${id}/feedback`, { score: what === "good" ? 4 : 2 }); // 4: right as it is
      element.querySelector(".state").textContent = "Thank you for rating it.";
    }
    if (what === "cancel") card(await (await post(`v1/videos/${id}/cancel`, {})).json());
    if (what === "again") {
      const { written_prompt: written, style } = video.optimization;
      await make({ ...wish(written ?? video.prompt), style: style ?? "", seed: -1 }); // its own style, not the picked one
    }
    if (what === "save") {
      const link = Object.assign(document.createElement("a"), { href: element.querySelector("video").src, download: `${id}.mp4` });
      link.click();
    }
    if (what === "delete") {
      await call(`v1/videos/${id}`, { method: "DELETE" });
      cards.delete(id);
      URL.revokeObjectURL(element.querySelector("video").src);
      element.remove();
    }
  });
}

// What decides the plan, and with it the whole wish.
const asks = (text) => ({ prompt: text, quality_tier: $("tier").value, style: $("style").value });
const wish = (text) => ({ ...asks(text), priority: $("priority").value, preview: true });

async function make(wanted) {
  const video = await (await post("v1/videos", wanted)).json();
  card(video, true);
  if (video.status === "completed") await figures();
  else follow(video.id);
}

async function trouble(work) {
  $("trouble").textContent = "";
  try {
    await work();
  } catch (error) {
    $("trouble").textContent = error.message;
  }
}

async function figures() {
  const stats = await (await call("api/stats")).json();
  const share = (value) => (value == null ? "–" : `${Math.round(100 * value)} %`);
  $("figures").textContent =
    `${stats.jobs.completed} made · ${share(stats.optimization.steps_saved_share)} of steps saved · ` +
    `${share(stats.cache_stats.levels.results?.hit_rate)} repeats from the cache · ${stats.line?.jobs ?? 0} waiting · ` +
    `${stats.replicas.length} replica${stats.replicas.length === 1 ? "" : "s"}`;
}

async function pickStyles() {
  for (const { id, name, description, owner } of (await (await call("v1/styles")).json()).data) {
    styles.set(id, name);
    const text = owner === "other" ? `${name} (shared)` : name;
    $("style").append(Object.assign(document.createElement("option"), { value: id, textContent: text, title: description }));
  }
}

async function older() {
  const page = await (await call(`v1/videos?limit=12${oldest ? `&after=${oldest}` : ""}`)).json();
  for (const video of page.data) {
    if (cards.has(video.id)) continue;
    card(video);
    if (video.status === "queued" || video.status === "in_progress") follow(video.id);
  }
  oldest = page.last_id;
  $("more").hidden = !page.has_more;
}

let asked = 0;
async function plan() {
  const mine = (asked += 1);
  const text = $("prompt").value.trim();
  if (!text) return void ($("plan").textContent = "");
  try {
    const found = await (await post("api/optimization/analyze", asks(text))).json();
    if (mine !== asked) return;
    $("plan").textContent =
      `${found.complexity.replace("_", " ")} (${found.complexity_score}) → ${found.tier}, ${found.steps} steps, ` +
      `${seconds(found.estimated_seconds)}`;
  } catch (error) {
    if (mine === asked) $("plan").textContent = error.message;
  }
}

let later;
const soon = () => {
  clearTimeout(later);
  later = setTimeout(plan, 300);
};
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
trouble(async () => {
  await pickStyles();
  await older();
  await figures();
});
setInterval(() => figures().catch(() => {}), 10000);
