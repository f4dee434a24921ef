"""What is timed: the sizes, the data and the smallest work of every workload.

A step is: batch already in memory, forward, loss, backward, clip, update; float32. Each
contender builds the models below in its own idiom (`benchmarks/peers`). The six first workloads
are those that were tuned for; the last three were not and are there to show that they gain alike.

`Work` counts what a step cannot do without: FLOP of the products alone, and the bytes that must
move once. See `Shape.work` of each kind for its formula.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Arrays = tuple[NDArray[Any], NDArray[Any]]
RATE = 1e-3
WEIGHT_DECAY = 0.01  # of AdamW, the default of all contenders


@dataclass
class Work:
    """A running sum of FLOP and floats; `bytes` is what a step moves at least.

    A product of (rows, inner) by (inner, columns) costs 2 rows inner columns FLOP, three times:
    forward, and backward for either operand; the first layer needs no gradient of its input.
    """

    flop: float = 0.0
    parameters: int = 0
    activations: int = 0  # floats that the forward keeps for the backward
    inputs: int = 0

    def product(self, rows: int, inner: int, columns: int, *, first: bool = False) -> None:
        """Add a product with weights and its output."""
        self.flop += 2.0 * rows * inner * columns * (2 if first else 3)
        self.parameters += inner * columns + columns
        self.activations += rows * columns

    @property
    def bytes(self) -> int:
        """Parameters and both moments read and written, activations written and read once."""
        return 4 * (6 * self.parameters + 2 * self.activations + self.inputs)

    @property
    def footprint(self) -> int:
        """Bytes that a step touches: they decide which memory's bandwidth counts."""
        return 4 * (3 * self.parameters + self.activations + self.inputs)


@dataclass(frozen=True)
class Mlp:
    """Linear layers with an activation between them; class numbers as targets."""

    widths: tuple[int, ...]
    activation: Literal["relu", "tanh"] = "relu"

    def arrays(self, rows: int, draw: np.random.Generator) -> Arrays:
        x = draw.standard_normal((rows, self.widths[0]), np.float32)
        return x, draw.integers(0, self.widths[-1], rows)

    def work(self, batch: int) -> Work:
        work = Work(inputs=batch * self.widths[0])
        for i, (before, behind) in enumerate(zip(self.widths, self.widths[1:], strict=False)):
            work.product(batch, before, behind, first=i == 0)
        return work


@dataclass(frozen=True)
class Cnn:
    """(conv 3x3 same, relu, maxpool 2) per entry of `channels`, then a linear head."""

    side: int
    channels: tuple[int, ...]  # of the image, then of each convolution
    classes: int = 10

    def arrays(self, rows: int, draw: np.random.Generator) -> Arrays:
        x = draw.standard_normal((rows, self.channels[0], self.side, self.side), np.float32)
        return x, draw.integers(0, self.classes, rows)

    @property
    def features(self) -> int:
        """What the head reads."""
        side = self.side >> (len(self.channels) - 1)
        return self.channels[-1] * side * side

    def work(self, batch: int) -> Work:
        work = Work(inputs=batch * self.channels[0] * self.side**2)
        side = self.side
        for i, (before, behind) in enumerate(zip(self.channels, self.channels[1:], strict=False)):
            work.product(batch * side * side, 9 * before, behind, first=i == 0)
            side //= 2
        work.product(batch, self.features, self.classes)
        return work


@dataclass(frozen=True)
class ResNet:
    """Per entry of `channels`: conv, batch norm, relu, a residual pair of those, maxpool 2.

    The last pool is a mean over all pixels; then a linear head.
    """

    side: int
    channels: tuple[int, ...]
    classes: int = 10

    def arrays(self, rows: int, draw: np.random.Generator) -> Arrays:
        return Cnn(self.side, self.channels, self.classes).arrays(rows, draw)

    def work(self, batch: int) -> Work:
        work = Work(inputs=batch * self.channels[0] * self.side**2)
        side = self.side
        for i, (before, behind) in enumerate(zip(self.channels, self.channels[1:], strict=False)):
            pixels = batch * side * side
            work.product(pixels, 9 * before, behind, first=i == 0)
            work.product(pixels, 9 * behind, behind)
            work.product(pixels, 9 * behind, behind)
            side //= 2
        work.product(batch, self.channels[-1], self.classes)
        return work


