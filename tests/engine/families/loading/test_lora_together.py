"""Several LoRA adapters at once, each at its strength, beside jobs with others: as `set_adapters` of diffusers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.engine.checkpoint import CheckpointInvalid, to_bytes
from app.engine.families.loading.reader import Options
from app.engine.families.registry import reader
from app.types import Plan
from tests.engine.families.loading.test_load import KINDS, by_theirs, files
from tests.engine.families.loading.test_lora import SHAPES, SPEC, lora, save
from tests.engine.families.saved import save_t2v
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:Already found a `peft_config`:UserWarning"
)

WORN: dict[str, tuple[tuple[str, float], ...]] = {
    "none": (),
    "one": (("mixed", 0.7),),
    "two": (("mixed", 0.7), ("strong", -0.4)),
    "two otherwise": (("mixed", 0.3), ("strong", 0.5)),
    "three": (("dora", 0.5), ("mixed", 0.2), ("strong", 0.3)),
}


@pytest.mark.parametrize("kind", ["wan", *(name for name in KINDS if name != "hunyuan-1.5")])
def test_adapters_act_together_as_in_diffusers_alone_in_company_and_after_a_checkpoint(
    kind: str, tmp_path: Path
) -> None:
    if kind == "wan":
        loader, pipeline, spec = "wan.load", save_t2v(tmp_path), SPEC
        asks = {"num_frames": 5, "guidance_scale": 3.0, "negative_prompt": ""}
        plan = make_plan("red ball", 3, spec=spec, shift=3.0)
    else:
        family, build, spec, sampler, asks = KINDS[kind]
        loader, pipeline = family.__name__.removeprefix("app.engine.families."), build()
        pipeline.save_pretrained(tmp_path)
        plan = make_plan("red ball", 3, spec=spec, shift=1.0, sampler=sampler)
    names = ("strong", "mixed", "dora")
    for name in names:
        save(tmp_path, name, pipeline, SHAPES[name])
    denoiser = reader(loader).load(files(tmp_path), Options(loras=[lora(tmp_path, name, 0.8) for name in names]))
    wanted = {"none": by_theirs(pipeline, spec, asks)}
    for name in names:
        pipeline.load_lora_weights(tmp_path, weight_name=f"{name}.safetensors", adapter_name=name)
    for case, worn in WORN.items():
        if worn:
            pipeline.set_adapters([name for name, _ in worn], [0.8 * strength for _, strength in worn])
            wanted[case] = by_theirs(pipeline, spec, asks)
    plans = {case: replace(plan, adapters=worn) for case, worn in WORN.items()}
    together = {case: denoiser.start(case, each, hear(denoiser, each)) for case, each in plans.items()}
    assert len({state.group for state in together.values()}) == len(WORN)
    walk(denoiser, *together.values())
    for case, each in plans.items():
        assert np.abs(denoiser.decode_float(together[case]) - wanted[case]).max() <= 1e-4, f"{case}, in company"
        state = denoiser.start(case, each, hear(denoiser, each))
        walk(denoiser, state, until=1)
        data = to_bytes(state)
        walk(denoiser, state)
        assert np.abs(denoiser.decode_float(state) - wanted[case]).max() <= 1e-4, f"{case}, alone"
        resumed = denoiser.resume(each, data)
        walk(denoiser, resumed)
        assert np.abs(denoiser.decode_float(resumed) - wanted[case]).max() <= 1e-4, f"{case}, after a checkpoint"
        if case != "none":
            assert np.abs(wanted[case] - wanted["none"]).max() > 1e-3, f"{case} would prove nothing"
            with pytest.raises(CheckpointInvalid, match="another plan"):
                denoiser.resume(plan, data)


def test_jobs_with_the_same_adapters_share_a_forward_and_no_strength_is_none(tmp_path: Path) -> None:
    pipeline = save_t2v(tmp_path)
    save(tmp_path, "strong", pipeline, SHAPES["strong"])
    denoiser = reader("wan.load").load(files(tmp_path), Options(loras=[lora(tmp_path, "strong")]))

    def started(*worn: tuple[str, float], seed: int = 0) -> Plan:
        return replace(make_plan("red ball", 3, spec=SPEC, shift=3.0, seed=seed), adapters=worn)

    same = [
        denoiser.start("a", each, hear(denoiser, each)) for each in (started(("strong", 0.5), seed=n) for n in (1, 2))
    ]
    assert same[0].group == same[1].group
    frames = []
    for each in (started(), started(("strong", 0.0))):
        state = denoiser.start("a", each, hear(denoiser, each))
        walk(denoiser, state)
        frames.append(denoiser.decode_float(state))
    assert np.array_equal(frames[0], frames[1])
