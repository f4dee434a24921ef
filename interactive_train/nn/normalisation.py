"""Normalising layers: LayerNorm, RMSNorm, BatchNorm, GroupNorm, InstanceNorm.

Each brings values to a mean and a spread with one coarse operation, then scales and shifts them
elementwise. Images and sequences have their channels on axis 1.
"""

from __future__ import annotations

import math
from typing import Any

from interactive_train.autodiff.ops.elementwise import sqrt
from interactive_train.autodiff.ops.normalisation import (
    channel_moments,
    normalise_rms,
    normalise_rows,
    standardise,
)
from interactive_train.autodiff.ops.shape import reshape
from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.context import current
from interactive_train.nn.initializers import ones, zeros
from interactive_train.nn.layers import named, positive
from interactive_train.nn.module import Buffer, Module, Parameter, require_floating
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter

EPS = Hyperparameter("eps", 1e-5, low=0.0, open_low=True, help="Keeps the division finite.")
MOMENTUM = Hyperparameter(
    "momentum", 0.1, low=0.0, high=1.0, help="The share of a new batch in the running statistics."
)


class LayerNorm(Module):
    """Normalise the last axis to mean 0 and variance 1, then scale and shift.

    y = (x - mean) / sqrt(var + eps) * weight + bias, with the variance divided by n.

    Parameters
    ----------
    features : int
        Extent of the last axis.
    eps : float

    References
    ----------
    Ba, Kiros, Hinton: Layer normalization. 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> y = nn.init(LayerNorm(4))(np.arange(4.0, dtype=np.float32))
    >>> bool(abs(np.asarray(y).mean()) < 1e-6)
    True
    """

    def __init__(self, features: int, *, eps: float = 1e-5) -> None:
        self.features = positive(features, "nn.LayerNorm", "features")
        self.eps = EPS.check(eps, "nn.LayerNorm")
        self.weight: Any = Parameter((self.features,), ones)
        self.bias: Any = Parameter((self.features,), zeros)

    def forward(self, x: Any) -> Tensor:
        """Return the normalised input, of the same shape."""
        y = normalise_rows(_rows(self, x, self.features), self.eps)
        scaled: Tensor = y * self.weight + self.bias
        return scaled


class RMSNorm(Module):
    """Divide the last axis by its root mean square, then scale.

    y = x / sqrt(mean(x^2) + eps) * weight.

    Parameters
    ----------
    features : int
        Extent of the last axis.
    eps : float

    References
    ----------
    Zhang, Sennrich: Root mean square layer normalization. 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> nn.init(RMSNorm(2))(np.array([3.0, -3.0], dtype=np.float32)).numpy().round(4)
    array([ 1., -1.], dtype=float32)
    """

    def __init__(self, features: int, *, eps: float = 1e-6) -> None:
        self.features = positive(features, "nn.RMSNorm", "features")
        self.eps = EPS.check(eps, "nn.RMSNorm")
        self.weight: Any = Parameter((self.features,), ones)

    def forward(self, x: Any) -> Tensor:
        """Return the normalised input, of the same shape."""
        y = normalise_rms(_rows(self, x, self.features), self.eps)
        scaled: Tensor = y * self.weight
        return scaled


class BatchNorm(Module):
    """Normalise each channel over the batch, then scale and shift.

    y = (x - mean) / sqrt(var + eps) * weight + bias. In training mean and variance (divided by n)
    are those of the batch, over axis 0 and all axes behind axis 1, and the running ones follow,
    ``running = (1 - momentum) * running + momentum * batch``, the running variance with the
    batch's divided by n - 1. In evaluation the running ones are used. So do PyTorch and Flux; where
    Kaun and Keras say 0.99, the momentum here is 0.01 (and Kaun's variance is divided by n).

    Parameters
    ----------
    features : int
        Number of channels, the extent of axis 1.
    momentum : float in [0, 1]
        The share of a new batch in the running statistics.
    eps : float
    affine : bool
        Whether to scale and shift.
    track_stats : bool
        Whether to keep running statistics. Without them evaluation uses the batch's too.

    Attributes
    ----------
    weight, bias : array, shape (features,), or None
    running_mean, running_var : array, shape (features,), or None
        Layer state: saved and restored with the model, never trained.

    Raises
    ------
    ValueError
        If axis 1 of the input is not `features`, or a batch to learn from holds fewer than
        two values per channel.

    References
    ----------
    Ioffe, Szegedy: Batch normalization. 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> params, layer_state = nn.split(nn.init(BatchNorm(1)))
    >>> x = np.array([[1.0], [3.0]], dtype=np.float32)
    >>> y, layer_state = nn.init(BatchNorm(1)).apply(params, layer_state, x, training=True)
    >>> y.numpy().round(3).tolist(), layer_state["running_mean"].round(3).tolist()
    ([[-1.0], [1.0]], [0.20000000298023224])
    """

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        affine: bool = True,
        track_stats: bool = True,
    ) -> None:
        self.features = positive(features, "nn.BatchNorm", "features")
        self.momentum = MOMENTUM.check(momentum, "nn.BatchNorm")
        self.eps = EPS.check(eps, "nn.BatchNorm")
        self.weight: Any = Parameter((self.features,), ones) if affine else None
        self.bias: Any = Parameter((self.features,), zeros) if affine else None
        self.running_mean: Any = Buffer((self.features,), zeros) if track_stats else None
        self.running_var: Any = Buffer((self.features,), ones) if track_stats else None

    def forward(self, x: Any) -> Tensor:
        """Return the normalised input, of the same shape."""
        x = _channels(self, x, self.features)
        call = current()
        training = call is not None and call.training
        if training or self.running_mean is None:
            count = x.size // self.features
            if count < 1 + training:
                raise ValueError(
                    refusal(
                        named(self),
                        "needs at least two values per channel to learn from"
                        if training
                        else "needs at least one value per channel",
                        f"shape {x.shape}",
                        "Give a larger batch, or drop the last short one (drop_last=True).",
                    )
                )
            mean, variance = channel_moments(x)
            if training and self.running_mean is not None:
                self._follow("running_mean", mean)
                self._follow("running_var", variance * (count / (count - 1)))
            y = standardise(x, mean, variance, self.eps)
        else:
            scale = 1.0 / sqrt(self.running_var + self.eps)
            y = (x - _beside(self.running_mean, x)) * _beside(scale, x)
        return _affine(self, y)

    def _follow(self, name: str, batch: Tensor) -> None:
        self.write(name, (1.0 - self.momentum) * getattr(self, name) + self.momentum * batch)


