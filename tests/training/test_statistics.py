"""Statistics of the layers, against NumPy on a model that one can write down, and a real step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import interactive_train as it
from interactive_train import losses, nn, optim
from interactive_train.training.views.distribution import BINS, distribution
from tests.training.common import all_bits, problem, trainer_of


def started(rule: Any = None, **options: Any) -> it.Run:
    """Return a run that rests behind some steps of a line with a hidden layer."""
    random = np.random.default_rng(1)
    x = random.normal(size=(32, 3)).astype(np.float32)
    y = random.normal(size=(32, 2)).astype(np.float32)
    model = nn.Sequential(nn.Linear(3, 4), nn.relu, nn.Linear(4, 2))
    trainer = it.Trainer(model, rule or optim.SGD(0.1), loss=losses.mse)
    options = {"batch_size": 8} | options
    run = trainer.start(trainer.init(seed=0), (x, y), epochs=1, **options).wait()
    return further(run, 2)


def further(run: it.Run, steps: int) -> it.Run:
    """Take some more steps."""
    run.extend(steps=steps)
    return run.wait()


def by_hand(run: it.Run) -> dict[str, NDArray[Any]]:
    """Return gradients and activations of the third batch, worked out in NumPy."""
    random = np.random.default_rng(1)
    x = random.normal(size=(32, 3)).astype(np.float32)[16:24].astype(np.float64)
    y = random.normal(size=(32, 2)).astype(np.float32)[16:24].astype(np.float64)
    arrays = {p: np.float64(a) for p, a in it.tree.flatten_with_paths(run.state.model)}
    hidden = x @ arrays["layers.0.weight"] + arrays["layers.0.bias"]
    active = np.maximum(hidden, 0)
    out = active @ arrays["layers.2.weight"] + arrays["layers.2.bias"]
    d_out = 2 * (out - y) / out.size
    d_hidden = (d_out @ arrays["layers.2.weight"].T) * (hidden > 0)
    return {
        "layers.0.weight": x.T @ d_hidden,
        "layers.0.bias": d_hidden.sum(0),
        "layers.2.weight": active.T @ d_out,
        "layers.2.bias": d_out.sum(0),
        "hidden": hidden,
        "active": active,
        "out": out,
    }


def test_gradient_norms_and_histograms_are_those_of_numpy() -> None:
    run = started()
    found, expected = run.statistics(), by_hand(run)
    assert found.step == run.step == 6
    assert list(found.arrays) == list(run.state.opt_state.places())
    for path, array in found.arrays.items():
        g = array.gradients
        assert g is not None
        np.testing.assert_allclose(array.gradient_norm, np.linalg.norm(expected[path]), rtol=1e-5)
        np.testing.assert_allclose(g.mean, expected[path].mean(), rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(g.std, expected[path].std(), rtol=1e-4, atol=1e-7)
    weights = dict(it.tree.flatten_with_paths(run.state.model))["layers.0.weight"]
    seen = found.arrays["layers.0.weight"].weights
    counts, _ = np.histogram(weights, BINS, (seen.start, seen.stop))
    np.testing.assert_array_equal(seen.counts, counts)
    assert found.arrays["layers.0.weight"].shape == (3, 4)


def test_outputs_of_layers_and_functions_are_seen_where_they_stand() -> None:
    run = started()
    outputs, expected = run.statistics().outputs, by_hand(run)
    kinds = {path: found.kind for path, found in outputs.items()}
    assert kinds == {
        "layers.0": "Linear",
        "layers.1": "relu",
        "layers.2": "Linear",
        "": "Sequential",
    }
    for path, name in (("layers.0", "hidden"), ("layers.1", "active"), ("layers.2", "out")):
        values = outputs[path].values
        assert outputs[path].shape == expected[name].shape
        np.testing.assert_allclose(values.norm, np.linalg.norm(expected[name]), rtol=1e-5)
        np.testing.assert_allclose(values.high, expected[name].max(), rtol=1e-5)
    assert outputs["layers.1"].values.zeros == int((expected["active"] == 0).sum())


@pytest.mark.parametrize(
    "rule", [optim.SGD(0.1), optim.Adam(0.01), optim.SGD(0.05, momentum=0.9)], ids=repr
)
@pytest.mark.parametrize("clip", [None, 0.01])
def test_the_update_is_the_one_that_the_next_step_makes(rule: Any, clip: float | None) -> None:
    run = started(rule, clip_norm=clip)
    found = run.statistics()
    before = dict(it.tree.flatten_with_paths(run.state.model))
    further(run, 1)
    for path, after in it.tree.flatten_with_paths(run.state.model):
        moved = np.linalg.norm(np.float64(after) - np.float64(before[path]))
        np.testing.assert_allclose(found.arrays[path].update_norm, moved, rtol=2e-3)
        ratio = moved / np.linalg.norm(np.float64(before[path]))
        np.testing.assert_allclose(found.arrays[path].update_ratio, ratio, rtol=2e-3)


def test_looking_changes_nothing_and_takes_nothing_from_the_data() -> None:
    ends = []
    for looks in (0, 3):
        trainer = trainer_of()
        run = trainer.start(trainer.init(seed=1), problem(), batch_size=10, epochs=1).wait()
        further(run, 3)
        for _ in range(looks):
            run.statistics()
        further(run, 6)
        ends.append(all_bits(run.state))
    assert ends[0] == ends[1]


def test_a_frozen_array_rests() -> None:
    run = started()
    run.freeze("layers.0")
    found = run.statistics().arrays
    resting, other = found["layers.0.weight"], found["layers.2.weight"]
    assert (resting.frozen, resting.gradients, resting.update_norm) == (True, None, 0.0)
    assert not other.frozen
    assert other.update_norm > 0


def test_the_mean_over_accumulated_batches_is_looked_at() -> None:
    whole = started(optim.SGD(0.1), batch_size=16).statistics()
    parts = started(optim.SGD(0.1), batch_size=8, accumulate=2).statistics()
    for path, array in whole.arrays.items():
        np.testing.assert_allclose(parts.arrays[path].gradient_norm, array.gradient_norm, rtol=1e-4)


def test_data_that_come_once_are_looked_at_with_the_newest_batch() -> None:
    x, y = problem()

    def endless() -> Iterator[Any]:
        for _ in range(3):
            yield x[:8], y[:8]

    trainer = trainer_of()
    run = trainer.start(trainer.init(seed=0), endless(), epochs=1).wait()
    assert run.statistics().outputs["layers.0"].shape == (8, 8)


def test_behind_the_last_batch_of_a_pass_that_one_is_looked_at() -> None:
    run = started()
    run._session.position = 32  # as between the last step of a pass and its evaluation
    np.testing.assert_allclose(run.statistics().outputs["layers.0"].values.size, 8 * 4)


def test_what_dropout_drops_is_what_the_next_step_drops() -> None:
    trainer = trainer_of(optim.SGD(0.0), rate=0.5)
    run = trainer.start(trainer.init(seed=3), problem(), batch_size=8, epochs=1).wait()
    norms = [array.gradient_norm for array in run.statistics().arrays.values()]
    further(run, 1)
    expected = run.history.column("gradient_norm", 0)[-1]
    np.testing.assert_allclose(np.linalg.norm(norms), expected, rtol=1e-5)


def test_what_is_not_finite_is_counted_and_said() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Lambda(np.log), nn.Linear(2, 1))
    trainer = it.Trainer(model, optim.SGD(0.1), loss=losses.mse)
    x, y = np.full((4, 2), 1e3, np.float32), np.zeros((4, 1), np.float32)
    run = trainer.start(trainer.init(seed=0), (x, y), batch_size=4, epochs=1, on_nonfinite="skip")
    found = run.wait().statistics()
    assert "must be finite" in found.message
    assert found.outputs["layers.1"].values.nans > 0
    assert np.isnan(found.arrays["layers.0.weight"].update_ratio)
    assert found.arrays["layers.0.weight"].gradients is None


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=10_000),
        np.random.default_rng(0).normal(3, size=(70, 1000)).astype(np.float32)[:, ::2],
        np.where(np.arange(40_000) % 999, 1.5, np.inf),
        np.random.default_rng(0).standard_cauchy(size=5000),
        np.zeros(7),
        np.full(5, -3.25),
        np.array([1e-30, 2e-30]),
        np.array([0.0] * 50 + [1.0]),
        np.array([np.nan, np.inf, -np.inf, 1.0]),
        np.array([np.nan]),
        np.array([3e38, -3e38], dtype=np.float32),
    ],
    ids=[
        "normal",
        "pieces",
        "gaps",
        "tails",
        "zeros",
        "equal",
        "tiny",
        "rare",
        "mixed",
        "none",
        "large",
    ],
)
def test_every_number_is_counted_once(values: NDArray[Any]) -> None:
    found = distribution(values)
    outside = found.below + found.above + found.nans + found.infinities
    assert int(found.counts.sum()) + outside == found.size == values.size
    finite = np.float64(values[np.isfinite(values)])
    if finite.size:
        assert found.start < found.stop
        assert (found.below, found.above) == (
            int((finite < found.start).sum()),
            int((finite > found.stop).sum()),
        )
        assert (found.low, found.high) == (finite.min(), finite.max())
        counts, _ = np.histogram(finite, BINS, (found.start, found.stop))
        np.testing.assert_array_equal(found.counts, counts)
        np.testing.assert_allclose(found.mean, finite.mean(), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.std, finite.std(), rtol=1e-9, atol=1e-12)
        scale = np.abs(finite).max() or 1.0
        np.testing.assert_allclose(found.norm, np.linalg.norm(finite / scale) * scale)


def test_an_outlier_does_not_hide_the_rest() -> None:
    values = np.append(np.random.default_rng(0).normal(size=9999), 1e6)
    found = distribution(values)
    assert found.stop < 5
    assert found.above >= 1
    assert (found.counts > 0).sum() > 15


def test_the_table_names_every_array() -> None:
    text = str(started().statistics())
    assert "norms at step 6" in text
    assert "layers.2.bias" in text
