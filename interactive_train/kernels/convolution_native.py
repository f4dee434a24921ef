"""The native bodies of `convolution`: bands on the stack, and tiles of registers over them.

The band holds the image once per column b of the window, shifted, so that every further shift is a
step in memory, and each loop runs over whole vectors of neighbouring outputs. A transposed
convolution with stride s is s x s dense ones, one for each place modulo s.

Words in capitals on a line of their own stand for the parts below, put in at that place.
"""

from __future__ import annotations

import textwrap


def shift(place: int, tap: int, pad: int, dilation: int, stride: int, transposed: int) -> int:
    """Return how far the source of a tap lies from the target, or FAR if the tap has none.

    `place` is the target modulo the stride of a transposed convolution, else 0.
    """
    if not transposed:
        return tap * dilation - pad
    distance = place + pad - tap * dilation
    return distance // stride if distance % stride == 0 else FAR


FAR = 2**40


def pieces(count: int, block: int) -> int:
    """Return how many blocks cover so many (a range with a step would raise when it is 0)."""
    return (count + block - 1) // block


# Copy `lines` rows of the plane at x_at, from `row` on, to the band at `to`, zeros outside of it:
# to[place(r) + j] = plane[row + r, column + j step_x] for j < length, where rows r, r + step_y, ...
# lie side by side: place(r) = (r % step_y * apart + r // step_y) * length. Columns lie inside
# of the plane for left <= j < right; that takes divisions, and is the same for all channels.
_INSIDE = """
left = min(length, max(0, -(column // from_x)))  # the first j with a column >= 0
right = max(left, min(length, (width - 1 - column) // from_x + 1))
"""
_SPREAD = """
if from_y == 1 and from_x == 1 and length == width and left < right:
    # The whole plane in one piece; then the columns that ran into the next row become zeros.
    top = min(lines, max(0, -row))
    bottom = max(top, min(lines, height - row))
    copy(T(0.0), to, 0, top * length)
    copy(T(0.0), to + bottom * length * item, 0, (lines - bottom) * length)
    if bottom > top:
        copy(T(0.0), to + (top * length + left) * item,
             x_at + ((row + top) * width + column + left) * item,
             (bottom - top) * length - (length - right) - left)
    border = array_at(to, (lines, length), T)
    for r in range(top, bottom):
        for j in range(left):
            border[r, j] = 0.0
        for j in range(right, length):
            border[r, j] = 0.0
else:
    for r in range(lines):
        line_at = to + (r % from_y * apart + r // from_y) * length * item
        y = row + r
        if y < 0 or y >= height or left == right:
            copy(T(0.0), line_at, 0, length)
            continue
        line = array_at(line_at, (length,), T)
        source_at = x_at + (y * width + column + left * from_x) * item
        for j in range(left):
            line[j] = 0.0
        if from_x == 1:
            copy(T(0.0), line_at + left * item, source_at, right - left)
        else:
            source = array_at(source_at, ((right - left) * from_x,), T)
            for j in range(right - left):
                line[left + j] = source[j * from_x]
        for j in range(right, length):
            line[j] = 0.0
"""

# Rows of a tile that cannot lie in the output itself: its end, or places that are apart.
_LOAD = """
own = spill_at + r * some * item
if to_y * to_x == 1:
    copy(T(0.0), own, y_at + (r * plane + t) * item, left)
    continue
i, j = i0 + t // length, j0 + t % length
for lane in range(left):
    y, z = i * to_y + place_y, j * to_x + place_x
    spill[r * some + lane] = out[n, first + r, y, z]
    i, j = (i, j + 1) if j + 1 < j0 + length else (i + 1, j0)
"""
_STORE = """
own = spill_at + r * some * item
if to_y * to_x == 1:
    copy(T(0.0), y_at + (r * plane + t) * item, own, left)
    continue
i, j = i0 + t // length, j0 + t % length
for lane in range(left):
    y, z = i * to_y + place_y, j * to_x + place_x
    out[n, first + r, y, z] = spill[r * some + lane]
    i, j = (i, j + 1) if j + 1 < j0 + length else (i + 1, j0)
"""


def _complete(text: str) -> str:
    """Put the parts in, at the indentation of the words that stand for them."""
    for word, part in (
        ("INSIDE", _INSIDE),
        ("SPREAD", _SPREAD),
        ("LOAD", _LOAD),
        ("STORE", _STORE),
    ):
        for line in text.splitlines():
            if line.strip() == word:
                text = text.replace(line, textwrap.indent(part.strip(), line.removesuffix(word)))
    return text


