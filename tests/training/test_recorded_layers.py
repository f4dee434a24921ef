"""Every layer trains alike eagerly and recorded, in one piece and in shards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import interactive_train as it
from interactive_train import nn, optim
from tests.program.fits import TOLERANCE, assert_close, both, draw, regression

ROWS, BATCH = 12, 5  # two whole batches and a short one
Make = Callable[[], Any]


class Steps(nn.Module):
    """A cell unrolled by the user."""

    def __init__(self, cell: Any) -> None:
        self.cell = cell

    def forward(self, x: Any) -> Any:
        state = self.cell(x[:, 0])
        for time in range(1, x.shape[1]):
            state = self.cell(x[:, time], state)
        return state[0] if isinstance(state, tuple) else state


class Again(nn.Module):
    """A block whose values are computed again on the way back."""

    def __init__(self, rate: float) -> None:
        self.block = nn.Sequential(nn.Linear(4, 8), nn.tanh, nn.Dropout(rate))

    def forward(self, x: Any) -> Any:
        return nn.remat(lambda block, x: block(x))(self.block, x)


class Tied(nn.Module):
    """One matrix that embeds and, transposed, projects back."""

    def __init__(self) -> None:
        self.weight: Any = nn.Parameter((4, 6), nn.initializers.glorot_uniform)

    def forward(self, x: Any) -> Any:
        return np.tanh(x @ self.weight) @ np.transpose(self.weight)


def chain(*layers: Any) -> Make:
    return lambda: nn.Sequential(*layers)


SHARED = nn.Linear(4, 4)
LAYERS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "Linear": (chain(nn.Linear(4, 3)), (4,)),
    "Linear without bias": (chain(nn.Linear(4, 3, bias=False)), (4,)),
    "Linear on sequences": (chain(nn.Linear(4, 3), nn.tanh), (5, 4)),
    "Dropout": (chain(nn.Linear(4, 8), nn.relu, nn.Dropout(0.4), nn.Linear(8, 3)), (4,)),
    "PReLU": (chain(nn.Linear(4, 8), nn.PReLU(), nn.Linear(8, 3)), (4,)),
    "PReLU of channels": (chain(nn.Linear(4, 8), nn.PReLU(8), nn.Linear(8, 3)), (4,)),
    "Conv1d": (chain(nn.Conv1d(3, 4, 3, stride=2, padding=1)), (3, 9)),
    "Conv1d in groups": (chain(nn.Conv1d(4, 6, 3, dilation=2, groups=2)), (4, 9)),
    "Conv2d": (chain(nn.Conv2d(2, 3, 3, padding=1), nn.relu, nn.Conv2d(3, 2, 2, 2)), (2, 6, 6)),
    "Conv2d depthwise": (chain(nn.Conv2d(4, 4, 3, groups=4), nn.gelu), (4, 5, 5)),
    "ConvTranspose1d": (chain(nn.ConvTranspose1d(3, 2, 3, stride=2, padding=1)), (3, 5)),
    "ConvTranspose2d": (chain(nn.ConvTranspose2d(3, 2, 3, 2, 1, 1)), (3, 4, 4)),
    "MaxPool1d": (chain(nn.Conv1d(2, 3, 3), nn.MaxPool1d(2)), (2, 9)),
    "MaxPool2d": (chain(nn.Conv2d(1, 3, 3), nn.relu, nn.MaxPool2d(2)), (1, 8, 8)),
    "MaxPool2d overlapping": (chain(nn.Conv2d(1, 2, 3), nn.MaxPool2d(3, 2, 1)), (1, 8, 8)),
    "AvgPool1d": (chain(nn.Conv1d(2, 3, 3), nn.AvgPool1d(3, 2, 1)), (2, 9)),
    "AvgPool2d": (chain(nn.Conv2d(1, 3, 3), nn.AvgPool2d(2)), (1, 8, 8)),
    "AdaptiveAvgPool1d": (chain(nn.Conv1d(2, 3, 3), nn.AdaptiveAvgPool1d(3)), (2, 10)),
    "AdaptiveAvgPool2d": (chain(nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d((2, 3))), (1, 8, 8)),
    "GlobalAvgPool": (chain(nn.Conv2d(1, 3, 3), nn.GlobalAvgPool(), nn.Linear(3, 2)), (1, 6, 6)),
    "Flatten": (chain(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)), (1, 4, 4)),
    "BatchNorm": (chain(nn.Linear(4, 6), nn.BatchNorm(6), nn.relu, nn.Linear(6, 2)), (4,)),
    "BatchNorm of images": (
        chain(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm(4), nn.relu),
        (2, 5, 5),
    ),
    "BatchNorm plain": (
        chain(nn.Linear(4, 6), nn.BatchNorm(6, affine=False, track_stats=False), nn.tanh),
        (4,),
    ),
    "GroupNorm": (chain(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)), (2, 5, 5)),
    "InstanceNorm": (chain(nn.Conv2d(2, 4, 3), nn.InstanceNorm(4)), (2, 5, 5)),
    "LayerNorm": (chain(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2)), (4,)),
    "RMSNorm": (chain(nn.Linear(4, 6), nn.RMSNorm(6), nn.Linear(6, 2)), (4,)),
    "RNN": (chain(nn.RNN(3, 5), nn.Linear(5, 2)), (6, 3)),
    "RNN of rectifiers": (chain(nn.RNN(3, 5, activation="relu")), (6, 3)),
    "LSTM": (chain(nn.LSTM(3, 5, return_sequences=False), nn.Linear(5, 2)), (6, 3)),
    "LSTM both ways": (chain(nn.LSTM(3, 4, layers=2, bidirectional=True)), (6, 3)),
    "GRU": (chain(nn.GRU(3, 5), nn.Linear(5, 2)), (6, 3)),
    "GRU both ways": (chain(nn.GRU(3, 4, layers=2, bidirectional=True)), (6, 3)),
    "RNNCell": (lambda: Steps(nn.RNNCell(3, 4)), (3, 3)),
    "LSTMCell": (lambda: Steps(nn.LSTMCell(3, 4)), (3, 3)),
    "GRUCell": (lambda: Steps(nn.GRUCell(3, 4)), (3, 3)),
    "MultiHeadAttention": (chain(nn.MultiHeadAttention(8, 2)), (5, 8)),
    "MultiHeadAttention causal": (
        chain(nn.MultiHeadAttention(8, 4, causal=True, kv_heads=2, rope=True, bias=True)),
        (5, 8),
    ),
    "MultiHeadAttention with dropout": (chain(nn.MultiHeadAttention(8, 2, dropout=0.3)), (5, 8)),
    "TransformerBlock": (chain(nn.TransformerBlock(8, 2, causal=True, dropout=0.1)), (5, 8)),
    "Residual": (chain(nn.Residual(nn.Linear(4, 4)), nn.tanh), (4,)),
    "Residual with shortcut": (
        chain(nn.Residual(nn.Linear(4, 3), shortcut=nn.Linear(4, 3, bias=False))),
        (4,),
    ),
    "Compose": (lambda: nn.Compose(nn.Linear(4, 5), nn.Linear(5, 2)), (4,)),
    "Lambda": (chain(nn.Linear(4, 5), nn.Lambda(lambda x: x * x + x.mean(1, keepdims=True))), (4,)),
    "a layer that stands twice": (chain(SHARED, nn.tanh, SHARED, nn.Linear(4, 2)), (4,)),
    "one matrix used twice": (Tied, (4,)),
    "remat": (chain(Again(0.0), nn.Linear(8, 2)), (4,)),
    "remat with dropout": (chain(Again(0.5), nn.Linear(8, 2)), (4,)),
}
WAYS = [("d", 1), ("d", 3), ("f", 2)]


@pytest.mark.parametrize(("kind", "shards"), WAYS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_trains_alike_eagerly_and_recorded(name: str, kind: str, shards: int) -> None:
    model, shape = LAYERS[name]
    x = draw(ROWS, *shape, dtype=kind)
    rule = optim.SGD(0.05, momentum=0.9)
    trainer, state, data = regression(model, rule, x, np.dtype(kind))
    eager, native, seen = both(
        trainer, state, data, shards=shards, batch_size=BATCH, epochs=2, shuffle=3
    )
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, TOLERANCE[kind])
    assert any(array.tobytes() != native[path].tobytes()
               for path, array in it.tree.flatten_with_paths(state.model))  # fmt: skip


@pytest.mark.parametrize(("kind", "shards"), WAYS)
def test_an_embedding_trains_alike_eagerly_and_recorded(kind: str, shards: int) -> None:
    x = np.random.default_rng(0).integers(0, 7, (ROWS, 4))
    trainer, state, data = regression(
        chain(nn.Embedding(7, 6), nn.TransformerBlock(6, 2, causal=True)),
        optim.SGD(0.05, momentum=0.9), x, np.dtype(kind)
    )  # fmt: skip
    eager, native, seen = both(trainer, state, data, shards=shards, batch_size=BATCH, epochs=2)
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, TOLERANCE[kind])


ACTIVATIONS = """
    celu elu gelu gelu_approx hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
    lisht log_cosh log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax
    softplus softsign sparse_plus sparse_sigmoid squareplus swish tanh tanh_shrink trelu
    glu geglu reglu swiglu
"""


@pytest.mark.parametrize("name", ACTIVATIONS.split())
def test_an_activation_trains_alike_eagerly_and_recorded(name: str) -> None:
    x = draw(ROWS, 4)
    trainer, state, data = regression(
        chain(nn.Linear(4, 6), getattr(nn, name)), optim.SGD(0.05), x, np.float64
    )
    eager, native, seen = both(trainer, state, data, shards=2, batch_size=BATCH)
    assert seen.natively, seen.engine.refused
    assert_close(native, eager, TOLERANCE["d"])


def test_every_layer_is_tested_here() -> None:
    layers = {n for n in nn.__all__ if isinstance(getattr(nn, n), type)
              and issubclass(getattr(nn, n), nn.Module)}  # fmt: skip
    tested = {name.split(" ")[0] for name in LAYERS}
    assert layers - tested == {"Module", "Embedding", "Sequential"}
