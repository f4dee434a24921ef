"""Tensor: an immutable array value that may remember how it was computed.

The memory of a Tensor never changes after it was made, so a Tensor may be kept,
shared between threads and handed out. NumPy's functions work on it, operators and
methods bear the array API's names. What an operator does is looked up by name in
`OPERATIONS`, where `primitive` and the files of ``ops/`` enter their functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ghost import Ghost, looked_at
from interactive_train.autodiff.protocol import from_function, from_ufunc
from interactive_train.runtime.errors import refusal

if TYPE_CHECKING:
    from interactive_train.autodiff.tape import Node

Spec = tuple[tuple[int, ...], str]  # shape and dtype character

OPERATIONS: dict[str, Callable[..., Any]] = {}
FLOATS = ("f", "d")  # dtype characters of float32 and float64
_KEPT = {np.dtype(t): np.dtype(t) for t in (np.float32, np.float64, np.int64, np.bool_)}


class Tensor:
    """An immutable value over a C-contiguous array of float32, float64, int64 or bool.

    Parameters
    ----------
    value : array_like
        Copied, so that a later change of the original cannot reach the Tensor.
    dtype : dtype, optional
        float32, float64, int64 or bool; other integers become int64, other floats are refused.

    Attributes
    ----------
    data : ndarray
        The memory itself, for the engine, which never writes to it; `numpy` gives a read-only view.
    node : Node or None
        How it was computed, while a gradient is being taken.
    spec : tuple
        Shape and dtype character.
    known : bool
        Whether the value may be looked at; False while a step is being recorded, where a Tensor
        only stands for what the step will compute.

    Raises
    ------
    TypeError
        For other types of elements.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0], dtype=np.float32)
    >>> x * x + 1
    Tensor([2., 5.], dtype=float32)
    >>> np.sum(np.exp(x - x))
    Tensor(2., dtype=float32)
    """

    __slots__ = ("__weakref__", "_address", "data", "node", "spec")
    __array_priority__ = 1000

    data: NDArray[Any]
    node: Node | None
    spec: Spec
    _address: int

    def __init__(self, value: Any, dtype: Any = None) -> None:
        try:
            with np.errstate(invalid="raise", over="ignore"):
                array = np.array(value, dtype=dtype, order="C", copy=True)
        except FloatingPointError:
            raise ValueError(
                refusal("Tensor", "integers are finite", f"NaN or Inf for {dtype}", "Keep a float.")
            ) from None
        array = _kept_type(array, "Tensor")
        self.data, self.node, self._address = array, None, 0
        self.spec = (array.shape, array.dtype.char)

    @classmethod
    def wrap(cls, array: NDArray[Any], node: Node | None = None) -> Tensor:
        """Make a Tensor over memory that nobody will change while the Tensor is in use (no copy).

        Raises
        ------
        ValueError
            If the array is not C-contiguous.
        """
        if not array.flags.c_contiguous:
            raise ValueError(
                refusal(
                    "Tensor.wrap",
                    "the array is C-contiguous",
                    f"strides {array.strides} for shape {array.shape}",
                    "Copy it, as Tensor(array) does.",
                )
            )
        return cls.made(array, node, (array.shape, array.dtype.char), 0)

    @classmethod
    def made(cls, array: NDArray[Any], node: Node | None, spec: Spec, address: int) -> Tensor:
        """Make a Tensor of a fresh result whose shape, type and address are known."""
        tensor = cls.__new__(cls)
        tensor.data, tensor.node, tensor.spec, tensor._address = array, node, spec, address
        return tensor

    @property
    def known(self) -> bool:
        """Whether the value may be looked at; not while a step is being recorded."""
        return not isinstance(self.data, Ghost)

    @property
    def address(self) -> int:
        """Where the memory begins; 0 while there is none."""
        if self._address == 0 and self.known:
            self._address = self.data.__array_interface__["data"][0]
        return self._address

    # What an array says of itself -------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The extents."""
        return self.spec[0]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The element type."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.spec[0])

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("Tensor: a scalar has no length; got shape (). Use .size.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        text = np.array2string(self.data, separator=", ", prefix="Tensor(", threshold=200)
        return f"Tensor({text}, dtype={self.dtype})"

    # Out of the engine ------------------------------------------------------------

    def numpy(self) -> NDArray[Any]:
        """Return the value as a read-only array (no copy)."""
        if not self.known:
            raise looked_at("it is turned into a NumPy array")
        view = self.data.view()
        view.flags.writeable = False
        return view

    def item(self) -> float | int | bool:
        """Return the only element as a Python number."""
        if self.size != 1:
            raise ValueError(
                refusal("Tensor.item", "needs exactly one element", f"shape {self.shape}")
            )
        value: float | int | bool = self.data.item()
        return value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if not self.known:
            raise looked_at("it is turned into a NumPy array")
        if dtype is not None and np.dtype(dtype) != self.dtype:
            if copy is False:
                raise ValueError(f"Tensor: another dtype needs a copy; got copy=False and {dtype}.")
            return self.data.astype(dtype)
        return self.data.copy() if copy else self.numpy()

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        return self

    def __float__(self) -> float:
        return float(self.item() if self.known else self.data)

    def __int__(self) -> int:
        return int(self.item() if self.known else self.data)

    def __bool__(self) -> bool:
        return bool(self.item() if self.known else self.data)

    def __index__(self) -> int:
        if self.dtype.kind != "i":
            raise TypeError(f"Tensor: only an int64 scalar is an index; got {self.dtype}.")
        return int(self.item())

    def __reduce__(self) -> Any:
        raise TypeError("Tensor: is not pickled; save arrays with .numpy() instead.")

    # Operators --------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return _call("add", self, other)

    def __radd__(self, other: Any) -> Tensor:
        return _call("add", other, self)

    def __sub__(self, other: Any) -> Tensor:
        return _call("subtract", self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return _call("subtract", other, self)

    def __mul__(self, other: Any) -> Tensor:
        return _call("multiply", self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return _call("multiply", other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return _call("divide", self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return _call("divide", other, self)

    def __pow__(self, other: Any) -> Tensor:
        return _call("power", self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return _call("power", other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return _call("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return _call("matmul", other, self)

    def __neg__(self) -> Tensor:
        return _call("negative", self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return _call("absolute", self)

    def __lt__(self, other: Any) -> Tensor:
        return _call("less", self, other)

    def __le__(self, other: Any) -> Tensor:
        return _call("less_equal", self, other)

    def __gt__(self, other: Any) -> Tensor:
        return _call("greater", self, other)

    def __ge__(self, other: Any) -> Tensor:
        return _call("greater_equal", self, other)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return _call("equal", self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return _call("not_equal", self, other)

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Tensor:
        return _call("getitem", self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "Tensor: is immutable; got an assignment to an element. "
            "Build a new value with np.where or it.concatenate."
        )

    # Methods, named as in the array API ---------------------------------------------

    def astype(self, dtype: Any) -> Tensor:
        """Return the value in another floating type."""
        return _call("astype", self, dtype)

    def reshape(self, *shape: Any) -> Tensor:
        """Return the same elements in another shape; one extent may be -1."""
        return _call("reshape", self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """Return the array with its axes in another order; reversed without arguments."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return _call("transpose", self, order or None)

    @property
    def T(self) -> Tensor:
        """The array with its axes reversed."""
        return self.transpose()

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the sum over the axes."""
        return _call("sum", self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the mean over the axes."""
        return _call("mean", self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the mean squared deviation over the axes."""
        return _call("var", self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the largest value over the axes."""
        return _call("max", self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return the smallest value over the axes."""
        return _call("min", self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Return where the largest value stands, as int64; it has no gradient."""
        return _call("argmax", self, axis=axis, keepdims=keepdims)

    # NumPy's protocols ---------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return from_ufunc(OPERATIONS, ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return from_function(OPERATIONS, function, args, kwargs)


def _call(name: str, *args: Any, **options: Any) -> Tensor:
    result: Tensor = OPERATIONS[name](*args, **options)
    return result


def _kept_type(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Return the array in a type that kernels take, in the machine's byte order, aligned."""
    if array.dtype in _KEPT and array.flags.aligned:
        return array
    native = array.dtype.newbyteorder("=")
    if native in _KEPT:
        return np.require(array, native, "A")
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    raise TypeError(
        refusal(
            where,
            "elements are float32, float64, integers or bool",
            str(array.dtype),
            "Convert with .astype(np.float32).",
        )
    )


def as_tensor(value: Any, where: str) -> Tensor:
    """Return `value` as a Tensor without copying a contiguous array.

    For values that stay unchanged while the Tensor is in use, as parameters do
    during a step; `Tensor` itself copies.
    """
    if isinstance(value, Tensor):
        return value
    array = np.asarray(value)
    if array.dtype == object:
        raise TypeError(
            refusal(where, "needs an array of numbers", type(value).__name__, "Check the argument.")
        )
    array = _kept_type(array, where)
    if not array.flags.c_contiguous:
        array = array.copy()
    return Tensor.made(array, None, (array.shape, array.dtype.char), 0)
