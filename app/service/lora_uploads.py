"""The story of an uploaded LoRA: checked, tried on its model, stored, listed, named by requests, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import anyio

from app.artifacts.store import ArtifactStore
from app.errors import Conflict, Forbidden, InvalidRequest, KinorayError, Overloaded
from app.jobs.board import Board
from app.jobs.store import JobStore, find
from app.plan.catalogue import Catalogue
from app.service.ports import Ports
from app.settings import Settings
from app.types import Artifact, Caller, Job, ModelProfile, UploadedLora, VideoRequest
from app.types.upload import LOW
from app.uploads.adapter_header import PARAM, AdapterHeader, header_of
from app.uploads.fit import Fit
from app.uploads.loras import LoraUpload, Most, found, is_name, new_id, no_such_lora

CONTENT_TYPE: Final = "application/octet-stream"
AT_ONCE: Final = 4  # files that one process takes in
RETRY_AFTER_S: Final = 10.0
EXPERTS: Final = ("high", LOW)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client has sent: a file that lies on this machine, and what it says of it.

    `partial`: layers that find no place may be lost.
    """

    path: Path
    sha256: str
    name: str
    model: str | None = None
    description: str = ""
    expert: str | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class OperatorLora:
    """An adapter of a model that its operator has allowed requests to name."""

    id: str
    name: str
    model: str
    description: str


Row: TypeAlias = LoraUpload | OperatorLora


class LoraShelf:
    """What a Router does about LoRAs."""

    def __init__(self, ports: Ports, settings: Settings, clock: Callable[[], float]) -> None:
        self._ports = ports
        self._settings = settings
        self._clock = clock
        self._coming = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """So many files come at a time: each takes room on this machine's disk. Raises Overloaded."""
        if self._coming >= AT_ONCE:
            raise Overloaded("Too many LoRAs are being uploaded; come again soon.", retry_after_s=RETRY_AFTER_S)
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1

    async def expect(self, caller: Caller) -> None:
        """Refuse, before a file is read, who could not keep it. Raises Forbidden, Conflict."""
        if not any(model.lora_uploads for model in self._ports.models):
            raise Forbidden("This server takes no uploaded LoRAs.", code="lora_uploads_off")
        own = await self._ports.loras.own(caller.tenant, self._clock())
        most = self._settings.lora_uploads_most
        if len(own) >= most:
            raise Conflict(f"You have {len(own)} LoRAs, of at most {most}; delete one first.", code="too_many_loras")

    async def keep(self, sent: Sent, caller: Caller) -> LoraUpload:
        """Check what was sent, and keep it: what is on record can be worn.

        Raises:
            ModelNotFound: no such model.
            Forbidden: it takes no uploaded LoRAs.
            InvalidRequest: a name that cannot be, no sound file (`invalid_lora`), or one that does not fit the model's
                layers (`lora_does_not_fit`).
            Conflict: the name is taken, or the tenant would have too many or too much.
            ServiceUnavailable: it cannot be tried now, or stores do not answer.
        """
        model = Catalogue(self._ports.models, self._settings.default_name, self._settings.aliases).find(sent.model)
        _check(sent, model)
        header = await anyio.to_thread.run_sync(header_of, sent.path)
        fit = await self._ports.fits.fit(sent.path, model.id, sent.expert or EXPERTS[0])
        _check_fit(fit, model, sent.partial)
        now = self._clock()
        lora_id = new_id(now)
        key, size = f"{lora_id}/adapter.safetensors", (await anyio.Path(sent.path).stat()).st_size
        upload = self._record(
            sent,
            caller,
            UploadedLora(
                lora_id, sent.name, model.id, sent.sha256, Artifact(key, CONTENT_TYPE, size), sent.expert or ""
            ),
            header,
            fit,
            now,
        )
        await self._ports.artifacts.put_file(key, sent.path, CONTENT_TYPE)
        try:
            await self._ports.loras.create(
                upload, Most(self._settings.lora_uploads_most, self._settings.lora_uploads_bytes)
            )
        except Conflict:
            await self._ports.artifacts.clear(lora_id)
            raise
        return upload

    def _record(
        self, sent: Sent, caller: Caller, lora: UploadedLora, header: AdapterHeader, fit: Fit, now: float
    ) -> LoraUpload:
        kept_s = self._settings.lora_uploads_kept_s
        return LoraUpload(
            lora=lora,
            tenant=caller.tenant,
            created_at=now,
            expires_at=None if kept_s is None else now + kept_s,
            description=sent.description,
            layers=fit.layers,
            lost=fit.lost,
            ranks=header.ranks[:100],
            alphas=header.alphas[:100],
            dora=header.dora,
            dtypes=header.dtypes,
            metadata=header.metadata,
        )

    async def page(
        self, caller: Caller, after: str | None, limit: int, newest_first: bool
    ) -> tuple[Sequence[Row], bool]:
        """The caller's own, then the operator's, or the other way round; and whether there are more."""
        own = await self._ports.loras.own(caller.tenant, self._clock())
        rows: list[Row] = sorted([*own, *self._operators()], key=lambda each: _place(each.id), reverse=newest_first)
        if after:
            behind = _place(after)
            rows = [each for each in rows if (_place(each.id) < behind if newest_first else _place(each.id) > behind)]
        return rows[:limit], len(rows) > limit

    async def get(self, name: str, caller: Caller) -> Row:
        """By id or name, one's own first. Raises NotFound."""
        own = found(name, await self._ports.loras.own(caller.tenant, self._clock()))
        row = own or next((each for each in self._operators() if name in (each.id, each.name)), None)
        if row is None:
            raise no_such_lora()
        return row

    async def delete(self, name: str, caller: Caller) -> LoraUpload:
        """Forget one's own: no request can name it from now on. Jobs that wear it are made; then its file goes.

        Raises:
            NotFound: there is none.
            Conflict: it is the operator's.
        """
        row = await self.get(name, caller)
        if isinstance(row, OperatorLora):
            raise Conflict(f"{row.name} is the operator's LoRA; it cannot be deleted.", code="operator_lora")
        await self._ports.loras.delete(row.id, caller.tenant)
        if not await is_worn(row.id, self._ports.board, self._ports.jobs):
            await self._ports.artifacts.clear(row.id)
        return row

    def _operators(self) -> list[OperatorLora]:
        return [
            OperatorLora(f"{model.id}:{lora.name}", lora.name, model.id, lora.description)
            for model in self._ports.models
            for lora in model.loras
        ]


