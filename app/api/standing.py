"""The body of /health completed: each component with status, since when and why, and the score of them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import cast

from app.api.health import HealthBody, Lost
from app.health.score import Status, score
from app.service.component_since import ComponentSince

POOLS = "diffuser"


async def completed(body: HealthBody, since: ComponentSince) -> HealthBody:
    """The same body with what is said of each component, and of each pool, since when; and the score."""
    statuses = statuses_of(body["components"])
    at = await since.told(statuses)
    points, lost = score({name: statuses[name] for name in body["components"]}, body["status"] == "unavailable")
    found = {name: _component(name, facts, statuses, at) for name, facts in body["components"].items()}
    return HealthBody(
        **{**body, "components": found, "score": points, "lost": [cast(Lost, asdict(each)) for each in lost]}
    )


def statuses_of(components: Mapping[str, Mapping[str, object]]) -> dict[str, Status]:
    """By component, and by `diffuser/POOL`."""
    found = {name: _status(facts) for name, facts in components.items()}
    for pool, facts in _pools(components.get(POOLS, {})).items():
        found[f"{POOLS}/{pool}"] = _pool_status(facts)
    return found


def _status(facts: Mapping[str, object]) -> Status:
    if not facts.get("ok"):
        return "degraded" if facts.get("partial") else "down"
    return "degraded" if facts.get("memory", "ok") != "ok" else "ok"


def _pool_status(facts: Mapping[str, object]) -> Status:
    if not facts.get("ready"):
        return "down"
    return "degraded" if facts.get("memory", "ok") != "ok" or facts.get("error") else "ok"


def _why(facts: Mapping[str, object], status: Status) -> str | None:
    if status == "ok":
        return None
    error = facts.get("error")
    if error:
        return str(error)
    if facts.get("memory", "ok") != "ok":
        return f"Memory is at {facts['memory']}: nobody joins, and at critical the least urgent make room."
    return "All its replicas are leaving." if facts.get("leaving") else "It has no replica yet."


def _component(
    name: str, facts: Mapping[str, object], statuses: Mapping[str, Status], at: Mapping[str, float]
) -> Mapping[str, object]:
    pools = _pools(facts) if name == POOLS else {}
    inside = {pool: _said(one, f"{name}/{pool}", statuses, at) for pool, one in pools.items()}
    return {**_said(facts, name, statuses, at), **({"pools": inside} if inside else {})}


def _said(
    facts: Mapping[str, object], name: str, statuses: Mapping[str, Status], at: Mapping[str, float]
) -> Mapping[str, object]:
    status = statuses[name]
    return {"status": status, "since": round(at[name], 3), "why": _why(facts, status), **facts}


def _pools(facts: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    pools = facts.get("pools")
    found = pools.items() if isinstance(pools, Mapping) else ()
    return {str(name): one for name, one in found if isinstance(one, Mapping)}
