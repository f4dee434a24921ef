"""RNN, LSTM and GRU: shapes, states, cells, errors, and PyTorch's values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import interactive_train as it
from interactive_train import nn, optim
from tests.conftest import require

torch = require("torch")

LAYERS: dict[str, Any] = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
EACH = pytest.mark.parametrize("kind", LAYERS)
BATCH, TIME, INPUT, HIDDEN = 2, 5, 3, 4


def draw(*shape: int, seed: int = 0, dtype: Any = np.float32) -> NDArray[Any]:
    return np.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


def made(kind: str, dtype: Any = np.float32, **options: Any) -> Any:
    return nn.init(LAYERS[kind](INPUT, HIDDEN, **options), seed=0, dtype=dtype)


def as_parts(state: Any) -> tuple[Any, ...]:
    return state if isinstance(state, tuple) else (state,)


@EACH
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
def test_what_comes_out(kind: str, layers: int, bidirectional: bool, sequences: bool) -> None:
    options = {"layers": layers, "bidirectional": bidirectional, "return_sequences": sequences}
    x, directions = draw(BATCH, TIME, INPUT), 1 + bidirectional
    y = made(kind, **options)(x)
    shape = (BATCH, TIME, HIDDEN * directions) if sequences else (BATCH, HIDDEN * directions)
    assert y.shape == shape
    again, state = made(kind, return_state=True, **options)(x)
    np.testing.assert_array_equal(again.numpy(), y.numpy())
    assert [part.shape for part in as_parts(state)] == [
        (layers * directions, BATCH, HIDDEN)
    ] * made(kind).cells[0].recurrence.count
    assert y.dtype == np.float32


@EACH
def test_the_last_output_of_each_direction_is_its_state(kind: str) -> None:
    x = draw(BATCH, TIME, INPUT)
    options = {"bidirectional": True, "return_state": True}
    y, state = made(kind, **options)(x)
    last, _ = made(kind, return_sequences=False, **options)(x)
    h = as_parts(state)[0].numpy()
    np.testing.assert_allclose(last.numpy(), np.concatenate([h[0], h[1]], 1), atol=1e-6)
    np.testing.assert_allclose(y.numpy()[:, -1, :HIDDEN], h[0], atol=1e-6)
    np.testing.assert_allclose(y.numpy()[:, 0, HIDDEN:], h[1], atol=1e-6)


@EACH
@pytest.mark.parametrize("layers", [1, 3])
def test_a_state_continues_a_sequence(kind: str, layers: int) -> None:
    x = draw(BATCH, TIME, INPUT, dtype=np.float64)
    layer = made(kind, np.float64, layers=layers, return_state=True)
    whole, end = layer(x)
    first, state = layer(x[:, :2])
    second, state = layer(x[:, 2:], state)
    np.testing.assert_allclose(
        np.concatenate([first.numpy(), second.numpy()], 1), whole.numpy(), atol=1e-12
    )
    for a, b in zip(as_parts(end), as_parts(state), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-12)


@EACH
@pytest.mark.parametrize("options", [{}, {"bias": False}])
def test_a_cell_takes_the_steps_of_its_layer(kind: str, options: dict[str, Any]) -> None:
    x = draw(BATCH, TIME, INPUT, dtype=np.float64)
    layer = made(kind, np.float64, **options)
    cell, state, rows = layer.cells[0], None, []
    for t in range(TIME):
        state = cell(x[:, t], state)
        rows.append(as_parts(state)[0].numpy())
    np.testing.assert_allclose(np.stack(rows, 1), layer(x).numpy(), atol=1e-12)


@EACH
def test_input_may_be_empty_strided_or_of_another_type(kind: str) -> None:
    layer = made(kind)
    assert layer(np.zeros((0, TIME, INPUT), np.float32)).shape == (0, TIME, HIDDEN)
    x = draw(INPUT, TIME, BATCH)
    np.testing.assert_array_equal(layer(x.T).numpy(), layer(x.T.copy()).numpy())
    with pytest.raises(TypeError, match=rf"nn\.{kind}: the input must be floating"):
        layer(np.zeros((BATCH, TIME, INPUT), np.int64))


def test_paths_name_cells_and_weights() -> None:
    model = nn.init(nn.Sequential(nn.LSTM(3, 4, layers=2, bias=False), nn.Linear(4, 2)), seed=0)
    paths = [path for path, _ in nn.trainables(model, paths=True)]
    assert paths == [
        "layers.0.cells.0.weight_ih",
        "layers.0.cells.0.weight_hh",
        "layers.0.cells.1.weight_ih",
        "layers.0.cells.1.weight_hh",
        "layers.1.weight",
        "layers.1.bias",
    ]


def test_a_new_lstm_remembers() -> None:
    cell = nn.init(nn.LSTMCell(3, 2), seed=0)
    np.testing.assert_array_equal(cell.bias, [0, 0, 1, 1, 0, 0, 0, 0])
    plain = nn.init(nn.LSTM(3, 2, forget_bias=0.0, bias_init=nn.initializers.ones), seed=0)
    np.testing.assert_array_equal(plain.cells[0].bias, np.ones(8))


def test_an_rnn_may_rectify() -> None:
    x = draw(BATCH, TIME, INPUT)
    assert (made("RNN", activation="relu")(x).numpy() >= 0).all()
    with pytest.raises(ValueError, match=r'nn\.RNNCell: activation is "tanh" or "relu"'):
        nn.RNN(3, 4, activation="gelu")


@EACH
def test_what_does_not_fit_is_refused(kind: str) -> None:
    layer, cell = made(kind), made(kind).cells[0]
    for shape in [(BATCH, INPUT), (BATCH, TIME, INPUT + 1), (BATCH, 0, INPUT)]:
        with pytest.raises(ValueError, match=rf"nn\.{kind}: the input has shape \(batch, time, 3"):
            layer(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=rf"nn\.{kind}Cell.*: the input of one step has shape"):
        cell(np.zeros((BATCH, TIME, INPUT), np.float32))
    wrong = np.zeros((2, BATCH, HIDDEN), np.float32)
    given = (wrong, wrong) if kind == "LSTM" else wrong
    with pytest.raises(ValueError, match=rf"nn\.{kind}: the state has shape \(1, 2, 4\)"):
        layer(draw(BATCH, TIME, INPUT), given)
    with pytest.raises(ValueError, match="layers is a positive integer"):
        LAYERS[kind](3, 4, layers=0)


def test_the_state_of_an_lstm_is_a_pair() -> None:
    with pytest.raises(
        TypeError, match=r"nn\.LSTM: the state is a pair \(h, c\); got one array of"
    ):
        made("LSTM")(draw(BATCH, TIME, INPUT), np.zeros((1, BATCH, HIDDEN), np.float32))


@EACH
def test_it_learns_to_remember_the_first_sign(kind: str) -> None:
    x = draw(64, 8, 1)
    y = (x[:, 0, 0] > 0).astype(np.int64)
    model = nn.Sequential(LAYERS[kind](1, 16, return_sequences=False), nn.Linear(16, 2))
    model = it.init(model, seed=1)
    state = it.setup(optim.Adam(0.02), model)

    def loss(m: Any) -> Any:
        return it.losses.cross_entropy_sparse(m(x), y)

    before = float(loss(model))
    for _ in range(80):
        it.update(state, model, it.grad(loss)(model))
    assert float(loss(model)) < 0.3 * before


# PyTorch --------------------------------------------------------------------------------------


def weights_of(peer: Any, kind: str, at: int, directions: int, gradient: bool = False) -> Any:
    """Return a cell's three arrays, or their gradients, out of PyTorch's four."""
    suffix = f"l{at // directions}" + ("_reverse" if at % directions else "")

    def array(name: str) -> NDArray[Any]:
        found = getattr(peer, f"{name}_{suffix}")
        return np.asarray((found.grad if gradient else found.detach()).numpy())

    b_ih, b_hh = array("bias_ih"), array("bias_hh")
    if kind == "GRU":  # PyTorch has the bias of r and z twice
        gates = 2 * HIDDEN
        once = b_ih[:gates] if gradient else b_ih[:gates] + b_hh[:gates]
        bias = np.concatenate([once, b_ih[gates:], b_hh[gates:]])
    else:
        bias = b_ih if gradient else b_ih + b_hh
    return array("weight_ih").T.copy(), array("weight_hh").T.copy(), bias


@pytest.mark.oracle
@EACH
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("own_state", [False, True])
def test_values_and_gradients_are_pytorchs(
    kind: str, layers: int, bidirectional: bool, own_state: bool
) -> None:
    directions, dtype = 1 + bidirectional, torch.float64
    options = {"bidirectional": bidirectional, "batch_first": True, "dtype": dtype}
    torch.manual_seed(0)
    peer = getattr(torch.nn, kind)(INPUT, HIDDEN, num_layers=layers, **options)
    layer = made(kind, np.float64, layers=layers, bidirectional=bidirectional, return_state=True)
    for at, cell in enumerate(layer.cells):
        cell.weight_ih, cell.weight_hh, cell.bias = weights_of(peer, kind, at, directions)
    x = draw(BATCH, TIME, INPUT, dtype=np.float64)
    count = 2 if kind == "LSTM" else 1
    parts = [draw(layers * directions, BATCH, HIDDEN, seed=i, dtype=np.float64) for i in (1, 2)]
    parts = parts[:count]
    weigh = [draw(*s, seed=7, dtype=np.float64) for s in ((BATCH, TIME, HIDDEN * directions),)]
    weigh += [draw(*p.shape, seed=8, dtype=np.float64) for p in parts]

    def run(m: Any, x: Any, parts: Any) -> list[Any]:
        state = (tuple(parts) if count == 2 else parts[0]) if own_state else None
        y, end = m(x, state)
        return [y, *as_parts(end)]

    def loss(given: Any) -> Any:
        return sum((o * w).sum() for o, w in zip(run(*given), weigh, strict=True))

    tensors = [torch.tensor(a, requires_grad=True) for a in (x, *parts)]
    wanted = run(peer, tensors[0], tensors[1:])
    for got, want in zip(run(layer, x, parts), wanted, strict=True):
        np.testing.assert_allclose(got.numpy(), want.detach().numpy(), atol=1e-12)
    sum((o * torch.tensor(w)).sum() for o, w in zip(wanted, weigh, strict=True)).backward()
    of_model, of_x, of_parts = it.grad(loss)((layer, x, parts))
    for at, cell in enumerate(of_model.cells):
        want = weights_of(peer, kind, at, directions, gradient=True)
        for got, expected in zip((cell.weight_ih, cell.weight_hh, cell.bias), want, strict=True):
            np.testing.assert_allclose(np.asarray(got), expected, atol=1e-11)
    np.testing.assert_allclose(np.asarray(of_x), tensors[0].grad.numpy(), atol=1e-11)
    if own_state:
        for got, tensor in zip(of_parts, tensors[1:], strict=True):
            np.testing.assert_allclose(np.asarray(got), tensor.grad.numpy(), atol=1e-11)


@pytest.mark.oracle
def test_relu_is_pytorchs() -> None:
    peer = torch.nn.RNN(INPUT, HIDDEN, nonlinearity="relu", batch_first=True)
    layer = made("RNN", activation="relu")
    cell = layer.cells[0]
    cell.weight_ih, cell.weight_hh, cell.bias = weights_of(peer, "RNN", 0, 1)
    x = draw(BATCH, TIME, INPUT)
    want = peer(torch.tensor(x))[0].detach().numpy()
    np.testing.assert_allclose(layer(x).numpy(), want, atol=1e-6)
