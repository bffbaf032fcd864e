"""Rolls a config out: applies it, waits until Serve, `/health` and a video are well, or goes back to the former one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import yaml
from ray.exceptions import RayError

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from cluster.rollout import Exit, Finding, Verdict, deployed_at, former, judge
from cluster.starting import Seen

SERVE_FILE = "serve_config.yaml"
LOOK_S = 1.0
TIMEOUT_S = 1800.0  # a Diffuser that leaves may take 600 s for its jobs, and a new one minutes for its weights
SMOKE_S = 600.0
PROMPT = "a red ball bounces on sand"

Say = Callable[[str], None]


class Unreachable(Exception):
    """The dashboard of the cluster does not answer; whether it did what it was asked is not known."""


class Refused(Unreachable):
    """The dashboard answered that it will not."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster: where its dashboard and the service's front are, and how long to wait for either."""

    dashboard: str
    url: str
    api_key: str | None = None
    timeout_s: float = TIMEOUT_S
    smoke_s: float = SMOKE_S
    prompt: str = PROMPT

    async def details(self) -> Mapping[str, Any]:
        """What Serve tells of itself. Raises Unreachable."""
        found: Mapping[str, Any] = await self._ask("get_serve_details")
        return found

    async def apply(self, config: Mapping[str, Any]) -> None:
        """What `serve deploy` does. Raises Unreachable."""
        await self._ask("deploy_applications", dict(config))

    async def _ask(self, verb: str, *words: Any) -> Any:
        from ray.dashboard.modules.serve.sdk import ServeSubmissionClient  # it brings the cluster's token by itself

        def ask() -> Any:
            return getattr(ServeSubmissionClient(self.dashboard), verb)(*words)

        try:
            return await anyio.to_thread.run_sync(ask)
        except OSError as error:  # requests' own errors are of this kind
            raise Unreachable(f"{self.dashboard}: {error}") from error
        except (RuntimeError, ValueError, RayError) as error:  # RayError: a wrong token
            raise Refused(f"{self.dashboard}: {error}") from error


async def roll_out(place: Place, config: Mapping[str, Any], keep: Path, say: Say) -> Exit:
    """Apply a config that `problem` has nothing against; the former one is written to the folder `keep` first."""
    try:
        details = await place.details()
        before = former(details)
        if before is not None:
            write_config(keep, before)
    except (Unreachable, OSError) as error:
        say(f"Nothing was changed. {error}")
        return Exit.REFUSED
    try:
        await place.apply(config)
        why = await gate(place, config, deployed_at(details), say)
    except Refused as error:
        say(f"Nothing was changed. {error}")
        return Exit.REFUSED
    except Unreachable as error:
        why = str(error)
    if why is None:
        return Exit.DEPLOYED
    say(f"Not well: {why}")
    if before is None:
        say("Nothing was deployed before: there is nothing to go back to.")
        return Exit.NOT_WELL
    return Exit.ROLLED_BACK if await _go_back(place, before, say) else Exit.NOT_WELL


async def _go_back(place: Place, before: Mapping[str, Any], say: Say) -> bool:
    """Apply the former config and wait for it; whether it is well."""
    say("Going back to the former config")
    try:
        deployed = deployed_at(await place.details())
        await place.apply(before)
        why = await gate(place, before, deployed, say)
    except Unreachable as error:
        why = str(error)
    say("The former config serves again." if why is None else f"The former config is not well either: {why}")
    return why is None


async def gate(place: Place, config: Mapping[str, Any], before: Mapping[str, float], say: Say) -> str | None:
    """Why the config is not to be kept; None: Serve is content, `/health` answers 200 and a video was made."""
    names = [str(application.get("name", "default")) for application in config["applications"]]
    until = time.monotonic() + place.timeout_s
    finding = await _content(place, names, before, until, say)
    if finding.verdict is not Verdict.WELL:
        return finding.why
    async with httpx.AsyncClient(base_url=place.url, timeout=10) as http:
        why = await _until_well(http, until)
    return why or await _smoke(place, say)


async def _content(place: Place, names: list[str], before: Mapping[str, float], until: float, say: Say) -> Finding:
    """Serve's verdict; a WAIT is one that the time ran out on."""
    told = ""
    while True:
        try:
            finding = judge(await place.details(), names, before)
        except Unreachable as error:  # the dashboard may be restarting
            finding = Finding(Verdict.WAIT, str(error))
        if finding.why != told:
            say(f"  {finding.why}")
            told = finding.why
        if finding.verdict is not Verdict.WAIT or time.monotonic() > until:
            return finding
        await anyio.sleep(LOOK_S)


async def _until_well(http: httpx.AsyncClient, until: float) -> str | None:
    """None when `/health` says twice running that every pool takes jobs; else what it said last."""
    good, why = 0, "no answer"
    while good < 2:
        try:
            answer = await http.get("/health")
            good, why = (good + 1, "") if Seen(answer.json()).ready else (0, answer.text[:2000])
        except (httpx.HTTPError, ValueError) as error:  # ValueError: the proxy's own answers are text
            good, why = 0, f"{type(error).__name__}: {error}"
        if time.monotonic() > until:
            return f"/health: {why or 'not well for long enough'}"
        await anyio.sleep(LOOK_S)
    return None


async def _smoke(place: Place, say: Say) -> str | None:
    """Make one video that no cache can answer, fetch it and forget it; why that failed."""
    say("  making a video")
    try:
        async with Kinoray(place.url, place.api_key) as client:
            wish: dict[str, Any] = {"quality_tier": "preview", "priority": "high", "cache": {"mode": "bypass"}}
            video = await client.create(place.prompt, seed=-1, **wish)
            video = await client.wait(video.id, timeout_s=place.smoke_s)
            if video.status != "completed":
                return f"the video {video.id} is {video.status}: {video.error}"
            content = await client.content(video.id)
            await client.delete(video.id)
    except KinorayClientError as error:
        return f"the video: {error.code}: {error}"
    return None if content[4:8] == b"ftyp" else "what was made is no mp4"


def write_config(folder: Path, config: Mapping[str, Any]) -> Path:
    """The config as a file for its owner alone: its arguments may hold keys."""
    path = folder / SERVE_FILE
    path.touch(0o600)
    path.write_text(yaml.safe_dump(dict(config), sort_keys=False))
    return path
