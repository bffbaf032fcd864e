"""Runs the benchmarks on this machine, some against a real Kinoray, and writes `benchmarks/results/*.json`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

if sys.argv[1:2] == ["gpu"]:  # before the others' needs are imported, which a borrowed GPU's machine may not have
    from benchmarks.gpu.command import main as gpu_day

    sys.exit(gpu_day(sys.argv[2:]))

import yaml
from rich.console import Console

from app.settings import Settings
from benchmarks import (
    admission_cost,
    analysis,
    bill,
    budgets,
    cache_trace,
    calibration,
    ceiling,
    chaos,
    clients,
    draft,
    drills,
    fairness,
    fairness_in_process,
    families,
    gains,
    interpolation,
    main_job,
    observability,
    overload,
    packing,
    prediction,
    prepare,
    redis_fsync,
    redis_outage,
    repeats,
    restore,
    scale,
    scaling,
    service_load,
    similar,
    simulated,
    simulated_day,
    simulated_in_process,
    sleeping_load,
    step_engine,
    story_chaos,
    storyboards,
    student,
    upscaling,
)
from benchmarks.machine import facts, memory_bytes
from cluster.local import CONFIG, LocalService
from tests.drills.restores import After
from tests.ports import free_port

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the one named, or several or all of them, each in a process of its own that no other leaves threads in."""
    runs: dict[str, Callable[[argparse.Namespace, Console], dict[str, Any]]] = {
        "main_job": _main_job,
        "step_engine": _step_engine,
        "service_load": _service_load,
        "sleeping_load": _sleeping_load,
        "gains": lambda options, console: gains.measure(options.quick, console),
        "budgets": _budgets,
        "calibration": _calibration,
        "families": lambda options, console: families.measure(options.quick, console),
        "packing": lambda options, console: packing.measure(5 if options.quick else 40, console),
        "admission_cost": lambda options, console: admission_cost.run(options.quick, console),
        "prediction": _prediction,
        "prepare": lambda options, console: prepare.run(options.quick, console),
        "repeats": _repeats,
        "bill": _bill,
        "analysis": lambda options, console: analysis.run(options.quick, console),
        "cache_trace": _cache_trace,
        "similar": _similar,
        "redis_fsync": _redis_fsync,
        "redis_outage": _redis_outage,
        "served_analysis": _served_analysis,
        "chaos": _chaos,
        "draft": _draft,
        "drills": _drills,
        "interpolation": lambda options, console: interpolation.measure(6 if options.quick else 200, console),
        "upscaling": lambda options, console: upscaling.measure(12 if options.quick else 200, console),
        "student": lambda options, console: student.measure(8 if options.quick else 200, console),
        "observability": _observability,
        "restore": _restore,
        "overload": _overload,
        "fairness": _fairness,
        "clients": _clients,
        "storyboards": _storyboards,
        "story_chaos": _story_chaos,
        "simulated": lambda options, console: asyncio.run(
            simulated_in_process.measure(12 if options.quick else 100, console)
        ),
        "simulated_served": _simulated_served,
        "simulated_day": lambda options, console: simulated_day.measure(options.quick, options.minutes, console),
        "scale": _scale,
        "scaling": lambda _options, console: _in_folder(scaling.burst, console),
        "replicas": lambda _options, console: _in_folder(scaling.throughput, console),
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"some of {', '.join(runs)}; all by default")
    parser.add_argument("--quick", action="store_true", help="just enough to see that they run")
    parser.add_argument("--drills", type=int, default=None, help="how many restores; 20 by default")
    parser.add_argument("--scenes", default="1,3,5,9", help="of the films set against a script; 1,3,5,9 by default")
    parser.add_argument(
        "--lines", default="", help="of bill, fairness or scale, to be measured anew: as `poll,repeat`; all by default"
    )
    parser.add_argument("--minutes", type=float, default=15.0, help="that a simulated day may take; 15 by default")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    options = parser.parse_args()
    if unknown := set(options.names) - set(runs):
        parser.error(f"there is no benchmark {', '.join(unknown)}")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    names = options.names or list(runs)
    if len(names) > 1:
        sys.exit(_each_alone(names, options))
    console, machine, began = Console(), facts(), time.monotonic()
    figures = runs[names[0]](options, console)
    figures["took_s"] = round(time.monotonic() - began, 1)
    path = write(names[0], machine, figures, options.out)
    console.print_json(data=figures)
    console.print(f"[dim]{path}[/dim]")


