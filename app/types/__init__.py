"""The frozen records that every room speaks in: the bottom brick, imported by all, importing nothing of ours."""

from app.types.artifact import Artifact
from app.types.job import CacheUse, Delivery, Event, Failure, Job, Lease, Measured, Page
from app.types.masks import Masks
from app.types.model import ModelProfile, ReplicaInfo, RequestableLora, TierOfModel
from app.types.plan import Analysis, Estimate, Extension, Factor, Plan, Sampling, Start, VideoSpec
from app.types.request import Caller, VideoRequest
from app.types.understood import KnownWord, PlanWarning, Rephrased, Rewording, Understood
from app.types.upload import UploadedLora
from app.types.wishes import Webhook, Wishes
from app.types.words import (
    NORMAL,
    PRIORITIES,
    STEP_CACHES,
    STORY_EVENTS,
    WEBHOOK_EVENTS,
    CacheMode,
    Phase,
    Status,
    Word,
)

__all__ = [
    "Analysis",
    "Artifact",
    "CacheMode",
    "CacheUse",
    "Caller",
    "Delivery",
    "Estimate",
    "Event",
    "Extension",
    "Factor",
    "Failure",
    "Job",
    "KnownWord",
    "Lease",
    "Masks",
    "Measured",
    "ModelProfile",
    "NORMAL",
    "PRIORITIES",
    "Page",
    "Phase",
    "Plan",
    "PlanWarning",
    "Rephrased",
    "ReplicaInfo",
    "RequestableLora",
    "Rewording",
    "STEP_CACHES",
    "Sampling",
    "Start",
    "Status",
    "TierOfModel",
    "Understood",
    "UploadedLora",
    "VideoRequest",
    "VideoSpec",
    "STORY_EVENTS",
    "WEBHOOK_EVENTS",
    "Webhook",
    "Wishes",
    "Word",
]
