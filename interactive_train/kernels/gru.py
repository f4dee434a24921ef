"""GRU over all time steps, and back.

See `recurrent` for what lies where, and for the two products.

References
----------
Cho et al.: Learning phrase representations using RNN encoder-decoder. 2014.
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


def gru_begin(packed: Any, h0: Any, batch: int, hidden: int) -> None:
    """Put the initial state into the first slot."""
    for b in range(batch):
        for j in range(hidden):
            packed[b, 0, 4, j] = h0[b, j]


def gru_gates(
    packed: Any, pre: Any, bias: Any, t: int, batch: int, steps: int, hidden: int
) -> None:
    """Turn the products in slot t into gates; write the new state into slot t + 1."""
    for b in range(batch):
        for j in range(hidden):
            packed[b, t, 0, j] = sigmoid(packed[b, t, 0, j] + (pre[b, t, 0, j] + bias[0, j]))
        for j in range(hidden):
            packed[b, t, 1, j] = sigmoid(packed[b, t, 1, j] + (pre[b, t, 1, j] + bias[1, j]))
        for j in range(hidden):
            packed[b, t, 2, j] += bias[3, j]
        for j in range(hidden):
            packed[b, t, 3, j] = packed[b, t, 0, j] * packed[b, t, 2, j]
        for j in range(hidden):
            packed[b, t, 3, j] = np.tanh(packed[b, t, 3, j] + (pre[b, t, 2, j] + bias[2, j]))
        if t + 1 < steps:
            for j in range(hidden):
                new = packed[b, t, 3, j]
                moved = packed[b, t, 1, j] * (packed[b, t, 4, j] - new)
                packed[b, t + 1, 4, j] = new + moved


_GRU_SCAN = '''
def gru_scan(packed, pre, w, bias, h0, batch, steps, hidden, routine):
    """One gate loop and one product a step."""
    if batch == 0:
        return 0
    gru_begin(packed, h0, batch, hidden)
    for t in range(steps):
        advance(packed, w, t, batch, steps, 3, hidden, routine)
        gru_gates(packed, pre, bias, t, batch, steps, hidden)
    return 0
'''


def gru_scan(
    packed: Any,
    pre: Any,
    w: Any,
    bias: Any,
    h0: Any,
    batch: int,
    steps: int,
    hidden: int,
    routine: int,
) -> int:
    """r, z = sigmoid(pre + bias + h W); n = tanh(pre + bias + r q); h = (1 - z) n + z h.

    q = h W + bias is what the reset gate multiplies; its bias is the fourth block.
    """
    if batch == 0:
        return 0
    gru_begin(packed, h0, batch, hidden)
    for t in range(steps):
        advance(packed, w, t, batch, steps, 3, hidden, routine)
        gru_gates(packed, pre, bias, t, batch, steps, hidden)
    return 0


def gru_states(
    out: Any, packed: Any, batch: int, steps: int, hidden: int, rows: int, first: int
) -> int:
    """out[:, t - first] = h after step t, for t from `first` on."""
    last = steps - 1
    for b in range(batch):
        for t in range(first, last):
            for j in range(hidden):
                out[b, t - first, j] = packed[b, t + 1, 4, j]
        for j in range(hidden):
            new = packed[b, last, 3, j]
            out[b, last - first, j] = new + packed[b, last, 1, j] * (packed[b, last, 4, j] - new)
    return 0


def gru_end(out: Any, batch: int, steps: int, hidden: int, lead: int) -> None:
    """Nothing comes from behind the last slot; what no gradient fills of the lead is 0."""
    for b in range(batch):
        for j in range(hidden):
            out[b, steps - 1 + lead, 0, j] = 0.0
        if lead:
            for j in range(hidden):
                out[b, 0, 2, j] = 0.0


def gru_backward(
    out: Any, g: Any, packed: Any, t: int, batch: int, hidden: int, lead: int, first: int
) -> None:
    """Turn dh, in block 0 of the slot, into the gradient before the activations.

    Block 0 of the slot before gets z dh, block 1 the gradient of q, r dn.
    """
    s = t + lead
    for b in range(batch):
        if t >= first:
            for j in range(hidden):
                out[b, s, 0, j] += g[b, t - first, j]
        if s > 0:
            for j in range(hidden):
                out[b, s - 1, 0, j] = out[b, s, 0, j] * packed[b, t, 1, j]
        for j in range(hidden):
            out[b, s, 1, j] = packed[b, t, 4, j] - packed[b, t, 3, j]
        for j in range(hidden):
            z = packed[b, t, 1, j]
            out[b, s, 1, j] *= out[b, s, 0, j] * (z * (1.0 - z))
        for j in range(hidden):
            new = packed[b, t, 3, j]
            through = (1.0 - packed[b, t, 1, j]) * (1.0 - new * new)
            out[b, s, 2, j] = out[b, s, 0, j] * through
        if s > 0:
            for j in range(hidden):
                out[b, s - 1, 1, j] = out[b, s, 2, j] * packed[b, t, 0, j]
        for j in range(hidden):
            r = packed[b, t, 0, j]
            out[b, s, 0, j] = out[b, s, 2, j] * packed[b, t, 2, j] * (r * (1.0 - r))


_GRU_GRADIENT = '''
def gru_scan_gradient(out, g, packed, w, batch, steps, hidden, rows, depth, lead, first, routine):
    """Go back through time."""
    if batch == 0:
        return 0
    gru_end(out, batch, steps, hidden, lead)
    for back in range(steps):
        t = steps - 1 - back
        gru_backward(out, g, packed, t, batch, hidden, lead, first)
        if t + lead > 0:
            retreat(out, w, t + lead - 1, 3, 0, 2, 1, batch, depth, 3, hidden, routine)
            retreat(out, w, t + lead - 1, 1, 2, 1, 1, batch, depth, 3, hidden, routine)
    return 0
'''


def gru_scan_gradient(
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
    routine: int,
) -> int:
    """out[:, t] = gradient of `pre`; with a lead, slot 0 begins with that of h0.

    g [batch, rows, hidden] is the gradient of what `gru_states` returns. What else the lead
    holds has no meaning.
    """
    if batch == 0:
        return 0
    gru_end(out, batch, steps, hidden, lead)
    for back in range(steps):
        t = steps - 1 - back
        gru_backward(out, g, packed, t, batch, hidden, lead, first)
        if t + lead > 0:
            retreat(out, w, t + lead - 1, 3, 0, 2, 1, batch, depth, 3, hidden, routine)
            retreat(out, w, t + lead - 1, 1, 2, 1, 1, batch, depth, 3, hidden, routine)
    return 0


def gru_inner_gradient(out: Any, d: Any, packed: Any, batch: int, steps: int, hidden: int) -> int:
    """out = r dn: the gradient of q, the product inside the reset gate."""
    for b in range(batch):
        for t in range(steps):
            for j in range(hidden):
                out[b, t, j] = d[b, t, 2, j] * packed[b, t, 0, j]
    return 0


GRU_SCAN = Kernel(
    "gru_scan",
    gru_scan,
    "packed=T[batch,steps,5,hidden] pre:T[batch,steps,3,hidden] w:T[hidden,3,hidden] "
    "bias:T[4,hidden] h0:T[batch,hidden] batch steps hidden routine",
    native=native(_GRU_SCAN, advance_native),
    fits=fits_steps,
    parallel=("batch",),
)
GRU_STATES = Kernel(
    "gru_states",
    gru_states,
    "out=T[batch,rows,hidden] packed:T[batch,steps,5,hidden] batch steps hidden rows first",
    fits=fits_rows,
    parallel=("batch",),
)
GRU_GRADIENT = Kernel(
    "gru_scan_gradient",
    gru_scan_gradient,
    "out=T[batch,depth,3,hidden] g:T[batch,rows,hidden] packed:T[batch,steps,5,hidden] "
    "w:T[3,hidden,hidden] batch steps hidden rows depth lead first routine",
    native=native(_GRU_GRADIENT, retreat_native),
    fits=fits_steps,
    parallel=("batch",),
)
GRU_INNER_GRADIENT = Kernel(
    "gru_inner_gradient",
    gru_inner_gradient,
    "out=T[batch,steps,hidden] d:T[batch,steps,3,hidden] packed:T[batch,steps,5,hidden] "
    "batch steps hidden",
    parallel=("batch",),
)
