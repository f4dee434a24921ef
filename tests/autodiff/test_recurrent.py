"""Gradients of recurrent scans: finite differences, both orders, and what is shared and freed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train.autodiff.check import check_grads
from interactive_train.autodiff.ops import recurrent
from interactive_train.autodiff.tensor import Tensor
from interactive_train.autodiff.transforms import grad
from interactive_train.machine.eager import execution

BATCH, STEPS, HIDDEN = 2, 3, 4
LSTM, GRU, RNN = recurrent.lstm, recurrent.gru, recurrent.rnn
KINDS: dict[str, tuple[recurrent.Recurrence, int, dict[str, Any]]] = {
    "lstm": (LSTM, 4, {}),
    "gru": (GRU, 4, {}),
    "rnn": (RNN, 1, {"rectify": False}),
    "rnn with relu": (RNN, 1, {"rectify": True}),
}


def draw(*shape: int, seed: int = 0, dtype: Any = np.float64) -> NDArray[Any]:
    return np.asarray(0.5 * np.random.default_rng(seed).normal(size=shape), dtype)


def arguments(kind: str, dtype: Any = np.float64, steps: int = STEPS) -> tuple[NDArray[Any], ...]:
    """pre, w, bias, and the arrays of the state."""
    found, biases, _ = KINDS[kind]
    width = found.gates * HIDDEN
    shapes = [(BATCH, steps, width), (HIDDEN, width), (biases * HIDDEN,)]
    shapes += [(BATCH, HIDDEN)] * found.count
    return tuple(draw(*shape, seed=i, dtype=dtype) for i, shape in enumerate(shapes))


def scanned(kind: str, *inputs: Any, **options: Any) -> Tensor:
    recurrence, _, own = KINDS[kind]
    pre, w, bias, *state = inputs
    return recurrence(pre, w, bias, state=state or None, **options, **own)


CASES = [
    (kind, last, cell)
    for kind, last, cell in itertools.product(KINDS, (False, True), (False, True))
    if kind == "lstm" or not cell
]


@pytest.mark.parametrize(("kind", "last", "cell"), CASES)
def test_first_and_second_order(kind: str, last: bool, cell: bool) -> None:
    options: dict[str, Any] = {"last": last, "cell": cell}
    check_grads(lambda *x: scanned(kind, *x, **options), arguments(kind), order=2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1, 4])
def test_without_an_initial_state_it_is_zeros(kind: str, steps: int) -> None:
    pre, w, bias, *state = arguments(kind, steps=steps)
    check_grads(lambda *x: scanned(kind, *x), (pre, w, bias), order=2)
    zeros = [np.zeros_like(s) for s in state]
    np.testing.assert_array_equal(
        scanned(kind, pre, w, bias).numpy(), scanned(kind, pre, w, bias, *zeros).numpy()
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_scan_is_one_step_after_the_other(kind: str, dtype: Any) -> None:
    recurrence, _, own = KINDS[kind]
    pre, w, bias, *state = [Tensor(x) for x in arguments(kind, dtype)]
    options: dict[str, Any] = {"last": False, "cell": kind == "lstm"}
    y = scanned(kind, pre, w, bias, *state, **options)
    want = recurrence.unrolled(pre, w, bias, *state, lead=True, **options, **own)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), want.numpy(), atol=1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_checked_execution_gives_the_same(kind: str) -> None:
    pre, w, bias, *state = arguments(kind)

    def loss(w: Any) -> Any:
        return (scanned(kind, pre, w, bias, *state) ** 2).sum()

    native = grad(loss)(w)
    with execution("checked"):
        checked = grad(loss)(w)
    np.testing.assert_allclose(native.numpy(), checked.numpy(), atol=1e-12)


def test_checked_execution_names_where_a_nan_arose() -> None:
    pre, w, bias = arguments("rnn with relu")[:3]
    w[0, 0], pre[:, 0] = 1e300, 1e300
    with execution("checked"), pytest.raises(FloatingPointError, match="rnn_scan"):
        scanned("rnn with relu", pre, w, bias)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch_has_gradients_of_zero(kind: str) -> None:
    pre, w, bias, *state = arguments(kind)
    none = [s[:0] for s in state]
    g = grad(lambda w: scanned(kind, pre[:0], w, bias, *none).sum())(w)
    assert scanned(kind, pre[:0], w, bias, *none).shape == (0, STEPS, HIDDEN)
    np.testing.assert_array_equal(g.numpy(), np.zeros_like(w))


@pytest.mark.parametrize("kind", KINDS)
def test_one_backward_scan_serves_all_inputs(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recurrence = KINDS[kind][0]
    calls = []
    run = recurrence.gradient.apply
    monkeypatch.setattr(recurrence.gradient, "apply", lambda *a: calls.append(1) or run(*a))  # type: ignore[func-returns-value]
    grad(lambda inputs: scanned(kind, *inputs).sum())(arguments(kind))
    assert len(calls) == 1
    assert not recurrent._kept  # and nothing of it stays


def test_two_applications_do_not_share_gradients() -> None:
    """Weights that are used twice get both contributions."""
    pre, w, bias = arguments("rnn")[:3]

    def twice(w: Any) -> Any:
        return scanned("rnn", scanned("rnn", pre, w, bias), w, bias)

    check_grads(twice, (w,), order=2)


def test_relu_at_zero_has_gradient_zero() -> None:
    zeros = np.zeros((1, 2, 1))
    g = grad(lambda x: scanned("rnn with relu", x, np.ones((1, 1)), np.zeros(1)).sum())(zeros)
    np.testing.assert_array_equal(g.numpy(), zeros)
