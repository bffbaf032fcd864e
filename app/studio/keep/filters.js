// Which of the videos are seen: by words of their prompts, state, model, tier, and whether they came from the cache.

import { $, soon } from "../dom.js";
import { ended, videos, watch } from "../store.js";

/** @type {(() => void)[]} */
const listeners = [];
const models = new Set();
const IDS = ["filter-find", "filter-status", "filter-model", "filter-tier", "filter-cached"];

export const onFilter = (listener) => void listeners.push(listener);

/** @param {Video} video */
export function fits(video) {
  const [find, status, model, tier, cached] = IDS.map((id) => $(id).value);
  const text = `${video.prompt} ${video.optimization.written_prompt ?? ""} ${video.id}`.toLowerCase();
  return (
    find.toLowerCase().split(/\s+/).every((word) => text.includes(word)) &&
    (!status || (status === "live" ? !ended(video) : video.status === status)) &&
    (!model || video.model === model) &&
    (!tier || video.optimization.tier === tier) &&
    (!cached || (cached === "hit") === Boolean(video.cache?.hit))
  );
}

// A model appears among the choices with its first video.
watch((_, video) => {
  if (models.has(video.model)) return;
  models.add(video.model);
  $("filter-model").append(new Option(video.model, video.model));
});

const changed = soon(() => videos.size && listeners.forEach((listener) => listener()), 120);
for (const id of IDS) $(id).addEventListener("input", changed);
