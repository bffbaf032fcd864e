"""Kinoray on this machine: a Redis of its own, Ray, the deployments of `serve_config.yaml`, until told to stop."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from app.client.address import local_url
from app.client.cli import app as kinoray
from app.client.session import say_json
from app.jobs.redis.scripts import Keys
from app.logs.setup import log_to_stream
from app.redis.connection import replicas_of
from app.settings import Settings
from app.settings.ingress import Ingress
from app.settings.read import BadSettings, args_of, read_settings, unknown
from app.settings.strict_yaml import loaded
from cluster.checks import (
    StartFailed,
    check_artifacts,
    check_metrics_port,
    check_open,
    check_port,
    check_redis,
    prepare_state_dir,
)
from cluster.greeting import Addresses, show_addresses
from cluster.pool_rows import with_rows
from cluster.ray_token import provide_token
from cluster.redis import STOP_S, LocalRedis, RedisFailed
from cluster.servable import unservable_here
from cluster.starting import (
    Seen,
    StartTimedOut,
    deploy_patiently,
    ray_failed,
    too_late,
    tried_twice,
    wait_until_ready,
)
from cluster.stopping import Stop

log = logging.getLogger(__name__)
CONFIG = Path(__file__).resolve().parent.parent / "serve_config.yaml"
LOOK_S = 0.5  # how often it is seen to that the own Redis is there
PROXY_READS = ("host", "lora_upload_max_bytes", "max_body_bytes", "trusted_proxies")
OBJECT_STORE_BYTES = 512 * 2**20  # frames on their way to the finisher; it grows only as it is used

RAY_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_HTTP_KEEP_ALIVE_TIMEOUT_S": "90",
    # By default Serve kills a proxy that is not up in 5 s, and the deployment fails with it on a slow machine.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    # Serve's own proxy knows no time limits for headers and bodies, and no most of connections.
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "kinoray.ingress:guard_proxy",
    # From the proxy to a Router by Serve's gRPC server, which each replica has anyway, under Ray's token: half the
    # processor time of an actor call for each request and each piece of a stream (`python -m benchmarks bill`).
    "RAY_SERVE_PROXY_USE_GRPC": "1",
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": "2147483647",  # a message may hold all of a file that waits to be sent
    # Ray has its workers, and with them Serve's proxy and all of ours, far behind all else on the machine (15): where
    # that is busy neither a start nor a look gets through. Who gives way to whom is `app.engine.niceness`.
    "RAY_worker_niceness": "0",
    # Workers that Ray starts at a time: by default one for each core, so that the Diffuser, whom all wait for, is last.
    "RAY_worker_maximum_startup_concurrency": str(max(4, os.cpu_count() or 1)),
    # How often Serve's controller and Ray's agent look at everything: by default 10 and 0.2 times a second, which is a
    # third of what an idle service uses.
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.25",
    "REPORTER_UPDATE_INTERVAL_MS": "10000",
    # How often each replica, and each handle in it, hands its counts on to Ray: by default 10 times a second.
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "1000",
    # What Ray takes by default, and warns about in four lines; who wants none sets "disabled".
    "RAY_AUTH_MODE": "token",
    # Serve's lines have files of their own, which `kinoray logs` reads; standard error would have them once more.
    "RAY_SERVE_LOG_TO_STDERR": "0",
}


def rotation(settings: Settings) -> dict[str, str]:
    """Variables that hold the files of Ray's own processes to the size that ours have."""
    return {
        "RAY_ROTATION_MAX_BYTES": str(settings.log_max_bytes),
        "RAY_ROTATION_BACKUP_COUNT": str(settings.log_files),
    }


def load_config(path: Path, settings: Settings) -> dict[str, Any]:
    """The Serve config with this machine's host, port and settings filled in. Raises ValueError: wrong `args`."""
    config: dict[str, Any] = loaded(path.read_text())
    config["http_options"] = {**config.get("http_options", {}), "host": settings.host, "port": settings.port}
    config = with_rows(config, from_environment=True)
    if settings.log_format == "console":  # of Serve's own processes; replicas' lines are ours
        config["logging_config"] = {**config.get("logging_config", {}), "encoding": "TEXT"}
    return config


