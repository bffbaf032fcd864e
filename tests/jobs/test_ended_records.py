from __future__ import annotations

from dataclasses import replace

from app.jobs.ended_records import EndedRecords
from app.jobs.record import job_to_fields
from app.types import Job, Phase
from tests.jobs.make import a_job


def fields(job: Job) -> dict[bytes, bytes]:
    return {name.encode(): value for name, value in job_to_fields(job).items()}


def test_the_same_fields_are_the_same_job_and_others_another() -> None:
    records, done = EndedRecords(), a_job(phase=Phase.COMPLETED)
    first = records.read(done.id, fields(done))
    assert first == done
    assert records.read(done.id, fields(done)) is first
    changed = replace(done, attempts=2)
    assert records.read(done.id, fields(changed)).attempts == 2


def test_a_job_that_is_under_way_is_read_anew_and_few_are_kept() -> None:
    records, running = EndedRecords(most=1), a_job(phase=Phase.DENOISING)
    assert records.read(running.id, fields(running)) is not records.read(running.id, fields(running))
    one, other = a_job(phase=Phase.FAILED), a_job(phase=Phase.FAILED)
    first = records.read(one.id, fields(one))
    records.read(other.id, fields(other))
    assert records.read(one.id, fields(one)) is not first
