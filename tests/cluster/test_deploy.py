"""What `python -m cluster.deploy` refuses before it touches anything, and its backups."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis as redis_py
import yaml
from typer.testing import CliRunner, Result

from cluster.deploy import app
from cluster.local import CONFIG
from cluster.rollout import Exit

NOWHERE = "http://127.0.0.1:1"


def run(*words: str | Path) -> Result:
    """The command with no variables of whoever runs the tests."""
    env = {"KINORAY_REDIS_URL": None, "RAY_DASHBOARD_ADDRESS": None, "KINORAY_URL": None, "KINORAY_REDIS_PREFIX": None}
    return CliRunner().invoke(app, [str(word) for word in words], env=env)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("applications: []", "names no application"),
        ("- a list", "no mapping"),
        ("{", "expected"),
        ("applications: [{import_path: 'deployments.build:build', args: {max_batch: 0}}]", "max_batch"),
    ],
)
def test_a_wrong_file_is_refused_before_anything_is_written(tmp_path: Path, text: str, why: str) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text)
    ended = run("apply", wrong, "--address", NOWHERE, "--folder", tmp_path / "b", "--without-backup")
    assert ended.exit_code == Exit.REFUSED
    assert why in ended.output
    assert not (tmp_path / "b").exists()


def test_a_model_that_cannot_be_served_is_refused_though_its_files_may_be_on_the_nodes(tmp_path: Path) -> None:
    def ended(**departs: object) -> Result:
        entry = {"id": "wan", "family": "wan2.1-t2v-1.3b", "source": "/on/the/nodes", **departs}
        application = {"name": "kinoray", "import_path": "kinoray.serve:build", "args": {"models": [entry]}}
        wanted = tmp_path / "wanted.yaml"
        wanted.write_text(yaml.safe_dump({"applications": [application]}))
        return run("apply", wanted, "--address", NOWHERE, "--folder", tmp_path / "b", "--without-backup")

    assert "wan: 40x40 is no size that it makes" in ended(sizes=[[40, 40]]).output
    assert "wan: 6 frames" in ended(frames=[6]).output
    torn = tmp_path / "style.safetensors"
    torn.write_bytes(b"torn")
    assert "the LoRA style" in ended(loras={"style": {"source": str(torn)}}).output
    assert "not deployed" not in ended().output, "the cluster alone was not there"


def test_a_backup_is_not_left_out_by_accident(tmp_path: Path) -> None:
    ended = run("apply", CONFIG, "--address", NOWHERE, "--folder", tmp_path / "b")
    assert ended.exit_code == Exit.REFUSED
    assert "--without-backup" in ended.output


def test_a_cluster_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    ended = run("apply", CONFIG, "--address", NOWHERE, "--folder", tmp_path / "b", "--without-backup")
    assert ended.exit_code == Exit.REFUSED
    assert "Nothing was changed" in ended.output
    assert NOWHERE in ended.output


class Refusing(BaseHTTPRequestHandler):
    """A dashboard that wants another token."""

    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        return None


def test_a_dashboard_that_refuses_is_said_so(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        ended = run("apply", CONFIG, "--address", address, "--folder", tmp_path / "b", "--without-backup")
        server.shutdown()
    assert ended.exit_code == Exit.REFUSED, ended.exception
    assert "Nothing was changed" in ended.output


def test_a_folder_that_cannot_be_made_stops_the_deploy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = run("apply", CONFIG, "--address", NOWHERE, "--folder", tmp_path / "file" / "b", "--without-backup")
    assert ended.exit_code == Exit.REFUSED
    assert "cannot be used" in ended.output


def test_a_backup_and_its_restore_are_two_commands(
    redis_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINORAY_STATE_DIR", str(tmp_path / "state"))  # not that of whoever runs the tests
    where = ("--redis-url", redis_url, "--prefix", prefix)
    with redis_py.Redis.from_url(redis_url) as client:
        client.set(f"{{{prefix}}}:word:kept", "kept")
        made = run("backup", *where, "--folder", tmp_path)
        assert made.exit_code == 0, made.output
        (file,) = tmp_path.glob("*/redis.jsonl.zst")
        client.delete(f"{{{prefix}}}:word:kept")
        done = run("restore", file, *where)
        assert done.exit_code == 0, done.output
        assert client.get(f"{{{prefix}}}:word:kept") == b"kept"
        again = run("restore", file, *where)
    assert again.exit_code == 1
    assert "--replace" in again.output
    assert run("backup", "--folder", tmp_path).exit_code == 1
