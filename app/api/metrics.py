"""The Prometheus page: figures of all processes are read once for each scrape and written by the table of metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from app.api.exposition import PROTOBUF, Family, delimited, wants_protobuf
from app.api.metric_rows import Rows, read_rows
from app.service.videos import VideoService
from app.telemetry.figures import parsed
from app.telemetry.histograms import Histogram, read
from app.telemetry.table import METERED, PREFIX, TABLE, Label
from app.telemetry.table import Metric as Row


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read for one scrape: the meter's figures, and the rows of all else, by metric and labels.

    `service`: the values of the labels that are this service's own, by what they name.
    """

    figures: Mapping[str, float] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)
    service: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class ReadingCollector(Collector):
    """A reading as the text form of Prometheus has it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        for family in families(self._reading):
            yield _as_text(family)


async def metrics(service: VideoService, accept: str = "") -> tuple[bytes, str]:
    """The page and its content type, as `accept` asks: with native histograms only in Prometheus's protobuf form.

    A store that does not answer is told as `kinoray_up 0`, not as an error.
    """
    figures, rows, known = await read_rows(service)
    reading = Reading(figures, rows, known)
    if wants_protobuf(accept):
        return delimited(families(reading)), PROTOBUF
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ReadingCollector(reading))
    return generate_latest(registry), CONTENT_TYPE_LATEST


def families(reading: Reading) -> Iterator[Family]:
    """All metrics of the table with what is known of them, then the figures of another version of Kinoray."""
    sums = _summed(reading.figures)
    for metric in TABLE:
        if metric.kind == "histogram":
            yield _histogram(metric, reading)
        elif metric.figure and metric.name not in reading.rows:
            counted = sums.pop(metric.figure, {})
            yield Family(metric, _of_known(metric, counted, reading.service))
        else:
            yield Family(metric, dict(reading.rows.get(metric.name, {})))
    for name, rows in sums.items():
        if name not in METERED:
            yield _of_another_version(name, rows)


def _of_known(
    metric: Row, counted: Mapping[tuple[str, ...], float], service: Mapping[str, tuple[str, ...]]
) -> dict[tuple[str, ...], float]:
    """The counts, with a zero for each series that is known and has not been counted yet."""
    if "price" in metric.seldom.lower() and not service.get("priced"):
        return {}
    found = dict.fromkeys(metric.series(service), 0.0)
    for labels, value in counted.items():
        of = _fitted(labels, len(metric.labels))
        found[of] = found.get(of, 0.0) + value
    return found


def _histogram(metric: Row, reading: Reading) -> Family:
    found: dict[tuple[str, ...], Histogram] = {labels: Histogram() for labels in metric.series(reading.service)}
    found |= {_fitted(labels, len(metric.labels)): one for labels, one in read(reading.figures, metric.figure).items()}
    return Family(metric, {}, found)


def _summed(figures: Mapping[str, float]) -> dict[str, dict[tuple[str, ...], float]]:
    """Figures by name and labels; not those of histograms."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for key, value in sorted(figures.items()):
        name, labels = parsed(key)
        if "/" not in name and name not in _READ_ELSEWHERE:
            found.setdefault(name, {})[labels] = value
    return found


_READ_ELSEWHERE = frozenset({"cache_hits", "cache_misses", "cache_step_seconds_saved", "job_latency"})
"""Figures that the caches' rows tell, and one of an earlier version, whose buckets had no labels."""


def _fitted(labels: tuple[str, ...], count: int) -> tuple[str, ...]:
    """As many values as the metric has labels: what an earlier version counted had fewer."""
    return (*labels[:count], *[""] * (count - len(labels)))


def _of_another_version(name: str, rows: Mapping[tuple[str, ...], float]) -> Family:
    labels = (Label("kind"),) if any(rows) else ()
    metric = Row(_plain(name), "counter", "", name.replace("_", " ").capitalize(), labels)
    return Family(metric, {_fitted(of, len(labels)): value for of, value in rows.items()})


def _as_text(family: Family) -> Metric:
    metric, labels = family.metric, list(family.metric.label_names)
    name = f"{PREFIX}{metric.name}"
    if metric.kind == "histogram":
        told = HistogramMetricFamily(name, metric.about, labels=labels)
        for of, one in family.histograms.items():
            told.add_metric(list(of), one.cumulative(metric.buckets), one.sum)
        return told
    plain = (CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily)(name, metric.about, labels=labels)
    for of, value in family.rows.items():
        plain.add_metric(list(of), value)
    return plain


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9_]", "_", name.lower())
