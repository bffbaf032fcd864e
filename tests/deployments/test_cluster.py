"""What is made of Ray's nodes and of Serve's words on deployments."""

from __future__ import annotations

import ast
import inspect

import pytest
from ray import serve
from ray.serve._private import deployment_state

from cluster.local import LocalService
from deployments.cluster import NO_PLACE, RayCluster, lost_of, unplaced_of
from deployments.ray_private import deployment_messages

NODES: list[dict[str, object]] = [
    {"Alive": True, "DeathReason": 0},
    {"Alive": False, "DeathReason": 2, "DeathReasonMessage": "health check failed due to missing too many heartbeats"},
    {"Alive": False, "DeathReason": 1, "DeathReasonMessage": "received SIGTERM"},
    {"Alive": False, "DeathReason": 3},
    {"Alive": False, "DeathReason": 4},
    {"Alive": False, "DeathReason": 0},
]
"""As `ray.nodes()` tells of a cluster whose nodes were killed, stopped, preempted and scaled down."""
WAITS = (
    "Deployment 'Diffuser-wan' in application 'kinoray' has 1 replicas that have taken more than 30s to be scheduled. "
    "This may be due to waiting for the cluster to auto-scale or for a runtime environment to be installed. Resources "
    'required for each replica: [{"CPU": 1.0, "GPU": 4.0}], total resources available: {"GPU": 2.0}. Use `ray status` '
    "for more details."
)
LOADS = (
    "Deployment 'Diffuser' in application 'kinoray' has 1 replicas that have taken more than 30s to initialize.\n"
    "This may be caused by a slow __init__ or reconfigure method."
)


def test_only_nodes_that_nobody_told_to_go_are_lost() -> None:
    assert lost_of(NODES) == 2


def test_a_pool_is_without_a_place_when_serve_says_so_and_not_when_it_loads() -> None:
    pools = {"main": "Diffuser", "wan": "Diffuser-wan", "new": "Diffuser-new"}
    found = unplaced_of(pools, {"Diffuser": LOADS, "Diffuser-wan": WAITS})
    there = 'total resources available: {"GPU": 2.0}.'
    assert found == {"wan": f'Resources required for each replica: [{{"CPU": 1.0, "GPU": 4.0}}], {there}'}


def test_the_words_are_those_of_the_serve_that_is_installed() -> None:
    tree = ast.parse(inspect.getsource(deployment_state))
    said = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert all(any(words in each for each in said) for words in NO_PLACE)


@pytest.mark.anyio
async def test_where_there_is_no_cluster_nothing_is_said() -> None:
    assert await RayCluster({"main": "Diffuser"}).look() is None


@pytest.mark.cluster
def test_serve_says_of_deployments_what_its_whole_status_has(service: LocalService) -> None:
    while True:  # what Serve says changes by itself while replicas start
        said = deployment_messages("kinoray")
        told = serve.status().applications["kinoray"].deployments
        if said == deployment_messages("kinoray"):
            break
    assert said == {name: each.message for name, each in told.items()} != {}
    assert deployment_messages("another") == {}
