"""The fields of KubeRay's RayService (v1, as of 1.7) that our manifest may use; its pods are checked elsewhere."""

from __future__ import annotations

from typing import Any

TEXT, COUNT, FLAG, OPEN = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "boolean"}, {"type": "object"}
TEXTS = {"type": "object", "additionalProperties": TEXT}


def record(required: str = "", **fields: Any) -> dict[str, Any]:
    """An object with these fields and no others."""
    return {"type": "object", "properties": fields, "additionalProperties": False, "required": required.split()}


WORKERS = record(
    "groupName minReplicas maxReplicas template",
    groupName=TEXT,
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    idleTimeoutSeconds=COUNT,
    labels=TEXTS,
    rayStartParams=TEXTS,
    template=OPEN,
)
CLUSTER = record(
    "headGroupSpec",
    rayVersion=TEXT,
    enableInTreeAutoscaling=FLAG,
    autoscalerOptions=record(
        version={"enum": ["v1", "v2"]},
        upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
        idleTimeoutSeconds=COUNT,
        resources=record(requests=OPEN, limits=OPEN),
    ),
    gcsFaultToleranceOptions=record(
        "redisAddress",
        redisAddress=TEXT,
        redisPassword=record("valueFrom", valueFrom=OPEN),
        externalStorageNamespace=TEXT,
    ),
    headGroupSpec=record("template", rayStartParams=TEXTS, template=OPEN),
    workerGroupSpecs={"type": "array", "items": WORKERS, "minItems": 1},
)
SCHEMA = record(
    "apiVersion kind metadata spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayService"},
    metadata=record("name", name=TEXT, labels=TEXTS),
    spec=record(
        "serveConfigV2 rayClusterConfig",
        rayClusterDeletionDelaySeconds=COUNT,
        excludeHeadPodFromServeSvc=FLAG,
        upgradeStrategy=record("type", type={"enum": ["NewCluster", "NewClusterWithIncrementalUpgrade", "None"]}),
        serveConfigV2=TEXT,
        rayClusterConfig=CLUSTER,
    ),
)
