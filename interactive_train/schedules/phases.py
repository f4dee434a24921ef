"""Schedules of several phases, in one call: warmups that decay, one cycle, inverse square root.

With ``s`` the step; every phase begins where the one before it ended, and the
last value stays.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from interactive_train.schedules.schedule import (
    Schedule,
    Values,
    half_cosine,
    interpolate,
    progress,
)


@dataclass(frozen=True, repr=False)
class warmup_cosine_decay(Schedule):
    """A straight warmup, then half a cosine down.

    Parameters
    ----------
    init_value, peak_value : float
        The value at step 0, and at the end of the warmup.
    warmup_steps : int
        How many steps the warmup takes; 0 for none.
    decay_steps : int
        How many steps the way down takes, *after* the warmup. (Optax counts them
        from step 0: its ``decay_steps`` is ours plus `warmup_steps`.)
    end_value : float
        The value from then on.

    Examples
    --------
    >>> schedule = warmup_cosine_decay(0.0, 1.0, 10, 100)
    >>> schedule(5), schedule(10), schedule(60), schedule(110)
    (0.5, 1.0, 0.5, 0.0)
    """

    init_value: float
    peak_value: float
    warmup_steps: int
    decay_steps: int
    _: KW_ONLY
    end_value: float = 0.0

    def __post_init__(self) -> None:
        self.check_real("init_value", "peak_value", "end_value")
        self.check_count("warmup_steps", low=0)
        self.check_count("decay_steps")

    def _values(self, steps: Values) -> Values:
        rising = interpolate(progress(steps, self.warmup_steps), self.init_value, self.peak_value)
        weight = half_cosine(progress(steps - self.warmup_steps, self.decay_steps))
        falling = interpolate(weight, self.peak_value, self.end_value)
        return np.where(steps <= self.warmup_steps, rising, falling)


@dataclass(frozen=True, repr=False)
class warmup_stable_decay(Schedule):
    """A straight warmup, a plateau, a straight way down.

    Parameters
    ----------
    init_value, peak_value : float
        The value at step 0, and on the plateau.
    warmup_steps, stable_steps, decay_steps : int
        How many steps each phase takes; the first two may be 0.
    end_value : float
        The value from then on.

    References
    ----------
    Hu et al., "MiniCPM: Unveiling the Potential of Small Language Models", 2024.

    Examples
    --------
    >>> schedule = warmup_stable_decay(0.0, 1.0, 10, 80, 10)
    >>> schedule(np.array([5, 10, 90, 95, 100]))
    array([0.5, 1. , 1. , 0.5, 0. ])
    """

    init_value: float
    peak_value: float
    warmup_steps: int
    stable_steps: int
    decay_steps: int
    _: KW_ONLY
    end_value: float = 0.0

    def __post_init__(self) -> None:
        self.check_real("init_value", "peak_value", "end_value")
        self.check_count("warmup_steps", "stable_steps", low=0)
        self.check_count("decay_steps")

    def _values(self, steps: Values) -> Values:
        rising = interpolate(progress(steps, self.warmup_steps), self.init_value, self.peak_value)
        decaying = progress(steps - self.warmup_steps - self.stable_steps, self.decay_steps)
        falling = interpolate(decaying, self.peak_value, self.end_value)
        return np.where(steps <= self.warmup_steps, rising, falling)


@dataclass(frozen=True, repr=False)
class one_cycle(Schedule):
    """One straight way up and one half cosine down, far below the start.

    From ``peak_value / div_factor`` to `peak_value` over the first
    ``pct_start * total_steps`` steps, then to ``peak_value / final_div_factor``.
    (PyTorch and optax divide the start once more: their floor is
    ``final_div_factor=div_factor * theirs`` here.)

    Parameters
    ----------
    peak_value : float
        The highest value.
    total_steps : int
        How many steps the cycle takes.
    div_factor, final_div_factor : float
        What the peak is divided by at the start and at the end; at least 1.
    pct_start : float
        The part of the steps that goes up, in [0, 1).

    References
    ----------
    Smith and Topin, "Super-Convergence", 2018.

    Examples
    --------
    >>> cycle = one_cycle(1.0, 100, final_div_factor=100.0)
    >>> cycle(0), cycle(30), cycle(100)
    (0.04, 1.0, 0.01)
    """

    peak_value: float
    total_steps: int
    _: KW_ONLY
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    pct_start: float = 0.3

    def __post_init__(self) -> None:
        self.check_real("peak_value")
        self.check_count("total_steps")
        self.check_real("div_factor", "final_div_factor", low=1.0)
        self.check_real("pct_start", low=0.0, high=1.0, open_high=True)

    def _values(self, steps: Values) -> Values:
        top = self.pct_start * self.total_steps
        start, end = self.peak_value / self.div_factor, self.peak_value / self.final_div_factor
        rising = interpolate(progress(steps, top), start, self.peak_value)
        weight = half_cosine(progress(steps - top, self.total_steps - top))
        return np.where(steps <= top, rising, interpolate(weight, self.peak_value, end))


@dataclass(frozen=True, repr=False)
class inverse_sqrt(Schedule):
    """A straight warmup from 0, then down as one over the root: ``peak min(s/W, sqrt(W/s))``.

    Parameters
    ----------
    peak_value : float
        The value at the end of the warmup.
    warmup_steps : int
        ``W``, how many steps the warmup takes.

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017, section 5.3.

    Examples
    --------
    >>> schedule = inverse_sqrt(1.0, 100)
    >>> schedule(50), schedule(100), schedule(400)
    (0.5, 1.0, 0.5)
    """

    peak_value: float
    warmup_steps: int

    def __post_init__(self) -> None:
        self.check_real("peak_value")
        self.check_count("warmup_steps")

    def _values(self, steps: Values) -> Values:
        root = np.sqrt(self.warmup_steps / np.maximum(steps, 1.0))
        return self.peak_value * np.minimum(steps / self.warmup_steps, root)