CONVOLVE_BODY = _complete("""
def convolve(out, x, w, images, sources, targets, groups, height, width, rows, columns, filters,
             depth, taps_y, taps_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x,
             transposed, source_block, target_block, row_block, column_block):
    item = out.itemsize
    lanes = LANE_BYTES // item
    held_at = workspace(T(0.0), SOURCES)
    weight_at = workspace(T(0.0), WEIGHTS)
    packed = array_at(weight_at, (WEIGHTS,), T)
    offset_at = workspace(images, UNITS)
    offsets = array_at(offset_at, (UNITS,), np.int64)
    spill_at = workspace(T(0.0), ROWS * MOST_LANES)
    spill = array_at(spill_at, (ROWS * MOST_LANES,), T)
    inner, outer = sources // groups, targets // groups
    # A target's step per source, and a source's step per target: one of the two is 1.
    to_y, to_x = (stride_y, stride_x) if transposed else (1, 1)
    from_y, from_x = (1, 1) if transposed else (stride_y, stride_x)
    plane = rows * columns
    for place in range(to_y * to_x):
        place_y, place_x = place // to_x, place % to_x
        part_rows = (rows - place_y + to_y - 1) // to_y
        length = min(column_block, (columns - place_x + to_x - 1) // to_x)
        part_columns = (columns - place_x + to_x - 1) // to_x
        if part_rows <= 0 or part_columns <= 0:
            continue
        low, high, wide, tall = FAR, -FAR, 0, 0
        for a in range(taps_y):
            s = shift(place_y, a, pad_y, dilation_y, stride_y, transposed)
            if s != FAR:
                low, high, tall = min(low, s), max(high, s), tall + 1
        for b in range(taps_x):
            s = shift(place_x, b, pad_x, dilation_x, stride_x, transposed)
            wide += 1 if s != FAR else 0
        if tall == 0:
            low = high = 0
        band = min(row_block, part_rows)
        reach = high - low + 1
        apart = (band * from_y + reach - from_y - 1) // from_y + 1
        size = from_y * apart * length
        for group_block in range(groups * pieces(inner, source_block)):
            group = group_block % groups
            u0 = group_block // groups * source_block
            inside = min(source_block, inner - u0)
            units = inside * wide * tall
            for v0_ in range(pieces(outer, target_block)):
                v0 = v0_ * target_block
                made = min(target_block, outer - v0)
                k = 0
                for u in range(inside):
                    column = u * wide
                    for b in range(taps_x):
                        if shift(place_x, b, pad_x, dilation_x, stride_x, transposed) == FAR:
                            continue
                        for a in range(taps_y):
                            s = shift(place_y, a, pad_y, dilation_y, stride_y, transposed)
                            if s == FAR:
                                continue
                            s -= low
                            line = s % from_y * apart + s // from_y
                            offsets[k] = (column * size + line * length) * item
                            for v in range(made):
                                value = (w[group * inner + u0 + u, v0 + v, a, b] if transposed
                                         else w[group * outer + v0 + v, u0 + u, a, b])
                                packed[(v // ROWS * units + k) * ROWS + v % ROWS] = value
                            k += 1
                        column += 1
                fresh = 1 if u0 == 0 else 0
                for n in range(images):
                    for i0_ in range(pieces(part_rows, band)):
                        i0 = i0_ * band
                        count = min(band, part_rows - i0)
                        for j0_ in range(pieces(part_columns, length)):
                            j0 = j0_ * length
                            flat = count * min(length, part_columns - j0)
                            image = n * sources + group * inner + u0
                            image_at = x.ctypes.data + image * height * width * item
                            row, lines = i0 * from_y + low, (count - 1) * from_y + reach
                            first_at = held_at
                            for b in range(taps_x):
                                s = shift(place_x, b, pad_x, dilation_x, stride_x, transposed)
                                if s == FAR:
                                    continue
                                column = j0 * from_x + s
                                INSIDE
                                for u in range(inside):
                                    to = first_at + u * wide * size * item
                                    x_at = image_at + u * height * width * item
                                    SPREAD
                                first_at += size * item
                            v = 0
                            while v < made:
                                many = ROWS if made - v > 2 else 1
                                exist = min(many, made - v)
                                first = group * outer + v0 + v
                                w_at = weight_at + (v // ROWS * units * ROWS + v % ROWS) * item
                                dense = to_y * to_x == 1 and exist == many
                                y_at = out.ctypes.data
                                y_at += ((n * targets + first) * plane + i0 * columns + j0) * item
                                t = 0
                                while t < flat:
                                    some = lanes * (VECTORS if flat - t > lanes else 1)
                                    at = held_at + t * item
                                    to, step, here = y_at + t * item, plane * item, True
                                    if not dense or flat - t < some:
                                        to, step, here = spill_at, some * item, False
                                    left = min(some, flat - t)
                                    if not here and fresh == 0:
                                        for r in range(exist):
                                            LOAD
                                    if many == 1:
                                        if some == lanes:
                                            correlate(T(0.0), 1, 1, fresh, to, step, at,
                                                      offset_at, w_at, units)
                                        else:
                                            correlate(T(0.0), 1, VECTORS, fresh, to, step, at,
                                                      offset_at, w_at, units)
                                    elif some == lanes:
                                        correlate(T(0.0), ROWS, 1, fresh, to, step, at,
                                                  offset_at, w_at, units)
                                    else:
                                        correlate(T(0.0), ROWS, VECTORS, fresh, to, step, at,
                                                  offset_at, w_at, units)
                                    if not here:
                                        for r in range(exist):
                                            STORE
                                    t += some
                                v += many
    return 0
""")