class GroupNorm(Module):
    """Normalise each group of channels of each sample, then scale and shift each channel.

    Mean and variance (divided by n) are those of one sample's values in one group, over all
    positions; no sample sees another.

    Parameters
    ----------
    groups : int
        Divides `features`.
    features : int
        Number of channels, the extent of axis 1.
    eps : float
    affine : bool
        Whether to scale and shift.

    References
    ----------
    Wu, He: Group normalization. 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> x = np.arange(8, dtype=np.float32).reshape(1, 4, 2)
    >>> nn.init(GroupNorm(2, 4))(x).numpy().round(2)[0, :, 0].tolist()
    [-1.340000033378601, 0.44999998807907104, -1.340000033378601, 0.44999998807907104]
    """

    def __init__(
        self, groups: int, features: int, *, eps: float = 1e-5, affine: bool = True
    ) -> None:
        where = f"nn.{type(self).__name__}"
        self.groups = positive(groups, where, "groups")
        self.features = positive(features, where, "features")
        if self.features % self.groups:
            raise ValueError(
                refusal(
                    where,
                    "groups divides features",
                    f"groups={groups}, features={features}",
                    f"Give for example groups={math.gcd(self.groups, self.features)}.",
                )
            )
        self.eps = EPS.check(eps, where)
        self.weight: Any = Parameter((self.features,), ones) if affine else None
        self.bias: Any = Parameter((self.features,), zeros) if affine else None

    def forward(self, x: Any) -> Tensor:
        """Return the normalised input, of the same shape."""
        x = _channels(self, x, self.features)
        size = math.prod(x.shape[1:]) // self.groups
        y = normalise_rows(reshape(x, (x.shape[0] * self.groups, size)), self.eps)
        return _affine(self, reshape(y, x.shape))


class InstanceNorm(GroupNorm):
    """Normalise each channel of each sample over its positions: a group for each channel.

    Parameters
    ----------
    features : int
        Number of channels, the extent of axis 1.
    eps : float
    affine : bool
        Whether to scale and shift; PyTorch's default is False.

    References
    ----------
    Ulyanov, Vedaldi, Lempitsky: Instance normalization. 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> nn.init(InstanceNorm(1))(np.array([[[1.0, 3.0]]], np.float32)).numpy().round(3).tolist()
    [[[-1.0, 1.0]]]
    """

    def __init__(self, features: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(features, features, eps=eps, affine=affine)


def _rows(module: Module, x: Any, features: int) -> Tensor:
    inputs = require_floating(x, named(module))
    if inputs.ndim == 0 or inputs.shape[-1] != features:
        raise ValueError(
            refusal(
                named(module),
                f"the last axis of the input has {features} features",
                f"shape {inputs.shape}",
                f"Reshape the input, or declare {inputs.shape[-1] if inputs.ndim else 1} features.",
            )
        )
    return inputs


def _channels(module: Module, x: Any, features: int) -> Tensor:
    inputs = require_floating(x, named(module))
    if inputs.ndim < 2 or inputs.shape[1] != features:
        raise ValueError(
            refusal(
                named(module),
                f"axis 1 of the input has {features} channels",
                f"shape {inputs.shape}",
                "An input is (samples, channels, ...).",
            )
        )
    return inputs


def _affine(module: Any, y: Tensor) -> Tensor:
    if module.weight is None:
        return y
    return y * _beside(module.weight, y) + _beside(module.bias, y)


def _beside(values: Any, x: Tensor) -> Tensor:
    """Return one value per channel in the shape that broadcasts beside x."""
    return reshape(values, (x.shape[1],) + (1,) * (x.ndim - 2))
