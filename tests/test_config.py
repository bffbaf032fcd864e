"""The files that operators use say what the code means."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr, ValidationError
from ray.serve.config import RequestRouterConfig
from ray.serve.schema import ServeDeploySchema

from app.errors import ServiceUnavailable
from app.settings import Settings
from cluster.local import CONFIG, load_config
from deployments import scaling
from deployments.build import build

CLUSTER = CONFIG.with_name("serve_config.cluster.yaml")
DEPLOYMENTS = {"Router", "PromptAnalyzer", "Cache", "Dispatcher", "Diffuser", "Finisher"}


def test_the_serve_config_is_valid_and_names_the_six_deployments() -> None:
    config = ServeDeploySchema(**yaml.safe_load(CONFIG.read_text()))
    (application,) = config.applications
    assert {deployment.name for deployment in application.deployments} == DEPLOYMENTS
    assert application.import_path == "kinoray.serve:build"


def test_there_are_as_many_dispatchers_as_the_setting_says() -> None:
    (application,) = yaml.safe_load(CONFIG.read_text())["applications"]
    (dispatcher,) = [row for row in application["deployments"] if row["name"] == "Dispatcher"]
    assert not {"num_replicas", "autoscaling_config"} & set(dispatcher)  # else it would not be the setting that decides
    for count in (1, 3):
        bounds = scaling.dispatchers(count)
        assert (bounds["min_replicas"], bounds["max_replicas"]) == (count, count)


def test_the_cluster_config_is_valid_and_its_pools_are_those_that_tiers_use() -> None:
    (application,) = ServeDeploySchema(**yaml.safe_load(CLUSTER.read_text())).applications
    settings = Settings(**application.args)
    names = {deployment.name for deployment in application.deployments}
    assert names == DEPLOYMENTS | {f"Diffuser-{pool}" for pool in set(settings.pools.values())}
    assert set(settings.replicas) == {"main", *settings.pools.values()}


def test_the_pools_of_the_cluster_have_a_part_of_a_gpu_one_and_several_of_one_node() -> None:
    (application,) = ServeDeploySchema(**yaml.safe_load(CLUSTER.read_text())).applications
    rows = {row.name: row.model_dump(exclude_unset=True) for row in application.deployments}
    assert rows["Diffuser-draft"]["ray_actor_options"]["num_gpus"] == 0.25
    assert rows["Diffuser"]["ray_actor_options"]["num_gpus"] == 1
    large = rows["Diffuser-large"]
    assert large["placement_group_strategy"] == "STRICT_PACK"
    assert sum(bundle["GPU"] for bundle in large["placement_group_bundles"]) == 4
    first, actor = large["placement_group_bundles"][0], large["ray_actor_options"]
    assert (actor["num_cpus"], actor["num_gpus"]) == (first["CPU"], first["GPU"])  # Serve puts the replica there


def test_both_files_name_the_scaling_policy_and_leave_the_diffusers_numbers_to_it() -> None:
    for path in (CONFIG, CLUSTER):
        (application,) = ServeDeploySchema(**yaml.safe_load(path.read_text())).applications
        assert (application.autoscaling_policy or {})["policy_function"] == "kinoray.serve.policy"
        for row in application.deployments:
            if row.name.startswith("Diffuser"):
                assert not {"num_replicas", "autoscaling_config"} & row.model_fields_set


def test_the_cache_is_sharded_by_key() -> None:
    (application,) = ServeDeploySchema(**yaml.safe_load(CONFIG.read_text())).applications
    (cache,) = [row for row in application.deployments if row.name == "Cache"]
    routing = RequestRouterConfig.model_validate(cache.request_router_config)
    path, _, name = str(routing.request_router_class).rpartition(".")
    assert (name, routing.request_router_kwargs) == ("ConsistentHashRouter", {"num_fallback_replicas": 0})
    assert hasattr(import_module(path), name)


def test_the_arguments_of_the_config_are_settings() -> None:
    (application,) = yaml.safe_load(CONFIG.read_text())["applications"]
    Settings(**application["args"])


def test_ray_sees_the_settings_as_the_type_of_the_builders_argument() -> None:
    from kinoray.serve import build

    assert build.__annotations__["args"] is Settings


def test_host_and_port_of_the_settings_win_over_the_file() -> None:
    config = load_config(CONFIG, Settings(host="0.0.0.0", port=9123))
    assert (config["http_options"]["host"], config["http_options"]["port"]) == ("0.0.0.0", 9123)


def test_every_setting_can_be_an_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINORAY_MAX_BATCH", "7")
    monkeypatch.setenv("KINORAY_API_KEYS", '{"alice": "secret"}')
    settings = Settings()
    assert settings.max_batch == 7
    assert settings.api_keys["alice"].get_secret_value() == "secret"


@pytest.mark.parametrize(
    "wrong", [{"port": 0}, {"max_batch": 0}, {"dtype": "int8"}, {"replicas": {"main": [2, 1]}}, {"no_such_setting": 1}]
)
def test_a_wrong_setting_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_secrets_do_not_show() -> None:
    assert "hunter2" not in repr(Settings(api_keys={"alice": SecretStr("hunter2")}))


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_state_folder_is_absolute() -> None:
    assert Settings(state_dir=Path("somewhere")).state_dir.is_absolute()


def test_a_missing_redis_is_said_by_the_builder_before_any_deployment_says_it() -> None:
    with pytest.raises(ServiceUnavailable, match="KINORAY_REDIS_URL is not set on the nodes"):
        build(Settings(redis_url=None))


def test_a_diffuser_is_given_as_many_calls_as_it_holds_jobs_where_the_config_says_nothing() -> None:
    application = build(Settings(redis_url="redis://127.0.0.1:1", slots=40, max_paused=30))
    dispatcher = application._bound_deployment.init_args[4]
    diffuser = dispatcher._bound_deployment.init_args[1]["main"]
    assert diffuser._bound_deployment.max_ongoing_requests == 70
