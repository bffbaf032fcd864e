"""What people are told when a service is ready: where everything is, the page first, and a command that works."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from app.client.address import from_environment
from app.client.errors import KinorayClientError

EXAMPLE = "a red ball bouncing on sand"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a service that is ready can be found; `keys`: it answers only who has one."""

    url: str
    dashboard_url: str | None
    state_dir: Path
    keys: bool = False

    def record(self) -> dict[str, str | None]:
        """For programs."""
        return {
            "page": f"{self.url}/",
            "api": f"{self.url}/v1/videos",
            "docs": f"{self.url}/docs",
            "health": f"{self.url}/health",
            "dashboard": self.dashboard_url,
            "state": str(self.state_dir),
        }


def program(name: str, environment: Mapping[str, str]) -> str:
    """How to call a command of this Python's environment from the folder one is in: by name where that finds it."""
    own = Path(sys.executable).parent / name
    found = shutil.which(name, path=environment.get("PATH"))
    if found is not None and (not own.exists() or Path(found).resolve() == own.resolve()):
        return name
    near = os.path.relpath(own)
    return shlex.quote(str(own) if near.startswith("..") else near)


def example(addresses: Addresses, environment: Mapping[str, str]) -> str:
    """A command that makes a video with this service, typed in another terminal with this environment's variables."""
    words = [program("kinoray", environment), "generate", f'"{EXAMPLE}"', "-o", "ball.mp4"]
    if not _is_default(addresses.url):
        words += ["--url", addresses.url]
    if addresses.keys:
        words += ["--api-key", "KEY"]
    return " ".join(words)


def _is_default(url: str) -> bool:
    """Whether a client in a fresh terminal takes that address by itself: one that sees none of our options."""
    try:
        return from_environment({}) == url
    except KinorayClientError:
        return False


def show_page(console: Console, addresses: Addresses) -> None:
    """The first thing that people are told."""
    console.print(f"  page       {addresses.url}/", soft_wrap=True)


def has_display(environment: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a browser that is opened here is seen by whoever asked: not over SSH, nor where nobody looks."""
    if any(environment.get(name) for name in ("CI", "SSH_CONNECTION", "KINORAY_NO_BROWSER")):
        return False
    return platform in ("darwin", "win32") or any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def open_page(addresses: Addresses, environment: Mapping[str, str], open_: Callable[[str], bool]) -> bool:
    """Opens the page where there is a display; a browser that is not there, or will not, is nobody's trouble."""
    if not has_display(environment):
        return False
    try:
        return open_(f"{addresses.url}/")
    except (OSError, webbrowser.Error):
        return False


def show_addresses(console: Console, addresses: Addresses) -> None:
    """Where everything is, the page first."""
    environment = os.environ
    signed_in = environment.get("RAY_AUTH_MODE") != "disabled"
    token = f"   (its token: `{program('ray', environment)} get-auth-token`)" if signed_in else ""
    show_page(console, addresses)
    for name, where in addresses.record().items():
        if name != "page" and where is not None:
            console.print(f"  {name:<10} {where}{token if name == 'dashboard' else ''}", soft_wrap=True)
    console.print(f"  try        {example(addresses, environment)}", soft_wrap=True)
