"""Compute, guard, commit: a step that is not finite leaves nothing behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn, optim
from tests.optim.test_rules import RULES
from tests.training.common import all_bits, line, moment_bits, parameter_bits, until

every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())


class Counter(nn.Module):
    """Counts the steps of training in a buffer."""

    def __init__(self) -> None:
        self.count: Any = nn.Buffer((), nn.initializers.zeros)
        self.scale: Any = nn.Parameter((3,), nn.initializers.ones)

    def forward(self, x: Any) -> Any:
        self.write("count", self.count + 1.0)
        return x * self.scale


def breaking(at: int, what: str) -> Any:
    """Return data of Counter whose element number `at` gives a loss or a gradient of NaN."""
    random = np.random.default_rng(0)
    elements = []
    for number in range(1, 9):
        x = random.normal(size=3).astype(np.float32)
        if number == at and what == "loss":
            x[1] = np.nan

        def loss(p: Any, bad: bool = number == at and what == "gradient") -> Any:
            # the root's slope at 0 is infinite, its value is not
            return (p**2).sum() + (np.sqrt((p - p) ** 2).sum() if bad else 0.0)

        elements.append((x, loss))
    return elements


def trainer_of(rule: Any) -> it.Trainer:
    return it.Trainer(nn.Sequential(Counter()), rule)


@every_rule
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_raise_leaves_everything_as_it_was_behind_the_step_before(
    rule: optim.Rule, what: str
) -> None:
    trainer = trainer_of(rule)
    data = breaking(4, what)
    before = trainer.fit(trainer.init(), data[:3], progress=False)
    # the position says that a pass of three was finished; compare all the rest
    message = (
        rf"trainer.fit: the {what}.* must be finite; got (nan|inf) at step 4\. Nothing of that "
        "step was applied: the weights are those after step 3"
    )
    with pytest.raises(it.NonFiniteError, match=message):
        trainer.fit(trainer.init(), data, progress=False)
    kept = trainer.last_state
    assert kept is not None
    assert parameter_bits(kept) == parameter_bits(before)
    assert float(kept.model.layers[0].count) == 3.0
    assert moment_bits(kept) == moment_bits(before)
    assert (kept.step, kept.opt_state.step, kept.position) == (3, 3, (0, 3))
    assert len(trainer.history) == 3


@every_rule
def test_skip_consumes_batch_and_step_but_no_count_of_the_optimiser(rule: optim.Rule) -> None:
    trainer = trainer_of(rule)
    state = trainer.fit(trainer.init(), breaking(4, "loss")[:3], progress=False)
    with_skip = trainer.fit(
        trainer.init(), breaking(4, "loss")[:4], on_nonfinite="skip", progress=False
    )
    assert parameter_bits(with_skip) == parameter_bits(state)
    assert moment_bits(with_skip) == moment_bits(state)
    assert (with_skip.step, with_skip.position) == (4, (1, 0))
    assert trainer.history.step.tolist() == [1, 2, 3]


def test_schedules_go_on_over_a_skipped_step() -> None:
    trainer = trainer_of(optim.SGD(lambda step: step / 100))
    trainer.fit(trainer.init(), breaking(2, "loss"), on_nonfinite="skip", progress=False)
    assert trainer.history.lr.tolist() == [0.01, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08]


def test_a_skip_at_the_end_of_a_pass_still_ends_the_pass() -> None:
    trainer = trainer_of(optim.SGD(0.01))
    data = breaking(8, "loss")
    state = trainer.fit(trainer.init(), data, epochs=2, on_nonfinite="skip", progress=False)
    assert (state.step, state.position) == (16, (2, 0))


def test_pause_consumes_nothing_and_goes_on_after_an_adjustment() -> None:
    trainer, data = line(optim.SGD(lambda step: 0.1 if step != 3 else 3e38))
    run = trainer.start(trainer.init(seed=0), data, batch_size=4, epochs=3)
    until(lambda: run.status != "running")
    with pytest.raises(it.RunPaused, match=r"paused at step 2: .*must be finite.* at step 3"):
        run.wait()
    halted = run.state
    before = trainer.fit(trainer.init(seed=0), data, batch_size=4, progress=False)
    assert all_bits(halted) == all_bits(before)
    assert "at step 3" in run.view().message
    run.resume().wait(10)
    until(lambda: run.status == "paused")  # the cause is still there
    ticket = run.adjust(lr=0.1).wait(10)
    assert (ticket.step, ticket.new) == (2, "0.1")
    run.resume()
    state = run.wait(10).state
    assert (run.status, run.view().message) == ("finished", "")
    trainer, _ = line(optim.SGD(0.1))
    whole = trainer.fit(trainer.init(seed=0), data, batch_size=4, epochs=3, progress=False)
    assert parameter_bits(state) == parameter_bits(whole)


def test_a_halted_run_takes_the_same_step_once_the_cause_is_gone() -> None:
    trainer, (x, y) = line()
    broken = [True]

    def loss(p: Any, t: Any) -> Any:
        value = ((p - t) ** 2).mean()
        return value * np.nan if broken[0] and calls() == 3 else value

    count = [0]

    def calls() -> int:
        count[0] += 1
        return count[0]

    trainer.loss = loss
    run = trainer.start(trainer.init(seed=0), (x, y), batch_size=4, epochs=3)
    until(lambda: run.status != "running")
    assert run.step == 2
    broken[0] = False
    run.resume()
    state = run.wait(10).state
    trainer.loss = lambda p, t: ((p - t) ** 2).mean()
    with it.execution("eager"):  # as the run, whose loss counts its calls, was taken
        whole = trainer.fit(trainer.init(seed=0), (x, y), batch_size=4, epochs=3, progress=False)
    assert all_bits(state) == all_bits(whole)


def test_an_update_that_overflows_is_refused_with_its_path() -> None:
    """The gradient is finite, its square is not: Adam's memory would be infinite for good."""
    model = {"a": np.ones(2, np.float32), "b": np.ones(2, np.float32)}
    opt_state = it.setup(optim.Adam(), model)
    data = [1.0, 1e25]
    with pytest.raises(it.NonFiniteError, match="the update of 'a' must be finite; got inf"):
        it.train(
            lambda m, factor: (m["a"] * np.float32(factor)).sum() + m["b"].sum(),
            model,
            data,
            opt_state,
            progress=False,
        )
    assert np.isfinite(opt_state.a.state["v"]).all()
    assert opt_state.step == 1


