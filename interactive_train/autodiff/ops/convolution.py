"""Convolutions of images, channels first; lines are images of height 1.

S(x, w, g) = sum of g[n, f, i, j] x[n, c, i s + a d - p, j s + b d - p] w[f, c, a, b] is linear in
each of the three, and the primitives are its derivatives for g, x and w. So each one's gradients
are the other two.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from interactive_train.autodiff.ops.arguments import Ints
from interactive_train.autodiff.ops.shape import reshape
from interactive_train.autodiff.primitive import Plan, Primitive, promote
from interactive_train.autodiff.tensor import OPERATIONS, Spec, Tensor
from interactive_train.kernels import bands
from interactive_train.kernels import convolution as kernels
from interactive_train.machine.eager import INPUTS, RESULT
from interactive_train.runtime.errors import refusal

# (stride, padding, dilation, groups): of both axes, the padding in front of the image.
Geometry = tuple[Ints, Ints, Ints, int]
Padding = int | str | tuple[int, ...]


def _plan(kind: str, large: Ints, weight: Ints, small: Ints, geometry: Geometry, char: str) -> Plan:
    """Plan the derivative of S: `large` is the shape of x, `small` that of g."""
    stride, padding, dilation, groups = geometry
    transposed = kind == "transposed"
    given, made = (small, large) if transposed else (large, small)
    sizes = {
        "images": large[0],
        "sources": given[1],
        "targets": made[1],
        "groups": groups,
        "height": given[2],
        "width": given[3],
        "rows": made[2],
        "columns": made[3],
        "filters": weight[0],
        "depth": weight[1],
        "transposed": int(transposed),
    }
    pairs = {"taps": weight[2:], "stride": stride, "pad": padding, "dilation": dilation}
    for name, (y, x) in pairs.items():
        sizes |= {f"{name}_y": y, f"{name}_x": x}
    part = bands.blocks(sizes, kind)
    blocked, plain = kernels.KERNELS[kind == "weight"]
    sizes |= part or dict.fromkeys(bands.BLOCKS, 1)
    kernel = plain if part is None else blocked
    operands = [sizes[o.name] for o in kernel.operands if o.role == "size"]
    shape = {"output": small, "transposed": large, "weight": weight}[kind]
    dtype = np.dtype(char)
    return Plan(shape, dtype, kernel, dtype, (RESULT, INPUTS[0], INPUTS[1], *operands))


def _plan_output(x: Spec, w: Spec, geometry: Geometry, extents: Ints) -> Plan:
    small = (x[0][0], w[0][0], *extents)
    return _plan("output", x[0], w[0], small, geometry, x[1])


def _plan_transposed(g: Spec, w: Spec, geometry: Geometry, extents: Ints) -> Plan:
    large = (g[0][0], w[0][1] * geometry[3], *extents)
    return _plan("transposed", large, w[0], g[0], geometry, g[1])


def _plan_weight(x: Spec, g: Spec, geometry: Geometry, extents: Ints) -> Plan:
    weight = (g[0][1], x[0][1] // geometry[3], *extents)
    return _plan("weight", x[0], weight, g[0], geometry, x[1])


# `extents` are the last two of the result.
convolve = Primitive("convolve", _plan_output)
convolve_transposed = Primitive("convolve_transposed", _plan_transposed)
convolve_weight = Primitive("convolve_weight", _plan_weight)


def _derivative(
    primitive: Primitive, first: Tensor, second: Tensor, like: Tensor, geometry: Geometry
) -> Tensor:
    attributes = {"geometry": geometry, "extents": like.shape[2:]}
    return primitive.apply([first, second], attributes)


convolve.gradients(
    lambda g, y, x, w, geometry, extents: _derivative(convolve_transposed, g, w, x, geometry),
    lambda g, y, x, w, geometry, extents: _derivative(convolve_weight, x, g, w, geometry),
)
convolve_transposed.gradients(
    lambda x, y, g, w, geometry, extents: _derivative(convolve, x, w, g, geometry),
    lambda x, y, g, w, geometry, extents: _derivative(convolve_weight, x, g, w, geometry),
)
convolve_weight.gradients(
    lambda w, y, x, g, geometry, extents: _derivative(convolve_transposed, g, w, x, geometry),
    lambda w, y, x, g, geometry, extents: _derivative(convolve, x, w, g, geometry),
)


def conv2d(
    x: Any,
    w: Any,
    *,
    stride: int | Ints = 1,
    padding: Padding = 0,
    dilation: int | Ints = 1,
    groups: int = 1,
    where: str = "conv2d",
) -> Tensor:
    """Correlate images with filters.

    y[n, f, i, j] = sum over c, a, b of w[f, c, a, b] x[n, c, i s + a d - p, j s + b d - p]

    Parameters
    ----------
    x : array_like, shape (images, channels, height, width)
    w : array_like, shape (filters, channels / groups, rows, columns)
    stride : int or pair of int
        Steps s between windows.
    padding : int, pair of int, "same" or "valid"
        Zeros p on either side. "same" makes ceil(extent / stride) outputs; of an odd number of
        zeros the larger half stands behind. "valid" is 0.
    dilation : int or pair of int
        Steps d within a window.
    groups : int
        The channels are divided into so many parts, each with its own filters.
    where : str
        What an error calls the operation.

    Returns
    -------
    Tensor, shape (images, filters, rows, columns)

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    images, filters = promote(where, [x, w])
    names = _shapes(where, images, filters, 2, "channels", 1, groups)
    steps, apart = pair(where, "stride", stride, 2), pair(where, "dilation", dilation, 2)
    window = filters.shape[2:]
    front, back = pads(where, padding, images.shape[2:], window, steps, apart)
    extents = outputs(where, images.shape, window, steps, front, back, apart)
    geometry = (steps, front, apart, names)
    return convolve.apply([images, filters], {"geometry": geometry, "extents": extents})