WEIGHT_BODY = _complete("""
def convolve_weight(out, x, g, images, sources, targets, groups, height, width, rows, columns,
                    depth, taps_y, taps_x, stride_y, stride_x, pad_y, pad_x, dilation_y,
                    dilation_x, source_block, target_block, row_block, column_block):
    item = out.itemsize
    lanes = LANE_BYTES // item
    held_at = workspace(T(0.0), SOURCES)
    sums_at = workspace(T(0.0), WEIGHTS)
    sums = array_at(sums_at, (WEIGHTS,), T)
    turned_at = workspace(T(0.0), TURNED)
    turned = array_at(turned_at, (TURNED,), T)
    offset_at = workspace(images, UNITS + ROWS)
    offsets = array_at(offset_at, (UNITS + ROWS,), np.int64)
    from_y, from_x = stride_y, stride_x
    outer = targets // groups
    taps = taps_y * taps_x
    flat_out = array_at(out.ctypes.data, (targets, depth * taps), T)
    length = min(column_block, columns)
    band = min(row_block, rows)
    reach = (taps_y - 1) * dilation_y + 1
    apart = (band * from_y + reach - from_y - 1) // from_y + 1
    size = from_y * apart * length
    for v in range(targets):
        for k in range(depth * taps):
            flat_out[v, k] = 0.0
    if length <= 0 or band <= 0:
        return 0
    for block in range(groups * pieces(depth, source_block)):
        group = block % groups
        u0 = block // groups * source_block
        inside = min(source_block, depth - u0)
        units = inside * taps
        k = 0
        for u in range(inside):
            for a in range(taps_y):
                s = a * dilation_y
                line = s % from_y * apart + s // from_y
                for b in range(taps_x):
                    offsets[k] = ((u * taps_x + b) * size + line * length) * item
                    k += 1
        for k in range(units, units + ROWS):
            offsets[k] = offsets[0]
        for v0_ in range(pieces(outer, target_block)):
            v0 = v0_ * target_block
            made = min(target_block, outer - v0)
            across = pieces(made, lanes) * lanes
            chunk = TURNED // across
            copy(T(0.0), sums_at, 0, pieces(units, ROWS) * ROWS * across)
            for n in range(images):
                for i0_ in range(pieces(rows, band)):
                    i0 = i0_ * band
                    count = min(band, rows - i0)
                    for j0_ in range(pieces(columns, length)):
                        j0 = j0_ * length
                        flat = count * min(length, columns - j0)
                        image = n * sources + group * depth + u0
                        image_at = x.ctypes.data + image * height * width * item
                        row, lines = i0 * from_y - pad_y, (count - 1) * from_y + reach
                        for b in range(taps_x):
                            column = j0 * from_x + b * dilation_x - pad_x
                            INSIDE
                            for u in range(inside):
                                to = held_at + (u * taps_x + b) * size * item
                                x_at = image_at + u * height * width * item
                                SPREAD
                        plane = n * targets + group * outer + v0
                        g_at = g.ctypes.data + ((plane * rows + i0) * columns + j0) * item
                        for t_ in range(pieces(flat, chunk)):
                            t0 = t_ * chunk
                            some = min(chunk, flat - t0)
                            from_at = g_at + t0 * item
                            for v_ in range(across // lanes):
                                v = v_ * lanes
                                fast = some // lanes * lanes if made - v >= lanes else 0
                                for t in range(0, fast, lanes):
                                    turn(T(0.0), turned_at + (t * across + v) * item, across * item,
                                         from_at + (v * rows * columns + t) * item,
                                         rows * columns * item)
                                for r in range(min(lanes, made - v)):
                                    row_at = from_at + (v + r) * rows * columns * item
                                    given = array_at(row_at, (some,), T)
                                    for t in range(fast, some):
                                        turned[t * across + v + r] = given[t]
                            for k_ in range(pieces(units, ROWS)):
                                k = k_ * ROWS
                                v = 0
                                while v < across:
                                    many = VECTORS if across - v > lanes else 1
                                    to = sums_at + (k * across + v) * item
                                    x_at = held_at + t0 * item
                                    if many == 1:
                                        pair_up(T(0.0), 1, to, across * item, x_at,
                                                offset_at + k * 8, turned_at + v * item,
                                                across * item, some)
                                    else:
                                        pair_up(T(0.0), VECTORS, to, across * item, x_at,
                                                offset_at + k * 8, turned_at + v * item,
                                                across * item, some)
                                    v += many * lanes
            for v in range(made):
                for k in range(units):
                    flat_out[group * outer + v0 + v, u0 * taps + k] = sums[k * across + v]
    return 0
""")
