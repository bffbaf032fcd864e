"""A deploy's decisions: what the cluster and `/health` say comes in, what to do comes out; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

from pydantic import ValidationError
from ray.serve.schema import HTTPOptionsSchema, ServeDeploySchema

from app.settings.read import read_settings
from cluster.config_keys import stray_deployments, stray_keys, too_few_requests
from cluster.servable import ours


class Exit(IntEnum):
    """How a deploy ended; the exit status of the command."""

    DEPLOYED = 0
    REFUSED = 1  # nothing was changed: a wrong config, no backup, or no cluster
    ROLLED_BACK = 3  # the new config was not well; the former one serves again
    NOT_WELL = 4  # not well, and there is no former config or it is not well either: somebody must look


class Verdict(Enum):
    """What Serve says of a config that is being rolled out."""

    WAIT = "wait"
    WELL = "well"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict and why, for people."""

    verdict: Verdict
    why: str


def problem(config: Mapping[str, Any]) -> str | None:
    """Why this must not be sent to a cluster at all; None when nothing is wrong with it."""
    try:
        if stray := stray_keys(config):
            return " ".join(stray)
        wanted = ServeDeploySchema(**config)
        for application in ours(config):
            read_settings(application.get("args"))
        wrong = [*stray_deployments(config), *too_few_requests(config)]
    except (ValidationError, ValueError, TypeError, AttributeError) as error:
        return str(error)
    if not wanted.applications:
        return "It names no application; Serve would remove those that run."
    return " ".join(wrong) or None


def former(details: Mapping[str, Any]) -> dict[str, Any] | None:
    """The config that serves now, from what Serve tells of itself; None when nothing is deployed."""
    applications = [row.get("deployed_app_config") for row in details.get("applications", {}).values()]
    applications = [application for application in applications if application]
    if not applications:
        return None
    kept: dict[str, Any] = {"applications": applications}
    if details.get("proxy_location"):
        kept["proxy_location"] = details["proxy_location"]
    given = details.get("http_options") or {}
    options = {name: given[name] for name in HTTPOptionsSchema.model_fields if given.get(name) is not None}
    return kept | ({"http_options": options} if options else {})


def deployed_at(details: Mapping[str, Any]) -> dict[str, float]:
    """When each application was last deployed, in the cluster's own seconds; it tells an old rollout from a new one."""
    rows: Mapping[str, Any] = details.get("applications", {})
    return {name: float(row.get("last_deployed_time_s") or 0.0) for name, row in rows.items()}


def judge(details: Mapping[str, Any], names: Sequence[str], before: Mapping[str, float]) -> Finding:
    """What Serve says of the applications `names`; `before`: when they were deployed the last time."""
    waiting = []
    for name in names:
        row = details.get("applications", {}).get(name)
        if row is None or float(row.get("last_deployed_time_s") or 0.0) <= before.get(name, 0.0):
            waiting.append(f"{name} has not been taken up")
            continue
        status = row.get("status")
        failed = {title: part for title, part in _parts(row).items() if part.get("status") == "DEPLOY_FAILED"}
        if status == "DEPLOY_FAILED" or failed:
            why = "; ".join(f"{title}: {_without_trace(part.get('message') or '')}" for title, part in failed.items())
            return Finding(
                Verdict.FAILED, f"{name} cannot be deployed: {why or _without_trace(row.get('message') or '')}".strip()
            )
        unready = [title for title, part in _parts(row).items() if part.get("status") != "HEALTHY"]
        if status != "RUNNING" or unready:
            waiting.append(f"{name} is {status}; not ready: {', '.join(unready) or 'nothing yet'}")
    if waiting:
        return Finding(Verdict.WAIT, "; ".join(waiting))
    return Finding(Verdict.WELL, "every deployment is healthy")


def _without_trace(message: str) -> str:
    """What Serve says and what was raised, without a hundred lines of where."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return f"{lines[0]} {lines[-1]}" if len(lines) > 1 else message


def _parts(row: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    parts: Mapping[str, Mapping[str, Any]] = row.get("deployments") or {}
    return parts
