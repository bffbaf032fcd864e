"""The pictures that scenes begin with: bytes, data URLs and addresses come in; scenes with stored pictures go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.artifacts.store import ArtifactStore
from app.errors import InvalidRequest
from app.jobs.board import Board
from app.service.input_image import PENDING, picture_of
from app.service.ports import Ports
from app.settings import Settings
from app.storyboards.field_names import named, place_of
from app.types import Artifact, Caller
from app.types.storyboard import SceneWish, StoryWish

Pictures = Mapping[int, bytes | str]
"""By a scene's number, from 1: bytes, base64, a data URL or an address, as `app.service.input_image.picture_of`."""


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
    reference: bytes | str, holder: str, caller: Caller, ports: Ports, settings: Settings, scene: SceneWish, place: str
) -> Artifact:
    """A picture, looked at and stored; held for the storyboard `holder` first, so that no other's end removes it.

    Raises InvalidRequest and PayloadTooLarge, whose `param` is the field as sent; Overloaded, StoreUnavailable.
    """
    picture = await named(picture_of(reference, caller.tenant, settings), scene, place)
    await ports.board.hold(picture.artifact.key, holder)
    return await ports.artifacts.put(picture.artifact.key, picture.content, picture.artifact.content_type)


async def with_pictures(
    wish: StoryWish, pictures: Pictures, holder: str, caller: Caller, ports: Ports, settings: Settings
) -> StoryWish:
    """With all pictures stored. Raises as `kept_picture`; those before the one that is refused go again."""
    scenes = list(wish.scenes)
    try:
        for number, reference in sorted(pictures.items()):
            scene = scenes[number - 1]
            image = await kept_picture(reference, holder, caller, ports, settings, scene, place_of(number))
            scenes[number - 1] = replace(scene, image=image)
    except BaseException:
        await let_go([scene.image for scene in scenes if scene.image is not None], holder, ports.board, ports.artifacts)
        raise
    return replace(wish, scenes=tuple(scenes))


async def let_go(pictures: list[Artifact], holder: str, board: Board, artifacts: ArtifactStore) -> None:
    """The storyboard needs them no more: they go unless others need them. Raises StoreUnavailable."""
    for picture in pictures:
        if picture != PENDING and await board.release(picture.key, holder):
            await artifacts.delete(picture)
