"""Recurrent layers over all time steps: what LSTM, GRU and RNN share.

Each has one kernel forward, one backward and one for what the states were; the gradient of the
weights is one product for all three (`STEPS_PRODUCT`).

`packed` [batch, steps, slots, hidden] keeps what step t began with and what it found, in blocks of
`hidden` numbers, so that each step's gradient needs its own slot alone::

    LSTM   i  f  g  o  c  h     gates after their activations; cell and hidden state before the step
    GRU    r  z  q  n  h        q = h W + bias, which the reset gate multiplies
    RNN    a  h                 a = the state after the step

The product h W goes straight into the gates' blocks, the backward product straight into the slot of
the step before (`step_product`), so that there is no scratch memory.
No gate loop reads more than three blocks: the compiler compares the places of all of them before
it vectorises, and gives up beyond that.

The plain loops are the same but for `advance` and `retreat`, the two products.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from interactive_train.kernels.bands import LANE_BYTES
from interactive_train.kernels.gemm import LARGEST
from interactive_train.kernels.kernel import Kernel
from interactive_train.kernels.status import TOO_LARGE

if TYPE_CHECKING:
    from interactive_train.kernels import native as _native
    from interactive_train.kernels import tiles as _tiles

    call_gemm: Any = _native.call_gemm  # adapters import these
    multiply: Any = _tiles.multiply

# A tile of a product: so many rows by so many vectors are summed in registers.
TILE_ROWS = 4
TILE_VECTORS = 4 if LANE_BYTES == 64 else 2


# Products ---------------------------------------------------------------------------------------


def step_product(
    routine: int,
    rows: int,
    columns: int,
    depth: int,
    a: int,
    a_step: int,
    b: int,
    b_step: int,
    more: int,
    c: int,
    c_step: int,
    item: int,
) -> None:
    """c = a @ b, or c += a @ b with `more`, by addresses and steps in bytes (native only).

    A step has few rows, and the library would copy the weights for every call. Columns that fill
    no vector are left to it.
    """
    lanes = LANE_BYTES // item
    width, low = TILE_VECTORS * lanes, rows // TILE_ROWS * TILE_ROWS
    wide, whole = columns // width * width, columns // lanes * lanes
    for start in range(0, wide, width):
        right, out = b + start * item, c + start * item
        for i in range(0, low, TILE_ROWS):
            multiply(
                0.0, TILE_ROWS, TILE_VECTORS, more,
                a + i * a_step, a_step, right, b_step, out + i * c_step, c_step, depth,
            )  # fmt: skip
        for i in range(low, rows):
            multiply(
                0.0, 1, TILE_VECTORS, more,
                a + i * a_step, a_step, right, b_step, out + i * c_step, c_step, depth,
            )  # fmt: skip
    for start in range(wide, whole, lanes):
        right, out = b + start * item, c + start * item
        for i in range(0, low, TILE_ROWS):
            multiply(
                0.0, TILE_ROWS, 1, more,
                a + i * a_step, a_step, right, b_step, out + i * c_step, c_step, depth,
            )  # fmt: skip
        for i in range(low, rows):
            multiply(
                0.0, 1, 1, more,
                a + i * a_step, a_step, right, b_step, out + i * c_step, c_step, depth,
            )  # fmt: skip
    if whole < columns:
        call_gemm(
            routine, 0, 0, rows, columns - whole, depth, 1.0, a, a_step // item, b + whole * item,
            b_step // item, 1.0 if more else 0.0, c + whole * item, c_step // item,
        )  # fmt: skip


def advance(
    packed: Any, w: Any, t: int, batch: int, steps: int, gates: int, hidden: int, routine: int
) -> None:
    """packed[:, t, gate] = h W for each gate, h being the last block of slot t."""
    last = packed.shape[2] - 1
    for b in range(batch):
        for gate in range(gates):
            for j in range(hidden):
                total = 0.0
                for p in range(hidden):
                    total += packed[b, t, last, p] * w[p, gate, j]
                packed[b, t, gate, j] = total


def advance_native(
    packed: Any, w: Any, t: int, batch: int, steps: int, gates: int, hidden: int, routine: int
) -> None:
    """As `advance`, by the library."""
    slots, block = packed.shape[2], hidden * packed.itemsize
    step = steps * slots * block
    slot = packed.ctypes.data + t * slots * block
    step_product(
        routine, batch, gates * hidden, hidden, slot + (slots - 1) * block, step,
        w.ctypes.data, gates * block, 0, slot, step, packed.itemsize,
    )  # fmt: skip


def retreat(
    out: Any,
    w: Any,
    s: int,
    block: int,
    first: int,
    count: int,
    more: int,
    batch: int,
    rows: int,
    gates: int,
    hidden: int,
    routine: int,
) -> None:
    """out[:, s, 0] = d W' + more out[:, s, 0], summed over `count` gates from `first` on.

    d are the blocks from `block` on, counted from the beginning of slot s; w is W transposed.
    """
    blocks = out.shape[2]
    for b in range(batch):
        for p in range(hidden):
            total = 0.0
            for k in range(count):
                at = block + k
                for j in range(hidden):
                    total += out[b, s + at // blocks, at % blocks, j] * w[first + k, j, p]
            out[b, s, 0, p] = total + out[b, s, 0, p] if more else total


def retreat_native(
    out: Any,
    w: Any,
    s: int,
    block: int,
    first: int,
    count: int,
    more: int,
    batch: int,
    rows: int,
    gates: int,
    hidden: int,
    routine: int,
) -> None:
    """As `retreat`, by the library."""
    blocks, size = out.shape[2], hidden * out.itemsize
    step = rows * blocks * size
    slot = out.ctypes.data + s * blocks * size
    step_product(
        routine, batch, hidden, count * hidden, slot + block * size, step,
        w.ctypes.data + first * hidden * size, size, more, slot, step, out.itemsize,
    )  # fmt: skip


def native(text: str, *products: Any) -> str:
    """Return a plain loop's text with the library's products in place of the loops."""
    for product in products:
        text = text.replace(f"{product.__name__.removesuffix('_native')}(", f"{product.__name__}(")
    return text


# d_w = sum over batch and steps of h' d ---------------------------------------------------------


def steps_product(
    out: Any,
    a: Any,
    b: Any,
    batch: int,
    rows: int,
    columns: int,
    steps: int,
    a_width: int,
    b_width: int,
    a_start: int,
    b_start: int,
    routine: int,
) -> int:
    """out[i, j] = sum over batch and steps of a[., ., a_start + i] * b[., ., b_start + j]."""
    for i in range(rows):
        for j in range(columns):
            total = 0.0
            for k in range(batch):
                for t in range(steps):
                    total += a[k, t, a_start + i] * b[k, t, b_start + j]
            out[i, j] = total
    return 0


_STEPS_PRODUCT = f'''
def steps_product(out, a, b, batch, rows, columns, steps, a_width, b_width, a_start, b_start,
                  routine):
    """One call of the library."""
    if batch * steps > {LARGEST}:
        return {TOO_LARGE}
    if batch * steps == 0:
        for i in range(rows):
            for j in range(columns):
                out[i, j] = 0.0
        return 0
    item = out.itemsize
    call_gemm(routine, 1, 0, rows, columns, batch * steps, 1.0,
              a.ctypes.data + a_start * item, a_width, b.ctypes.data + b_start * item, b_width,
              0.0, out.ctypes.data, columns)
    return 0
'''


def _fits_columns(sizes: Mapping[str, Any]) -> bool:
    return bool(
        min(sizes["a_start"], sizes["b_start"], sizes["rows"], sizes["columns"]) >= 0
        and sizes["a_start"] + sizes["rows"] <= sizes["a_width"] <= LARGEST
        and sizes["b_start"] + sizes["columns"] <= sizes["b_width"] <= LARGEST
        and sizes["routine"] != 0
    )


STEPS_PRODUCT = Kernel(
    "steps_product",
    steps_product,
    "out=T[rows,columns] a:T[batch,steps,a_width] b:T[batch,steps,b_width] "
    "batch rows columns steps a_width b_width a_start b_start routine",
    native=_STEPS_PRODUCT,
    fits=_fits_columns,
    parallel=("batch",),
    summed=("batch",),
)


def fits_steps(sizes: Mapping[str, Any]) -> bool:
    """Whether slots and rows agree, and the library can count its steps through `packed`."""
    steps, hidden = sizes["steps"], sizes["hidden"]
    fits = steps >= 1 and hidden >= 1 and sizes["routine"] != 0
    fits = fits and 8 * max(sizes["batch"], steps + 1, 8) * hidden <= LARGEST
    if "rows" in sizes:  # of a gradient
        fits = fits and sizes["lead"] in (0, 1) and sizes["depth"] == steps + sizes["lead"]
        fits = fits and fits_rows(sizes)
    return bool(fits)


def fits_rows(sizes: Mapping[str, Any]) -> bool:
    """Whether the rows are the states from `first` on, and the cell where there is one."""
    cell = sizes.get("cell", 0)
    return bool(
        sizes["hidden"] >= 1
        and 0 <= sizes["first"] < sizes["steps"]
        and cell in (0, 1)
        and sizes["rows"] == sizes["steps"] - sizes["first"] + cell
    )
