"""What a model's files are called by caches: other weights, other digits, without reading them whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from app.models.sources import SourceMissing, headers, locate
from app.settings.model_entry import ModelEntry


def folder_of(root: Path, weight: float = 1.0) -> Path:
    (root / "transformer").mkdir(parents=True)
    (root / "model_index.json").write_text('{"_class_name": "WanPipeline"}')
    save_file({"w": np.full((1 << 20,), weight, np.float32)}, root / "transformer" / "weights.safetensors")
    return root


def entry(source: Path, **more: object) -> ModelEntry:
    return ModelEntry.model_validate({"id": "m", "family": "f", "source": str(source), **more})


def test_equal_folders_have_equal_digests_and_other_weights_others(tmp_path: Path) -> None:
    digests = [locate(entry(folder_of(tmp_path / name, w))).digest for name, w in (("a", 1.0), ("b", 1.0), ("c", 2.0))]
    assert digests[0] == digests[1] != digests[2]
    assert len(digests[0]) == 12


def test_a_configuration_and_an_adapter_are_part_of_the_digest(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a")
    plain = locate(entry(folder)).digest
    save_file({"w": np.zeros(3, np.float32)}, tmp_path / "lora.safetensors")
    lora = {"source": str(tmp_path / "lora.safetensors")}
    adapted = locate(entry(folder, loras={"few": lora})).digest
    halved = locate(entry(folder, loras={"few": {**lora, "scale": 0.5}})).digest
    (folder / "model_index.json").write_text('{"_class_name": "WanPipeline", "boundary_ratio": 0.9}')
    assert len({plain, adapted, halved, locate(entry(folder)).digest}) == 4


def test_a_missing_adapter_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceMissing, match="LoRA"):
        locate(entry(folder_of(tmp_path / "a"), loras={"few": {"source": str(tmp_path / "empty")}}))


def test_sizes_are_read_from_headers(tmp_path: Path) -> None:
    assert headers(folder_of(tmp_path)) == {"transformer": [(1 << 20, "F32")]}


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "transformer" / "weights.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(SourceMissing, match="safetensors"):
        headers(folder)


def test_a_hub_id_that_may_not_be_downloaded_and_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="local_files_only"):
        locate(ModelEntry(id="m", family="f", source="nobody/nothing-at-all", local_files_only=True))


def test_a_hub_that_is_not_reached_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(SourceMissing, match="the hub does not give a/b: ConnectError"):
        locate(ModelEntry(id="m", family="wan2.1-t2v-1.3b", source="a/b"))


def test_what_the_hubs_cache_holds_is_known_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    from app.engine.families.loading.folder import fetched

    commit = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "models--us--wan"
    snapshot = folder_of(repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    found = locate(ModelEntry(id="m", family="f", source="us/wan", local_files_only=True))
    assert (found.folder, found.digest, found.commit) == (snapshot, commit[:12], commit)
    assert fetched("us/wan", commit, local=True) == snapshot


def test_a_single_file_of_the_denoiser_is_part_of_the_digest(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a")
    for name, weight in (("one", 1.0), ("two", 2.0)):
        save_file({"w": np.full((1 << 16,), weight, np.float32)}, tmp_path / f"{name}.safetensors")
    files = [{"source": str(tmp_path / f"{name}.safetensors")} for name in ("one", "two")]
    digests = [locate(entry(folder, **more)).digest for more in ({}, *({"transformer": file} for file in files))]
    assert len(set(digests)) == 3
