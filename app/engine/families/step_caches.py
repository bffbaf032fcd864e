"""diffusers' own step caches for one job at a time: its state goes into the hooks for a forward and out again after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TypeAlias

import torch
from diffusers import FirstBlockCacheConfig, MagCacheConfig, TaylorSeerCacheConfig
from diffusers.hooks.hooks import StateManager

from app.engine.denoiser import JobState, TextEmbedding
from app.engine.families.diffusers_private import (
    cache_states,
    calibration_ratios,
    clear_state,
    kept_state,
    revive_state,
)
from app.engine.families.family import Row
from app.engine.families.models import Transformer
from app.errors import UnsupportedParameter

Ratios = Sequence[float]
CacheConfig: TypeAlias = FirstBlockCacheConfig | MagCacheConfig | TaylorSeerCacheConfig


def _mag(steps: int, ratios: Ratios) -> MagCacheConfig:
    if not ratios:
        raise UnsupportedParameter("This model's magnitudes have not been measured.", "step_cache")
    return MagCacheConfig(
        threshold=0.06, max_skip_steps=3, retention_ratio=0.2, num_inference_steps=steps, mag_ratios=list(ratios)
    )


def _taylorseer(steps: int, ratios: Ratios) -> TaylorSeerCacheConfig:
    return TaylorSeerCacheConfig(
        cache_interval=3,
        disable_cache_before_step=3,
        max_order=1,
        taylor_factors_dtype=torch.float32,
        # Attention and feed-forward of every block, as Wan and LTX name them: diffusers' own patterns miss them.
        cache_identifiers=[r"(transformer_)?blocks\.\d+\.(attn1|attn2|ffn|ff)"],
    )


CONFIGS: Mapping[str, Callable[[int, Ratios], CacheConfig]] = MappingProxyType(
    {
        "first_block": lambda steps, ratios: FirstBlockCacheConfig(threshold=0.08),  # ParaAttention
        "mag": _mag,  # arXiv 2506.09045
        "taylorseer": _taylorseer,  # arXiv 2503.06923
    }
)


class StepCaches:
    """The step caches of one transformer. Its hooks are there only while jobs with such a cache step.

    `mag_ratios`: what `measured` found for this model; without them there is no MagCache.
    """

    def __init__(self, transformer: Transformer, mag_ratios: Ratios = ()) -> None:
        self._transformer = transformer
        self._ratios = tuple(mag_ratios)
        self._on: tuple[str, int] | None = None
        self._managers: list[StateManager] = []

    def off(self) -> None:
        """Take the hooks out, for a job without such a cache."""
        if self._on is not None:
            self._transformer.disable_cache()
            self._on, self._managers = None, []

    def forward(
        self, state: JobState, texts: Mapping[str, TextEmbedding], predict: Callable[[Sequence[Row]], torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """A velocity (C, F', H', W') float32 for each text, by its name; each is a forward of its own.

        Raises:
            UnsupportedParameter: a cache that this model cannot have.
        """
        velocities = {}
        with self._using(state):
            for name, text in texts.items():
                with self._transformer.cache_context(name):
                    velocities[name] = predict([Row(state, text)])[0].float()
        return velocities

    def measured(self, run: Callable[[], object], steps: int) -> tuple[float, ...]:
        """How the blocks' residual changes in size from step to step: what MagCache needs to know of a model.

        `run` denoises one video of so many steps through the transformer, without guidance.
        """
        self.off()
        self._transformer.enable_cache(MagCacheConfig(calibrate=True, num_inference_steps=steps + 1))
        try:
            with self._transformer.cache_context("cond"):
                run()
            return calibration_ratios(cache_states(self._transformer)[0])
        finally:
            self._transformer.disable_cache()

    @contextmanager
    def _using(self, state: JobState) -> Iterator[None]:
        """The hooks hold this job's state in here. When a forward fails, the job keeps the one from before it."""
        sampling = state.plan.sampling
        self._enable(sampling.step_cache, sampling.steps)
        for place, manager in enumerate(self._managers):
            revive_state(manager, state.cached.get(place), state.step)
        try:
            yield
            state.cached = {place: kept_state(manager) for place, manager in enumerate(self._managers)}
        finally:
            for manager in self._managers:
                clear_state(manager)

    def _enable(self, kind: str, steps: int) -> None:
        if self._on == (kind, steps):
            return
        self.off()
        if kind not in CONFIGS:
            raise UnsupportedParameter(f"There is no step cache {kind[:40]!r}.", "step_cache")
        self._transformer.enable_cache(CONFIGS[kind](steps, self._ratios))
        self._on, self._managers = (kind, steps), cache_states(self._transformer)
