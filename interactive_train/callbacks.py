"""Callbacks: small helpers that decide when to call, and when to stop.

`throttle`, `patience`, `early_stopping` and `plateau` wrap functions, as Flux's do; make them once,
outside of the loop. As a report, each gets what the function that it wraps declares, and those
that return True end the fit with it. ``early_stopping(monitor="validation_loss")`` is a report
that keeps the best state. A score that stays the same does not improve, so a constant score stops.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from interactive_train.runtime.checks import flag, function, real_number, shown, whole_number
from interactive_train.runtime.errors import did_you_mean, refusal


def throttle(
    f: Callable[..., Any],
    timeout: float,
    *,
    leading: bool = True,
    trailing: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Callable[..., Any]:
    """Return f, called at most once per `timeout` seconds.

    Parameters
    ----------
    f : callable
    timeout : float
        Seconds.
    leading : bool
        Call at once the first time; else the first call is held back for `timeout`.
    trailing : bool
        The last call of a pause is made up for, with its own arguments, by the first call
        after the pause, which is held back in its turn.
    clock : callable
        Seconds from anywhere.

    Returns
    -------
    callable
        Returns what f returned last, None before.

    Examples
    --------
    >>> now = 0.0
    >>> tell = throttle(lambda x: x, 10, clock=lambda: now)
    >>> tell(1), tell(2)
    (1, 1)
    """
    function(f, "the first argument", "callbacks.throttle")
    where = "callbacks.throttle"
    pause = real_number(timeout, "timeout", where, low=0.0)
    function(clock, "clock", where, fix="Leave it out, or give time.monotonic.")
    first, held = flag(leading, "leading", where), flag(trailing, "trailing", where)
    return _Throttle(f, pause, first, held, clock)


class _Throttle:
    def __init__(
        self,
        f: Callable[..., Any],
        timeout: float,
        leading: bool,
        trailing: bool,
        clock: Callable[[], float],
    ) -> None:
        self._f, self._timeout, self._trailing, self._clock = f, timeout, trailing, clock
        self.__wrapped__ = f  # its parameters are those of f
        self.ends_when_true = getattr(f, "ends_when_true", False)
        self._next = -math.inf if leading else clock() + timeout
        self._held: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self._last: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        now = self._clock()
        if now < self._next:
            self._held = (args, kwargs) if self._trailing else None
            return self._last
        self._next = now + self._timeout
        if self._held is not None:
            held, self._held = self._held, (args, kwargs)
            self._last = self._f(*held[0], **held[1])
        else:
            self._last = self._f(*args, **kwargs)
        return self._last


def patience(predicate: Callable[..., Any], wait: int) -> Callable[..., bool]:
    """Return a function that is true once `predicate` was true `wait` times in a row.

    Examples
    --------
    >>> twice = patience(lambda x: x > 0, 2)
    >>> [twice(x) for x in (1, -1, 1, 1, 1)]
    [False, False, False, True, True]
    """
    function(predicate, "the first argument", "callbacks.patience")
    needed = whole_number(wait, "wait", "callbacks.patience", low=1)
    count = 0

    def trigger(*args: Any, **kwargs: Any) -> bool:
        nonlocal count
        count = count + 1 if predicate(*args, **kwargs) else 0
        return count >= needed

    return _trigger(trigger, predicate)


def early_stopping(
    monitor: str | Callable[..., float] = "validation_loss",
    patience: int = 5,
    *,
    min_delta: float = 0.0,
    mode: Literal["min", "max"] | None = None,
    restore_best: bool = True,
) -> Any:
    """Stop when a score has not improved for some time.

    Parameters
    ----------
    monitor : str or callable
        A metric of the fit (``"validation_loss"``, ``"validation_accuracy"``), looked at behind
        every pass, or ``"loss"``, behind every step: the result is a report for
        ``fit(..., report=...)``. A function of anything that returns a score: the result is a
        function of the same that returns True when it is time to stop.
    patience : int
        How many looks without an improvement.
    min_delta : float
        An improvement is more than this.
    mode : {"min", "max"}, optional
        Whether less or more is better; by default "min" where the name ends with "loss" or
        "error" and for a function, else "max".
    restore_best : bool
        As a report: the fit ends with the best state instead of the last, whatever ended it but
        an error.

    Returns
    -------
    EarlyStopping or callable
        The report may be used again: each fit starts afresh. A run that is extended keeps the best
        state and waits anew.

    Raises
    ------
    ValueError
        Out of range; in a fit, for a `monitor` that is no metric of it.
    TypeError
        Of another kind; when called, for a score that is no number. NaN is one that is never
        better.

    Examples
    --------
    >>> stop = early_stopping(lambda loss: loss, 2)
    >>> [stop(loss) for loss in (1.0, 0.5, 0.5, 0.5)]
    [False, False, False, True]
    """
    where = "callbacks.early_stopping"
    wait = whole_number(patience, "patience", where, low=1)
    delta = real_number(min_delta, "min_delta", where, low=0.0)
    keep = flag(restore_best, "restore_best", where)
    if mode not in (None, "min", "max"):
        raise ValueError(refusal(where, 'mode is "min" or "max"', repr(mode)))
    if isinstance(monitor, str):
        less = monitor.endswith(("loss", "error")) if mode is None else mode == "min"
        return EarlyStopping(monitor, Best(wait, delta, less), keep)
    function(monitor, "monitor", where, fix='Give "validation_loss" or a function.')
    best = Best(wait, delta, mode != "max")

    def trigger(*args: Any, **kwargs: Any) -> bool:
        best.look(_score(monitor(*args, **kwargs), where))
        return best.waited >= best.patience

    return _trigger(trigger, monitor)


class Best:
    """The best score so far, and how often since nothing better came; NaN is never better."""

    def __init__(self, patience: int, min_delta: float, less_is_better: bool) -> None:
        self.patience, self.min_delta = patience, min_delta
        self._sign = -1.0 if less_is_better else 1.0
        self.score = math.nan
        self.waited = 0

    def reset(self) -> None:
        """Forget everything."""
        self.score, self.waited = math.nan, 0

    def look(self, score: float) -> bool:
        """Note a score; return whether it is an improvement."""
        gain = self._sign * (score - self.score)
        better = not math.isnan(score) and (math.isnan(self.score) or gain > self.min_delta)
        self.waited = 0 if better else self.waited + 1
        if better:
            self.score = score
        return better


class EarlyStopping:
    """A report that ends a fit when a metric stops improving; see `early_stopping`.

    Attributes
    ----------
    best_state : TrainState or None
        Behind the step with the best score, if `restore_best`.
    best_step : int or None
    stopped : bool
        Whether it ended the fit.
    """

    def __init__(self, monitor: str, best: Best, restore_best: bool) -> None:
        self.monitor, self._best, self._restore = monitor, best, restore_best
        self.every: int | str = 1 if monitor == "loss" else "pass"
        self.best_state: Any = None
        self.best_step: int | None = None
        self.stopped = False

    @property
    def best(self) -> float:
        """The best score so far; NaN before the first."""
        return self._best.score

    def begin_fit(self, again: bool) -> None:
        """Start afresh; where a run is extended, keep the best and wait anew."""
        if again:
            self._best.waited = 0
        else:
            self._best.reset()
            self.best_state, self.best_step = None, None
        self.stopped = False

    def keep(self) -> tuple[Any, ...]:
        """Return what it keeps count of, for a run that goes back in time."""
        best = self._best
        return best.score, best.waited, self.best_state, self.best_step, self.stopped

    def restore(self, kept: tuple[Any, ...]) -> None:
        """Stand where it stood when that was kept."""
        best = self._best
        best.score, best.waited, self.best_state, self.best_step, self.stopped = kept

    def __call__(
        self, *, global_step: int, loss: float, metrics: Mapping[str, float], state: Any
    ) -> str | None:
        """Look at a step; "stop" when it is time."""
        if self.monitor != "loss" and self.monitor not in metrics:
            raise ValueError(
                refusal(
                    "callbacks.early_stopping",
                    "monitor is a metric of the fit",
                    repr(self.monitor),
                    did_you_mean(self.monitor, ["loss", *metrics])
                    + ("" if metrics else " Pass validation= to the fit."),
                )
            )
        score = _score(
            loss if self.monitor == "loss" else metrics[self.monitor], "callbacks.early_stopping"
        )
        if self._best.look(score):
            self.best_step = global_step
            self.best_state = state if self._restore else None
        self.stopped = self._best.waited >= self._best.patience
        return "stop" if self.stopped else None


def plateau(f: Callable[..., float], width: int, *, min_dist: float = 1e-6) -> Callable[..., bool]:
    """Return a function that is true once the score moved less than `min_dist` `width` times.

    Parameters
    ----------
    f : callable
        Returns the score.
    width : int
        How many times in a row.
    min_dist : float
        A move is at least this.

    Examples
    --------
    >>> flat = plateau(lambda x: x, 2)
    >>> [flat(x) for x in (3.0, 2.0, 2.0, 2.0)]
    [False, False, False, True]
    """
    function(f, "the first argument", "callbacks.plateau")
    count = whole_number(width, "width", "callbacks.plateau", low=1)
    distance = real_number(min_dist, "min_dist", "callbacks.plateau", low=0.0)
    last = math.nan

    def still(*args: Any, **kwargs: Any) -> bool:
        nonlocal last
        score = _score(f(*args, **kwargs), "callbacks.plateau")
        near = abs(score - last) < distance or score == last
        last = score
        return near

    return _trigger(patience(still, count), f)


def _trigger(trigger: Callable[..., bool], f: Callable[..., Any]) -> Callable[..., bool]:
    """Return a trigger that is called as f is and, as a report, ends a fit when it is true."""
    trigger.__wrapped__ = f  # type: ignore[attr-defined]
    trigger.ends_when_true = True  # type: ignore[attr-defined]
    return trigger


def _score(value: Any, where: str) -> float:
    """Return a score as a float; NaN and infinities are scores."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            refusal(where, "a score is one number", shown(value), "Return for example the loss.")
        ) from error
