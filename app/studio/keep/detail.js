// One video with all that is known of it, at an address of its own (#/video/ID), or up to four of them (#/compare/ID,ID).

import { act } from "../acts.js";
import { get, passes } from "../api.js";
import { $, announce, button, h } from "../dom.js";
import { badges, sentence, story, title, warn } from "../sentences.js";
import { ended, learn, onEvent, videos, watch } from "../store.js";
import { date, known, money, number, span, t } from "../words.js";
import { company, ribbon } from "../watch/ribbon.js";
import { code } from "./code.js";
import { comparison, MOST } from "./compare.js";
import { reasons as whys, tags } from "./marks.js";
import { controls, screen } from "./player.js";
import { waterfall } from "./waterfall.js";

const ID = /^[A-Za-z0-9_-]{1,100}$/;
const dialog = $("detail");
let opener = null; // who had the focus
let shown = ""; // ids
let missed = false; // something of them was not answered
/** @type {string[]} */
let picked = []; // those to compare with one more

/** Opens what the address names, or closes what it does not. */
export async function route() {
  const [, kind, names = ""] = location.hash.split("/");
  const ids = names.split(",").filter((id) => ID.test(id));
  const wanted = kind === "video" ? ids.slice(0, 1) : kind === "compare" ? ids.slice(0, MOST) : [];
  if (!wanted.length) return void (dialog.open && dialog.close());
  if (shown === wanted.join() && dialog.open) return;
  [shown, missed] = [wanted.join(), false];
  if (!dialog.open) {
    opener = document.activeElement;
    dialog.showModal();
  }
  try {
    const found = await Promise.all(wanted.map(async (id) => videos.get(id) ?? learn(await get(`v1/videos/${id}`))));
    const parts = found.length > 1 ? comparison(found, () => waitFor(wanted)) : await whole(found[0]);
    if (shown !== wanted.join()) return; // somebody went on meanwhile
    $("detail-title").textContent = found.map(title).join(" / ");
    $("detail-body").replaceChildren(...parts);
  } catch (error) {
    if (shown !== wanted.join()) return;
    missed = passes(error);
    $("detail-title").textContent = error.status === 404 ? t("detail.gone") : error.message;
    $("detail-body").replaceChildren();
  }
}

/** @param {Video} video */
async function whole(video) {
  const id = video.id;
  const none = (error) => {
    missed ||= passes(error);
    return null;
  };
  const [report, asked] = await Promise.all([get(`v1/videos/${id}/report`).catch(none), get(`v1/videos/${id}/request`).catch(none)]);
  const line = h("p", { className: "soft", id: "detail-state" }, sentence(video));
  const band = h("div", { className: "ribbon" });
  const belt = h("div", {}, band);
  if (report) ribbon(band, report);
  const warnings = h("ul", { className: "warnings", "aria-label": t("warnings") });
  warn(warnings, video.warnings);
  const playing = video.status === "completed" ? player(video, line) : [];
  return [
    h("div", { className: "detail-look" }, ...playing, belt, h("p", { className: "stage-story" }, story(video)), report ? h("p", { className: "soft" }, company(report).join(", ")) : null, line, warnings, acts(video), video.status === "completed" ? whys(video) : null, tags(video)),
    h("div", { className: "detail-told" }, facts(video), reasons(video), report ? times(report) : null, asked ? request(asked, id) : null),
  ];
}

function player(video, line) {
  const made = screen(video, (text) => (line.textContent = text));
  return [h("div", { className: "detail-screen" }, made), controls([made], video)];
}

function acts(video) {
  const names = /** @type {const} */ ([["again", "another"], ["four", "four"], ["remix", "remix"], ["favourite", "favourite"], ["save", "save"], ["gif", "save.gif"], ["webp", "save.webp"], ["good", "good"], ["bad", "bad"], ["delete", "delete"]]);
  const drawings = /** @type {Record<string, any>} */ ({ delete: "trash", gif: "save", webp: "save", favourite: "star" });
  const turn = (what) => {
    if (what === "remix" || what === "delete") dialog.close();
    act(what, video);
  };
  const made = names.filter(([what]) => video.status === "completed" || !["save", "gif", "webp", "good", "bad"].includes(what));
  const buttons = made.map(([what, name]) => button(drawings[what] ?? what, t(name), () => turn(what), { act: what }));
  if (video.status === "completed") buttons.push(button("compare", t("compare"), () => pick(video), { act: "compare" }));
  if (!ended(video)) buttons.unshift(button("stop", t("cancel"), () => turn("cancel"), { act: "cancel" }));
  return h("p", { className: "acts" }, buttons);
}

