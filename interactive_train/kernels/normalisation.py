"""Normalisation: of rows (layer, group and RMS norm), and what batch norm adds up per channel.

A row is read three times while it lies in the first cache: the mean is taken off before
squares are summed, so that a mean that is large beside the spread costs no digits. `numbers`
holds eps and the number of columns in the kernel's own type.

Batch norm's sums run over all samples of [outer, channels, inner]; each is a kernel of its own,
since what comes behind a sum over the batch has to wait for all threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from interactive_train.kernels.kernel import Expression, Kernel


def normalise_rows(out: Any, x: Any, numbers: Any, rows: int, columns: int) -> int:
    """out[i] = (x[i] - mean) / sqrt(var + eps), with the variance divided by n."""
    for i in range(rows):
        total = 0.0
        for j in range(columns):
            total += x[i, j]
        mean = total / numbers[1]
        squares = 0.0
        for j in range(columns):
            squares += (x[i, j] - mean) * (x[i, j] - mean)
        scale = 1.0 / np.sqrt(squares / numbers[1] + numbers[0])
        for j in range(columns):
            out[i, j] = (x[i, j] - mean) * scale
    return 0


def normalise_rows_gradient(out: Any, g: Any, x: Any, numbers: Any, rows: int, columns: int) -> int:
    """out[i] = (g - mean(g) - y mean(g y)) / sqrt(var + eps) with y = normalise_rows(x)."""
    for i in range(rows):
        total = 0.0
        above = 0.0
        for j in range(columns):
            total += x[i, j]
            above += g[i, j]
        mean = total / numbers[1]
        level = above / numbers[1]
        squares = 0.0
        along = 0.0
        for j in range(columns):
            centred = x[i, j] - mean
            squares += centred * centred
            along += centred * g[i, j]
        scale = 1.0 / np.sqrt(squares / numbers[1] + numbers[0])
        slope = along / numbers[1] * scale * scale
        for j in range(columns):
            out[i, j] = ((g[i, j] - level) - (x[i, j] - mean) * slope) * scale
    return 0


def normalise_rms(out: Any, x: Any, numbers: Any, rows: int, columns: int) -> int:
    """out[i] = x[i] / sqrt(mean of squares + eps)."""
    for i in range(rows):
        squares = 0.0
        for j in range(columns):
            squares += x[i, j] * x[i, j]
        scale = 1.0 / np.sqrt(squares / numbers[1] + numbers[0])
        for j in range(columns):
            out[i, j] = x[i, j] * scale
    return 0


def normalise_rms_gradient(out: Any, g: Any, x: Any, numbers: Any, rows: int, columns: int) -> int:
    """out[i] = (g - y mean(g y)) / sqrt(mean of squares + eps) with y = normalise_rms(x)."""
    for i in range(rows):
        squares = 0.0
        along = 0.0
        for j in range(columns):
            squares += x[i, j] * x[i, j]
            along += x[i, j] * g[i, j]
        scale = 1.0 / np.sqrt(squares / numbers[1] + numbers[0])
        slope = along / numbers[1] * scale * scale
        for j in range(columns):
            out[i, j] = (g[i, j] - x[i, j] * slope) * scale
    return 0


def channel_squares(out: Any, x: Any, mean: Any, outer: int, channels: int, inner: int) -> int:
    """out[c] = sum over o, i of (x[o, c, i] - mean[c])^2."""
    for c in range(channels):
        out[c] = 0.0
    for o in range(outer):
        if inner == 1:
            for c in range(channels):
                out[c] += (x[o, c, 0] - mean[c]) * (x[o, c, 0] - mean[c])
        else:
            for c in range(channels):
                centre = mean[c]
                total = 0.0
                for i in range(inner):
                    total += (x[o, c, i] - centre) * (x[o, c, i] - centre)
                out[c] += total
    return 0


def channel_products(
    out: Any, g: Any, x: Any, mean: Any, outer: int, channels: int, inner: int
) -> int:
    """out[c] = sum over o, i of g[o, c, i] (x[o, c, i] - mean[c])."""
    for c in range(channels):
        out[c] = 0.0
    for o in range(outer):
        if inner == 1:
            for c in range(channels):
                out[c] += g[o, c, 0] * (x[o, c, 0] - mean[c])
        else:
            for c in range(channels):
                centre = mean[c]
                total = 0.0
                for i in range(inner):
                    total += g[o, c, i] * (x[o, c, i] - centre)
                out[c] += total
    return 0


def standardise(x: Any, mean: Any, scale: Any) -> Any:
    """Take off a mean, then scale."""
    return (x - mean) * scale


def standardise_gradient(g: Any, level: Any, tilt: Any, scale: Any) -> Any:
    """Take off what moves mean and spread, then scale: see `normalise_rows_gradient`."""
    return ((g - level) - tilt) * scale


_ROWS = "out=T[rows,columns] x:T[rows,columns] numbers:T[2] rows columns"
_GRADIENT = _ROWS.replace(" x:", " g:T[rows,columns] x:")
NORMALISE_ROWS = Kernel("normalise_rows", normalise_rows, _ROWS, reorder=True, parallel=("rows",))
NORMALISE_ROWS_GRADIENT = Kernel(
    "normalise_rows_gradient", normalise_rows_gradient, _GRADIENT, reorder=True, parallel=("rows",)
)
NORMALISE_RMS = Kernel("normalise_rms", normalise_rms, _ROWS, reorder=True, parallel=("rows",))
NORMALISE_RMS_GRADIENT = Kernel(
    "normalise_rms_gradient", normalise_rms_gradient, _GRADIENT, reorder=True, parallel=("rows",)
)

_CHANNELS = "x:T[outer,channels,inner] mean:T[channels] outer channels inner"
CHANNEL_SQUARES = Kernel(
    "channel_squares",
    channel_squares,
    f"out=T[channels] {_CHANNELS}",
    reorder=True,
    parallel=("outer",),
    summed=("outer",),
)
CHANNEL_PRODUCTS = Kernel(
    "channel_products",
    channel_products,
    f"out=T[channels] g:T[outer,channels,inner] {_CHANNELS}",
    reorder=True,
    parallel=("outer",),
    summed=("outer",),
)
STANDARDISE = Expression(standardise, "T T T")
STANDARDISE_GRADIENT = Expression(standardise_gradient, "T T T T")
