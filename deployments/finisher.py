"""Finisher: frames become files and scenes films, off the device's path, as `app.worker` tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ray.serve.handle import DeploymentHandle

from app.settings import Settings
from deployments.observed import observe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.storyboards.ports import FilmMade, Heard, Voices
    from app.types import Measured
    from app.types.storyboard import Narration, Narrator
    from app.types.waveform import Waveform
    from app.worker.ports import StoredDraft


class Finisher:
    """Serve's calls, passed on to a JobFinisher and a FilmMaker."""

    def __init__(self, settings: Settings, cache: DeploymentHandle[Any]) -> None:
        # Here, since they bring codecs and pictures: whoever builds the application needs this class alone.
        from app.cache.results import ResultCache
        from app.engine.niceness import FILES, give_way
        from app.service.background import Background
        from app.stores import open_stores
        from app.worker.film_work import open_film_maker
        from app.worker.finishing import JobFinisher
        from deployments.cache_handles import CacheHandle

        observe(settings)
        give_way(FILES)  # its loop too, which is not the one that answers health checks
        results = ResultCache(CacheHandle(cache))
        stores = open_stores(settings)
        self._finisher = JobFinisher(stores, settings, results, Background())
        self._films = open_film_maker(stores, settings)

    async def finish(
        self,
        job_id: str,
        fence: int,
        frames: NDArray[np.uint8],
        measured: Measured,
        heard: Waveform | None = None,
    ) -> None:
        """Close a job with its frames, uint8 (F, H, W, 3), and sound. Raises what the Finishing port says."""
        await self._finisher.finish(job_id, fence, frames, measured, heard)

    async def draft(self, job_id: str, fence: int, frames: NDArray[np.uint8]) -> StoredDraft:
        """Store a job's draft, uint8 (F, H, W, 3). Raises what the Finishing port says."""
        return await self._finisher.draft(job_id, fence, frames)

    async def voices(self) -> Voices:
        """Who may narrate."""
        return await self._films.voices()

    async def hear(self, tenant: str, texts: Sequence[str], narrator: Narrator) -> Sequence[Heard]:
        """What is known of narrations before they are spoken. Raises what the FilmWork port does, as all these."""
        return await self._films.hear(tenant, texts, narrator)

    async def speak(self, tenant: str, text: str, narrator: Narrator) -> Narration:
        """A narration, stored."""
        return await self._films.speak(tenant, text, narrator)

    async def caption(self, prompt: str, narration: str | None, language: str) -> str:
        """What is read of a scene."""
        return await self._films.caption(prompt, narration, language)

    async def assemble(self, story_id: str, fence: int) -> FilmMade:
        """The film of a storyboard, stored."""
        return await self._films.assemble(story_id, fence)

    async def ping(self) -> str:
        return "ok"
