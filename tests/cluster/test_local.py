"""What a start on one machine does before Ray is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
STORY = """
import os, sys
from pathlib import Path

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "ray":
            sys.stdout.write(os.environ.get("RAY_AUTH_MODE", "too early") + " ")

sys.meta_path.insert(0, Watch())
from app.settings import Settings
from cluster.local import LocalService

class Reached(Exception):
    pass

def reached(self):
    import ray
    raise Reached

LocalService._start_ray = reached
service = LocalService(Settings(state_dir=Path(sys.argv[1]), port=int(sys.argv[2])))
try:
    service.start()
except Reached:
    sys.stdout.write("reached")
finally:
    service.stop()
"""


def test_ray_is_not_imported_before_its_environment_is_set(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    told = subprocess.run(
        [sys.executable, "-c", STORY, str(tmp_path), str(free_port())],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    assert told.split()[-2:] == ["token", "reached"]
    assert "early" not in told
