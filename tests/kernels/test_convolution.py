"""The convolution kernels, native and plain, against windows of NumPy and their adjoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interactive_train.kernels import bands
from interactive_train.kernels import convolution as kernels
from tests.kernels.fenced import FLOATING, close, run

Ints = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """Extents of a convolution."""

    images: int
    channels: int
    filters: int
    image: Ints
    window: Ints
    stride: Ints = (1, 1)
    padding: Ints = (0, 0)
    dilation: Ints = (1, 1)
    groups: int = 1

    @property
    def result(self) -> Ints:
        rows, columns = (
            (n + 2 * p - (k - 1) * d - 1) // s + 1
            for n, k, s, p, d in zip(
                self.image, self.window, self.stride, self.padding, self.dilation, strict=True
            )
        )
        return rows, columns

    def sizes(self, kind: str) -> dict[str, int]:
        given, made = (self.channels, self.image), (self.filters, self.result)
        if kind == "transposed":
            given, made = made, given
        sizes = {
            "images": self.images,
            "sources": given[0],
            "targets": made[0],
            "groups": self.groups,
            "height": given[1][0],
            "width": given[1][1],
            "rows": made[1][0],
            "columns": made[1][1],
            "filters": self.filters,
            "depth": self.channels // self.groups,
            "transposed": int(kind == "transposed"),
        }
        for name, (y, x) in (
            ("taps", self.window),
            ("stride", self.stride),
            ("pad", self.padding),
            ("dilation", self.dilation),
        ):
            sizes |= {f"{name}_y": y, f"{name}_x": x}
        return sizes | (bands.blocks(sizes, kind) or dict.fromkeys(bands.BLOCKS, 1))


SMALL = {
    "one pixel": Case(1, 1, 1, (1, 1), (1, 1)),
    "padded": Case(2, 3, 5, (7, 9), (3, 3), padding=(1, 1)),
    "strides and groups": Case(2, 4, 6, (8, 9), (3, 2), (2, 1), (1, 0), groups=2),
    "depthwise, dilated": Case(2, 6, 6, (9, 10), (3, 3), (2, 3), (2, 1), (1, 2), 6),
    "a window as large as the image": Case(1, 2, 3, (5, 5), (5, 5), padding=(4, 4)),
    "gaps between windows": Case(1, 2, 3, (7, 7), (1, 1), (3, 3)),
    "padding beyond the image": Case(1, 2, 2, (3, 3), (2, 2), (2, 2), (2, 2), (3, 3)),
    "a line": Case(2, 2, 3, (1, 30), (1, 5), (1, 2), (0, 2), (1, 3)),
    "no image": Case(0, 2, 3, (5, 5), (3, 3)),
}
LARGE = {
    "the first of a digit": Case(3, 1, 16, (28, 28), (3, 3), padding=(1, 1)),
    "the second of a digit": Case(3, 16, 32, (14, 14), (3, 3), padding=(1, 1)),
    "channels in blocks": Case(1, 300, 20, (5, 5), (3, 3), padding=(1, 1)),
    "filters in blocks": Case(2, 40, 130, (6, 6), (3, 3)),
    "rows in blocks": Case(2, 16, 17, (40, 64), (3, 3), (2, 1), (1, 1)),
    "a long line in blocks": Case(1, 1, 2, (1, 40_000), (1, 9), padding=(0, 4)),
    "a large window": Case(2, 3, 9, (40, 40), (7, 7), (2, 2), (3, 3)),
    "a window beyond all blocks": Case(1, 1, 1, (60, 60), (50, 50)),
}


def draw(dtype: np.dtype[Any], seed: int, *shape: int) -> NDArray[Any]:
    return np.asarray(np.random.default_rng(seed).normal(size=shape).astype(dtype))


def arrays(case: Case, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return (
        draw(dtype, 0, case.images, case.channels, *case.image),
        draw(dtype, 1, case.filters, case.channels // case.groups, *case.window),
        draw(dtype, 2, case.images, case.filters, *case.result),
    )


def oracle(case: Case, x: Any, w: Any, g: Any) -> tuple[Any, Any, Any]:
    """Return output, input gradient and weight gradient, tap by tap in float64."""
    x, w, g = (a.astype(float) for a in (x, w, g))
    (rows, columns), (p, q) = case.result, case.padding
    y, dw = np.zeros(g.shape), np.zeros(w.shape)
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (q, q)))
    dx = np.zeros(padded.shape)
    inner, outer = case.channels // case.groups, case.filters // case.groups
    for group in range(case.groups):
        c = slice(group * inner, (group + 1) * inner)
        f = slice(group * outer, (group + 1) * outer)
        for a in range(case.window[0]):
            for b in range(case.window[1]):
                top, left = a * case.dilation[0], b * case.dilation[1]
                bottom, right = top + rows * case.stride[0], left + columns * case.stride[1]
                at = (slice(None), c, slice(top, bottom, case.stride[0]))
                place = (*at, slice(left, right, case.stride[1]))
                y[:, f] += np.einsum("ncij,fc->nfij", padded[place], w[f, :, a, b])
                dx[place] += np.einsum("nfij,fc->ncij", g[:, f], w[f, :, a, b])
                dw[f, :, a, b] = np.einsum("ncij,nfij->fc", padded[place], g[:, f])
    return y, dx[:, :, p : p + case.image[0], q : q + case.image[1]], dw


def compute(case: Case, kind: str, dtype: np.dtype[Any], way: str) -> tuple[Any, Any]:
    x, w, g = arrays(case, dtype)
    y, dx, dw = oracle(case, x, w, g)
    given, want = {"output": ((x, w), y), "transposed": ((g, w), dx), "weight": ((x, g), dw)}[kind]
    sizes = case.sizes(kind)
    blocked, plain = kernels.KERNELS[kind == "weight"]
    kernel = plain if bands.blocks(sizes, kind) is None else blocked
    numbers = [sizes[operand.name] for operand in kernel.operands if operand.role == "size"]
    code, got = run(kernel, dtype, np.full(want.shape, np.nan, dtype), *given, *numbers, way=way)
    assert code == 0
    return got, want


KINDS = pytest.mark.parametrize("kind", ["output", "transposed", "weight"])


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
@pytest.mark.parametrize("way", ["native", "plain"])
@pytest.mark.parametrize("case", SMALL)
@KINDS
def test_it_is_the_sum_over_the_window(case: str, kind: str, way: str, dtype: Any) -> None:
    close(*compute(SMALL[case], kind, dtype, way), dtype, scale=20)


@pytest.mark.parametrize("dtype", FLOATING, ids=str)
@pytest.mark.parametrize("case", LARGE)
@KINDS
def test_blocks_change_nothing(case: str, kind: str, dtype: Any) -> None:
    got, want = compute(LARGE[case], kind, dtype, "native")
    close(got, want, dtype, scale=20 * max(1.0, float(np.abs(want).max())))


@KINDS
def test_a_part_of_the_images_gives_the_same_bits(kind: str) -> None:
    whole, part = SMALL["padded"], Case(1, 3, 5, (7, 9), (3, 3), padding=(1, 1))
    if kind != "weight":
        got, _ = compute(whole, kind, FLOATING[0], "native")
        first, _ = compute(part, kind, FLOATING[0], "native")
        np.testing.assert_array_equal(got[:1, :3], first[:, :3])  # both draw the same first image


@KINDS
def test_infinity_stays_where_it_is(kind: str) -> None:
    """What a tile reads behind the band never reaches a result."""
    case = Case(1, 2, 3, (3, 5), (3, 3), padding=(1, 1))
    x, w, g = arrays(case, FLOATING[0])
    x[0, 1, 2, 4] = np.inf
    if kind == "transposed":  # beside the zeros of the padding it would be NaN
        g[0, 2, 2, 4] = np.inf
    given, shape = {
        "output": ((x, w), g.shape),
        "transposed": ((g, w), x.shape),
        "weight": ((x, g), w.shape),
    }[kind]
    sizes = case.sizes(kind)
    kernel = kernels.KERNELS[kind == "weight"][0]
    numbers = [sizes[operand.name] for operand in kernel.operands if operand.role == "size"]
    found = [
        run(kernel, FLOATING[0], np.zeros(shape, "f"), *given, *numbers, way=way)[1]
        for way in ("native", "plain")
    ]
    np.testing.assert_array_equal(*(np.isfinite(f) for f in found))


@pytest.mark.parametrize(
    "change",
    [
        {"source_block": 0},
        {"source_block": 4000},
        {"row_block": 4000},
        {"depth": 1},
        {"groups": 2},
        {"stride_y": 0},
        {"pad_x": -1},
        {"column_block": 3},
    ],
    ids=str,
)
@KINDS
def test_what_does_not_fit_cannot_be_built(kind: str, change: dict[str, int]) -> None:
    case = SMALL["padded"]
    x, w, g = arrays(case, FLOATING[0])
    given = {"output": (g, x, w), "transposed": (x, g, w), "weight": (w, x, g)}[kind]
    sizes = case.sizes(kind) | change
    kernel = kernels.KERNELS[kind == "weight"][0]
    numbers = [sizes[operand.name] for operand in kernel.operands if operand.role == "size"]
    roomy = [np.resize(a, 10 * a.size) for a in given]
    with pytest.raises(ValueError, match=kernel.name):
        run(kernel, FLOATING[0], *roomy, *numbers)
