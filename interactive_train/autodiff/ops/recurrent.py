"""Recurrent layers as primitives: all time steps at once, and one step made of elementwise ones.

A layer is two primitives. ``<name>_scan`` runs through time and packs all that the gradient needs
(see `kernels.recurrent`); it has no gradient of its own. ``<name>_states`` picks the states out of
the pack and takes the scan's inputs as well: its gradient goes back through time in one
kernel, ``<name>_gradient``, and on to each of them, and no array of zeros as large as the pack is
ever made.

Where a gradient is itself differentiated, the recurrence is done once more step by step, by
`lstm_step`, `gru_step` or `rnn_step`; derivatives of any order follow from these. This is right
but slow.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ops.elementwise import relu, sigmoid, tanh
from interactive_train.autodiff.ops.indexing import getitem
from interactive_train.autodiff.ops.linear import matmul
from interactive_train.autodiff.ops.reduction import sum as sum_
from interactive_train.autodiff.ops.shape import concatenate, reshape, transpose
from interactive_train.autodiff.primitive import Plan, Primitive, promote
from interactive_train.autodiff.tape import backward, leaf
from interactive_train.autodiff.tensor import Spec, Tensor
from interactive_train.kernels import gru as gru_kernels
from interactive_train.kernels import lstm as lstm_kernels
from interactive_train.kernels import rnn as rnn_kernels
from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.recurrent import STEPS_PRODUCT
from interactive_train.machine.eager import RESULT, Slot
from interactive_train.runtime.blas import blas

# One step ---------------------------------------------------------------------------------------


def lstm_step(pre: Tensor, w: Tensor, bias: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """i, f, o = sigmoid(a), g = tanh(a) of a = pre + bias + h W; c' = f c + i g; h' = o tanh(c').

    Parameters
    ----------
    pre : Tensor, shape (batch, 4 * hidden)
        What the input adds to the gates i, f, g, o.
    w : Tensor, shape (hidden, 4 * hidden)
    bias : Tensor, shape (4 * hidden,)
    h, c : Tensor, shape (batch, hidden)

    Returns
    -------
    (h', c')
    """
    i, f, g, o = _gates(pre + bias + matmul(h, w), 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def gru_step(pre: Tensor, w: Tensor, bias: Tensor, h: Tensor) -> tuple[Tensor]:
    """r, z = sigmoid(pre + bias + h W); n = tanh(pre + bias + r q); h' = (1 - z) n + z h.

    The gates lie in the order r, z, n. The reset gate acts behind the product q = h W + bias;
    the bias of q is the fourth block of `bias`.
    """
    hidden = h.shape[1]
    outer, inner = bias[: 3 * hidden], bias[3 * hidden :]
    ((r, z, n), (r_h, z_h, n_h)) = _gates(pre + outer, 3), _gates(matmul(h, w), 3)
    new = tanh(n + sigmoid(r + r_h) * (n_h + inner))
    return (new + sigmoid(z + z_h) * (h - new),)


def rnn_step(
    pre: Tensor, w: Tensor, bias: Tensor, h: Tensor, rectify: bool = False
) -> tuple[Tensor]:
    """h' = tanh(pre + bias + h W), or relu of it."""
    a = pre + bias + matmul(h, w)
    return (relu(a) if rectify else tanh(a),)


def _gates(x: Tensor, count: int) -> list[Tensor]:
    hidden = x.shape[1] // count
    return [getitem(x, (slice(None), slice(k * hidden, (k + 1) * hidden))) for k in range(count)]


# All steps --------------------------------------------------------------------------------------


def _plan_steps_product(
    a: Spec, b: Spec, a_start: int, a_count: int, b_start: int, b_count: int
) -> Plan:
    (batch, steps, a_width), (_, _, b_width), dtype = a[0], b[0], np.dtype(a[1])
    sizes = (batch, a_count, b_count, steps, a_width, b_width, a_start, b_start)
    operands: Operands = (RESULT, *INPUTS[:2], *sizes, blas().gemm(dtype))
    return Plan((a_count, b_count), dtype, STEPS_PRODUCT, dtype, operands)


def _plan_inner_gradient(d: Spec, packed: Spec) -> Plan:
    (batch, steps, width), dtype = d[0], np.dtype(d[1])
    shape = (batch, steps, width // 3)
    kernel = gru_kernels.GRU_INNER_GRADIENT
    return Plan(shape, dtype, kernel, dtype, (RESULT, *INPUTS[:2], *shape))


INPUTS = tuple(Slot(i) for i in range(1, 6))
Operands = tuple[int | NDArray[Any] | Slot, ...]

# sum over batch and steps of a' b, for some columns of [batch, steps, width] each
steps_product = Primitive("steps_product", _plan_steps_product)
gru_inner_gradient = Primitive("gru_inner_gradient", _plan_inner_gradient)


class Recurrence:
    """The primitives of one recurrent layer.

    Parameters
    ----------
    name : str
    gates, slots : int
        How many blocks of `hidden` numbers a step reads and packs.
    kernels : tuple of Kernel
        The scan, the states, the gradient.
    step : callable
        ``step(pre, w, bias, *state, **options) -> state`` for one step.
    states : int
        How many arrays the state has: h, or h and c.
    """

    def __init__(
        self,
        name: str,
        gates: int,
        slots: int,
        kernels: tuple[Kernel, Kernel, Kernel],
        step: Callable[..., tuple[Tensor, ...]],
        states: int = 1,
    ) -> None:
        self.gates, self.slots, self.step, self.count = gates, slots, step, states
        self.kernels = kernels
        self.scan = Primitive(f"{name}_scan", self._plan_scan)
        self.states = Primitive(f"{name}_states", self._plan_states)
        self.gradient = Primitive(f"{name}_gradient", self._plan_gradient)
        inputs = len([o for o in kernels[0].operands if o.role == "read"])
        self.states.gradients(None, *(self._vjp(position) for position in range(inputs)))

    def __call__(
        self,
        pre: Any,
        w: Any,
        bias: Any,
        *,
        state: Sequence[Any] | None = None,
        last: bool = False,
        cell: bool = False,
        **options: bool,
    ) -> Tensor:
        """Return the states after every step, or after the last.

        Parameters
        ----------
        pre : Tensor, shape (batch, steps, gates * hidden)
            What the inputs add to the gates.
        w : Tensor, shape (hidden, gates * hidden)
        bias : Tensor, shape (gates * hidden,)
            The GRU's has one block more.
        state : sequence of Tensor, shape (batch, hidden), optional
            Before the first step; zeros, and no gradient for them, when omitted.
        last : bool
            Return the last state only.
        cell : bool
            Append the LSTM's last cell state as one more row.
        **options : bool
            ``rectify=`` of the RNN.

        Returns
        -------
        Tensor, shape (batch, steps or 1, and one more with `cell`, hidden)
        """
        blas().use_one_thread()
        lead = state is not None
        if state is None:
            zero = Tensor.wrap(np.zeros((pre.shape[0], w.shape[0]), pre.dtype))
            state = [zero] * self.count
        inputs = promote(self.scan.title, [pre, w, bias, *state])
        packed = self.scan.apply(inputs, options)
        attributes = {"last": last, "cell": cell, "lead": lead, **options}
        return self.states.apply([packed, *inputs], attributes)

    # Plans ----------------------------------------------------------------------------

    def _plan_scan(self, pre: Spec, w: Spec, *rest: Spec, **options: bool) -> Plan:
        (batch, steps, _), (hidden, _), dtype = pre[0], w[0], np.dtype(pre[1])
        sizes = (batch, steps, hidden, *map(int, options.values()), blas().gemm(dtype))
        operands: Operands = (RESULT, *INPUTS[: 2 + len(rest)], *sizes)
        shape = (batch, steps, self.slots * hidden)
        return Plan(shape, dtype, self.kernels[0], dtype, operands)

    def _plan_states(
        self, packed: Spec, pre: Spec, w: Spec, *rest: Spec, last: bool, cell: bool, **_: Any
    ) -> Plan:
        batch, steps = packed[0][:2]
        hidden, dtype = w[0][0], np.dtype(packed[1])
        rows, first = _rows(steps, last, cell)
        cells = (int(cell),) * (self.count - 1)
        operands: Operands = (RESULT, INPUTS[0], batch, steps, hidden, rows, first, *cells)
        return Plan((batch, rows, hidden), dtype, self.kernels[1], dtype, operands)

    def _plan_gradient(
        self, g: Spec, packed: Spec, w: Spec, last: bool, cell: bool, lead: bool, **options: bool
    ) -> Plan:
        (batch, steps, _), (width, hidden), dtype = packed[0], w[0], np.dtype(packed[1])
        rows, first = _rows(steps, last, cell)
        depth = steps + lead
        cells = (int(cell),) * (self.count - 1)
        flags = (int(lead), first, *cells, *map(int, options.values()))
        sizes = (batch, steps, hidden, rows, depth, *flags, blas().gemm(dtype))
        operands: Operands = (RESULT, *INPUTS[:3], *sizes)
        return Plan((batch, depth, width), dtype, self.kernels[2], dtype, operands)

    # Gradients ------------------------------------------------------------------------

    def _vjp(self, position: int) -> Callable[..., Tensor]:
        """Return the gradient for one input of the scan."""

        def vjp(g: Tensor, y: Tensor, packed: Tensor, *inputs: Tensor, **options: bool) -> Tensor:
            if any(t.node is not None for t in (g, *inputs)):  # itself to be differentiated
                parts: list[Tensor] = _once(y, g, lambda: self._by_steps(g, inputs, **options))
                return parts[position]
            pair: tuple[Tensor, Tensor] = _once(
                y, g, lambda: self._back(g, packed, inputs[1], options)
            )
            d, d_pre = pair
            hidden = inputs[1].shape[0]
            if position == 0:
                return d_pre
            if position == 1:
                return self.weight_gradient(packed, d_pre)
            if position == 2:
                return self.bias_gradient(packed, d_pre)
            start = (position - 3) * hidden
            return getitem(d, (slice(None), 0, slice(start, start + hidden)))

        return vjp

    def _back(
        self, g: Tensor, packed: Tensor, w: Tensor, options: dict[str, bool]
    ) -> tuple[Tensor, Tensor]:
        """Return the gradient with its lead, and that of `pre`."""
        blas().use_one_thread()
        d = self.gradient.apply([g, packed, transpose(w)], options)
        return d, getitem(d, (slice(None), slice(1, None))) if options["lead"] else d

    def weight_gradient(self, packed: Tensor, d: Tensor) -> Tensor:
        """Return the gradient of w from that of `pre`."""
        return _state_product(packed, self.slots, d, 0, d.shape[2])

    def bias_gradient(self, packed: Tensor, d: Tensor) -> Tensor:
        """Return the gradient of the bias from that of `pre`."""
        return sum_(d, (0, 1))

    def _by_steps(self, g: Tensor, inputs: Sequence[Tensor], **options: Any) -> list[Any]:
        """Return all gradients through primitives that have gradients themselves."""
        leaves = [leaf(t) for t in inputs]
        return backward(self.unrolled(*leaves, **options), g, leaves)

    def unrolled(
        self,
        pre: Tensor,
        w: Tensor,
        bias: Tensor,
        *state: Tensor,
        last: bool,
        cell: bool,
        lead: bool,
        **options: bool,
    ) -> Tensor:
        """Return what the scan and its states return, by one step at a time."""
        rows = []
        for t in range(pre.shape[1]):
            state = self.step(getitem(pre, (slice(None), t)), w, bias, *state, **options)
            rows.append(state[0])
        kept = [*(rows[-1:] if last else rows), *([state[1]] if cell else [])]
        return concatenate([reshape(h, (h.shape[0], 1, h.shape[1])) for h in kept], axis=1)


def _rows(steps: int, last: bool, cell: bool) -> tuple[int, int]:
    """Return how many rows of states there are, and the step of the first."""
    first = steps - 1 if last else 0
    return steps - first + cell, first


def _state_product(packed: Tensor, slots: int, d: Tensor, start: int, count: int) -> Tensor:
    """Return the sum over batch and steps of h' d, h being the last block of each slot."""
    hidden = packed.shape[2] // slots
    places = {"a_start": packed.shape[2] - hidden, "a_count": hidden}
    blas().use_one_thread()
    return steps_product.apply([packed, d], {**places, "b_start": start, "b_count": count})


class _Gru(Recurrence):
    """The GRU, whose weights for n get their gradient through the reset gate."""

    def weight_gradient(self, packed: Tensor, d: Tensor) -> Tensor:
        hidden = packed.shape[2] // self.slots
        inner = gru_inner_gradient.apply([d, packed], {})
        gates = _state_product(packed, self.slots, d, 0, 2 * hidden)
        return concatenate([gates, _state_product(packed, self.slots, inner, 0, hidden)], axis=1)

    def bias_gradient(self, packed: Tensor, d: Tensor) -> Tensor:
        inner = gru_inner_gradient.apply([d, packed], {})
        return concatenate([sum_(d, (0, 1)), sum_(inner, (0, 1))])


_kept: dict[int, tuple[Tensor, Any]] = {}


def _once(y: Tensor, g: Tensor, make: Callable[[], Any]) -> Any:
    """Return what the gradients of one application share, for as long as its value `y` lives.

    The walk over the tape makes `y` anew for each application and drops it behind it.
    """
    found = _kept.get(id(y))
    if found is None or found[0] is not g:
        found = _kept[id(y)] = (g, make())
        weakref.finalize(y, _kept.pop, id(y), None)
    return found[1]


lstm = Recurrence(
    "lstm",
    4,
    6,
    (lstm_kernels.LSTM_SCAN, lstm_kernels.LSTM_STATES, lstm_kernels.LSTM_GRADIENT),
    lstm_step,
    states=2,
)
gru = _Gru(
    "gru",
    3,
    5,
    (gru_kernels.GRU_SCAN, gru_kernels.GRU_STATES, gru_kernels.GRU_GRADIENT),
    gru_step,
)
rnn = Recurrence(
    "rnn",
    1,
    2,
    (rnn_kernels.RNN_SCAN, rnn_kernels.RNN_STATES, rnn_kernels.RNN_GRADIENT),
    rnn_step,
)
