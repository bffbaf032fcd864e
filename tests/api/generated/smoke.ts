// A client made of Kinoray's document by openapi-typescript and openapi-fetch, against the service at the given address.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Video = components["schemas"]["Video"];

function there<T>(found: T | undefined, what: unknown): T {
  if (found === undefined) throw new Error(JSON.stringify(what));
  return found;
}

const api = createClient<paths>({ baseUrl: process.argv[2] });
const made = await api.POST("/v1/videos", {
  params: { header: { "Idempotency-Key": "once" } },
  body: { prompt: "a red ball", size: "96x64", seconds: 2, seed: 5, cache: { mode: "write" } },
});
let video: Video = there(made.data, made.error);
while (video.status !== "completed") {
  const seen = await api.GET("/v1/videos/{video_id}", { params: { path: { video_id: video.id } } });
  video = there(seen.data, seen.error);
}
const file = await api.GET("/v1/videos/{video_id}/content", {
  params: { path: { video_id: video.id }, query: { variant: "video" } },
  parseAs: "arrayBuffer",
});
const page = await api.GET("/v1/videos", { params: { query: { limit: 5, order: "asc" } } });
const refused = await api.POST("/v1/videos", { body: { prompt: "a red ball", size: "1x1" } });
const rated = await api.POST("/v1/videos/{video_id}/feedback", {
  params: { path: { video_id: video.id } },
  body: { score: 5, reasons: ["good_enough"] },
});
const plan = await api.POST("/v1/storyboards/analyze", {
  body: { captions: "burnt", scenes: [{ prompt: "a red ball", narration: "A ball.", fit: "slow" }] },
});
const gone = await api.DELETE("/v1/videos/{video_id}", { params: { path: { video_id: video.id } } });

console.log(
  JSON.stringify({
    id: video.id,
    seed: video.seed,
    bytes: there(file.data, file.error).byteLength,
    listed: there(page.data, page.error).data.map((each) => each.id),
    status: refused.response.status,
    code: there(refused.error, "not refused").error.code,
    param: there(refused.error, "not refused").error.param,
    score: there(rated.data, rated.error).score,
    deleted: there(gone.data, gone.error).deleted,
    planned: there(plan.data, plan.error).scenes.map((each) => each.number),
  }),
);
