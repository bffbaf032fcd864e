"""diffusers' own step caches for one job at a time: its state goes into the hooks for a forward and out again after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
from diffusers import FirstBlockCacheConfig, MagCacheConfig, TaylorSeerCacheConfig
from diffusers.hooks.hooks import StateManager

from app.engine.denoiser import TOKENS, JobState
from app.errors import UnsupportedParameter

_TRANSIENT = ("head_block_output", "head_block_input")  # used within a forward only

Ratios = Sequence[float]


def _mag(steps: int, ratios: Ratios) -> Any:
    if not ratios:
        raise UnsupportedParameter("This model's magnitudes have not been measured.", "step_cache")
    return MagCacheConfig(
        threshold=0.06, max_skip_steps=3, retention_ratio=0.2, num_inference_steps=steps, mag_ratios=list(ratios)
    )


def _taylorseer(steps: int, ratios: Ratios) -> Any:
    return TaylorSeerCacheConfig(
        cache_interval=3,
        disable_cache_before_step=3,
        max_order=1,
        taylor_factors_dtype=torch.float32,
        cache_identifiers=[r"blocks\.\d+\.(attn1|attn2|ffn)"],  # diffusers' own patterns miss Wan's attention
    )


CONFIGS: Mapping[str, Callable[[int, Ratios], Any]] = MappingProxyType(
    {
        "first_block": lambda steps, ratios: FirstBlockCacheConfig(threshold=0.08),  # ParaAttention
        "mag": _mag,  # arXiv 2506.09045
        "taylorseer": _taylorseer,  # arXiv 2503.06923
    }
)


class StepCaches:
    """The step caches of one transformer. Its hooks are there only while jobs with such a cache step.

    `mag_ratios`: what `measured_ratios` found for this model; without them there is no MagCache.
    """

    def __init__(self, transformer: Any, mag_ratios: Ratios = ()) -> None:
        self._transformer = transformer
        self._ratios = tuple(mag_ratios)
        self._on: tuple[str, int] | None = None
        self._managers: list[Any] = []

    def off(self) -> None:
        """Take the hooks out, for a job without such a cache."""
        if self._on is not None:
            self._transformer.disable_cache()
            self._on, self._managers = None, []

    def forward(self, state: JobState) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The conditional and, where the job is guided, the unconditional velocity, each (C, F', H', W') float32.

        Each is a forward of its own, as in diffusers' pipelines, for a cache's decision is one for a whole forward.

        Raises:
            UnsupportedParameter: a cache that this model cannot have.
        """
        with self._using(state):
            asked = self._pass("cond", state, state.conditioning.prompt[TOKENS])
            free = self._pass("uncond", state, state.conditioning.negative[TOKENS]) if state.guided else None
        return asked, free

    def _pass(self, name: str, state: JobState, text: torch.Tensor) -> torch.Tensor:
        dtype = self._transformer.dtype
        with self._transformer.cache_context(name):
            velocity: torch.Tensor = self._transformer(
                hidden_states=state.latent[None].to(dtype),  # (1, C, F', H', W')
                timestep=torch.tensor([state.timestep], dtype=torch.float32, device=state.latent.device),
                encoder_hidden_states=text[None].to(dtype),  # (1, T, D)
                return_dict=False,
            )[0]
        return velocity[0].float()

    @contextmanager
    def _using(self, state: JobState) -> Iterator[None]:
        """The hooks hold this job's state in here. When a forward fails, the job keeps the one from before it."""
        sampling = state.plan.sampling
        self._enable(sampling.step_cache, sampling.steps)
        for place, manager in enumerate(self._managers):
            manager._state_cache = _revived(manager, state.cached.get(place), state.step)
        try:
            yield
            state.cached = {place: _kept(manager) for place, manager in enumerate(self._managers)}
        finally:
            for manager in self._managers:
                manager._state_cache = {}

    def _enable(self, kind: str, steps: int) -> None:
        if self._on == (kind, steps):
            return
        self.off()
        if kind not in CONFIGS:
            raise UnsupportedParameter(f"There is no step cache {kind[:40]!r}.", "step_cache")
        self._transformer.enable_cache(CONFIGS[kind](steps, self._ratios))
        self._on, self._managers = (kind, steps), _managers_of(self._transformer)


def measured_ratios(transformer: Any, walk: Callable[[], object], steps: int) -> tuple[float, ...]:
    """How the blocks' residual changes in size from step to step: what MagCache needs to know of a model.

    `walk` denoises one video of so many steps through the transformer, each conditional pass in the context "cond".
    """
    transformer.enable_cache(MagCacheConfig(calibrate=True, num_inference_steps=steps + 1))
    try:
        walk()
        manager = _managers_of(transformer)[0]
        ratios = tuple(float(ratio) for ratio in manager._state_cache["cond"].calibration_ratios)
    finally:
        transformer.disable_cache()
    return ratios


def _managers_of(transformer: Any) -> list[Any]:
    """The state managers of all hooks, each once, in the order of the modules."""
    registries = [part._diffusers_hook for part in transformer.modules() if hasattr(part, "_diffusers_hook")]
    hooks = [registry.hooks[name] for registry in registries for name in registry._hook_order]
    found = [value for hook in hooks for value in vars(hook).values() if isinstance(value, StateManager)]
    return list({id(manager): manager for manager in found}.values())


def _kept(manager: Any) -> dict[str, dict[str, Any]]:
    """The manager's states by context as plain dicts, whose tensors can move with the job's others."""
    return {
        name: {key: None if key in _TRANSIENT else value for key, value in vars(one).items()}
        for name, one in manager._state_cache.items()
    }


def _revived(manager: Any, kept: Mapping[str, Mapping[str, Any]] | None, step: int) -> dict[str, Any]:
    """A job's states as the hooks want them. Without any, as after a resume, the cache starts anew at this step."""
    made = {}
    for name in kept or (("cond", "uncond") if step else ()):
        one = made[name] = manager._state_cls(*manager._init_args, **manager._init_kwargs)
        if kept:
            vars(one).update(kept[name])
        elif hasattr(one, "step_index"):
            one.step_index = step
    return made
