import torch

from app.embedded.model import CleanWanTransformer, held, sigmas
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


def test_a_given_first_frame_has_no_velocity_and_changes_that_of_the_others() -> None:
    torch.manual_seed(0)
    sizes = {"in_channels": 4, "out_channels": 4, "num_attention_heads": 1, "ffn_dim": 64, "num_layers": 1}
    model = CleanWanTransformer(**sizes).eval()
    latents, text = torch.randn(2, 4, 3, 4, 4), torch.randn(2, 48, 384)
    plain = torch.tensor([400.0, 900.0])
    with torch.no_grad():
        free = model(latents, plain, text, return_dict=False)[0]
        each = model(latents, plain[:, None].repeat(1, 3 * 4), text, return_dict=False)[0]
        given = model(latents, held(plain, 3, 4), text, return_dict=False)[0]
    torch.testing.assert_close(each, free, atol=1e-4, rtol=1e-4)  # the same level at every token is one level
    assert (given[:, :, 0] == 0).all()
    assert (given[:, :, 1:] - free[:, :, 1:]).abs().amax() > 1e-3
