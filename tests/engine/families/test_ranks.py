from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.engine.denoiser import DeviceLost
from app.engine.families.ranks import Ranks, RankZero
from app.engine.families.wan import WanDenoiser
from app.engine.loop import Engine
from app.engine.presets import Parallel, parallel_of
from app.errors import InvalidRequest, UnsupportedParameter, WorkerLost
from app.line.batcher import Rules
from app.types import VideoSpec
from tests.engine.families.test_placement import parts
from tests.engine.families.test_wan import by_engine
from tests.engine.plans import Listener, hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore:.*all_gather_tensor. is deprecated:FutureWarning")  # diffusers calls it
ENGINE_ENDS = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
TWO = Parallel(ulysses=2)
PLANS = [
    make_plan("a red ball", 4, spec=VideoSpec(32, 16, 5, 8), seed=3),
    make_plan("a blue box", 4, spec=VideoSpec(64, 32, 5, 8), seed=4, guidance=1.0),
]


@pytest.fixture
def ranks(tmp_path: Path) -> Iterator[Ranks]:
    parts().transformer.save_pretrained(tmp_path / "model")
    ranks = Ranks(TWO, {"kind": "folder", "folder": str(tmp_path / "model")})
    yield ranks
    ranks.close()


@ENGINE_ENDS
def test_two_ranks_make_what_one_makes_and_a_dead_one_ends_the_engine(ranks: Ranks) -> None:
    made = parts()
    alone = [by_engine(WanDenoiser(parts().transformer, made.autoencoder, made.encode), plan) for plan in PLANS]
    lead = ranks.lead(made.transformer, TWO)
    denoiser = WanDenoiser(lead, made.autoencoder, made.encode)
    for plan, frames in zip(PLANS, alone, strict=True):
        assert np.abs(by_engine(denoiser, plan) - frames).max() <= 1e-4
    together = [denoiser.start(name, PLANS[0], hear(denoiser, PLANS[0])) for name in "ab"]
    walk(denoiser, *together)
    assert np.abs(denoiser.decode_float(together[1]) - alone[0]).max() <= 1e-4
    cached = make_plan("a red ball", 4, spec=VideoSpec(32, 16, 5, 8), step_cache="first_block")
    with pytest.raises(UnsupportedParameter):
        denoiser.predict([denoiser.start("c", cached, hear(denoiser, cached))])
    odd = make_plan("a red ball", 4, spec=VideoSpec(48, 16, 1, 8))  # three tokens for two ranks
    with pytest.raises(InvalidRequest, match="equal parts"):
        denoiser.predict([denoiser.start("e", odd, hear(denoiser, odd))])
    _kill_and_see(ranks, denoiser)


def _kill_and_see(ranks: Ranks, denoiser: WanDenoiser) -> None:
    heard, engine = Listener(), Engine(denoiser, Rules(max_batch=1, slots=1))
    os.kill(ranks._children[0].pid, signal.SIGKILL)
    engine.submit("a", PLANS[0], heard)
    assert "engine failed" in str(heard.wait().error)
    engine._thread.join(20)
    assert not engine.healthy()
    with pytest.raises(WorkerLost):
        engine.submit("b", PLANS[0], Listener())
    assert isinstance(denoiser._transformer, RankZero)
    with pytest.raises(DeviceLost):
        denoiser.predict([denoiser.start("d", PLANS[0], hear(denoiser, PLANS[0]))])


@pytest.mark.parametrize("wish", [{"ulysses": 0}, {"ulysses": 9}, {"tensor": 2}, {"ulysses": 4, "ring": 4}])
def test_degrees_that_make_no_sense_are_refused(wish: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="ulysses|ranks"):
        parallel_of(wish)
