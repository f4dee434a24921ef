"""Schedules of one piece: a constant, straight lines, and smooth ways down or up.

With ``s`` the step, ``N`` the number of steps and ``f = min(s / N, 1)`` each
formula stands in its class. All of them stay at their last value after ``N``,
except `exponential_decay`, which goes on. The first update is step 1, so a
warmup from 0 gives its first update ``1/N`` of the way, not 0.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np

from interactive_train.runtime.errors import refusal
from interactive_train.schedules.schedule import (
    Schedule,
    Values,
    half_cosine,
    interpolate,
    progress,
)


@dataclass(frozen=True, repr=False)
class constant(Schedule):
    """The same value at every step.

    Parameters
    ----------
    value : float
        A finite number.

    Examples
    --------
    >>> constant(0.1)(1000)
    0.1
    """

    value: float

    def __post_init__(self) -> None:
        self.check_real("value")

    def _values(self, steps: Values) -> Values:
        return np.full_like(steps, self.value)


@dataclass(frozen=True, repr=False)
class linear(Schedule):
    """A straight line from one value to another: ``(1 - f) init_value + f end_value``.

    Parameters
    ----------
    init_value, end_value : float
        The value at step 0, and from `steps` on.
    steps : int
        How many steps the line takes.

    Examples
    --------
    >>> linear(1.0, 0.0, 10)(4)
    0.6
    """

    init_value: float
    end_value: float
    steps: int

    def __post_init__(self) -> None:
        self.check_real("init_value", "end_value")
        self.check_count("steps")

    def _values(self, steps: Values) -> Values:
        return interpolate(progress(steps, self.steps), self.init_value, self.end_value)


@dataclass(frozen=True, repr=False)
class warmup_linear(Schedule):
    """A straight line up to a peak: ``(1 - f) init_value + f peak_value``.

    Parameters
    ----------
    init_value, peak_value : float
        The value at step 0, and from `warmup_steps` on.
    warmup_steps : int
        How many steps the warmup takes.

    Examples
    --------
    >>> warmup = warmup_linear(0.0, 0.001, 4)
    >>> warmup(np.array([1, 2, 4, 9]))
    array([0.00025, 0.0005 , 0.001  , 0.001  ])
    """

    init_value: float
    peak_value: float
    warmup_steps: int

    def __post_init__(self) -> None:
        self.check_real("init_value", "peak_value")
        self.check_count("warmup_steps")

    def _values(self, steps: Values) -> Values:
        return interpolate(progress(steps, self.warmup_steps), self.init_value, self.peak_value)


@dataclass(frozen=True, repr=False)
class warmup_cosine(Schedule):
    """Half a cosine up to a peak: with ``c = (1 - cos(pi f)) / 2``, ``(1 - c) init + c peak``.

    Parameters
    ----------
    init_value, peak_value : float
        The value at step 0, and from `warmup_steps` on.
    warmup_steps : int
        How many steps the warmup takes.

    Examples
    --------
    >>> warmup_cosine(0.0, 1.0, 10)(5), warmup_cosine(0.0, 1.0, 10)(10)
    (0.49999999999999994, 1.0)
    """

    init_value: float
    peak_value: float
    warmup_steps: int

    def __post_init__(self) -> None:
        self.check_real("init_value", "peak_value")
        self.check_count("warmup_steps")

    def _values(self, steps: Values) -> Values:
        weight = half_cosine(progress(steps, self.warmup_steps))
        return interpolate(weight, self.init_value, self.peak_value)


@dataclass(frozen=True, repr=False)
class cosine_decay(Schedule):
    """Half a cosine down: with ``c = (1 - cos(pi f)) / 2``, ``(1 - c) init_value + c end``.

    The floor is ``end = alpha * init_value``, or `end_value` where that is given.

    Parameters
    ----------
    init_value : float
        The value at step 0.
    decay_steps : int
        How many steps the way down takes.
    alpha : float
        The floor as a fraction of `init_value`, in [0, 1].
    end_value : float, optional
        The floor itself. Give one of the two.

    References
    ----------
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    Examples
    --------
    >>> decay = cosine_decay(0.001, 600)
    >>> decay
    schedules.cosine_decay(0.001, 600)
    >>> decay(300), decay(600), decay(601)
    (0.0005, 0.0, 0.0)
    >>> cosine_decay(0.001, 600, alpha=0.1)(600), cosine_decay(0.001, 600, end_value=1e-5)(600)
    (0.0001, 1e-05)
    """

    init_value: float
    decay_steps: int
    _: KW_ONLY
    alpha: float = 0.0
    end_value: float | None = None

    def __post_init__(self) -> None:
        self.check_real("init_value")
        self.check_count("decay_steps")
        self.check_real(
            "alpha",
            low=0.0,
            high=1.0,
            fix="alpha is a fraction of init_value; end_value= gives the floor itself.",
        )
        if self.end_value is not None:
            self.check_real("end_value")
            if self.alpha != 0.0:
                raise ValueError(
                    refusal(
                        self.where,
                        "the floor is alpha * init_value or end_value, not both",
                        f"alpha={self.alpha!r} and end_value={self.end_value!r}",
                        "Leave one out.",
                    )
                )

    @property
    def floor(self) -> float:
        """The value at and after `decay_steps`."""
        return self.alpha * self.init_value if self.end_value is None else self.end_value

    def _values(self, steps: Values) -> Values:
        weight = half_cosine(progress(steps, self.decay_steps))
        return interpolate(weight, self.init_value, self.floor)


@dataclass(frozen=True, repr=False)
class exponential_decay(Schedule):
    """Multiply by a rate every so many steps, continuously: ``init_value * decay_rate**(s/N)``.

    It never stops. A rate above 1 grows, as a learning-rate finder wants it.

    Parameters
    ----------
    init_value : float
        The value at step 0.
    decay_rate : float
        The factor over `decay_steps` steps, above 0.
    decay_steps : int
        The steps over which the factor applies once.

    Examples
    --------
    >>> exponential_decay(0.001, 0.25, 1000)(500)
    0.0005
    """

    init_value: float
    decay_rate: float
    decay_steps: int

    def __post_init__(self) -> None:
        self.check_real("init_value")
        self.check_real("decay_rate", low=0.0, open_low=True)
        self.check_count("decay_steps")

    def _values(self, steps: Values) -> Values:
        with np.errstate(over="ignore", under="ignore"):  # inf is refused where it is used
            powers = np.power(self.decay_rate, steps / self.decay_steps)
            return np.multiply(self.init_value, powers)


@dataclass(frozen=True, repr=False)
class polynomial_decay(Schedule):
    """A power of a straight line: ``end_value + (init_value - end_value) (1 - f)**power``.

    Parameters
    ----------
    init_value, end_value : float
        The value at step 0, and from `decay_steps` on.
    decay_steps : int
        How many steps the way takes.
    power : float
        The exponent, above 0; 1 is `linear`.

    Examples
    --------
    >>> polynomial_decay(1.0, 0.0, 10, power=2)(5)
    0.25
    """

    init_value: float
    end_value: float
    decay_steps: int
    _: KW_ONLY
    power: float = 1.0

    def __post_init__(self) -> None:
        self.check_real("init_value", "end_value")
        self.check_count("decay_steps")
        self.check_real("power", low=0.0, open_low=True)

    def _values(self, steps: Values) -> Values:
        left = np.power(1.0 - progress(steps, self.decay_steps), self.power)
        return interpolate(left, self.end_value, self.init_value)
