"""Every code of an error that can be answered or end a job, so that each is counted from zero on."""

from __future__ import annotations

from app import errors
from app.errors import KinorayError

CLIENT, SERVER = "client", "server"
COMPLETED = "completed"

FINER = {
    errors.InvalidRequest: (
        *(
            "budget_not_measured",
            "conflicting_parameters",
            "dependency_failed",
            "draft_unavailable",
            "duplicate_parameter",
            "first_key_not_operator",
        ),
        *("forbidden_webhook_address", "image_not_fetched", "image_not_taken", "image_required", "invalid_encoding"),
        *("invalid_form", "invalid_idempotency_key", "invalid_image", "invalid_json", "invalid_lora"),
        *("film_too_long", "narration_too_long", "no_scenes", "nothing_to_tell", "text_too_long", "too_many_scenes"),
        *("invalid_webhook_url", "lora_does_not_fit", "no_subject", "not_a_video_model", "not_an_image_model"),
        "prompt_too_long",
        *("invalid_video", "reference_not_taken", "reference_required", "too_many_references", "video_not_fetched"),
        *("unknown_lora", "unknown_parameter", "unknown_sampler", "unknown_scope", "unknown_step_cache"),
        *("unknown_style", "unknown_tier", "unsupported_fps", "unsupported_length", "unsupported_parameter"),
        *("unsupported_size", "webhooks_not_set_up"),
    ),
    errors.NotFound: (
        "content_gone",
        "feedback_not_found",
        "key_not_found",
        "lora_not_found",
        "no_voice",
        "style_not_found",
        "upload_not_found",
    ),
    errors.JobNotFound: ("video_lost",),
    errors.StoryboardNotFound: ("scene_not_found", "storyboard_lost"),
    errors.ArtifactLost: ("content_expired",),
    errors.Conflict: (
        *("idempotency_key_spent", "key_not_active", "lora_exists", "operator_lora", "server_style"),
        *(
            "too_many_loras",
            "too_many_styles",
            "too_many_tags",
            "too_many_uploads",
            "upload_incomplete",
            "upload_offset_mismatch",
        ),
        *("video_ended", "video_not_completed"),
    ),
    errors.PayloadTooLarge: (
        "video_input_too_large",
        "image_too_large",
        "lora_too_large",
        "message_too_large",
        "upload_too_large",
    ),
    errors.Forbidden: ("lora_uploads_off",),
    errors.Overloaded: ("tenant_jobs_limit", "tenant_spend_limit"),
    errors.ServiceUnavailable: ("prepare_model_unusable",),
    errors.StoreUnavailable: ("artifact_store_unavailable", "record_too_new"),
    errors.GenerationError: (
        *("encoding_failed", "unreadable_clip", "unreadable_music", "unreadable_speech", "unreadable_video"),
        *("unusable_film", "unusable_frames", "unusable_sound", "video_too_long"),
        *("artifact_store_failed", "finish_failed", "scene_failed", "video_deleted"),
        *("interpolation_failed", "model_file_changed", "upscaling_failed"),
    ),
}
"""Codes that whoever raises an error gives it instead of its class's own."""
OTHERS = {
    "address_refused": 400,
    "attempt_lost": 500,
    "client_closed_request": 499,
    "cross_origin": 403,
    "idempotency_key_reused": 409,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "too_many_bodies": 503,
    "too_many_connections": 429,
    "upgrade_required": 426,
}
"""Those that no class of `app.errors` has, with the status that they come with."""


def codes() -> dict[str, int]:
    """All of them, sorted, with the HTTP status of each."""
    found = {each.code: each.status for each in _tree(KinorayError)} | OTHERS
    found |= {code: kind.status for kind, finer in FINER.items() for code in finer}
    return dict(sorted(found.items()))


def fault_of(status: int) -> str:
    """Whose fault an answer with that status is."""
    return SERVER if status >= 500 else CLIENT


def outcomes() -> tuple[str, ...]:
    """How a job can end: any error may reach one that runs, by its own code."""
    return (COMPLETED, *codes(), "unknown")


def _tree(of: type[KinorayError]) -> list[type[KinorayError]]:
    """The classes of `app.errors`: those that rooms have for themselves are there or not, as modules are."""
    return [of, *(each for kind in of.__subclasses__() if kind.__module__ == errors.__name__ for each in _tree(kind))]
