"""SavedRun: a run that was read from a file; it can be shown, compared, gone on with, replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import did_you_mean, refusal
from interactive_train.training.journal.journal import Journal
from interactive_train.training.records.commands import Command, describe
from interactive_train.training.records.history import History
from interactive_train.training.records.state import TrainState
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.records.view import RunView, metric_views
from interactive_train.training.run import frontend
from interactive_train.training.run.coursefile import SavedBranch
from interactive_train.training.run.replay import replay
from interactive_train.training.run.statefile import read_state
from interactive_train.training.run.verification import Verification, verify

if TYPE_CHECKING:
    from interactive_train.training.run.run import Run
    from interactive_train.training.trainer import Trainer


class SavedRun:
    """A run of the past; made by `load_run`. It has ended and takes no commands.

    Attributes
    ----------
    name, status, step
        As `Run` has them.
    history : History
    journal : Journal
    branches : tuple of BranchView
        Every line of its course, in the order in which they began.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import interactive_train as it
    >>> from interactive_train import losses, nn, optim
    >>> trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.mse)
    >>> x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
    >>> run = trainer.start(trainer.init(seed=0), (x, 3 * x), batch_size=8, epochs=20).wait()
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "fit.safetensors"
    >>> run.save(path)
    >>> saved = it.load_run(path, trainer)
    >>> saved
    SavedRun('run', finished, step 20, loss 0.04504)
    >>> trainer.fit(saved.state, (x, 3 * x), batch_size=8, progress=False).step
    21
    """

    def __init__(
        self,
        view: RunView,
        history: History,
        journal: Journal,
        branches: Mapping[str, SavedBranch],
        arrays: Mapping[str, NDArray[Any]],
        rest: Mapping[str, Any],
        trainer: Trainer | None,
    ) -> None:
        self.name, self.status, self.step = view.name, view.status, view.step
        self.history, self.journal, self.branches = history, journal, view.branches
        self._branches = branches
        self._whole: SavedRun | None = None  # what this one was made of, by `switch`
        self._view, self._arrays, self._rest, self._trainer = view, arrays, rest, trainer

    @property
    def state(self) -> TrainState:
        """The state behind the last step; needs the trainer."""
        return self._state("state")

    @property
    def first_state(self) -> TrainState:
        """The state from which the run started; needs the trainer."""
        return self._state("start")

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The model's arrays behind the last step by path, read-only; without any trainer."""
        begin = "state/model/"
        return {n[len(begin) :]: a for n, a in self._arrays.items() if n.startswith(begin)}

    def switch(self, name: str) -> SavedRun:
        """Return the run as another branch left it: its course and its journal.

        Its last state is not in the file; ``saved.switch(name).replay(data).state`` makes it.

        Raises
        ------
        ValueError
            For an unknown name, with a did-you-mean.
        """
        chosen, whole = self._branch(name, "saved.switch"), self._whole or self
        if chosen.view.current:
            return whole
        history, step = chosen.history, chosen.view.last_step
        view = replace(
            self._view,
            status="stopped",
            step=step,
            epoch=int(history.last("epoch")) if len(history) else self._view.epoch,
            loss=chosen.view.loss,
            message="",
            knobs=(),
            groups=(),
            journal=chosen.journal.entries,
            standing=chosen.journal.standing(),
            branches=tuple(
                replace(branch, current=branch.name == name) for branch in self.branches
            ),
        )
        arrays = {n: a for n, a in self._arrays.items() if n.startswith("start/")}
        found = SavedRun(
            view, history, chosen.journal, self._branches, arrays, self._rest, self._trainer
        )
        found._whole = whole
        return found

    def _branch(self, name: str, where: str) -> SavedBranch:
        if name not in self._branches:
            raise ValueError(
                refusal(where, "a branch", repr(name), did_you_mean(name, self._branches))
            )
        return self._branches[name]

    def replay(self, data: Any, **options: Any) -> Run:
        """Run it again from its first state; see `it.replay`."""
        return replay(self.journal, self._needed("replay"), self.first_state, data, **options)

    def verify(self, data: Any, **options: Any) -> Verification:
        """Say whether it comes out the same, bit for bit; see `it.verify`."""
        return verify(self.journal, self._needed("verify"), self.first_state, data, **options)

    def _needed(self, what: str) -> Trainer:
        if self._trainer is None:
            raise ValueError(
                refusal(
                    f"saved.{what}",
                    "the trainer, since a file holds no layers, rules and losses",
                    "none",
                    "Load it as it.load_run(path, trainer); saved.arrays needs none.",
                )
            )
        return self._trainer

    def _state(self, prefix: str) -> TrainState:
        if not any(name.startswith(f"{prefix}/") for name in self._arrays):
            raise ValueError(
                refusal(
                    "saved.state",
                    "the branch that was current when the file was written",
                    "another one",
                    "saved.replay(data).state makes it again.",
                )
            )
        return read_state(self._needed("state"), self._arrays, self._rest[prefix], prefix)

    # For front ends -----------------------------------------------------------------------

    def view(self) -> RunView:
        """Return everything that a dashboard shows."""
        return replace(self._view, metrics=metric_views(self.history))

    def series(
        self, name: str, start: int = 0, branch: str = ""
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return (steps, values) of a column or metric from the start-th row on."""
        history = self._branch(branch, "saved.series").history if branch else self.history
        return history.series(name, start)

    def course(self, name: str, steps: Sequence[int], path: str = "") -> NDArray[np.float64]:
        """Return a knob's effective values at these steps, from about a thousand points."""
        last = next(
            (k.effective for k in self._view.knobs if (k.path, k.description.name) == (path, name)),
            np.nan,
        )
        known, values = self._arrays.get("course//"), self._arrays.get(f"course/{name}/{path}")
        if name == "lr" and not path and len(self.history):
            known, values = self.history.step, self.history.lr
        if known is None or values is None:
            return np.full(len(steps), last)
        at = np.searchsorted(known, np.asarray(steps))
        return np.asarray(np.append(values, last)[np.minimum(at, len(known))], np.float64)

    def submit(self, command: Command, *, source: str = "code", gesture: str = "") -> Ticket:
        """Refuse: what is over takes no commands."""
        return Ticket(-1, describe(command)).refuse(
            ValueError(
                refusal(
                    f"run {self.name!r}",
                    "a run that is there",
                    "one from a file",
                    "trainer.start(saved.state, data) goes on with it.",
                )
            )
        )

    def subscribe(
        self, listener: Callable[[], None], closed: Callable[[], None] | None = None
    ) -> None:
        """Do nothing: nothing will happen any more."""

    def _ipython_display_(self) -> None:
        if not frontend.show(self):
            print(repr(self))  # noqa: T201 - the display of a cell without widgets

    def __repr__(self) -> str:
        loss = "" if np.isnan(self._view.loss) else f", loss {self._view.loss:.4g}"
        return f"SavedRun({self.name!r}, {self.status}, step {self.step}{loss})"
