"""LSTM over all time steps, and back.

See `recurrent` for what lies where, and for the two products.

References
----------
Hochreiter, Schmidhuber: Long short-term memory. 1997.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.kernels.elementwise import sigmoid
from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.recurrent import (
    advance,
    advance_native,
    fits_rows,
    fits_steps,
    native,
    retreat,
    retreat_native,
)


def lstm_begin(packed: Any, h0: Any, c0: Any, batch: int, hidden: int) -> None:
    """Put the initial state into the first slot."""
    for b in range(batch):
        for j in range(hidden):
            packed[b, 0, 4, j] = c0[b, j]
        for j in range(hidden):
            packed[b, 0, 5, j] = h0[b, j]


def lstm_gates(
    packed: Any, pre: Any, bias: Any, t: int, batch: int, steps: int, hidden: int
) -> None:
    """Turn the products in slot t into gates; write the new state into slot t + 1."""
    for b in range(batch):
        for j in range(hidden):
            packed[b, t, 0, j] = sigmoid(packed[b, t, 0, j] + (pre[b, t, 0, j] + bias[0, j]))
        for j in range(hidden):
            packed[b, t, 1, j] = sigmoid(packed[b, t, 1, j] + (pre[b, t, 1, j] + bias[1, j]))
        for j in range(hidden):
            packed[b, t, 2, j] = np.tanh(packed[b, t, 2, j] + (pre[b, t, 2, j] + bias[2, j]))
        for j in range(hidden):
            packed[b, t, 3, j] = sigmoid(packed[b, t, 3, j] + (pre[b, t, 3, j] + bias[3, j]))
        if t + 1 < steps:
            for j in range(hidden):
                packed[b, t + 1, 4, j] = packed[b, t, 1, j] * packed[b, t, 4, j]
            for j in range(hidden):
                packed[b, t + 1, 4, j] += packed[b, t, 0, j] * packed[b, t, 2, j]
            for j in range(hidden):
                packed[b, t + 1, 5, j] = packed[b, t, 3, j] * np.tanh(packed[b, t + 1, 4, j])


_LSTM_SCAN = '''
def lstm_scan(packed, pre, w, bias, h0, c0, batch, steps, hidden, routine):
    """i, f, o = sigmoid(a), g = tanh(a) of a = pre + bias + h W; c = f c + i g; h = o tanh(c)."""
    if batch == 0:
        return 0
    lstm_begin(packed, h0, c0, batch, hidden)
    for t in range(steps):
        advance(packed, w, t, batch, steps, 4, hidden, routine)
        lstm_gates(packed, pre, bias, t, batch, steps, hidden)
    return 0
'''


def lstm_scan(
    packed: Any,
    pre: Any,
    w: Any,
    bias: Any,
    h0: Any,
    c0: Any,
    batch: int,
    steps: int,
    hidden: int,
    routine: int,
) -> int:
    """i, f, o = sigmoid(a), g = tanh(a) of a = pre + bias + h W; c = f c + i g; h = o tanh(c)."""
    if batch == 0:
        return 0
    lstm_begin(packed, h0, c0, batch, hidden)
    for t in range(steps):
        advance(packed, w, t, batch, steps, 4, hidden, routine)
        lstm_gates(packed, pre, bias, t, batch, steps, hidden)
    return 0


def lstm_states(
    out: Any, packed: Any, batch: int, steps: int, hidden: int, rows: int, first: int, cell: int
) -> int:
    """out[:, t - first] = h after step t, for t from `first` on; with `cell`, c at the end."""
    last = steps - 1
    for b in range(batch):
        for t in range(first, last):
            for j in range(hidden):
                out[b, t - first, j] = packed[b, t + 1, 5, j]
        for j in range(hidden):
            kept = packed[b, last, 1, j] * packed[b, last, 4, j]
            c = kept + packed[b, last, 0, j] * packed[b, last, 2, j]
            out[b, last - first, j] = packed[b, last, 3, j] * np.tanh(c)
        if cell:
            for j in range(hidden):
                kept = packed[b, last, 1, j] * packed[b, last, 4, j]
                out[b, rows - 1, j] = kept + packed[b, last, 0, j] * packed[b, last, 2, j]
    return 0


def lstm_end(
    out: Any, g: Any, batch: int, steps: int, hidden: int, rows: int, lead: int, cell: int
) -> None:
    """Put into the last slot what comes from behind it: 0 for h, the cell's gradient for c."""
    s = steps - 1 + lead
    for b in range(batch):
        for j in range(hidden):
            out[b, s, 0, j] = 0.0
        for j in range(hidden):
            out[b, s, 1, j] = g[b, rows - 1, j] if cell else 0.0
        if lead:
            for j in range(hidden):
                out[b, 0, 2, j] = 0.0
            for j in range(hidden):
                out[b, 0, 3, j] = 0.0


