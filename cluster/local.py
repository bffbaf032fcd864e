"""Kinoray on this machine: a Redis of its own, Ray, the deployments of `serve_config.yaml`, until told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import yaml
from rich.console import Console

from app.client.cli import app as kinoray
from app.errors import StoreUnavailable
from app.jobs.redis.scripts import Keys
from app.redis.connection import connect
from app.redis.safety import refuse_what_loses_jobs
from app.settings import Settings
from cluster.redis import LocalRedis, RedisFailed

CONFIG = Path(__file__).resolve().parent.parent / "serve_config.yaml"
READY_S = 180.0
LOOK_S = 0.5  # how often it is seen to that the own Redis is there
OBJECT_STORE_BYTES = 512 * 2**20  # frames on their way to the finisher; it grows only as it is used

RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_HTTP_KEEP_ALIVE_TIMEOUT_S": "90",
    # By default Serve kills a proxy that is not up in 5 s, and the deployment fails with it on a slow machine.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
}


class StartFailed(Exception):
    """The service cannot start; the message says why and what to do."""


def load_config(path: Path, settings: Settings) -> dict[str, Any]:
    """The Serve config with this machine's host, port and settings filled in."""
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    config["http_options"] = {**config.get("http_options", {}), "host": settings.host, "port": settings.port}
    return config


def check_redis(url: str, timeout_s: float) -> None:
    """Raises StartFailed: there is no such Redis, or it is one that could lose jobs."""

    async def look() -> None:
        redis = connect(url, timeout_s)
        try:
            await refuse_what_loses_jobs(redis)
        finally:
            await redis.aclose()

    try:
        asyncio.run(look())
    except (StoreUnavailable, ValueError) as error:
        raise StartFailed(f"KINORAY_REDIS_URL cannot be used. {error}") from error


