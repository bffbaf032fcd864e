"""How a job that was waited for has ended comes in; the answer for its caller goes out, who is not to ask again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response

from app.api.problems import ErrorBody, of_error, problem
from app.api.requests.idempotency import replay_headers
from app.api.responses import VIDEO_ID
from app.errors import (
    Cancelled,
    DependencyFailed,
    DeviceOutOfMemory,
    GenerationError,
    KinorayError,
    NumericalError,
    TimedOut,
    WorkerLost,
)
from app.types import Job

_ENDS: Final = (Cancelled, DependencyFailed, TimedOut, DeviceOutOfMemory, NumericalError, WorkerLost, GenerationError)

OUTCOMES: Final[Mapping[str, int]] = {end.code: end.status for end in _ENDS}
"""The status by the code of a job's failure; one that is not here is our own fault: 500. docs/api.md has this, too."""


OUTCOMES_DESCRIBED: Final[dict[int | str, dict[str, object]]] = {
    Cancelled.status: {"description": "It was cancelled.", "model": ErrorBody},
    DependencyFailed.status: {"description": "A job that it was to come after has failed.", "model": ErrorBody},
    GenerationError.status: {"description": "It could not be made; `code` says why.", "model": ErrorBody},
    TimedOut.status: {
        "description": "Not ready in time: by its deadline, which ends it, or for this answer, and it goes on.",
        "model": ErrorBody,
    },
}
"""What /docs says of them."""


def failed(job: Job, replayed: bool) -> Response:
    """The error that answers for a job that has ended without being completed."""
    assert job.failure is not None, "a job that has ended is completed or says why not"
    status = OUTCOMES.get(job.failure.code, GenerationError.status)
    return _of_jobs(problem(status, job.failure.code, job.failure.message), [job], replayed)


def gone_wrong(error: KinorayError, jobs: Sequence[Job], replayed: bool) -> Response:
    """The answer to an error that came after the jobs were accepted."""
    return _of_jobs(of_error(error), jobs, replayed)


def _of_jobs(answer: Response, jobs: Sequence[Job], replayed: bool) -> Response:
    """The same with what it is about. The jobs are on record: to ask again would only make others."""
    answer.headers.update({VIDEO_ID: ids_of(jobs), "x-should-retry": "false"} | replay_headers(replayed))
    return answer


def ids_of(jobs: Sequence[Job]) -> str:
    """The value of `x-video-id`."""
    return ",".join(job.id for job in jobs)
