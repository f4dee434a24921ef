"""Recurrent cells: the weights of RNN, LSTM and GRU, and one step of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from interactive_train.autodiff.ops import recurrent as ops
from interactive_train.autodiff.tensor import Tensor, as_tensor
from interactive_train.nn.initializers import Array, Initializer, glorot_uniform, zeros
from interactive_train.nn.layers import named, positive
from interactive_train.nn.module import Module, Parameter, require_floating
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.key import Key


class Cell(Module):
    """What the cells share: weights, and one step from a state to the next."""

    recurrence: ClassVar[ops.Recurrence]
    biases: ClassVar[int]

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        *,
        bias: bool = True,
        weight_init: Initializer = glorot_uniform,
        recurrent_init: Initializer = glorot_uniform,
        bias_init: Initializer = zeros,
    ) -> None:
        where = f"nn.{type(self).__name__}"
        self.in_features = positive(in_features, where, "in_features")
        self.hidden_features = positive(hidden_features, where, "hidden_features")
        width = self.recurrence.gates * self.hidden_features
        self.weight_ih: Any = Parameter((self.in_features, width), weight_init)
        self.weight_hh: Any = Parameter((self.hidden_features, width), recurrent_init)
        biases = self.biases * self.hidden_features
        self.bias: Any = Parameter((biases,), bias_init) if bias else None

    @property
    def options(self) -> dict[str, bool]:
        """What the recurrence needs to know besides the weights."""
        return {}

    def advance(self, x: Any, state: Any) -> tuple[Tensor, ...]:
        """Return the state after one step, from an input and a state that the user gave."""
        x = require_floating(x, named(self))
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise ValueError(
                refusal(
                    named(self),
                    f"the input of one step has shape (batch, {self.in_features})",
                    f"shape {x.shape}",
                    "A layer such as nn.LSTM takes whole sequences.",
                )
            )
        before = self.given(state, (x.shape[0], self.hidden_features), x, named(self))
        if before is None:
            before = [self._zeros((x.shape[0], self.hidden_features), x)] * self.recurrence.count
        pre = x @ self.weight_ih
        return self.recurrence.step(pre, self.weight_hh, self.offset(x), *before, **self.options)

    def scan(self, x: Tensor, state: Sequence[Tensor] | None, last: bool, cell: bool) -> Tensor:
        """Return the states after every step of [batch, time, features], or after the last."""
        return self.recurrence(
            x @ self.weight_ih,
            self.weight_hh,
            self.offset(x),
            state=state,
            last=last,
            cell=cell,
            **self.options,
        )

    def offset(self, x: Tensor) -> Any:
        """Return the bias; zeros where there is none."""
        if self.bias is not None:
            return self.bias
        return self._zeros((self.biases * self.hidden_features,), x)

    def given(
        self, state: Any, shape: tuple[int, ...], x: Tensor, where: str
    ) -> list[Tensor] | None:
        """Return the arrays of a state that the user gave, each of this shape; None for none."""
        if state is None:
            return None
        count = self.recurrence.count
        parts = [state] if count == 1 else state
        if count > 1 and not (isinstance(state, (tuple, list)) and len(state) == count):
            got = f"one array of shape {state.shape}" if isinstance(state, Tensor) else repr(state)
            raise TypeError(refusal(where, "the state is a pair (h, c)", got, "Give both."))
        found = [as_tensor(part, where).astype(x.dtype) for part in parts]
        for part in found:
            if part.shape != shape:
                raise ValueError(
                    refusal(where, f"the state has shape {shape}", f"shape {part.shape}")
                )
        return found

    @staticmethod
    def _zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
        return Tensor.wrap(np.zeros(shape, like.dtype))


class RNNCell(Cell):
    """One step of the simple recurrent network: h' = tanh(x W_ih + h W_hh + b).

    Parameters
    ----------
    in_features, hidden_features : int
    activation : {"tanh", "relu"}
    bias : bool
    weight_init, recurrent_init, bias_init : callable
        See `nn.initializers`.

    Attributes
    ----------
    weight_ih : array, shape (in_features, hidden_features)
    weight_hh : array, shape (hidden_features, hidden_features)
    bias : array, shape (hidden_features,), or None

    References
    ----------
    Elman: Finding structure in time. 1990.

    Examples
    --------
    >>> from interactive_train import nn
    >>> cell = nn.init(nn.RNNCell(3, 4), seed=0)
    >>> h = cell(np.ones((2, 3), dtype=np.float32))
    >>> cell(np.ones((2, 3), dtype=np.float32), h).shape
    (2, 4)
    """

    recurrence = ops.rnn
    biases = 1

    def __init__(
        self, in_features: int, hidden_features: int, *, activation: str = "tanh", **options: Any
    ) -> None:
        if activation not in ("tanh", "relu"):
            where = f"nn.{type(self).__name__}"
            raise ValueError(refusal(where, 'activation is "tanh" or "relu"', repr(activation)))
        self.activation = activation
        super().__init__(in_features, hidden_features, **options)

    @property
    def options(self) -> dict[str, bool]:
        """Which activation it is."""
        return {"rectify": self.activation == "relu"}

    def forward(self, x: Any, state: Any = None) -> Tensor:
        """Return the next state (batch, hidden_features); the first one is zeros."""
        return self.advance(x, state)[0]


class LSTMCell(Cell):
    """One step of a long short-term memory.

    i, f, o = sigmoid(x W_ih + h W_hh + b), g = tanh(likewise);
    c' = f c + i g; h' = o tanh(c').

    Parameters
    ----------
    in_features, hidden_features : int
    forget_bias : float
        Added to the forget gate's initial bias, so that a new cell remembers.
    bias : bool
    weight_init, recurrent_init, bias_init : callable
        See `nn.initializers`.

    Attributes
    ----------
    weight_ih : array, shape (in_features, 4 * hidden_features)
        For the gates in the order i, f, g, o.
    weight_hh : array, shape (hidden_features, 4 * hidden_features)
    bias : array, shape (4 * hidden_features,), or None

    References
    ----------
    Hochreiter, Schmidhuber: Long short-term memory. 1997.
    Jozefowicz et al.: An empirical exploration of recurrent network architectures. 2015.

    Examples
    --------
    >>> from interactive_train import nn
    >>> cell = nn.init(nn.LSTMCell(3, 4), seed=0)
    >>> h, c = cell(np.ones((2, 3), dtype=np.float32))
    >>> h, c = cell(np.ones((2, 3), dtype=np.float32), (h, c))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    recurrence = ops.lstm
    biases = 4

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        *,
        forget_bias: float = 1.0,
        bias_init: Initializer = zeros,
        **options: Any,
    ) -> None:
        self.forget_bias = float(forget_bias)
        raised = _ForgetBias(bias_init, self.forget_bias)
        super().__init__(in_features, hidden_features, bias_init=raised, **options)

    def forward(self, x: Any, state: Any = None) -> tuple[Tensor, Tensor]:
        """Return the next state (h, c), each (batch, hidden_features); the first one is zeros."""
        h, c = self.advance(x, state)
        return h, c


