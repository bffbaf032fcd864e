"""Secrets are planted in a service that works, fails and refuses; then all that it wrote and tells is searched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from cluster.redis import LocalRedis
from tests.ports import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 420.0
WHSEC = "whsec_cGxhbnRlZC1wbGFudGVkLXBsYW50ZWQtcGxhbnRlZA=="
PLANTED = {
    "a key of the settings": "plantedAlicesKey00000001",
    "an operator's key": "plantedOperatorsKey00002",
    "a key of the file": "plantedKeyOfTheFile00003",
    "a webhook secret": WHSEC,
    "S3's secret key": "plantedS3SecretKey000004",
}
DASHBOARD = (
    *("/api/serve/applications/", "/api/v0/actors?detail=1", "/api/v0/tasks?detail=1&limit=1000", "/api/v0/workers"),
    *(
        "/api/v0/runtime_envs",
        "/api/jobs/",
        "/nodes?view=details",
        "/api/v0/logs?node_ip=127.0.0.1",
        "/api/cluster_status",
    ),
)


@dataclass(frozen=True)
class Trial:
    """A service with planted secrets: what it is told, where it writes, and its addresses."""

    planted: dict[str, str]
    folder: Path
    url: str
    dashboard: str

    def call(self, method: str, path: str, key: str = PLANTED["an operator's key"], **body: object) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.request(method, f"{self.url}{path}", headers=headers, json=body or None, timeout=60.0)


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    with tempfile.TemporaryDirectory(prefix="kr", dir="/tmp") as made:  # short: Ray's sockets live below it
        folder = Path(made)
        redis = LocalRedis(folder / "redis")
        redis.start()
        (folder / "keys.yaml").write_text(f"carol: {PLANTED['a key of the file']}\n")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KINORAY_")},
            "PYTHONPATH": str(ROOT),
            "RAY_TMPDIR": str(folder / "ray"),
            "RAY_AUTH_MODE": "disabled",
            "KINORAY_PORT": str(free_port()),
            "KINORAY_STATE_DIR": str(folder / "state"),
            "KINORAY_REDIS_URL": redis.url,
            "KINORAY_API_KEYS": json.dumps(
                {"alice": PLANTED["a key of the settings"], "boss": PLANTED["an operator's key"]}
            ),
            "KINORAY_OPERATORS": '["boss"]',
            "KINORAY_API_KEYS_FILE": str(folder / "keys.yaml"),
            "KINORAY_WEBHOOK_SECRET": WHSEC,
            "KINORAY_WEBHOOK_ALLOW_PRIVATE": "true",
            "KINORAY_WEBHOOK_ALLOW_HTTP": "true",
            "AWS_SECRET_ACCESS_KEY": PLANTED["S3's secret key"],
        }
        (folder / "ray").mkdir()
        out, said = (folder / "out.log").open("wb"), (folder / "err.log").open("wb")
        command = [sys.executable, "-m", "cluster.local", "--json"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=said)
        try:
            wait_until(lambda: _is_ready(folder, process), WITHIN_S, 0.5)
            told = json.loads((folder / "out.log").read_text())
            url = str(told["health"]).removesuffix("/health")
            password = redis.url.split(":")[2].partition("@")[0]
            yield Trial(PLANTED | {"Redis's password": password}, folder, url, str(told["dashboard"]))
        finally:
            process.terminate()
            process.wait(60)
            out.close()
            said.close()
            redis.stop()


def _is_ready(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, (folder / "err.log").read_text()
    return (folder / "out.log").read_text().rstrip().endswith("}")


def _is_made(trial: Trial, video_id: str, key: str) -> bool:
    return bool(trial.call("GET", f"/v1/videos/{video_id}", key).json()["status"] == "completed")


@pytest.mark.timeout(WITHIN_S + 120)
def test_no_planted_secret_is_found_in_logs_answers_or_the_dashboard(trial: Trial) -> None:
    made = trial.call("POST", "/v1/keys", name="made here", tenant="dave").json()
    rotated = trial.call("POST", f"/v1/keys/{made['id']}/rotate", overlap_s=60.0).json()
    planted = trial.planted | {"a key made here": made["key"], "a rotated key": rotated["key"]}
    hook = {"url": f"http://127.0.0.1:{free_port()}/nobody"}
    for name in ("a key of the settings", "a key of the file", "a key made here"):
        wish: dict[str, object] = {"prompt": "a red ball", "quality_tier": "preview", "webhook": hook}
        video = trial.call("POST", "/v1/videos", planted[name], **wish)
        assert video.status_code == 200, video.text
        wait_until(partial(_is_made, trial, video.json()["id"], planted[name]), 120.0, 0.5)
    answers = {
        f"{method} {path}": trial.call(method, path, key, **body).text
        for method, path, key, body in (
            ("GET", "/api/stats", planted["an operator's key"], {}),
            ("GET", "/health", "", {}),
            ("GET", "/metrics", "", {}),
            ("GET", "/v1/keys", planted["an operator's key"], {}),
            ("GET", "/v1/audit?limit=500", planted["an operator's key"], {}),
            ("GET", "/v1/videos/none", f"{planted['a key of the settings']}x", {}),
            ("POST", "/v1/videos", planted["a key of the settings"], {"promt": "x"}),
            ("GET", "/v1/keys/none", planted["an operator's key"], {}),
            ("GET", f"/v1/videos/{planted['a key made here']}", planted["a key of the settings"], {}),
            ("GET", "/v1/audit", planted["a key of the settings"], {}),
        )
    }
    answers |= {path: httpx.get(f"{trial.dashboard}{path}", timeout=60.0).text for path in DASHBOARD}
    assert '"kinoray"' in answers["/api/serve/applications/"]
    logs = [path for path in trial.folder.rglob("*") if path.is_file() and "redis" not in path.parts]
    assert any("serve" in path.parts for path in logs)
    texts = answers | {str(path): path.read_bytes().decode(errors="replace") for path in logs}
    found = [(name, place) for place, text in texts.items() for name, secret in planted.items() if secret in text]
    assert [each for each in found if not each[1].endswith("keys.yaml")] == []
