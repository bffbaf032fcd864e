from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.figures import figure, labelled, parsed, total


@given(st.lists(st.text(alphabet="ab|%:/7C", max_size=6), max_size=4))
def test_labels_come_back_as_they_were_whatever_is_in_them(labels: list[str]) -> None:
    assert parsed(figure("waits", *labels)) == ("waits", tuple(labels))


def test_one_metric_is_summed_over_its_labels_and_what_had_none() -> None:
    figures = {"device_seconds": 1.0, "device_seconds:preview|m": 2.0, "device_seconds_other": 9.0}
    assert total(figures, "device_seconds") == 3.0
    assert labelled({"webhooks:failed": 2.0, "webhooked:x": 1.0}, "webhooks") == {"failed": 2.0}
