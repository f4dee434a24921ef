"""Ghost: the value of a Tensor while a program is recorded - shape and type, but no numbers.

Recording runs the same Python as eager execution, on Tensors whose `data` is a Ghost. Whoever
only passes values on notices nothing; whoever looks at one is told that the function cannot be
recorded, and at which line it looked.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np

if TYPE_CHECKING:
    from interactive_train.autodiff.primitive import Plan, Primitive
    from interactive_train.autodiff.tensor import Tensor


class NotRecordableError(Exception):
    """The function does something that a recording cannot hold; the message says where and what."""


class Recorder(Protocol):
    """What notes the operations on ghosts; see `program.recorder`."""

    def note(
        self, primitive: Primitive, plan: Plan, inputs: Sequence[Tensor], attributes: Any
    ) -> Ghost:
        """Note one application and return its value."""
        ...

    def differentiate(self, value: Ghost) -> None:
        """Note that what follows is the gradient of the operation that made a value."""
        ...

    def view(self, of: Ghost, shape: tuple[int, ...]) -> Ghost:
        """Return the same elements in another shape."""
        ...


_running = 0  # recordings that are going on, in any thread


def recordings() -> int:
    """Return how many recordings are going on in this process."""
    return _running


@contextmanager
def recording() -> Iterator[None]:
    """Make primitives look out for ghosts."""
    global _running
    with _lock:
        _running += 1
    try:
        yield
    finally:
        with _lock:
            _running -= 1


_lock = threading.Lock()


def recorder_of(tensors: Sequence[Tensor]) -> Recorder | None:
    """Return the recorder of the first ghost among the inputs, if there is one."""
    for tensor in tensors:
        data: Any = tensor.data
        if type(data) is Ghost:
            return data.recorder
    return None


class _Flags:
    c_contiguous = aligned = True
    writeable = False


class Ghost:
    """Shape and type of a value that will exist when the recorded program runs.

    Attributes
    ----------
    number : int
        Of the value in the program that is being recorded.
    """

    __slots__ = ("dtype", "number", "recorder", "shape")
    known = False
    flags = _Flags()
    __array_ufunc__ = None

    def __init__(
        self, recorder: Recorder, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.recorder, self.number, self.shape, self.dtype = recorder, number, shape, dtype

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    def reshape(self, *shape: Any) -> Ghost:
        """Return the same elements in another shape."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        if -1 in wanted:
            rest = -math.prod(wanted)
            wanted = tuple(self.size // rest if n == -1 else n for n in wanted)
        return self.recorder.view(self, tuple(wanted))

    def view(self) -> Ghost:
        """Return itself: nobody can write to it anyway."""
        return self

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__array_") or name == "__buffer__":
            raise AttributeError(name)
        raise looked_at(f"its {name} is asked for")

    def __array__(self, *args: Any, **options: Any) -> NoReturn:
        raise looked_at("it is turned into a NumPy array")

    def __bool__(self) -> NoReturn:
        raise looked_at("it decides a branch")

    def __float__(self) -> NoReturn:
        raise looked_at("it is turned into a Python number")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> NoReturn:
        raise looked_at("an element of it is read")

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise looked_at("an element of it is written")

    def __iter__(self) -> NoReturn:
        raise looked_at("its elements are gone through")

    def __repr__(self) -> str:
        return f"<{self.dtype}{list(self.shape)} of a recording>"

    __int__ = __index__ = __complex__ = __float__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __getitem__
    __truediv__ = __rtruediv__ = __pow__ = __matmul__ = __neg__ = __invert__ = __array__
    __lt__ = __le__ = __gt__ = __ge__ = __and__ = __or__ = __getitem__


def looked_at(what: str) -> NotRecordableError:
    """Return the error of a function that looks at a value, with the line that does it."""
    return NotRecordableError(f"{users_line()}: the value is known at the step only, and {what}")


def users_line() -> str:
    """Return "file:line in function" of the innermost frame outside of the package and NumPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.split(".")[0] not in ("interactive_train", "numpy"):
            code = frame.f_code
            return f"{code.co_filename}:{frame.f_lineno} in {code.co_name}"
        frame = frame.f_back
    return "interactive_train"
