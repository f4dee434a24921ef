"""Status codes: how a kernel says what went wrong, since it may not raise.

A kernel returns 0, or ``reason + 16 * row``. The executor stops on it and notes
the instruction; Python turns the three into an error that names all of them.
"""

from __future__ import annotations

OK = 0
BAD_INDEX = 1  # a label, a gather index or a permutation entry is out of range
NONFINITE = 2  # the guard found a loss or a gradient norm that is not finite
INTERRUPTED = 3  # the mailbox asked for a stop before the next step
CHANGED = 5  # a number fell on the other side of a comparison than when the step was recorded
TOO_LARGE = 4  # an extent exceeds what the library for matrix products can count

MEANING = {
    BAD_INDEX: "an index is out of range",
    NONFINITE: "a guarded value is not finite",
    INTERRUPTED: "the mailbox asked for a stop",
    CHANGED: "a condition of the recording does not hold any more",
    TOO_LARGE: "an extent of a matrix product exceeds 2**31 - 1",
}


def encode(reason: int, row: int) -> int:
    """Pack a reason and a row into one code; kernels write the sum out.

    Examples
    --------
    >>> decode(encode(BAD_INDEX, 7))
    (1, 7)
    """
    return reason + 16 * row


def decode(code: int) -> tuple[int, int]:
    """Return (reason, row) of a non-zero code."""
    return code % 16, code // 16
