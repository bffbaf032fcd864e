"""What Kinoray is measured against, on the same weights: a bare pipeline, a locked server, a padding Ray Serve batch.

All three answer with frames that nobody encodes or stores, which Kinoray's jobs are; so the comparison favours them.
`python -m benchmarks.rivals PORT` is the locked server.
"""

# No `from __future__ import annotations` here: a deployment made inside a function is sent with its real annotations.
import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from ray import serve

from app.embedded.load import load
from benchmarks.jobs import Job

GUIDANCE = 3.0


class Pipeline:
    """diffusers' WanPipeline on the built-in model, in float32 with all cores, on one thread of its own.

    Read and run on the same thread, because OpenMP counts the helpers of every living one: with more of them than
    cores its barriers sleep at once, and the rival would be slower than it is when used plainly.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._thread.submit(self._read).result()

    def _read(self) -> None:
        from diffusers import FlowMatchEulerDiscreteScheduler, WanPipeline

        torch.set_num_threads(os.cpu_count() or 1)
        self._model = load(torch.float32)
        self._pipe = WanPipeline(
            tokenizer=None,
            text_encoder=None,
            transformer=self._model.transformer,
            vae=self._model.autoencoder,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=self._model.flow_shift),
        )
        self._pipe.set_progress_bar_config(disable=True)

    def make(self, jobs: Sequence[Job]) -> Any:
        """The videos of jobs of one length, in one call, all with the steps of the longest."""
        return self.ask(jobs).result()

    def ask(self, jobs: Sequence[Job]) -> Future[Any]:
        """`make`, without waiting for it."""
        return self._thread.submit(self._make, jobs)

    def close(self) -> None:
        """End the thread, and its helpers with it."""
        self._thread.shutdown()

    def _make(self, jobs: Sequence[Job]) -> Any:
        tokens = self._model.text_encoder.tokens([*(job.prompt for job in jobs), ""])
        with torch.inference_mode():
            return self._pipe(
                prompt_embeds=tokens[:-1],
                negative_prompt_embeds=tokens[-1:].expand(len(jobs), -1, -1),
                height=self._model.picture,
                width=self._model.picture,
                num_frames=jobs[0].frames,
                num_inference_steps=max(job.steps for job in jobs),
                guidance_scale=GUIDANCE,
                generator=[torch.Generator().manual_seed(job.seed) for job in jobs],
                output_type="np",
            ).frames


class Wish(BaseModel):
    """A job over HTTP."""

    prompt: str
    steps: int
    frames: int
    seed: int

    def job(self) -> Job:
        return Job(self.prompt, self.steps, self.frames, self.seed)


def locked() -> FastAPI:
    """A FastAPI process with a lock around the pipeline."""
    app, pipeline, lock = FastAPI(), Pipeline(), asyncio.Lock()

    @app.get("/health")
    async def health() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/make")
    async def make(wish: Wish) -> dict[str, int]:
        async with lock:
            frames = await asyncio.wrap_future(pipeline.ask([wish.job()]))
        return {"frames": int(frames.shape[1])}

    return app


def padded(max_batch: int) -> serve.Application:
    """A Ray Serve deployment that batches as Ray's documentation shows, each batch as long as its longest job."""
    front = FastAPI()

    @serve.deployment(
        max_ongoing_requests=256,
        ray_actor_options={"num_cpus": 0.1, "runtime_env": {"env_vars": {"GOMP_SPINCOUNT": "3000"}}},
    )
    @serve.ingress(front)
    class Padded:
        def __init__(self) -> None:
            self._pipeline = Pipeline()

        @serve.batch(max_batch_size=max_batch, batch_wait_timeout_s=0.05)  # type: ignore[untyped-decorator]
        async def _make(self, jobs: list[Job]) -> list[int]:
            lengths = {job.frames for job in jobs}
            for frames in lengths:  # one call makes videos of one length
                same = [job for job in jobs if job.frames == frames]
                await asyncio.wrap_future(self._pipeline.ask(same))
            return [job.frames for job in jobs]

        @front.post("/make")
        async def make(self, wish: Wish) -> dict[str, int]:
            return {"frames": await self._make(wish.job())}

    return Padded.bind()  # type: ignore[attr-defined]


if __name__ == "__main__":
    uvicorn.run(locked(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
