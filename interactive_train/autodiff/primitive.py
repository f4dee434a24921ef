"""Primitive: the record of one operation - its shape rule, its kernel, its gradients.

`plan` settles everything that follows from types, shapes and attributes: the result's
shape and type and the kernel call that makes it. Plans are cached, so an eager
call costs a look-up, an allocation and one row through the executor. The gradients
(`vjps`) are written with primitives, one per input, and stand under the operation in ``ops/``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ghost import recorder_of, recordings
from interactive_train.autodiff.tape import Node, Vjp
from interactive_train.autodiff.tensor import FLOATS, OPERATIONS, Spec, Tensor, as_tensor
from interactive_train.kernels.kernel import Kernel
from interactive_train.machine.eager import (
    IndexOutOfRange,
    PreparedRow,
    Slot,
    address_of,
    is_checked,
)
from interactive_train.runtime.errors import refusal

KEPT_PLANS = 2048  # per primitive; a loop over slices would otherwise grow without bound


@dataclass(slots=True)
class Plan:
    """How one application is computed.

    Attributes
    ----------
    shape, dtype
        Of the result.
    kernel : Kernel or None
        None: the result is the first input's memory in another shape.
    floating : numpy.dtype
        What the kernel's `T` stands for.
    operands : tuple
        Sizes, constant arrays and `Slot` places, in the kernel's order.
    spread : tuple of (int, shape)
        Inputs that must first be broadcast to a shape, since no pattern covers them.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kernel: Kernel | None = None
    floating: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))
    operands: tuple[int | NDArray[Any] | Slot, ...] = ()
    spread: tuple[tuple[int, tuple[int, ...]], ...] = ()
    row: PreparedRow | None = None
    spec: Spec = field(init=False)

    def __post_init__(self) -> None:
        self.spec = (self.shape, self.dtype.char)


class Primitive:
    """One differentiable operation.

    Parameters
    ----------
    name : str
        The array API's name where it has one; entered in `OPERATIONS`.
    plan : callable
        ``plan(*specs, **attributes) -> Plan``; raises ValueError for shapes that do not fit.

    Examples
    --------
    >>> OPERATIONS["multiply"](np.ones(2), 3.0)
    Tensor([3., 3.], dtype=float64)
    """

    def __init__(self, name: str, plan: Callable[..., Plan]) -> None:
        self.name = self.title = name  # the title is what errors call it
        self.make_plan = plan
        self.vjps: tuple[Vjp | None, ...] = ()
        self._plans: dict[Any, Plan] = {}
        OPERATIONS[name] = self

    def gradients(self, *vjps: Vjp | None) -> None:
        """Declare one gradient per input: ``vjp(g, y, *inputs, **attributes)``; None has none."""
        self.vjps = vjps

    def __call__(self, *args: Any, **attributes: Any) -> Tensor:
        """Return the result for floating operands, brought to one type."""
        return self.apply(promote(self.name, args), attributes)

    def apply(self, inputs: Sequence[Tensor], attributes: dict[str, Any]) -> Tensor:
        """Compute, and remember how if an input is being differentiated."""
        key = tuple([t.spec for t in inputs])
        if attributes:
            key += tuple(attributes.values())
        plan = self._plans.get(key)
        if plan is None:
            plan = self._new_plan(key, inputs, attributes)
        value: Any
        recorder = recorder_of(inputs) if recordings() else None
        if recorder is not None:
            value, address = recorder.note(self, plan, inputs, attributes), 0
        else:
            value, address = self._evaluate(plan, inputs)
        node = None
        for tensor in inputs:
            if tensor.node is not None and self.vjps:
                node = Node(tuple(inputs), value, self.vjps, attributes)
                break
        return Tensor.made(value, node, plan.spec, address)

    def _new_plan(self, key: Any, inputs: Sequence[Tensor], attributes: dict[str, Any]) -> Plan:
        plan = self.make_plan(*(t.spec for t in inputs), **attributes)
        if len(self._plans) >= KEPT_PLANS:
            self._plans.clear()
        self._plans[key] = plan
        return plan

    def _evaluate(self, plan: Plan, inputs: Sequence[Tensor]) -> tuple[NDArray[Any], int]:
        """Return the result and where it lies (0: not looked up)."""
        if plan.kernel is None:
            return inputs[0].data.reshape(plan.shape), inputs[0].address
        if plan.spread:
            spread = list(inputs)
            for position, shape in plan.spread:
                plain = Tensor.wrap(inputs[position].data)
                spread[position] = OPERATIONS["broadcast_to"](plain, shape)
            inputs = spread
        out = np.empty(plan.shape, plan.dtype)
        row = plan.row
        if row is None:
            row = PreparedRow(plan.kernel, plan.floating, plan.operands)
            row.check([out, *(t.data for t in inputs)])
            plan.row = row
        address = 0
        try:
            if is_checked():
                row.run_checked([out, *(t.data for t in inputs)], self.name)
            else:
                address = address_of(out)
                row.run([address, *[t.address for t in inputs]], self.name)
        except IndexOutOfRange as error:
            raise IndexError(self._index_message(error.row, inputs)) from None
        return out, address

    def _index_message(self, row: int, inputs: Sequence[Tensor]) -> str:
        index = next(t for t in inputs if t.dtype == np.int64)
        bound = next(t for t in inputs if t.dtype != np.int64 and t.ndim == 2)
        place = tuple(int(i) for i in np.unravel_index(row, index.shape))
        position = place[0] if len(place) == 1 else place
        labels = self.name.startswith("cross_entropy")
        high = bound.shape[1] if labels else bound.shape[0]
        what = "label" if labels else "index"
        return refusal(
            self.title,
            f"every {what} lies in 0 ... {high - 1}",
            f"{int(index.data.reshape(-1)[row])} at position {position}",
            f"There are {high} {'classes' if labels else 'rows'}; count from 0.",
        )