def _each_alone(names: Sequence[str], options: argparse.Namespace) -> int:
    """1 if one of them failed; the others run nevertheless."""
    more = ["--out", str(options.out), *(["--quick"] if options.quick else [])]
    commands = ([sys.executable, "-m", "benchmarks", name, *more] for name in names)
    codes = [subprocess.run(command).returncode for command in commands]
    return int(any(codes))


def _step_engine(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    return step_engine.measure(12 if options.quick else 100, 2 if options.quick else 12, console)


def _budgets(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    return budgets.measure(4 if options.quick else 64, 8 if options.quick else 30, console)


def _cache_trace(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    requests, seeds = (300, 2) if options.quick else (2000, 5)
    return cache_trace.measure(requests, seeds, console)


def _similar(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    requests, seeds, pairs = (200, 1, 6) if options.quick else (1000, 3, 192)
    return similar.measure(requests, seeds, pairs, console)


def _redis_fsync(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    with _served() as service:
        return asyncio.run(redis_fsync.measure(service, 2 if options.quick else 6, console))


def _redis_outage(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    with _served() as service:
        return asyncio.run(redis_outage.measure(service, 10.0 if options.quick else 30.0, console))


def _calibration(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    return calibration.measure(8 if options.quick else 40, options.out, console)


def _prediction(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    with _served() as service:
        return asyncio.run(prediction.measure(service.url, 4 if options.quick else 60, console))


def _repeats(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    requests, again, seconds = (20, 20, 1.0) if options.quick else (200, 500, 10.0)
    with _served() as service:
        return asyncio.run(repeats.measure(service.url, requests, again, seconds, console))


def _bill(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    from ray import serve

    from benchmarks.bill_floor import NAME, floor

    with _served() as service:
        if service.redis is None:
            raise RuntimeError("the bill counts a Redis of its own")
        rows = yaml.safe_load(CONFIG.read_text())["applications"][0]["deployments"]
        router = next(row for row in rows if row["name"] == "Router")
        serve.run(floor(router), name=NAME, route_prefix=f"/{NAME}")
        sizes = bill.QUICK if options.quick else bill.Sizes()
        only, machine = [line for line in options.lines.split(",") if line], facts()
        kept = kept_figures("bill", options.out) if only else {}

        def keep(found: dict[str, Any]) -> None:
            write("bill", machine, {**kept, **found}, options.out)

        return kept | asyncio.run(bill.measure(service.url, service.redis.url, sizes, console, only, keep))


def _served_analysis(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    with _served() as service:
        return asyncio.run(analysis.served(service.url, options.quick, console))


def _service_load(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    times = ceiling.step_times(Settings().max_batch)  # before anything else wants the cores
    jobs, arrivals, tries = (4, 4, 1) if options.quick else (16, 36, 3)
    with _served() as service:
        return asyncio.run(service_load.measure(service, jobs, arrivals, tries, times, console))


def _sleeping_load(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    with _served({}, sleeping_load.ARGS) as service:
        jobs = 6 if options.quick else 60
        return asyncio.run(sleeping_load.measure(service.url, service.settings, jobs, console))


def _main_job(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    runs, again = (2, 10) if options.quick else (7, 200)
    started = time.monotonic()
    with _served() as service:
        start_up_s = time.monotonic() - started
        time.sleep(5)
        idle_bytes = memory_bytes()
        measured = asyncio.run(main_job.measure(service.url, runs, again, console))
    return {"start_up_s": round(start_up_s, 1), "idle_memory_gib": round(idle_bytes / 2**30, 2), **measured}


def _chaos(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    # Two replicas, so that one is warm when the other dies; jobs that lose more than two replicas go on nevertheless.
    changes = {"num_replicas": 2, "ray_actor_options": {"num_cpus": 0.4, "runtime_env": {"env_vars": chaos.ONE_THREAD}}}
    with _served({"Diffuser": changes}, {"max_attempts": 20, "checkpoint_every": chaos.CHECKPOINT_EVERY}) as service:
        jobs, kills = (10, 5) if options.quick else (60, 20)
        return asyncio.run(chaos.measure(service, jobs, kills, console))


def _draft(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    figures = draft.measure(6 if options.quick else 201, console)
    with _served() as service:
        return figures | {"served": asyncio.run(draft.served(service.url, 2 if options.quick else 20, console))}


def _drills(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    changes = {"num_replicas": 2, "ray_actor_options": {"num_cpus": 0.3}}
    args = {"pretend_step_s": drills.STEP_S, "checkpoint_every": drills.CHECKPOINT_EVERY, "max_attempts": 20}
    with _served({"Diffuser": changes}, args) as service:
        return asyncio.run(drills.measure(service, 2 if options.quick else 8, console))


def _observability(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    return asyncio.run(observability.measure(3 if options.quick else 40, console))


def _restore(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    count = options.drills or (len(After) if options.quick else 20)
    return _in_folder(lambda folder, console: asyncio.run(restore.measure(count, folder, console)), console)


def _overload(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    args = {"pretend_step_s": overload.STEP_S, "max_wait_s": overload.MAX_WAIT_S, "max_batch": 1, "slots": 1}
    with _served({}, args) as service:
        return asyncio.run(overload.measure(service.url, 10 if options.quick else 60, memory_bytes, console))


def _simulated_served(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    changes = {"num_replicas": simulated.REPLICAS, "ray_actor_options": {"num_cpus": 0.3}}
    with _served({"Diffuser": changes}, simulated.ARGS) as service, tempfile.TemporaryDirectory() as folder:
        return asyncio.run(simulated.measure(service.url, 6 if options.quick else 48, Path(folder), console))


def _scale(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    only = [line for line in options.lines.split(",") if line]
    kept = kept_figures("scale", options.out) if only else {}
    return asyncio.run(scale.measure(options.quick, options.out, console, only, kept))


def _fairness(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    os.environ["KINORAY_API_KEYS"] = json.dumps(fairness.KEYS)  # replicas read the same environment
    jobs, tries = (40, 1) if options.quick else (500, 5)
    only, machine = [line for line in options.lines.split(",") if line], facts()
    found: dict[str, Any] = kept_figures("fairness", options.out) if only else {}
    if not only or "process" in only:
        found["in this process, sleeping"] = asyncio.run(fairness_in_process.measure(jobs, tries))
    for short, (name, args) in zip(fairness.SHORT, fairness.ARMS.items(), strict=True):
        if not only or short in only:
            with _served({}, args) as service:
                found[name] = asyncio.run(fairness.measure(service.url, jobs, tries, console))
            write("fairness", machine, found, options.out)
    return found


def _clients(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    most = 40 if options.quick else clients.MOST_FOLLOWERS
    seconds, slow, followers = (5, (100,), 30) if options.quick else (20, clients.SLOW, clients.FOLLOWERS)
    with _served({}, {"max_followers": most, "pretend_step_s": 1.0}) as service:
        return asyncio.run(clients.measure(service.url, seconds, slow, followers, most, console))


def _storyboards(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    counts = [int(count) for count in options.scenes.split(",")]
    with _served() as service:
        return asyncio.run(storyboards.measure(service.url, counts, 1 if options.quick else 3, console))


def _story_chaos(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    changes = {"num_replicas": 2, "ray_actor_options": {"num_cpus": 0.4, "runtime_env": {"env_vars": chaos.ONE_THREAD}}}
    with _served({"Diffuser": changes}, {"max_attempts": 20, "checkpoint_every": chaos.CHECKPOINT_EVERY}) as service:
        films, kills = (3, 3) if options.quick else (20, 20)
        return asyncio.run(story_chaos.measure(service, films, kills, console))


def _in_folder(measure: Callable[[Path, Console], dict[str, Any]], console: Console) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), console)


@contextmanager
def _served(
    changes: Mapping[str, dict[str, Any]] = MappingProxyType({}), args: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[LocalService]:
    """A real Kinoray of its own, in a folder that goes with it; `changes` to its config by deployment, and settings."""
    with tempfile.TemporaryDirectory() as state:
        config = Path(state) / "serve_config.yaml"
        config.write_text(yaml.safe_dump(_changed(yaml.safe_load(CONFIG.read_text()), changes, args)))
        service = LocalService(Settings(state_dir=Path(state), port=free_port(), redis_url=None), config)
        service.start()
        try:
            yield service
        finally:
            service.stop()


def _changed(config: dict[str, Any], changes: Mapping[str, dict[str, Any]], args: Mapping[str, Any]) -> dict[str, Any]:
    application = config["applications"][0]
    application["args"] = {**application["args"], **args}
    for deployment in application["deployments"]:
        deployment.update(changes.get(deployment["name"], {}))
    return config


def write(name: str, machine: dict[str, object], figures: dict[str, Any], folder: Path) -> Path:
    """Keep the figures with the machine's facts, which were taken before the run; where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"machine": machine, "figures": figures}, indent=2) + "\n")
    return path


def kept_figures(name: str, folder: Path) -> dict[str, Any]:
    """Those that an earlier run has left."""
    path = folder / f"{name}.json"
    figures: dict[str, Any] = json.loads(path.read_text())["figures"] if path.exists() else {}
    return figures


if __name__ == "__main__":
    main()
