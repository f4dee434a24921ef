"""Convolutional layers, channels first: Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d.

Inputs are (batch, channels, length) or (images, channels, height, width), as in PyTorch.
"""

from __future__ import annotations

from typing import Any, ClassVar

from interactive_train.autodiff.ops import convolution as ops
from interactive_train.autodiff.ops.arguments import Ints
from interactive_train.autodiff.ops.shape import reshape
from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.initializers import Initializer, variance_scaling, zeros
from interactive_train.nn.layers import named, positive
from interactive_train.nn.module import Module, Parameter, require_floating
from interactive_train.runtime.errors import refusal

# Glorot's uniform distribution, for weights [out, in, ...] and [in, out, ...].
GLOROT = variance_scaling(1.0, "fan_avg", "uniform", in_axis=1, out_axis=0)
GLOROT_TRANSPOSED = variance_scaling(1.0, "fan_avg", "uniform", in_axis=0, out_axis=1)


class _Convolution(Module):
    """What the four have in common: declared shapes, checks of the input, the bias."""

    axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Ints,
        stride: int | Ints,
        padding: ops.Padding,
        dilation: int | Ints,
        groups: int,
        bias: bool,
        weight_init: Initializer,
        bias_init: Initializer,
    ) -> None:
        where = f"nn.{type(self).__name__}"
        self.in_channels = positive(in_channels, where, "in_channels")
        self.out_channels = positive(out_channels, where, "out_channels")
        self.kernel_size = ops.pair(where, "kernel_size", kernel_size, self.axes)
        self.stride = ops.pair(where, "stride", stride, self.axes)
        self.dilation = ops.pair(where, "dilation", dilation, self.axes)
        self.groups = positive(groups, where, "groups")
        for name, count in (("in_channels", in_channels), ("out_channels", out_channels)):
            if count % self.groups:
                raise ValueError(
                    refusal(
                        where,
                        f"groups divides {name}",
                        f"{groups} groups of {count} channels",
                        "Each group has as many channels as the others.",
                    )
                )
        self.padding = self._padding(padding, where)
        self.weight: Any = Parameter(self._weight_shape(), weight_init)
        self.bias: Any = Parameter((out_channels,), bias_init) if bias else None

    def _padding(self, padding: Any, where: str) -> str | Ints:
        ones = (1,) * self.axes
        front, _ = ops.pads(where, padding, ones, self.kernel_size, ones, ones)
        return padding if isinstance(padding, str) else front

    def _weight_shape(self) -> Ints:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def forward(self, x: Any) -> Tensor:
        """Return the output, channels first."""
        inputs = require_floating(x, named(self))
        if inputs.ndim == self.axes + 2 and inputs.shape[1] != self.in_channels:
            shape, last = inputs.shape, inputs.shape[-1]
            turned = "x.transpose(0, 3, 1, 2)" if self.axes == 2 else "x.transpose(0, 2, 1)"
            raise ValueError(
                refusal(
                    named(self),
                    f"axis 1 of the input has {self.in_channels} channels",
                    f"shape {shape}",
                    f"Channels come first: {turned}."
                    if last == self.in_channels
                    else f"Declare nn.{type(self).__name__}({shape[1]}, {self.out_channels}, ...).",
                )
            )
        y = self._convolve(inputs)
        if self.bias is not None:
            y = y + reshape(self.bias, (self.out_channels,) + (1,) * self.axes)
        return y

    def _convolve(self, x: Tensor) -> Tensor:
        function = ops.conv1d if self.axes == 1 else ops.conv2d
        return function(
            x,
            self.weight,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            where=named(self),
        )


class Conv1d(_Convolution):
    """Correlate sequences (batch, in_channels, length) with `out_channels` filters.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int
        Taps of a filter.
    stride : int
        Steps between windows.
    padding : int, "same", "valid" or "causal"
        Zeros on either side; "same" makes ceil(length / stride) outputs, "causal" puts all zeros in
        front, so that no output sees what comes later.
    dilation : int
        Steps between the taps of a filter.
    groups : int
        Each of so many parts of the channels has its own filters; `in_channels` of them make a
        depthwise convolution.
    bias : bool
        Whether to add one number per filter.
    weight_init, bias_init : callable
        See `nn.initializers`.

    Attributes
    ----------
    weight : array, shape (out_channels, in_channels / groups, kernel_size)
    bias : array, shape (out_channels,), or None

    Raises
    ------
    ValueError
        If the input has other channels or is shorter than a filter.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> layer = nn.init(Conv1d(3, 8, 5, padding="same"), seed=0)
    >>> layer(np.zeros((2, 3, 20), dtype=np.float32)).shape
    (2, 8, 20)
    """

    axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Ints,
        stride: int | Ints = 1,
        padding: ops.Padding = 0,
        *,
        dilation: int | Ints = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: Initializer = GLOROT,
        bias_init: Initializer = zeros,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            weight_init,
            bias_init,
        )