def lstm_backward(
    out: Any, g: Any, packed: Any, t: int, batch: int, hidden: int, lead: int, first: int
) -> None:
    """Turn dh and dc, in blocks 0 and 1 of the slot, into the gradient before the activations.

    dc of the step before goes into block 1 of its slot.
    """
    s = t + lead
    for b in range(batch):
        if t >= first:
            for j in range(hidden):
                out[b, s, 0, j] += g[b, t - first, j]
        for j in range(hidden):  # block 2: tanh of the new cell
            out[b, s, 2, j] = packed[b, t, 1, j] * packed[b, t, 4, j]
        for j in range(hidden):
            out[b, s, 2, j] = np.tanh(out[b, s, 2, j] + packed[b, t, 0, j] * packed[b, t, 2, j])
        for j in range(hidden):
            o = packed[b, t, 3, j]
            out[b, s, 3, j] = out[b, s, 0, j] * out[b, s, 2, j] * (o * (1.0 - o))
        for j in range(hidden):
            squashed = out[b, s, 2, j]
            through = packed[b, t, 3, j] * (1.0 - squashed * squashed)
            out[b, s, 1, j] += out[b, s, 0, j] * through
        for j in range(hidden):
            i = packed[b, t, 0, j]
            out[b, s, 0, j] = out[b, s, 1, j] * packed[b, t, 2, j] * (i * (1.0 - i))
        for j in range(hidden):
            new = packed[b, t, 2, j]
            out[b, s, 2, j] = out[b, s, 1, j] * packed[b, t, 0, j] * (1.0 - new * new)
        if s > 0:
            for j in range(hidden):
                out[b, s - 1, 1, j] = out[b, s, 1, j] * packed[b, t, 1, j]
        for j in range(hidden):
            f = packed[b, t, 1, j]
            out[b, s, 1, j] *= packed[b, t, 4, j] * (f * (1.0 - f))


_LSTM_GRADIENT = '''
def lstm_scan_gradient(out, g, packed, w, batch, steps, hidden, rows, depth, lead, first, cell,
                       routine):
    """Go back through time."""
    if batch == 0:
        return 0
    lstm_end(out, g, batch, steps, hidden, rows, lead, cell)
    for back in range(steps):
        t = steps - 1 - back
        lstm_backward(out, g, packed, t, batch, hidden, lead, first)
        if t + lead > 0:
            retreat(out, w, t + lead - 1, 4, 0, 4, 0, batch, depth, 4, hidden, routine)
    return 0
'''


def lstm_scan_gradient(
    out: Any,
    g: Any,
    packed: Any,
    w: Any,
    batch: int,
    steps: int,
    hidden: int,
    rows: int,
    depth: int,
    lead: int,
    first: int,
    cell: int,
    routine: int,
) -> int:
    """out[:, t] = gradient of `pre`; with a lead, slot 0 has those of h0 and c0 and t begins at 1.

    g [batch, rows, hidden] is the gradient of what `lstm_states` returns.
    """
    if batch == 0:
        return 0
    lstm_end(out, g, batch, steps, hidden, rows, lead, cell)
    for back in range(steps):
        t = steps - 1 - back
        lstm_backward(out, g, packed, t, batch, hidden, lead, first)
        if t + lead > 0:
            retreat(out, w, t + lead - 1, 4, 0, 4, 0, batch, depth, 4, hidden, routine)
    return 0


LSTM_SCAN = Kernel(
    "lstm_scan",
    lstm_scan,
    "packed=T[batch,steps,6,hidden] pre:T[batch,steps,4,hidden] w:T[hidden,4,hidden] "
    "bias:T[4,hidden] h0:T[batch,hidden] c0:T[batch,hidden] batch steps hidden routine",
    native=native(_LSTM_SCAN, advance_native),
    fits=fits_steps,
    parallel=("batch",),
)
LSTM_STATES = Kernel(
    "lstm_states",
    lstm_states,
    "out=T[batch,rows,hidden] packed:T[batch,steps,6,hidden] batch steps hidden rows first cell",
    fits=fits_rows,
    parallel=("batch",),
)
LSTM_GRADIENT = Kernel(
    "lstm_scan_gradient",
    lstm_scan_gradient,
    "out=T[batch,depth,4,hidden] g:T[batch,rows,hidden] packed:T[batch,steps,6,hidden] "
    "w:T[4,hidden,hidden] batch steps hidden rows depth lead first cell routine",
    native=native(_LSTM_GRADIENT, retreat_native),
    fits=fits_steps,
    parallel=("batch",),
)
