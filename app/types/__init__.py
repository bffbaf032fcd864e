"""The frozen records that every room speaks in: the bottom brick, imported by all, importing nothing of ours."""

from app.types.artifact import Artifact
from app.types.job import CacheUse, Delivery, Event, Failure, Job, Lease, Measured, Page
from app.types.masks import Masks
from app.types.model import OWN, STUDENT, ModelProfile, ReplicaInfo, RequestableLora, StudentOfModel, TierOfModel
from app.types.plan import Analysis, Estimate, Extension, Factor, Plan, Postprocessing, Sampling, Start, VideoSpec
from app.types.prepare import Prepare, Prepared
from app.types.request import Caller, VideoRequest
from app.types.understood import KnownWord, PlanWarning, Rephrased, Rewording, Understood
from app.types.upload import Reference, UploadedLora, UploadedPicture
from app.types.wishes import Webhook, Wishes
from app.types.words import (
    FLOW,
    INTERPOLATIONS,
    MODEL,
    NORMAL,
    OFF,
    PRIORITIES,
    STEP_CACHES,
    STORY_EVENTS,
    UPSCALES,
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
    "FLOW",
    "Factor",
    "Failure",
    "Job",
    "INTERPOLATIONS",
    "KnownWord",
    "Lease",
    "MODEL",
    "Masks",
    "Measured",
    "ModelProfile",
    "NORMAL",
    "OFF",
    "PRIORITIES",
    "Page",
    "Phase",
    "Plan",
    "PlanWarning",
    "Postprocessing",
    "Prepare",
    "Prepared",
    "Reference",
    "Rephrased",
    "ReplicaInfo",
    "RequestableLora",
    "Rewording",
    "OWN",
    "STEP_CACHES",
    "STUDENT",
    "Sampling",
    "Start",
    "StudentOfModel",
    "Status",
    "TierOfModel",
    "UPSCALES",
    "Understood",
    "UploadedLora",
    "UploadedPicture",
    "VideoRequest",
    "VideoSpec",
    "STORY_EVENTS",
    "WEBHOOK_EVENTS",
    "Webhook",
    "Wishes",
    "Word",
]
