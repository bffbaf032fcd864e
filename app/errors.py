"""The error tree: what can go wrong, with the HTTP status and code each becomes.

    KinorayError
    ├── InvalidRequest            400  invalid_request, or a finer code given by the raiser
    │   ├── UnsupportedParameter  400  unsupported_parameter
    │   └── ModelNotFound         404  model_not_found
    ├── Unauthorized              401  invalid_api_key
    ├── Forbidden                 403  forbidden
    │   └── InsufficientScope     403  insufficient_scope (`param` is the scope that the key lacks)
    ├── NotFound                  404
    │   ├── JobNotFound           404  video_not_found
    │   ├── StoryboardNotFound    404  storyboard_not_found, or scene_not_found
    │   ├── ContentNotReady       404  content_not_ready
    │   └── ArtifactLost          410  artifact_lost, or content_expired
    ├── Conflict                  409  conflict
    │   ├── IllegalTransition     409  illegal_transition
    │   ├── Moved                 409  revision_conflict (a storyboard was changed; has `revision`)
    │   └── LeaseLost             409  lease_lost
    ├── TusVersion                412  unsupported_tus_version
    ├── ChecksumMismatch          460  checksum_mismatch (of a chunk of an upload; tus has the status)
    ├── PayloadTooLarge           413  payload_too_large
    ├── UnsupportedMediaType      415  unsupported_media_type
    ├── NotSupported              501  not_supported (by this server, whatever is sent)
    ├── RangeNotSatisfiable       416  range_not_satisfiable
    ├── RetryLater                     has retry_after_s
    │   ├── Overloaded            429  overloaded
    │   │   └── ConcurrencyExceeded 429  concurrency_exceeded (as many jobs at once as one may)
    │   ├── TooManyWrongKeys      429  too_many_wrong_keys
    │   ├── RateLimited           429  rate_limit_exceeded (requests a minute, or at once)
    │   ├── QuotaExceeded         429  quota_exceeded (of a day or month; asking again soon changes nothing)
    │   └── ServiceUnavailable    503  service_unavailable
    │       ├── ModelUnavailable  503  model_unavailable (no replica of its pool can start)
    │       ├── PartFailed        503  service_unavailable (a part died, or failed, over what it was asked)
    │       └── StoreUnavailable  503  store_unavailable (Redis or the artifact store)
    │       └── UnsafeStore       503  unsafe_store (Redis is set up so that it could lose jobs)
    └── GenerationError           500  what ends one job and leaves the service standing
        ├── AdapterUnusable       500  lora_unusable (an uploaded LoRA is gone, or cannot be loaded)
        ├── Cancelled             409  cancelled
        ├── DependencyFailed      424  dependency_failed
        ├── DeviceOutOfMemory     500  out_of_memory
        ├── NumericalError        500  numerical_error (NaN in the latent)
        ├── WorkerLost            500  worker_lost
        │   └── PartAway          500  worker_lost (it needs a part beside its replica that is not there now)
        └── TimedOut              504  timeout

All arguments go to the base constructor by position, so every error survives pickling between processes.
"""

from __future__ import annotations

from typing import ClassVar


class KinorayError(Exception):
    """Base of all our errors: `message` is meant for the client, `param` names the field at fault."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str = "", param: str | None = None, code: str | None = None) -> None:
        super().__init__(message, param, code)
        self.message = message or type(self).__name__
        self.param = param
        self.error_code = code or type(self).code

    def __str__(self) -> str:
        return self.message


class InvalidRequest(KinorayError):
    """The request is not well-formed or asks for what cannot be made."""

    status = 400
    code = "invalid_request"


class UnsupportedParameter(InvalidRequest):
    """A known field that this server or model cannot honour."""

    code = "unsupported_parameter"


class ModelNotFound(InvalidRequest):
    """No such model here."""

    status = 404
    code = "model_not_found"


class Unauthorized(KinorayError):
    """No key, or a wrong one."""

    status = 401
    code = "invalid_api_key"


class Forbidden(KinorayError):
    """A valid key, but not of one who may do this."""

    status = 403
    code = "forbidden"


class InsufficientScope(Forbidden):
    """The key lacks a scope; `param` names it."""

    code = "insufficient_scope"


class NotFound(KinorayError):
    """There is nothing by that name."""

    status = 404
    code = "not_found"


class JobNotFound(NotFound):
    """No job with that id, or it belongs to another tenant."""

    code = "video_not_found"


class StoryboardNotFound(NotFound):
    """There is no such storyboard, or it is another tenant's."""

    code = "storyboard_not_found"


class ContentNotReady(NotFound):
    """The job has not made that yet."""

    code = "content_not_ready"


class ArtifactLost(NotFound):
    """The job made that, but the store no longer has it: a disk or node went, or its time was over."""

    status = 410
    code = "artifact_lost"


class Conflict(KinorayError):
    """The record is no longer what the caller thought."""

    status = 409
    code = "conflict"


class IllegalTransition(Conflict):
    """A job cannot go from its phase to that one."""

    code = "illegal_transition"


