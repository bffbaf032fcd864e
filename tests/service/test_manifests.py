"""A manifest brings back the record of a video that is whole, and of no other."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from app.artifacts.memory import MemoryArtifacts
from app.service.manifests import digest_of, forget_manifests, key_of, newest_manifest, store_manifest
from app.types import Job, Measured, Phase
from tests.jobs.make import a_job

pytestmark = pytest.mark.anyio
VIDEO = b"an mp4" * 100


async def made(store: MemoryArtifacts, job: Job, content: bytes = VIDEO, at: float = 200.0, fence: int = 1) -> Job:
    """A completed job whose file and manifest are stored."""
    digest = digest_of(content)
    video = await store.put(key_of(job.id, fence, "video", digest, ".mp4"), content, "video/mp4")
    done = replace(
        job,
        phase=Phase.COMPLETED,
        fence=fence,
        artifacts={"video": video},
        completed_at=at,
        expires_at=at + 1e6,
        measured=Measured({"denoise": 2.0}),
    )
    await store_manifest(done, {"video": digest}, store)
    return done


async def test_the_whole_record_comes_back() -> None:
    store, job = MemoryArtifacts(), a_job()
    done = await made(store, job)
    found = await newest_manifest(job.id, store)
    assert found is not None
    assert found.job == done


async def test_of_two_completions_the_later_one_counts_and_a_damaged_one_never() -> None:
    store, job = MemoryArtifacts(), a_job()
    first = await made(store, job)
    second = await made(store, job, VIDEO + b"2", at=300.0, fence=2)
    found = await newest_manifest(job.id, store)
    assert found is not None
    assert found.job == second
    await store.delete(second.artifacts["video"])
    await store.put(second.artifacts["video"].key, b"x" * (len(VIDEO) + 1), "video/mp4")  # as long, other bytes
    found = await newest_manifest(job.id, store)
    assert found is not None
    assert found.job == first


@pytest.mark.parametrize(
    "damage",
    [
        {"format": "kinoray-manifest-9"},
        {"sha256": {}},
        {"sha256": None},
        {"record": {"version": 99}},
        {"record": None},
        {"record": "text"},
    ],
)
async def test_what_makes_no_sense_is_no_manifest(damage: dict[str, object]) -> None:
    store, job = MemoryArtifacts(), a_job()
    done = await made(store, job)
    (key,) = [key for key in await store.files(job.id) if "manifest" in key]
    content = b"".join(
        [chunk async for chunk in store.read(replace(done.artifacts["video"], key=key, size_bytes=10**6))]
    )
    await forget_manifests(job.id, store)
    await store.put(key, orjson.dumps({**orjson.loads(content), **damage}), "application/json")
    assert await newest_manifest(job.id, store) is None


async def test_a_manifest_of_another_job_or_of_anothers_files_is_none() -> None:
    store, job, other = MemoryArtifacts(), a_job(), a_job()
    done = await made(store, job)
    await store_manifest(replace(done, id=other.id), {"video": digest_of(VIDEO)}, store)
    assert await newest_manifest(other.id, store) is None


async def test_nothing_brings_back_what_was_forgotten() -> None:
    store, job = MemoryArtifacts(), a_job()
    done = await made(store, job)
    await forget_manifests(job.id, store)
    assert await newest_manifest(job.id, store) is None
    assert await store.exists(done.artifacts["video"])


def test_other_bytes_never_have_the_key_of_some() -> None:
    assert key_of("video_1", 3, "video", digest_of(b"a"), ".mp4") != key_of(
        "video_1", 3, "video", digest_of(b"b"), ".mp4"
    )
