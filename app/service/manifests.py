"""Manifests: beside a stored video lies what its record said, from which a restore makes the record again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.artifacts.store import ArtifactStore
from app.errors import ArtifactLost, NotFound, StoreUnavailable
from app.jobs.record import job_from_json, job_to_json
from app.types import Artifact, Job, Phase

FORMAT = "kinoray-manifest-1"
CONTENT_TYPE = "application/json"
MOST_BYTES = 4 * 2**20  # of one that is looked at
_NAME = "manifest-"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A completed job, and the SHA-256 (hex) of each of its files by variant."""

    job: Job
    digests: Mapping[str, str]


def digest_of(content: bytes) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(content).hexdigest()


def key_of(job_id: str, fence: int, name: str, digest: str, ending: str) -> str:
    """Where an attempt stores a file: other bytes never come under the same key, even where a fence was forgotten.

    That happens without a restore too: a power cut may take Redis's last second, and not the file of that second.
    """
    return f"{job_id}/{fence}/{name}-{digest[:16]}{ending}"


async def store_manifest(job: Job, digests: Mapping[str, str], artifacts: ArtifactStore) -> Artifact:
    """Store what a completed job's record will say, before it says so. Raises StoreUnavailable."""
    about = {"format": FORMAT, "sha256": dict(digests), "record": orjson.Fragment(job_to_json(job))}
    content = orjson.dumps(about)
    key = f"{job.id}/{job.fence}/{_NAME}{digest_of(content)[:16]}.json"
    return await artifacts.put(key, content, CONTENT_TYPE)


async def newest_manifest(job_id: str, artifacts: ArtifactStore) -> Manifest | None:
    """The last completion of a job whose files are all there with the bytes that were written; None: there is none.

    Raises StoreUnavailable.
    """
    found = [await _read(job_id, each, artifacts) for each in await _manifests(job_id, artifacts)]
    known = sorted(filter(None, found), key=lambda each: each.job.completed_at or 0.0, reverse=True)
    for manifest in known:
        if await _is_sound(manifest, artifacts):
            return manifest
    return None


async def forget_manifests(job_id: str, artifacts: ArtifactStore) -> None:
    """A job is deleted: nothing is to bring its record back. Raises StoreUnavailable."""
    for each in await _manifests(job_id, artifacts):
        await artifacts.delete(each)


async def _manifests(job_id: str, artifacts: ArtifactStore) -> list[Artifact]:
    files = await artifacts.files(job_id)
    return [Artifact(key, CONTENT_TYPE, size) for key, size in files.items() if _is_manifest(key)]


def _is_manifest(key: str) -> bool:
    return key.rpartition("/")[2].startswith(_NAME)


async def _read(job_id: str, artifact: Artifact, artifacts: ArtifactStore) -> Manifest | None:
    """None for what is damaged, another's or newer than this Kinoray: it is as good as lost."""
    if artifact.size_bytes > MOST_BYTES:
        return None
    try:
        return _parsed(job_id, b"".join([chunk async for chunk in artifacts.read(artifact)]))
    except ArtifactLost:
        return None


def _parsed(job_id: str, content: bytes) -> Manifest | None:
    try:
        about: dict[str, Any] = orjson.loads(content)
        digests = {str(variant): str(digest) for variant, digest in about["sha256"].items()}
        job = job_from_json(orjson.dumps(about["record"]))
    except (ValueError, KeyError, TypeError, AttributeError, StoreUnavailable):
        return None
    known = about.get("format") == FORMAT and job.id == job_id and job.phase is Phase.COMPLETED
    own = all(artifact.key.startswith(f"{job_id}/") for artifact in job.artifacts.values())
    whole = "video" in job.artifacts and digests.keys() == job.artifacts.keys()
    return Manifest(job, digests) if known and own and whole else None


async def _is_sound(manifest: Manifest, artifacts: ArtifactStore) -> bool:
    """Whether each file has the bytes that were written."""
    for variant, artifact in manifest.job.artifacts.items():
        summed = hashlib.sha256()
        try:
            async for chunk in artifacts.read(artifact):
                summed.update(chunk)
        except (ArtifactLost, NotFound):
            return False
        if summed.hexdigest() != manifest.digests[variant]:
            return False
    return True
