"""How the service is: each component's check is run side by side, in bounded time; a verdict comes out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Annotated, Literal

import anyio
from pydantic import Field
from typing_extensions import NotRequired, TypedDict

from app.api.problems import error_body
from app.errors import KinorayError, ServiceUnavailable
from app.service.ports import Check

log = logging.getLogger(__name__)

CHECK_S = 2.0
SPARE = frozenset({"cache", "webhooks", "storyboards"})
"""Components without which all videos are still made, only slower, or told later, or not put together to films."""


class Lost(TypedDict):
    """Points that a component costs, and for what."""

    component: Annotated[str, Field(description="Its name")]
    points: Annotated[int, Field(description="Of 100")]
    why: Annotated[str, Field(description="What does not work then")]


class HealthBody(TypedDict):
    """The body of /health; with status `unavailable`, an error in the shape that all have stands beside the rest."""

    status: Literal["ok", "degraded", "unavailable"]
    failing: list[str]
    components: dict[str, Mapping[str, object]]  # each with `ok`, status, since, why, and its facts or an `error`
    score: NotRequired[Annotated[int, Field(description="0 to 100, by the rule in docs/operating.md")]]
    lost: NotRequired[Annotated[list[Lost], Field(description="What it lost points for, the most first")]]
    error: NotRequired[dict[str, str | int | None]]


class LiveBody(TypedDict):
    """The body of /health/live."""

    status: Literal["ok"]


class ReadyBody(TypedDict):
    """The body of /health/ready: whether a new video would be made, in all and by pool, and else why not."""

    ready: bool
    pools: dict[str, bool]
    error: NotRequired[dict[str, str | int | None]]


async def ready(
    checks: Mapping[str, Check], timeout_s: float = CHECK_S, pool: str | None = None
) -> tuple[int, ReadyBody]:
    """The status and body of /health/ready, 200 or 503.

    Ready is a service of which all that makes videos is well and some pool takes jobs, or the one that is asked for:
    one of which all replicas are loading or leaving takes none.
    """
    status, body = readiness(*await health(checks, timeout_s, pool))
    return status, body


def readiness(status: int, found: HealthBody) -> tuple[int, ReadyBody]:
    """The status and body of /health/ready, of those of /health."""
    pools = found["components"].get("diffuser", {}).get("pools")
    told = {name: bool(facts.get("ready")) for name, facts in pools.items()} if isinstance(pools, Mapping) else {}
    body = ReadyBody(ready=status == 200, pools=told)
    return status, ReadyBody(**body, error=found["error"]) if "error" in found else body


async def health(
    checks: Mapping[str, Check], timeout_s: float = CHECK_S, pool: str | None = None
) -> tuple[int, HealthBody]:
    """The status and body of /health: `ok`, `degraded` (still 200) or `unavailable` (503).

    Degraded: a spare part is dead, or some pools take no jobs while others do; who asks for such a `pool` hears 503.
    """
    found = await asyncio.gather(*(_component(name, check, timeout_s) for name, check in checks.items()))
    components = dict(zip(checks, found, strict=True))
    dead = [name for name, facts in components.items() if not facts["ok"]]
    essential = [name for name in dead if name not in SPARE and not components[name].get("partial")]
    if pool is not None and not _pool_ready(components.get("diffuser", {}), pool) and "diffuser" not in essential:
        essential.append("diffuser")
    body = HealthBody(
        status="unavailable" if essential else "degraded" if dead else "ok", failing=dead, components=components
    )
    if not essential:
        return 200, body
    unknown = f"there is no pool {pool} here"
    why = "; ".join(f"{name}: {components.get(name, {}).get('error', unknown)}" for name in essential)
    return 503, HealthBody(**body, error=error_body(503, ServiceUnavailable.code, why)["error"])


async def _component(name: str, check: Check, timeout_s: float) -> Mapping[str, object]:
    """The check's facts, or why it is not well. A check may do anything but hold up the others."""
    facts: Mapping[str, object] = {}
    why = f"It did not answer within {timeout_s:g} s."
    with anyio.move_on_after(timeout_s):
        try:
            facts = await check()
            why = ""
        except KinorayError as error:
            why = error.message
        except Exception as error:
            log.exception("The check of %s failed", name)
            why = f"Its check failed: {type(error).__name__}."
    return {"ok": False, "error": why} if why else {**facts, "ok": "error" not in facts}


def _pool_ready(facts: Mapping[str, object], pool: str) -> bool:
    pools = facts.get("pools")
    status = pools.get(pool) if isinstance(pools, Mapping) else None
    return isinstance(status, Mapping) and bool(status.get("ready"))
