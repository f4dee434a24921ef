"""What holds during one call of a model: training or not, the random key, what layers wrote.

It belongs to the call, not to the model, so two threads may run one model in
different modes. Layers read it through `current`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from interactive_train.autodiff.tensor import Tensor
from interactive_train.runtime.key import Key


@dataclass(slots=True)
class Call:
    """One call of a model.

    Attributes
    ----------
    training : bool
    key : Key or None
        From which dropout draws; None outside of training.
    step : int
        Of the training that calls; every step has random numbers of its own.
    dtype : numpy.dtype or None
        Of the model, to which floating inputs are cast.
    written : dict
        New layer state by path, kept by whoever made the call.
    trace : list or None
        (path, kind, output shape) of every layer, when somebody asked for it.
    """

    training: bool
    key: Key | None = None
    dtype: np.dtype[Any] | None = None
    written: dict[str, Tensor] = field(default_factory=dict)
    trace: list[tuple[str, str, tuple[int, ...]]] | None = None
    draws: int = 0
    step: int = 0

    def draw(self, path: str) -> Key:
        """Return a key for the next random operation of this call."""
        if self.key is None:
            self.key = Key.from_seed(None)
        self.draws += 1
        return _stream(self.key, path, self.draws).at(self.step)

    def run(self, path: str, layer: Callable[..., Any], inputs: Iterable[Any]) -> Any:
        """Return what a layer makes of its inputs; a recording notes at which path that was."""
        return layer(*inputs)


@lru_cache(maxsize=4096)
def _stream(key: Key, path: str, number: int) -> Key:
    """Return the key of one draw of a model, of which each step takes its own part."""
    return key.fold("draw", path, number)


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def current() -> Call | None:
    """Return the call that is running, or None."""
    return _current.get()


@contextmanager
def calling(call: Call) -> Iterator[Call]:
    """Make a call the running one."""
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)
