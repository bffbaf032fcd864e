"""Runs every instruction of cluster/Dockerfile where there is no builder: `python -m tests.drills.image --help`.

It needs root, `unshare`, `chroot`, and a folder that stands for the base image, a Debian of the same release with a
`python` of the same minor version, such as `debootstrap --variant=minbase bookworm BASE` makes one with
`--include=ca-certificates,python3,python3-venv,python3-dev` and a link `python`. Each stage is a copy of what it begins
with; RUN runs in it, as its USER, with its ENV and SHELL. With `--start` the image is started as it would be: its
ENTRYPOINT and CMD as its USER, with a root that cannot be written but for its volumes and /tmp, in a network of its
own, until its HEALTHCHECK passes; then it gets its STOPSIGNAL and has to end.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.drills.dockerfile import Dockerfile, Instruction, argv, copied, filled, health_command, pairs, parse

ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_S, STOP_S = 400.0, 90.0
STARTED = {"KINORAY_API_KEYS": '{"trial": "a-key-for-this-trial-alone"}'}  # it listens on all addresses: it wants a key


@dataclass
class Image:
    """A root folder, and what the image says beside its files."""

    root: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    shell: list[str] = field(default_factory=lambda: ["/bin/sh", "-c"])
    folder: str = "/"
    user: str = "0:0"
    volumes: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop: str = "SIGTERM"

    def variables(self) -> dict[str, str]:
        return self.arguments | self.env

    def inside(self, path: str) -> Path:
        """Where a path of the image, relative to its WORKDIR, lies on this machine."""
        return self.root / (Path(self.folder) / path).as_posix().lstrip("/")


@dataclass(frozen=True)
class Machine:
    """What this machine adds to a build: `binds`, paths that RUN sees at the same place, and variables."""

    binds: list[str]
    env: dict[str, str]

    def mounts(self, root: Path) -> list[str]:
        lines = [
            f"mount -t proc proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
            f"mount -t tmpfs -o mode=1777 tmpfs {root}/dev/shm",
            *self._bound("/etc/resolv.conf", root),
        ]
        for bind in self.binds:
            lines += self._bound(bind, root)
        return lines

    @staticmethod
    def _bound(path: str, root: Path) -> list[str]:
        place = f"{root}{path}"
        made = f"mkdir -p {place}" if Path(path).is_dir() else f"mkdir -p {Path(place).parent}; touch {place}"
        return [made, f"mount --bind {path} {place}"]


class Trial:
    """Makes the stages of one target, each in a folder of its own."""

    def __init__(
        self, file: Dockerfile, base: Path, folder: Path, machine: Machine, given: dict[str, str], *, again: bool = True
    ) -> None:
        """`again`: stages of a former trial that are there are made anew."""
        self._file, self._base, self._folder = file, base, folder
        self._machine, self._given, self._again = machine, given, again
        self._made: dict[str, Image] = {}
        self.tried = 0

    def make(self, target: str) -> Image:
        """Raises CalledProcessError on the first RUN that fails, FileNotFoundError on a COPY of what is not there."""
        for name in self._file.needed(target):
            self._made[name] = self._stage(name)
        return self._made[target]

    def _stage(self, name: str) -> Image:
        stage = self._file.stages[name]
        known = self._made.get(stage.parent)
        root = self._folder / name
        say(f"FROM {filled(stage.parent, self._file.arguments)} AS {name}")
        there = root.exists() and not self._again
        if not there:
            shutil.rmtree(root, ignore_errors=True)
            subprocess.run(["cp", "-a", "--reflink=auto", known.root if known else self._base, root], check=True)
        image = Image(root)
        if known:
            image = Image(root, dict(known.env), {}, known.shell, known.folder, known.user, list(known.volumes))
            image.entrypoint, image.command = known.entrypoint, known.command
            image.health, image.stop = known.health, known.stop
        self.tried += 1
        for each in stage.instructions:
            if there and each.word in ("RUN", "COPY"):
                continue
            say(f"{each.word} {each.rest}")
            began = time.monotonic()
            self._apply(image, each)
            self.tried += 1
            if each.word == "RUN":
                say(f"  done in {time.monotonic() - began:.0f} s")
        return image

    def _apply(self, image: Image, each: Instruction) -> None:
        rest = each.rest
        match each.word:
            case "ARG":
                name, _, value = rest.partition("=")
                default = self._file.arguments.get(name, value)
                image.arguments[name] = self._given.get(name, filled(default, image.variables()))
            case "ENV":
                image.env |= pairs(rest, image.variables())
            case "RUN":
                self._run(image, rest)
            case "COPY":
                self._copy(image, filled(rest, image.variables()))
            case "WORKDIR":
                image.folder = (Path(image.folder) / filled(rest, image.variables())).as_posix()
                image.inside(".").mkdir(parents=True, exist_ok=True)
            case _:
                self._say_how(image, each.word, rest)

    def _say_how(self, image: Image, word: str, rest: str) -> None:
        """What an image tells those who run it."""
        match word:
            case "SHELL":
                image.shell = argv(rest)
            case "USER":
                image.user = rest
            case "VOLUME":
                image.volumes += rest.split()
            case "ENTRYPOINT":
                image.entrypoint = argv(rest)
            case "CMD":
                image.command = argv(rest)
            case "HEALTHCHECK":
                image.health = health_command(rest)
            case "STOPSIGNAL":
                signal.Signals[rest]
                image.stop = rest
            case "LABEL":
                pairs(rest, image.variables())
            case "EXPOSE":
                assert all(0 < int(port) < 65536 for port in rest.split()), rest

    def _run(self, image: Image, command: str) -> None:
        env = image.variables() | self._machine.env
        subprocess.run(isolated(image, [*image.shell, command], self._machine, env), check=True)

    def _copy(self, image: Image, rest: str) -> None:
        copy = copied(rest)
        target = image.inside(copy.target)
        for source in copy.sources:
            if copy.stage:
                found = self._made[copy.stage].root / source.lstrip("/")
                subprocess.run(["cp", "-a", "-T", found, target], check=True)
            else:
                put(source, target, copy.target.endswith("/"))


def put(source: str, target: Path, into: bool) -> None:
    """Copies a file or folder of the build's context. Raises FileNotFoundError where .dockerignore keeps it back."""
    if source not in kept():
        raise FileNotFoundError(f"COPY {source}: not in the build's context, see .dockerignore")
    if (ROOT / source).is_dir():
        shutil.copytree(
            ROOT / source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    else:
        shutil.copy(ROOT / source, target / source if into else target)


def kept() -> list[str]:
    """What .dockerignore lets into the context; it keeps all back but what it names."""
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    return [line[1:] for line in lines if line.startswith("!")]


def isolated(
    image: Image, command: list[str], machine: Machine, env: dict[str, str], *, sealed: bool = False
) -> list[str]:
    """`command` in the image's root as its user: mounts and processes of its own.

    `sealed`: with a network of its own too, and a root that cannot be written but for /tmp and the volumes.
    """
    lines = ["set -e", f"mount --bind {image.root} {image.root}"]
    lines += _sealed(image) if sealed else machine.mounts(image.root)
    given = [f"{name}={value}" for name, value in env.items()]
    inner = ["chroot", f"--userspec={image.user}", "--groups=", str(image.root), "/usr/bin/env", "-i"]
    lines.append("exec " + shlex.join([*inner, "-C", image.folder, *given, *command]))
    spaces = ["--mount", "--pid", "--fork", "--kill-child", *(["--net", "--uts"] if sealed else [])]
    return ["unshare", *spaces, "sh", "-c", "\n".join(lines)]


def _sealed(image: Image) -> list[str]:
    """A name, an address and a route as a container has them, though they lead nowhere; /tmp stays to be looked at."""
    root, place = image.root, image.root.parent / f"{image.root.name}-started"
    shutil.rmtree(place, ignore_errors=True)
    (place / "tmp").mkdir(parents=True)
    (place / "tmp").chmod(0o1777)
    (root / "etc" / "hosts").touch()
    (place / "hosts").write_text("127.0.0.1 localhost\n172.31.255.2 kinoray\n")
    owner = image.user.split(":")
    return [
        "hostname kinoray",
        "ip link set lo up",
        "ip addr add 172.31.255.2/24 dev lo",
        "ip route add default dev lo src 172.31.255.2",
        f"mount -o remount,bind,ro {root}",
        f"mount --bind {place}/hosts {root}/etc/hosts",
        f"mount --bind {place}/tmp {root}/tmp",
        *(f"mount -t tmpfs -o uid={owner[0]},gid={owner[1]} tmpfs {root}{volume}" for volume in image.volumes),
        *Machine([], {}).mounts(root)[:3],
    ]


def start(image: Image, env: dict[str, str]) -> float:
    """Starts the image until it is healthy, then stops it; seconds to health.

    Raises RuntimeError when it ends before, is not healthy in time, runs as another user than its own, can write its
    root, or does not end when it is told to.
    """
    run = isolated(image, [*image.entrypoint, *image.command], Machine([], {}), image.env | env, sealed=True)
    began = time.monotonic()
    with subprocess.Popen(run) as running:
        try:
            while not _healthy(image, running.pid):
                if running.poll() is not None:
                    raise RuntimeError(f"the image's command ended with {running.returncode}")
                if time.monotonic() - began > START_S:
                    raise RuntimeError(f"not healthy after {START_S:.0f} s")
                time.sleep(2.0)  # as Docker asks: now and then
            took = time.monotonic() - began
            _check_as_said(image, running.pid)
            _first(running.pid).send_signal(signal.Signals[image.stop])
            try:
                running.wait(STOP_S)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"still there {STOP_S:.0f} s after {image.stop}") from None
            return took
        finally:
            running.kill()


