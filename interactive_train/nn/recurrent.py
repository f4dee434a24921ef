"""Recurrent layers: RNN, LSTM and GRU over sequences [batch, time, features], and their cells.

A cell owns the weights and takes one step; a layer runs cells through time, with the product of
all inputs taken at once. So a layer's cell, ``lstm.cells[0]``, goes on where the layer
stopped: text is generated with the very weights that were trained.
"""

from __future__ import annotations

from typing import Any, ClassVar

from interactive_train.autodiff.ops.shape import concatenate, stack
from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.layers import named, positive
from interactive_train.nn.module import Module, require_floating
from interactive_train.nn.recurrent_cells import Cell, GRUCell, LSTMCell, RNNCell
from interactive_train.runtime.errors import refusal


class Recurrent(Module):
    """What the layers share: cells, run through time, one layer after the other."""

    cell: ClassVar[type[Cell]]

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        return_sequences: bool = True,
        return_state: bool = False,
        **options: Any,
    ) -> None:
        where = f"nn.{type(self).__name__}"
        self.in_features = positive(in_features, where, "in_features")
        self.hidden_features = positive(hidden_features, where, "hidden_features")
        self.layers = positive(layers, where, "layers")
        self.bidirectional = bool(bidirectional)
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.cells: list[Cell] = []
        for layer in range(self.layers):
            width = self.hidden_features * self.directions if layer else self.in_features
            for _ in range(self.directions):
                self.cells.append(self.cell(width, self.hidden_features, **options))

    @property
    def directions(self) -> int:
        """2 for a bidirectional layer, else 1."""
        return 2 if self.bidirectional else 1

    def forward(self, x: Any, state: Any = None) -> Any:
        """Run through time; see the class for what comes in and out."""
        x = require_floating(x, named(self))
        if x.ndim != 3 or x.shape[2] != self.in_features or x.shape[1] == 0:
            raise ValueError(
                refusal(
                    named(self),
                    f"the input has shape (batch, time, {self.in_features}), time at least 1",
                    f"shape {x.shape}",
                    "One sequence is x[None]; one step is what a cell takes.",
                )
            )
        shape = (len(self.cells), x.shape[0], self.hidden_features)
        given = self.cells[0].given(state, shape, x, named(self))
        ends: list[list[Tensor]] = []
        for layer in range(self.layers):
            last = layer + 1 == self.layers and not self.return_sequences
            rows = []
            for direction in range(self.directions):
                at = layer * self.directions + direction
                before = None if given is None else [part[at] for part in given]
                y, end = self._through(self.cells[at], x, before, last, direction == 1)
                rows.append(y)
                ends.append(end)
            x = rows[0] if len(rows) == 1 else concatenate(rows, axis=2)
        if not self.return_sequences:
            x = x[:, 0]
        if not self.return_state:
            return x
        parts = tuple(stack(list(part)) for part in zip(*ends, strict=True))
        return x, parts if len(parts) > 1 else parts[0]

    def _through(
        self, cell: Cell, x: Tensor, state: list[Tensor] | None, last: bool, backwards: bool
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the outputs of one direction and, if it is wanted, the state at its end."""
        keeps_cell = self.return_state and cell.recurrence.count == 2
        y = cell.scan(x[:, ::-1] if backwards else x, state, last, keeps_cell)
        end = []
        if keeps_cell:
            end, y = [y[:, -2], y[:, -1]], y[:, :-1]
        elif self.return_state:
            end = [y[:, -1]]
        return (y[:, ::-1] if backwards and not last else y), end


class RNN(Recurrent):
    """A simple recurrent network over sequences; each step is that of `RNNCell`.

    Parameters
    ----------
    in_features, hidden_features : int
    layers : int
        How many, each over the outputs of the one before.
    bidirectional : bool
        Run a second network from the end; its outputs stand behind those of the first.
    return_sequences : bool
        Return the output of every step, else the last one of each direction.
    return_state : bool
        Return also the state at the end.
    **options
        Of `RNNCell`: activation, bias, initializers.

    Attributes
    ----------
    cells : list of RNNCell
        One for each layer and direction; the directions of a layer follow each other.

    Raises
    ------
    ValueError
        If the input is not (batch, time, in_features).

    Notes
    -----
    ``rnn(x)`` or ``rnn(x, state)`` with x (batch, time, in_features) returns y (batch, time,
    hidden_features * directions), or (batch, hidden_features * directions) without sequences; with
    `return_state`, (y, state). A state is h, shape (layers * directions, batch,
    hidden_features); without one, the first is zeros. Gradients flow into a given state.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> rnn = nn.init(nn.RNN(3, 4, layers=2), seed=0)
    >>> rnn(np.ones((2, 5, 3), dtype=np.float32)).shape
    (2, 5, 4)
    """

    cell = RNNCell


class LSTM(Recurrent):
    """A long short-term memory over sequences; each step is that of `LSTMCell`.

    Parameters
    ----------
    in_features, hidden_features : int
    layers : int
        How many, each over the outputs of the one before.
    bidirectional : bool
        Run a second network from the end; its outputs stand behind those of the first.
    return_sequences : bool
        Return the output of every step, else the last one of each direction.
    return_state : bool
        Return also the state at the end.
    **options
        Of `LSTMCell`: forget_bias, bias, initializers.

    Attributes
    ----------
    cells : list of LSTMCell
        One for each layer and direction; the directions of a layer follow each other.

    Raises
    ------
    ValueError
        If the input is not (batch, time, in_features).

    Notes
    -----
    ``lstm(x)`` or ``lstm(x, state)`` with x (batch, time, in_features) returns y (batch, time,
    hidden_features * directions), or (batch, hidden_features * directions) without sequences; with
    `return_state`, (y, state). A state is (h, c), each of shape (layers * directions, batch,
    hidden_features); without one, the first is zeros. Gradients flow into a given state.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> lstm = nn.init(nn.LSTM(3, 4, return_state=True), seed=0)
    >>> y, (h, c) = lstm(np.ones((2, 5, 3), dtype=np.float32))
    >>> y.shape, h.shape, c.shape
    ((2, 5, 4), (1, 2, 4), (1, 2, 4))
    >>> y, (h, c) = lstm(np.ones((2, 7, 3), dtype=np.float32), (h, c))
    """

    cell = LSTMCell


class GRU(Recurrent):
    """Gated recurrent units over sequences; each step is that of `GRUCell`.

    Parameters
    ----------
    in_features, hidden_features : int
    layers : int
        How many, each over the outputs of the one before.
    bidirectional : bool
        Run a second network from the end; its outputs stand behind those of the first.
    return_sequences : bool
        Return the output of every step, else the last one of each direction.
    return_state : bool
        Return also the state at the end.
    **options
        Of `GRUCell`: bias, initializers.

    Attributes
    ----------
    cells : list of GRUCell
        One for each layer and direction; the directions of a layer follow each other.

    Raises
    ------
    ValueError
        If the input is not (batch, time, in_features).

    Notes
    -----
    ``gru(x)`` or ``gru(x, state)`` with x (batch, time, in_features) returns y (batch, time,
    hidden_features * directions), or (batch, hidden_features * directions) without sequences; with
    `return_state`, (y, state). A state is h, shape (layers * directions, batch,
    hidden_features); without one, the first is zeros. Gradients flow into a given state.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> gru = nn.init(nn.GRU(3, 4, bidirectional=True, return_sequences=False), seed=0)
    >>> gru(np.ones((2, 5, 3), dtype=np.float32)).shape
    (2, 8)
    """

    cell = GRUCell
