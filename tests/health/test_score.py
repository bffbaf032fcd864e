"""The score and its rule."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.health.score import RULE, UNAVAILABLE_MOST, Status, score

ORDER: tuple[Status, ...] = ("ok", "degraded", "down")
STATUSES = st.dictionaries(st.sampled_from([*RULE, "another"]), st.sampled_from(ORDER))
GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"


def test_a_service_that_is_well_has_a_hundred() -> None:
    assert score(dict.fromkeys(RULE, "ok"), False) == (100, [])


def test_what_points_were_lost_for_is_said_the_most_first() -> None:
    points, lost = score({"redis": "ok", "webhooks": "degraded", "cache": "down"}, False)
    assert (points, [(each.component, each.points) for each in lost]) == (88, [("cache", 10), ("webhooks", 2)])


def test_a_service_that_makes_no_videos_has_next_to_nothing() -> None:
    assert score({"analyzer": "down"}, True)[0] <= UNAVAILABLE_MOST
    assert score({"redis": "down", "dispatcher": "down"}, True)[0] == 0


@given(STATUSES, st.booleans(), st.sampled_from([*RULE, "another"]))
def test_no_part_that_gets_worse_makes_the_score_better(
    statuses: dict[str, Status], unavailable: bool, name: str
) -> None:
    scores = [score({**statuses, name: status}, unavailable)[0] for status in ORDER]
    assert 0 <= scores[2] <= scores[1] <= scores[0] <= 100


def test_the_guide_has_the_rule() -> None:
    rows = [f"| `{name}` | {weight.down} | {weight.degraded} | {weight.why} |" for name, weight in RULE.items()]
    assert "\n".join(rows) in GUIDE.read_text()
