"""What processor this is, as far as it decides which code runs.

Everything here comes from the processor's features, never from a timing, so two
starts on one machine choose alike.
"""

from __future__ import annotations

import os
import platform
from functools import lru_cache

from llvmlite import binding


@lru_cache(maxsize=1)
def cpu_name() -> str:
    """Return the name that the compiler gives to this processor (``"znver4"``)."""
    return str(binding.get_host_cpu_name())


@lru_cache(maxsize=1)
def cpu_features() -> frozenset[str]:
    """Return the features that this processor has (``"avx2"``, ``"avx512f"``...)."""
    return frozenset(name for name, present in binding.get_host_cpu_features().items() if present)


def openblas_core() -> str | None:
    """Return the OpenBLAS core that fits the features; None leaves it to OpenBLAS.

    OpenBLAS chooses by vendor and model number and takes newer AMD processors
    with AVX-512 for a Haswell, at half the speed for large products.
    """
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return None
    features = cpu_features()
    if {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= features:
        return "SkylakeX"
    if {"avx2", "fma"} <= features:
        return "Haswell"
    return None


def usable_cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
