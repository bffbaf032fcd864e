"""What `kubectl kustomize` makes of a folder of cluster/kuberay, and the pods in it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

KUBERAY = Path(__file__).resolve().parents[2] / "cluster" / "kuberay"
KUBECTL = shutil.which("kubectl")
Manifest = dict[str, Any]


@cache
def rendered(folder: str) -> list[Manifest]:
    """All manifests of a kustomization. Raises CalledProcessError with kustomize's words when it does not take it."""
    done = subprocess.run([KUBECTL or "kubectl", "kustomize", KUBERAY / folder], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    return list(yaml.safe_load_all(done.stdout))


def of_kind(folder: str, *kinds: str) -> list[Manifest]:
    return [each for each in rendered(folder) if each["kind"] in kinds]


def pods(folder: str) -> Iterator[tuple[str, Manifest]]:
    """Pod templates by a name: those of stateful sets, and of the RayService's groups."""
    for each in of_kind(folder, "StatefulSet", "Deployment"):
        yield each["metadata"]["name"], each["spec"]["template"]
    for each in of_kind(folder, "RayService"):
        cluster = each["spec"]["rayClusterConfig"]
        yield "head", cluster["headGroupSpec"]["template"]
        for group in cluster["workerGroupSpecs"]:
            yield group["groupName"], group["template"]


def containers(folder: str) -> Iterator[tuple[str, Manifest]]:
    for name, template in pods(folder):
        for container in template["spec"]["containers"]:
            yield f"{name}/{container['name']}", container


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector takes a pod."""
    same = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    rules = selector.get("matchExpressions", [])
    assert all(rule["operator"] == "In" for rule in rules)
    return same and all(labels.get(rule["key"]) in rule["values"] for rule in rules)


def values(tree: Any, key: str) -> Iterator[Any]:
    """All that stands under `key` anywhere."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == key:
                yield value
            yield from values(value, key)
    elif isinstance(tree, list):
        for each in tree:
            yield from values(each, key)
