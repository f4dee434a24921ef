"""The catalogue: every kernel written by hand, and the elementwise loops worth having ready.

Any other elementwise pattern is compiled when it is first used. `warm` compiles what stands here,
for both floating types.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from interactive_train.kernels import elementwise as e
from interactive_train.kernels.attention import ATTENTION, ATTENTION_GRADIENT
from interactive_train.kernels.convolution import CONVOLVE, CONVOLVE_WEIGHT
from interactive_train.kernels.gemm import GEMM
from interactive_train.kernels.gru import GRU_GRADIENT, GRU_INNER_GRADIENT, GRU_SCAN, GRU_STATES
from interactive_train.kernels.indexing import ADD_ROWS, TAKE_ROWS
from interactive_train.kernels.kernel import Expression, Kernel
from interactive_train.kernels.labels import (
    INTEGERS_TO_FLOAT32,
    INTEGERS_TO_FLOAT64,
    NOT_EQUAL,
    ONE_HOT,
    PICK,
    PLACE,
    TRUTHS_TO_FLOAT32,
    TRUTHS_TO_FLOAT64,
    WHERE,
)
from interactive_train.kernels.lstm import LSTM_GRADIENT, LSTM_SCAN, LSTM_STATES
from interactive_train.kernels.movement import COPY, GATHER_VIEW, JOIN_TWO, SCATTER_VIEW
from interactive_train.kernels.normalisation import (
    CHANNEL_PRODUCTS,
    CHANNEL_SQUARES,
    NORMALISE_RMS,
    NORMALISE_RMS_GRADIENT,
    NORMALISE_ROWS,
    NORMALISE_ROWS_GRADIENT,
)
from interactive_train.kernels.pooling import (
    AVERAGE_POOL,
    AVERAGE_POOL_GRADIENT,
    MAX_POOL,
    MAX_POOL_GRADIENT,
    MAX_POOL_HALVES_GRADIENT,
    MAX_POOL_PICK,
)
from interactive_train.kernels.random import DROPOUT
from interactive_train.kernels.recurrent import STEPS_PRODUCT
from interactive_train.kernels.reduction import ARGMAX, MAX, SUM, SUM_OUTER_INNER
from interactive_train.kernels.rnn import RNN_GRADIENT, RNN_SCAN, RNN_STATES
from interactive_train.kernels.rotary import ROTATE
from interactive_train.kernels.scalars import SCALARS
from interactive_train.kernels.softmax import (
    CROSS_ENTROPY_ROWS,
    CROSS_ENTROPY_ROWS_BOTH,
    CROSS_ENTROPY_ROWS_GRADIENT,
    LOG_SOFTMAX,
    SOFTMAX,
)
from interactive_train.kernels.steps import (
    ADVANCE,
    KEYS_AT,
    REQUIRE_FINITE,
    ROOT_OF_SUMS,
    SUM_OF_SQUARES,
    TAKE_BATCH,
)

FLOATING: tuple[np.dtype[np.generic], ...] = (np.dtype(np.float32), np.dtype(np.float64))

WRITTEN = (
    SCALARS,
    TAKE_BATCH,
    KEYS_AT,
    ADVANCE,
    SUM_OF_SQUARES,
    ROOT_OF_SUMS,
    REQUIRE_FINITE,
    COPY,
    GEMM,
    CONVOLVE,
    CONVOLVE_WEIGHT,
    MAX_POOL,
    MAX_POOL_GRADIENT,
    MAX_POOL_HALVES_GRADIENT,
    MAX_POOL_PICK,
    AVERAGE_POOL,
    AVERAGE_POOL_GRADIENT,
    LSTM_SCAN,
    LSTM_STATES,
    LSTM_GRADIENT,
    GRU_SCAN,
    GRU_STATES,
    GRU_GRADIENT,
    GRU_INNER_GRADIENT,
    RNN_SCAN,
    RNN_STATES,
    RNN_GRADIENT,
    STEPS_PRODUCT,
    SUM,
    SUM_OUTER_INNER,
    MAX,
    ARGMAX,
    GATHER_VIEW,
    SCATTER_VIEW,
    JOIN_TWO,
    TAKE_ROWS,
    ADD_ROWS,
    SOFTMAX,
    LOG_SOFTMAX,
    CROSS_ENTROPY_ROWS,
    CROSS_ENTROPY_ROWS_BOTH,
    CROSS_ENTROPY_ROWS_GRADIENT,
    ONE_HOT,
    PICK,
    PLACE,
    DROPOUT,
    NORMALISE_ROWS,
    NORMALISE_ROWS_GRADIENT,
    NORMALISE_RMS,
    NORMALISE_RMS_GRADIENT,
    CHANNEL_SQUARES,
    CHANNEL_PRODUCTS,
    ATTENTION,
    ATTENTION_GRADIENT,
    ROTATE,
)

# The patterns of layers, losses and update rules: arrays of one shape, with a bias (`fr`), with a
# mean or a spread per row (`fc`) or per channel (`fb`), with a number on either side (`fs`, `sf`).
READY: dict[Expression, str] = {
    e.ADD: "ff fr fs fb",
    e.SUBTRACT: "ff fc fs sf fb",
    e.MULTIPLY: "ff fr fc fs fb",
    e.DIVIDE: "ff fc fs sf fb",
    e.NEGATIVE: "f",
    e.EXP: "f",
    e.LOG: "f",
    e.SQRT: "f",
    e.TANH: "f",
    e.ERF: "f",
    e.SIGMOID: "f",
    e.RELU: "f",
    e.GATE: "ff",
    e.GELU: "f",
    e.GELU_SLOPE: "f",
    e.TO_FLOAT32: "f",
    e.TO_FLOAT64: "f",
    INTEGERS_TO_FLOAT32: "f",
    INTEGERS_TO_FLOAT64: "f",
    TRUTHS_TO_FLOAT32: "f",
    TRUTHS_TO_FLOAT64: "f",
    NOT_EQUAL: "fs",
    WHERE: "ffs",
}


def _first() -> Iterator[tuple[Kernel, np.dtype[np.generic], bool]]:
    """Yield what nearly every recorded step needs, in float32, longest first."""
    single, double = FLOATING
    yield from ((SCALARS, double, False), (GEMM, single, False))
    yield (CROSS_ENTROPY_ROWS_BOTH, single, False)
    yield from ((TAKE_BATCH, single, False), (TAKE_BATCH, double, False))
    yield (SUM_OF_SQUARES, single, False)
    yield from ((e.ADD.kernel("fr"), single, False), (ADVANCE, double, False))
    yield from ((SUM, single, False), (e.ADD.kernel("ff"), single, True))
    yield from ((e.TO_FLOAT64.kernel("f"), single, False), (e.MULTIPLY.kernel("ff"), double, False))
    yield from ((e.ADD.kernel("ff"), double, True), (ROOT_OF_SUMS, double, False))


FIRST = tuple(_first())


def kernels() -> Iterator[Kernel]:
    """Yield the kernels that `warm` compiles.

    Examples
    --------
    >>> names = [kernel.name for kernel in kernels()]
    >>> "gemm" in names, "add_fr" in names, len(names) == len(set(names))
    (True, True, True)
    """
    yield from WRITTEN
    for expression, patterns in READY.items():
        for pattern in patterns.split():
            yield expression.kernel(pattern)
