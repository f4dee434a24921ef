"""Tracker, evaluate and evaluate_many: means by examples, whatever the batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import metrics

X = np.arange(10.0)
Y = (X > 6).astype(int)


def test_a_tracker_keeps_running_means_by_name() -> None:
    tracker = metrics.Tracker()
    assert tracker.summary() == ""
    for value in (1.0, 2.0, 6.0):
        tracker.observe("loss", value)
    tracker.observe("accuracy", np.float32(0.915))
    assert tracker.mean("loss") == 3.0
    assert (tracker.count("loss"), tracker.count("accuracy")) == (3, 1)
    assert tracker.summary() == "accuracy: 0.9150  loss: 3.0000"
    assert list(tracker.to_dict()) == ["accuracy", "loss"]
    assert repr(tracker) == "Tracker(accuracy: 0.9150  loss: 3.0000)"
    tracker.reset()
    assert tracker.to_dict() == {}


def test_the_guides_summary() -> None:
    tracker = metrics.Tracker()
    tracker.observe("loss", 0.4231)
    tracker.observe("accuracy", 0.915)
    assert tracker.summary() == "accuracy: 0.9150  loss: 0.4231"


def test_a_tracker_weighs_by_examples_if_told_and_takes_tensors() -> None:
    tracker = metrics.Tracker()
    tracker.observe("loss", it.Tensor(1.0), examples=3)
    tracker.observe("loss", np.array(5.0), examples=np.int64(1))  # type: ignore[arg-type]
    assert (tracker.mean("loss"), tracker.count("loss")) == (2.0, 4)


def test_evaluate_weighs_batches_by_their_examples() -> None:
    data = it.batches(X, Y, batch_size=4, drop_last=False)
    assert metrics.evaluate(lambda x, y: x.mean(), data) == pytest.approx(X.mean())
    assert metrics.evaluate(lambda x: x.mean(), it.batches(X, batch_size=4, drop_last=False)) == (
        pytest.approx(X.mean())
    )
    by_name = metrics.evaluate_many(lambda x, y: {"x": x.mean(), "a": y.mean()}, data)
    assert by_name == pytest.approx({"a": Y.mean(), "x": X.mean()})
    assert list(by_name) == ["a", "x"]


def test_a_metric_of_the_package_is_exact_where_a_mean_of_means_is_not() -> None:
    p = np.random.default_rng(0).random(10)
    data = it.batches(p, Y, batch_size=4, drop_last=False)
    for metric in (metrics.f1, metrics.roc_auc, metrics.accuracy):
        assert metrics.evaluate(metric, data) == metric(p, Y)
    macro = partial(metrics.f1, average="macro")
    assert metrics.evaluate(macro, data) == metrics.f1(p, Y, average="macro")
    mapped = data.map(lambda x, y: (1 - x, y))
    assert metrics.evaluate(metrics.f1, mapped) == metrics.f1(1 - p, Y)
    np.testing.assert_array_equal(
        metrics.evaluate(metrics.confusion_matrix, data), metrics.confusion_matrix(p, Y)
    )


def test_a_name_that_is_missing_now_and_then_is_averaged_over_where_it_is() -> None:
    def f(x: Any) -> dict[str, float]:
        return {"x": x.mean(), **({"late": 1.0} if x[0] > 0 else {})}

    found = metrics.evaluate_many(f, it.batches(X, batch_size=4, drop_last=False))
    assert found == pytest.approx({"late": 1.0, "x": 4.5})


def test_single_examples_and_things_without_rows_count_once() -> None:
    assert metrics.evaluate(lambda x, y: y, it.Data.from_arrays(np.ones((4, 3)), X[:4])) == 1.5
    assert metrics.evaluate(float, [1, 2, 6]) == 3.0
    assert metrics.evaluate(len, ["a", "bcd"]) == 2.0
    assert metrics.evaluate(lambda d: d["x"].sum(), [{"x": np.ones(3)}, {"x": np.zeros(1)}]) == 2.25
    data = it.batches(X, Y, batch_size=5).map(lambda x, y: (x, lambda out: out - y.sum()))
    assert metrics.evaluate(lambda x, loss: loss(x.sum()), data) == (10.0 + 32.0) / 2


def once() -> Iterator[int]:
    yield 1


def used_up() -> Iterator[int]:
    elements = once()
    next(elements)
    return elements


def test_what_a_function_raises_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        metrics.evaluate(lambda x: 1 / 0, [1])


BAD: list[tuple[str, type[Exception], str]] = [
    ("evaluate(3, [1])", TypeError, r"metrics\.evaluate: f must be a function; got 3"),
    ("evaluate(float, [])", ValueError, r"metrics\.evaluate: there must be an element; got none"),
    ("evaluate(float, used_up())", ValueError, r"there must be an element; .*used up is empty too"),
    ("evaluate(metrics.f1, [])", ValueError, r"there must be an element; got none"),
    ("evaluate(float, 3)", TypeError, r"data gives elements one by one; got 3\. Give it\.batches"),
    ("evaluate(float, (X, Y))", TypeError, r"one by one; got a tuple of 2 arrays\. Give it\.bat"),
    ("evaluate(float, X)", TypeError, r"one by one; got an array of shape \(10,\)"),
    ("evaluate(float, 'abc')", TypeError, r"one by one; got 'abc'"),
    (
        "evaluate(lambda x: 'a', [1])",
        TypeError,
        r"what <lambda> returns must be a real number; got",
    ),
    ("evaluate(lambda x: np.nan, [1])", ValueError, r"what <lambda> returns must be a finite num"),
    (
        "evaluate(lambda x: x.sum(), [X[:0]])",
        ValueError,
        r"an element has an example; got one of 0",
    ),
    ("evaluate(metrics.f1, [X])", TypeError, r"elements \(predictions, targets\); got an array of"),
    (
        "evaluate(metrics.f1, [(X, Y, Y)])",
        TypeError,
        r"got a tuple of 3\. Map the model over the d",
    ),
    (
        "evaluate_many(None, [1])",
        TypeError,
        r"metrics\.evaluate_many: f must be a function; got No",
    ),
    (
        "evaluate_many(lambda x: {}, [])",
        ValueError,
        r"evaluate_many: there must be an element; got",
    ),
    (
        "evaluate_many(float, [1])",
        TypeError,
        r"float returns numbers by name; got 1\.0\. Return for",
    ),
    ("evaluate_many(lambda x: {1: 2.0}, [1])", TypeError, r"<lambda> returns numbers by name; got"),
    (
        "evaluate_many(lambda x: {'a': 'b'}, [1])",
        TypeError,
        r"the value of 'a' must be a real numbe",
    ),
    (
        "Tracker().observe('loss', np.nan)",
        ValueError,
        r"Tracker\.observe: the value of 'loss' must",
    ),
    ("Tracker().observe('loss', 'a')", TypeError, r"the value of 'loss' must be a real number"),
    ("Tracker().observe(3, 1.0)", TypeError, r"Tracker\.observe: name is a text; got 3"),
    ("Tracker().observe('', 1.0)", TypeError, r"name is a text; got ''"),
    ("Tracker().observe('loss', 1.0, 0)", ValueError, r"examples must be an integer of at least 1"),
    (
        "Tracker().mean('loss')",
        KeyError,
        r"Tracker\.mean: the name must have been observed; got .*loss",
    ),
    ("Tracker().count('loss')", KeyError, r"Tracker\.count: .*There are none here"),
    ("seen().mean('los')", KeyError, r"got .*los.*\. Did you mean \"loss\"\?"),
]


def seen() -> metrics.Tracker:
    tracker = metrics.Tracker()
    tracker.observe("loss", 1.0)
    return tracker


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[case[0] for case in BAD])
def test_refuses_bad_input(call: str, error: type[Exception], message: str) -> None:
    prefix = "" if call.startswith("seen") else "metrics."
    with pytest.raises(error, match=message):
        eval(prefix + call, {**globals()})
