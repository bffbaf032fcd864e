"""Rows of a Serve config for pools that have none: such a pool is laid out as the row `Diffuser` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.models.pool_names import deployments_of
from app.settings import Settings
from cluster.servable import BUILDERS

DIFFUSER = "Diffuser"
KINDS = (DIFFUSER, "TextEncoder")


def with_rows(config: Mapping[str, Any], from_environment: bool) -> dict[str, Any]:
    """A config with a row for every pool of its models, and no row `Diffuser` where it only stood for others.

    `from_environment`: whether the service has this process's variables; else what `args` does not name is not known.

    Raises:
        ValueError: its settings are not valid.
    """
    applications = [
        _filled(each) if each.get("import_path") in BUILDERS and _known(each, from_environment) else each
        for each in config.get("applications") or ()
    ]
    return {**config, "applications": applications} if applications else dict(config)


def _known(application: Mapping[str, Any], from_environment: bool) -> bool:
    return from_environment or "models" in (application.get("args") or {})


def _filled(application: Mapping[str, Any]) -> dict[str, Any]:
    wanted = deployments_of(Settings.from_args(application.get("args") or {}))
    rows = list(application.get("deployments") or ())
    for kind in KINDS:
        pattern = next((row for row in rows if row.get("name") == kind), None)
        missing = {name for name in wanted if name.partition("-")[0] == kind} - {row.get("name") for row in rows}
        if pattern is not None and missing:
            rows += [{**pattern, "name": name} for name in sorted(missing)]
        if kind not in wanted and (missing or kind == DIFFUSER):
            rows = [row for row in rows if row is not pattern]
    return {**application, "deployments": rows}