_NUMBERS = (int, float, np.floating, np.integer)


def promote(where: str, args: Sequence[Any]) -> list[Tensor]:
    """Bring operands to Tensors of one floating type; numbers take the type of the arrays.

    Raises
    ------
    TypeError
        For integer arrays and for things that are no arrays.
    """
    for value in args:
        if type(value) is not Tensor or value.spec[1] != args[0].spec[1]:
            break
    else:
        if args and args[0].spec[1] in FLOATS:
            return list(args)
    widest = ""
    for value in args:
        char = value.spec[1] if isinstance(value, Tensor) else _char(value)
        if char in FLOATS and (not widest or char == "d"):
            widest = char
    dtype = np.dtype(widest or "d")
    tensors = []
    for value in args:
        if isinstance(value, Tensor):
            tensor = value
        elif hasattr(value, "__tensor__"):  # a number that is known at the step only
            tensors.append(value.__tensor__(dtype))
            continue
        elif _is_number(value):
            tensors.append(number(float(value), dtype))
            continue
        else:
            tensor = as_tensor(value, where)
        char = tensor.spec[1]
        if char == "?":
            tensor = OPERATIONS["astype"](tensor, dtype)
        elif char not in FLOATS:
            raise TypeError(
                refusal(
                    where,
                    "arithmetic needs floating arrays",
                    f"an array of {tensor.dtype}",
                    "Convert it with .astype(np.float32).",
                )
            )
        elif char != dtype.char:
            tensor = OPERATIONS["astype"](tensor, dtype)
        tensors.append(tensor)
    return tensors


def _is_number(value: Any) -> bool:
    """Whether a value acts as a number beside arrays: floats, ints, and what converts to one."""
    if isinstance(value, _NUMBERS):
        return not isinstance(value, bool)
    return hasattr(value, "__float__") and not hasattr(value, "__array__")


def number(value: float, dtype: np.dtype[Any]) -> Tensor:
    """Return a scalar Tensor; recurring constants are made once, since a Tensor never changes."""
    # 0.0 and -0.0 are equal keys, so neither is kept.
    return _constant(value, dtype.char) if value else _scalar(value, dtype.char)


@lru_cache(maxsize=1024)
def _constant(value: float, char: str) -> Tensor:
    return _scalar(value, char)


def _scalar(value: float, char: str) -> Tensor:
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, as in any operation
        return Tensor.wrap(np.array(value, char))


def _char(value: Any) -> str:
    dtype = getattr(value, "dtype", None)
    if dtype is None or isinstance(value, np.generic):
        return ""
    return str(dtype.char)
