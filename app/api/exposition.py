"""Metrics in Prometheus's protobuf form, the only one that carries native histograms beside the classic ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from google.protobuf import proto
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from app.telemetry.histograms import SCHEMA, ZERO_THRESHOLD, Histogram
from app.telemetry.table import Metric

PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_PACKAGE = "io.prometheus.client"
_KINDS = {"counter": 0, "gauge": 1, "histogram": 4}  # of MetricType

# https://github.com/prometheus/client_model: what is used of it. A field is its name, number and type; a type with a
# capital is a message, and a star means that there may be many.
_MESSAGES: Final = {
    "LabelPair": ("name 1 string", "value 2 string"),
    "Value": ("value 1 double",),  # of a counter and of a gauge
    "Bucket": ("cumulative_count 1 uint64", "upper_bound 2 double"),
    "BucketSpan": ("offset 1 sint32", "length 2 uint32"),
    "Histogram": (
        *("sample_count 1 uint64", "sample_sum 2 double", "bucket 3 Bucket*", "schema 5 sint32"),
        *(
            "zero_threshold 6 double",
            "zero_count 7 uint64",
            "positive_span 12 BucketSpan*",
            "positive_delta 13 sint64*",
        ),
    ),
    "Metric": ("label 1 LabelPair*", "gauge 2 Value", "counter 3 Value", "histogram 7 Histogram"),
    "MetricFamily": ("name 1 string", "help 2 string", "type 3 int32", "metric 4 Metric*"),
}


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its values, by its labels' values; those of histograms stand apart."""

    metric: Metric
    rows: Mapping[tuple[str, ...], float]
    histograms: Mapping[tuple[str, ...], Histogram] = field(default_factory=dict)


def wants_protobuf(accept: str) -> bool:
    """Whether whoever asks prefers this form: Prometheus does, with native histograms switched on."""
    first = accept.split(",", 1)[0]
    return "application/vnd.google.protobuf" in first and f"{_PACKAGE}.MetricFamily" in first


def delimited(families: Iterable[Family]) -> bytes:
    """The body: one message after another, each with its length before it."""
    out = BytesIO()
    for family in families:
        if family.rows or family.histograms:
            proto.serialize_length_prefixed(_family(family), out)
    return out.getvalue()


def _family(family: Family) -> Any:
    metric = family.metric
    told = _FAMILY(name=metric.full_name, help=metric.about, type=_KINDS[metric.kind])
    for labels, value in family.rows.items():
        getattr(_labelled(told, metric, labels), metric.kind).value = value
    for labels, one in family.histograms.items():
        _fill(_labelled(told, metric, labels).histogram, one, metric)
    return told


def _labelled(told: Any, metric: Metric, labels: tuple[str, ...]) -> Any:
    one = told.metric.add()
    for name, value in zip(metric.label_names, labels, strict=True):
        one.label.add(name=name, value=value)
    return one


def _fill(told: Any, one: Histogram, metric: Metric) -> None:
    told.sample_count, told.sample_sum = round(one.count), one.sum
    for bound, count in one.cumulative(metric.buckets):
        told.bucket.add(cumulative_count=round(count), upper_bound=float(bound))
    if not metric.native:
        return
    told.schema, told.zero_threshold, told.zero_count = SCHEMA, ZERO_THRESHOLD, round(one.zeros)
    for offset, length in _spans(sorted(one.native)):
        told.positive_span.add(offset=offset, length=length)
    if not one.native:
        told.positive_span.add(offset=0, length=0)  # by this a reader knows an empty native histogram from none
    before = 0
    for index in sorted(one.native):
        count = round(one.native[index])
        told.positive_delta.append(count - before)
        before = count


def _spans(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Runs of buckets that stand side by side: how far behind the end of the run before, and how many."""
    end, start = 0, None
    for place, index in enumerate(indices):
        if start is None:
            start = index
        if place + 1 == len(indices) or indices[place + 1] != index + 1:
            yield start - end, index + 1 - start
            end, start = index + 1, None


def _message_class(name: str) -> Any:
    pool = DescriptorPool()
    file = FileDescriptorProto(name="kinoray/prometheus.proto", package=_PACKAGE, syntax="proto2")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for each in fields:
            field_name, number, kind = each.split()
            many = kind.endswith("*")
            label = FieldDescriptorProto.LABEL_REPEATED if many else FieldDescriptorProto.LABEL_OPTIONAL
            described.field.add(name=field_name, number=int(number), label=label, **_type_of(kind.rstrip("*")))
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def _type_of(kind: str) -> dict[str, Any]:
    if kind[0].isupper():
        return {"type": FieldDescriptorProto.TYPE_MESSAGE, "type_name": f".{_PACKAGE}.{kind}"}
    return {"type": getattr(FieldDescriptorProto, f"TYPE_{kind.upper()}")}


_FAMILY: Final = _message_class("MetricFamily")
