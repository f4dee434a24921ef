"""`OptimizerRace`: update rules walk down one surface, side by side.

Python walks the whole race at once (`race.track`), so it is the same every time; the page plays
it. A moved start or learning rate walks anew, of a rate only that rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from interactive_train.optim import SGD, Adam, RMSprop, Rule
from interactive_train.runtime.checks import real_number, whole_number
from interactive_train.runtime.errors import refusal
from interactive_train.training.records.view import RunView
from interactive_train_widgets.assets import script
from interactive_train_widgets.messages import Value
from interactive_train_widgets.still import COLOURS
from interactive_train_widgets.teaching.base import TeachingView
from interactive_train_widgets.teaching.contours import isolines
from interactive_train_widgets.teaching.picture import Picture, Table
from interactive_train_widgets.teaching.race import Track, track
from interactive_train_widgets.teaching.subject import Resting
from interactive_train_widgets.teaching.surfaces import Surface, heights, surface

WHERE = "OptimizerRace"
COLUMNS, ROWS = 113, 85  # of the grid under the contour lines
LEVELS = 13
FINE = 65535  # contour lines are sent in parts of the picture: two bytes a number
MOST_STEPS, MOST_RULES = 2000, 6
KEPT = 64  # tracks that are remembered
DASHES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (9, 2)))


class Ground:
    """A surface as it is drawn: contour lines, and 0 (deep) to 255 (high) by rank.

    Ranks, since heights of such surfaces differ by powers of ten. Lines have shape (pieces, 4),
    from 0 at the low ends of x and y to 65535 at the high ends.
    """

    def __init__(self, of: Surface) -> None:
        x, y = np.linspace(*of.x, COLUMNS), np.linspace(*of.y, ROWS)
        z = heights(of.f, x, y)
        known = np.sort(z[np.isfinite(z)])
        if not known.size:
            raise ValueError(refusal(WHERE, "surface must be finite somewhere", of.name))
        ranks = np.searchsorted(known, np.nan_to_num(z, nan=known[-1])) / known.size
        self.heat = np.round(255.0 * ranks).astype(np.uint8)
        levels = np.unique(np.quantile(known, np.linspace(0.01, 0.96, LEVELS)))
        unit_x, unit_y = np.linspace(0, FINE, COLUMNS), np.linspace(0, FINE, ROWS)
        found = [isolines(z, unit_x, unit_y, level) for level in levels]
        self.lines = np.round(np.concatenate(found)).astype(np.uint16)


class OptimizerRace(TeachingView):
    """Optimisers raced on a surface of two parameters: play it, step it, drag the start.

    Parameters
    ----------
    surface : {"rosenbrock", "himmelblau", "beale", "saddle"} or callable
        A callable ``f(x, y)`` is written with operators and NumPy's functions.
    rules : mapping of str to Rule, optional
        At most six, by the names that the legend shows.
    start : (float, float), optional
    steps : int
        At most 2000.
    x, y : (float, float), optional
        The part of the surface that is drawn.
    layout : {"default", "lecture"}

    Raises
    ------
    TypeError, ValueError
        If the surface is unknown, a rule is none, or there are too many.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import optim
    >>> race = it.widgets.OptimizerRace(
    ...     "himmelblau", {"SGD": optim.SGD(0.01), "Adam": optim.Adam(0.3)}, steps=100
    ... )
    >>> tracks = race.tracks()
    >>> tracks["Adam"].points[0], tracks["Adam"].length
    (array([-0.3, -0.8]), 100)
    >>> race.close()
    """

    _esm = script("teaching/optimizer_race")
    title = "Optimizer race"
    choices: ClassVar[tuple[str, ...]] = ("start", "lr")
    size: ClassVar[tuple[float, float]] = (8.0, 4.4)

    def __init__(
        self,
        surface: object = "rosenbrock",
        rules: Mapping[str, Rule] | None = None,
        *,
        start: tuple[float, float] | None = None,
        steps: int = 300,
        x: tuple[float, float] | None = None,
        y: tuple[float, float] | None = None,
        layout: str = "default",
        **unknown: object,
    ) -> None:
        self._surface = _surface(surface, x, y)
        self._rules = _checked(rules)
        self._steps = min(whole_number(steps, "steps", WHERE), MOST_STEPS)
        self._start = _point(start or self._surface.start)
        self._rates = {name: _rate(rule) for name, rule in self._rules.items()}
        self._first = dict(self._rates)
        self._tracks: dict[tuple[object, ...], Track] = {}
        self._ground = Ground(self._surface)
        self.tracks()  # what a surface or a rule cannot do is said now, not on the page
        super().__init__(Resting(self.title), options={"still": True}, layout=layout, **unknown)

    def tracks(self) -> dict[str, Track]:
        """Return the race as it stands: points and heights of every rule, by its name."""
        return {name: self._track(name) for name in self._rules}

    def choose(self, name: str, value: Value) -> None:
        """Take a start ``(x, y)``, or a learning rate ``(number of the rule, rate)``."""
        if not isinstance(value, tuple) or len(value) != 2:
            raise ValueError(refusal(WHERE, f"{name} is a pair of numbers", repr(value)))
        if name == "start":
            self._start = _point(value)
            return
        names = list(self._rules)
        number = int(value[0])
        if not 0 <= number < len(names) or self._rates[names[number]] is None:
            raise ValueError(refusal(WHERE, "lr is of a rule that has one", str(number)))
        self._rates[names[number]] = real_number(value[1], "lr", WHERE, low=0.0)

    def compute(self, view: RunView, columns: int) -> Picture:
        """Return the ground and all tracks."""
        tracks = self.tracks()
        names = list(tracks)
        of = self._surface
        head = {
            "surface": of.name,
            "x": list(of.x),
            "y": list(of.y),
            "start": list(self._start),
            "minima": [list(point) for point in of.minima],
            "steps": self._steps,
            "rules": [
                {
                    "name": name,
                    "rule": type(self._rules[name]).__name__,
                    "lr": self._rates[name],
                    "low": None if self._first[name] is None else _near(self._first[name]) / 100,
                    "high": None if self._first[name] is None else _near(self._first[name]) * 100,
                    "length": tracks[name].length,
                }
                for name in names
            ],
        }
        arrays: dict[str, Any] = {
            "heat": self._ground.heat,
            "lines": self._ground.lines,
            "points": np.stack([tracks[name].points for name in names]),
            "values": np.stack([tracks[name].values for name in names]),
        }
        rows = [self._row(name, tracks[name]) for name in names]
        titles = ("rule", "learning rate", "height at the end", "lowest height", "ends at")
        text = (
            f"{of.name}, from ({self._start[0]:.3g}, {self._start[1]:.3g}): after {self._steps} "
            f"steps {'; '.join(_ending(name, tracks[name]) for name in names)}."
        )
        return Picture(head, arrays, text, Table("The race", titles, rows), view.step)

    def draw(self, figure: Any, picture: Picture) -> None:
        """Draw the surface with all tracks, and the heights beside it."""
        from matplotlib.collections import LineCollection

        head, arrays = picture.head, picture.arrays
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        extent = (*head["x"], *head["y"])
        left.imshow(
            255 - arrays["heat"], origin="lower", extent=extent, aspect="auto", cmap="Blues",
            vmax=500, interpolation="bilinear",
        )  # fmt: skip
        low = np.array([head["x"][0], head["y"][0]])
        high = np.array([head["x"][1], head["y"][1]])
        pieces = low + (high - low) * arrays["lines"].reshape(-1, 2, 2) / FINE
        lines = LineCollection(list(pieces), colors="#57606a")
        lines.set(linewidths=0.6, alpha=0.6)
        left.add_collection(lines)
        steps = np.arange(head["steps"] + 1)
        for number, rule in enumerate(head["rules"]):
            style: Any = {
                "color": COLOURS[number % len(COLOURS)],
                "linestyle": DASHES[number % len(DASHES)],
            }
            x, y = arrays["points"][number].T
            left.plot(x, y, linewidth=1.6, **style)
            last = max(rule["length"], 0)
            left.plot(x[last], y[last], "o", markersize=6, markeredgecolor="white", **style)
            right.plot(steps, arrays["values"][number], label=rule["name"], **style)
        for point in head["minima"]:
            left.plot(*point, "+", color="#1b1f24", markersize=9)
        left.set(xlim=head["x"], ylim=head["y"], xlabel="x", ylabel="y", title=head["surface"])
        values = arrays["values"][np.isfinite(arrays["values"])]
        if values.size and values.min() > 0:
            right.set_yscale("log")
        right.set(xlabel="step", ylabel="height")
        right.spines[["top", "right"]].set_visible(False)
        right.legend(frameon=False)

    def _track(self, name: str) -> Track:
        rate = self._rates[name]
        key = (name, rate, self._start)
        found = self._tracks.get(key)
        if found is None:
            if len(self._tracks) >= KEPT:
                self._tracks.clear()
            rule = self._rules[name]
            given = None if rate == self._first[name] else rate
            found = track(self._surface.f, rule, self._start, self._steps, given)
            self._tracks[key] = found
        return found

    def _row(self, name: str, of: Track) -> tuple[str, ...]:
        rate = self._rates[name]
        last = max(of.length, 0)
        x, y = of.points[last]
        return (
            name,
            "its own" if rate is None else f"{rate:.4g}",
            f"{of.values[last]:.4g}" if of.length == self._steps else f"left at step {last + 1}",
            f"{np.nanmin(of.values):.4g}",
            f"({x:.4g}, {y:.4g})",
        )


def _surface(
    given: object, x: tuple[float, float] | None, y: tuple[float, float] | None
) -> Surface:
    return surface(given, WHERE, x, y)


def _checked(rules: Mapping[str, Rule] | None) -> dict[str, Rule]:
    if rules is None:
        return {
            "SGD": SGD(5e-4),
            "Momentum": SGD(1e-3, momentum=0.9),
            "RMSprop": RMSprop(0.02),
            "Adam": Adam(0.1),
        }
    if not isinstance(rules, Mapping) or not 1 <= len(rules) <= MOST_RULES:
        got = f"{len(rules)}" if isinstance(rules, Mapping) else type(rules).__name__
        raise ValueError(
            refusal(
                WHERE,
                f"rules is a dict of 1 to {MOST_RULES} rules by name",
                got,
                "{'SGD': optim.SGD(0.01)}",
            )
        )
    for name, rule in rules.items():
        if not isinstance(rule, Rule):
            raise TypeError(refusal(WHERE, f"rule {name!r} is an update rule", repr(rule)))
    return {str(name): rule for name, rule in rules.items()}


def _point(value: Sequence[float]) -> tuple[float, float]:
    numbers = [real_number(part, "start", WHERE, low=-1e6, high=1e6) for part in value]
    if len(numbers) != 2:
        raise ValueError(refusal(WHERE, "start has two numbers", str(len(numbers))))
    return numbers[0], numbers[1]


def _rate(rule: Rule) -> float | None:
    """Return the constant learning rate of a rule; None if it has none or a schedule."""
    setting = rule.settings().get("lr")
    if setting is None or setting.scheduled:
        return None
    return float(setting.effective(1))


def _near(rate: float | None) -> float:
    return rate or 0.01


def _ending(name: str, of: Track) -> str:
    if of.length + 1 < len(of.values):
        return f"{name} has left the picture at step {of.length + 1}"
    return f"{name} at {of.values[-1]:.3g}"
