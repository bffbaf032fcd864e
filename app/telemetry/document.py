"""The table of metrics as a page for people: `python -m app.telemetry.document > docs/metrics.md`."""

from __future__ import annotations

import sys

from app.telemetry.codes import CLIENT, SERVER, codes, fault_of
from app.telemetry.histograms import SCHEMA
from app.telemetry.table import SECTIONS, Label, Metric

HEAD = f"""# Metrics

<!-- Written by `python -m app.telemetry.document > docs/metrics.md` from `app/telemetry/table.py`: change that. -->

`GET /metrics` has these, of all processes and replicas of a service at once: one target is enough. Every series whose
labels are known is there from the start, at 0, so that `increase()` sees the first time too. Histograms that are
*native and classic* have native buckets (schema {SCHEMA}: 9 % apart) for a Prometheus that asks for its protobuf form
(`--enable-feature=native-histograms`, with `scrape_classic_histograms: true` beside it for the dashboards), and classic
ones for everybody. Nodes, GPUs and HTTP are Ray's metrics (port 8080 of each node), Redis's are `redis_exporter`'s.
"""
FEW = 6  # of a label's values are written out


def markdown() -> str:
    """The page."""
    return "\n".join([HEAD, *(_section(title, metrics) for title, metrics in SECTIONS.items()), _codes()])


def _section(title: str, metrics: tuple[Metric, ...]) -> str:
    head = "| metric | type | unit | labels | what it is |\n|---|---|---|---|---|"
    return "\n".join([f"## {title}\n", head, *map(_row, metrics), ""])


def _codes() -> str:
    """All codes, which are what `outcome` and `code` can be."""
    found = codes()
    told = {
        fault: ", ".join(f"`{code}`" for code in found if fault_of(found[code]) == fault) for fault in (CLIENT, SERVER)
    }
    return f"## Codes of errors\n\nOf the client's fault: {told[CLIENT]}.\n\nOf the server's: {told[SERVER]}.\n"


def _row(metric: Metric) -> str:
    kind = "histogram, native and classic" if metric.native else metric.kind
    labels = "; ".join(map(_label, metric.labels))
    about = f"{metric.about}; {metric.seldom}" if metric.seldom else metric.about
    return f"| `{metric.full_name}` | {kind} | {metric.unit} | {labels} | {about} |"


def _label(label: Label) -> str:
    if not label.values:
        return f"`{label.name}`"
    shown = ", ".join(label.values[:FEW])
    more = f" and {len(label.values) - FEW} more" if len(label.values) > FEW else ""
    return f"`{label.name}`: {shown}{more}"


if __name__ == "__main__":
    sys.stdout.write(markdown())
