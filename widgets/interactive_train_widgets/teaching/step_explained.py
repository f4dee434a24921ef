"""`StepExplained`: the next update of one weight, as its rule's formula with the numbers filled in.

The step is computed beside the run (`run.next_step`); what is foreseen here is what the run does
when it goes on, so a person can pause, read, step, and see it come true.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from interactive_train.optim import MixedPrecision
from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training import Run
from interactive_train.training.records.view import RunView
from interactive_train.training.views.preview import NextStep
from interactive_train_widgets.assets import script
from interactive_train_widgets.describe import number as json_number
from interactive_train_widgets.messages import Value
from interactive_train_widgets.teaching.base import TeachingView
from interactive_train_widgets.teaching.explanation import Explanation, Row, explain_weight
from interactive_train_widgets.teaching.expressions import SYMBOLS, number, plain
from interactive_train_widgets.teaching.picture import Picture, Table

WHERE = "StepExplained"


class StepExplained(TeachingView):
    """The next step of one weight: gradient, moments and update, with every number filled in.

    Pause the run and step: the weight becomes what was foreseen, and the numbers follow. Each
    rule of the library shows its own formula, a chain those of its members.

    Parameters
    ----------
    run : Run
    path : str, optional
        Of the array, such as ``"layers.0.weight"``; else the first one.
    index : sequence of int, optional
        Of the weight in it; else the one with the largest gradient.
    layout : {"default", "lecture"}

    Raises
    ------
    TypeError
        If it is no run: only a run knows its next batch.
    ValueError
        If there is no such array, or no such weight in it.

    Examples
    --------
    >>> import interactive_train as it
    >>> trainer = it.Trainer(it.nn.Linear(1, 1), it.optim.Adam(0.1), loss=it.losses.mse)
    >>> x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
    >>> run = trainer.start(trainer.init(seed=0), (x, 3 * x), batch_size=8, epochs=5).wait()
    >>> view = it.widgets.StepExplained(run, "weight", (0, 0))
    >>> print(view.explanation().rows[0].symbols[0], len(view.explanation().rows))
    row 7
    >>> view.close()
    """

    _esm = script("teaching/step_explained")
    title = "The step explained"
    choices: ClassVar[tuple[str, ...]] = ("path", "index", "largest")
    size: ClassVar[tuple[float, float]] = (8.4, 4.2)

    def __init__(
        self,
        run: Run,
        path: str | None = None,
        index: Sequence[int] | None = None,
        *,
        layout: str = "default",
        **unknown: object,
    ) -> None:
        if not isinstance(run, Run):
            raise TypeError(
                refusal(
                    WHERE,
                    "it shows a run, which knows its next batch",
                    type(run).__name__,
                    "Give what trainer.start(...) returned.",
                )
            )
        self._run = run
        leaves = run.state.opt_state.leaves()
        self._shapes = {name: leaf.shape for name, leaf in leaves}
        self._path = self._known(next(iter(self._shapes)) if path is None else path)
        self._index = None if index is None else self._inside(tuple(index))
        super().__init__(run, options={}, layout=layout, **unknown)

    def explanation(self) -> Explanation:
        """Return the next step of the chosen weight, in numbers.

        Raises
        ------
        ValueError
            If its array is frozen, or the data gave no batch so far.
        """
        return self._explained(self._run.next_step())

    def choose(self, name: str, value: Value) -> None:
        """Take a path, an index, or the wish for the weight with the largest gradient."""
        if name == "path":
            self._path = self._known(value)
            self._index = None
        elif name == "largest":
            self._index = None
        else:
            self._index = self._inside(value if isinstance(value, tuple) else (value,))

    def compute(self, view: RunView, columns: int) -> Picture:
        """Return the formula of the next step, filled in."""
        seen = self._run.next_step()
        found = self._explained(seen)
        leaf = seen.leaves[self._path]
        rule = leaf.rule.rule if isinstance(leaf.rule, MixedPrecision) else leaf.rule
        index = self._index or ()
        head = {
            "step": seen.step,
            "path": self._path,
            "paths": [{"path": p, "shape": list(s)} for p, s in self._shapes.items()],
            "index": list(index),
            "rule": type(rule).__name__,
            "rows": [_row(row) for row in found.rows],
            "knobs": [
                {"symbol": SYMBOLS.get(k.rpartition("__")[2], k), "name": k, "value": number(v)}
                for k, v in found.knobs.items()
            ],
            "before": json_number(found.before),
            "gradient": json_number(found.gradient),
            "move": json_number(found.step),
            "after": json_number(found.after),
            "words": [number(v) for v in (found.before, found.gradient, found.step, found.after)],
            "loss": number(seen.loss),
        }
        rows = [
            (row.meaning, SYMBOLS.get(row.name, row.name), plain(row.symbols), plain(row.numbers),
             number(row.value))
            for row in found.rows
        ]  # fmt: skip
        titles = ("what", "symbol", "formula", "with numbers", "value")
        place = f"{self._path}[{', '.join(map(str, index))}]"
        text = (
            f"Step {seen.step} of {place} by {type(rule).__name__}: gradient "
            f"{number(found.gradient)}; the weight goes from {number(found.before)} by "
            f"{number(-found.step)} to {number(found.after)}."
        )
        table = Table(f"Next step of {place}", titles, rows)
        return Picture(head, {}, text, table, seen.step - 1)

    def draw(self, figure: Any, picture: Picture) -> None:
        """Write the formula and its numbers down."""
        axes = figure.subplots()
        axes.axis("off")
        rows = picture.table.rows
        line = 1.0 / (2 * len(rows) + 3)
        y = 1.0
        axes.text(0, y, picture.text, fontsize=9, va="top", wrap=True)
        for what, symbol, formula, numbers, value in rows:
            y -= 2 * line
            sign = "=" if symbol == SYMBOLS["dx"] else "←"
            axes.text(0, y, what, fontsize=7.5, color="#57606a", va="center")
            axes.text(0.3, y, f"{symbol} {sign} {formula}", fontsize=8.5, va="center")
            axes.text(0.3, y - 0.9 * line, f"= {numbers} = {value}", fontsize=7.5, va="center",
                      color="#0072B2")  # fmt: skip

    def _explained(self, seen: NextStep) -> Explanation:
        if self._path not in seen.gradients:
            raise ValueError(
                refusal(WHERE, f"{self._path} has a gradient", "none", "It is frozen or not used.")
            )
        g = seen.gradients[self._path]
        if self._index is None:
            place = np.unravel_index(int(np.abs(g).argmax()), g.shape)
            self._index = tuple(int(part) for part in place)
        leaf, before = seen.leaves[self._path], seen.before[self._path]
        state = seen.states[self._path]
        found = explain_weight(leaf, before, g, seen.step, self._index, state)
        if found.rows:
            return found
        after = float(seen.after[self._path][self._index])
        return Explanation(
            (), found.before, found.gradient, found.before - after, after, found.knobs
        )

    def _known(self, path: object) -> str:
        if not isinstance(path, str) or path not in self._shapes:
            raise ValueError(
                refusal(
                    WHERE,
                    "path is of an array that trains",
                    repr(path),
                    did_you_mean(str(path), self._shapes),
                )
            )
        return path

    def _inside(self, index: Sequence[Any]) -> tuple[int, ...]:
        shape = self._shapes[self._path]
        numbers = tuple(
            int(i) for i in index if isinstance(i, (int, float, np.integer)) and i == int(i)
        )
        if len(numbers) != len(index) or len(numbers) != len(shape):
            raise ValueError(
                refusal(
                    WHERE,
                    f"index has {len(shape)} whole numbers, as {self._path} has dimensions",
                    str(tuple(index)),
                )
            )
        if not all(0 <= i < size for i, size in zip(numbers, shape, strict=True)):
            raise ValueError(
                refusal(WHERE, f"index lies inside of shape {tuple(shape)}", str(numbers))
            )
        return numbers


def _row(row: Row) -> dict[str, Any]:
    return {
        "rule": row.rule,
        "name": row.name,
        "symbol": SYMBOLS.get(row.name, row.name),
        "meaning": row.meaning,
        "symbols": row.symbols,
        "numbers": row.numbers,
        "value": number(row.value),
        "was": "" if math.isnan(row.was) else number(row.was),
    }
