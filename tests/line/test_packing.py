from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from app.line.batcher import Profile, Rules, Running, Shape, Urgency, decide
from app.line.packing import Packed, companions, mix_of, pays, saved_s, shares
from app.line.profile import noted, to_note
from app.line.rules import PRIORITIES

SHORT: Shape = (9, 64, 64)
LONG: Shape = (17, 64, 64)
HUGE: Shape = (17, 128, 128)
RULES = Rules(max_batch=4, slots=8, gain=0.1, pack=True)
TIMES = {(SHORT, 1): 1.0, (SHORT, 2): 1.6, (LONG, 1): 1.5, (LONG, 2): 2.4, (LONG, 4): 4.4, (HUGE, 1): 6.0}
BOTH = mix_of([SHORT, LONG])


def known(seconds: float | None = None, **more: Any) -> Profile:
    packed = Packed() if seconds is None else Packed({BOTH: seconds}, frozenset({BOTH}))
    return replace(Profile(TIMES, frozenset(TIMES), packed=packed), **more)


def running(job_id: str, shape: Shape, group: str = "", alone: bool = False, priority: str = "normal") -> Running:
    urgency = Urgency(PRIORITIES[priority])
    return Running(job_id, shape, urgency, 10, 10, 0.0, group=group, alone=alone)


def batch(*jobs: Running, rules: Rules = RULES, profile: Profile | None = None) -> set[str]:
    return set(decide(0.0, jobs, [], [], rules, profile or known(2.0)).batch)


def test_jobs_of_two_shapes_step_together_where_that_was_seen_to_pay() -> None:
    assert batch(running("a", SHORT), running("b", LONG)) == {"a", "b"}
    assert len(batch(running("a", SHORT), running("b", LONG), profile=known(2.4))) == 1  # of 2.5 apart: too little
    assert len(batch(running("a", SHORT), running("b", LONG), rules=replace(RULES, pack=False))) == 1


def test_who_steps_alone_is_of_another_group_or_class_is_not_packed() -> None:
    first = running("a", SHORT)
    for other in (
        running("b", LONG, alone=True),
        running("b", LONG, group="high"),
        running("b", LONG, priority="high"),
    ):
        assert len(batch(first, other)) == 1


def test_a_mix_not_measured_is_tried_unless_another_was_slower_or_two_of_a_shape_do_not_pay() -> None:
    four = mix_of([SHORT, SHORT, LONG, LONG])
    assert pays(known(), four, RULES)
    assert not pays(known(3.0), four, RULES)
    assert not pays(known(math.inf), four, RULES)
    filled = {**TIMES, (SHORT, 2): 2.0}
    assert not pays(Profile(filled, frozenset(filled)), four, RULES)


def test_a_short_step_is_not_held_up_by_a_long_one() -> None:
    roomy = {**TIMES, (HUGE, 2): 11.0}
    mix = mix_of([SHORT, HUGE])
    profile = Profile(roomy, frozenset({(SHORT, 1), (HUGE, 1)}), packed=Packed({mix: 5.0}, frozenset({mix})))
    assert not pays(profile, mix, RULES)  # in turns by device time it would step every 2 s
    assert pays(profile, mix, replace(RULES, pack_stretch=2.5))


def test_a_forward_is_no_larger_than_memory_has_held() -> None:
    mix = mix_of([SHORT, LONG, HUGE])
    assert not pays(known(), mix, replace(RULES, pack_stretch=9.0))  # more pixels than four of the long ones
    assert not pays(known(limits={LONG: 1}), mix_of([SHORT, LONG, LONG]), RULES)
    assert not pays(known(packed=Packed(limit=1000.0)), BOTH, RULES)


def test_as_many_others_come_along_as_pay_together() -> None:
    pair, trio = BOTH, mix_of([SHORT, SHORT, LONG])
    profile = known(packed=Packed({pair: 2.4, trio: 2.5}, frozenset({pair, trio})))  # the pair alone saves too little
    assert companions(profile, [LONG], [SHORT, SHORT], RULES) == 2
    assert companions(profile, [LONG], [SHORT], RULES) == 0


def test_a_packed_round_is_as_much_shorter_and_its_time_is_shared_by_what_each_takes_alone() -> None:
    assert saved_s(known(2.0), [SHORT, LONG], RULES) == 0.5
    assert saved_s(known(2.4), [SHORT, LONG], RULES) == 0.0
    assert shares(known(), [SHORT, LONG]) == [0.4, 0.6]
    assert shares(known(), [LONG, LONG]) == [0.5, 0.5]


def test_packed_times_travel_in_a_note_and_nonsense_in_it_is_passed_over() -> None:
    note = to_note(TIMES, None, {BOTH: 2.0, mix_of([SHORT, HUGE]): math.inf})
    assert noted(note).packed == {BOTH: 2.0}
    assert (
        noted(
            {**note, "packed": [[[[[9, 64, 64], 1]], 2.0], "x", [[], -1], [[[[9, 64, 64], 0], [[17, 64, 64], 1]], 1]]}
        ).packed
        == {}
    )
