"""The pictures and videos that a plan is made with beside its first picture: had, however named, and cleaned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from app.artifacts.store import ArtifactStore
from app.errors import Conflict, InvalidRequest, KinorayError
from app.plan.inputs import NOT_TAKEN, check_kind, field_of
from app.service.file_uploads import FileShelf
from app.service.input_image import Contents, Picture, Wanted, decoding, fetched, key_of, picture_of
from app.service.picture_text import from_data_url
from app.service.ports import Ports
from app.settings import Settings
from app.types import (
    FIRST,
    IMAGE,
    VIDEO,
    Artifact,
    Caller,
    Job,
    OwnVideo,
    Phase,
    Plan,
    PlannedInput,
    PlanWarning,
    UploadedPicture,
    VideoRequest,
    WishedInput,
)
from app.video.given_video import CONTENT_TYPE, VideoLimits, clean_video, is_video
from app.video.join import edge_frame

STANDS_STILL: Final = "input_shorter"
_ITS_OWN: Final = (400, 404, 409, 410, 413)  # statuses of refusals that are about the input itself
_AS: Final = {IMAGE: "image", VIDEO: "video", "": "upload"}


@dataclass(frozen=True, slots=True)
class GivenInputs:
    """What a Router does about them."""

    ports: Ports
    settings: Settings
    uploads: FileShelf

    async def had(self, request: VideoRequest, plan: Plan, caller: Caller) -> tuple[Plan, Contents]:
        """The plan with its inputs, which lie nowhere yet, and their contents by key.

        Raises:
            InvalidRequest, PayloadTooLarge: one cannot be read; `param` is its field, `input_references[1].video`.
            NotFound, Conflict: there is no such upload or video, or it is not whole.
            Overloaded: too many pictures and videos wait to be decoded.
        """
        contents: dict[str, bytes] = {}
        found: list[PlannedInput] = []
        for wish, planned in zip(request.references, plan.references, strict=True):
            if isinstance(wish.source, Artifact):
                found.append(planned)
                continue
            try:
                given, content, held = await self._one(wish, planned, plan, caller)
            except KinorayError as error:
                if (named := _named(error, wish)) is error:
                    raise
                raise named from error
            contents[given.artifact.key] = content
            found.append(given)
            if held:
                told = "The video is shorter than the clip: its last picture stands still until the end."
                plan = replace(plan, warnings=(*plan.warnings, PlanWarning(STANDS_STILL, told, field_of(wish, VIDEO))))
        return replace(plan, references=tuple(found)), contents

    async def picture(self, wish: WishedInput, caller: Caller) -> Picture:
        """One that has to be a picture, without a plan. Raises as `had`; `reference_not_taken` for a video."""
        try:
            return await self._still(wish, caller)
        except KinorayError as error:
            if (named := _named(error, wish)) is error:
                raise
            raise named from error

    async def _still(self, wish: WishedInput, caller: Caller) -> Picture:
        source = wish.source
        if isinstance(source, OwnVideo):
            frame = await self._edge(await self.ports.jobs.get(source.id, caller.tenant), wish.role, caller)
            return await picture_of(frame, caller.tenant, self.settings)
        if isinstance(source, UploadedPicture):
            async with self.uploads.file(source.id, caller) as path:
                if await _kind_of(path) == VIDEO:
                    message = "That upload is a video; only pictures are taken here."
                    raise InvalidRequest(message, field_of(wish, "upload"), NOT_TAKEN)
                return await picture_of(path, caller.tenant, self.settings)
        assert isinstance(source, (bytes, str))
        return await picture_of(source, caller.tenant, self.settings)

    async def _one(
        self, wish: WishedInput, planned: PlannedInput, plan: Plan, caller: Caller
    ) -> tuple[PlannedInput, bytes, bool]:
        source = wish.source
        if isinstance(source, OwnVideo):
            return await self._own(source, planned, plan, caller)
        if isinstance(source, UploadedPicture):
            async with self.uploads.file(source.id, caller) as path:
                kind = await _kind_of(path)
                check_kind(wish, kind, next(each for each in self.ports.models if each.id == plan.model))
                return await self._file(path, replace(planned, kind=kind), plan, caller)
        if planned.kind == VIDEO:
            assert isinstance(source, (bytes, str))
            content = source if isinstance(source, bytes) else await self._video(source)
            return await self._file(content, planned, plan, caller)
        assert isinstance(source, (bytes, str))
        return await self._picture(source, planned, caller)

    async def _file(
        self, source: bytes | Path, planned: PlannedInput, plan: Plan, caller: Caller
    ) -> tuple[PlannedInput, bytes, bool]:
        if planned.kind == IMAGE:
            return await self._picture(source, planned, caller)
        most = self.settings.video_input_max_bytes
        limits = VideoLimits(most, self.settings.video_input_max_pixels)
        made = await decoding.run(caller.tenant, partial(clean_video, source, plan.spec, limits))
        artifact = Artifact(key_of(made.content, caller.tenant, "mkv"), CONTENT_TYPE, len(made.content))
        return replace(planned, artifact=artifact), made.content, made.held

    async def _picture(
        self, source: bytes | str | Path, planned: PlannedInput, caller: Caller
    ) -> tuple[PlannedInput, bytes, bool]:
        picture = await picture_of(source, caller.tenant, self.settings)
        return replace(planned, artifact=picture.artifact), picture.content, False

    async def _video(self, address: str) -> bytes:
        """What a data URL holds, or an address answers with."""
        most = self.settings.video_input_max_bytes
        if address[:5].lower() == "data:":
            return from_data_url(address, most, "video")
        wanted = Wanted("video", "video", most, "video_not_fetched", "video_input_too_large")
        return await fetched(address, self.settings, wanted=wanted)

    async def _own(
        self, source: OwnVideo, planned: PlannedInput, plan: Plan, caller: Caller
    ) -> tuple[PlannedInput, bytes, bool]:
        """A video of the caller's: all of it, or, for a picture, the frame that is next to what is made."""
        job = await self.ports.jobs.get(source.id, caller.tenant)
        if planned.kind == VIDEO:
            return await self._file(await _content(job, self.ports.artifacts), planned, plan, caller)
        return await self._picture(await self._edge(job, planned.role, caller), planned, caller)

    async def _edge(self, job: Job, role: str, caller: Caller) -> bytes:
        """The frame of a video that is next to what is made, as a PNG."""
        mp4, shown = await _content(job, self.ports.artifacts), job.plan.whole
        read: Callable[[], bytes] = partial(edge_frame, mp4, shown.width, shown.height, last=role == FIRST)
        return await decoding.run(caller.tenant, read)


async def _content(job: Job, artifacts: ArtifactStore) -> bytes:
    """Its file. Raises Conflict: it is not completed; ArtifactLost."""
    if job.phase is not Phase.COMPLETED:
        raise Conflict(f"{job.id} is {job.status}: only a completed video can be used.", "job", "video_not_completed")
    return b"".join([chunk async for chunk in artifacts.read(job.artifacts["video"])])


async def _kind_of(path: Path) -> str:
    with path.open("rb") as file:
        return VIDEO if is_video(file.read(64)) else IMAGE


def _named(error: KinorayError, wish: WishedInput) -> KinorayError:
    """The same refusal of this input; what is not about the request stays as it is."""
    if error.status not in _ITS_OWN or (error.param or "").startswith(wish.place):
        return error
    name = "job" if isinstance(wish.source, OwnVideo) else _AS.get(wish.kind, wish.kind)
    return type(error)(error.message, field_of(wish, name), error.error_code)
