"""Rotary positions: pairs of features are turned by an angle that grows with the time.

References
----------
Su et al.: RoFormer: enhanced transformer with rotary position embedding. 2021.
"""

from __future__ import annotations

from typing import Any

from interactive_train.kernels.kernel import Kernel


def rotate(
    out: Any,
    x: Any,
    cosine: Any,
    sine: Any,
    batch: int,
    time: int,
    heads: int,
    half: int,
    rest: int,
    width: int,
) -> int:
    """Turn (x[c], x[c + half]) of each head of step t by angle (t, c); copy the `rest` behind."""
    for b in range(batch):
        for t in range(time):
            for h in range(heads):
                at = 2 * h * half
                for c in range(half):
                    low = x[b, t, at + c]
                    high = x[b, t, at + half + c]
                    out[b, t, at + c] = low * cosine[t, c] - high * sine[t, c]
                    out[b, t, at + half + c] = high * cosine[t, c] + low * sine[t, c]
            for c in range(width - rest, width):
                out[b, t, c] = x[b, t, c]
    return 0


ROTATE = Kernel(
    "rotate",
    rotate,
    "out=T[batch,time,width] x:T[batch,time,width] cosine:T[time,half] sine:T[time,half] "
    "batch time heads half rest width",
    fits=lambda sizes: 2 * sizes["heads"] * sizes["half"] + sizes["rest"] == sizes["width"],
    parallel=("batch",),
)
