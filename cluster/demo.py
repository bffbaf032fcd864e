"""The demo: start Kinoray on this machine, make one video with visible progress, show where everything is."""

from __future__ import annotations

import os
import subprocess
import sys
import webbrowser
from pathlib import Path

from rich.console import Console

from app.settings.read import BadSettings, read_settings
from cluster.greeting import open_page, show_addresses, show_page
from cluster.local import LocalService, run

OUTPUT = Path("demo.mp4")


def main(argv: list[str]) -> int:
    """Returns the exit status; ONCE=1 in the environment stops after the video."""
    prompt = argv[0] if argv else "a crimson ball rolls to the right on a sand background"
    once = os.environ.get("ONCE", "") not in ("", "0")
    console = Console(stderr=True)
    try:
        settings = read_settings()
    except BadSettings as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1

    def ready(service: LocalService) -> int | None:
        show_page(console, service.addresses)
        if not once:
            open_page(service.addresses, os.environ, webbrowser.open)
        made = _generate(service.url, prompt)
        if made == 0:
            console.print(f"[bold]{OUTPUT}[/bold] is your video.")
        show_addresses(console, service.addresses)
        if made or once:
            return made
        console.print("Ctrl-C stops.")
        return None

    return run(LocalService(settings, console=console), console, ready)


def _generate(url: str, prompt: str) -> int:
    """Through the same command a user types, so that the demo shows nothing a user does not get."""
    command = [sys.executable, "-m", "app.client.cli", "generate", prompt, "-o", str(OUTPUT)]
    return subprocess.run(command, env={**os.environ, "KINORAY_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
