import json
import shutil
from pathlib import Path

import pytest
import torch

from app.embedded.cleaner import Cleaner, Redrawer
from app.embedded.load import drawing_autoencoder
from app.embedded.profile import REDRAWER_FOLDER, WEIGHTS, profile, redrawer_mark, revision


@pytest.fixture
def redrawer() -> Redrawer:
    torch.manual_seed(0)
    cleaner, redrawer = Cleaner(8), Redrawer(8)
    torch.nn.init.normal_(cleaner.out.weight)
    redrawer.load_state_dict(cleaner.state_dict(), strict=False)
    return redrawer


@torch.no_grad()
def test_a_redrawer_begins_as_the_cleaner_whose_weights_it_takes(redrawer: Redrawer) -> None:
    cleaner = Cleaner(8)
    cleaner.load_state_dict({name: redrawer.state_dict()[name] for name in cleaner.state_dict()})
    folded = torch.rand(6, 64, 8, 8)
    assert cleaner(folded).abs().max() > 0
    torch.testing.assert_close(redrawer(folded, clips=2), cleaner(folded))


@torch.no_grad()
def test_a_redrawer_sees_its_whole_clip_and_no_other(redrawer: Redrawer) -> None:
    torch.nn.init.normal_(redrawer.tell.weight)
    torch.nn.init.normal_(redrawer.along.weight)
    folded = torch.rand(6, 64, 8, 8)
    changed = folded.clone()
    changed[2] = 1 - changed[2]  # the last group of the first clip
    before, after = redrawer(folded, clips=2), redrawer(changed, clips=2)
    assert (before[:3] - after[:3]).abs().amax((1, 2, 3)).min() > 1e-3
    torch.testing.assert_close(before[3:], after[3:])


def test_what_ships_is_drawn_by_a_redrawer_of_these_very_weights() -> None:
    assert json.loads((WEIGHTS / "model.json").read_text())["redrawer"]["of"] == revision()
    assert drawing_autoencoder().redrawer is not None
    assert profile().drawn_by == redrawer_mark() != ""


def test_a_redrawer_is_no_part_of_the_revision_and_one_of_other_weights_is_not_used(tmp_path: Path) -> None:
    without, other = tmp_path / "without", tmp_path / "other"
    shutil.copytree(WEIGHTS, without, ignore=shutil.ignore_patterns(REDRAWER_FOLDER))
    shutil.copytree(WEIGHTS, other)
    (other / "more.safetensors").write_bytes(b"more")
    assert revision(without) == revision()
    assert redrawer_mark(without) == redrawer_mark(other) == ""
    assert drawing_autoencoder(without).redrawer is None
    assert drawing_autoencoder(other).redrawer is None


@torch.no_grad()
def test_a_frame_that_is_given_is_drawn_as_it_is_and_the_others_as_ever() -> None:
    autoencoder = drawing_autoencoder()
    latents = torch.randn(2, 32, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    rough = autoencoder.rough_cover(autoencoder.spread(latents[:, 6:]))
    mended, given = autoencoder.clean(rough), autoencoder.clean(rough, given=True)
    autoencoder.redrawer = None
    torch.testing.assert_close(given[:, 1:], mended[:, 1:])
    torch.testing.assert_close(given[:, 0], autoencoder.clean(rough)[:, 0], atol=1e-4, rtol=1e-4)
    assert not torch.equal(given[:, 0], mended[:, 0])
