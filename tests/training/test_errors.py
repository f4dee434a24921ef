"""Bad input of every kind, to fit, start and train: a clear error, and nothing trained is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import losses, metrics, nn, optim
from tests.training.common import all_bits, network, parameter_bits, problem, trainer_of

X, Y = problem()
GOOD = (X[:8], Y[:8])


def failing_report(step: int) -> None:
    """Raise behind the third step."""
    if step == 3:
        raise ZeroDivisionError("in a report")


def spoiled_labels() -> Any:
    labels = Y[:8].copy()
    labels[5] = 7
    return labels


def poisoned() -> Any:
    x = X[:8].copy()
    x[2, 1] = np.nan
    return x


# Three good steps come first; the fourth element, or a report behind the third step, is bad.
BAD: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "an input of another shape": (
        (X[:8, :3], Y[:8]),
        None,
        ValueError,
        r"nn.Linear at layers.0: the last axis of the input has 4 features; got shape \(8, 3\)\. "
        r"Reshape the input, or declare nn.Linear\(3, 8\)",
    ),
    "labels of another shape": (
        (X[:8], Y[:7]),
        None,
        ValueError,
        r"losses.cross_entropy_sparse: logits have one axis more .*got logits \(8, 3\) and labels "
        r"\(7,\)",
    ),
    "an integer input": (
        ((X[:8] * 10).astype(np.int64), Y[:8]),
        None,
        TypeError,
        r"nn.Linear at layers.0: the input must be floating; got int64 of shape \(8, 4\)\. "
        r"Convert it with x.astype\(np.float32\)",
    ),
    "a label out of range": (
        (X[:8], spoiled_labels()),
        None,
        IndexError,
        r"every label lies in 0 \.\.\. 2; got 7 at position 5\. There are 3 classes",
    ),
    "labels that are not integers": (
        (X[:8], Y[:8].astype(float)),
        None,
        TypeError,
        "losses.cross_entropy_sparse: labels are integers; got float64",
    ),
    "a loss of NaN": (
        (poisoned(), Y[:8]),
        None,
        it.NonFiniteError,
        r"the loss must be finite; got nan at step 4\. Nothing of that step was applied: the "
        r"weights are those after step 3\. A lower learning rate",
    ),
    "a report that raises": (GOOD, failing_report, ZeroDivisionError, "in a report"),
}


@pytest.mark.parametrize("case", BAD)
def test_fit_raises_and_keeps_the_last_state(case: str) -> None:
    element, report, kind, message = BAD[case]
    trainer = trainer_of()
    good = trainer.fit(trainer.init(seed=0), [GOOD] * 3, progress=False)
    with pytest.raises(kind, match=message) as caught:
        trainer.fit(trainer.init(seed=0), [*[GOOD] * 3, element], report=report, progress=False)
    assert "3 steps were completed; trainer.last_state holds" in caught.value.__notes__[-1]
    kept = trainer.last_state
    assert kept is not None
    assert all_bits(kept)[:4] == all_bits(good)[:4]
    assert len(trainer.history) == 3
    assert trainer.fit(kept, [GOOD], progress=False).step == 4


@pytest.mark.parametrize("case", BAD)
def test_a_run_fails_keeps_its_state_and_can_be_extended(case: str) -> None:
    element, report, kind, message = BAD[case]
    trainer = trainer_of()
    good = trainer.fit(trainer.init(seed=0), [GOOD] * 3, progress=False)
    elements = [*[GOOD] * 3, element]
    data = it.Data.from_fn(4, lambda i: elements[i])
    run = trainer.start(trainer.init(seed=0), data, epochs=1, report=report, on_nonfinite="raise")
    for _ in range(2):
        with pytest.raises(kind, match=message):
            run.wait(10)
    assert (run.status, run.step) == ("failed", 3)
    assert all_bits(run.state)[:4] == all_bits(good)[:4]
    assert run.state.position == (0, 3)
    assert run.view().message.startswith(kind.__name__)
    elements[3] = GOOD
    run.extend(steps=1)
    assert run.wait(10).step == 4
    assert (run.status, run.error, run.view().message) == ("finished", None, "")


@pytest.mark.parametrize("case", BAD)
def test_train_keeps_the_steps_in_place(case: str) -> None:
    element, report, kind, message = BAD[case]
    ends = []
    for bad in (False, True):
        model = it.init(network(), seed=0)
        opt_state = it.setup(optim.Adam(0.01), model)
        data = [*[GOOD] * 3, element] if bad else [GOOD] * 3

        def loss(m: Any, x: Any, y: Any) -> Any:
            return losses.cross_entropy_sparse(m(x), y)

        def run(m: Any = model, d: Any = data, o: Any = opt_state, told: bool = bad) -> None:
            it.train(loss, m, d, o, seed=0, progress=False, report=report if told else None)

        if bad:
            with pytest.raises(kind, match=message) as caught:
                run()
            assert "it.train: 3 steps were completed" in caught.value.__notes__[-1]
        else:
            run()
        moments = [
            v.tobytes()
            for v in opt_state["layers.0.weight"].state.values()
            if isinstance(v, np.ndarray)
        ]
        leaves = [leaf.tobytes() for _, leaf in it.tree.flatten_with_paths(model)]
        ends.append((leaves, moments, opt_state.step))
    assert ends[0] == ends[1]


def fit(**options: Any) -> Callable[[], object]:
    def call() -> object:
        trainer = trainer_of()
        given: dict[str, Any] = {"data": (X, Y), "batch_size": 8, "progress": False} | options
        state = given.pop("state", None) or trainer.init()
        return trainer.fit(state, given.pop("data"), **given)

    return call


def start(**options: Any) -> Callable[[], object]:
    def call() -> object:
        trainer = trainer_of()
        return trainer.start(trainer.init(), (X, Y), batch_size=8, epochs=1, **options)

    return call


def train(*arguments: Any, **options: Any) -> Callable[[], object]:
    return lambda: it.train(*arguments, progress=False, **options)


def squares(model: Any, x: Any) -> Any:
    return (model["w"] ** 2).sum() * x


W = {"w": np.ones(2)}
LOCKED = {"w": np.ones(2)}
STATE = it.setup(optim.SGD(0.1), LOCKED)
LOCKED["w"].flags.writeable = False

REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "an empty list": (
        fit(data=[], batch_size=None),
        ValueError,
        r"trainer.fit: there must be an element to train on; got none from Data.from_list\(\[0 ite",
    ),
    "an empty pipeline": (
        fit(data=it.Data.from_fn(0, lambda i: GOOD), batch_size=None),
        ValueError,
        "trainer.fit: there must be an element",
    ),
    "an iterator that was used up": (
        fit(data=iter([]), batch_size=None),
        ValueError,
        "trainer.fit: there must be an element .* used up",
    ),
    "arrays without rows": (
        fit(data=(X[:0], Y[:0])),
        ValueError,
        "trainer.fit: there must be an element",
    ),
    "arrays of unequal rows": (fit(data=(X, Y[:-1])), ValueError, "trainer.fit: .*40.*39"),
    "an empty batch": (
        fit(data=[(X[:0], Y[:0])], batch_size=None),
        ValueError,
        "losses.cross_entropy_sparse: needs at least one example",
    ),
    "a number for data": (fit(data=3, batch_size=None), TypeError, "trainer.fit: data must be"),
    "elements without targets": (
        fit(data=[X[:8]], batch_size=None),
        TypeError,
        r"trainer.fit: an element of data is \(x, targets\) or \(x, loss_fn\); got ndarray",
    ),
    "elements with too much": (
        fit(data=[(*GOOD, 1)], batch_size=None),
        TypeError,
        "trainer.fit: an element .* got a tuple of 3",
    ),
    "no epochs": (fit(epochs=0), ValueError, "trainer.fit: epochs .* at least 1; got 0"),
    "half an epoch": (fit(epochs=0.5), TypeError, "trainer.fit: epochs .* got 0.5"),
    "a batch size in words": (fit(batch_size="big"), TypeError, "batch_size .* got 'big'"),
    "a shuffle that is a bool": (fit(shuffle=True), TypeError, "a seed is an integer"),
    "a model for a state": (
        fit(state=nn.Linear(2, 2)),
        TypeError,
        r"trainer.fit: the first argument is a TrainState; got Linear\. Make one with state = tra",
    ),
    "a policy that is none": (
        fit(on_nonfinite="ignore"),
        ValueError,
        "trainer.fit: on_nonfinite is .*; got 'ignore'",
    ),
    "a fit that pauses": (
        fit(on_nonfinite="pause"),
        ValueError,
        'trainer.fit: on_nonfinite is "raise" or "skip"; got \'pause\'',
    ),
    "progress in words": (fit(progress="no"), TypeError, "trainer.fit: progress must be True or"),
    "a report that is no function": (
        fit(report=3),
        TypeError,
        "trainer.fit: a report is a callable; got 3",
    ),
    "a report with an unknown keyword": (
        fit(report=lambda los: None),
        TypeError,
        r"trainer.fit: a report asks for step, .*; got 'los'\. Did you mean \"loss\"",
    ),
    "a report of positions": (
        fit(report=lambda loss, /: None),
        TypeError,
        "trainer.fit: a report is called with keywords; got 'loss', which is positional only",
    ),
    "metrics without validation": (
        fit(metrics=[metrics.accuracy]),
        ValueError,
        "trainer.fit: metrics are those of validation data",
    ),
    "metrics in words": (fit(metrics="accuracy"), TypeError, "trainer.fit: metrics is a dict"),
    "validation that passes once": (
        fit(validation=iter([GOOD])),
        TypeError,
        "trainer.fit: validation data are asked for again behind every pass; got list_iterator",
    ),
    "validation by closures with metrics": (
        fit(validation=[(X, lambda p: p.mean())], metrics=[metrics.accuracy]),
        TypeError,
        "trainer.fit: metrics need targets; got an element",
    ),
    "a pace of 0": (start(pace=0), ValueError, "run.pace: the pace .* got 0"),
    "a pace in words": (start(pace="slow"), TypeError, "run.pace: the pace .* got 'slow'"),
    "a time in words": (start(max_seconds="1 min"), TypeError, "trainer.start: max_seconds"),
    "no time": (start(max_seconds=0), ValueError, "trainer.start: max_seconds"),
    "a trainer of a class": (
        lambda: it.Trainer(nn.Linear, optim.SGD()),
        TypeError,
        "it.Trainer: the first argument is a model; got the class Linear",
    ),
    "a trainer of a dict": (
        lambda: it.Trainer(W, optim.SGD()),
        TypeError,
        "it.Trainer: the first argument is a model; got {'w'",
    ),
    "a trainer with a rule's class": (
        lambda: it.Trainer(network(), optim.SGD),
        TypeError,
        "it.Trainer: the second argument is a rule; got the class SGD",
    ),
    "a trainer with a loss that is none": (
        lambda: it.Trainer(network(), optim.SGD(), loss="mse"),  # type: ignore[arg-type]
        TypeError,
        "it.Trainer: the loss is a function; got 'mse'",
    ),
    "targets without a loss": (
        lambda: it.Trainer(network(), optim.SGD()).step(trainer_of().init(), *GOOD),
        TypeError,
        "trainer.step: a loss is needed for elements",
    ),
    "a step without targets": (
        lambda: trainer_of().step(trainer_of().init(), X),
        TypeError,
        "trainer.step: needs targets or loss=; got neither",
    ),
    "a loss per example": (
        train(lambda m, x: m["w"] ** 2, W, [1.0], it.setup(optim.SGD(), W)),
        TypeError,
        r"it.train: the loss is one floating number; got shape \(2,\)",
    ),
    "a loss that is not returned": (
        train(lambda m, x: None, W, [1.0], it.setup(optim.SGD(), W)),
        TypeError,
        "it.train: the loss function returns the loss; got None. Is a return missing",
    ),
    "arguments in another order": (
        train(W, squares, [1.0], it.setup(optim.SGD(), W)),
        TypeError,
        "it.train: the first argument is the loss",
    ),
    "a model for an optimiser state": (
        train(squares, W, [1.0], W),
        TypeError,
        r"it.train: the last argument is the optimiser state .*; got dict\. Make it with",
    ),
    "a part of an optimiser state": (
        train(squares, {"a": W}, [1.0], it.setup(optim.SGD(), {"a": W})["a"]),
        TypeError,
        "it.train: the last argument is the optimiser state of the whole model; got a part of",
    ),
    "a model that was locked since": (
        train(squares, LOCKED, [1.0], STATE),
        ValueError,
        "it.train: writes to the model's arrays; got a read-only array at 'w'",
    ),
    "an optimiser state of another model": (
        train(squares, W, [1.0], it.setup(optim.SGD(), {"v": np.ones(2)})),
        KeyError,
        "it.train: 'v' must exist in the tree",
    ),
    "an empty pass": (
        train(squares, W, [], it.setup(optim.SGD(), W)),
        ValueError,
        "it.train: there must be an element to train on",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, kind, message = REFUSED[case]
    with pytest.raises(kind, match=message):
        call()
    assert (W["w"] == 1.0).all()


def test_a_run_that_cannot_start_leaves_no_run_behind() -> None:
    known = len(it.runs)
    for options in ({"pace": 0}, {"max_seconds": "x"}, {"report": 3}):
        with pytest.raises((TypeError, ValueError), match="got"):
            start(**options)()
    assert len(it.runs) == known


def test_validation_that_fails_keeps_the_pass_before_it() -> None:
    trainer = trainer_of()
    with pytest.raises(ValueError, match=r"nn.Linear at layers.0"):
        trainer.fit(trainer.init(), (X, Y), batch_size=8, progress=False, validation=(X[:, :3], Y))
    kept = trainer.last_state
    assert kept is not None
    whole = trainer.fit(trainer.init(), (X, Y), batch_size=8, progress=False)
    assert parameter_bits(kept) == parameter_bits(whole)
    assert kept.position == whole.position == (1, 0)
