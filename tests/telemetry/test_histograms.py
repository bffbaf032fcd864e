from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry import BATCH_SIZE, JOB_LATENCY, observed
from app.telemetry.histograms import SCHEMA, Histogram, read
from app.telemetry.table import METERED

OF = ("normal", "standard", "a|model/with:signs")


def told(*values: float) -> Histogram:
    figures: Counter[str] = Counter()
    for value in values:
        figures.update(observed(JOB_LATENCY, value, *OF))
    return read(figures, JOB_LATENCY)[OF]


@given(st.lists(st.floats(0.0, 1e5), min_size=1, max_size=30))
def test_native_and_classic_buckets_hold_each_observation_once(values: list[float]) -> None:
    one = told(*values)
    assert one.count == len(values)
    assert sum(one.native.values()) + one.zeros == len(values)
    assert one.sum == pytest.approx(sum(values))


@given(st.floats(0.002, 1e9))
def test_a_native_bucket_is_the_one_that_prometheus_would_choose(value: float) -> None:
    (index,) = told(value).native
    assert 2 ** ((index - 1) / 2**SCHEMA) <= value * (1 + 1e-9)
    assert value <= 2 ** (index / 2**SCHEMA) * (1 + 1e-9)


def test_classic_buckets_count_all_that_is_not_larger() -> None:
    buckets = dict(told(0.5, 0.6, 4000.0).cumulative(METERED[JOB_LATENCY].buckets))
    assert (buckets["0.5"], buckets["1"], buckets["3600"], buckets["+Inf"]) == (1, 2, 2, 3)


def test_only_histograms_that_are_to_be_native_pay_for_it() -> None:
    assert len(observed(BATCH_SIZE, 3.0, "m")) == 2
    assert len(observed(JOB_LATENCY, 3.0, *OF)) == 3
