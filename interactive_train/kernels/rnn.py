"""The simple recurrent network over all time steps, and back.

See `recurrent` for what lies where, and for the two products.

References
----------
Elman: Finding structure in time. 1990.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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


def rnn_begin(packed: Any, h0: Any, batch: int, hidden: int) -> None:
    """Put the initial state into the first slot."""
    for b in range(batch):
        for j in range(hidden):
            packed[b, 0, 1, j] = h0[b, j]


def rnn_activate(
    packed: Any, pre: Any, bias: Any, t: int, batch: int, steps: int, hidden: int, rectify: int
) -> None:
    """Turn the products in slot t into the new state, which slot t + 1 begins with."""
    for b in range(batch):
        if rectify:
            for j in range(hidden):
                a = packed[b, t, 0, j] + (pre[b, t, 0, j] + bias[j])
                packed[b, t, 0, j] = 0.0 if a <= 0.0 else a
        else:
            for j in range(hidden):
                packed[b, t, 0, j] = np.tanh(packed[b, t, 0, j] + (pre[b, t, 0, j] + bias[j]))
        if t + 1 < steps:
            for j in range(hidden):
                packed[b, t + 1, 1, j] = packed[b, t, 0, j]


_RNN_SCAN = '''
def rnn_scan(packed, pre, w, bias, h0, batch, steps, hidden, rectify, routine):
    """One product and one loop a step."""
    if batch == 0:
        return 0
    rnn_begin(packed, h0, batch, hidden)
    for t in range(steps):
        advance(packed, w, t, batch, steps, 1, hidden, routine)
        rnn_activate(packed, pre, bias, t, batch, steps, hidden, rectify)
    return 0
'''


def rnn_scan(
    packed: Any,
    pre: Any,
    w: Any,
    bias: Any,
    h0: Any,
    batch: int,
    steps: int,
    hidden: int,
    rectify: int,
    routine: int,
) -> int:
    """h = tanh(pre + bias + h W), or relu with `rectify`."""
    if batch == 0:
        return 0
    rnn_begin(packed, h0, batch, hidden)
    for t in range(steps):
        advance(packed, w, t, batch, steps, 1, hidden, routine)
        rnn_activate(packed, pre, bias, t, batch, steps, hidden, rectify)
    return 0


def rnn_states(
    out: Any, packed: Any, batch: int, steps: int, hidden: int, rows: int, first: int
) -> int:
    """out[:, t - first] = h after step t, for t from `first` on."""
    for b in range(batch):
        for t in range(first, steps):
            for j in range(hidden):
                out[b, t - first, j] = packed[b, t, 0, j]
    return 0


def rnn_backward(
    out: Any,
    g: Any,
    packed: Any,
    t: int,
    batch: int,
    steps: int,
    hidden: int,
    lead: int,
    first: int,
    rectify: int,
) -> None:
    """Turn dh, in the slot, into the gradient before the activation."""
    s = t + lead
    for b in range(batch):
        if t + 1 == steps:
            for j in range(hidden):
                out[b, s, 0, j] = 0.0
        if t >= first:
            for j in range(hidden):
                out[b, s, 0, j] += g[b, t - first, j]
        if rectify:
            for j in range(hidden):
                d = out[b, s, 0, j]
                out[b, s, 0, j] = d if packed[b, t, 0, j] > 0.0 else 0.0 * packed[b, t, 0, j]
        else:
            for j in range(hidden):
                a = packed[b, t, 0, j]
                out[b, s, 0, j] *= 1.0 - a * a


_RNN_GRADIENT = '''
def rnn_scan_gradient(out, g, packed, w, batch, steps, hidden, rows, depth, lead, first, rectify,
                      routine):
    """Go back through time."""
    if batch == 0:
        return 0
    for back in range(steps):
        t = steps - 1 - back
        rnn_backward(out, g, packed, t, batch, steps, hidden, lead, first, rectify)
        if t + lead > 0:
            retreat(out, w, t + lead - 1, 1, 0, 1, 0, batch, depth, 1, hidden, routine)
    return 0
'''


def rnn_scan_gradient(
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
    rectify: int,
    routine: int,
) -> int:
    """out[:, t] = gradient of `pre`; with a lead, slot 0 has that of h0 and t begins at 1.

    g [batch, rows, hidden] is the gradient of what `rnn_states` returns.
    """
    if batch == 0:
        return 0
    for back in range(steps):
        t = steps - 1 - back
        rnn_backward(out, g, packed, t, batch, steps, hidden, lead, first, rectify)
        if t + lead > 0:
            retreat(out, w, t + lead - 1, 1, 0, 1, 0, batch, depth, 1, hidden, routine)
    return 0


RNN_SCAN = Kernel(
    "rnn_scan",
    rnn_scan,
    "packed=T[batch,steps,2,hidden] pre:T[batch,steps,1,hidden] w:T[hidden,1,hidden] "
    "bias:T[hidden] h0:T[batch,hidden] batch steps hidden rectify routine",
    native=native(_RNN_SCAN, advance_native),
    fits=fits_steps,
    parallel=("batch",),
)
RNN_STATES = Kernel(
    "rnn_states",
    rnn_states,
    "out=T[batch,rows,hidden] packed:T[batch,steps,2,hidden] batch steps hidden rows first",
    fits=fits_rows,
    parallel=("batch",),
)
RNN_GRADIENT = Kernel(
    "rnn_scan_gradient",
    rnn_scan_gradient,
    "out=T[batch,depth,1,hidden] g:T[batch,rows,hidden] packed:T[batch,steps,2,hidden] "
    "w:T[1,hidden,hidden] batch steps hidden rows depth lead first rectify routine",
    native=native(_RNN_GRADIENT, retreat_native),
    fits=fits_steps,
    parallel=("batch",),
)
