"""Deployments behind the app's ports; what Ray raises comes as our errors."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from ray.exceptions import RayError
from ray.serve.handle import DeploymentHandle

from app.errors import PartFailed, ServiceUnavailable
from app.plan.sentences import SentenceFigures
from app.storyboards.ports import FilmMade, Heard, Voices
from app.tracing.carry import carried
from app.types import Caller, Measured, Plan, VideoRequest
from app.types.storyboard import Narration, Narrator
from app.types.waveform import Waveform
from app.worker.ports import StoredDraft
from deployments.calls import ask

if TYPE_CHECKING:
    from app.engine.embedding import Embedding  # torch: only where it is needed

ENCODE_S = 60.0
FINISH_S = 300.0
DRAFT_S = 60.0
HEAR_S = 30.0
SPEAK_S = 900.0  # a long text, behind others
ASSEMBLE_S = 7200.0  # of half an hour of film, on a busy machine
T = TypeVar("T")


class AnalyzerHandle:
    """The Planner port over the PromptAnalyzer deployment."""

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = 10.0) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        asked = self._handle.plan.remote(request, caller, carried())
        answer: Plan = await ask(asked, self._timeout_s, "prompt analyzer")
        return answer


class SentencesHandle:
    """The Sentences port over the PromptAnalyzer deployment."""

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = 10.0) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = await ask(self._handle.embed.remote(list(texts)), self._timeout_s, "text encoder")
        return answer

    async def figures(self) -> SentenceFigures:
        """Those of one replica. Raises ServiceUnavailable."""
        answer: SentenceFigures = await ask(self._handle.sentence_figures.remote(), self._timeout_s, "text encoder")
        return answer


class EncoderHandle:
    """Asks the TextEncoder deployment for one prompt's embedding."""

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = ENCODE_S) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(self, text: str) -> Embedding:
        """Raises ServiceUnavailable; PartFailed where it died or failed over this prompt."""
        try:
            answer: Embedding = await ask(self._handle.encode.remote(text), self._timeout_s, "text encoder")
        except RayError as error:
            raise PartFailed(f"The text encoder failed: {type(error).__name__}.") from error
        return answer


class FinisherHandle:
    """The Finishing port over the Finisher deployment."""

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = FINISH_S) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def draft(self, job_id: str, fence: int, frames: NDArray[np.uint8]) -> StoredDraft:
        """Frames are uint8 (F, H, W, 3). Raises what the port says."""
        return await _of_finisher(self._handle.draft.remote(job_id, fence, frames), DRAFT_S, StoredDraft)

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None:
        """Frames are uint8 (F, H, W, 3). Raises what the port says."""
        sound = () if heard is None else (heard,)  # an older Finisher knows of none
        try:
            await ask(self._handle.finish.remote(job_id, fence, frames, measured, *sound), self._timeout_s, "finisher")
        except RayError as error:
            raise ServiceUnavailable(f"The finisher failed: {type(error).__name__}.") from error


class FilmHandle:
    """The FilmWork port over the Finisher deployment."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = handle

    async def voices(self) -> Voices:
        return await _of_finisher(self._handle.voices.remote(), HEAR_S, Voices)

    async def hear(self, tenant: str, texts: Sequence[str], narrator: Narrator) -> Sequence[Heard]:
        asked = self._handle.hear.remote(tenant, list(texts), narrator)
        return await _of_finisher(asked, HEAR_S, list[Heard])

    async def speak(self, tenant: str, text: str, narrator: Narrator) -> Narration:
        return await _of_finisher(self._handle.speak.remote(tenant, text, narrator), SPEAK_S, Narration)

    async def caption(self, prompt: str, narration: str | None, language: str) -> str:
        return await _of_finisher(self._handle.caption.remote(prompt, narration, language), SPEAK_S, str)

    async def assemble(self, story_id: str, fence: int) -> FilmMade:
        return await _of_finisher(self._handle.assemble.remote(story_id, fence), ASSEMBLE_S, FilmMade)


async def _of_finisher(asked: Awaitable[Any], timeout_s: float, _: type[T]) -> T:
    """Raises what the callee raises of ours, ServiceUnavailable where it is gone or fails otherwise."""
    try:
        answer: T = await ask(asked, timeout_s, "finisher")
    except RayError as error:
        raise ServiceUnavailable(f"The finisher failed: {type(error).__name__}.") from error
    return answer


async def ping(handle: DeploymentHandle[Any], timeout_s: float, what: str) -> None:
    """Raises ServiceUnavailable when no replica answers in time."""
    await ask(handle.ping.remote(), timeout_s, what)
