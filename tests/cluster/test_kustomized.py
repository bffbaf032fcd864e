"""The Kubernetes manifests, as kustomize puts them together, are such as Kubernetes takes, and guard what they run."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from app.redis.connection import connect
from app.settings import Settings
from tests.api.house import House
from tests.cluster.kustomized import KUBECTL, KUBERAY, containers, matches, of_kind, pods, rendered, values
from tests.cluster.rayservice import SCHEMA, SINCE, unknown

pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed here: nothing renders the manifests")
KUBERNETES = "1.31"
BASE, PRODUCTION = "base", "overlays/production"
OF_OTHERS = ("ray.io/", "monitoring.coreos.com/")
both = pytest.mark.parametrize("folder", [BASE, PRODUCTION])


@both
def test_all_that_is_kubernetes_own_is_valid(folder: str) -> None:
    for each in rendered(folder):
        if not each["apiVersion"].startswith(OF_OTHERS):
            kubernetes_validate.validate(each, KUBERNETES, strict=True)
    for name, template in pods(folder):
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": name}, "template": template}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


@both
def test_the_rayservice_has_only_fields_that_kuberay_knows(folder: str) -> None:
    (service,) = of_kind(folder, "RayService")
    jsonschema.validate(service, SCHEMA)


@pytest.mark.skipif("KUBERAY_CRD" not in os.environ, reason="KUBERAY_CRD names no file with KubeRay's own definition")
@both
def test_the_rayservice_fits_kuberays_own_definition(folder: str) -> None:
    (service,) = of_kind(folder, "RayService")
    definition = yaml.safe_load(Path(os.environ["KUBERAY_CRD"]).read_text())
    (schema,) = (each["schema"] for each in definition["spec"]["versions"] if each["name"] == "v1")
    assert unknown(schema["openAPIV3Schema"]["properties"]["spec"], service["spec"], "spec") == []


@both
def test_no_pod_is_roots_and_no_container_writes_where_nobody_looks(folder: str) -> None:
    for name, template in pods(folder):
        spec = template["spec"]["securityContext"]
        assert spec["runAsNonRoot"] is True, name
        assert spec["runAsUser"] > 0, name
        assert spec["seccompProfile"] == {"type": "RuntimeDefault"}, name
        if name != "head":  # whose autoscaler asks Kubernetes for pods
            assert template["spec"]["automountServiceAccountToken"] is False, name
    for name, container in containers(folder):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert context.get("runAsUser", 1) > 0, name


@both
def test_every_container_has_its_share_and_a_limit_of_memory(folder: str) -> None:
    for name, container in containers(folder):
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]), name
        assert "memory" in resources["limits"], name


@both
def test_what_is_mounted_is_there(folder: str) -> None:
    for name, template in pods(folder):
        there = {volume["name"] for volume in template["spec"].get("volumes", [])}
        claims = {each["metadata"]["name"] for each in of_kind(folder, "PersistentVolumeClaim")}
        maps = {each["metadata"]["name"] for each in of_kind(folder, "ConfigMap")}
        assert {each["claimName"] for each in values(template, "persistentVolumeClaim")} <= claims
        assert {each["name"] for each in values(template["spec"].get("volumes", []), "configMap")} <= maps
        for each in of_kind(folder, "StatefulSet"):
            if each["metadata"]["name"] == name:
                there |= {claim["metadata"]["name"] for claim in each["spec"]["volumeClaimTemplates"]}
        for container in template["spec"]["containers"]:
            assert {mount["name"] for mount in container.get("volumeMounts", [])} <= there, name


@both
def test_who_selects_pods_finds_some(folder: str) -> None:
    labels = [template["metadata"]["labels"] for _, template in pods(folder)]
    ray = {"ray.io/is-ray-node": "yes"}  # which KubeRay adds
    selectors = [
        *({"matchLabels": each["spec"]["selector"]} for each in of_kind(folder, "Service")),
        *(each["spec"]["selector"] for each in of_kind(folder, "PodDisruptionBudget", "PodMonitor")),
        *(each["spec"]["podSelector"] for each in of_kind(folder, "NetworkPolicy")),
        *values([template for _, template in pods(folder)], "labelSelector"),
    ]
    assert selectors
    for selector in selectors:
        if selector.get("matchLabels") != {"app.kubernetes.io/name": "kinoray-jobs"} or folder == PRODUCTION:
            assert any(matches(selector, each | ray) for each in labels), selector


@both
def test_every_pod_is_behind_a_policy_and_redis_admits_only_kinoray(folder: str) -> None:
    policies = [each["spec"] for each in of_kind(folder, "NetworkPolicy")]
    for name, template in pods(folder):
        mine = [each for each in policies if matches(each["podSelector"], template["metadata"]["labels"])]
        assert mine, name
        for rule in (rule for each in mine for rule in each["ingress"]):
            ports = {each["port"] for each in rule.get("ports", [])}
            if template["metadata"]["labels"]["app.kubernetes.io/name"] == "kinoray":
                assert rule.get("from") or ports == {8000}
                continue
            for peer in rule["from"]:
                admitted = set(values(peer, "app.kubernetes.io/name")) | {
                    name for found in values(peer, "values") for name in found
                }
                ours = {"kinoray", "kinoray-jobs", "kinoray-sentinel"}
                assert admitted
                assert admitted <= (ours if "namespaceSelector" not in peer else {"prometheus"})
                assert ("namespaceSelector" in peer) == (ports == {9121})


def test_budgets_of_ray_pods_are_such_as_kubernetes_can_count() -> None:
    ray = [template["metadata"]["labels"] for name, template in pods(PRODUCTION) if name in ("head", "cpu", "gpu")]
    of_ray = [
        each["spec"]
        for each in of_kind(PRODUCTION, "PodDisruptionBudget")
        if any(matches(each["spec"]["selector"], labels) for labels in ray)
    ]
    assert of_ray
    assert all(isinstance(each["minAvailable"], int) and "maxUnavailable" not in each for each in of_ray)
    (service,) = of_kind(PRODUCTION, "RayService")
    least = {each["groupName"]: each["minReplicas"] for each in service["spec"]["rayClusterConfig"]["workerGroupSpecs"]}
    assert least["cpu"] > of_ray[0]["minAvailable"]  # or no node could be drained


@both
def test_secrets_are_only_referred_to_and_docs_say_how_they_are_made(folder: str) -> None:
    assert of_kind(folder, "Secret") == []
    made = set(re.findall(r"--from-literal=([\w-]+)=", (KUBERAY / "base" / "redis.yaml").read_text()))
    refers = list(values(rendered(folder), "secretKeyRef"))
    assert {(each["name"], each["key"]) for each in refers} == {("kinoray", key) for key in made}
    for name, container in containers(folder):
        for row in container.get("env", []):
            secret = re.search("PASSWORD|KEYS|TOKEN|SECRET", row["name"])
            assert not (secret and "value" in row), (name, row["name"])


@both
def test_the_head_has_no_variables_that_kuberay_refuses_beside_its_own_options(folder: str) -> None:
    (service,) = of_kind(folder, "RayService")
    cluster = service["spec"]["rayClusterConfig"]
    assert "gcsFaultToleranceOptions" in cluster
    head = cluster["headGroupSpec"]
    assert not {"redis-password", "redis-username"} & set(head["rayStartParams"])
    names = {row["name"] for row in head["template"]["spec"]["containers"][0]["env"]}
    refused = {"REDIS_PASSWORD", "REDIS_USERNAME", "RAY_REDIS_ADDRESS", "RAY_external_storage_namespace"}
    refused |= {"RAY_enable_autoscaler_v2"}
    assert names & refused == set()
    assert "restartPolicy" not in head["template"]["spec"]  # must be Never with the autoscaler's second version


@pytest.mark.anyio
async def test_production_puts_jobs_on_two_redis_servers_that_sentinels_watch() -> None:
    sets = {each["metadata"]["name"]: each["spec"] for each in of_kind(PRODUCTION, "StatefulSet")}
    sentinels = {
        f"{name}-{number}.{spec['serviceName']}:26379"
        for name, spec in sets.items()
        if name == "kinoray-sentinel"
        for number in range(spec["replicas"])
    }
    for name, container in containers(PRODUCTION):
        env = {row["name"]: row.get("value", "") for row in container.get("env", [])}
        if name.startswith(("head/", "cpu/", "gpu/")):
            assert env["KINORAY_DURABILITY"] == "replicated"
            url = env["KINORAY_REDIS_URL"]
            assert set(url.split("@")[1].split("/")[0].split(",")) == sentinels
            Settings(redis_url=url)
            await connect(url, 1.0).aclose()
        if "SENTINELS" in env:
            assert set(env["SENTINELS"].split()) == sentinels
        if "FIRST" in env:
            assert env["FIRST"] == "kinoray-jobs-0.kinoray-jobs:6379"
    assert sets["kinoray-jobs"]["replicas"] - 1 == Settings().durability_replicas
    for name in ("kinoray-jobs", "kinoray-sentinel"):
        spread = sets[name]["template"]["spec"]["affinity"]["podAntiAffinity"]
        assert spread["requiredDuringSchedulingIgnoredDuringExecution"][0]["topologyKey"] == "kubernetes.io/hostname"


def test_groups_of_several_pods_are_spread_over_zones_and_nodes() -> None:
    for name, template in pods(PRODUCTION):
        if name in ("cpu", "gpu"):
            spread = {each["topologyKey"] for each in template["spec"]["topologySpreadConstraints"]}
            assert spread == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_the_ingress_leads_clients_everywhere_but_to_what_is_for_operators() -> None:
    (ingress,) = of_kind(PRODUCTION, "Ingress")
    (rule,), (tls,) = ingress["spec"]["rules"], ingress["spec"]["tls"]
    assert tls["hosts"] == [rule["host"]]
    assert tls["secretName"]
    told = [
        row["value"] for _, each in containers(PRODUCTION) for row in each.get("env", []) if "PUBLIC_" in row["name"]
    ]
    assert told == [f"https://{rule['host']}"] * 3
    paths = rule["http"]["paths"]
    assert {each["backend"]["service"]["name"] for each in paths} == {"kinoray-serve-svc"}  # as KubeRay calls it

    def led(path: str) -> bool:
        return any(
            path == each["path"] or (each["pathType"] == "Prefix" and path.startswith(each["path"].rstrip("/") + "/"))
            for each in paths
        )

    routes = {route.path for route in House().app.routes if hasattr(route, "path")}
    assert len(routes) > 30
    kept = {path for path in routes if not led(path)}
    assert kept == {"/metrics", "/health", "/health/live", "/health/ready"}


def test_an_overlays_registry_is_that_of_all_of_kinorays_images() -> None:
    images = {name: container["image"] for name, container in containers(PRODUCTION) if "kinoray" in container["image"]}
    assert len(images) == 3
    assert all(image.startswith("registry.example.com/video/kinoray:") for image in images.values())
    assert [name for name, image in images.items() if image.endswith("-gpu")] == ["gpu/ray-worker"]
    names: list[Any] = [
        yaml.safe_load((KUBERAY / folder / "names.yaml").read_text()) for folder in (BASE, PRODUCTION)
    ]  # kustomize does not hand it up
    assert names[0] == names[1]


def test_the_oldest_kuberay_that_will_do_is_named_where_people_look() -> None:
    text = (KUBERAY / "base" / "rayservice.yaml").read_text()
    newest = max(since for field, since in SINCE.items() if re.search(rf"^ +{field}: ", text, flags=re.M))
    assert f"KubeRay {newest} or newer" in text
    docs = (Path(__file__).resolve().parents[2] / "docs" / "operating.md").read_text()
    assert f"KubeRay {newest} or newer" in docs