class LocalService:
    """Redis, Ray and Serve started and stopped together."""

    def __init__(self, settings: Settings, config: Path = CONFIG, console: Console | None = None) -> None:
        self.settings = settings
        self.url = f"http://{'127.0.0.1' if settings.host == '0.0.0.0' else settings.host}:{settings.port}"
        self.dashboard_url: str | None = None
        self._config = config
        self._console = console or Console(stderr=True)
        self.redis: LocalRedis | None = None
        self._stopping = threading.Event()
        self._guardian: threading.Thread | None = None

    def start(self) -> None:
        """Return when `/health` answers 200.

        Raises:
            StartFailed: the port is taken, Redis is not there or could lose jobs, or the service was not well after
                READY_S seconds.
        """
        self._check_port()
        self.settings.state_dir.mkdir(parents=True, exist_ok=True)
        self._start_redis()
        for name, value in RAY_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        self._start_ray()
        self._deploy()
        self._wait_until_well()

    def stop(self) -> None:
        """Stop what this object started, in reverse order.

        Nothing waits for running jobs: they are in Redis, and the next start takes them up when their leases end.
        """
        import ray

        self._stopping.set()
        if self._guardian is not None:
            self._guardian.join()
        if ray.is_initialized():
            ray.shutdown()
        if self.redis is not None:
            self.redis.stop()

    def _check_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.settings.host, self.settings.port))
            except OSError as error:
                where = f"{self.settings.host}:{self.settings.port}"
                raise StartFailed(f"{where} cannot be used ({error.strerror}); choose another with PORT=.") from None

    def _start_redis(self) -> None:
        if self.settings.redis_url is None:
            self._say("Starting Redis")
            self.redis = LocalRedis(self.settings.state_dir / "redis")
            try:
                self.redis.start()
            except RedisFailed as error:
                raise StartFailed(str(error)) from error
            self._say_mended(self.redis)
            self._guardian = threading.Thread(
                target=self._guard, args=(self.redis,), name="redis guardian", daemon=True
            )
            self._guardian.start()
            # Replicas are other processes: they read the same environment.
            os.environ["KINORAY_REDIS_URL"] = self.redis.url
        else:
            check_redis(self.settings.redis_url, self.settings.redis_timeout_s)
        # Else Serve's proxy takes what anybody on this machine says for the client's address, and hides who said it.
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
        os.environ["KINORAY_STATE_DIR"] = str(self.settings.state_dir)

    def _say_mended(self, redis: LocalRedis) -> None:
        """After a power cut: what had to go from the end of Redis's data, and what is there."""
        if redis.mended is not None:
            done, jobs = redis.mended, redis.count(Keys(self.settings.redis_prefix).job("*"))
            self._say(
                f"Redis's data ended in {done.cut_bytes} bytes that a power cut left ({done.zeros} zeros): cut, "
                f"with the whole kept as {done.backup}. {jobs} jobs are known"
            )

    def _guard(self, redis: LocalRedis) -> None:
        """Start the own Redis again when it has died: it comes back where it was, with its append-only file."""
        lost = False
        while not self._stopping.wait(LOOK_S):
            lost = lost or redis.died
            if lost:
                self._say("Redis has died, starting it again")
                try:
                    redis.start()
                    self._say_mended(redis)
                    lost = False
                except RedisFailed as error:
                    self._say(f"Redis does not start: {error}")

    def _start_ray(self) -> None:
        self._say("Starting Ray")
        told_to_stop = signal.getsignal(signal.SIGTERM)
        import ray

        context = ray.init(
            address="local",
            include_dashboard=True,
            dashboard_host=self.settings.dashboard_host,
            _metrics_export_port=self.settings.ray_metrics_port,
            object_store_memory=OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level="warning",
            namespace="kinoray",
        )
        self.dashboard_url = f"http://{context.dashboard_url}"
        if callable(told_to_stop):
            # Ray has put its own in place, which aborts the process after 3 s, in the middle of stopping in order.
            signal.signal(signal.SIGTERM, told_to_stop)

    def _deploy(self) -> None:
        self._say("Deploying")
        from ray.dashboard.modules.serve.sdk import ServeSubmissionClient

        ServeSubmissionClient(self.dashboard_url).deploy_applications(load_config(self._config, self.settings))

    def _wait_until_well(self) -> None:
        self._say("Loading the model")
        until = time.monotonic() + READY_S
        answer: httpx.Response | None = None
        while time.monotonic() < until:
            try:
                answer = httpx.get(f"{self.url}/health", timeout=5)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 200:
                return
            time.sleep(0.2)
        found = answer.text if answer is not None else "no answer"
        raise StartFailed(
            f"Not well after {READY_S:.0f} s: {found}. Ray's logs are in /tmp/ray/session_latest/logs/serve."
        )

    def _say(self, what: str) -> None:
        self._console.print(f"[dim]{what} …[/dim]")


def serve(config: Path | None = None) -> int:
    """What `kinoray serve` runs: serve until SIGINT or SIGTERM; the exit status."""
    console = Console(stderr=True)
    service = LocalService(Settings(), config or CONFIG, console)
    stopped = threading.Event()

    def stop(_signum: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    started = time.monotonic()
    try:
        service.start()
        for each in (signal.SIGTERM, signal.SIGINT):  # once more: Ray has put its own in place, which exits with 15
            signal.signal(each, stop)
        _greet(console, service, time.monotonic() - started)
        stopped.wait()
    except KeyboardInterrupt:
        pass
    except StartFailed as error:
        console.print(f"[red]{error}[/red]")
        return 1
    finally:
        console.print("[dim]Stopping; unfinished jobs are kept in Redis.[/dim]")
        service.stop()
    return 0


def _greet(console: Console, service: LocalService, seconds: float) -> None:
    console.print(f"[bold green]Kinoray is ready[/bold green] after {seconds:.0f} s")
    show_addresses(console, service)
    console.print('  try        kinoray generate "a red ball bouncing on sand" -o ball.mp4')


def show_addresses(console: Console, service: LocalService) -> None:
    """Where everything is, for people."""
    token = "" if os.environ.get("RAY_AUTH_MODE") == "disabled" else "   (token: `ray get-auth-token`)"
    console.print(f"  API        {service.url}/v1/videos")
    console.print(f"  docs       {service.url}/docs")
    console.print(f"  health     {service.url}/health")
    console.print(f"  dashboard  {service.dashboard_url}{token}")
    console.print(f"  state      {service.settings.state_dir}")


if __name__ == "__main__":
    kinoray(["serve", *sys.argv[1:]], prog_name="kinoray")
