"""The pictures that scenes begin with: bytes, addresses and uploads come in; scenes with stored pictures go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.artifacts.store import ArtifactStore
from app.errors import InvalidRequest
from app.jobs.board import Board
from app.service.first_picture import FirstPictures
from app.service.input_image import PENDING
from app.storyboards.field_names import named, place_of
from app.types import Artifact, Caller, Reference
from app.types.storyboard import SceneWish, StoryWish

Pictures = Mapping[int, Reference]
"""By a scene's number, from 1: bytes, base64, a data URL, an address or an upload, as `FirstPictures` has them."""


def with_pending(wish: StoryWish, pictures: Pictures) -> StoryWish:
    """With something in place of the pictures that nobody has looked at yet. Raises InvalidRequest."""
    if not all(1 <= number <= len(wish.scenes) for number in pictures):
        raise InvalidRequest("There is a picture for a scene that is not there.", "scenes")
    return replace(
        wish,
        scenes=tuple(
            replace(scene, image=PENDING) if number in pictures else scene
            for number, scene in enumerate(wish.scenes, 1)
        ),
    )


async def kept_picture(
    reference: Reference, holder: str, caller: Caller, first: FirstPictures, scene: SceneWish, place: str
) -> Artifact:
    """A picture, looked at and stored; held for the storyboard `holder` first, so that no other's end removes it.

    Raises InvalidRequest and PayloadTooLarge, whose `param` is the field as sent; Overloaded, StoreUnavailable.
    """
    picture = await named(first.picture(reference, caller), scene, place)
    await first.ports.board.hold(picture.artifact.key, holder)
    return await first.ports.artifacts.put(picture.artifact.key, picture.content, picture.artifact.content_type)


async def with_pictures(
    wish: StoryWish, pictures: Pictures, holder: str, caller: Caller, first: FirstPictures
) -> StoryWish:
    """With all pictures stored. Raises as `kept_picture`; those before the one that is refused go again."""
    scenes = list(wish.scenes)
    try:
        for number, reference in sorted(pictures.items()):
            scene = scenes[number - 1]
            image = await kept_picture(reference, holder, caller, first, scene, place_of(number))
            scenes[number - 1] = replace(scene, image=image)
    except BaseException:
        await let_go(
            [scene.image for scene in scenes if scene.image is not None],
            holder,
            first.ports.board,
            first.ports.artifacts,
        )
        raise
    return replace(wish, scenes=tuple(scenes))


async def let_go(pictures: list[Artifact], holder: str, board: Board, artifacts: ArtifactStore) -> None:
    """The storyboard needs them no more: they go unless others need them. Raises StoreUnavailable."""
    for picture in pictures:
        if picture != PENDING and await board.release(picture.key, holder):
            await artifacts.delete(picture)
