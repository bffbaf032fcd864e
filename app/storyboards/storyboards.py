"""Storyboards as the API asks for them: create, get, list, follow, change, retry, cancel, delete, read, analyze."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.service.videos import VideoService
from app.storyboards.views import StoryEvent, StoryPlan, StoryView
from app.types import Artifact, Caller
from app.types.storyboard import SceneWish, StoryWish


class Begun(NamedTuple):
    """The storyboard on record; `replayed`: recorded when the same request came before, under the same key."""

    view: StoryView
    replayed: bool


@dataclass(frozen=True, slots=True)
class StoryViews:
    """Part of a list."""

    views: tuple[StoryView, ...]
    has_more: bool


Pictures = Mapping[int, bytes | str]
"""By a scene's number, from 1: bytes, base64, a data URL or an address, as `app.service.input_image.picture_of`."""


class Storyboards:
    """What a Router does about storyboards; it holds no state of its own, so any replica can answer."""

    def __init__(self, service: VideoService) -> None:
        self.service = service

    async def create(
        self, wish: StoryWish, caller: Caller, key: str | None = None, pictures: Pictures | None = None
    ) -> Begun:
        """Accept a storyboard: planned, checked, recorded, begun. When this returns, it is durable.

        One that was made before, unchanged, is answered completed. `pictures` are those that scenes begin with; they
        are looked at only when nothing else speaks against it.

        Raises:
            InvalidRequest: `param` names the field as sent: `scenes[3].prompt` is that of the fourth scene.
            NotSupported: a scene is to be extended, and the model takes no picture.
            PayloadTooLarge: a picture has too many bytes or pixels.
            KeyReused: the key was used for another request.
            ConcurrencyExceeded: the tenant has as many under way as it may.
            StoreUnavailable: Redis does not answer; nothing was accepted.
        """
        raise NotImplementedError

    async def analyze(self, wish: StoryWish, caller: Caller, pictures: Pictures | None = None) -> StoryPlan:
        """What it would be and take, without making anything. Raises as `create`."""
        raise NotImplementedError

    async def get(self, story_id: str, caller: Caller) -> StoryView:
        """The storyboard as it stands. Raises StoryboardNotFound."""
        raise NotImplementedError

    async def list(self, caller: Caller, after: str | None, limit: int, newest_first: bool) -> StoryViews:
        """A page of the caller's. Raises StoryboardNotFound for an `after` that is none of them."""
        raise NotImplementedError

    def follow(self, story_id: str, caller: Caller, after: str | None = None) -> AsyncIterator[StoryEvent]:
        """A snapshot, unless nothing behind `after` is lost; then what happens, ending with kind "end".

        Raises StoryboardNotFound at once.
        """
        raise NotImplementedError

    async def told_all(self, story_id: str, caller: Caller, last: str) -> bool:
        """Whether who names the event `last` has nothing more to be told by now. Raises StoryboardNotFound."""
        raise NotImplementedError

    async def wait(self, story_id: str, caller: Caller, timeout_s: float) -> StoryView:
        """The storyboard once it has ended. Raises TimedOut (it goes on) and StoryboardNotFound (it was deleted)."""
        raise NotImplementedError

    async def cancel(self, story_id: str, caller: Caller) -> StoryView:
        """End one that has not ended, and its jobs; what is made of it is kept. Raises StoryboardNotFound."""
        raise NotImplementedError

    async def delete(self, story_id: str, caller: Caller) -> None:
        """Cancel if need be; forget it, the jobs that were made for it, and its files. Raises StoryboardNotFound."""
        raise NotImplementedError

    async def change_scene(
        self,
        story_id: str,
        number: int,
        change: Callable[[SceneWish], SceneWish],
        caller: Caller,
        revision: int | None = None,
        picture: bytes | str | None = None,
    ) -> StoryView:
        """Another wish for scene `number`, from 1; what that changes is made again, one that has ended is taken up.

        `change` is pure, and may be asked more than once. `revision`: the one that the caller has seen; None: whatever
        it is. `picture`: another one to begin with.

        Raises:
            StoryboardNotFound: there is none, or no scene of that number (`param` says which).
            Moved: it has another revision, or got one meanwhile; `revision` of the error is the one that stands.
            InvalidRequest: the scene cannot be made so; `param` is the field as sent: `narration`.
        """
        raise NotImplementedError

    async def retry_scene(self, story_id: str, number: int, caller: Caller) -> StoryView:
        """Make a failed scene again, that one alone, and then the film; one that has not failed stays as it is.

        Raises StoryboardNotFound.
        """
        raise NotImplementedError

    async def artifact(self, story_id: str, caller: Caller, variant: str, scene: int | None = None) -> Artifact:
        """A file of the film (video, thumbnail, spritesheet, srt, vtt, audio), or with `scene` of that scene's clip.

        A scene's can be had as soon as it is made. Raises StoryboardNotFound, ContentNotReady, NotFound, ArtifactLost.
        """
        raise NotImplementedError

    def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes of an artifact."""
        return self.service.read(artifact, start, end)
