"""Which stored files a storyboard needs: a record comes in, the names that its holds on them go by come out; pure."""

from __future__ import annotations

from collections.abc import Iterator

from app.types.artifact import Artifact
from app.types.storyboard import SceneWish, Storyboard

PICTURES = "inputs"  # pictures of all jobs lie under this name, and are held one by one


def needs_of(story: Storyboard) -> tuple[str, ...]:
    """By what the files are held that this record names, but for its own: their makers' ids, and pictures' keys."""
    names = {held_by(artifact) for artifact in _named(story)}
    return tuple(sorted(names - {story.id}))


def held_by(artifact: Artifact) -> str:
    """The name that holds on a file go by (`app.jobs.board`)."""
    maker = artifact.key.partition("/")[0]
    return artifact.key if maker == PICTURES else maker


def pictures_of(story: Storyboard) -> tuple[Artifact, ...]:
    """The pictures that its scenes begin with, or show otherwise."""
    wishes = (*story.wish.scenes, *(scene.wish for scene in story.scenes))
    return tuple(dict.fromkeys(each for wish in wishes for each in shown_by(wish)))


def shown_by(wish: SceneWish) -> tuple[Artifact, ...]:
    """The pictures of one scene."""
    first = () if wish.image is None else (wish.image,)
    return (*first, *(each.artifact for each in wish.references))


def _named(story: Storyboard) -> Iterator[Artifact]:
    yield from pictures_of(story)
    yield from story.artifacts.values()
    if story.wish.music is not None:
        yield story.wish.music
    for scene in story.scenes:
        if scene.clip is not None:
            yield scene.clip
        if scene.narration is not None:
            yield scene.narration.artifact
