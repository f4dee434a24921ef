"""Looking: what a run says of itself at the last step boundary, also while it goes on.

All of it is a copy or never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.nn.knob import KnobValues, turned_to
from interactive_train.optim.setting import Setting
from interactive_train.runtime.errors import refusal
from interactive_train.training.loop.session import Session
from interactive_train.training.records.state import TrainState
from interactive_train.training.records.view import BranchView
from interactive_train.training.step.evaluation import predicted
from interactive_train.training.views.preview import NextStep, next_step
from interactive_train.training.views.statistics import Statistics, look
from interactive_train.training.views.timeviews import branch_views


class Looking:
    """The questions to a run; `_session` is what a subclass provides."""

    _session: Session

    @property
    def state(self) -> TrainState:
        """The state behind the last completed step; a value that stays."""
        return self._session.current_state()

    @property
    def branches(self) -> tuple[BranchView, ...]:
        """Every line of the run's course, in the order in which they began."""
        with self._session.lock:
            return branch_views(self._session.time) if self._session.time is not None else ()

    def predict(self, x: Any) -> NDArray[Any]:
        """Return the model's output at the last step boundary, as in evaluation."""
        model, knobs = self._looked_at()
        return predicted(model, x, knobs)

    def evaluate(self) -> dict[str, float]:
        """Return the validation metrics at the last step boundary.

        Raises
        ------
        ValueError
            If the run was started without validation data.
        """
        if self._session.evaluate is None:
            raise ValueError(
                refusal("run.evaluate", "needs validation data", "none", "Start with validation=.")
            )
        model, knobs = self._looked_at()
        with turned_to(knobs):
            return dict(self._session.evaluate(model))

    def statistics(self) -> Statistics:
        """Return norms, update ratios and histograms of every layer at the last step boundary.

        The step that would come next is computed on a copy, which calls the loss once more; the
        run goes on meanwhile, and nothing of it changes.

        Returns
        -------
        Statistics
            ``.arrays[path]`` of every trainable array, ``.outputs[path]`` of every layer.

        Raises
        ------
        ValueError
            If the data gave no batch so far.

        Examples
        --------
        >>> import interactive_train as it
        >>> from interactive_train import losses, nn, optim
        >>> trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.mse)
        >>> x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
        >>> run = trainer.start(trainer.init(seed=0), (x, 3 * x), batch_size=8, epochs=5).wait()
        >>> found = run.statistics().arrays["weight"]
        >>> abs(found.update_norm - 0.1 * found.gradient_norm) < 1e-6  # plain gradient descent
        True
        """
        return look(self._session)

    def next_step(self) -> NextStep:
        """Return the step that comes next, computed on a copy and not taken.

        Of data that can be asked only once, the batch is the one that the fit took last.

        Returns
        -------
        NextStep
            Gradients, and arrays and optimiser states before and after.

        Raises
        ------
        ValueError
            If the data gave no batch so far.
        NonFiniteError
            If the step would not be finite.

        Examples
        --------
        >>> import interactive_train as it
        >>> from interactive_train import losses, nn, optim
        >>> trainer = it.Trainer(nn.Linear(1, 1), optim.SGD(0.1), loss=losses.mse)
        >>> x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(-1, 1)
        >>> run = trainer.start(trainer.init(seed=0), (x, 3 * x), batch_size=8, epochs=5).wait()
        >>> seen = run.next_step()
        >>> moved = seen.before["weight"] - 0.1 * seen.gradients["weight"]
        >>> seen.step, bool(np.allclose(seen.after["weight"], moved))
        (6, True)
        """
        return next_step(self._session)

    def _looked_at(self) -> tuple[Any, KnobValues]:
        """Return the model and the user's own knobs at the last step boundary."""
        with self._session.lock:
            return self._session.stepper.model(), self._session.stepper.evaluation_knobs()

    def setting(self, name: str, path: str = "") -> Setting:
        """Return a knob as it stands: base, scale and override."""
        with self._session.lock:
            return self._session.controls.targets(path, name, "run.setting")[0].setting

    def series(
        self, name: str, start: int = 0, branch: str = ""
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return (steps, values) of a column or metric from the start-th row on; see `Source`."""
        with self._session.lock:
            history = self._session.history
            if branch and branch != self._session.branch:
                assert self._session.time is not None
                history = self._session.time.lines.find(branch, "run.series").history
            return history.series(name, start)

    def course(self, name: str, steps: Sequence[int], path: str = "") -> NDArray[np.float64]:
        """Return a knob's effective values at these steps: as used, and behind that as planned."""
        with self._session.lock:
            return self._session.controls.course(name, steps, path, "run.course")
