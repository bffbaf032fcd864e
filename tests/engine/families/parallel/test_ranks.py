from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from app.engine.denoiser import DeviceLost
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.reader import Files, Options
from app.engine.families.models import Parts
from app.engine.families.parallel.ranks import RankLoad, Ranks, RankZero
from app.engine.families.wan.load import READER
from app.engine.loop import Engine
from app.errors import InvalidRequest, UnsupportedParameter, WorkerLost
from app.line.batcher import Rules
from app.settings.placement import Parallel, Placement, parallel_of
from app.types import VideoSpec
from tests.engine.families.loading.test_placement import parts
from tests.engine.families.saved import save_t2v
from tests.engine.families.tiny import tiny_transformer, tiny_wan, transformer_of
from tests.engine.families.wan.test_denoiser import by_engine
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
    parts().transformer.save_pretrained(tmp_path / "transformer")
    load = RankLoad(
        module=READER.module,
        folder=str(tmp_path),
        parts=["transformer"],
        dtype="float32",
        placement=asdict(Placement()),
    )
    ranks = Ranks(TWO, load)
    yield ranks
    ranks.close()


@ENGINE_ENDS
def test_two_ranks_make_what_one_makes_and_a_dead_one_ends_the_engine(ranks: Ranks) -> None:
    made = parts()
    alone = [by_engine(tiny_wan(parts()), plan) for plan in PLANS]
    lead = ranks.lead(made.transformer, TWO)
    denoiser = tiny_wan(Parts(lead, made.autoencoder, made.encode))
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


def test_a_saved_model_of_two_experts_is_split_among_ranks_too(tmp_path: Path) -> None:
    save_t2v(tmp_path, transformer_2=tiny_transformer(7), boundary_ratio=0.6)
    there, plan = Files(str(tmp_path), torch.float32, torch.device("cpu"), local=True), PLANS[0]
    alone = by_engine(READER.load(there), plan)
    shared = READER.load(there, Options(parallel=TWO))
    lead = transformer_of(shared)
    assert isinstance(lead, RankZero)
    try:
        assert np.abs(by_engine(shared, plan) - alone).max() <= 1e-4
    finally:
        lead._ranks.close()


def test_adapters_and_ranks_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="adapters"):
        READER.load(
            Files(str(tmp_path), torch.float32, torch.device("cpu")), Options(loras=(Lora("a", "b"),), parallel=TWO)
        )


def _kill_and_see(ranks: Ranks, denoiser: FamilyDenoiser) -> None:
    heard, engine = Listener(), Engine(denoiser, Rules(max_batch=1, slots=1))
    os.kill(ranks._children[0].pid, signal.SIGKILL)
    engine.submit("a", PLANS[0], heard)
    assert "engine failed" in str(heard.wait().error)
    engine._thread.join(20)
    assert not engine.healthy()
    with pytest.raises(WorkerLost):
        engine.submit("b", PLANS[0], Listener())
    assert isinstance(transformer_of(denoiser), RankZero)
    with pytest.raises(DeviceLost):
        denoiser.predict([denoiser.start("d", PLANS[0], hear(denoiser, PLANS[0]))])


@pytest.mark.parametrize("wish", [{"ulysses": 0}, {"ulysses": 9}, {"tensor": 2}, {"ulysses": 4, "ring": 4}])
def test_degrees_that_make_no_sense_are_refused(wish: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="ulysses|ranks"):
        parallel_of(wish)
