"""accumulate: several elements of data are one step, and all counting goes by steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import optim
from tests.training.common import all_bits, line, problem, trainer_of


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-6)])
@pytest.mark.parametrize(("n", "b"), [(2, 10), (4, 5), (5, 8)])
def test_micro_batches_equal_one_batch(dtype: Any, tolerance: float, n: int, b: int) -> None:
    trainer, data = trainer_of(optim.AdamW(0.01), rate=0.0), problem(40, dtype)
    start = trainer.init(seed=1, dtype=dtype)
    small = trainer.fit(start, data, batch_size=b, accumulate=n, epochs=3, progress=False)
    course = trainer.history
    big = trainer.fit(start, data, batch_size=n * b, epochs=3, progress=False)
    assert small.step == big.step == 3 * 40 // (n * b)
    for path, array in it.tree.flatten_with_paths(big.model):
        found = it.tree.get(small.model, path)
        np.testing.assert_allclose(found, array, rtol=50 * tolerance, atol=50 * tolerance)
    np.testing.assert_allclose(course.loss, trainer.history.loss, rtol=50 * tolerance)
    np.testing.assert_allclose(
        course.gradient_norm, trainer.history.gradient_norm, rtol=100 * tolerance
    )
    assert small.position == big.position == (3, 0)


def test_what_is_left_at_the_end_of_a_pass_is_a_step() -> None:
    trainer, told = trainer_of(rate=0.0), list[Any]()
    data = it.batches(*problem(), batch_size=8)  # 5 elements: steps of 2, 2 and 1

    def report(step: int, epoch: int, state: Any, aux: Any) -> None:
        told.append((step, epoch, state.position))

    state = trainer.fit(trainer.init(), data, accumulate=2, epochs=2, report=report, progress=False)
    assert told == [
        (1, 1, (0, 16)),
        (2, 1, (0, 32)),
        (3, 1, (1, 0)),
        (4, 2, (1, 16)),
        (5, 2, (1, 32)),
        (6, 2, (2, 0)),
    ]
    assert state.step == len(trainer.history) == 6


def test_a_run_knows_its_steps() -> None:
    trainer = trainer_of()
    data = it.batches(*problem(), batch_size=8)
    run = trainer.start(trainer.init(), data, accumulate=2, epochs=2)
    view = run.wait(10).view()
    assert (view.steps_per_epoch, view.last_step, view.step) == (3, 6, 6)
    run.extend(epochs=1).wait(10)
    assert run.wait(10).view().last_step == 9


def test_each_element_has_its_own_dropout_and_none_that_of_another_step() -> None:
    trainer = trainer_of(rate=0.5)
    x, _ = problem()
    state = trainer.init()
    seen: list[Any] = []

    def loss(p: Any) -> Any:
        seen.append(np.array(p).tobytes())
        return p.sum()

    trainer.fit(state, [(x, loss)] * 4, accumulate=2, progress=False)
    assert len(set(seen)) == 4


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5])
def test_a_fit_in_two_pieces_is_the_whole_bit_for_bit(cut: int) -> None:
    trainer = trainer_of()
    data = it.batches(*problem(), batch_size=7, shuffle=3, drop_last=False)
    options: dict[str, Any] = {"accumulate": 4, "clip_norm": 0.5, "progress": False}
    whole = trainer.fit(trainer.init(seed=2), data, epochs=3, **options)
    first = trainer.fit(
        trainer.init(seed=2),
        data,
        epochs=3,
        report=lambda step: "stop" if step == cut else None,
        **options,
    )
    begun = first.position[0] + (1 if first.position[1] else 0)
    state = trainer.fit(first, data, epochs=3 - begun, **options) if begun < 3 else first
    if begun == 3:  # what is left is the rest of the last pass
        state = trainer.fit(first, data, report=_at_pass(3), **options)
    assert all_bits(state) == all_bits(whole)


def _at_pass(number: int) -> Any:
    return lambda state: "stop" if state.position == (number, 0) else None


def test_a_pass_that_was_begun_with_other_steps_is_finished() -> None:
    trainer = trainer_of()
    data = it.batches(*problem(), batch_size=7, drop_last=False)  # 6 elements
    state = trainer.fit(trainer.init(), data, report=lambda: "stop", progress=False)
    assert state.position == (0, 7)
    totals: list[Any] = []
    run = trainer.start(state, data, accumulate=4, epochs=1, pace=200)
    totals.append(run.view().last_step)
    run.wait(10)
    assert totals == [5]  # 4 and 1 elements are left, and a pass of 4 and 2
    assert (run.state.step, run.state.position) == (5, (2, 0))


def test_a_skipped_step_consumes_all_of_its_elements() -> None:
    trainer, (x, y) = line()
    bad = np.full_like(y, np.nan)
    data = [(x, y), (x, y), (x, y), (x, bad), (x, y), (x, y)]
    skipped = trainer.fit(trainer.init(), data, accumulate=2, on_nonfinite="skip", progress=False)
    assert trainer.history.step.tolist() == [1, 3]
    assert (skipped.step, skipped.position) == (3, (1, 0))
    plain = trainer.fit(trainer.init(), data[:2] + data[4:], accumulate=2, progress=False)
    np.testing.assert_array_equal(skipped.model.layers[0].weight, plain.model.layers[0].weight)
    with pytest.raises(it.NonFiniteError, match="at step 2"):
        trainer.fit(trainer.init(), data, accumulate=2, progress=False)
    assert trainer.last_state is not None
    assert trainer.last_state.position == (0, 2)


def test_elements_whose_losses_reach_different_arrays_are_averaged() -> None:
    model = nn_pair()
    trainer = it.Trainer(model, optim.SGD(1.0))
    start = trainer.init(dtype=np.float64)
    x = np.ones(1)
    data = [(x, lambda p: p[0].sum()), (x, lambda p: 3.0 * p[1].sum())]
    state = trainer.fit(start, data, accumulate=2, progress=False)
    assert float(start.model.a[0] - state.model.a[0]) == pytest.approx(0.5)
    assert float(start.model.b[0] - state.model.b[0]) == pytest.approx(1.5)


def nn_pair() -> Any:
    from interactive_train import nn

    class Pair(nn.Module):
        def __init__(self) -> None:
            self.a: Any = nn.Parameter((1,), nn.initializers.ones)
            self.b: Any = nn.Parameter((1,), nn.initializers.ones)

        def forward(self, x: Any) -> Any:
            return [x * self.a, x * self.b]

    return Pair()


@pytest.mark.parametrize(
    ("n", "error", "got"),
    [(0, ValueError, "0"), (-2, ValueError, "-2"), (2.0, TypeError, "2.0"), (True, TypeError, "T")],
)
@pytest.mark.parametrize("call", ["fit", "start"])
def test_a_count_that_is_none_is_refused(call: str, n: Any, error: Any, got: str) -> None:
    trainer, data = line()
    with pytest.raises(error, match=rf"trainer.{call}: accumulate must be .*; got {got}"):
        getattr(trainer, call)(trainer.init(), data, batch_size=4, epochs=1, accumulate=n)