async def with_uploads(request: VideoRequest, caller: Caller, ports: Ports, now: float) -> VideoRequest:
    """The request, with what it names of the caller's own LoRAs. Raises StoreUnavailable."""
    if not request.loras or not any(model.lora_uploads for model in ports.models):
        return request
    own = await ports.loras.own(caller.tenant, now)
    known = ((name, found(name, own)) for name, _ in request.loras)
    return replace(request, uploads=tuple((name, each.lora) for name, each in known if each is not None))


async def hold_loras(job: Job, ports: Ports) -> None:
    """Have the files of the job's LoRAs kept until it has ended; held first, so that no delete can come in between.

    Raises:
        InvalidRequest: one was deleted since the job was planned.
    """
    for upload in job.plan.uploads:
        await ports.board.hold(upload.id, job.id)
        if not await ports.loras.known(upload.id):
            raise InvalidRequest(f"Your LoRA {upload.name!r} was deleted.", "loras", "unknown_lora")


async def is_worn(lora_id: str, board: Board, jobs: JobStore) -> bool:
    """Whether a job that has not ended needs its file; one that is just being recorded may."""
    for holder in await board.holders(lora_id):
        job = await find(jobs, holder)
        if job is None or not job.phase.ended:
            return True
    return False


async def remove_unworn(lora_id: str, board: Board, jobs: JobStore, artifacts: ArtifactStore) -> bool:
    """Remove the file of a LoRA that has no record any more, unless a job needs it; whether it went."""
    if await is_worn(lora_id, board, jobs):
        return False
    await artifacts.clear(lora_id)
    return True


def _place(lora_id: str) -> tuple[bool, str]:
    """The operator's, which are always there, stand before all that came by and by."""
    return ":" not in lora_id, lora_id


def _check(sent: Sent, model: ModelProfile) -> None:
    if not model.lora_uploads:
        raise Forbidden(f"{model.id} takes no uploaded LoRAs.", "model", "lora_uploads_off")
    if not is_name(sent.name):
        message = "The name of a LoRA has 1 to 64 letters, digits, `.`, `-` and `_`, a letter or digit first."
        raise InvalidRequest(message, "name")
    if any(lora.name == sent.name for lora in model.loras):
        raise Conflict(f"{model.id} has a LoRA of its operator's named {sent.name!r}.", "name", "lora_exists")
    if sent.expert is not None and (sent.expert not in EXPERTS or model.guidance_2 is None):
        message = (
            f"{model.id} has one transformer, and no experts." if model.guidance_2 is None else "It is high or low."
        )
        raise InvalidRequest(message, "expert")


def _check_fit(fit: Fit, model: ModelProfile, partial: bool) -> None:
    if fit.problem is not None:
        raise _misfit(f"The file does not fit {model.id}: {fit.problem}.")
    if fit.whole or partial:
        return
    lost = []
    if fit.lost:
        lost.append(f"{len(fit.lost)} of its layers find no place, such as {', '.join(fit.lost[:5])}")
    if fit.others:
        lost.append(f"{fit.others} of its tensors are not the denoiser's")
    if fit.magnitudes:
        lost.append(f"the magnitudes (DoRA) of {fit.magnitudes} layers are in a form that diffusers does not read")
    raise _misfit(
        f"Not all of the file would act on {model.id}: {'; '.join(lost)}. With `partial` it is taken without that."
    )


def _misfit(message: str) -> KinorayError:
    return InvalidRequest(message, PARAM, "lora_does_not_fit")
