"""fit: against PyTorch, bit for bit against itself, its numbering, reports and ends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, metrics, nn, optim, schedules
from tests.training.common import (
    all_bits,
    line,
    network,
    parameter_bits,
    problem,
    trainer_of,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "training.npz"


def test_a_network_trains_as_in_pytorch_for_fifty_steps() -> None:
    model = nn.Sequential(
        nn.Linear(6, 12),
        nn.relu,
        nn.LayerNorm(12),
        nn.Linear(12, 8),
        nn.gelu,
        nn.Dropout(0.0),
        nn.Linear(8, 4),
    )
    rule = optim.AdamW(0.02, weight_decay=0.05)
    trainer = it.Trainer(model, rule, loss=losses.cross_entropy_sparse)
    with np.load(GOLDEN) as golden:
        found = {n.removeprefix("fit/"): golden[n] for n in golden.files if n.startswith("fit/")}
    start = {f"layers.{n[6:]}": a for n, a in found.items() if n.startswith("start/")}
    data = list(zip(found["inputs"], found["labels"], strict=True))
    assert len(data) == 50
    state = trainer.fit(trainer.make_state(start), data, progress=False)
    np.testing.assert_allclose(trainer.history.loss, found["losses"], rtol=1e-9)
    for path, array in it.tree.flatten_with_paths(state.model):
        name = path.removeprefix("layers.")
        np.testing.assert_allclose(array, found[f"end/{name}"], rtol=1e-8, atol=1e-10)


def test_the_same_seed_gives_the_same_bits() -> None:
    ends = []
    for seed in (0, 0, 1):
        trainer = trainer_of()
        state = trainer.fit(
            trainer.init(seed=seed), problem(), epochs=3, batch_size=7, shuffle=1, progress=False
        )
        ends.append((all_bits(state), trainer.history.loss.tobytes()))
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]


def test_three_epochs_and_two_more_are_five() -> None:
    trainer = trainer_of(optim.AdamW(schedules.cosine_decay(0.02, 40)))
    data = it.batches(*problem(), batch_size=7, shuffle=3, drop_last=False)
    whole = trainer.fit(trainer.init(seed=2), data, epochs=5, progress=False)
    course = trainer.history.loss.tobytes()
    state = trainer.fit(trainer.init(seed=2), data, epochs=3, progress=False)
    first = trainer.history.loss.tobytes()
    state = trainer.fit(state, data, epochs=2, progress=False)
    assert all_bits(state) == all_bits(whole)
    assert first + trainer.history.loss.tobytes() == course
    assert state.position == (5, 0)


def test_a_fit_goes_on_in_the_middle_of_a_pass_and_finishes_it_first() -> None:
    trainer = trainer_of()
    data = it.batches(*problem(), batch_size=8, shuffle=3)  # 5 steps a pass
    whole = trainer.fit(trainer.init(seed=2), data, epochs=3, progress=False)
    state = trainer.fit(
        trainer.init(seed=2),
        data,
        epochs=9,
        progress=False,
        report=lambda step: "stop" if step == 7 else None,
    )
    assert (state.step, state.position) == (7, (1, 16))
    state = trainer.fit(state, data, epochs=1, progress=False)
    assert all_bits(state) == all_bits(whole)


def test_a_fit_is_as_many_single_steps() -> None:
    trainer = trainer_of()
    data = it.batches(*problem(), batch_size=8)
    with it.execution("eager"):  # as single steps are
        whole = trainer.fit(trainer.init(seed=0), data, progress=False)
    recorded = trainer.fit(trainer.init(seed=0), data, progress=False)
    state = trainer.init(seed=0)
    for x, y in data:
        _, state = trainer.step(state, x, y)
    assert parameter_bits(state) == parameter_bits(whole)
    for a, b in zip(it.trainables(state.model), it.trainables(recorded.model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_elements_may_bring_their_own_loss() -> None:
    trainer = trainer_of()
    x, y = problem()
    whole = trainer.fit(trainer.init(seed=0), [(x, y)] * 3, progress=False)
    own = it.Trainer(trainer.model, trainer.rule)
    data = [(x, lambda p: losses.cross_entropy_sparse(p, y))] * 3
    state = own.fit(own.init(seed=0), data, progress=False)
    assert parameter_bits(state) == parameter_bits(whole)


def test_step_k_uses_the_schedule_at_k_over_several_fits() -> None:
    trainer, data = line(optim.SGD(lambda step: step / 1000))
    state = trainer.fit(trainer.init(), data, batch_size=4, epochs=2, progress=False)
    assert trainer.history.lr.tolist() == [0.001, 0.002, 0.003, 0.004]
    state = trainer.fit(state, data, batch_size=4, progress=False)
    assert trainer.history.lr.tolist() == [0.005, 0.006]
    assert trainer.history.step.tolist() == [5, 6]
    assert (state.step, state.opt_state.step) == (6, 6)


def test_a_report_gets_the_keywords_that_it_declares() -> None:
    trainer, data = line()
    state = trainer.fit(trainer.init(), data, batch_size=4, progress=False)
    seen: list[dict[str, Any]] = []

    def report(*, loss: float, step: int, extra: int = 7, **rest: Any) -> None:
        seen.append({"loss": loss, "step": step, "extra": extra, **rest})

    bare: list[float] = []
    trainer.fit(
        state,
        data,
        batch_size=4,
        epochs=2,
        progress=False,
        report=[report, lambda loss: bare.append(loss)],
        validation=data,
    )
    assert [row["step"] for row in seen] == [1, 2, 3, 4]
    assert [row["global_step"] for row in seen] == [3, 4, 5, 6]
    assert [row["epoch"] for row in seen] == [1, 1, 2, 2]
    assert [row["lr"] for row in seen] == [0.1] * 4
    assert [row["state"].step for row in seen] == [3, 4, 5, 6]
    assert [list(row["metrics"]) for row in seen] == [[], *[["validation_loss"]] * 3]
    assert [row["loss"] for row in seen] == bare == trainer.history.loss.tolist()
    assert {row["extra"] for row in seen} == {7}


def test_a_report_may_be_called_on_every_nth_step() -> None:
    trainer, data = line()
    steps: list[int] = []

    def report(step: int) -> None:
        steps.append(step)

    report.every = 3  # type: ignore[attr-defined]
    trainer.fit(trainer.init(), data, batch_size=4, epochs=4, progress=False, report=report)
    assert steps == [3, 6]


@pytest.mark.parametrize("where", ["report", "word", "loss", "data", "validation"])
def test_an_early_stop_from_anywhere_leaves_the_state_behind_the_last_step(where: str) -> None:
    trainer, (x, y) = line()
    calls = {"loss": 0, "data": 0, "validation": 0}

    def count(what: str) -> None:
        calls[what] += 1
        if what == where and calls[what] == 4:
            raise it.EarlyStop

    def loss(p: Any, t: Any) -> Any:
        count("loss")
        return losses.mse(p, t)

    def element(i: int) -> tuple[Any, Any]:
        count("data")
        return x, y

    def metric(p: Any, t: Any) -> float:
        count("validation")
        return 0.0

    def report(step: int) -> str | None:
        if step == 3 and where == "report":
            raise it.EarlyStop("enough")
        return "stop" if step == 3 and where == "word" else None

    trainer.loss = loss
    data = it.Data.from_fn(6, element) if where != "validation" else [(x, y)]
    stopping = where == "validation"
    state = trainer.fit(
        trainer.init(),
        data,
        epochs=9,
        progress=False,
        report=report,
        validation=(x, y) if stopping else None,
        metrics=[metric] if stopping else None,
    )
    assert state.step == (4 if stopping else 3)
    assert trainer.last_state is state
    assert len(trainer.history) == state.step


def test_a_key_press_in_the_middle_of_a_step_keeps_what_was_trained() -> None:
    trainer, data = line()
    trainer.loss = interrupting(at=6)
    with pytest.raises(KeyboardInterrupt) as caught:
        trainer.fit(trainer.init(), data, batch_size=4, epochs=50, progress=False)
    assert "5 steps were completed; trainer.last_state holds" in caught.value.__notes__[-1]
    kept = trainer.last_state
    assert kept is not None
    assert (kept.step, kept.position, len(trainer.history)) == (5, (2, 4), 5)
    trainer.loss = losses.mse
    whole = trainer.fit(trainer.init(), data, batch_size=4, epochs=3, progress=False)
    resumed = trainer.fit(kept, data, batch_size=4, progress=False)
    assert resumed.step == 8
    assert whole.step == 6


def interrupting(at: int) -> Any:
    calls = [0]

    def loss(p: Any, t: Any) -> Any:
        calls[0] += 1
        if calls[0] == at:
            os.kill(os.getpid(), signal.SIGINT)
        return losses.mse(p, t)

    return loss


def test_a_key_press_in_the_middle_of_a_commit_waits_until_it_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from interactive_train.training.step.stepper import Stepper

    trainer, data = line()
    commit = Stepper.commit

    def interrupted(self: Stepper, outcome: Any) -> None:
        if outcome.step == 4:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000):  # time for the signal to be seen
                pass
        commit(self, outcome)

    monkeypatch.setattr(Stepper, "commit", interrupted)
    with it.execution("eager"), pytest.raises(KeyboardInterrupt):
        trainer.fit(trainer.init(), data, batch_size=4, epochs=50, progress=False)
    assert trainer.last_state is not None
    assert trainer.last_state.step == len(trainer.history) == 4
    assert trainer.last_state.position == (1, 8)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_frozen_layers_rest_bit_for_bit_and_get_no_gradient() -> None:
    trainer = trainer_of(optim.AdamW(0.01))
    data = it.batches(*problem(), batch_size=8, shuffle=0)
    begun = trainer.fit(trainer.init(seed=1), data, progress=False)
    cold = it.frozen(begun, "layers.0")
    state = trainer.fit(cold, data, epochs=2, progress=False)
    before, after = all_bits(begun), all_bits(state)
    for was, now in ((before[0], after[0]), (before[1], after[1])):
        assert isinstance(was, dict)
        assert isinstance(now, dict)
        for name in was:
            assert (was[name] == now[name]) == name.startswith("layers.0"), name
    warm = trainer.fit(it.thawed(state), data, progress=False)
    assert parameter_bits(warm)["layers.0.weight"] != parameter_bits(state)["layers.0.weight"]
    # the counters went on where they stood: one pass before, one pass after, none in between
    leaf = warm.opt_state["layers.0.weight"]
    assert leaf.state["beta1_power"] == pytest.approx(0.9**10)
    assert warm.opt_state["layers.3.weight"].state["beta1_power"] == pytest.approx(0.9**20)


def test_gradients_of_frozen_layers_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    from interactive_train.autodiff.primitive import Primitive

    counted: list[str] = []
    apply = Primitive.apply

    def counting(self: Primitive, *args: Any, **kwargs: Any) -> Any:
        counted.append(self.name)
        return apply(self, *args, **kwargs)

    monkeypatch.setattr(Primitive, "apply", counting)
    trainer = trainer_of(optim.SGD(0.1), rate=0.0)
    x, y = problem()
    products = {}
    for frozen in ("", "layers.0"):
        state = trainer.init(seed=0)
        state = it.frozen(state, frozen) if frozen else state
        counted.clear()
        trainer.step(state, x, y)
        products[frozen] = counted.count("product")
    # forward: 2; backward: 2 for the head (its weight, its input), 1 for the first weight
    assert products == {"": 5, "layers.0": 3}


def test_evaluation_is_exact_over_unequal_batches() -> None:
    trainer = trainer_of(rate=0.0)
    x, y = problem(rows=41)
    state = trainer.init(seed=0)
    at_once = trainer.evaluate(state, (x, y), {"accuracy": metrics.accuracy})
    for size in (1, 7, 40):
        data = it.batches(x, y, batch_size=size, drop_last=False)
        found = trainer.evaluate(state, data, {"accuracy": metrics.accuracy})
        assert found["accuracy"] == at_once["accuracy"]
        assert found["loss"] == pytest.approx(at_once["loss"], rel=1e-6)
    own = [(x[i : i + 7], closure(y[i : i + 7])) for i in range(0, 41, 7)]
    assert trainer.evaluate(state, own)["loss"] == pytest.approx(at_once["loss"], rel=1e-6)


def closure(y: Any) -> Any:
    return lambda p: losses.cross_entropy_sparse(p, y)


def test_validation_is_evaluated_behind_every_pass_without_dropout() -> None:
    trainer = trainer_of()
    x, y = problem()
    state = trainer.fit(
        trainer.init(),
        (x, y),
        batch_size=8,
        epochs=2,
        progress=False,
        validation=(x, y),
        metrics={"accuracy": metrics.accuracy},
    )
    steps, values = trainer.history.metrics["validation_accuracy"]
    assert steps.tolist() == [5, 10]
    assert values[-1] == trainer.evaluate(state, (x, y), [metrics.accuracy])["accuracy"]
    assert trainer.history.higher_is_better == {
        "validation_loss": False,
        "validation_accuracy": True,
    }


def test_history_becomes_a_frame_with_metrics_at_their_steps() -> None:
    trainer, data = line()
    trainer.fit(trainer.init(), data, batch_size=4, epochs=2, progress=False, validation=data)
    frame = trainer.history.to_frame()
    assert frame.index.tolist() == [1, 2, 3, 4]
    assert list(frame.columns) == ["epoch", "loss", "lr", "gradient_norm", "validation_loss"]
    assert frame["validation_loss"].isna().tolist() == [True, False, True, False]
    assert frame["loss"].tolist() == trainer.history.loss.tolist()


def test_the_bar_tells_loss_and_rate(capsys: pytest.CaptureFixture[str]) -> None:
    trainer, data = line()
    trainer.fit(trainer.init(), data, batch_size=4, epochs=3)
    told = capsys.readouterr().err
    assert "6/6" in told
    assert "loss=" in told
    assert "lr=0.1" in told


@pytest.mark.parametrize("missing", ["tqdm", "ipywidgets"])
def test_a_fit_needs_neither_tqdm_nor_widgets(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "tqdm":
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    trainer, data = line()
    assert trainer.fit(trainer.init(), data, batch_size=4).step == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert ("2/2" in told.err) == (missing == "ipywidgets")


def test_a_one_shot_iterable_trains_once() -> None:
    trainer, (x, y) = line()
    state = trainer.fit(trainer.init(), ((x, y) for _ in range(3)), progress=False)
    assert state.step == 3
    with pytest.raises(ValueError, match="one-shot generator passes only once"):
        trainer.fit(state, ((x, y) for _ in range(3)), epochs=2, progress=False)
    assert trainer.last_state is not None
    assert trainer.last_state.step == 6


def test_make_state_takes_a_model_pairs_or_paths() -> None:
    trainer = it.Trainer(network(), optim.SGD(0.1), loss=losses.mse)
    model = nn.init(network(), seed=9)
    from_model = trainer.make_state(model)
    assert parameter_bits(trainer.make_state(nn.split(model))) == parameter_bits(from_model)
    partly = trainer.make_state({"layers.0.bias": list(range(8))})
    np.testing.assert_array_equal(partly.model.layers[0].bias, np.arange(8, dtype=np.float32))
    assert partly.model.layers[0].bias.dtype == np.float32
    with pytest.raises(KeyError, match="Did you mean"):
        trainer.make_state({"layers.0.bais": np.zeros(8)})
    with pytest.raises(ValueError, match=r"'layers.0.bias' has shape \(8,\); got \(7,\)"):
        trainer.make_state({"layers.0.bias": np.zeros(7)})


def test_a_step_may_be_taken_without_dropout() -> None:
    trainer = trainer_of(rate=0.9)
    x, y = problem()
    state = trainer.init(seed=0)
    plain = trainer.evaluate(state, (x, y))["loss"]
    assert trainer.step(state, x, y, training=False)[0] == pytest.approx(plain, rel=1e-6)
    assert trainer.step(state, x, y)[0] != pytest.approx(plain, rel=1e-6)


def test_every_step_drops_other_elements_and_a_second_run_the_same() -> None:
    trainer = trainer_of(optim.SGD(0.0), rate=0.5)
    courses = []
    for _ in range(2):
        trainer.fit(trainer.init(seed=0), [problem()] * 4, progress=False)
        courses.append(trainer.history.loss.tolist())
    assert len(set(courses[0])) == 4
    assert courses[0] == courses[1]
