"""Pooling of images, channels first; lines are images of height 1.

The average is linear, and its adjoint spreads it; the two are each other's gradient. The largest
value is picked, `max_pool_spread` puts a gradient back to where it stood, and `max_pool_pick`
takes values from there: for a given image these two are adjoint as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.autodiff.ops.arguments import Ints, floating
from interactive_train.autodiff.ops.convolution import flat, outputs, pads, pair, tall
from interactive_train.autodiff.ops.linear import matmul
from interactive_train.autodiff.ops.shape import swapaxes
from interactive_train.autodiff.primitive import Plan, Primitive
from interactive_train.autodiff.tensor import OPERATIONS, Spec, Tensor
from interactive_train.kernels import pooling as kernels
from interactive_train.kernels.kernel import Kernel
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.checks import flag
from interactive_train.runtime.errors import refusal

# (window, stride, padding in front): of both axes.
Windows = tuple[Ints, Ints, Ints]


def _plan(
    kernel: Kernel, large: Ints, small: Ints, windows: Windows, back: bool, char: str, *more: int
) -> Plan:
    arrays = [operand.role for operand in kernel.operands].count("read")
    sizes = (*large, *small[2:], *(n for axes in windows for n in axes), *more)
    dtype = np.dtype(char)
    operands: tuple[Any, ...] = (RESULT, *INPUTS[:arrays], *sizes)
    return Plan(large if back else small, dtype, kernel, dtype, operands)


def _plan_max(x: Spec, windows: Windows, extents: Ints) -> Plan:
    return _plan(kernels.MAX_POOL, x[0], (*x[0][:2], *extents), windows, False, x[1])


def _plan_pick(h: Spec, x: Spec, windows: Windows, extents: Ints) -> Plan:
    return _plan(kernels.MAX_POOL_PICK, x[0], (*x[0][:2], *extents), windows, False, x[1])


def _plan_spread(g: Spec, x: Spec, windows: Windows) -> Plan:
    if windows == ((2, 2), (2, 2), (0, 0)):
        sizes, dtype = (*x[0], *g[0][2:]), np.dtype(x[1])
        kernel = kernels.MAX_POOL_HALVES_GRADIENT
        return Plan(x[0], dtype, kernel, dtype, (RESULT, INPUTS[0], INPUTS[1], *sizes))
    return _plan(kernels.MAX_POOL_GRADIENT, x[0], g[0], windows, True, x[1])


max_pool = Primitive("max_pool", _plan_max)
max_pool_pick = Primitive("max_pool_pick", _plan_pick)
max_pool_spread = Primitive("max_pool_spread", _plan_spread)

max_pool.gradients(
    lambda g, y, x, windows, extents: max_pool_spread.apply([g, x], {"windows": windows})
)
max_pool_spread.gradients(
    lambda h, y, g, x, windows: max_pool_pick.apply(
        [h, x], {"windows": windows, "extents": g.shape[2:]}
    ),
    None,
)
max_pool_pick.gradients(
    lambda g, y, h, x, windows, extents: max_pool_spread.apply([g, x], {"windows": windows}), None
)


def _plan_average(x: Spec, windows: Windows, with_pad: bool, extents: Ints) -> Plan:
    small = (*x[0][:2], *extents)
    return _plan(kernels.AVERAGE_POOL, x[0], small, windows, False, x[1], int(with_pad))


def _plan_back(g: Spec, windows: Windows, with_pad: bool, extents: Ints) -> Plan:
    large, more = (*g[0][:2], *extents), int(with_pad)
    return _plan(kernels.AVERAGE_POOL_GRADIENT, large, g[0], windows, True, g[1], more)


average_pool = Primitive("average_pool", _plan_average)
average_pool_back = Primitive("average_pool_back", _plan_back)


def _adjoint(primitive: Primitive, g: Tensor, like: Tensor, **attributes: Any) -> Tensor:
    return primitive.apply([g], attributes | {"extents": like.shape[2:]})


average_pool.gradients(
    lambda g, y, x, windows, with_pad, extents: _adjoint(
        average_pool_back, g, x, windows=windows, with_pad=with_pad
    )
)
average_pool_back.gradients(
    lambda h, y, g, windows, with_pad, extents: _adjoint(
        average_pool, h, g, windows=windows, with_pad=with_pad
    )
)


def max_pool2d(
    x: Any, window: int | Ints, *, stride: Any = None, padding: Any = 0, where: str = "max_pool2d"
) -> Tensor:
    """Return the largest value of every window; of equals, the first gets the gradient.

    Parameters
    ----------
    x : array_like, shape (images, channels, height, width)
    window : int or pair of int
    stride : int or pair of int, optional
        The step between windows; their own size by default, so that they do not overlap.
    padding : int, pair of int, "same" or "valid"
        By how much windows begin outside of the image; nothing there counts. At most half of the
        window.
    where : str
        What an error calls the operation.

    Raises
    ------
    ValueError
        If no window fits.
    """
    images = _images(where, x, 2)
    windows, extents = _windows(where, images.shape, window, stride, padding)
    return max_pool.apply([images], {"windows": windows, "extents": extents})


def avg_pool2d(
    x: Any,
    window: int | Ints,
    *,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
    where: str = "avg_pool2d",
) -> Tensor:
    """Return the average of every window; see `max_pool2d`.

    Where `count_include_pad` is set, the padding counts as zeros.
    """
    images = _images(where, x, 2)
    windows, extents = _windows(where, images.shape, window, stride, padding)
    with_pad = flag(count_include_pad, "count_include_pad", where)
    attributes = {"windows": windows, "with_pad": with_pad, "extents": extents}
    return average_pool.apply([images], attributes)


def max_pool1d(
    x: Any, window: int | Ints, *, stride: Any = None, padding: Any = 0, where: str = "max_pool1d"
) -> Tensor:
    """Return the largest value of every window of lines (batch, channels, length)."""
    lines = _images(where, x, 1)
    windows, extents = _windows(where, lines.shape, window, stride, padding)
    attributes = {"windows": _tall(windows), "extents": (1, *extents)}
    return flat(max_pool.apply([tall(lines)], attributes))


def avg_pool1d(
    x: Any,
    window: int | Ints,
    *,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
    where: str = "avg_pool1d",
) -> Tensor:
    """Return the average of every window of lines (batch, channels, length)."""
    lines = _images(where, x, 1)
    windows, extents = _windows(where, lines.shape, window, stride, padding)
    with_pad = flag(count_include_pad, "count_include_pad", where)
    attributes = {"windows": _tall(windows), "with_pad": with_pad, "extents": (1, *extents)}
    return flat(average_pool.apply([tall(lines)], attributes))


def adaptive_avg_pool2d(
    x: Any, output_size: int | Ints, *, where: str = "adaptive_avg_pool2d"
) -> Tensor:
    """Return averages over as many windows as are asked for.

    Along an axis of n, window i of m covers floor(i n / m) ... ceil((i + 1) n / m) - 1.
    """
    images = _images(where, x, 2)
    return _adaptive(images, pair(where, "output_size", output_size, 2))


def adaptive_avg_pool1d(
    x: Any, output_size: int | Ints, *, where: str = "adaptive_avg_pool1d"
) -> Tensor:
    """Return averages of lines over as many windows as are asked for."""
    lines = _images(where, x, 1)
    return flat(_adaptive(tall(lines), (1, *pair(where, "output_size", output_size, 1))))


def _adaptive(x: Tensor, extents: Ints) -> Tensor:
    if all(n % m == 0 for n, m in zip(x.shape[2:], extents, strict=True)):
        window = tuple(n // m for n, m in zip(x.shape[2:], extents, strict=True))
        windows = (window, window, (0, 0))
        return average_pool.apply([x], {"windows": windows, "with_pad": False, "extents": extents})
    # Windows of unequal sizes: averaging is a product with a matrix for each axis.
    across = matmul(x, Tensor.wrap(_averages(x.shape[3], extents[1], x.dtype)))
    down = matmul(swapaxes(across, 2, 3), Tensor.wrap(_averages(x.shape[2], extents[0], x.dtype)))
    return swapaxes(down, 2, 3)


def _averages(n: int, m: int, dtype: np.dtype[Any]) -> Any:
    """Return the matrix [n, m] whose column i averages window i."""
    matrix = np.zeros((n, m), dtype)
    for i in range(m):
        first, behind = i * n // m, -(-(i + 1) * n // m)
        matrix[first:behind, i] = 1.0 / (behind - first)
    return matrix


def _images(where: str, x: Any, axes: int) -> Tensor:
    tensor = floating(x, where)
    names = "(batch, channels, length)" if axes == 1 else "(images, channels, height, width)"
    if tensor.ndim != axes + 2 or 0 in tensor.shape[2:]:
        raise ValueError(
            refusal(
                where,
                f"the input has {axes + 2} axes {names}",
                f"shape {tensor.shape}",
                "Add an axis: x[None]." if tensor.ndim == axes + 1 else f"Reshape it to {names}.",
            )
        )
    return tensor


def _windows(
    where: str, shape: Ints, window: Any, stride: Any, padding: Any
) -> tuple[Windows, Ints]:
    axes = len(shape) - 2
    sizes = pair(where, "window", window, axes)
    steps = sizes if stride is None else pair(where, "stride", stride, axes)
    ones = (1,) * axes
    front, back = pads(where, padding, shape[2:], sizes, steps, ones)
    if any(2 * p > k for p, k in zip(front, sizes, strict=True)):
        raise ValueError(
            refusal(
                where,
                "padding is at most half of the window",
                f"{padding!r} with a window of {window!r}",
                "A window beyond the image would hold nothing.",
            )
        )
    return (sizes, steps, front), outputs(where, shape, sizes, steps, front, back, ones)


def _tall(windows: Windows) -> Windows:
    window, stride, padding = windows
    return (1, *window), (1, *stride), (0, *padding)


for _function in (
    max_pool1d,
    max_pool2d,
    avg_pool1d,
    avg_pool2d,
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
):
    OPERATIONS[_function.__name__] = _function
