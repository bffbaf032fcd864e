"""What happened to a job is found in logs and traces, over a replica's death: real processes, a real OTLP receiver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.nightly

ROOT = Path(__file__).parent.parent.parent
PARTS = {"Router", "PromptAnalyzer", "Cache", "Dispatcher", "Diffuser", "Finisher"}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was logged and traced; in a process of its own, since the session's service has this one's Ray."""
    folder = tmp_path_factory.mktemp("observed")
    command = [sys.executable, "-m", "tests.drills.observed", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def lines(seen: dict[str, Any], of: str) -> list[dict[str, Any]]:
    told = seen["logs"][of]
    assert told["status"] == 0, told["err"]
    return [json.loads(line) for line in told["out"].splitlines()]


def messages(seen: dict[str, Any], of: str) -> list[str]:
    return [line["message"] for line in lines(seen, of)]


def spans(seen: dict[str, Any], trace: str) -> list[dict[str, Any]]:
    return [span for span in seen["spans"] if span["trace"] == trace]


def part(span: dict[str, Any]) -> str:
    return str(span["process"]["kinoray.deployment"])


def test_one_trace_holds_a_job_from_its_caller_over_every_part_to_its_webhook(seen: dict[str, Any]) -> None:
    killed = seen["killed"]
    assert (killed["status"], killed["trace_id"]) == ("completed", killed["callers_trace"])
    found = spans(seen, killed["trace_id"])
    assert {part(span) for span in found} == PARTS
    known = {span["span"]: span for span in found}
    assert len(known) == len(found)
    [root] = [span for span in found if span["parent"] not in known]
    assert (root["parent"], root["name"]) == (killed["callers_span"], "POST /v1/videos")
    above = {span["name"]: known[span["parent"]]["name"] for span in found if span is not root}
    assert (above["job"], above["plan"], above["PromptAnalyzer.plan"]) == ("POST /v1/videos", "POST /v1/videos", "plan")
    assert (above["attempt"], above["dispatch"], above["finish"]) == ("job", "job", "attempt")
    [hook] = [span for span in found if span["name"] == "webhook"]
    assert killed["webhook"] == f"00-{killed['trace_id']}-{hook['span']}-01"


def test_each_attempt_has_a_span_also_the_one_whose_replica_was_killed(seen: dict[str, Any]) -> None:
    killed = seen["killed"]
    attempts = [span for span in spans(seen, killed["trace_id"]) if span["name"] == "attempt"]
    attempts.sort(key=lambda span: span["began_s"])
    assert [span["facts"]["kinoray.attempt"] for span in attempts] == list(range(1, killed["attempts"] + 1))
    assert (part(attempts[0]), attempts[0]["error"]) == ("Dispatcher", "ActorDiedError")
    assert (part(attempts[-1]), attempts[-1]["error"]) == ("Diffuser", "")
    assert attempts[-1]["events"].count("boundary") >= 20
    assert killed["resumed"] >= 5


def test_jobs_that_step_together_are_linked(seen: dict[str, Any]) -> None:
    attempts = {span["span"]: span for span in seen["spans"] if span["name"] == "attempt"}
    shared = [span for span in attempts.values() if span["links"]]
    assert shared
    assert any(
        link in attempts and span["span"] in attempts[link]["links"] for span in shared for link in span["links"]
    )


def test_the_lines_of_a_job_tell_what_happened_to_it_in_order(seen: dict[str, Any]) -> None:
    told = messages(seen, "killed")
    wanted = ["accepted", "leased", "started", "lost: ActorDiedError", "back in the line", "leased", "resumed"]
    places = [told.index(word) for word in wanted[:5]]
    assert places == sorted(places)
    assert told[-2:] == ["completed", "webhook delivered"]
    assert "resumed" in told
    assert messages(seen, "cached") == ["cached"]
    assert messages(seen, "cancelled")[3:5] == ["is to be cancelled", "cancelled"]


def test_a_failure_is_a_line_with_code_cause_and_traceback(seen: dict[str, Any]) -> None:
    found = lines(seen, "failed")
    [engine] = [line for line in found if "exception" in line]
    assert (engine["deployment"], engine["thread"]) == ("Diffuser", "engine")
    assert "Traceback" in engine["exception"]
    assert (found[-1]["message"], found[-1]["code"]) == ("failed", "generation_failed")
    assert "RuntimeError" in found[-1]["cause"]


def test_who_was_preempted_says_by_whom(seen: dict[str, Any]) -> None:
    both = [*lines(seen, "low"), *lines(seen, "low2")]
    [moved] = [line for line in both if line["message"] == "preempted"]
    assert moved["by"] == [seen["urgent"]]
    assert "went on" in [line["message"] for line in both]


def test_every_line_of_a_job_says_whose_it_is(seen: dict[str, Any]) -> None:
    found = [line for name in seen["logs"] for line in lines(seen, name) if line.get("job")]
    assert found
    for line in found:
        assert {"time", "level", "logger", "deployment", "replica", "node", "fence"} <= set(line), line
    running = [line for line in lines(seen, "urgent") if line["message"] in ("leased", "started", "completed")]
    assert {(line["attempt"], line["pool"], len(line["tenant"])) for line in running} == {(1, "main", 12)}
    assert len({line["trace"] for line in running}) == 1


def test_a_request_id_leads_to_the_job_that_it_made(seen: dict[str, Any]) -> None:
    found = [json.loads(line) for line in seen["request"]["out"].splitlines()]
    assert {line.get("job") for line in found} - {None} == {seen["requested"]}
    assert {"POST /v1/videos", "accepted", "completed"} <= {line["message"] for line in found}


def test_ways_of_reading_say_the_same_and_nothing_is_said_in_plain_words(seen: dict[str, Any]) -> None:
    killed = seen["logs"]["killed"]["out"].splitlines()
    assert seen["dashboard"]["out"].splitlines() == killed, seen["dashboard"]["err"]
    assert len(seen["shown"]["out"].splitlines()) == len(killed)
    assert seen["followed"]["out"] == seen["shown"]["out"]
    assert seen["nothing"]["status"] == 1
    assert seen["nothing"]["err"].startswith("No line about video_0123456789abcdef in ")


def test_no_log_holds_a_secret_or_a_prompt(seen: dict[str, Any]) -> None:
    assert seen["planted"] == []
