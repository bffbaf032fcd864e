"""Names what is cached, so that equal keys mean equal bits: results by plan and pool, embeddings by text and pool."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, fields
from operator import attrgetter

from app.types import Artifact, Plan, PlannedInput, Sampling, VideoSpec

SCHEMA = 2
"""Part of every key: raise it when the same plan would give other bits than before."""

POST_PROCESSING = "mp4-thumbnail-spritesheet-stills-1"
"""What becomes of the frames: part of a result's key. Another one is due when `app.video.finish` makes other files."""


MOST_RECENT = 256
_RECENT: dict[tuple[int, str | None, bool], tuple[Plan, str]] = {}
"""Digests of plans at hand, asked for at each step of a job's way in. By identity: what a plan says never changes."""


def pool_of(tenant: str, shared: bool) -> str | None:
    """Whose entries a tenant reads and writes: its own, or where the setting shares, the pool of all (None)."""
    return None if shared else tenant


def results_pool(plan: Plan, tenant: str, shared: bool) -> str | None:
    """Whose results a plan is looked up among: what is made with an adapter of a tenant's own is never shared."""
    return pool_of(tenant, shared and not plan.uploads)


def plan_digest(plan: Plan, pool: str | None, similar: bool = False) -> str:
    """SHA-256 (hex) over all that determines a video's bits, and whose it is; not over cost, reasons or tier names.

    `pool` is as `pool_of` gives it. A digest of another pool is another key: to find out about it takes as long and
    tells as much as to find out about a prompt that nobody had.

    A video that began with another one is not what its plan would give from noise. It has a key of its own, and with
    `similar` this is the key: of any such video of this plan, whichever it began with.
    """
    of = (id(plan), pool, similar)
    known = _RECENT.get(of)
    if known is not None and known[0] is plan:
        return known[1]
    digest = _plan_digest(plan, pool, similar)
    if len(_RECENT) >= MOST_RECENT:
        _RECENT.clear()
    _RECENT[of] = plan, digest
    return digest


def _plan_digest(plan: Plan, pool: str | None, similar: bool) -> str:
    begins = {"start": "similar"} if similar or plan.start is not None else {}
    extends = {} if plan.extends is None else {"extends": plan.extends.video.key}  # which is written once
    more = {} if plan.postprocessing is None else {"frames": plan.postprocessing.bits}
    # The picture's content says it already, but not why: what is prepared otherwise is never the same video.
    prepared = {} if plan.prepared is None else {"prepare": asdict(plan.prepared.wish) | {"by": plan.prepared.model}}
    given = {} if not plan.references else {"references": _contents(plan.references)}
    heard = {"sound": True} if plan.sound else {}
    draft = {} if plan.draft is None else {"draft": asdict(plan.draft)}  # all that decides it and its check
    stages = {"stages": [stage.facts for stage in plan.stages]} if plan.stages else {}
    sampling = _values(plan.sampling)
    for name in plan.sampling.later_fields:  # so that what says nothing new keeps its digest
        del sampling[name]
    if plan.sampling.rule is not None:
        sampling["rule"] = asdict(plan.sampling.rule)
    return _digest(
        {
            "pool": pool,
            "model": plan.model,
            "revision": plan.revision,
            "prompt": plan.prompt,
            "negative_prompt": plan.negative_prompt,
            "spec": _values(plan.spec),
            "sampling": sampling | {"guidance": float(plan.sampling.guidance), "shift": float(plan.sampling.shift)},
            "masks": plan.bits_mark,
            "image": None if plan.image is None else content_of(plan.image),
            "adapter": plan.adapters_mark,
            "post_processing": POST_PROCESSING,
            **begins,
            **extends,
            **more,
            **prepared,
            **draft,
            **given,
            **heard,
            **stages,
        }
    )


def embedding_key(revision: str, prompt: str, pool: str | None) -> str:
    """SHA-256 (hex) of a text as its encoder sees it: composed characters, single spaces, no ends; `pool` as above."""
    text = " ".join(unicodedata.normalize("NFC", prompt).split())
    return _digest({"pool": pool, "revision": revision, "text": text})


def picture_key(revision: str, image: Artifact, spec: VideoSpec, pool: str | None) -> str:
    """SHA-256 (hex) of a picture as a model sees it at a video's size and length; `pool` as above."""
    shape = f"{spec.width}x{spec.height}x{spec.frames}"
    return _digest({"pool": pool, "revision": revision, "picture": content_of(image), "shape": shape})


def inputs_key(plan: Plan, pool: str | None) -> str:
    """SHA-256 (hex) of all pictures and videos of a plan as its model sees them; without others that of its picture."""
    if not plan.references and plan.image is not None:
        return picture_key(plan.revision, plan.image, plan.spec, pool)
    image = None if plan.image is None else content_of(plan.image)
    seen = {"picture": image, "references": _contents(plan.references), "spec": asdict(plan.spec)}
    return _digest({"pool": pool, "revision": plan.revision, **seen})


def _contents(references: Sequence[PlannedInput]) -> list[object]:
    """Role, kind, place, strength and content of each: their order counts, as models see them in it."""
    return [[*each.bits, content_of(each.artifact)] for each in references]


def content_of(image: Artifact) -> str:
    """The SHA-256 (hex) in an input's key, `inputs/<tenant>/<digest>.png`: equal pictures are equal, wherever kept."""
    return image.key.rsplit("/", 1)[-1].partition(".")[0]


def _values(record: VideoSpec | Sampling) -> dict[str, object]:
    """Its fields, which are plain values: `asdict`, which looks for more below, takes several times as long."""
    names, read = _FIELDS[type(record)]
    return dict(zip(names, read(record), strict=True))


def _reader(kind: type[VideoSpec | Sampling]) -> tuple[tuple[str, ...], attrgetter[tuple[object, ...]]]:
    names = tuple(each.name for each in fields(kind))
    return names, attrgetter(*names)


_FIELDS = {kind: _reader(kind) for kind in (VideoSpec, Sampling)}


def _digest(facts: dict[str, object]) -> str:
    canonical = _CANONICAL.encode({"schema": SCHEMA, **facts})
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
