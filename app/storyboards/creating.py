"""A storyboard that is wished comes in; one that is planned and checked goes out, ready to be put on record."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace

import orjson

from app.jobs.admission_limits import IdempotencyKey
from app.settings import Settings
from app.storyboards.pictures import Pictures, References
from app.storyboards.planning import Planned
from app.tracing.jobs import place_of_new_job
from app.types import STORY_EVENTS, Caller, Reference, UploadedPicture, Webhook, WishedInput
from app.types.storyboard import Scene, Storyboard, StoryPhase, StoryWish
from app.webhooks.delivery import webhook_of


def story_of(story_id: str, wish: StoryWish, planned: Planned, caller: Caller, now: float) -> Storyboard:
    """The record; `wish` has its pictures stored, and may have got them after it was planned."""
    scenes = tuple(
        Scene(
            wish=scene,
            narration=None if narration is None else replace(narration, cached=True),
            steps=told.steps,
            estimate=planned.estimate(told.number),
            warnings=told.warnings,
        )
        for scene, narration, told in zip(wish.scenes, planned.narrations, planned.told.scenes, strict=True)
    )
    return Storyboard(
        id=story_id,
        tenant=caller.tenant,
        wish=replace(wish, model=planned.told.model),
        scenes=scenes,
        phase=StoryPhase.QUEUED,
        created_at=now,
        fps=planned.told.fps,
        width=planned.told.width,
        height=planned.told.height,
        deadline=None if wish.deadline_s is None else now + wish.deadline_s,
        key_id=caller.key_id,
        trace=place_of_new_job().trace,
    )


def story_webhook(asked: Webhook | None, caller: Caller, settings: Settings) -> Webhook | None:
    """Who is told of its end: as of a job's, by the names of storyboards' ends. Raises InvalidRequest."""
    found = webhook_of(asked, caller, settings)
    return found if found is None or found is asked else replace(found, events=STORY_EVENTS)


def named_story(
    wish: StoryWish, pictures: Pictures, key: str | None, ttl_s: float, references: References | None = None
) -> IdempotencyKey | None:
    """The request under the client's key; the same for the same request."""
    if key is None:
        return None
    said = asdict(wish)
    if not said["preview"]:  # it came later: a request without is known by the digest that it always had
        del said["preview"]
    for scene in said["scenes"]:  # so did these, which stand beside
        del scene["references"]
    asked: dict[str, object] = {
        "wish": said,
        "pictures": {str(number): _digest(reference) for number, reference in sorted(pictures.items())},
    }
    if references:
        asked["references"] = {str(number): list(map(_said_of, given)) for number, given in sorted(references.items())}
    return IdempotencyKey(key, _digest(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)), ttl_s)


def _said_of(wish: WishedInput) -> list[object]:
    source = wish.source if isinstance(wish.source, (bytes, str)) else repr(wish.source)
    return [wish.role, wish.kind, wish.frame, wish.strength, _digest(source)]


def _digest(value: Reference) -> str:
    value = repr(value) if isinstance(value, UploadedPicture) else value
    return hashlib.sha256(value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")).hexdigest()
