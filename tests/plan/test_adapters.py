from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.adapters import adapters, asked_of
from app.plan.budgets import Budget, BudgetTable
from app.plan.catalogue import Catalogue
from app.plan.cost import UNKNOWN
from app.plan.planner import make_plan
from app.plan.tables import NO_TABLES, Tables
from app.settings import Settings
from app.types import ModelProfile, Plan, RequestableLora, TierOfModel, VideoRequest
from tests.api.house import MODEL

WORN = replace(
    MODEL,
    adapters=("few", "film", "ink"),
    loras=(RequestableLora("few"), RequestableLora("film"), RequestableLora("ink", "drawn with ink")),
    tiers=(TierOfModel("preview", adapter="few"),),
    step_caches=True,
)


def planned(request: VideoRequest, model: ModelProfile = WORN, tables: Tables = NO_TABLES) -> Plan:
    settings = Settings(default_model=model.id, model_aliases={})
    return make_plan(request, Catalogue([model], model.id), settings, UNKNOWN, lambda: 7, tables)


def asked(*loras: tuple[str, float], tier: str = "standard") -> VideoRequest:
    return VideoRequest("a red ball", loras=loras, tier=tier)


def test_the_same_adapters_are_the_same_plan_in_whatever_order_they_are_named() -> None:
    plan = planned(asked(("ink", 0.5), ("film", 1.0)))
    assert plan.adapters == (("film", 1.0), ("ink", 0.5)) == planned(asked(("film", 1.0), ("ink", 0.5))).adapters
    assert "It is made with the LoRA film, ink at 0.5." in plan.why.reasons


def test_an_adapter_of_no_strength_is_none() -> None:
    assert planned(asked(("ink", 0.0))) == planned(asked())


def test_a_tiers_own_adapter_acts_beside_those_asked_for_and_as_strongly_as_is_asked_for() -> None:
    assert adapters(asked(("ink", 0.5), tier="preview"), WORN, "preview") == (("few", 1.0), ("ink", 0.5))
    assert adapters(asked(("few", 0.5), tier="preview"), WORN, "preview") == (("few", 0.5),)
    assert adapters(asked(("few", 0.0), tier="preview"), WORN, "preview") == ()


@pytest.mark.parametrize("worn", [(), (("few", 0.5),), (("few", 0.0),), (("ink", 0.5),), (("film", 2.0), ("few", 1.0))])
def test_what_a_plan_wears_can_be_asked_for_again(worn: tuple[tuple[str, float], ...]) -> None:
    plan = planned(asked(*worn, tier="preview"))
    hidden = replace(WORN, loras=WORN.loras[1:]) if ("few", 0.5) not in worn and ("few", 0.0) not in worn else WORN
    assert planned(asked(*asked_of(plan, hidden), tier="preview"), hidden).adapters == plan.adapters


@pytest.mark.parametrize(
    ("loras", "code", "param", "says"),
    [
        ([("imk", 1.0)], "unknown_lora", "loras.0.name", "'ink'"),
        ([("ink", 1.0), ("../film", 1.0)], "unknown_lora", "loras.1.name", "film"),
        ([("ink", 1.0), ("ink", 0.5)], "duplicate_parameter", "loras.1.name", "twice"),
        ([("ink", 4.5)], "invalid_request", "loras.0.strength", "-4 to 4"),
        ([("ink", float("nan"))], "invalid_request", "loras.0.strength", "-4 to 4"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(
    loras: list[tuple[str, float]], code: str, param: str, says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says) as caught:
        planned(asked(*loras))
    assert (caught.value.error_code, caught.value.param) == (code, param)


def test_a_model_without_adapters_for_requests_says_so() -> None:
    with pytest.raises(InvalidRequest, match="no LoRAs for requests"):
        planned(asked(("ink", 1.0)), replace(WORN, loras=()))


def test_no_more_act_at_once_than_there_is_room_for() -> None:
    names = [f"n{number}" for number in range(9)]
    many = replace(MODEL, adapters=tuple(names), loras=tuple(RequestableLora(name) for name in names))
    with pytest.raises(InvalidRequest, match="At most 8"):
        planned(asked(*((name, 1.0) for name in names)), many)


def test_step_caches_are_for_the_model_as_it_is() -> None:
    with pytest.raises(InvalidRequest, match="ink at 0.5") as caught:
        planned(replace(asked(("ink", 0.5)), step_cache="first_block"))
    assert caught.value.error_code == "conflicting_parameters"


def test_a_flow_shift_is_the_plans_and_one_that_cannot_be_is_refused() -> None:
    assert planned(asked()).sampling.shift == 3.0
    assert planned(replace(asked(), shift=5)).sampling.shift == 5.0
    with pytest.raises(InvalidRequest, match=r"0\.1 to 100"):
        planned(replace(asked(), shift=0.01))
    with pytest.raises(UnsupportedParameter, match="of its own") as caught:
        planned(replace(asked(), shift=5.0), replace(WORN, shift_fixed=True))
    assert caught.value.param == "flow_shift"
    assert planned(replace(asked(), shift=3.0), replace(WORN, shift_fixed=True)).sampling.shift == 3.0


def test_what_was_measured_is_claimed_for_the_model_as_it_is_alone() -> None:
    steps = planned(asked()).sampling.steps
    row = Budget("standard", "simple", steps, 9, 95.0, 96.0)
    table = BudgetTable(WORN.id, WORN.revision, "likeness", {"simple": 8}, (row,))
    tables = replace(NO_TABLES, budgets={WORN.id: table})
    plain = planned(asked(), tables=tables)
    assert plain.calibrated
    for other in (asked(("ink", 0.5)), replace(asked(), shift=5.0)):
        plan = planned(other, tables=tables)
        assert not plan.calibrated
        assert plan.sampling.budget == plan.sampling.steps
