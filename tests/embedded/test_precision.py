from pathlib import Path

import torch

from app.embedded.precision import autocast, native_bfloat16

CPU = torch.device("cpu")


def test_bfloat16_is_used_only_where_the_processor_has_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags\t\t: fpu avx2 avx512_bf16\n")
    assert native_bfloat16(CPU, cpuinfo)
    cpuinfo.write_text("flags\t\t: fpu avx2\n")
    assert not native_bfloat16(CPU, cpuinfo)
    assert not native_bfloat16(CPU, tmp_path / "missing")
    assert native_bfloat16(torch.device("cuda"), cpuinfo)


def test_what_is_computed_in_it_is_as_precise_as_the_processor_makes_sensible() -> None:
    with autocast(CPU):
        found = (torch.ones(4, 4) @ torch.ones(4, 4)).dtype
    assert found == (torch.bfloat16 if native_bfloat16(CPU) else torch.float32)
