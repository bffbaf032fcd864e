from __future__ import annotations

import pytest

from app.errors import IllegalTransition
from app.jobs.states import LEGAL, RUNNING, check, sources
from app.types import Phase


def test_every_phase_has_its_row() -> None:
    assert set(LEGAL) == set(Phase)


def test_ended_phases_go_nowhere() -> None:
    assert not any(LEGAL[phase] for phase in Phase if phase.ended)


@pytest.mark.parametrize("phase", RUNNING)
def test_a_running_job_can_end_or_go_back_to_the_line(phase: Phase) -> None:
    for after in (Phase.COMPLETED, Phase.FAILED, Phase.QUEUED):
        check(phase, after)


def test_an_attempt_goes_forward_only() -> None:
    check(Phase.ENCODING, Phase.DECODING)
    with pytest.raises(IllegalTransition):
        check(Phase.DECODING, Phase.DENOISING)


def test_sources_are_the_table_read_backwards() -> None:
    for after in Phase:
        assert sources(after) == {before for before in Phase if after in LEGAL[before]}
