from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any

import pytest

from app.logs.context import about, about_job, facts, tenant_hash
from app.settings import Settings
from app.settings.secrets import secrets_of
from tests.jobs.make import PLAN, a_job
from tests.logs.recorded import recorded

LOG = logging.getLogger("app.somewhere")
KEY, WEBHOOK, PASSWORD = "sk-planted-9a", "whsec_cGxhbnRlZC13ZWJob29rLXNlY3JldC0xMjM0", "p%40ss-planted"
SECRET: dict[str, Any] = {
    "api_keys": {"studio": KEY},
    "webhook_secret": WEBHOOK,
    "redis_url": f"redis://user:{PASSWORD}@host:6379/0",
}


def test_a_line_names_the_job_its_attempt_and_its_tenant_by_a_hash() -> None:
    job = replace(a_job(tenant="studio"), attempts=2, fence=5, trace=f"00-{'a' * 32}-{'b' * 16}-01")
    with recorded({"deployment": "Diffuser", "replica": "r1"}) as log:
        with about_job(job):
            LOG.info("started", extra=facts(step=3, nothing=None))
        LOG.info("idle")
    [line, after] = log.lines
    told = {name: line[name] for name in ("job", "attempt", "fence", "tenant", "pool", "trace", "replica", "step")}
    assert told == {
        "job": job.id,
        "attempt": 2,
        "fence": 5,
        "tenant": tenant_hash("studio"),
        "pool": "main",
        "trace": "a" * 32,
        "replica": "r1",
        "step": 3,
    }
    assert (line["message"], line["level"], line["logger"]) == ("started", "info", "app.somewhere")
    assert "studio" not in log.text
    assert "nothing" not in line
    assert "job" not in after


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("secret", [KEY, WEBHOOK, PASSWORD, "p@ss-planted", "Bearer abcdefgh.secret"])
def test_no_secret_of_the_settings_and_nothing_that_looks_like_one_is_written(form: str, secret: str) -> None:
    with recorded(log_format=form, **SECRET) as log, about(request=f"r {secret}"):
        LOG.info("it was %s", secret, extra=facts(url=f"redis://u:{secret}@host/0", text=f"https://{secret}x"))
        try:
            raise ValueError(f'"{secret}" is wrong')
        except ValueError:
            LOG.exception("failed")
    assert log.text.count("failed") == 1
    for part in (KEY, WEBHOOK, PASSWORD, "p@ss-planted", "abcdefgh.secret"):
        assert part not in log.text


def test_a_secret_of_settings_is_found_wherever_it_stands() -> None:
    found = secrets_of(Settings(**SECRET, webhook_secrets={"a": WEBHOOK}))
    assert {KEY, WEBHOOK, PASSWORD, "p@ss-planted"} <= found


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_prompt_is_never_written_unless_it_may_be(form: str) -> None:
    prompt = 'a "heliotrope" armadillo\nin the rain – twice'
    job = replace(a_job(), plan=replace(PLAN, prompt=prompt))
    for allowed in (False, True):
        with recorded(log_format=form, log_prompts=allowed) as log, about_job(job):
            LOG.warning("could not read %s", prompt, extra=facts(prompt="ponies", detail=repr(prompt)))
            try:
                raise ValueError(prompt)
            except ValueError:
                LOG.exception("failed")
        assert ("heliotrope" in log.text, "ponies" in log.text) == (allowed, allowed)


def test_a_prompt_that_is_one_of_our_own_words_blanks_none_of_them() -> None:
    with recorded() as log, about_job(replace(a_job(), plan=replace(PLAN, prompt="completed"))):
        LOG.info("completed", extra=facts(status="completed", cause="it was completed"))
    [line] = log.lines
    assert (line["message"], line["status"], line["cause"]) == ("completed", "completed", "it was …")


def test_a_traceback_is_part_of_its_line_and_shows_no_local_variables() -> None:
    hidden = "of-a-local-variable"
    with recorded() as log:
        try:
            raise RuntimeError("broken")
        except RuntimeError:
            LOG.exception("It failed")
    [line] = log.lines
    assert line["exception"].endswith("RuntimeError: broken")
    assert hidden not in log.text


def test_a_line_that_is_written_later_says_what_its_own_task_was_about() -> None:
    from logging.handlers import MemoryHandler

    with recorded() as log:
        logger = logging.getLogger("app")
        buffer = MemoryHandler(10, target=logger.handlers[0], flushLevel=logging.CRITICAL)
        buffer.filters = logger.handlers[0].filters
        logger.handlers = [buffer]
        with about(job="video_first000"):
            LOG.info("one")
        with about(job="video_second00"):
            buffer.flush()
        buffer.close()
    assert log.lines[0]["job"] == "video_first000"


def test_what_ends_a_thread_is_a_line_with_its_traceback() -> None:
    def dies() -> None:
        raise ValueError("the device is gone")

    before = threading.excepthook
    try:
        with recorded() as log:
            thread = threading.Thread(target=dies, name="engine")
            thread.start()
            thread.join()
    finally:
        threading.excepthook = before
    [line] = log.lines
    assert (line["level"], "engine" in line["message"]) == ("critical", True)
    assert "the device is gone" in line["exception"]


def test_lines_of_every_package_of_ours_are_written_from_the_level_on_and_warnings_of_others() -> None:
    with recorded(log_level="warning") as log:
        for name in ("app.x", "deployments.x", "cluster.x", "kinoray.app.x", "another.x"):
            logging.getLogger(name).info("%s info", name)
            logging.getLogger(name).warning("%s warning", name)
    assert [line["level"] for line in log.lines] == ["warning"] * 5
