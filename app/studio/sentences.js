// What is said of a video: its state in a sentence, its badges, its warnings.

import { left, styles } from "./store.js";
import { h } from "./dom.js";
import { known, number, percent, seconds, span, t } from "./words.js";

/** @param {Video} video */
export const title = (video) => video.optimization.written_prompt ?? video.prompt;

/** @param {Video} video */
export function sentence(video) {
  if (video.status === "completed") return "";
  if (video.status === "failed") return video.error ? `${video.error.code}: ${video.error.message}` : t("failed");
  if (video.phase === "queued") {
    const place = video.queue_position ? t("before", { n: number(video.queue_position) }) : t("next");
    return video.queue_reason ? `${place}: ${known("waits", video.queue_reason)}` : place;
  }
  if (video.phase !== "denoising") return known("phase", video.phase);
  const rest = left(video);
  return t("step", { n: video.step, of: video.total_steps }) + (rest == null ? "" : `, ${t("togo", { s: seconds(rest) })}`);
}

/** What nobody else can tell: how much of the model's full run it took. @param {Video} video */
export function story(video) {
  if (video.cache?.hit) return t("story.cached");
  const { evaluations, fixed_default_steps: all, steps_saved_share: saved } = video.optimization;
  const name = evaluations === all ? "story.all" : "story";
  return t(video.status === "completed" ? name : `${name}.plan`, { n: evaluations, of: all, saved: percent(saved) });
}

/** What became of the draft that was played first. @param {Video} video */
export function refined({ draft, total_steps: of }) {
  if (!draft?.verdict || draft.verdict === "none") return "";
  if (draft.verdict !== "pending") return t(`draft.${draft.verdict}`, { n: draft.from_step, of });
  return draft.url ? t("draft.after", { s: span(draft.after_s ?? 0) }) : "";
}

/** @param {Video} video */
export function badges(video) {
  const plan = video.optimization;
  const found = [known("tier", plan.tier), t("evaluations", { n: plan.evaluations, of: plan.fixed_default_steps }), t("seed.is", { n: video.seed_text })];
  if (plan.style) found.push(styles.get(plan.style) ?? t("style.some"));
  if (video.priority !== "normal") found.push(t("priority.is", { name: known("priority", video.priority) }));
  if (video.cache?.hit) found.push(t("filter.hit"));
  else if (video.status === "completed") found.push(span(video.inference_time_s));
  found.push(...(video.tags ?? []).map((tag) => `# ${tag}`));
  return found;
}

/** What a server of this or a newer version warns of, as a list: [{ code, message }]. */
export function warn(list, warnings) {
  const said = (Array.isArray(warnings) ? warnings : []).filter((each) => typeof each?.message === "string");
  list.replaceChildren(...said.map(({ code, message }) => h("li", { title: String(code ?? "") }, message)));
  list.hidden = !said.length;
}