class Conv2d(_Convolution):
    """Correlate images (images, in_channels, height, width) with `out_channels` filters.

    y[n, f, i, j] = bias[f] + sum over c, a, b of
    weight[f, c, a, b] x[n, c, i s + a d - p, j s + b d - p]

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or pair of int
        Rows and columns of a filter.
    stride : int or pair of int
        Steps s between windows.
    padding : int, pair of int, "same" or "valid"
        Zeros p on either side; "same" makes ceil(extent / stride) outputs.
    dilation : int or pair of int
        Steps d between the taps of a filter.
    groups : int
        Each of so many parts of the channels has its own filters; `in_channels` of them make a
        depthwise convolution.
    bias : bool
        Whether to add one number per filter.
    weight_init, bias_init : callable
        See `nn.initializers`.

    Attributes
    ----------
    weight : array, shape (out_channels, in_channels / groups, rows, columns)
    bias : array, shape (out_channels,), or None

    Raises
    ------
    ValueError
        If the input has other channels or is smaller than a filter.

    References
    ----------
    LeCun et al.: Backpropagation applied to handwritten zip code recognition. 1989.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> layer = nn.init(Conv2d(1, 16, 3, padding="same"), seed=0)
    >>> layer(np.zeros((8, 1, 28, 28), dtype=np.float32)).shape
    (8, 16, 28, 28)
    """

    axes = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Ints,
        stride: int | Ints = 1,
        padding: ops.Padding = 0,
        *,
        dilation: int | Ints = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: Initializer = GLOROT,
        bias_init: Initializer = zeros,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            weight_init,
            bias_init,
        )


class _Transposed(_Convolution):
    """A convolution's adjoint: weights are [in, out / groups, ...], the output is larger."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Ints,
        stride: int | Ints = 1,
        padding: int | Ints = 0,
        output_padding: int | Ints = 0,
        *,
        dilation: int | Ints = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: Initializer = GLOROT_TRANSPOSED,
        bias_init: Initializer = zeros,
    ) -> None:
        where = f"nn.{type(self).__name__}"
        self.output_padding = ops.pair(where, "output_padding", output_padding, self.axes, least=0)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            weight_init,
            bias_init,
        )

    def _padding(self, padding: Any, where: str) -> Ints:
        return ops.pair(where, "padding", padding, self.axes, least=0)

    def _weight_shape(self) -> Ints:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    def _convolve(self, x: Tensor) -> Tensor:
        function = ops.conv_transpose1d if self.axes == 1 else ops.conv_transpose2d
        return function(
            x,
            self.weight,
            stride=self.stride,
            padding=self.padding,  # type: ignore[arg-type]  # no word, see `_padding`
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
            where=named(self),
        )


class ConvTranspose1d(_Transposed):
    """Spread sequences with filters: the adjoint of `Conv1d`; see `ConvTranspose2d`.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> layer = nn.init(ConvTranspose1d(8, 3, 4, stride=2, padding=1), seed=0)
    >>> layer(np.zeros((2, 8, 10), dtype=np.float32)).shape
    (2, 3, 20)
    """

    axes = 1


class ConvTranspose2d(_Transposed):
    """Spread images with filters: the adjoint of `Conv2d`, which makes them larger.

    An axis of n becomes (n - 1) stride + (kernel_size - 1) dilation + 1 - 2 padding +
    output_padding.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int or pair of int
        Those of the convolution whose adjoint this is.
    output_padding : int or pair of int
        Rows and columns that are added behind; less than the stride or the dilation.
    groups : int
        Each of so many parts of the channels has its own filters.
    bias : bool
        Whether to add one number per channel.
    weight_init, bias_init : callable
        See `nn.initializers`.

    Attributes
    ----------
    weight : array, shape (in_channels, out_channels / groups, rows, columns)
    bias : array, shape (out_channels,), or None

    Raises
    ------
    ValueError
        If the input has other channels or the padding cuts all of the output away.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> layer = nn.init(ConvTranspose2d(16, 1, 2, stride=2), seed=0)
    >>> layer(np.zeros((8, 16, 14, 14), dtype=np.float32)).shape
    (8, 1, 28, 28)
    """

    axes = 2
