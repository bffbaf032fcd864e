"""What a model is shown makes its steps longer: in the plan, its estimate, and what replicas have measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.engine.timing.step_times import shape_of
from app.models.served import profile_of
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN, Pace, shape_key
from app.plan.families import FAMILIES
from app.plan.planner import make_plan
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.types import CONTROL, FIRST, IMAGE, LAST, REFERENCE, VIDEO, Artifact, Plan, VideoRequest, WishedInput

PICTURE = Artifact("inputs/t/1.png", "image/png", 1)


def planned(family: str, *given: tuple[str, int | None], pace: Pace = UNKNOWN, begins: bool = False) -> Plan:
    profile = profile_of(ModelEntry(id="it", family=family, source="a/b"), FAMILIES[family], "1")
    wanted = tuple(WishedInput(role, VIDEO if role == CONTROL else IMAGE, frame=frame) for role, frame in given)
    request = replace(VideoRequest("a red ball"), references=wanted, image=PICTURE if begins else None)
    return make_plan(request, Catalogue((profile,), "it"), Settings(), pace, lambda: 1)


@pytest.mark.parametrize(
    ("family", "given", "frames"),
    [
        ("wan2.1-vace-1.3b", ((REFERENCE, None),), 4),
        ("wan2.1-vace-1.3b", ((REFERENCE, None), (REFERENCE, None), (CONTROL, None)), 8),
        ("wan2.1-vace-1.3b", ((CONTROL, None),), 0),
        ("ltx-video", ((FIRST, None),), 0),
        ("ltx-video", ((REFERENCE, 0),), 0),
        ("ltx-video", ((FIRST, None), (REFERENCE, 24), (LAST, None)), 16),
        ("minimax-h3", ((LAST, None),), 7),
        ("minimax-h3-references", ((REFERENCE, None),) * 9, 249),
    ],
)
def test_inputs_that_step_with_the_video_count_as_frames(
    family: str, given: tuple[tuple[str, int | None], ...], frames: int
) -> None:
    plan = planned(family, *given)
    assert (plan.shown, plan.stepped.frames, shape_of(plan)[0]) == (frames, *[plan.spec.frames + frames] * 2)
    assert plan.stepped.size == plan.spec.size


@pytest.mark.parametrize(
    ("family", "shown"), [("minimax-h3", 7), ("wan2.1-i2v-14b-480p", 0), ("ltx-2", 0), ("skyreels-v2-df-1.3b-540p", 0)]
)
def test_a_first_picture_counts_where_it_does_not_take_the_first_frames_place(family: str, shown: int) -> None:
    assert planned(family, begins=True).shown == shown


@pytest.mark.parametrize("family", ["minimax-h3-references", "wan2.1-vace-14b"])
def test_the_estimate_grows_as_the_tokens_do(family: str) -> None:
    one, three = planned(family, (REFERENCE, None)), planned(family, *((REFERENCE, None),) * 3)
    grows = three.estimate.step_seconds / one.estimate.step_seconds
    assert grows == pytest.approx(three.stepped.frames / one.stepped.frames)
    assert grows > 1.05


def test_what_was_measured_with_as_much_shown_is_what_is_promised() -> None:
    key = shape_key(planned("wan2.1-vace-1.3b", (REFERENCE, None)).stepped)
    pace = Pace(step_s=1.0, step_times={"81x480x832": 1.0, key: 1.7}, overheads={key: 30.0})
    shown, plain = planned("wan2.1-vace-1.3b", (REFERENCE, None), pace=pace), planned("wan2.1-vace-1.3b", pace=pace)
    assert shown.estimate.step_seconds == pytest.approx(1.7 * plain.estimate.step_seconds)
    assert shown.estimate.seconds == pytest.approx(shown.estimate.step_seconds + 30.0)
