// The film so far: scenes that are made play in order, with their voices and captions, while the rest is made; then the
// film itself. One line below shows all scenes at their lengths, and where it is.

import { call } from "../api.js";
import { button, h, label, say } from "../dom.js";
import { still } from "../motion.js";
import { number, t } from "../words.js";
import { file, place } from "./films.js";

const GUESS_S = 2; // of a scene whose length nobody knows yet
const TICKS = 1000; // of the seek bar, to a second

/** @typedef {{ n: number, start: number, seconds: number, ready: boolean, text: string, voice: boolean, loop: boolean }} Spot */

/**
 * All scenes on one scale; in a whole film where they are in it. Before, a scene lasts as long as its clip and its voice.
 * @param {Film} film @param {Map<string, number>} [clips] seconds of those that have been seen, by their videos @returns {Spot[]}
 */
export function spots(film, clips = new Map()) {
  const whole = film.status === "completed";
  let end = 0;
  return film.scenes.map((scene, place) => {
    const own = scene.duration_seconds || Math.max(scene.seconds ?? 0, scene.narration_seconds ?? 0, clips.get(scene.video_id ?? "") ?? 0) || GUESS_S;
    const start = whole && scene.starts_at_seconds != null ? scene.starts_at_seconds : end;
    const next = film.scenes[place + 1]?.starts_at_seconds;
    const seconds = whole && next != null ? Math.max(0.01, next - start) : whole && next === undefined ? Math.max(0.01, Number(film.seconds) - start) : own;
    end = start + seconds;
    const text = scene.caption ?? scene.narration ?? scene.prompt;
    return { n: scene.number, start, seconds, ready: whole || scene.stage === "made", text, voice: scene.narration_seconds != null, loop: (scene.fit ?? film.fit) === "loop" };
  });
}

export const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

