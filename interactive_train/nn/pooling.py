"""Pooling layers, channels first, and Flatten, which leads from images to a Linear layer."""

from __future__ import annotations

from typing import Any, ClassVar

from interactive_train.autodiff.ops import pooling as ops
from interactive_train.autodiff.ops.arguments import Ints
from interactive_train.autodiff.ops.convolution import pads, pair
from interactive_train.autodiff.ops.shape import reshape
from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.layers import named
from interactive_train.nn.module import Module, require_floating
from interactive_train.runtime.checks import flag
from interactive_train.runtime.errors import refusal


class _Pool(Module):
    """Windows of a size, a step apart."""

    axes: ClassVar[int]

    def __init__(
        self, kernel_size: int | Ints, stride: int | Ints | None = None, padding: Any = 0
    ) -> None:
        where = f"nn.{type(self).__name__}"
        self.kernel_size = pair(where, "kernel_size", kernel_size, self.axes)
        self.stride = (
            self.kernel_size if stride is None else pair(where, "stride", stride, self.axes)
        )
        ones = (1,) * self.axes
        front, _ = pads(where, padding, ones, self.kernel_size, ones, ones)
        self.padding: str | Ints = padding if isinstance(padding, str) else front


class MaxPool1d(_Pool):
    """The largest value of every window of sequences (batch, channels, length).

    See `MaxPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPool1d(2)(np.array([[[1.0, 3.0, 2.0, 0.0]]], dtype=np.float32))
    Tensor([[[3., 2.]]], dtype=float32)
    """

    axes = 1

    def forward(self, x: Any) -> Tensor:
        """Return the largest values."""
        inputs = require_floating(x, named(self))
        return ops.max_pool1d(
            inputs,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            where=named(self),
        )


class MaxPool2d(_Pool):
    """The largest value of every window of images (images, channels, height, width).

    Of equal values the first gets the gradient; NaN is larger than any number.

    Parameters
    ----------
    kernel_size : int or pair of int
        Rows and columns of a window.
    stride : int or pair of int, optional
        Steps between windows; their size by default.
    padding : int, pair of int, "same" or "valid"
        By how much windows begin outside of the image, where nothing counts.

    Raises
    ------
    ValueError
        If the image is smaller than a window.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPool2d(2)(np.zeros((8, 16, 28, 28), dtype=np.float32)).shape
    (8, 16, 14, 14)
    """

    axes = 2

    def forward(self, x: Any) -> Tensor:
        """Return the largest values."""
        inputs = require_floating(x, named(self))
        return ops.max_pool2d(
            inputs,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            where=named(self),
        )


class _AvgPool(_Pool):
    """Averages, whose divisor may or may not count the padding."""

    def __init__(
        self,
        kernel_size: int | Ints,
        stride: int | Ints | None = None,
        padding: Any = 0,
        *,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        where = f"nn.{type(self).__name__}"
        self.count_include_pad = flag(count_include_pad, "count_include_pad", where)

    def forward(self, x: Any) -> Tensor:
        """Return the averages."""
        inputs = require_floating(x, named(self))
        function = ops.avg_pool1d if self.axes == 1 else ops.avg_pool2d
        return function(
            inputs,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            count_include_pad=self.count_include_pad,
            where=named(self),
        )


class AvgPool1d(_AvgPool):
    """The average of every window of sequences (batch, channels, length).

    See `AvgPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> AvgPool1d(2)(np.array([[[1.0, 3.0, 2.0, 0.0]]], dtype=np.float32))
    Tensor([[[2., 1.]]], dtype=float32)
    """

    axes = 1


class AvgPool2d(_AvgPool):
    """The average of every window of images (images, channels, height, width).

    Parameters
    ----------
    kernel_size : int or pair of int
        Rows and columns of a window.
    stride : int or pair of int, optional
        Steps between windows; their size by default.
    padding : int, pair of int, "same" or "valid"
        By how much windows begin outside of the image.
    count_include_pad : bool
        Whether what lies outside counts as zeros.

    Raises
    ------
    ValueError
        If the image is smaller than a window.

    Examples
    --------
    >>> import numpy as np
    >>> AvgPool2d(2)(np.zeros((8, 16, 28, 28), dtype=np.float32)).shape
    (8, 16, 14, 14)
    """

    axes = 2


class AdaptiveAvgPool1d(Module):
    """Averages over as many windows of a sequence as are asked for.

    Parameters
    ----------
    output_size : int

    Examples
    --------
    >>> import numpy as np
    >>> AdaptiveAvgPool1d(3)(np.zeros((8, 16, 20), dtype=np.float32)).shape
    (8, 16, 3)
    """

    def __init__(self, output_size: int | Ints) -> None:
        self.output_size = pair("nn.AdaptiveAvgPool1d", "output_size", output_size, 1)

    def forward(self, x: Any) -> Tensor:
        """Return the averages."""
        inputs = require_floating(x, named(self))
        return ops.adaptive_avg_pool1d(inputs, self.output_size, where=named(self))


class AdaptiveAvgPool2d(Module):
    """Averages over as many windows of an image as are asked for, whatever its size.

    Along an axis of n, window i of m covers floor(i n / m) ... ceil((i + 1) n / m) - 1.

    Parameters
    ----------
    output_size : int or pair of int

    Examples
    --------
    >>> import numpy as np
    >>> AdaptiveAvgPool2d(7)(np.zeros((8, 16, 30, 20), dtype=np.float32)).shape
    (8, 16, 7, 7)
    """

    def __init__(self, output_size: int | Ints) -> None:
        self.output_size = pair("nn.AdaptiveAvgPool2d", "output_size", output_size, 2)

    def forward(self, x: Any) -> Tensor:
        """Return the averages."""
        inputs = require_floating(x, named(self))
        return ops.adaptive_avg_pool2d(inputs, self.output_size, where=named(self))


class GlobalAvgPool(Module):
    """The average of every channel over all of its positions: (samples, channels).

    Examples
    --------
    >>> import numpy as np
    >>> GlobalAvgPool()(np.ones((2, 3, 5, 5), dtype=np.float32)).shape
    (2, 3)
    """

    def forward(self, x: Any) -> Tensor:
        """Return the averages."""
        inputs = require_floating(x, named(self))
        if inputs.ndim < 3 or 0 in inputs.shape[2:]:
            raise ValueError(
                refusal(
                    named(self),
                    "the input is (samples, channels, ...) with at least one position",
                    f"shape {inputs.shape}",
                    "Put it behind a convolution.",
                )
            )
        y: Tensor = inputs.mean(axis=tuple(range(2, inputs.ndim)))
        return y


class Flatten(Module):
    """All axes but the first as one: (samples, features).

    Examples
    --------
    >>> import numpy as np
    >>> Flatten()(np.zeros((8, 32, 7, 7), dtype=np.float32)).shape
    (8, 1568)
    """

    def forward(self, x: Any) -> Tensor:
        """Return the input with two axes."""
        inputs = require_floating(x, named(self))
        if inputs.ndim == 0:
            raise ValueError(
                refusal(
                    named(self),
                    "the input has an axis of samples",
                    "shape ()",
                    "Add one: x[None].",
                )
            )
        size = 1
        for extent in inputs.shape[1:]:
            size *= extent
        return reshape(inputs, (inputs.shape[0], size))
