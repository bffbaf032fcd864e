"""What each route may be answered with beside a 200: statuses with their codes, and headers, for the document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from app.api.cross_origin import SAFE
from app.api.security_headers import HEADERS as BROWSERS

Codes = dict[int, list[str]]

_ALWAYS: Final = {
    408: "request_timeout",
    429: "too_many_connections",
    431: "headers_too_large",
    500: "internal_error",
    503: "service_unavailable store_unavailable too_many_connections too_many_bodies too_many_followers",
}
_KEYED: Final = {401: "invalid_api_key", 429: "rate_limit_exceeded too_many_wrong_keys"}
_SCOPED: Final = {403: "insufficient_scope"}
_CHANGES: Final = {403: "cross_origin"}
_BODY: Final = {
    400: "invalid_request invalid_json invalid_form invalid_encoding duplicate_parameter unknown_parameter",
    413: "payload_too_large",
    415: "unsupported_media_type",
}
_QUERY: Final = {400: "invalid_request duplicate_parameter unknown_parameter"}
_WISH: Final = {  # of whoever asks for a video or its plan
    400: "unsupported_parameter conflicting_parameters prompt_too_long unknown_tier unknown_style unknown_sampler "
    "unknown_step_cache unknown_lora unsupported_size unsupported_length unsupported_fps unusable_frames "
    "not_a_video_model",
    404: "model_not_found",
}
_PICTURE: Final = {
    400: "invalid_image image_not_taken image_required image_not_fetched address_refused no_subject",
    404: "upload_not_found",
    409: "upload_incomplete",
    429: "overloaded",
    503: "prepare_model_unusable artifact_store_unavailable",
    413: "image_too_large",
    501: "not_supported",
}
_WEBHOOK: Final = {400: "invalid_webhook_url forbidden_webhook_address webhooks_not_set_up"}
_ACCEPTED: Final = {  # where a job is made
    400: "invalid_idempotency_key",
    409: "idempotency_key_reused idempotency_key_spent dependency_failed",
    429: "overloaded tenant_jobs_limit tenant_spend_limit concurrency_exceeded quota_exceeded",
    503: "model_unavailable not_replicated",
}
_WAITED: Final = {
    409: "cancelled",
    424: "dependency_failed",
    500: "generation_failed out_of_memory numerical_error lora_unusable worker_lost "
    "finish_failed artifact_store_failed",
    504: "timeout",
}
_VIDEO: Final = {404: "video_not_found video_lost"}  # lost: by a restore
_FILE: Final = {
    404: "content_not_ready content_gone",
    410: "artifact_lost content_expired",
    416: "range_not_satisfiable",
    503: "artifact_store_unavailable",
}
_STORY: Final = {404: "storyboard_not_found"}
_SCENE: Final = {404: "scene_not_found", 400: "invalid_request"}
_STORY_WISH: Final = (  # of whoever asks for a storyboard or its plan
    *(_BODY, _WISH, _PICTURE, _WEBHOOK),
    {400: "too_many_scenes no_scenes narration_too_long film_too_long"},
)
_KEY: Final = {404: "key_not_found"}
_STYLE: Final = {404: "style_not_found"}
_OWN_STYLE: Final = {404: "style_not_found", 409: "server_style"}
_LORA: Final = {404: "lora_not_found"}
_UPLOAD: Final = {404: "upload_not_found", 412: "unsupported_tus_version"}
_CHUNK: Final = {
    400: "invalid_request invalid_image",
    412: "unsupported_tus_version",
    413: "payload_too_large upload_too_large image_too_large",
    415: "unsupported_media_type",
    429: "overloaded",
    460: "checksum_mismatch",
    503: "not_replicated artifact_store_unavailable",
}
_ABSENT: Final = {501: "not_supported"}

_WISHED: Final = (_BODY, _WISH, _PICTURE, _WEBHOOK)
_EXTENDED: Final = (  # where a completed video goes on
    *(_BODY, _WISH, _WEBHOOK, _ACCEPTED, _VIDEO, _FILE, _ABSENT),
    {409: "video_not_completed"},
)
OUTCOMES: Final[Mapping[str, tuple[Mapping[int, str], ...]]] = {
    "POST /v1/videos": (*_WISHED, _ACCEPTED),
    "GET /v1/videos": (_QUERY,),
    "GET /v1/videos/{video_id}": (_QUERY, _VIDEO),
    "DELETE /v1/videos/{video_id}": (_VIDEO,),
    "PATCH /v1/videos/{video_id}": (_BODY, _VIDEO, {409: "video_ended too_many_tags", 429: "overloaded"}),
    "POST /v1/videos/{video_id}/cancel": (_VIDEO,),
    "POST /v1/videos/{video_id}/remix": (_BODY, _WISH, _ACCEPTED, _VIDEO),
    "POST /v1/videos/{video_id}/extend": _EXTENDED,
    "POST /v1/videos/extensions": _EXTENDED,
    "POST /v1/videos/sync": (*_WISHED, _ACCEPTED, _WAITED, {503: "artifact_store_unavailable"}),
    "POST /v1/images/generations": (_BODY, _WISH, {400: "not_an_image_model"}, _ACCEPTED, _WAITED),
    "GET /v1/videos/zip": (_QUERY, _VIDEO, _FILE, {413: "payload_too_large"}),
    "GET /v1/videos/{video_id}/content": (_QUERY, _VIDEO, _FILE, {413: "payload_too_large", 429: "overloaded"}),
    "GET /v1/videos/{video_id}/events": (_VIDEO,),
    "GET /v1/videos/{video_id}/report": (_VIDEO,),
    "GET /v1/videos/{video_id}/request": (_VIDEO, {404: "model_not_found"}),
    "GET /v1/videos/{video_id}/inputs/{number}": (_QUERY, _VIDEO, _FILE),
    "GET /v1/videos/{video_id}/feedback": (_VIDEO, {404: "feedback_not_found"}),
    "POST /v1/videos/{video_id}/feedback": (_BODY, _VIDEO, {409: "video_not_completed"}),
    "DELETE /api/optimization/feedback": (_QUERY, {400: "unknown_tier"}),
    "POST /v1/storyboards": (*_STORY_WISH, _ACCEPTED),
    "GET /v1/storyboards": (_QUERY, _STORY),
    "POST /v1/storyboards/analyze": _STORY_WISH,
    "POST /v1/storyboards/draft": (
        _BODY,
        {400: "text_too_long nothing_to_tell unknown_tier unknown_style", 404: "model_not_found"},
    ),
    "GET /v1/storyboards/{story_id}": (_STORY,),
    "DELETE /v1/storyboards/{story_id}": (_STORY,),
    "POST /v1/storyboards/{story_id}/cancel": (_STORY,),
    "PATCH /v1/storyboards/{story_id}/scenes/{n}": (
        *(*_STORY_WISH, _ACCEPTED, _STORY, _SCENE),
        {400: "conflicting_parameters", 409: "revision_conflict"},
    ),
    "POST /v1/storyboards/{story_id}/scenes/{n}/retry": (_STORY, _SCENE, _ACCEPTED, {409: "revision_conflict"}),
    "GET /v1/storyboards/{story_id}/content": (_QUERY, _STORY, _SCENE, _FILE),
    "GET /v1/storyboards/{story_id}/events": (_STORY,),
    "POST /v1/voices/preview": (
        _BODY,
        {404: "no_voice", 410: "artifact_lost", 500: "generation_failed", 503: "artifact_store_unavailable"},
    ),
    "GET /v1/models/{model_id}": ({404: "model_not_found"},),
    "GET /v1/model_info": ({404: "model_not_found"},),
    "POST /v1/styles": (_BODY, {400: "prompt_too_long unknown_tier", 409: "too_many_styles"}),
    "GET /v1/styles/recommend": (_QUERY, {400: "prompt_too_long"}),
    "POST /v1/styles/recommend": (_BODY, {400: "prompt_too_long"}),
    "GET /v1/styles/{style_id}": (_STYLE,),
    "DELETE /v1/styles/{style_id}": (_OWN_STYLE,),
    "POST /v1/styles/{style_id}/share": (_OWN_STYLE,),
    "DELETE /v1/styles/{style_id}/share": (_OWN_STYLE,),
    "DELETE /api/cache": (_QUERY,),
    "GET /api/jobs": (_QUERY,),
    "GET /api/errors": (_QUERY,),
    "GET /api/trace": (_QUERY,),
    "GET /api/stats/history": (_QUERY,),
    "GET /api/optimization/analyze": (_QUERY, _WISH, _PICTURE),
    "POST /api/optimization/analyze": _WISHED,
    "POST /v1/loras": (
        {
            400: "invalid_request invalid_form unknown_parameter duplicate_parameter invalid_lora lora_does_not_fit",
            403: "lora_uploads_off",
            404: "model_not_found",
            409: "lora_exists too_many_loras conflict",
            413: "payload_too_large lora_too_large",
            415: "unsupported_media_type",
            429: "overloaded",
            503: "not_replicated artifact_store_unavailable",
        },
    ),
    "GET /v1/loras": (_QUERY,),
    "GET /v1/loras/{lora}": (_LORA,),
    "DELETE /v1/loras/{lora}": (_LORA, {409: "operator_lora", 503: "artifact_store_unavailable"}),
    "POST /v1/uploads": (
        _CHUNK,
        {400: "invalid_request invalid_image", 409: "too_many_uploads conflict"},
    ),
    "GET /v1/uploads/{upload_id}": (_UPLOAD,),
    "PATCH /v1/uploads/{upload_id}": (_CHUNK, _UPLOAD, {409: "upload_offset_mismatch"}),
    "DELETE /v1/uploads/{upload_id}": (_UPLOAD, {503: "artifact_store_unavailable"}),
    "GET /v1/usage": ({400: "invalid_request", 403: "insufficient_scope"},),
    "POST /v1/keys": (_BODY, {400: "unknown_scope first_key_not_operator"}),
    "GET /v1/keys": (_QUERY, _KEY),
    "GET /v1/keys/{key_id}": (_KEY,),
    "POST /v1/keys/{key_id}/rotate": (_BODY, _KEY, {409: "key_not_active conflict"}),
    "POST /v1/keys/{key_id}/revoke": (_KEY, {409: "conflict"}),
    "GET /v1/audit": (_QUERY,),
    "POST /v1/videos/edits": (_ABSENT,),
    "POST /v1/videos/characters": (_ABSENT,),
    "GET /v1/videos/characters/{character_id}": (_ABSENT,),
}
"""By method and address: what it may be refused with, beside what every route may."""

SENTENCES: Final[Mapping[int, str]] = {
    400: "Not well-formed, or it asks for what cannot be made",
    401: "No key, or a wrong one",
    403: "The key lacks the scope that `param` names, or a page of another site asks",
    404: "There is no such thing",
    408: "It did not come in time",
    409: "It does not go with what there is",
    410: "It was there, and is no longer",
    412: "It needs another version of the protocol",
    413: "Too large",
    415: "In a form that is not read here",
    416: "Outside of the file",
    424: "What it waited for failed",
    429: "Too much at once: come again after `Retry-After`",
    431: "More in headers than is read",
    460: "Not what its checksum says",
    500: "It failed, or something went wrong inside",
    501: "Not supported here; the message says what to use instead",
    503: "A part does not answer: come again after `Retry-After`",
    504: "Not ready in time; the job goes on",
}


def codes_of(method: str, path: str, scopes: Sequence[str] | None) -> Codes:
    """The statuses of a route and the error codes of each; `scopes`: what a key needs there; None: it asks for none."""
    found: Codes = {}
    rules = OUTCOMES.get(f"{method.upper()} {path}", ())
    keyed = () if scopes is None else (_KEYED, _SCOPED) if scopes else (_KEYED,)
    changes = () if method.upper() in SAFE else (_CHANGES,)
    for rule in (*rules, *keyed, *changes, _ALWAYS):
        for status, codes in rule.items():
            row = found.setdefault(status, [])
            row += [code for code in codes.split() if code not in row]
    return dict(sorted(found.items()))


def makes_jobs(method: str, path: str) -> bool:
    """Whether a route makes jobs."""
    return _ACCEPTED in OUTCOMES.get(f"{method.upper()} {path}", ())


Header = dict[str, object]


def _header(about: str, type_: str = "string") -> Header:
    return {"description": about, "schema": {"type": type_}}


EVERYWHERE: Final[Mapping[str, Header]] = {
    "x-request-id": _header("The request's id, yours if you sent a sane one; the server's log has it too"),
    "server-timing": _header("Milliseconds that stages took, `name;dur=…`, and `total`"),
    **{name: _header("For browsers") for name in BROWSERS},
}
RETRY: Final[Mapping[str, Header]] = {"retry-after": _header("Seconds after which to come again", "integer")}
RATES: Final[Mapping[str, Header]] = {
    "x-ratelimit-limit-requests": _header("Where requests are limited: how many, of the nearest limit", "integer"),
    "x-ratelimit-remaining-requests": _header("How many of them are left", "integer"),
    "x-ratelimit-reset-requests": _header("When all of them are, if you ask no more, such as 1m0s or 120ms"),
}
"""Of every route that asks for a key."""
STEP_SECONDS: Final[Mapping[str, Header]] = {
    "x-ratelimit-limit-step-seconds": _header("Where a quota limits step-seconds: how many, of the nearest", "number"),
    "x-ratelimit-remaining-step-seconds": _header("How many of them are left, with this video paid", "number"),
    "x-ratelimit-reset-step-seconds": _header("When all of them are, such as 6h12m3s"),
}
"""Of every route that makes jobs."""
NO_RETRY: Final[Mapping[str, Header]] = {"x-should-retry": _header("`false`: asking again changes nothing")}
_POLL: Final = {"openai-poll-after-ms": _header("Milliseconds after which to look again", "integer")}
_REPLAYED: Final = {"idempotent-replayed": _header("`true`: the answer is that of an earlier request with this key")}
_IDS: Final = {"x-video-id": _header("The id of the video, or ids with commas between")}
_REVISION: Final = {"etag": _header("Its revision, which If-Match of a change may name")}
_FILE_HEADERS: Final = {
    "etag": _header("For If-None-Match and If-Range"),
    "accept-ranges": _header("Always bytes"),
    "content-length": _header("Bytes", "integer"),
    "content-disposition": _header("A name for the file"),
    "cache-control": _header("Ask whether it is still so"),
}
_TUS: Final = {
    "tus-resumable": _header("1.0.0"),
    "upload-offset": _header("Bytes that are there", "integer"),
    "upload-expires": _header("When it is removed"),
}
HEADERS: Final[Mapping[str, Mapping[str, Header]]] = {
    "POST /v1/videos": {**_POLL, **_REPLAYED},
    "GET /v1/videos/{video_id}": {**_POLL, "etag": _header("For If-None-Match"), "cache-control": _header("Ask again")},
    "POST /v1/videos/{video_id}/cancel": _POLL,
    "PATCH /v1/videos/{video_id}": _POLL,
    "POST /v1/videos/{video_id}/remix": {**_POLL, **_REPLAYED},
    "POST /v1/videos/{video_id}/extend": {**_POLL, **_REPLAYED},
    "POST /v1/videos/extensions": {**_POLL, **_REPLAYED},
    "POST /v1/videos/sync": {
        **_POLL,
        **_REPLAYED,
        **_IDS,
        "x-inference-time-s": _header("Seconds from encoding to the finished file", "number"),
    },
    "POST /v1/images/generations": {**_POLL, **_REPLAYED, **_IDS},
    "GET /v1/videos/zip": {name: _FILE_HEADERS[name] for name in ("content-disposition", "cache-control")},
    "GET /v1/videos/{video_id}/content": _FILE_HEADERS,
    "POST /v1/uploads": {**_TUS, "location": _header("Where its chunks go")},
    "GET /v1/uploads/{upload_id}": {
        **_TUS,
        "upload-length": _header("Bytes of the whole file", "integer"),
        "upload-metadata": _header("As you sent it"),
        "cache-control": _header("no-store"),
    },
    "PATCH /v1/uploads/{upload_id}": _TUS,
    "POST /v1/storyboards": {**_POLL, **_REPLAYED, **_REVISION},
    "GET /v1/storyboards/{story_id}": {**_POLL, **_REVISION},
    "POST /v1/storyboards/{story_id}/cancel": {**_POLL, **_REVISION},
    "PATCH /v1/storyboards/{story_id}/scenes/{n}": {**_POLL, **_REVISION},
    "POST /v1/storyboards/{story_id}/scenes/{n}/retry": {**_POLL, **_REVISION},
    "GET /v1/storyboards/{story_id}/content": _FILE_HEADERS,
    "POST /v1/voices/preview": _FILE_HEADERS,
}
"""By method and address: what a 2xx has beside what every answer has."""
