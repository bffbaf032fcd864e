from __future__ import annotations

from collections.abc import Sequence

import torch

from app.engine.denoiser import JobState
from app.engine.fake import FakeDenoiser
from app.engine.families.grouping import forward_by_group
from tests.engine.plans import hear, make_plan


def state(name: str, group: str = "", deterministic: bool = False, step_cache: str = "") -> JobState:
    plan = make_plan(deterministic=deterministic, step_cache=step_cache)
    made = FakeDenoiser().start(name, plan, hear(FakeDenoiser(), plan))
    made.groups = (group,) if group else ()
    return made


def test_jobs_share_a_forward_within_their_group_and_those_that_step_alone_do_not() -> None:
    states = [
        state("a", "high"),
        state("b", "low"),
        state("c", deterministic=True),
        state("d", "high"),
        state("e", step_cache="first_block"),
    ]
    seen: list[str] = []

    def forward(batch: Sequence[JobState]) -> list[tuple[JobState, torch.Tensor]]:
        seen.append("".join(each.job_id for each in batch))
        return [(each, torch.tensor(ord(each.job_id))) for each in batch]

    answers = forward_by_group(states, forward)
    assert seen == ["ad", "b", "c", "e"]
    assert [chr(int(answer)) for answer in answers] == list("abcde")