class GRUCell(Cell):
    """One step of a gated recurrent unit, with the reset gate behind the product.

    r, z = sigmoid(x W_ih + h W_hh + b); n = tanh(x W_ih + b + r (h W_hh + b_q));
    h' = (1 - z) n + z h.

    This is the form of PyTorch, of Keras (``reset_after=True``) and, with b_q = 0, of Flux's
    ``GRU``. The older form, which multiplies r and h before the product, takes two products a step.

    Parameters
    ----------
    in_features, hidden_features : int
    bias : bool
    weight_init, recurrent_init, bias_init : callable
        See `nn.initializers`.

    Attributes
    ----------
    weight_ih : array, shape (in_features, 3 * hidden_features)
        For the gates in the order r, z, n.
    weight_hh : array, shape (hidden_features, 3 * hidden_features)
    bias : array, shape (4 * hidden_features,), or None
        For r, z, n, and b_q.

    References
    ----------
    Cho et al.: Learning phrase representations using RNN encoder-decoder. 2014.

    Examples
    --------
    >>> from interactive_train import nn
    >>> cell = nn.init(nn.GRUCell(3, 4), seed=0)
    >>> cell(np.ones((2, 3), dtype=np.float32)).shape
    (2, 4)
    """

    recurrence = ops.gru
    biases = 4

    def forward(self, x: Any, state: Any = None) -> Tensor:
        """Return the next state (batch, hidden_features); the first one is zeros."""
        return self.advance(x, state)[0]


class _ForgetBias:
    """An initializer of four blocks whose second is raised."""

    def __init__(self, base: Initializer, value: float) -> None:
        self.base, self.value = base, value
        self.__name__ = getattr(base, "__name__", repr(base))

    def __call__(self, key: Key, shape: tuple[int, ...]) -> Array:
        raised = np.array(self.base(key, shape), dtype=np.float64)
        raised[shape[0] // 4 : shape[0] // 2] += self.value
        return raised
