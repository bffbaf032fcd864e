"""The setting `models`: entries come in, profiles and pools go out, and what cannot be served is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.models.served import BadModel, served
from app.models.sources import Located
from app.plan.catalogue import Catalogue, pool_of
from app.plan.families import FAMILIES
from app.plan.prompt.complexity import CLASSES
from app.plan.tiers import choose
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.types import ModelProfile

SHAPES = {"id": "kinoray-shapes", "family": "embedded", "source": "embedded"}
WAN = {"id": "wan", "family": "wan2.1-t2v-1.3b", "source": "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "aliases": ["sora-2"]}

COG = {"id": "cog", "family": "cogvideox-5b", "source": "a/b"}
TURBO = {"id": "turbo", "family": "ltx-video-distilled", "source": "a/b"}


def found(entry: ModelEntry) -> Located:
    return Located(None, "0123456789ab", "0123456789abcdef")


def given(*entries: dict[str, Any], **more: Any) -> Settings:
    return Settings(models=entries, **more)


def test_without_the_setting_there_is_the_built_in_model_alone() -> None:
    models = served(Settings())
    assert [model.id for model in models.profiles] == ["kinoray-shapes"]
    assert list(models.pools) == ["main"]


def test_each_model_has_its_pool_its_names_and_a_revision_that_tells_files_and_precision() -> None:
    settings = given(SHAPES, {**WAN, "dtype": "bfloat16"})
    models = served(settings, found)
    assert {pool: model.id for pool, (model, _) in models.pools.items()} == {"main": "kinoray-shapes", "wan": "wan"}
    wan = Catalogue(models.profiles, settings.default_name, settings.aliases).find("sora-2")
    assert (wan.id, wan.revision) == ("wan", "0123456789ab-bfloat16")
    assert models.pools["wan"][1].revision == "0123456789abcdef", "every replica loads the same commit"


def built_in(**tiers: Any) -> ModelProfile:
    (model,) = served(given({**SHAPES, "tiers": tiers}), found).profiles
    Catalogue([model], model.id)
    return model


def test_the_built_in_models_preview_is_made_by_its_student_unless_the_entry_says_another_way() -> None:
    assert [(row.tier, row.weights) for row in built_in().tiers] == [("preview", "student")]
    assert [row.weights for row in built_in(preview={"most_frames": 13}).tiers] == ["student"]
    for other in ({"weights": "own"}, {"steps": 10}, {"guidance": 2.0}):
        assert [row.weights for row in built_in(preview=other).tiers] == [""]


def test_any_tier_may_name_the_student() -> None:
    rows = {row.tier: row for row in built_in(standard={"weights": "student"}).tiers}
    assert rows["standard"].steps == rows["preview"].steps
    assert (rows["standard"].guidance, rows["standard"].weights) == (1.0, "student")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({**WAN, "tiers": {"preview": {"weights": "student"}}}, "there is none"),
        ({**SHAPES, "tiers": {"preview": {"weights": "student", "steps": 12}}}, "without guidance or LoRA"),
        ({**SHAPES, "tiers": {"preview": {"weights": "student", "guidance": 3}}}, "without guidance or LoRA"),
    ],
)
def test_a_tier_that_no_student_can_make_is_named(entry: dict[str, Any], said: str) -> None:
    with pytest.raises(BadModel, match=said):
        served(given(SHAPES, entry) if entry["id"] != SHAPES["id"] else given(entry), found)


def test_models_come_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "KINORAY_MODELS",
        '[{"id": "w", "family": "wan2.2-ti2v-5b", "source": "a/b", "tiers": {"preview": {"steps": 4}}}]',
    )
    settings = Settings()
    (model,) = served(settings, found).profiles
    assert settings.default_name == "w", "the default is the first where the usual one is not served"
    assert (model.takes_image, model.tiers[0].steps) == (True, (4, 4, 4, 4))


def test_a_distilled_adapter_is_a_models_preview_in_a_pool_of_its_own() -> None:
    few = {"steps": 4, "guidance": 1, "lora": "few", "pool": "draft"}
    settings = given(SHAPES, {**WAN, "loras": {"few": {"source": "x.safetensors"}}, "tiers": {"preview": few}})
    models = served(settings, found)
    wan = models.profiles[1]
    assert (wan.tiers[0].adapter, wan.tiers[0].guidance) == ("few", 1)
    assert models.pools["draft"][0].id == "wan"
    assert pool_of(wan, "preview", models.tiers) == "draft"


def test_requests_may_name_the_adapters_that_no_tier_wears_or_that_the_entry_says() -> None:
    loras = {
        "few": {"source": "a.safetensors"},
        "film": {"source": "b.safetensors", "description": "grainy"},
        "house": {"source": "c.safetensors", "by_request": False},
    }
    entry = {**WAN, "loras": loras, "tiers": {"preview": {"steps": 4, "lora": "few"}}}
    (wan,) = served(given(entry), found).profiles
    assert [(lora.name, lora.description) for lora in wan.loras] == [("film", "grainy")]
    assert wan.adapters == ("few", "film", "house")
    entry["loras"] = loras | {"few": {"source": "a.safetensors", "by_request": True}}
    (wan,) = served(given(entry), found).profiles
    assert [lora.name for lora in wan.loras] == ["few", "film"]


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_familys_row_makes_a_sound_profile_with_the_published_steps(name: str) -> None:
    distilled = {"ltx-video-distilled": 7, "ltx-video-0.9.6-distilled": 8, "z-image-turbo": 8}
    distilled |= {"ltx-2-distilled": 8, "ltx-2.3-distilled": 8, "kandinsky-5-lite-distilled-t2v-5s": 16}
    distilled |= {"ltx-2-distilled-two-stages": 11, "ltx-2.3-distilled-two-stages": 11}
    unguided = {*distilled, "minimax-h3", "minimax-h3-references", "hunyuan-video-i2v-33ch"}
    unguided |= {"kandinsky-5-lite-nocfg-t2v-5s"}
    needed = {"stage_2": {"source": "a/b"}} if name in ("ltx-2-two-stages", "ltx-2.3-two-stages") else {}
    (model,) = served(given({"id": "m", "family": name, "source": "a/b", "loras": needed}), found).profiles
    assert model.loras == (), "what a stage wears is not for requests"
    wanted = [distilled[name]] * 4 if name in distilled else [18, 25, 35, 45]
    assert [choose("auto", row.name, model.tiers).steps for row in CLASSES] == wanted
    assert (model.guided_by == "nothing") == (name in unguided)
    assert all(side % (32 if "ti2v" in name or "ltx" in name else 16) == 0 for size in model.sizes for side in size)


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([{**WAN, "family": "wan2.1-t2v-1.3"}], "wan: there is no family .* Did you mean 'wan2.1-t2v-1.3b'"),
        ([{**WAN, "source": "/nowhere/at/all"}], "wan: there is no folder /nowhere/at/all"),
        ([{**WAN, "tiers": {"preview": {"lora": "few"}}}], "wan: the tier preview names the LoRA 'few'"),
        ([SHAPES, {**WAN, "pool": "main"}], "kinoray-shapes and wan want the pool main"),
        ([{**SHAPES, "id": "mine"}], "mine: the built-in model has the id"),
        ([{**SHAPES, "shift": 5}], "kinoray-shapes: the built-in model has no shift"),
        ([{**WAN, "frames": [9, 5]}], "the profile of wan contradicts itself"),
        ([{**COG, "shift": 3}], "cog: the shift of cogvideox-5b is trained, and always 1"),
        (
            [{**COG, "family": "hunyuan-video-1.5-480p", "loras": {"a": {"source": "a.safetensors"}}}],
            "cog: hunyuan-video-1.5-480p takes no LoRA",
        ),
        (
            [{**COG, "loras": {"a": {"source": "a", "file_2": "b.safetensors"}}}],
            "cog: cogvideox-5b has one transformer",
        ),
        ([{**TURBO, "guidance": 3}], "turbo: ltx-video-distilled is distilled"),
        (
            [{**COG, "family": "hunyuan-video-i2v", "text_encoder": "shared"}],
            "cog: its text encoder looks at the picture",
        ),
        ([{**COG, "family": "ltx-2-two-stages"}], "cog: the second stage of ltx-2-two-stages wears the LoRA 'stage_2'"),
        ([{**TURBO, "tiers": {"ultra": {"steps": 20}}}], "turbo: .* 7 steps at most; the tier ultra"),
        ([WAN, {**WAN, "pool": "other"}], "two models are called wan"),
    ],
)
def test_an_entry_that_cannot_be_served_is_named(entries: list[dict[str, Any]], says: str) -> None:
    from app.models.sources import locate

    with pytest.raises(BadModel, match=says):
        served(given(*entries), locate if "nowhere" in says else found)


def test_with_several_models_a_tiers_pool_says_whose_it_is() -> None:
    with pytest.raises(BadModel, match="say which one's preview"):
        served(given(SHAPES, WAN, pools={"preview": "draft"}), found)
    models = served(given(SHAPES, WAN, pools={"wan:preview": "draft"}), found)
    assert models.pools["draft"][0].id == "wan"


@pytest.mark.parametrize("wrong", [{"id": "a b"}, {"pool": "a/b"}, {"frames": [0]}, {"nonsense": 1}, {"shift": 0}])
def test_a_malformed_entry_is_refused_when_the_settings_are_read(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        given({**WAN, **wrong})


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="model_index.json"):
        served(given({**WAN, "source": str(tmp_path)}))


def test_two_stages_need_the_upsampler_and_sizes_that_halve(tmp_path: Path) -> None:
    two = {"id": "two", "family": "ltx-2-distilled-two-stages", "source": str(tmp_path)}
    (tmp_path / "model_index.json").write_text('{"_class_name": "LTX2Pipeline"}')
    with pytest.raises(BadModel, match="no latent_upsampler to enlarge"):
        served(given(two))
    with pytest.raises(BadModel, match="800x544 is no size .* multiples of 64"):
        served(given({**two, "sizes": [[800, 544]]}), found)
    assert served(given(two), found).profiles[0].refined is not None


def test_a_model_of_modular_blocks_is_found_by_their_index(tmp_path: Path) -> None:
    (tmp_path / "modular_model_index.json").write_text('{"_class_name": "MiniMaxH3ModularPipeline"}')
    (model,) = served(given({"id": "h3", "family": "minimax-h3", "source": str(tmp_path)})).profiles
    assert (model.frames[0], model.frames[-1], model.makes_sound) == (124, 345, True)
    assert [each.role for each in model.roles] == ["first", "last"]
    entry = {"id": "h3", "family": "minimax-h3", "source": str(tmp_path), "text_encoder": "shared"}
    (words,) = served(given(entry)).profiles
    assert (words.takes_image, words.roles) == (False, ()), "what is elsewhere does not see them"
    with pytest.raises(BadModel, match="looks at the picture"):
        served(given(entry | {"family": "minimax-h3-references"}))
    with pytest.raises(BadModel, match="it is a MiniMaxH3ModularPipeline, not"):
        served(given({**WAN, "source": str(tmp_path)}))


def test_a_cogvideox_folder_trained_with_another_shift_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "CogVideoXPipeline"}')
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler" / "scheduler_config.json").write_text('{"snr_shift_scale": 3.0}')
    with pytest.raises(BadModel, match="cogvideox-5b is 1, that of these weights is 3"):
        served(given({**COG, "source": str(tmp_path)}))
    assert served(given({**COG, "family": "cogvideox-2b", "source": str(tmp_path)})).profiles[0].shift == 3


def test_what_changes_the_bits_is_part_of_the_revision() -> None:
    settings = given(WAN, placement={"vae_tiling": True, "offload": "model"})
    assert served(settings, found).profiles[0].revision == "0123456789ab-float32+vae_tiling"


def test_uploads_are_by_setting_or_entry_for_models_that_take_adapters_and_change_the_revision() -> None:
    wan = {"id": "wan", "family": "wan2.1-t2v-1.3b", "source": "a/b"}
    other = {"id": "hy", "family": "hunyuan-video-1.5-480p", "source": "a/c"}

    def takes(*entries: dict[str, Any], **more: Any) -> dict[str, bool]:
        return {model.id: model.lora_uploads for model in served(given(*entries, **more), found).profiles}

    assert takes(wan, other) == {"wan": False, "hy": False}
    assert takes(wan, other, lora_uploads=True) == {"wan": True, "hy": False}
    assert takes(wan | {"lora_uploads": True}, other) == {"wan": True, "hy": False}
    assert takes(wan | {"lora_uploads": False}, lora_uploads=True) == {"wan": False}
    assert takes(wan, lora_uploads=True, parallel={"wan": {"ulysses": 2}}) == {"wan": False}
    plain, open_ = (served(given(wan | {"lora_uploads": each}), found).profiles[0] for each in (False, True))
    assert plain.revision != open_.revision
    wrong: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
        (other, {}, "takes no LoRA"),
        (wan, {"parallel": {"wan": {"ulysses": 2}}}, "ranks"),
    )
    for entry, more, says in wrong:
        with pytest.raises(BadModel, match=says):
            served(given(entry | {"lora_uploads": True}, **more), found)