class Moved(Conflict):
    """A storyboard has changed since it was read; `revision` is the one that stands, None where it is not known."""

    code = "revision_conflict"

    def __init__(
        self, message: str = "", param: str | None = None, code: str | None = None, revision: int | None = None
    ) -> None:
        super().__init__(message, param, code)
        self.args = (message, param, code, revision)
        self.revision = revision


class LeaseLost(Conflict):
    """The write carries an old fence: another attempt, or a cancel, has taken over."""

    code = "lease_lost"


class ShardLost(LeaseLost):
    """The write belongs to a pool, or to the house, for which another dispatcher decides by now."""

    code = "shard_lost"


class TenantFull(Conflict):
    """The tenant holds as many leases as it may, some of them given by other dispatchers meanwhile."""

    code = "tenant_full"


class TusVersion(KinorayError):
    """An upload by a version of tus that is not spoken here."""

    status = 412
    code = "unsupported_tus_version"


class ChecksumMismatch(KinorayError):
    """A chunk of an upload is not what its checksum says."""

    status = 460  # as tus has it
    code = "checksum_mismatch"


class PayloadTooLarge(KinorayError):
    """The body is larger than the server reads."""

    status = 413
    code = "payload_too_large"


class UnsupportedMediaType(KinorayError):
    """The body is in a form that is not read here."""

    status = 415
    code = "unsupported_media_type"


class NotSupported(KinorayError):
    """Known from other servers, and not to be had from this one; the message says what to use instead."""

    status = 501
    code = "not_supported"


class RangeNotSatisfiable(KinorayError):
    """The asked bytes lie outside the file."""

    status = 416
    code = "range_not_satisfiable"


class RetryLater(KinorayError):
    """Base of errors that come with a time to wait."""

    status = 503
    code = "retry_later"

    def __init__(
        self, message: str = "", param: str | None = None, code: str | None = None, retry_after_s: float = 1.0
    ) -> None:
        super().__init__(message, param, code)
        self.args = (message, param, code, retry_after_s)
        self.retry_after_s = retry_after_s


class Overloaded(RetryLater):
    """The predicted wait is too long."""

    status = 429
    code = "overloaded"


class TooManyWrongKeys(RetryLater):
    """The client has tried too many keys that are none."""

    status = 429
    code = "too_many_wrong_keys"


class ConcurrencyExceeded(Overloaded):
    """The tenant or key has as many jobs under way as it may; `param` names the limit."""

    code = "concurrency_exceeded"


class TooManyFollowers(RetryLater):
    """As many streams and waiting requests are open here as may be."""

    code = "too_many_followers"


class RateLimited(RetryLater):
    """More requests than the tenant, key or address may make in that time; `param` names the limit."""

    status = 429
    code = "rate_limit_exceeded"


class QuotaExceeded(RetryLater):
    """The tenant or key has had what it may have in this day or month; `param` names the limit."""

    status = 429
    code = "quota_exceeded"


class ServiceUnavailable(RetryLater):
    """A part that this request needs does not answer."""

    code = "service_unavailable"


class ModelUnavailable(ServiceUnavailable):
    """The model is one of this service, but no replica can start that would serve it; the message says why."""

    code = "model_unavailable"


class PartFailed(ServiceUnavailable):
    """A part was there and took the call, and died or failed over it: it may do so each time it is asked this."""


class StoreUnavailable(ServiceUnavailable):
    """Redis or the artifact store does not answer."""

    code = "store_unavailable"


class RecordTooNew(StoreUnavailable):
    """A newer Kinoray wrote the record: this process never reads it, one that is as new does."""


class StoreFull(StoreUnavailable):
    """Redis answers, but has no memory for what was to be written."""


class NotReplicated(StoreUnavailable):
    """Redis has no replica that keeps up, and what was to be written must be in two places before it counts."""

    code = "not_replicated"


class UnsafeStore(StoreUnavailable):
    """Redis is set up so that it could lose jobs; the message says what to change."""

    code = "unsafe_store"


class NoReplica(UnsafeStore):
    """Jobs are to be in two places before they are accepted, and Redis has no replica."""


class GenerationError(KinorayError):
    """Ends one job; the batch's other jobs go on."""

    code = "generation_failed"


class Cancelled(GenerationError):
    """Somebody asked for the job to stop."""

    status = 409
    code = "cancelled"


class AdapterUnusable(GenerationError):
    """A LoRA adapter that the job's tenant has uploaded is gone, is not what it was, or cannot be loaded."""

    code = "lora_unusable"


class DependencyFailed(GenerationError):
    """A job that it was to come after has failed, or is gone."""

    status = 424
    code = "dependency_failed"


class DeviceOutOfMemory(GenerationError):
    """The job does not fit on the device."""

    code = "out_of_memory"


class NumericalError(GenerationError):
    """The latent turned NaN or infinite."""

    code = "numerical_error"


class WorkerLost(GenerationError):
    """The replicas that ran it died too often."""

    code = "worker_lost"


class PartAway(WorkerLost):
    """An attempt needs a part beside its replica, such as a text encoder, that is not there or not ready.

    Neither the job's fault nor the replica's: the job waits in the line, and this counts against nothing.
    """


class TimedOut(GenerationError):
    """It took longer than allowed: by the caller's deadline, by the server, or by who waits for the answer."""

    status = 504
    code = "timeout"
