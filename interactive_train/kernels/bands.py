"""How much of a convolution is held at a time: blocks of images, channels and filters on the stack.

The native bodies of `convolution` copy a band of the image, shifted, and pack weights beside it.
Their sizes come from here, out of the shapes and the vector width alone; what would not fit is
refused when a table is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interactive_train.runtime.cpu import cpu_features

# A tile: ROWS x VECTORS sums in registers, beside a row of operands.
ROWS = 8
if "avx512f" in cpu_features():
    LANE_BYTES, VECTORS = 64, 2
elif "avx2" in cpu_features():
    LANE_BYTES, VECTORS = 32, 1
else:
    LANE_BYTES, VECTORS = 16, 2
MOST_LANES = VECTORS * LANE_BYTES // 4  # what a tile may read behind the band

# Elements on the stack: the band, weights (or sums for them), gradients turned, offsets.
SOURCES = 32768
WEIGHTS = 16384
TURNED = 4096
UNITS = WEIGHTS // ROWS
BLOCKS = ("source_block", "target_block", "row_block", "column_block")


def blocks(sizes: Mapping[str, int], kind: str = "output") -> dict[str, int] | None:
    """Return how much of everything is held at a time, or None where not even one window is.

    Rows of a band are given up first, down to some vectors, then channels, then the rest.

    Parameters
    ----------
    sizes : mapping
        Those of a kernel.
    kind : {"output", "transposed", "weight"}
        What is computed.
    """
    part = {
        "source_block": max(1, sizes["sources"] // sizes["groups"]),
        "target_block": max(1, sizes["targets"] // sizes["groups"]),
        "row_block": max(1, sizes["rows"]),
        "column_block": max(1, sizes["columns"]),
    }

    def halve(name: str, least: int = 1) -> bool:
        smaller = max(least, (part[name] + 1) // 2)
        found = smaller < part[name]
        part[name] = min(part[name], smaller)
        return found

    def is_large() -> bool:
        return _held(sizes, part, kind == "transposed") > SOURCES - MOST_LANES

    enough = -(-4 * MOST_LANES // part["column_block"])
    while is_large() or part["source_block"] * _taps(sizes) > UNITS:
        if is_large() and (halve("row_block", enough) or halve("source_block")):
            continue
        if not (halve("source_block") or halve("row_block") or halve("column_block")):
            return None
    units = -(-part["source_block"] * _taps(sizes) // ROWS) * ROWS
    step = MOST_LANES if kind == "weight" else ROWS
    while units * step > WEIGHTS:
        if not halve("source_block"):
            return None
        units = -(-part["source_block"] * _taps(sizes) // ROWS) * ROWS
    part["target_block"] = min(part["target_block"], WEIGHTS // (units * step) * step)
    if kind == "weight":
        part["target_block"] = min(part["target_block"], 4 * MOST_LANES)
    return part


def _taps(sizes: Mapping[str, int]) -> int:
    return sizes["taps_y"] * sizes["taps_x"]


def _held(sizes: Mapping[str, int], part: Mapping[str, int], transposed: bool) -> int:
    """Return how many elements a band takes."""
    step, span = sizes["stride_y"], (sizes["taps_y"] - 1) * sizes["dilation_y"]
    if transposed:
        step, span = 1, -(-span // step)
    apart = ((part["row_block"] - 1) * step + span) // step + 1
    return part["source_block"] * sizes["taps_x"] * step * apart * part["column_block"]


def fits_blocks(sizes: Mapping[str, Any], weight: bool = False) -> bool:
    """Whether blocks fit into the memory that the native bodies have for them."""
    if min(sizes[name] for name in BLOCKS) < 1:
        return False
    if sizes["column_block"] < sizes["columns"] and sizes["row_block"] > 1:
        return False
    step = MOST_LANES if weight else ROWS
    units = -(-sizes["source_block"] * _taps(sizes) // ROWS) * ROWS
    targets = -(-sizes["target_block"] // step) * step
    return (
        _held(sizes, sizes, bool(sizes.get("transposed", 0))) <= SOURCES - MOST_LANES
        and units <= UNITS
        and units * targets <= WEIGHTS
        and (not weight or targets <= TURNED)
    )
