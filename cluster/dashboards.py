"""Grafana's dashboards, made of the rows in `cluster.panels`: `python -m cluster.dashboards` writes the files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cluster.panels import DASHBOARDS, Panel

FOLDER = Path(__file__).parent / "monitoring" / "grafana" / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH, HEIGHT, ACROSS = 8, 7, 24  # of a panel and of the page, in Grafana's units
JOB = "job"
_VIDEO = "label_values(kinoray_video_progress, video_id)"


def dashboard(name: str) -> dict[str, Any]:
    """A dashboard as Grafana reads it from a file."""
    return {
        "uid": f"kinoray-{name}",
        "title": f"Kinoray: {name}",
        "tags": ["kinoray"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "5s" if name == JOB else "30s",
        "time": {"from": "now-30m" if name == JOB else "now-6h", "to": "now"},
        "templating": {"list": [_video_variable()] if name == JOB else []},
        "links": [{"type": "dashboards", "tags": ["kinoray"], "title": "Kinoray", "asDropdown": False}],
        "panels": list(_panels(DASHBOARDS[name])),
    }


def as_text(name: str) -> str:
    """The file's content."""
    return json.dumps(dashboard(name), indent=1) + "\n"


def _video_variable() -> dict[str, Any]:
    """The job to look at: one of those that were under way in the time shown."""
    return {
        "name": "video",
        "label": "Video",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": _VIDEO, "refId": "video"},
        "definition": _VIDEO,
        "refresh": 2,  # when the time range changes
        "sort": 0,
        "multi": False,
        "includeAll": False,
    }


def _panels(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    for number, panel in enumerate(panels):
        row, column = divmod(number, ACROSS // WIDTH)
        yield {
            "id": number + 1,
            "type": "heatmap" if panel.mode == "heatmap" else "timeseries",
            "title": panel.title,
            "description": panel.about,
            "datasource": SOURCE,
            "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
            "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
            "options": _options(panel),
            "targets": [
                {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
                | ({"format": "heatmap"} if panel.mode == "heatmap" else {})
                for at, (expression, legend) in enumerate(panel.queries)
            ],
        }


def _defaults(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.threshold is None:
        return defaults
    steps = [{"color": "transparent", "value": None}, {"color": "red", "value": panel.threshold}]
    style = {"thresholdsStyle": {"mode": "dashed"}}
    return defaults | {"thresholds": {"mode": "absolute", "steps": steps}, "custom": style}


def _options(panel: Panel) -> dict[str, Any]:
    if panel.mode == "heatmap":
        return {"calculate": False, "yAxis": {"unit": panel.unit}, "cellGap": 1, "tooltip": {"mode": "single"}}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}


if __name__ == "__main__":
    for each in DASHBOARDS:
        (FOLDER / f"{each}.json").write_text(as_text(each))