def _first(pid: int) -> psutil.Process:
    """The process that is number 1 in there."""
    return psutil.Process(pid).children()[0]


def _check_as_said(image: Image, pid: int) -> None:
    """Every process in there has the image's user, which can write no folder of its root."""
    user = int(image.user.split(":")[0])
    others = {each.name() for each in _first(pid).children(recursive=True) if each.uids().real != user}
    if others or _first(pid).uids().real != user:
        raise RuntimeError(f"not as user {user}: {', '.join(sorted(others)) or 'the first process'}")
    for folder in ("/", image.folder, image.env["VIRTUAL_ENV"], f"{image.env['VIRTUAL_ENV']}/bin"):
        if _runs(image, pid, ["touch", f"{folder}/trial"], user="0:0"):  # not even root may
            raise RuntimeError(f"{folder} can be written")


def _healthy(image: Image, pid: int) -> bool:
    return _runs(image, pid, image.health, user=image.user)


def _runs(image: Image, pid: int, command: list[str], user: str) -> bool:
    """Whether a command in there, as `docker exec` has it, ends well."""
    try:
        inside = _first(pid).pid
    except IndexError:
        return False
    enter = ["nsenter", f"--target={inside}", "--mount", "--net", "--pid"]
    within = ["chroot", f"--userspec={user}", str(image.root), "/usr/bin/env", "-i", f"PATH={image.env['PATH']}"]
    return subprocess.run([*enter, *within, *command], capture_output=True, check=False).returncode == 0


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    ask.add_argument("--target", required=True, help="the stage to make, cpu or gpu")
    ask.add_argument("--base", type=Path, required=True, help="a root folder that stands for the base image")
    ask.add_argument("--folder", type=Path, required=True, help="where the stages' roots are made")
    ask.add_argument(
        "--bind", action="append", default=[], help="a path of this machine that RUN sees at the same place"
    )
    ask.add_argument("--env", action="append", default=[], help="NAME=VALUE, for RUN alone")
    ask.add_argument("--build-arg", action="append", default=[], help="NAME=VALUE")
    ask.add_argument("--keep", action="store_true", help="do not make stages again that are in the folder")
    ask.add_argument("--start", action="store_true", help="start the image, too")
    asked = ask.parse_args()
    machine = Machine(asked.bind, dict(each.split("=", 1) for each in asked.env))
    given = dict(each.split("=", 1) for each in asked.build_arg)
    asked.folder.mkdir(parents=True, exist_ok=True)
    file = parse((ROOT / "cluster" / "Dockerfile").read_text())
    trial = Trial(file, asked.base, asked.folder, machine, given, again=not asked.keep)
    image = trial.make(asked.target)
    say(f"{trial.tried} instructions of target {asked.target} were run")
    if asked.start:
        say(f"healthy after {start(image, STARTED):.0f} s, and ended at {image.stop}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
