"""The pictures of scenes: bytes, addresses, uploads and own videos come in; scenes with stored pictures go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.artifacts.store import ArtifactStore
from app.errors import InvalidRequest
from app.jobs.board import Board
from app.jobs.storyboards.needs import shown_by
from app.service.first_picture import FirstPictures
from app.service.given_inputs import GivenInputs
from app.service.input_image import PENDING, Picture, forget_inputs, hold_soon
from app.storyboards.field_names import named, place_of
from app.types import FIRST, NOT_LOOKED_AT, Artifact, Caller, PlannedInput, Reference, WishedInput
from app.types.storyboard import SceneWish, StoryWish

Pictures = Mapping[int, Reference]
"""By a scene's number, from 1: bytes, base64, a data URL, an address or an upload, as `FirstPictures` has them."""
References = Mapping[int, Sequence[WishedInput]]
"""By the same: all its pictures, each with its role, instead of the one that it begins with."""


@dataclass(frozen=True, slots=True)
class Looking:
    """How a Router looks at pictures."""

    first: FirstPictures
    inputs: GivenInputs

    async def kept(
        self,
        scene: SceneWish,
        place: str,
        picture: Reference | None,
        references: Sequence[WishedInput],
        holder: str,
        caller: Caller,
    ) -> SceneWish:
        """The scene with its pictures looked at and stored; `place` is where it stands in the body.

        Each is held for the storyboard `holder` first, so that no other's end removes it. Raises InvalidRequest,
        NotFound, Conflict and PayloadTooLarge, whose `param` is the field as sent; Overloaded, StoreUnavailable. Those
        before the one that is refused go again.
        """
        try:
            if picture is not None:
                found = await named(self.first.picture(picture, caller), scene, place)
                scene = replace(scene, image=await self._stored(found, holder))
            if references:
                scene = replace(scene, image=None, references=tuple(map(pending, references)))
            for at, wish in enumerate(references):
                artifact = await self._stored(await named(self.inputs.picture(wish, caller), scene, place), holder)
                planned = replace(scene.references[at], kind="image", artifact=artifact)
                scene = replace(scene, references=(*scene.references[:at], planned, *scene.references[at + 1 :]))
        except BaseException:
            await self.let_go(shown_by(scene), holder)
            raise
        return with_first_apart(scene)

    async def _stored(self, picture: Picture, holder: str) -> Artifact:
        await hold_soon(picture.artifact.key, holder, self.first.ports.board)
        return await self.first.ports.artifacts.put(
            picture.artifact.key, picture.content, picture.artifact.content_type
        )

    async def let_go(self, pictures: Sequence[Artifact], holder: str) -> None:
        """The storyboard needs them no more. Raises StoreUnavailable."""
        await let_go(pictures, holder, self.first.ports.board, self.first.ports.artifacts)


def pending(wish: WishedInput) -> PlannedInput:
    """An input that nobody has looked at yet."""
    return PlannedInput(
        wish.role, wish.kind, NOT_LOOKED_AT, wish.frame, 1.0 if wish.strength is None else wish.strength
    )


def with_first_apart(scene: SceneWish) -> SceneWish:
    """With a picture that is merely begun with as `image`: the same video, and the same in every cache."""
    plain = [each for each in scene.references if each.role == FIRST and not each.frame and each.strength == 1]
    if scene.image is not None or len(plain) != 1:
        return scene
    others = tuple(each for each in scene.references if each is not plain[0])
    return replace(scene, image=plain[0].artifact, references=others)


def scene_with_pending(scene: SceneWish, picture: Reference | None, references: Sequence[WishedInput]) -> SceneWish:
    """With something in place of the pictures that nobody has looked at yet."""
    if picture is not None:
        return replace(scene, image=PENDING)
    return replace(scene, image=None, references=tuple(map(pending, references))) if references else scene


def with_pending(wish: StoryWish, pictures: Pictures, references: References) -> StoryWish:
    """The same of all scenes. Raises InvalidRequest."""
    if not all(1 <= number <= len(wish.scenes) for number in (*pictures, *references)):
        raise InvalidRequest("There is a picture for a scene that is not there.", "scenes")
    scenes = enumerate(wish.scenes, 1)
    return replace(
        wish,
        scenes=tuple(scene_with_pending(each, pictures.get(at), references.get(at, ())) for at, each in scenes),
    )


async def with_pictures(
    wish: StoryWish, pictures: Pictures, references: References, holder: str, caller: Caller, looking: Looking
) -> StoryWish:
    """With all pictures stored. Raises as `Looking.kept`; those before the one that is refused go again."""
    scenes = list(wish.scenes)
    try:
        for number in sorted({*pictures, *references}):
            scene, given = scenes[number - 1], references.get(number, ())
            place = place_of(number)
            scenes[number - 1] = await looking.kept(scene, place, pictures.get(number), given, holder, caller)
    except BaseException:
        await looking.let_go([each for scene in scenes for each in shown_by(scene)], holder)
        raise
    return replace(wish, scenes=tuple(scenes))


async def let_go(pictures: Sequence[Artifact], holder: str, board: Board, artifacts: ArtifactStore) -> None:
    """The storyboard needs them no more: they go unless others need them. Raises StoreUnavailable."""
    stored = [picture for picture in pictures if picture.key != PENDING.key]
    await forget_inputs(stored, holder, board, artifacts)
