"""Schedules that repeat: a triangle, and a cosine with restarts.

With ``s`` the step; a cycle of ``N`` steps starts at steps 0, N, 2N, ...
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from interactive_train.schedules.schedule import Schedule, Values, half_cosine, interpolate


@dataclass(frozen=True, repr=False)
class triangular(Schedule):
    """Up to a peak and back in straight lines, again and again.

    With ``k = floor(s / N)`` and ``p = s / N - k``, the value is
    ``init + (peak - init) (1 - |2 p - 1|) decay**k``.

    Parameters
    ----------
    init_value, peak_value : float
        The lowest value, and the highest of the first cycle.
    cycle_steps : int
        ``N``, how many steps up and down take together.
    decay : float
        What the height is multiplied by after each cycle, in (0, 1].

    References
    ----------
    Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.

    Examples
    --------
    >>> triangular(0.0, 1.0, 4, decay=0.5)(np.arange(1, 9))
    array([0.5 , 1.  , 0.5 , 0.  , 0.25, 0.5 , 0.25, 0.  ])
    """

    init_value: float
    peak_value: float
    cycle_steps: int
    _: KW_ONLY
    decay: float = 1.0

    def __post_init__(self) -> None:
        self.check_real("init_value", "peak_value")
        self.check_count("cycle_steps")
        self.check_real("decay", low=0.0, high=1.0, open_low=True)

    def _values(self, steps: Values) -> Values:
        cycle = np.floor(steps / self.cycle_steps)
        position = (steps - cycle * self.cycle_steps) / self.cycle_steps
        with np.errstate(under="ignore"):  # after very many cycles the height is 0
            height = np.power(self.decay, cycle)
            weight = (1.0 - np.abs(2.0 * position - 1.0)) * height
        return interpolate(weight, self.init_value, self.peak_value)


@dataclass(frozen=True, repr=False)
class cosine_decay_restarts(Schedule):
    """Half a cosine down that starts again, each cycle longer and lower.

    Cycle ``k`` takes ``N t_mul**k`` steps and goes from ``A m_mul**k + floor`` to
    ``floor = alpha * init_value``, with ``A = (1 - alpha) init_value``.

    Parameters
    ----------
    init_value : float
        The value at step 0.
    decay_steps : int
        ``N``, how many steps the first cycle takes.
    t_mul : float
        How much longer each cycle is than the one before, at least 1.
    m_mul : float
        How much lower, in (0, 1].
    alpha : float
        The floor as a fraction of `init_value`, in [0, 1].

    References
    ----------
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    Examples
    --------
    >>> schedule = cosine_decay_restarts(1.0, 10, t_mul=2, m_mul=0.5)
    >>> schedule(0), schedule(10), schedule(30)  # where the first three cycles begin
    (1.0, 0.5, 0.25)
    """

    init_value: float
    decay_steps: int
    _: KW_ONLY
    t_mul: float = 1.0
    m_mul: float = 1.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        self.check_real("init_value")
        self.check_count("decay_steps")
        self.check_real("t_mul", low=1.0, fix="A cycle never gets shorter: give 1 or more.")
        self.check_real("m_mul", low=0.0, high=1.0, open_low=True)
        self.check_real("alpha", low=0.0, high=1.0)

    def _values(self, steps: Values) -> Values:
        cycle, position = self._cycles(steps / self.decay_steps)
        with np.errstate(under="ignore"):  # after very many cycles the amplitude is 0
            weight = (1.0 - half_cosine(position)) * np.power(self.m_mul, cycle)
        return interpolate(weight, self.alpha * self.init_value, self.init_value)

    def _cycles(self, time: Values) -> tuple[Values, Values]:
        """Return the cycle and the position within it, in [0, 1), at times in first cycles."""
        if self.t_mul == 1.0:
            cycle = np.floor(time)
            return cycle, time - cycle

        def start(k: Values) -> Values:  # 1 + t + ... + t**(k - 1)
            return (np.power(self.t_mul, k) - 1.0) / (self.t_mul - 1.0)

        cycle = np.floor(np.log1p(time * (self.t_mul - 1.0)) / np.log(self.t_mul))
        cycle = np.where(start(cycle + 1.0) <= time, cycle + 1.0, cycle)  # log rounds
        cycle = np.where(start(cycle) > time, cycle - 1.0, cycle)
        return cycle, (time - start(cycle)) / np.power(self.t_mul, cycle)