def test_a_rate_without_bounds_ends_before_the_weights_are_lost() -> None:
    trainer, data = line(optim.SGD(1e30))
    with pytest.raises(it.NonFiniteError, match="must be finite"):
        trainer.fit(trainer.init(), data, batch_size=8, epochs=50, progress=False)
    assert trainer.last_state is not None
    for _, array in it.tree.flatten_with_paths(trainer.last_state.model):
        assert np.isfinite(array).all()


@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        (-0.1, ValueError, r"SGD at step 4: lr must be a finite number in \[0, inf\); got -0.1"),
        (np.nan, ValueError, "what the schedule .* returns at step 4 .* got nan"),
        ("fast", TypeError, "what the schedule .* returns at step 4 .* got 'fast'"),
    ],
)
def test_a_schedule_that_fails_in_mid_run_loses_nothing(
    bad: Any, kind: type[Exception], message: str
) -> None:
    trainer, data = line(optim.SGD(lambda step: 0.1 if step != 4 else bad))
    with pytest.raises(kind, match=message):
        trainer.fit(trainer.init(), data, batch_size=4, epochs=4, progress=False)
    assert trainer.last_state is not None
    assert trainer.last_state.step == 3
    run = trainer.start(trainer.init(), data, batch_size=4, epochs=4)
    with pytest.raises(kind, match=message):
        run.wait(10)
    assert (run.status, run.step) == ("failed", 3)
    assert "failed" in repr(run)  # what looks at it still works
    assert run.adjust(lr=0.1).done
    assert run.extend(steps=2).wait(10)
    assert run.wait(10).step == 5


def test_a_layers_schedule_that_leaves_its_interval_is_refused() -> None:
    trainer = it.Trainer(
        nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), optim.SGD(0.1), loss=lambda p, t: p.sum()
    )
    x = np.ones((8, 2), np.float32)
    run = trainer.start(trainer.init(), (x, x), batch_size=8, pace=100)
    run.adjust("layers.1", rate=lambda step: 0.5 if step < 6 else 1.5)
    with pytest.raises(ValueError, match=r"layer 'layers.1' at step 6: rate .* \[0, 1\); got 1.5"):
        run.wait(10)
    assert run.state.step == 5
