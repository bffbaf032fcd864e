"""A job's pictures and videos: read from the store, shown as their roles want, remembered by their content."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from app.cache.memory import MemoryCache
from app.engine.denoiser import Frames
from app.engine.fake import FakeDenoiser
from app.engine.loop import Engine
from app.engine.shown import Shown
from app.line.rules import Rules
from app.settings import Settings
from app.stores import Stores, memory_stores
from app.types import CONTROL, FIRST, IMAGE, LAST, REFERENCE, VIDEO, Artifact, Job, PlannedInput, VideoSpec
from app.video.encode import encode
from app.video.given_video import CONTENT_TYPE, VideoLimits, clean_video
from app.worker.inputs import Inputs
from app.worker.ports import Timing
from tests.api.test_pictures import png
from tests.jobs.make import PLAN, a_job

pytestmark = pytest.mark.anyio
SPEC = VideoSpec(64, 48, 9, 8)


class Seeing(FakeDenoiser):
    """Keeps what it is shown."""

    needs_image = False

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[Shown, ...]] = []

    def encode_image(self, image: Frames, spec: VideoSpec) -> dict[str, torch.Tensor]:
        return self.encode_inputs([Shown(FIRST, image)], spec)

    def encode_inputs(self, inputs: Sequence[Shown], spec: VideoSpec) -> dict[str, torch.Tensor]:
        self.shown.append(tuple(inputs))
        return {"means": torch.tensor([float(each.frames.mean()) for each in inputs])}


@pytest.fixture
def seeing() -> Seeing:
    return Seeing()


@pytest.fixture
def stores() -> Stores:
    return memory_stores(Settings(), time.time, time.monotonic)


@pytest.fixture
async def inputs(seeing: Seeing, stores: Stores) -> AsyncIterator[Inputs]:
    engine = Engine(seeing, Rules(max_batch=1, slots=1))
    yield Inputs(stores, MemoryCache(2**24), engine, Settings(), Timing())
    engine.close(20)


async def a_job_with(stores: Stores, *given: PlannedInput, image: Artifact | None = None) -> Job:
    return a_job(0.0, plan=replace(PLAN, spec=SPEC, image=image, references=given))


async def stored(stores: Stores, name: str, content: bytes, kind: str = "image/png") -> Artifact:
    return await stores.artifacts.put(f"inputs/t/{name}", content, kind)


async def test_each_is_shown_as_its_role_wants(inputs: Inputs, seeing: Seeing, stores: Stores) -> None:
    picture = await stored(stores, "a.png", png("red", (100, 20)))
    frames = np.full((9, 48, 64, 3), 90, np.uint8)
    clean = clean_video(encode(frames, 8), SPEC, VideoLimits(2**24, 10**8)).content
    video = await stored(stores, "b.mkv", clean, CONTENT_TYPE)
    job = await a_job_with(
        stores,
        PlannedInput(LAST, IMAGE, picture, strength=0.5),
        PlannedInput(REFERENCE, IMAGE, picture),
        PlannedInput(REFERENCE, IMAGE, picture, frame=8),
        PlannedInput(CONTROL, VIDEO, video),
        image=picture,
    )
    found = await inputs.image(job)
    (shown,) = seeing.shown
    assert [(each.role, each.frames.shape, each.frame, each.strength) for each in shown] == [
        (FIRST, (1, 48, 64, 3), None, 1.0),
        (LAST, (1, 48, 64, 3), None, 0.5),
        (REFERENCE, (1, 20, 100, 3), None, 1.0),
        (REFERENCE, (1, 48, 64, 3), 8, 1.0),
        (CONTROL, (9, 48, 64, 3), None, 1.0),
    ]
    assert np.abs(found["means"] - [85, 85, 85, 85, 90]).max() < 2


async def test_the_same_inputs_are_encoded_once_and_others_anew(inputs: Inputs, seeing: Seeing, stores: Stores) -> None:
    red, blue = await stored(stores, "red.png", png("red")), await stored(stores, "blue.png", png("blue"))
    jobs = [
        await a_job_with(stores, PlannedInput(LAST, IMAGE, blue), image=red),
        await a_job_with(stores, PlannedInput(LAST, IMAGE, blue), image=red),
        await a_job_with(stores, PlannedInput(LAST, IMAGE, red), image=blue),
        await a_job_with(stores, PlannedInput(LAST, IMAGE, blue, strength=0.5), image=red),
        await a_job_with(stores, PlannedInput(REFERENCE, IMAGE, blue), image=red),
        await a_job_with(stores, image=red),
    ]
    made = [await inputs.image(job) for job in jobs]
    assert len(seeing.shown) == 5
    assert np.array_equal(made[0]["means"], made[1]["means"])
    assert await inputs.image(await a_job_with(stores)) == {}
