"""The demo: start Kinoray on this machine, make one video with visible progress, show where everything is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from rich.console import Console

from app.settings import Settings
from cluster.local import LocalService, StartFailed, show_addresses

OUTPUT = Path("demo.mp4")


def main(argv: list[str]) -> int:
    """Returns the exit status; ONCE=1 in the environment stops after the video."""
    prompt = argv[0] if argv else "a crimson ball rolls to the right on a sand background"
    once = os.environ.get("ONCE", "") not in ("", "0")
    console = Console(stderr=True)
    service = LocalService(Settings(), console=console)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    try:
        service.start()
        made = _generate(service.url, prompt)
        if made == 0:
            console.print(f"[bold]{OUTPUT}[/bold] is your video.")
        show_addresses(console, service)
        if made == 0 and not once:
            console.print("Ctrl-C stops.")
            stopped.wait()
        return made
    except KeyboardInterrupt:
        return 0
    except StartFailed as error:
        console.print(f"[red]{error}[/red]")
        return 1
    finally:
        service.stop()


def _generate(url: str, prompt: str) -> int:
    """Through the same command a user types, so that the demo shows nothing a user does not get."""
    command = [sys.executable, "-m", "app.client.cli", "generate", prompt, "-o", str(OUTPUT)]
    return subprocess.run(command, env={**os.environ, "KINORAY_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
