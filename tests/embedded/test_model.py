import torch

from app.embedded.model import CleanWanTransformer, sigmas
from app.embedded.training.attention import WrittenOutAttention


def tiny() -> CleanWanTransformer:
    torch.manual_seed(0)
    model: CleanWanTransformer = CleanWanTransformer(
        in_channels=8, out_channels=8, num_attention_heads=1, attention_head_dim=12, ffn_dim=24, num_layers=1
    )
    model.eval()
    return model


@torch.no_grad()
def test_a_step_along_the_velocity_to_zero_noise_lands_on_the_clean_estimate() -> None:
    model = tiny()
    noisy, text = torch.randn(2, 8, 3, 4, 4), torch.randn(2, 48, 384)
    timestep = torch.tensor([900.0, 300.0])
    velocity = model(noisy, timestep, text, return_dict=False)[0]
    landed = noisy - (timestep / 1000).view(-1, 1, 1, 1, 1) * velocity
    torch.testing.assert_close(landed, model.estimate(noisy, timestep, text), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_velocity_stays_finite_when_there_is_no_noise_left() -> None:
    velocity = tiny()(torch.randn(1, 8, 3, 4, 4), torch.zeros(1), torch.zeros(1, 48, 384)).sample
    assert torch.isfinite(velocity).all()


@torch.no_grad()
def test_written_out_attention_answers_as_the_fused_one_does() -> None:
    model, other = tiny(), tiny()
    other.set_attn_processor(WrittenOutAttention())
    inputs = torch.randn(2, 8, 3, 4, 4), torch.tensor([500.0, 900.0]), torch.randn(2, 48, 384)
    torch.testing.assert_close(model.estimate(*inputs), other.estimate(*inputs), rtol=1e-4, atol=1e-5)


def test_noise_levels_fall_from_one_to_zero_and_dwell_on_the_noisy_side() -> None:
    levels = sigmas(30)
    assert levels[0] == 1
    assert levels[-1] == 0
    assert (levels.diff() < 0).all()
    assert levels[15] == 0.75
