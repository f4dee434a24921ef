"""Tracker: running means by name, for a loop of one's own."""

from __future__ import annotations

from typing import Any

from interactive_train.runtime.checks import real_number, shown, whole_number
from interactive_train.runtime.errors import did_you_mean, refusal


class Tracker:
    """The mean of everything observed under a name.

    A mean of batch values is exact if each is observed with its number of `examples`, and for
    values that are means themselves; for F1 and the like see `Accumulator`.

    Examples
    --------
    >>> tracker = Tracker()
    >>> for loss, accuracy, rows in [(0.5, 0.9, 64), (0.3, 1.0, 16)]:
    ...     tracker.observe("loss", loss, examples=rows)
    ...     tracker.observe("accuracy", accuracy, examples=rows)
    >>> tracker.summary()
    'accuracy: 0.9200  loss: 0.4600'
    >>> round(tracker.mean("loss"), 6), tracker.count("loss")
    (0.46, 80)
    """

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def observe(self, name: str, value: Any, examples: int = 1) -> None:
        """Add a value.

        Parameters
        ----------
        name : str
            What it is a value of.
        value : float
            A finite number, or an array or Tensor of one.
        examples : int
            How many examples it is the mean of.

        Raises
        ------
        TypeError
            If `name` is no text, `value` no number, or `examples` no integer.
        ValueError
            If `value` is not finite, or `examples` below 1.
        """
        where = "Tracker.observe"
        if not isinstance(name, str) or not name:
            raise TypeError(refusal(where, "name is a text", shown(name), 'Give "loss", say.'))
        number = real_number(value, f"the value of {name!r}", where)
        count = whole_number(examples, "examples", where)
        self._sums[name] = self._sums.get(name, 0.0) + number * count
        self._counts[name] = self._counts.get(name, 0) + count

    def mean(self, name: str) -> float:
        """Return the mean of what was observed under a name, by examples.

        Raises
        ------
        KeyError
            If nothing was.
        """
        return self._sums[self._known(name, "Tracker.mean")] / self._counts[name]

    def count(self, name: str) -> int:
        """Return how many examples were observed under a name.

        Raises
        ------
        KeyError
            If none was.
        """
        return self._counts[self._known(name, "Tracker.count")]

    def reset(self) -> None:
        """Forget everything."""
        self._sums.clear()
        self._counts.clear()

    def to_dict(self) -> dict[str, float]:
        """Return the means by name, in the order of the alphabet."""
        return {name: self.mean(name) for name in sorted(self._sums)}

    def summary(self) -> str:
        """Return the means in one line; empty if nothing was observed."""
        return "  ".join(f"{name}: {mean:.4f}" for name, mean in self.to_dict().items())

    def __repr__(self) -> str:
        return f"Tracker({self.summary()})"

    def _known(self, name: str, where: str) -> str:
        if name not in self._sums:
            fix = did_you_mean(str(name), sorted(self._sums))
            raise KeyError(refusal(where, "the name must have been observed", shown(name), fix))
        return name