function facts(video) {
  const row = (name, value) => (value ? [h("dt", {}, name), h("dd", {}, value)] : []);
  return h(
    "section",
    {},
    h("h3", {}, t("detail.facts")),
    h("p", { className: "badges" }, badges(video).map((text) => h("span", {}, text))),
    h(
      "dl",
      { className: "facts" },
      row(t("fact.prompt"), video.prompt),
      row(t("model"), video.model),
      row(t("size"), t("fact.size", { size: video.size.replace("x", " × "), n: number(video.num_frames), fps: number(video.fps, 2) })),
      row(t("asked.at"), date(video.created_at)),
      row(t("fact.cost"), video.cost ? money(video.cost) : ""),
      row(t("device"), video.device_seconds ? span(video.device_seconds) : ""),
      row(t("energy"), video.energy_wh ? `${number(video.energy_wh, 3)} Wh` : ""),
      row(t("filter.cached"), video.cache?.hit ? [known("cache", video.cache.kind), video.cache.note].filter(Boolean).join(": ") : ""),
      row("ID", video.id),
    ),
  );
}

const reasons = (video) =>
  h("section", {}, h("h3", {}, t("detail.why")), h("ul", { className: "reasons" }, video.optimization.reasons.map((text) => h("li", {}, text))));

const times = (report) =>
  h("section", {}, h("h3", {}, t("detail.time")), report.bottleneck ? h("p", { className: "soft" }, report.bottleneck.sentence) : null, waterfall(report));

/** @param {import("./code.js").Asked} asked @param {string} id */
function request(asked, id) {
  const base = new URL(".", location.href.split("#")[0]).href.replace(/\/$/, "");
  const blocks = Object.entries(code(asked, id, base)).map(([name, text]) => {
    const copy = button("copy", t("copy"), async () => {
      await navigator.clipboard?.writeText(text).then(() => announce(t("copied")), () => getSelection()?.selectAllChildren(block));
    });
    const block = h("pre", { tabIndex: 0, "aria-label": name }, h("code", {}, text));
    return h("details", { open: name === "curl" }, h("summary", {}, name === "shell" ? t("detail.shell") : name), block, copy);
  });
  return h("section", {}, h("h3", {}, t("detail.request")), asked.exact ? null : h("p", { className: "soft" }, t("detail.request.other")), blocks);
}

/** Takes a video as one of those that are compared. @param {Video} video */
export function pick(video) {
  const others = picked.filter((id) => id !== video.id && videos.has(id));
  if (!others.length) return waitFor([video.id]);
  waitFor([]);
  location.hash = `#/compare/${[...others, video.id]}`;
}

/** Waits for one more to compare these with. @param {string[]} ids */
function waitFor(ids) {
  picked = ids;
  if (ids.length && dialog.open) dialog.close();
  for (const element of document.querySelectorAll("article")) element.classList.toggle("picked", ids.includes(/** @type {any} */ (element).dataset.id));
  $("picked").textContent = ids.length ? t("compare.pick") : "";
}

dialog.addEventListener("close", () => {
  for (const each of dialog.querySelectorAll("video")) each.pause();
  shown = "";
  $("detail-body").replaceChildren();
  if (/^#\/(video|compare)\//.test(location.hash)) history.pushState(null, "", location.pathname + location.search);
  if (opener?.isConnected) opener.focus();
});
$("detail-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
watch((what, video) => {
  if (video.id !== shown) return;
  if (what === "dropped") dialog.close();
  if (what === "ended") {
    shown = "";
    route();
  } else if (what === "shown" && $("detail-state")) $("detail-state").textContent = sentence(video);
});
addEventListener("hashchange", route);
onEvent(({ kind }) => {
  if (kind !== "ready" || !missed || !dialog.open) return; // the server was away
  shown = "";
  route();
});
