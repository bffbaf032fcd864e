"""The fields of KubeRay's RayService (v1, as of 1.7) that our manifests may use; their pods are checked elsewhere.

KUBERAY_CRD=FILE has them checked against the real definition: `kubectl get crd rayservices.ray.io -o yaml`, or the
file of a release of KubeRay.
"""

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
        securityContext=OPEN,
        volumeMounts={"type": "array"},
    ),
    authOptions=record("mode", mode={"enum": ["disabled", "token"]}),
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
    metadata=record("name", name=TEXT, namespace=TEXT, labels=TEXTS),
    spec=record(
        "serveConfigV2 rayClusterConfig",
        rayClusterDeletionDelaySeconds=COUNT,
        excludeHeadPodFromServeSvc=FLAG,
        upgradeStrategy=record("type", type={"enum": ["NewCluster", "NewClusterWithIncrementalUpgrade", "None"]}),
        serveConfigV2=TEXT,
        rayClusterConfig=CLUSTER,
    ),
)


SINCE = {
    "rayClusterDeletionDelaySeconds": "1.5",
    "version": "1.4",  # of autoscalerOptions
    "gcsFaultToleranceOptions": "1.3",
    "idleTimeoutSeconds": "1.3",  # of a group of workers
    "upgradeStrategy": "1.3",
    "excludeHeadPodFromServeSvc": "1.3",
}
"""The KubeRay that first has a field, by its schemas from 1.2.2 to 1.7.0; all others are in all of these."""


def unknown(schema: dict[str, Any], value: Any, path: str = "") -> list[str]:
    """What a definition's `openAPIV3Schema` has no place for, or wants and misses."""
    if isinstance(value, list):
        return [each for one in value for each in unknown(schema.get("items", {}), one, f"{path}[]")]
    if not isinstance(value, dict):
        allowed = schema.get("enum", [value])
        return [] if value in allowed else [f"{path}: {value} is none of {allowed}"]
    fields, found = (
        schema.get("properties"),
        [f"{path} lacks {name}" for name in schema.get("required", ()) if name not in value],
    )
    if fields is None:  # of any names, or of none that it knows
        return found + [
            each for one in value.values() for each in unknown(schema.get("additionalProperties") or {}, one, path)
        ]
    for name, one in value.items():
        if name not in fields:
            found.append(f"{path}.{name}")
        else:
            found += unknown(fields[name], one, f"{path}.{name}")
    return found