def environment_of(settings: Settings) -> dict[str, str]:
    """What Serve's proxy reads of the settings: it is given no `args`, and has its environment only."""
    told = settings.model_dump(mode="json", include={*Ingress.model_fields, *PROXY_READS}, exclude_unset=True)
    return {f"KINORAY_{name.upper()}": as_text(value) for name, value in told.items()}


def as_text(value: object) -> str:
    """A value as a variable of the environment has it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


class LocalService:
    """Redis, Ray and Serve started and stopped together."""

    def __init__(self, settings: Settings, config: Path = CONFIG, console: Console | None = None) -> None:
        self.settings = settings
        self.url = local_url(settings.host, settings.port)
        self.dashboard_url: str | None = None
        self._config = config
        self._console = console or Console(stderr=True)
        self.redis: LocalRedis | None = None
        self._stopping = threading.Event()
        self._guardian: threading.Thread | None = None
        self.has_begun = False
        """Whether there is anything to stop."""
        self.waits_for = "what was being started"
        """What a stop is busy with."""
        self.logs = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "session_latest" / "logs"  # until Ray says

    @property
    def addresses(self) -> Addresses:
        """Where it is, once it has started."""
        return Addresses(self.url, self.dashboard_url, self.settings.state_dir, bool(self.settings.api_keys))

    def start(self) -> None:
        """Return when every pool takes jobs. What timed out on a busy machine is tried once more.

        Raises:
            StartFailed: the port is taken, a model cannot be served, Redis is not there or could lose jobs, or nothing
                moved any more, twice.
        """
        # First of all: Ray reads them when it is imported, which the checks may do.
        for name, value in {**RAY_ENVIRONMENT, **rotation(self.settings)}.items():
            os.environ.setdefault(name, value)
        check_port(self.settings.host, self.settings.port)
        check_metrics_port(self.settings.ray_metrics_port, self.settings.port)
        self._check_models()
        prepare_state_dir(self.settings.state_dir)
        provide_token(self.settings.state_dir, os.environ)
        check_artifacts(self.settings.artifact_root)
        self._start_redis()
        check_open(self.settings, self._redis_url())
        since = time.time()

        def bring_up() -> None:
            self._start_ray()
            self._deploy()
            self._wait_until_ready(since)

        tried_twice(bring_up, self._stop_ray, self._say)

    def stop(self, ray_gone: Callable[[], None] = lambda: None) -> None:
        """Stop what this object started, in reverse order; `ray_gone` is called between Ray and Redis.

        Nothing waits for running jobs: they are in Redis, and the next start takes them up when their leases end.
        """
        self._stopping.set()
        self.waits_for = "the guardian of Redis"
        if self._guardian is not None:
            self._guardian.join()
        self.waits_for = "Ray's processes to end"
        self._stop_ray()
        ray_gone()
        self.waits_for = f"Redis to write its data (at most {STOP_S:.0f} s)"
        if self.redis is not None:
            self.redis.stop()

    def _stop_ray(self) -> None:
        if "ray" not in sys.modules:  # it takes seconds to import, and what has not begun needs no stopping
            return
        import ray

        if ray.is_initialized():
            ray.shutdown()

    def _check_models(self) -> None:
        """Before anything is started: a model that cannot be served would end it minutes later, if at all."""
        try:
            from cluster.rollout import problem  # and Ray's schema with it: seconds

            config = load_config(self._config, self.settings)
            why = unservable_here(config) or problem(config)
        except ValueError as error:
            why = str(error)
        if why is not None:
            raise StartFailed(f"It cannot be served. {why}")

    def _start_redis(self) -> None:
        if self.settings.redis_url is None:
            if self.settings.durability == "replicated":
                raise StartFailed(
                    "KINORAY_DURABILITY=replicated needs a Redis with a replica, and the one that Kinoray starts has "
                    "none: set KINORAY_REDIS_URL, or KINORAY_DURABILITY=local."
                )
            self._say("Starting Redis")
            self.has_begun = True
            self.redis = LocalRedis(self.settings.state_dir / "redis", fsync=self.settings.redis_fsync)
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
            said = check_redis(self._redis_url(), self.settings.redis_timeout_s, replicas_of(self.settings))
            if said is not None:
                self._say(said.removesuffix("."))
        # Else Serve's proxy takes what anybody on this machine says for the client's address, and hides who said it.
        os.environ.setdefault("FORWARDED_ALLOW_IPS", "")
        os.environ["KINORAY_STATE_DIR"] = str(self.settings.state_dir)
        os.environ.update(environment_of(self.settings))

    def _redis_url(self) -> str:
        """Of the Redis that is used: the one that was named, or else our own."""
        named = self.settings.redis_url
        return named.get_secret_value() if named is not None else self.redis.url if self.redis is not None else ""

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
        self.has_begun = True
        told_to_stop = signal.getsignal(signal.SIGTERM)
        import ray

        from deployments.ray_private import metrics_port

        try:
            context = ray.init(
                address="local",
                include_dashboard=True,
                dashboard_host=self.settings.dashboard_host,
                **metrics_port(self.settings.ray_metrics_port),
                object_store_memory=OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level="warning",
                namespace="kinoray",
            )
        except Exception as error:  # of any kind: Ray's own "timed out during startup" is a plain Exception
            ray.shutdown()
            raise ray_failed(error, self.logs.resolve()) from error
        finally:
            if callable(told_to_stop):
                # Ray has put its own in place, which aborts the process after 3 s, in the middle of stopping in order.
                signal.signal(signal.SIGTERM, told_to_stop)
        self.logs = Path(context.address_info["session_dir"]) / "logs"
        self.dashboard_url = f"http://{context.dashboard_url}"

    def _deploy(self) -> None:
        self._say("Deploying")
        config = load_config(self._config, self.settings)
        deploy_patiently(lambda: self._serve().deploy_applications(config), self.logs)

    def _serve(self) -> Any:
        from ray.dashboard.modules.serve.sdk import ServeSubmissionClient

        return ServeSubmissionClient(self.dashboard_url)

    def _wait_until_ready(self, since: float) -> None:
        self._say("Loading the model")
        try:
            wait_until_ready(self._look, since)
        except StartTimedOut as error:
            raise too_late(error, self.logs / "serve") from error

    def _look(self, serve_too: bool) -> Seen:
        health: dict[str, Any] | None = None
        serve: dict[str, Any] | None = None
        with contextlib.suppress(httpx.HTTPError, ValueError):  # the proxy's own answers, before we are there, are text
            health = httpx.get(f"{self.url}/health", timeout=5).json()
        if serve_too:
            with contextlib.suppress(OSError, RuntimeError):
                serve = self._serve().get_serve_details()
        return Seen(health, serve)

    def _say(self, what: str) -> None:
        if self.settings.log_format == "json":
            log.info("%s", what)
        else:
            self._console.print(f"[dim]{what} …[/dim]")


def serve(config: Path | None = None, as_json: bool = False) -> int:
    """What `kinoray serve` runs: serve until SIGINT, SIGTERM or SIGHUP; the exit status."""
    console = Console(stderr=True)
    config = config or CONFIG
    try:
        settings = read_settings(args_of(config))
    except BadSettings as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    log_to_stream(settings, {"deployment": "serve"})
    return run(LocalService(settings, config, console), console, lambda service: _greet(console, service, as_json))


def run(service: LocalService, console: Console, ready: Callable[[LocalService], int | None]) -> int:
    """Start, call `ready`, and serve until a signal, unless it answers with an exit status; the exit status."""
    began = time.monotonic()
    stop = Stop(lambda words: console.print(f"[dim]{words}[/dim]"), lambda: service.waits_for)
    stop.heed()
    for words in unknown(os.environ):
        console.print(words, style="yellow", markup=False, highlight=False, soft_wrap=True)
    try:
        service.start()
        stop.heed()
        console.print(f"[bold green]Kinoray is ready[/bold green] after {time.monotonic() - began:.0f} s")
        status = ready(service)
        stop.ready()
        if status is None:
            stop.asked.wait()
        return status or 0
    except KeyboardInterrupt:
        return 0
    except StartFailed as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    finally:
        stop.asked.set()
        stop.heed()
        if service.has_begun:
            console.print("[dim]Stopping; unfinished jobs are kept in Redis.[/dim]")
            service.stop(stop.heed)  # Ray leaves SIGTERM as the system has it


def _greet(console: Console, service: LocalService, as_json: bool) -> None:
    show_addresses(console, service.addresses)
    if as_json:
        say_json(service.addresses.record())


if __name__ == "__main__":
    kinoray(["serve", *sys.argv[1:]], prog_name="kinoray")
