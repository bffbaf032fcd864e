"""A start's waiting: what `/health` and Serve say comes in, whether it is ready, failed or still moving goes out."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.checks import SAID_OF, StartFailed

STILL_S = 180.0  # a start in which nothing has moved for so long has stopped
LOOK_S = 0.2
SERVE_EVERY = 10  # looks between two questions to Serve, which is slow to answer
DEPLOY_EVERY_S = 1.0
MOST_CHARS = 600
_RAISED = re.compile(r"(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Timeout|Interrupt)(?::\s*|$)")

Answer = Mapping[str, Any]


class StartTimedOut(StartFailed):
    """Nothing moved any more, or Ray itself did not come up in its time: the machine may only have been busy."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a service that is starting: the body of `/health`, and Serve's details; None: no answer."""

    health: Answer | None = None
    serve: Answer | None = None

    @property
    def pools(self) -> dict[str, Answer]:
        """What `/health` says of each pool."""
        found = self._components.get("diffuser", {}).get("pools")
        return dict(found) if isinstance(found, Mapping) else {}

    @property
    def _components(self) -> dict[str, Answer]:
        return dict((self.health or {}).get("components") or {})

    @property
    def ready(self) -> bool:
        """Whether every pool takes jobs, and all else that videos need is well."""
        dead = {name for name, facts in self._components.items() if not facts.get("ok")}
        return self.health is not None and self.health.get("status") in ("ok", "degraded") and dead <= {"cache"}

    def failure(self, since: float) -> str | None:
        """Why it will never be ready; None: it may be. Failures before `since` (Unix seconds) are another start's."""
        told = {
            name: str(facts.get("error"))
            for name, facts in self.pools.items()
            if facts.get("state") == "failed" and float(facts.get("failed_at") or 0.0) >= since
        }
        final = [why for name, why in told.items() if self.pools[name].get("final")]
        if final:
            return "; ".join(final)
        refused = _refused(self.serve or {})
        return None if refused is None else "; ".join(told.values()) or refused

    @property
    def signs(self) -> str:
        """What changes while a start makes progress, as text: what is well, how far pools and Serve's parts are."""
        pools = {name: [facts.get(key) for key in ("state", "replicas", "work")] for name, facts in self.pools.items()}
        components = {name: bool(facts.get("ok")) for name, facts in self._components.items()}
        parts = {
            f"{application}/{name}": [part.get("status"), sorted(Counter(_states(part)).items())]
            for application, row in _applications(self.serve or {}).items()
            for name, part in (row.get("deployments") or {}).items()
        }
        states = {name: row.get("status") for name, row in _applications(self.serve or {}).items()}
        return json.dumps([pools, components, parts, states], sort_keys=True, default=str)

    @property
    def waits_for(self) -> str:
        """What is not there yet, for people."""
        if self.health is not None:
            dead = {name: facts.get("error") for name, facts in self._components.items() if not facts.get("ok")}
            return "; ".join(f"{name}: {why}" for name, why in dead.items()) or "nothing is amiss"
        unready = [
            f"{name}: {part.get('message') or part.get('status')}"
            for row in _applications(self.serve or {}).values()
            for name, part in (row.get("deployments") or {}).items()
            if part.get("status") != "HEALTHY"
        ]
        return ("; ".join(unready) or "the service does not answer")[:MOST_CHARS]


def _applications(serve: Answer) -> dict[str, Answer]:
    return dict(serve.get("applications") or {})


def _states(part: Answer) -> list[str]:
    return [str(replica.get("state")) for replica in part.get("replicas") or ()]


def _refused(serve: Answer) -> str | None:
    """What Serve has given up on, and the last line of why."""
    for row in _applications(serve).values():
        failed = {
            name: part for name, part in (row.get("deployments") or {}).items() if part.get("status") == "DEPLOY_FAILED"
        }
        if failed:
            return "; ".join(f"{name}: {_last_line(part.get('message'))}" for name, part in failed.items())
        if row.get("status") == "DEPLOY_FAILED":
            return _last_line(row.get("message"))
    return None


def _last_line(message: object) -> str:
    lines = [line.strip() for line in str(message or "").splitlines() if line.strip()]
    return (lines[-1] if lines else "Serve does not say why")[:MOST_CHARS]


def wait_until_ready(
    look: Callable[[bool], Seen],
    since: float,
    still_s: float = STILL_S,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return when the service is ready. `look` reads it; True: Serve is to be asked, too.

    However long it takes, a start that moves is waited for.

    Raises:
        StartFailed: it will never be; the message names the model.
        StartTimedOut: nothing has moved for `still_s`.
    """
    signs, moved_at, serve, looks = "", monotonic(), None, 0
    while True:
        seen = look(looks % SERVE_EVERY == 0)
        looks += 1
        serve = seen.serve or serve
        seen = Seen(seen.health, serve)
        if seen.ready:
            return
        if (why := seen.failure(since)) is not None:
            raise StartFailed(f"It cannot be served. {why}")
        now = monotonic()
        if seen.signs != signs:
            signs, moved_at = seen.signs, now
        if now - moved_at > still_s:
            raise StartTimedOut(f"Nothing has moved for {still_s:.0f} s; it waits for {seen.waits_for}.")
        sleep(LOOK_S)


def tried_twice(bring_up: Callable[[], None], take_down: Callable[[], None], say: Callable[[str], None]) -> None:
    """Bring up; where that timed out, take down what is there of it and try once more. Raises StartFailed."""
    try:
        bring_up()
    except StartTimedOut as error:
        say(f"The start timed out ({error}) Trying once more")
        take_down()
        bring_up()


def deploy_patiently(
    deploy: Callable[[], object],
    logs: Path,
    still_s: float = STILL_S,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Ask Serve for the applications until it takes them, which can be done again.

    It gives up on proxies that are not there in a minute, on a busy machine too early: they come up all the same, and
    the next time it finds them. Raises StartTimedOut after `still_s`.
    """
    until = monotonic() + still_s
    while True:
        try:
            deploy()
            return
        except (OSError, RuntimeError) as error:  # the dashboard is not there yet, or too busy; requests' are OSErrors
            if monotonic() >= until:
                raise too_late(error, logs) from error
        sleep(DEPLOY_EVERY_S)


def too_late(error: Exception, logs: Path) -> StartTimedOut:
    """What is said when Ray or Serve did not come up: what happened, and where their own words are."""
    return StartTimedOut(f"{_said(error)}. The machine may be too busy; the logs are in {logs}.")


def _said(error: Exception) -> str:
    """What went wrong in one line: of a traceback, which Serve answers with, what its last error says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" .")] or [type(error).__name__]
    raised = [line for line in lines if _RAISED.match(line)] if any("Traceback" in line for line in lines) else []
    line = _RAISED.sub("", raised[-1]) or raised[-1] if raised else lines[0]
    return line[:MOST_CHARS].rstrip(".")


def ray_failed(error: Exception, logs: Path) -> StartFailed:
    """What is said when Ray did not come up: what no waiting changes is not tried again."""
    if isinstance(error, ValueError | TypeError):
        return StartFailed(f"Ray does not start: {error}")
    if isinstance(error, OSError) and error.errno in SAID_OF:
        return StartFailed(f"Ray does not start: {error.filename} cannot be used: {SAID_OF[error.errno]}.")
    return too_late(error, logs)
