"""A storyboard whose scenes are made comes in; their places, cues, and the digest of what decides the film go out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from app.captions.cue import Cue
from app.captions.cues import cues
from app.captions.timing import Span
from app.storyboards.clips import fit_of
from app.storyboards.planning import lengths_of
from app.storyboards.timeline import Place, timeline
from app.types.storyboard import Scene, SpokenWord, Storyboard

FORM: Final = "film-1"
"""What becomes of clips, sound and cues: part of a film's key. Another is due when `app.video.film` changes that."""


def places_of(story: Storyboard) -> tuple[Place, ...]:
    """The place of each scene in the film."""
    lengths = [
        lengths_of(story.wish, scene.wish, scene.frames / max(1, scene.fps), spoken_s(scene)) for scene in story.scenes
    ]
    return timeline(lengths, story.fps)


def spoken_s(scene: Scene) -> float | None:
    """How long its narration is; None: it has none."""
    return None if scene.narration is None else scene.narration.seconds


def caption_of(scene: Scene) -> str:
    """What is read of a scene: its caption, else what is said, else what is seen."""
    return scene.wish.caption or scene.wish.narration or scene.wish.prompt


def title_of(scene: Scene, number: int) -> str:
    """The name of its chapter."""
    return scene.wish.title or f"Scene {number}"


def cues_of(story: Storyboard, places: Sequence[Place]) -> tuple[Cue, ...]:
    """The cues of the whole film, in order, none over another: a scene's begin when it is seen alone."""
    found: list[Cue] = []
    ends_s = 0.0
    for scene, place in zip(story.scenes, places, strict=True):
        seen = Span(ends_s, place.end / story.fps)
        heard: Span | None = None
        words: tuple[SpokenWord, ...] = ()
        if scene.narration is not None and scene.wish.caption is None:
            begins_s = place.speech_start / story.fps
            heard, words = Span(begins_s, begins_s + scene.narration.seconds), scene.narration.words
        found += cues(caption_of(scene), seen, heard, words)
        ends_s = seen.end_s
    return tuple(found)


def film_key(story: Storyboard, places: Sequence[Place], captions: Sequence[Cue]) -> str:
    """SHA-256 (hex) over all that determines the film's bits, and whose it is: equal keys, equal films."""
    wish = story.wish
    facts = {
        "form": FORM,
        "tenant": story.tenant,
        "size": [story.width, story.height, story.fps],
        "title": wish.title,
        "language": wish.narrator.language,
        "captions": wish.captions.value,
        "cues": [[cue.start_s, cue.end_s, cue.lines] for cue in captions],
        "music": [None if wish.music is None else wish.music.key, float(wish.music_level)],
        "deterministic": wish.deterministic,
        "scenes": [
            _scene_facts(story, number, scene, place)
            for number, (scene, place) in enumerate(zip(story.scenes, places, strict=True), 1)
        ],
    }
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def _scene_facts(story: Storyboard, number: int, scene: Scene, place: Place) -> dict[str, object]:
    return {
        "clip": None if scene.clip is None else scene.clip.key,
        "speech": None if scene.narration is None else scene.narration.artifact.key,
        "place": asdict(place),
        "fit": fit_of(story.wish, scene.wish).value,
        "title": title_of(scene, number),
    }
