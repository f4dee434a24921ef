"""trainer.explain: the step as a table, measured on copies; the state keeps its value."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, nn, optim, schedules
from interactive_train.autodiff.ghost import NotRecordableError
from interactive_train.training.recorded.explain import Call, Explanation
from interactive_train.training.recorded.explain_view import si
from tests.training.common import all_bits, network, problem, trainer_of


@pytest.fixture(scope="module")
def explained() -> Explanation:
    """A measured step of a small classifier, in one shard."""
    trainer = trainer_of()
    return trainer.explain(trainer.init(seed=0), problem(), shards=1)


def of(explanation: Explanation, operation: str) -> list[Call]:
    return [row for row in explanation.rows if row.operation == operation]


def labels(explanation: Explanation) -> set[str]:
    return {layer for row in explanation.rows for layer in row.layer.split(", ")}


def test_the_state_keeps_its_value_and_the_step_is_not_taken() -> None:
    trainer = trainer_of()
    state = trainer.fit(trainer.init(seed=0), problem(), epochs=2, progress=False)
    before = all_bits(state)
    explanation = trainer.explain(state, problem())
    assert all_bits(state) == before
    assert explanation.step == state.step + 1


def test_a_fit_goes_on_as_if_nobody_had_asked() -> None:
    trainer, data = trainer_of(), problem()
    state = trainer.init(seed=0)
    plain = trainer.fit(state, data, epochs=3, progress=False)
    trainer.explain(state, data)
    assert all_bits(trainer.fit(state, data, epochs=3, progress=False)) == all_bits(plain)


def test_every_layer_has_its_lines_forward_and_back(explained: Explanation) -> None:
    wanted = {"layers.0", "layers.1", "layers.2", "layers.3"}
    wanted |= {layer + "'" for layer in wanted} | {"loss", "data", "norm", "update"}
    assert wanted <= labels(explained)


def test_lines_name_operations_shapes_and_costs(explained: Explanation) -> None:
    first = of(explained, "product")[0]
    assert (first.layer, first.reads, first.writes) == ("layers.0", ((40, 4), (4, 8)), ((40, 8),))
    assert first.flops == 2 * 40 * 4 * 8
    assert first.nbytes == 4 * (40 * 4 + 4 * 8 + 40 * 8)
    (update,) = of(explained, "Adam")
    assert (update.layer, update.generated) == ("update", True)
    assert explained.flops == sum(row.flops for row in explained.rows)


def test_every_line_is_measured_and_shares_make_a_whole(explained: Explanation) -> None:
    assert all(0 < row.seconds < 0.1 and 0 <= row.roofline <= 1 for row in explained.rows)
    assert math.fsum(row.share for row in explained.rows) == pytest.approx(1)
    assert explained.alone == pytest.approx(math.fsum(row.seconds for row in explained.rows))
    assert 0 < explained.measured < 0.1


def test_without_measuring_there_are_no_times() -> None:
    trainer = trainer_of()
    explanation = trainer.explain(trainer.init(seed=0), problem(), measure=False)
    assert all(math.isnan(row.seconds) for row in explanation.rows)
    assert math.isnan(explanation.measured)
    assert "of peak" not in str(explanation)


def test_the_parts_of_one_call_are_one_line(explained: Explanation) -> None:
    trainer = trainer_of()
    cut = trainer.explain(trainer.init(seed=0), problem(), measure=False, shards=3)
    assert (explained.shards, cut.shards) == (1, 3)
    assert {row.parts for row in of(cut, "product")} == {3}
    assert len(of(cut, "product")) == len(of(explained, "product"))
    assert sum(r.flops for r in of(cut, "product")) == sum(
        r.flops for r in of(explained, "product")
    )
    assert any(row.layer == "partial sums" for row in cut.rows)


def test_the_text_is_aligned_and_has_a_line_for_each_call(explained: Explanation) -> None:
    lines = str(explained).splitlines()
    title = next(n for n, line in enumerate(lines) if line.lstrip().startswith("#"))
    body = lines[title + 1 :]
    assert len(body) == len(explained.rows)
    column = lines[title].index("layer")
    assert all(
        line[column:].startswith(row.layer[:20])
        for line, row in zip(body, explained.rows, strict=True)
    )
    assert f"{len(explained.rows)} calls in {explained.phases} phases, 1 shard\n" in str(explained)
    assert repr(explained) == str(explained)


def test_in_a_notebook_it_is_a_table_without_a_script(explained: Explanation) -> None:
    page = explained._repr_html_()
    assert page.count("<tr") == len(explained.rows) + 1
    assert "<script" not in page
    assert "http" not in page
    assert "var(--jp-brand-color1, " in page
    widths = [float(w) for w in re.findall(r'it-bar" style="width:([\d.]+)%', page)]
    assert max(widths) == 100
    assert len(widths) == len(explained.rows)


def test_labels_in_the_table_are_text_and_never_markup() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            self.parts = {"<b>": nn.Linear(4, 3)}

        def forward(self, x: Any) -> Any:
            return self.parts["<b>"](x)

    trainer = it.Trainer(Odd(), optim.SGD(0.1), loss=losses.cross_entropy_sparse)
    page = trainer.explain(trainer.init(seed=0), problem(), measure=False)._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_the_loop_of_a_line_is_python_that_runs(explained: Explanation) -> None:
    (number,) = (row.number for row in of(explained, "add + relu"))
    scope: dict[str, Any] = {}
    exec(explained.source(number), scope)
    (loop,) = (v for k, v in scope.items() if k.startswith("fused_"))
    x, bias, out = np.array([[-2.0, 3.0]]), np.array([1.0, 1.0]), np.zeros((1, 2))
    loop(out, x, bias, 1, 2)
    assert out.tolist() == [[0.0, 4.0]]


def test_the_kernels_are_the_generated_loops_once_each(explained: Explanation) -> None:
    names = re.findall(r"^def (\w+)", explained.kernels, re.M)
    assert names == list(dict.fromkeys(r.kernel for r in explained.rows if r.generated))
    assert len(names) >= 3


def test_a_number_that_is_no_line_is_refused(explained: Explanation) -> None:
    with pytest.raises(IndexError, match=r"explanation.source: numbers go from 0 to \d+; got 999"):
        explained.source(999)


def test_passes_leave_fewer_calls_one_after_the_other(explained: Explanation) -> None:
    names = [name for name, _ in explained.passes]
    counts = [count for _, count in explained.passes]
    assert names[0] == "recorded"
    assert "fuse" in names
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0] / 1.5


def test_freezing_a_layer_drops_calls() -> None:
    trainer = trainer_of()
    state = trainer.init(seed=0)
    every = trainer.explain(state, problem(), measure=False)
    fewer = trainer.explain(it.frozen(state, "layers.0"), problem(), measure=False)
    assert "layers.0'" in labels(every)
    assert "layers.0'" not in labels(fewer)
    assert len(fewer.rows) < len(every.rows)
    assert fewer.flops < every.flops


def test_a_slider_changes_numbers_and_not_the_program() -> None:
    trainer = trainer_of()
    state = trainer.init(seed=0)
    first = trainer.explain(state, problem(), measure=False)
    second = trainer.explain(it.adjusted(state, lr=0.5), problem(), measure=False)
    assert second.program == first.program


def test_clipping_is_in_the_listing() -> None:
    trainer = trainer_of()
    state = trainer.init(seed=0)
    plain = trainer.explain(state, problem(), measure=False)
    clipped = trainer.explain(state, problem(), measure=False, clip_norm=1.0)
    assert clipped.program != plain.program


def test_elements_with_a_loss_of_their_own_are_explained_too() -> None:
    x, y = problem()
    trainer = it.Trainer(network(), optim.SGD(0.1))
    batch = (x, lambda p: losses.cross_entropy_sparse(p, y))
    explanation = trainer.explain(trainer.init(seed=0), batch)
    assert of(explanation, "SGD")
    assert all(row.seconds > 0 for row in explanation.rows)


@pytest.mark.parametrize(
    "rule", [optim.RAdam(schedules.cosine_decay(0.01, 40)), optim.SGD(0.1, momentum=0.9)]
)
def test_rules_with_counters_and_schedules_are_measured(rule: optim.Rule) -> None:
    trainer = trainer_of(rule)
    explanation = trainer.explain(trainer.init(seed=0), problem())
    name = type(rule).__name__
    assert any(r.layer == "update" and r.operation.startswith(name) for r in explanation.rows)
    assert explanation.measured > 0
    assert all(row.seconds > 0 for row in explanation.rows)


def test_float64_is_measured_against_its_own_peak() -> None:
    trainer = trainer_of()
    explanation = trainer.explain(trainer.init(seed=0, dtype=np.float64), problem(dtype=np.float64))
    assert all(0 <= row.roofline <= 1 for row in explanation.rows)


def test_a_loss_that_cannot_be_recorded_is_refused_with_its_line() -> None:
    def loss(p: Any, y: Any) -> Any:
        value = losses.cross_entropy_sparse(p, y)
        return value if float(value) > 1 else value * 2

    trainer = it.Trainer(network(), optim.SGD(0.1), loss=loss)
    with pytest.raises(NotRecordableError, match=r"trainer.explain: .*test_explain.py.*eagerly"):
        trainer.explain(trainer.init(seed=0), problem())


def test_what_is_no_batch_is_refused() -> None:
    trainer = trainer_of()
    state = trainer.init(seed=0)
    with pytest.raises(TypeError, match=r"trainer.explain: an element of data is"):
        trainer.explain(state, problem()[0])
    with pytest.raises(TypeError, match=r"trainer.explain: the first argument is a TrainState"):
        trainer.explain(None, problem())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"shards"):
        trainer.explain(state, problem(), shards=0)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "", "0"),
        (7, "", "7"),
        (999, "B", "999 B"),
        (1000, "B", "1.00 kB"),
        (235146, "", "235 k"),
        (999999, "", "1.00 M"),
        (51.4e6, "FLOP", "51.4 MFLOP"),
        (21.94e-9, "s", "21.9 ns"),
        (1.0e-3, "s", "1.00 ms"),
        (0.99999e-3, "s", "1.00 ms"),
        (1.5e-12, "s", "0.00 ns"),
        (math.nan, "s", ""),
    ],
)
def test_numbers_are_shown_in_three_digits(value: float, unit: str, text: str) -> None:
    assert si(value, unit) == text


def test_the_update_of_many_arrays_is_one_loop() -> None:
    model = nn.Sequential(nn.Linear(4, 3), *(nn.Linear(3, 3) for _ in range(30)))
    trainer = it.Trainer(model, optim.Adam(0.01), loss=losses.cross_entropy_sparse)
    explanation = trainer.explain(trainer.init(seed=0), problem(), measure=False)
    assert [row.operation for row in explanation.rows if row.layer == "update"] == ["Adam"]
