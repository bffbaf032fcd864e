"""The frames as which inputs count in a plan against the tokens that each family really steps them with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from diffusers.modular_pipelines.minimax_h3.before_denoise import MiniMaxH3PrepareLayoutStep

from app.engine.families.ltx import LATER
from app.engine.families.minimax_h3.pictures import Keyframes, References
from app.engine.families.models import Parts
from app.engine.families.wan.vace import Vace
from app.models.served import profile_of
from app.plan.families import FAMILIES
from app.plan.inputs import shown_frames
from app.settings.model_entry import ModelEntry
from app.types import FIRST, LAST, REFERENCE, Plan, PlannedInput, VideoSpec
from tests.engine.families import test_ltx_pictures as ltx
from tests.engine.families.tiny import tiny_autoencoder, tiny_encode
from tests.engine.families.wan import test_vace as vace

H3 = VideoSpec(1344, 768, 124, 24)
WORDS = 60
LATENT = (37, H3.height // 16, H3.width // 16)
PATCH, SOUND = (1, 2, 2), 130
TOKEN = 32 * 32  # pixels, of the video's and of the text encoder's alike


def counted(plan: Plan, family: str) -> Plan:
    """The plan with what the planner counts for its inputs."""
    model = profile_of(ModelEntry(id="it", family=family, source="a/b"), FAMILIES[family], "1")
    return replace(plan, shown=shown_frames(plan.image is not None, plan.references, model, plan.spec))


@pytest.mark.parametrize("kind", vace.KINDS)
def test_vace_steps_as_many_latents_as_a_video_of_so_many_frames(kind: str) -> None:
    family = Vace(Parts(vace.vace_transformer(), tiny_autoencoder(), tiny_encode))
    plan = counted(vace.plan_of(1, vace.KINDS[kind](1)), "wan2.1-vace-1.3b")
    assert family.begun_shape(plan) == family.latent_shape(plan.stepped)


@pytest.mark.parametrize("kind", ltx.KINDS)
def test_ltx_steps_a_latent_more_for_each_eight_frames(kind: str) -> None:
    family = ltx.denoiser_of(LATER)._family
    plan = counted(ltx.plan_of(1, ltx.given_of(kind, 1)), "ltx-video")
    more = family.begun_shape(plan)[1] - family.latent_shape(plan.spec)[1]
    assert 8 * more == plan.shown, "which are the frames of a latent in the published autoencoder; the tiny one's are 4"


def h3_tokens(roles: Sequence[str], sides: tuple[int, int]) -> int:
    """Rows of MiniMax-H3's sequence at its own size, as diffusers lays it out; what is shown has such sides."""
    if not roles:
        heard = torch.ones(WORDS, dtype=torch.long)
        return len(MiniMaxH3PrepareLayoutStep.build_packed_sequence(heard, *LATENT, SOUND, PATCH, 2, 2, 0)[1])
    shown = {f"{at}.{role}": torch.zeros(1, 1, *(side // 16 for side in sides)) for at, role in enumerate(roles)}
    heard = torch.ones(WORDS + len(roles) * sides[0] * sides[1] // TOKEN, dtype=torch.long)
    seeing = References(torch.nn.Identity()) if REFERENCE in roles else Keyframes(torch.nn.Identity())  # type: ignore[arg-type]
    found = seeing.layout(heard, LATENT, SOUND, shown, PATCH, 2, 2, 0)
    return len(found[1])


@pytest.mark.parametrize(
    ("family", "roles", "sides"),
    [
        ("minimax-h3", (FIRST,), (768, 1344)),
        ("minimax-h3", (FIRST, LAST), (768, 1344)),
        ("minimax-h3-references", (REFERENCE,), (2048, 2048)),
        ("minimax-h3-references", (REFERENCE,) * 9, (2048, 2048)),
    ],
)
def test_minimax_h3_has_as_many_rows_more_as_its_frames_say(
    family: str, roles: tuple[str, ...], sides: tuple[int, int]
) -> None:
    given = tuple(PlannedInput(role, "image") for role in roles)
    plan = counted(replace(vace.plan_of(1, ()), spec=H3, references=given), family)
    video = 37 * H3.width * H3.height // TOKEN
    more = h3_tokens(roles, sides) - h3_tokens((), sides)
    assert more / video == pytest.approx(plan.shown / H3.frames, rel=0.05)
