"""A start that moves is waited for, one that cannot be served ends at once, one that stands still is tried again."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings
from cluster.checks import StartFailed
from cluster.local import CONFIG, LocalService
from cluster.starting import (
    LOOK_S,
    Seen,
    StartTimedOut,
    deploy_patiently,
    ray_failed,
    too_late,
    tried_twice,
    wait_until_ready,
)
from tests.ports import free_port

SINCE = 1000.0


def health(*pools: dict[str, Any], **components: bool) -> dict[str, Any]:
    """The body of `/health` where the pools are so."""
    ready = all(pool["ready"] for pool in pools)
    parts: dict[str, Any] = {name: {"ok": ok} for name, ok in {"redis": True, **components}.items()}
    parts["diffuser"] = {"ok": ready, "pools": {f"p{number}": pool for number, pool in enumerate(pools)}}
    parts["diffuser"] |= {} if ready else {"error": "The pool p1 has no replica yet"}
    dead = [name for name, facts in parts.items() if not facts["ok"]]
    return {"status": "unavailable" if "redis" in dead else "degraded" if dead else "ok", "components": parts}


READY = {"ready": True, "state": "ready", "replicas": 1, "work": 0}
WAITS = {"ready": False, "state": "starting", "replicas": 0, "work": 0}


def failed(final: bool, at: float = SINCE + 1) -> dict[str, Any]:
    why = "words: the LoRA style cannot be read"
    return {**WAITS, "state": "failed", "error": why, "final": final, "failed_at": at}


def serve(status: str = "DEPLOYING", part: str = "UPDATING", message: str = "", *replicas: str) -> dict[str, Any]:
    row = {"status": part, "message": message, "replicas": [{"state": state} for state in replicas]}
    return {"applications": {"kinoray": {"status": status, "message": message, "deployments": {"Diffuser": row}}}}


class Start:
    """A start that shows one thing after another, on a clock that only its own looking moves."""

    def __init__(self, shown: Iterable[Seen], each_s: float = LOOK_S) -> None:
        self.now = 0.0
        self._shown: Iterator[Seen] = iter(shown)
        self._each_s = each_s

    def wait(self) -> None:
        wait_until_ready(lambda _: next(self._shown), SINCE, 180.0, lambda: self.now, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += self._each_s


def test_it_is_ready_when_every_pool_is_and_not_before() -> None:
    start = Start([Seen(), Seen(health(READY, WAITS)), Seen(health(READY, READY, cache=False)), Seen()])
    start.wait()
    assert start.now == pytest.approx(2 * LOOK_S), "the caches alone hold nothing up"


def test_a_model_that_cannot_be_served_ends_it_at_once_with_its_name() -> None:
    with pytest.raises(StartFailed, match="words: the LoRA style cannot be read") as error:
        Start([Seen(health(READY, WAITS)), Seen(health(READY, failed(final=True)))]).wait()
    assert not isinstance(error.value, StartTimedOut), "a second try would end in the same way"


def test_what_failed_in_a_former_start_or_may_pass_is_waited_for() -> None:
    former, passing = failed(final=True, at=SINCE - 1), failed(final=False)
    Start([Seen(health(READY, former)), Seen(health(READY, passing)), Seen(health(READY, READY))]).wait()


def test_what_serve_gives_up_on_ends_it_with_the_last_line_of_why() -> None:
    trace = "Traceback (most recent call last):\n  File x\napp.models.served.BadModel: models: wan: no folder\n"
    with pytest.raises(StartFailed, match="BadModel: models: wan: no folder"):
        Start([Seen(None, serve("DEPLOY_FAILED", "UPDATING", trace))]).wait()
    with pytest.raises(StartFailed, match="words: the LoRA style"):
        Start([Seen(health(READY, failed(final=False)), serve("DEPLOYING", "DEPLOY_FAILED", trace))]).wait()


def test_a_slow_start_that_makes_progress_is_waited_for_however_long() -> None:
    loading = [Seen(health(READY, {**WAITS, "work": number})) for number in range(100)]
    start = Start([*loading, Seen(health(READY, READY))], each_s=170.0)
    start.wait()
    assert start.now == 170.0 * 100


def test_replicas_that_serve_brings_up_are_progress_before_anything_answers() -> None:
    shown = [Seen(), Seen(None, serve()), Seen(None, serve("DEPLOYING", "UPDATING", "", "STARTING"))]
    start = Start([*shown, Seen(health(READY))], each_s=170.0)
    start.wait()
    assert start.now == 170.0 * 3


def test_one_that_stands_still_has_timed_out_and_says_what_it_waits_for() -> None:
    start = Start(Seen(None, serve(message="no node has a GPU")) for _ in range(10_000))
    with pytest.raises(StartTimedOut, match="Nothing has moved for 180 s.*Diffuser: no node has a GPU"):
        start.wait()
    assert 180.0 < start.now < 182.0


def test_what_timed_out_is_tried_once_more_and_no_more() -> None:
    done: list[str] = []

    def bring_up() -> None:
        done.append("up")
        if len(done) < 3:
            raise too_late(TimeoutError("The node timed out during startup."), Path("/tmp/ray/session_7/logs"))

    tried_twice(bring_up, lambda: done.append("down"), done.append)
    assert [done[0], *done[2:]] == ["up", "down", "up"]
    assert "Trying once more" in done[1]

    def never() -> None:
        raise too_late(TimeoutError("The node timed out during startup."), Path("/tmp/ray/session_7/logs"))

    with pytest.raises(
        StartTimedOut, match=r"startup\. The machine may be too busy; the logs are in /tmp/ray/session_7"
    ):
        tried_twice(never, lambda: None, lambda _: None)


def test_what_cannot_be_served_is_not_tried_again() -> None:
    tries = []

    def bring_up() -> None:
        tries.append(1)
        raise StartFailed("It cannot be served. words: no")

    with pytest.raises(StartFailed):
        tried_twice(bring_up, lambda: None, lambda _: None)
    assert tries == [1]


def test_a_place_that_ray_cannot_write_is_told_and_not_waited_for() -> None:
    logs = Path("/tmp/ray/session_7/logs")
    failed = ray_failed(OSError(errno.EROFS, "Read-only file system", "/tmp/ray"), logs)
    assert str(failed) == "Ray does not start: /tmp/ray cannot be used: its disk is read-only."
    assert not isinstance(failed, StartTimedOut)
    assert isinstance(ray_failed(ConnectionError("no GCS"), logs), StartTimedOut)


def test_a_start_is_refused_by_the_entrys_name_before_anything_is_started(tmp_path: Path) -> None:
    rows = yaml.safe_load(CONFIG.read_text())
    entry = {"id": "wan", "family": "wan2.1-t2v-1.3b", "source": str(tmp_path / "gone")}
    rows["applications"][0]["args"] = {"models": [entry]}
    config = tmp_path / "serve.yaml"
    config.write_text(yaml.safe_dump(rows))
    service = LocalService(Settings(state_dir=tmp_path / "state", port=free_port()), config)
    with pytest.raises(StartFailed, match="wan: there is no folder"):
        service.start()
    assert service.redis is None
    assert not (tmp_path / "state").exists()


ANSWERED = """Request failed with status code 500: Traceback (most recent call last):
  File "/site-packages/ray/serve/_private/api.py", line 218, in serve_start_async
    await asyncio.wait_for(
TimeoutError

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/site-packages/ray/dashboard/optional_utils.py", line 241, in decorator
    return await f(self, *args, **kwargs)
TimeoutError: HTTP proxies not available after 60s.
."""
"""What Serve said on a machine with seven times as much to do as it had cores."""


def test_serve_is_asked_again_until_its_proxies_are_there() -> None:
    asked, now = list[int](), [0.0]

    def deploy() -> None:
        asked.append(1)
        now[0] += 60.0
        if len(asked) < 3:
            raise RuntimeError(ANSWERED)

    deploy_patiently(deploy, Path("/tmp/ray/session_7/logs"), monotonic=lambda: now[0], sleep=lambda _: None)
    assert len(asked) == 3


def test_one_that_never_takes_the_applications_is_told_of_in_a_sentence() -> None:
    now = [0.0]

    def deploy() -> None:
        now[0] += 60.0
        raise RuntimeError(ANSWERED)

    with pytest.raises(StartTimedOut) as caught:
        deploy_patiently(deploy, Path("/tmp/ray/session_7/logs"), monotonic=lambda: now[0], sleep=lambda _: None)
    assert str(caught.value) == (
        "HTTP proxies not available after 60s. The machine may be too busy; the logs are in /tmp/ray/session_7/logs."
    )
    assert now[0] < 300.0