/** @param {{ onscene: (n: number) => void, refused: (message: string) => void }} told */
export function timeline({ onscene, refused }) {
  const makeScreen = () => h("video", { playsInline: true, muted: true, tabIndex: -1, "data-own": "", "aria-hidden": "true" });
  const screens = [makeScreen(), makeScreen()];
  const sound = new Audio();
  const cue = h("p", { className: "cue", hidden: true }, h("span"));
  const line = h("div", { className: "line", "aria-hidden": "true" });
  const seek = h("input", { type: "range", min: 0, max: 1, value: 0, step: TICKS / 10, "aria-label": t("player.seek") });
  const where = h("span", { className: "where" }, "0:00");
  const toggle = button("play", t("play"), () => (now.playing ? hold() : start()), { bare: true, act: "play", className: "round" });
  const caption = h("button", { type: "button", "aria-pressed": "true", className: "chip", onclick: () => press(caption, cued) }, "CC");
  const voice = button("sound", t("player.sound"), () => press(voice, sounded), { bare: true });
  const full = button("full", t("player.full"), () => (document.fullscreenElement ? document.exitFullscreen() : stage.requestFullscreen().catch(() => {})), { bare: true });
  caption.setAttribute("aria-label", t("player.captions"));
  caption.title = t("player.captions");
  voice.setAttribute("aria-pressed", "true");
  const face = h("div", { className: "face" });
  const stage = h("div", { className: "film-stage" }, face, screens, cue);
  const controls = h("div", { className: "film-controls", role: "group", "aria-label": t("player") }, toggle, h("div", { className: "scrub" }, line, seek), where, voice, caption, full);
  const element = h("div", { className: "film-player" }, stage, controls);
  const now = { film: /** @type {Film | null} */ (null), whole: false, spots: /** @type {Spot[]} */ ([]), at: 0, local: 0, playing: false, token: 0, frame: 0, last: 0, said: -1 };

  /** @type {Map<string, number>} */
  const clips = new Map();
  const on = (switched) => switched.getAttribute("aria-pressed") === "true";
  const press = (switched, then) => (switched.setAttribute("aria-pressed", String(!on(switched))), then());
  const front = () => screens.find((each) => each.classList.contains("front"));
  const spot = () => now.spots[now.at];
  const part = (film, n) => (now.whole ? `${film.id}/${film.revision}` : `${film.id}/${n}/${film.scenes[n - 1].video_id}`);

  function draw() {
    const total = now.spots.reduce((end, each) => Math.max(end, each.start + each.seconds), 0);
    const segments = now.spots.map((each) => {
      const made = h("div", { className: each.ready ? "ready" : "" }, h("i"));
      made.style.flexGrow = String(each.seconds);
      return made;
    });
    line.replaceChildren(...segments);
    seek.max = String(Math.round(total * TICKS));
    const any = now.spots.some(({ ready }) => ready);
    toggle.disabled = !any;
    controls.hidden = !now.film;
    moved(true);
  }

  // Where it is: on the line, in figures, and which scene that is.
  function moved(all = false) {
    const at = spot();
    if (!at) return;
    const time = at.start + Math.min(now.local, at.seconds);
    [...line.children].forEach((each, place) => {
      const share = place < now.at ? 1 : place > now.at ? 0 : Math.min(1, now.local / at.seconds);
      each.firstElementChild.style.width = `${100 * share}%`;
      each.classList.toggle("here", place === now.at);
    });
    const tenth = Math.floor(time * 10);
    if (!all && tenth === now.said) return;
    now.said = tenth;
    const total = Number(seek.max) / TICKS;
    seek.value = String(Math.round(time * TICKS));
    seek.setAttribute("aria-valuetext", t("player.at", { at: `${number(time, 1)} s`, of: `${number(total, 1)} s`, n: at.n }));
    say(where, `${clock(time)} / ${clock(total)}`);
  }

  function cued() {
    const screen = front();
    const at = spot();
    const track = screen?.querySelector("track")?.track;
    const text = now.whole ? [...(track?.activeCues ?? [])].map((each) => /** @type {VTTCue} */ (each).getCueAsHTML().textContent).join("\n") : at?.ready ? at.text : "";
    const shown = Boolean(text) && on(caption) && Boolean(screen);
    say(cue.firstElementChild, text);
    cue.hidden = !shown;
  }

  function sounded() {
    for (const each of screens) each.muted = !(now.whole && on(voice));
    const at = spot();
    if (now.whole || !now.playing || !on(voice) || !at?.voice || !at.ready) return sound.pause();
    const film = /** @type {Film} */ (now.film);
    const { token } = now;
    file(film, { scene: at.n, variant: "audio" })
      .then((address) => {
        if (token !== now.token || !now.playing) return;
        if (sound.src !== address) sound.src = address;
        if (Math.abs(sound.currentTime - now.local) > 0.3) sound.currentTime = now.local;
        sound.play().catch(() => {});
      })
      .catch(() => {}); // it plays without
    return undefined;
  }

  async function subtitles(screen, film) {
    screen.querySelector("track")?.remove();
    if (!now.whole || film.captions === "burnt") return void (caption.hidden = now.whole);
    caption.hidden = true;
    try {
      const text = await (await call(`${place(film.id)}/content?variant=vtt`)).blob();
      const track = h("track", { kind: "captions", src: URL.createObjectURL(text), default: true });
      screen.append(track);
      track.track.mode = "hidden"; // drawn here, as of scenes
      track.track.addEventListener("cuechange", cued);
      caption.hidden = false;
    } catch {
      // a film of no words
    }
  }

  /** Shows scene `at` from `local` seconds on; one that is not made shows its face. */
  async function go(at, local = 0) {
    const film = now.film;
    if (!film || !now.spots[at]) return;
    const token = (now.token += 1);
    Object.assign(now, { at, local });
    moved(true);
    onscene(now.spots[at].n);
    if (!now.spots[at].ready) {
      hold();
      for (const each of screens) each.classList.remove("front");
      return cued();
    }
    const name = part(film, now.spots[at].n);
    const screen = screens.find((each) => each.dataset.part === name) ?? screens.find((each) => !each.classList.contains("front")) ?? screens[0];
    try {
      if (screen.dataset.part !== name) {
        const address = await file(film, now.whole ? {} : { scene: now.spots[at].n });
        if (token !== now.token) return;
        screen.dataset.part = name;
        screen.src = address;
        await subtitles(screen, film);
        if (token !== now.token) return;
      }
      measured(screen, film.scenes[at].video_id ?? "");
      screen.loop = !now.whole && now.spots[at].loop;
      screen.currentTime = now.whole ? now.spots[at].start + local : Math.min(local, Math.max(0, (screen.duration || local + 1) - 0.05));
      bring(screen);
    } catch (error) {
      delete screen.dataset.part;
      return refused(error.message);
    }
    ahead(film, at);
    return undefined;
  }

  // How long a clip is, once its file says so.
  function measured(screen, video) {
    if (now.whole || clips.has(video)) return;
    if (!screen.duration) return void screen.addEventListener("loadedmetadata", () => measured(screen, video), { once: true });
    clips.set(video, screen.duration);
    now.spots = spots(/** @type {Film} */ (now.film), clips);
    draw();
  }

  function bring(screen) {
    stage.classList.toggle("cuts", now.film?.transition === "cut" || still());
    for (const each of screens) {
      each.classList.toggle("front", each === screen);
      if (each !== screen) each.pause();
    }
    if (now.playing) screen.play().catch(() => {});
    sounded();
    cued();
  }

  // The next scene's file is there before it is needed.
  function ahead(film, at) {
    const next = now.whole ? undefined : now.spots.slice(at + 1).find(({ ready }) => ready);
    if (next) file(film, { scene: next.n }).catch(() => {});
  }

  function start() {
    if (!now.spots.some(({ ready }) => ready)) return;
    const end = now.at === now.spots.length - 1 && now.local >= now.spots[now.at].seconds - 0.05;
    let at = end ? 0 : now.at;
    if (!now.spots[at].ready) at = Math.max(0, now.spots.findIndex(({ ready }, place) => ready && place > at));
    if (!now.spots[at].ready) at = now.spots.findIndex(({ ready }) => ready);
    const { local } = now;
    now.playing = true;
    element.classList.add("playing");
    label(toggle, "pause");
    go(at, end || at !== now.at ? 0 : local);
    now.last = performance.now();
    cancelAnimationFrame(now.frame);
    now.frame = requestAnimationFrame(tick);
  }

  function hold() {
    now.playing = false;
    element.classList.remove("playing");
    label(toggle, "play");
    screens.forEach((each) => each.pause());
    sound.pause();
    cancelAnimationFrame(now.frame);
  }

  function tick(time) {
    if (!now.playing) return;
    const screen = front();
    const passed = (time - now.last) / 1000;
    now.last = time;
    if (screen && screen.readyState > 1) {
      if (now.whole) followed(screen);
      else now.local += passed;
    }
    if (!now.whole && now.local >= spot().seconds) advance();
    else moved();
    if (now.playing) now.frame = requestAnimationFrame(tick);
  }

  function followed(screen) {
    const at = Math.max(0, now.spots.findLastIndex((each) => each.start <= screen.currentTime + 0.01));
    if (at !== now.at) onscene(now.spots[at].n);
    Object.assign(now, { at, local: screen.currentTime - now.spots[at].start });
    if (screen.ended) hold();
  }

  function advance() {
    const next = now.spots.findIndex((each, place) => each.ready && place > now.at);
    if (next >= 0) return void go(next);
    now.local = spot().seconds;
    moved(true);
    hold();
  }

  seek.addEventListener("input", () => {
    const time = Number(seek.value) / TICKS;
    const at = Math.max(0, now.spots.findLastIndex((each) => each.start <= time));
    go(at, Math.min(time - now.spots[at].start, now.spots[at].seconds));
  });
  return {
    element,
    face,
    hold,
    /** The film as it is now. @param {Film | null} film */
    show(film) {
      const whole = film?.status === "completed";
      const anew = film?.id !== now.film?.id || whole !== now.whole || (whole && film?.revision !== now.film?.revision);
      const had = front() !== undefined;
      Object.assign(now, { film, whole, spots: film ? spots(film, clips) : [] });
      now.at = Math.min(now.at, Math.max(0, now.spots.length - 1));
      if (anew && whole) {
        hold();
        now.local = 0;
        now.at = 0;
      }
      draw();
      if (film && now.spots.length && (anew || (!had && spot().ready))) go(now.at, now.local);
    },
    /** Goes to a scene, by its number; while it plays it stays where it is. @param {number} n */
    scene(n) {
      const at = now.spots.findIndex((each) => each.n === n);
      if (at >= 0 && at !== now.at) go(at);
    },
    close() {
      hold();
      now.token += 1;
    },
  };
}
