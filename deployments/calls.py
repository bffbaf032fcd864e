"""One call to a deployment: an answer in bounded time, or an error of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from ray.exceptions import RayActorError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException

from app.errors import KinorayError, PartFailed, ServiceUnavailable

T = TypeVar("T")

LOST = (RayActorError, DeploymentUnavailableError)
"""The replica died, or there is none: the call may be made again elsewhere."""


async def ask(answer: Awaitable[T], timeout_s: float, what: str) -> T:
    """Wait for a handle call.

    Raises:
        KinorayError: whatever of ours the callee raised, unwrapped.
        ServiceUnavailable: nobody answered in time, or the callee is not there.
        PartFailed: it died meanwhile.
    """
    try:
        return await asyncio.wait_for(_awaited(answer), timeout_s)
    except asyncio.TimeoutError:
        raise ServiceUnavailable(f"The {what} did not answer within {timeout_s:.0f} s.") from None
    except BackPressureError:
        raise ServiceUnavailable(f"The {what} has too much to do.") from None
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, KinorayError):
            raise cause from None
        raise
    except RayActorError:
        raise PartFailed(f"The {what} is not running.") from None
    except (*LOST, RayServeException):
        raise ServiceUnavailable(f"The {what} is not running.") from None


async def _awaited(answer: Awaitable[T]) -> T:
    return await answer
