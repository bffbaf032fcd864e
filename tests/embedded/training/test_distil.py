import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.embedded.load import EmbeddedModel, load
from app.embedded.model import CleanWanTransformer
from app.embedded.profile import profile, revision
from app.embedded.training.distil import NEIGHBOURS, STUDENT, Lesson, Student, ask, export, start, train_step
from app.embedded.training.muon import optimizers

SMALL = Lesson(levels=(1.0, 0.6), strides=(2, 1), chunk=4, batch=4, warmup=2, keep=2, rate=3e-3)


@pytest.fixture(scope="module")
def teacher() -> EmbeddedModel:
    torch.manual_seed(0)
    return replace(load(), transformer=tiny().eval())


def tiny() -> CleanWanTransformer:
    sizes = {"in_channels": 32, "out_channels": 32, "num_attention_heads": 1, "ffn_dim": 64, "num_layers": 1}
    made: CleanWanTransformer = CleanWanTransformer(**sizes)
    return made


def started(teacher: EmbeddedModel, lesson: Lesson = SMALL) -> Student:
    model, average = tiny(), tiny()
    for each in (model, average):
        each.load_state_dict(teacher.transformer.state_dict())
    return Student(lesson, model, average, optimizers(model, lesson.rate, muon_rate=0.0))


def steps(student: Student, teacher: EmbeddedModel, count: int) -> list[float]:
    losses = []
    for _ in range(count):
        if student.step % 2 == 0:
            student.chunks = [*student.chunks, ask(student, teacher)][-student.lesson.keep :]
        losses.append(train_step(student, done=0.0))
    return losses


@pytest.mark.parametrize("method", ["crossings", "neighbours"])
def test_distilling_lowers_the_loss(teacher: EmbeddedModel, method: str) -> None:
    student = started(teacher, replace(SMALL, method=method))
    student.chunks = [ask(student, teacher)]
    losses = [train_step(student, done=0.0) for _ in range(30)]
    assert sum(losses[-5:]) < sum(losses[:5])


def test_a_resumed_run_goes_on_exactly_where_it_stopped(teacher: EmbeddedModel, tmp_path: Path) -> None:
    straight, stopped, resumed = (started(teacher) for _ in range(3))
    steps(straight, teacher, 4)
    steps(stopped, teacher, 2)
    stopped.save(tmp_path, "teacher")
    assert resumed.restore(tmp_path, "teacher")
    steps(resumed, teacher, 2)
    for one, other in zip(straight.average.parameters(), resumed.average.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("lesson", "taught_by"),
    [(replace(SMALL, seed=1), "teacher"), (replace(SMALL, method=NEIGHBOURS), "teacher"), (SMALL, "x")],
)
def test_a_checkpoint_of_another_lesson_or_teacher_is_refused(
    teacher: EmbeddedModel, tmp_path: Path, lesson: Lesson, taught_by: str
) -> None:
    started(teacher).save(tmp_path, "teacher")
    with pytest.raises(ValueError, match="another lesson or teacher"):
        started(teacher, lesson).restore(tmp_path, taught_by)


def test_a_student_serves_the_preview_of_the_weights_that_taught_it_and_of_no_others(
    teacher: EmbeddedModel, tmp_path: Path
) -> None:
    teacher.transformer.save_pretrained(tmp_path / "transformer")
    facts = {"flow_shift": 12.0, "frames": 17, "fps": 8, "picture": 128}
    (tmp_path / "model.json").write_text(json.dumps(facts))
    before = revision(tmp_path)
    assert profile(tmp_path).student is None
    export(started(teacher), before, tmp_path)
    found = profile(tmp_path)
    assert (found.revision, found.student and found.student.levels) == (before, SMALL.levels)
    assert [(row.tier, row.steps, row.weights) for row in found.tiers] == [("preview", (2, 2, 2, 2), "student")]
    (tmp_path / "transformer" / "diffusion_pytorch_model.safetensors").write_bytes(b"others")
    assert (profile(tmp_path).student, profile(tmp_path).tiers) == (None, ())


def test_a_student_is_taught_on_from_its_weights_and_its_facts_keep_its_first_lesson(
    teacher: EmbeddedModel, tmp_path: Path
) -> None:
    teacher.transformer.save_pretrained(tmp_path / "transformer")
    (tmp_path / "model.json").write_text("{}")
    first = started(teacher)
    steps(first, teacher, 2)
    export(first, "teacher", tmp_path)
    again = start(replace(SMALL, begins=STUDENT, seed=1), tmp_path)
    for one, other in zip(again.model.parameters(), first.average.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-2, rtol=1e-2)  # kept in bfloat16
    export(again, "teacher", tmp_path)
    facts = json.loads((tmp_path / "model.json").read_text())["student"]
    assert (facts["lesson"]["seed"], facts["before"]["lesson"]["seed"], facts["before"]["steps"]) == (1, 0, 2)