def conv_transpose2d(
    x: Any,
    w: Any,
    *,
    stride: int | Ints = 1,
    padding: int | Ints = 0,
    output_padding: int | Ints = 0,
    dilation: int | Ints = 1,
    groups: int = 1,
    where: str = "conv_transpose2d",
) -> Tensor:
    """Spread images with filters: the adjoint of `conv2d`, which makes them larger.

    y[n, c, i s + a d - p, j s + b d - p] = sum over f, i, j, a, b of w[f, c, a, b] x[n, f, i, j]

    Parameters
    ----------
    x : array_like, shape (images, filters, height, width)
    w : array_like, shape (filters, channels / groups, rows, columns)
    stride, padding : int or pair of int
        Those of the convolution whose adjoint this is.
    output_padding : int or pair of int
        Rows and columns more than (extent - 1) s + (window - 1) d + 1 - 2 p; less than the
        stride or the dilation.
    dilation : int or pair of int
    groups : int
        Again those of the convolution.
    where : str
        What an error calls the operation.

    Returns
    -------
    Tensor, shape (images, channels, rows, columns)

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """
    images, filters = promote(where, [x, w])
    parts = _shapes(where, images, filters, 2, "channels", 0, groups)
    steps, apart = pair(where, "stride", stride, 2), pair(where, "dilation", dilation, 2)
    front = pair(where, "padding", padding, 2, least=0)
    more = pair(where, "output_padding", output_padding, 2, least=0)
    if any(m >= max(s, d) for m, s, d in zip(more, steps, apart, strict=True)):
        raise ValueError(
            refusal(
                where,
                "output_padding is less than the stride or the dilation",
                f"{output_padding!r} with stride {stride!r}",
                "It only says which of the sizes with equal results is meant.",
            )
        )
    axes = zip(images.shape[2:], filters.shape[2:], steps, front, apart, more, strict=True)
    extents = tuple((n - 1) * s + (k - 1) * d + 1 - 2 * p + m for n, k, s, p, d, m in axes)
    if min(extents) < 1:
        raise ValueError(
            refusal(
                where,
                "the result has at least one row and column",
                f"{extents} from shape {images.shape} with padding {padding!r}",
                "Padding cuts the result here; make it smaller.",
            )
        )
    geometry = (steps, front, apart, parts)
    return convolve_transposed.apply([images, filters], {"geometry": geometry, "extents": extents})


def conv1d(
    x: Any,
    w: Any,
    *,
    stride: int | Ints = 1,
    padding: Padding = 0,
    dilation: int | Ints = 1,
    groups: int = 1,
    where: str = "conv1d",
) -> Tensor:
    """Correlate lines (batch, channels, length) with filters (filters, channels / groups, taps).

    Padding may also be "causal": all zeros in front, so that no output sees what comes later.
    Everything else as in `conv2d`.
    """
    lines, filters = promote(where, [x, w])
    _shapes(where, lines, filters, 1, "channels", 1, groups)
    steps, apart = pair(where, "stride", stride, 1), pair(where, "dilation", dilation, 1)
    window = filters.shape[2:]
    front, back = pads(where, padding, lines.shape[2:], window, steps, apart)
    extents = outputs(where, lines.shape, window, steps, front, back, apart)
    geometry = ((1, *steps), (0, *front), (1, *apart), groups)
    attributes = {"geometry": geometry, "extents": (1, *extents)}
    return flat(convolve.apply([tall(lines), tall(filters)], attributes))


def conv_transpose1d(
    x: Any,
    w: Any,
    *,
    stride: int | Ints = 1,
    padding: int | Ints = 0,
    output_padding: int | Ints = 0,
    dilation: int | Ints = 1,
    groups: int = 1,
    where: str = "conv_transpose1d",
) -> Tensor:
    """Spread lines with filters: the adjoint of `conv1d`; see `conv_transpose2d`."""
    lines, filters = promote(where, [x, w])
    _shapes(where, lines, filters, 1, "channels", 0, groups)
    return flat(
        conv_transpose2d(
            tall(lines),
            tall(filters),
            stride=(1, *pair(where, "stride", stride, 1)),
            padding=(0, *pair(where, "padding", padding, 1, least=0)),
            output_padding=(0, *pair(where, "output_padding", output_padding, 1, least=0)),
            dilation=(1, *pair(where, "dilation", dilation, 1)),
            groups=groups,
            where=where,
        )
    )