@dataclass(frozen=True)
class Recurrent:
    """Embedding, one LSTM or GRU over `length` steps, dropout, a linear head at every step."""

    cell: Literal["lstm", "gru"]
    vocabulary: int
    embedding: int
    width: int
    length: int
    dropout: float = 0.0

    def arrays(self, rows: int, draw: np.random.Generator) -> Arrays:
        tokens = draw.integers(0, self.vocabulary, (rows, self.length + 1))
        return np.ascontiguousarray(tokens[:, :-1]), np.ascontiguousarray(tokens[:, 1:])

    def work(self, batch: int) -> Work:
        gates = {"lstm": 4, "gru": 3}[self.cell] * self.width
        rows = batch * self.length
        work = Work(inputs=2 * rows, parameters=self.vocabulary * self.embedding)
        # Embedded tokens times input weights: a row per word of the vocabulary is enough.
        work.product(min(rows, self.vocabulary), self.embedding, gates)
        work.product(rows, self.width, gates)
        work.product(rows, self.width, self.vocabulary)
        return work


@dataclass(frozen=True)
class Gpt:
    """Token and position embedding, pre-norm blocks (causal attention, 4x GELU), norm, head."""

    vocabulary: int
    context: int
    width: int
    heads: int
    layers: int

    def arrays(self, rows: int, draw: np.random.Generator) -> Arrays:
        tokens = draw.integers(0, self.vocabulary, (rows, self.context + 1))
        return np.ascontiguousarray(tokens[:, :-1]), np.ascontiguousarray(tokens[:, 1:])

    def work(self, batch: int) -> Work:
        rows, width = batch * self.context, self.width
        work = Work(inputs=2 * rows, parameters=(self.vocabulary + self.context) * width)
        for _ in range(self.layers):
            work.product(rows, width, 3 * width)
            work.product(rows, width, width)
            work.product(rows, width, 4 * width)
            work.product(rows, 4 * width, width)
            # Scores and their product with the values, the causal half of each.
            work.flop += 3 * 2 * (2.0 * rows * self.context * width) / 2
        work.product(rows, width, self.vocabulary)
        return work


Shape = Mlp | Cnn | ResNet | Recurrent | Gpt


@dataclass(frozen=True)
class Workload:
    """A model's shape with what a step of it is.

    Attributes
    ----------
    batch : int
        Rows in a step.
    batches : int
        In the data; every pass goes over all of them.
    scan : int
        Steps in one call of the contender that scans.
    rule : {"adam", "adamw"}
    clip : float or None
        Largest norm of the whole gradient.
    tuned : bool
        Whether it is one of the six that targets are set for.
    """

    name: str
    shape: Shape
    batch: int
    batches: int = 16
    scan: int = 50
    rule: Literal["adam", "adamw"] = "adam"
    clip: float | None = None
    tuned: bool = field(default=True)

    def arrays(self) -> Arrays:
        """Return the whole data, the same numbers for every contender."""
        return self.shape.arrays(self.batch * self.batches, np.random.default_rng(0))

    def in_batches(self) -> list[Arrays]:
        """Return the data cut into batches."""
        x, y = self.arrays()
        cuts = [slice(i * self.batch, (i + 1) * self.batch) for i in range(self.batches)]
        return [(x[cut], y[cut]) for cut in cuts]

    def work(self) -> Work:
        """Return what one step needs at least."""
        return self.shape.work(self.batch)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("tiny", Mlp((2, 32, 32, 2)), batch=64, batches=256, scan=200),
        Workload("mnist", Mlp((784, 256, 128, 10)), batch=128, scan=200),
        Workload("wide", Mlp((784, 1024, 1024, 10)), batch=256),
        Workload("cnn", Cnn(28, (1, 16, 32)), batch=64, scan=5),
        Workload("lstm", Recurrent("lstm", 64, 128, 128, 64), batch=32, scan=20),
        Workload("gpt", Gpt(65, 64, 128, 4, 4), batch=12, scan=20, rule="adamw", clip=1.0),
        Workload("mlp_odd", Mlp((123, 77, 33, 5), "tanh"), batch=48, scan=200, tuned=False),
        Workload("resnet_bn", ResNet(16, (3, 16, 32)), batch=32, scan=5, tuned=False),
        Workload("gru_dropout", Recurrent("gru", 50, 96, 96, 40, 0.2), 24, scan=20, tuned=False),
    )
}