def tall(x: Tensor) -> Tensor:
    """Give lines a height of 1."""
    return reshape(x, (*x.shape[:2], 1, *x.shape[2:]))


def flat(y: Tensor) -> Tensor:
    """Take the height of 1 away again."""
    return reshape(y, (*y.shape[:2], *y.shape[3:]))


def pair(where: str, name: str, value: Any, axes: int, least: int = 1) -> Ints:
    """Return one whole number per axis.

    Raises
    ------
    TypeError
        If there is something else in it.
    ValueError
        If there is another number of them or one is too small.
    """
    given = value if isinstance(value, (tuple, list)) else (value,) * axes
    rule = f"{name} is a whole number from {least}" + (", or a pair of them" if axes == 2 else "")
    try:
        found = tuple(operator.index(n) for n in given)
    except TypeError:
        raise TypeError(refusal(where, rule, repr(value), f"Give {max(1, least)}.")) from None
    if len(found) != axes or min(found) < least:
        raise ValueError(refusal(where, rule, repr(value), f"Give {max(1, least)}."))
    return found


def pads(
    where: str, padding: Any, extents: Ints, window: Ints, stride: Ints, dilation: Ints
) -> tuple[Ints, Ints]:
    """Return the zeros in front of every axis and behind it.

    Raises
    ------
    ValueError
        For a word that is no way of padding.
    """
    if not isinstance(padding, str):
        both = pair(where, "padding", padding, len(window), least=0)
        return both, both
    spans = [(k - 1) * d for k, d in zip(window, dilation, strict=True)]
    if padding == "valid":
        return (0,) * len(window), (0,) * len(window)
    if padding == "causal" and len(window) == 1:
        return (spans[0],), (0,)
    if padding == "same":
        axes = zip(extents, stride, spans, strict=True)
        sums = [max(0, (-(-n // s) - 1) * s + span + 1 - n) for n, s, span in axes]
        return tuple(n // 2 for n in sums), tuple(n - n // 2 for n in sums)
    words = '"same", "valid"' + (' or "causal"' if len(window) == 1 else "")
    raise ValueError(
        refusal(where, f"padding is a number or one of {words}", repr(padding), 'Give "same".')
    )


def outputs(
    where: str, shape: Ints, window: Ints, stride: Ints, front: Ints, back: Ints, dilation: Ints
) -> Ints:
    """Return how many windows fit along every axis.

    Raises
    ------
    ValueError
        If one is larger than the padded image.
    """
    axes = zip(shape[2:], window, stride, front, back, dilation, strict=True)
    found = tuple((n + p + q - (k - 1) * d - 1) // s + 1 for n, k, s, p, q, d in axes)
    if min(found) < 1:
        reach = tuple((k - 1) * d + 1 for k, d in zip(window, dilation, strict=True))
        raise ValueError(
            refusal(
                where,
                f"the window of {reach} fits into the padded input",
                f"shape {shape} with padding {front}",
                'Make the window smaller, or give padding="same".',
            )
        )
    return found


def _shapes(where: str, x: Tensor, w: Tensor, axes: int, what: str, place: int, groups: Any) -> int:
    """Check that input, filters and groups fit together; return the number of groups."""
    (count,) = pair(where, "groups", groups, 1)
    names = "(batch, channels, length)" if axes == 1 else "(images, channels, height, width)"
    if x.ndim != axes + 2:
        one = x.ndim == axes + 1
        raise ValueError(
            refusal(
                where,
                f"the input has {axes + 2} axes {names}",
                f"shape {x.shape}",
                "Add an axis: x[None]." if one else f"Reshape it to {names}.",
            )
        )
    if w.ndim != axes + 2 or 0 in w.shape:
        raise ValueError(
            refusal(
                where,
                f"the filters have {axes + 2} axes, none empty",
                f"shape {w.shape}",
                "The first two are filters and channels / groups.",
            )
        )
    channels = w.shape[1] * count if place else w.shape[0]
    if x.shape[1] != channels or w.shape[0] % count:
        raise ValueError(
            refusal(
                where,
                f"filters of shape {w.shape} in {count} groups take {channels} channels"
                if x.shape[1] != channels
                else f"{count} groups divide the number of filters",
                f"shape {x.shape}" if x.shape[1] != channels else f"{w.shape[0]} filters",
                "Channels are the second axis: x.transpose(0, 3, 1, 2) puts the last one there."
                if axes == 2
                else "Channels are the second axis.",
            )
        )
    return count


for _function in (conv1d, conv2d, conv_transpose1d, conv_transpose2d):
    OPERATIONS[_function.__name__] = _function
