"""A run that trains nothing: a plausible noisy loss, and commands applied at step boundaries.

It offers what `interactive_train.training.records.view.Source` asks for. `step_once` drives it by
hand; `start` puts a thread under it, as a real run has one.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from interactive_train.optim.setting import Base, Setting, checked_value
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.training.records import commands
from interactive_train.training.records.commands import Command
from interactive_train.training.records.ticket import Ticket
from interactive_train.training.records.view import (
    GroupView,
    JournalEntry,
    KnobView,
    MetricView,
    RunView,
    Status,
)

LR = Hyperparameter(
    "lr",
    1e-3,
    low=0.0,
    scale="log",
    slider=(1e-5, 1e-1),
    label="Learning rate",
    help="Length of a step along the gradient.",
)
DECAY = Hyperparameter("weight_decay", 1e-4, low=0.0, scale="log", slider=(1e-6, 1e-1))
BETA1 = Hyperparameter("beta1", 0.9, low=0.0, high=1.0, open_high=True)
RATE = Hyperparameter("rate", 0.1, low=0.0, high=1.0, open_high=True, label="Dropout")


class Knob:
    def __init__(self, description: Hyperparameter, path: str, base: Base) -> None:
        self.description, self.path, self.setting = description, path, Setting(base)

    def at(self, step: int) -> float:
        return self.setting.effective(step)

    def shown(self, step: int) -> str:
        setting = self.setting
        if setting.override is not None or not setting.scheduled:
            return f"{self.at(step):.4g}"
        factor = f" x {setting.scale:.4g}" if setting.scale != 1 else ""
        return f"schedule{factor} ({self.at(step):.4g})"

    def view(self, step: int) -> KnobView:
        s = self.setting
        return KnobView(
            self.path,
            self.description,
            self.at(step),
            s.base_value(step),
            s.scale,
            s.override,
            s.scheduled,
        )


def warmup_cosine(peak: float, warmup: int, total: int) -> Callable[[int], float]:
    def schedule(step: int) -> float:
        if step < warmup:
            return peak * step / warmup
        part = min(1.0, (step - warmup) / max(1, total - warmup))
        return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * part)))

    return schedule


class FakeRun:
    """See the module."""

    def __init__(
        self,
        name: str = "digits",
        last_step: int | None = 2000,
        pace: float | None = None,
        scheduled: bool = True,
        steps_per_epoch: int = 22,
    ) -> None:
        total = last_step or 2000
        lr: Base = warmup_cosine(1e-3, total // 10, total) if scheduled else 1e-3
        self.name = name
        self.status: Status = "ready"
        self.step = 0
        self.last_step = last_step
        self.pace = pace
        self.message = ""
        self.steps_per_epoch = steps_per_epoch
        self.confusion: NDArray[np.int64] | None = None  # newest, if there shall be one
        self.nan_at: int | None = None
        self.fail_at: int | None = None
        self.knobs = [
            Knob(BETA1, "", 0.9),
            Knob(LR, "", lr),
            Knob(DECAY, "", 1e-4),
            Knob(RATE, "layers.2", 0.1),
        ]
        self.frozen = {"layers.0": False, "layers.3": False, "layers.5": False}
        self.journal: list[JournalEntry] = []
        self.loss = [np.empty(0)]
        self._steps = np.empty(1 << 12, dtype=np.int64)
        self._values = {"loss": np.empty(1 << 12), "lr": np.empty(1 << 12)}
        self._accuracy: list[tuple[int, float, float]] = []
        self._level = 2.5
        self._gesture = ""
        self._undo: list[tuple[int, Callable[[], None]]] = []
        self._queue: deque[tuple[Command, Ticket, str, str]] = deque()
        self._changed = threading.Condition()
        self._leave = False
        self._advance = 0
        self._rng = np.random.default_rng(3)
        self._thread: threading.Thread | None = None
        self._started = time.monotonic()
        self._elapsed = 0.0
        self._rate = 0.0

    # -- the protocol ------------------------------------------------------------------------

    def view(self) -> RunView:
        accuracy = list(self._accuracy)  # the run goes on while somebody looks
        steps = np.array([a[0] for a in accuracy], dtype=np.int64)
        return RunView(
            name=self.name,
            status=self.status,
            step=self.step,
            first_step=0,
            last_step=self.last_step,
            epoch=1 + self.step // self.steps_per_epoch,
            steps_per_epoch=self.steps_per_epoch,
            elapsed=self._elapsed,
            steps_per_second=self._rate,
            pace=self.pace,
            loss=float(self._values["loss"][self.step - 1]) if self.step else math.nan,
            message=self.message,
            knobs=tuple(knob.view(self.step + 1) for knob in self.knobs),
            groups=tuple(
                GroupView(path, "Linear", count, self.frozen[path])
                for path, count in zip(self.frozen, (8320, 4128, 330), strict=True)
            ),
            metrics=(
                MetricView("validation_accuracy", steps, np.array([a[1] for a in accuracy]), True),
                MetricView("validation_loss", steps, np.array([a[2] for a in accuracy]), False),
                *self._matrices(),
            ),
            journal=tuple(self.journal),
            labels={"loss": "nats per example"},
        )

    def _matrices(self) -> tuple[MetricView, ...]:
        if self.confusion is None:
            return ()
        step, none = np.array([self.step]), np.empty(0)
        return (MetricView("validation_confusion", step, none, True, self.confusion),)

    def series(
        self, name: str, start: int = 0, branch: str = ""
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        stop = self.step
        return self._steps[start:stop], self._values[name][start:stop]

    def course(self, name: str, steps: Sequence[int], path: str = "") -> NDArray[np.float64]:
        knob = self._knob(name, path)
        return np.array([knob.at(step) for step in steps], dtype=np.float64)

    def submit(self, command: Command, *, source: str = "code", gesture: str = "") -> Ticket:
        ticket = Ticket(len(self._queue), type(command).__name__.lower())
        with self._changed:
            self._queue.append((command, ticket, source, gesture))
            if self._thread is None:
                self.boundary()
            self._changed.notify_all()
        return ticket

    # -- the loop ----------------------------------------------------------------------------

    def start(self) -> Self:
        self._thread = threading.Thread(target=self._loop, name="fake run", daemon=True)
        self.status = "running"
        self._thread.start()
        return self

    def join(self) -> None:
        self.submit(commands.Stop())
        self._leave = True
        if self._thread is not None:
            self._thread.join(5)

    def _loop(self) -> None:
        before, mark = time.monotonic(), 0
        while self.status != "failed":
            with self._changed:
                self.boundary()
                if self.status != "running":
                    if self._leave:
                        return
                    self._changed.wait(0.2)
                    before, mark = time.monotonic(), self.step
                    continue
            begun = time.monotonic()
            self.step_once()
            if self.pace:
                with self._changed:
                    if not self._queue:
                        self._changed.wait(max(0.0, 1 / self.pace - (time.monotonic() - begun)))
            else:
                time.sleep(0.0002)
            now = time.monotonic()
            self._elapsed += now - begun
            if now - before > 0.5:
                self._rate = (self.step - mark) / (now - before)
                before, mark = now, self.step

    def step_once(self) -> None:
        """Take one step: the loss sinks with a good learning rate, explodes with a bad one."""
        step = self.step + 1
        lr = self._knob("lr").at(step)
        speed = lr / 3e-3 * (1.0 - lr / 0.03) * (0.3 if self.frozen["layers.0"] else 1.0)
        floor = 0.04 + 30 * lr
        self._level += (floor - self._level) * max(-0.2, min(speed * 0.02, 0.3))
        value = self._level * math.exp(self._rng.normal() * 0.18)
        if step == self.nan_at:
            self.nan_at = None
            self.status, self.message = "paused", f"the loss is not finite (nan) at step {step}"
            return
        if step == self.fail_at:
            self.status = "failed"
            self.message = (
                "ValueError: losses.cross_entropy_sparse: labels must lie in [0, 10); got 12. "
                'Check the labels.\n  File "loss.py", line 12, in loss\n' + "    frame\n" * 12
            )
            return
        if step > len(self._steps):
            self._steps = np.concatenate((self._steps, np.empty_like(self._steps)))
            self._values = {
                k: np.concatenate((v, np.empty_like(v))) for k, v in self._values.items()
            }
        self._steps[step - 1] = step
        self._values["loss"][step - 1] = value
        self._values["lr"][step - 1] = lr
        if step % self.steps_per_epoch == 0:
            accuracy = 1 - min(0.9, self._level * 0.3) + self._rng.normal() * 0.004
            self._accuracy.append((step, min(accuracy, 0.999), self._level * 1.15 + 0.03))
        self.step = step
        if self._advance:
            self._advance -= 1
            if not self._advance:
                self.status = "paused"
        if self.last_step is not None and step >= self.last_step:
            self.status = "finished"

    def run_to(self, step: int) -> Self:
        """Take steps in this thread."""
        self.status = "running"
        while self.step < step and self.status == "running":
            self.step_once()
        return self

    def boundary(self) -> None:
        """Apply what has arrived, in order."""
        while self._queue:
            command, ticket, source, gesture = self._queue.popleft()
            try:
                old, new = self._apply(command, source, gesture)
            except Exception as error:
                ticket.refuse(error)
            else:
                ticket.apply(self.step, old, new)

    def _knob(self, name: str, path: str = "") -> Knob:
        for knob in self.knobs:
            if knob.description.name == name and knob.path == path:
                return knob
        raise ValueError(f"run.adjust: the knob must exist; got {name!r}.")

    def _apply(self, command: Command, source: str, gesture: str) -> tuple[str, str]:
        match command:
            case commands.Adjust(name=name, value=value, path=path):
                knob = self._knob(name, path)
                checked = checked_value(value, knob.description, "run.adjust")
                after = knob.setting.adjusted(checked)
                knob.description.check(after.effective(self.step + 1), "run.adjust")
                return self._turn("adjust", knob, after, source, gesture)
            case commands.Release(name=name, path=path):
                knob = self._knob(name, path)
                return self._turn("release", knob, knob.setting.released(), source, "")
            case commands.Freeze(path=path) | commands.Thaw(path=path):
                if path not in self.frozen:
                    raise ValueError(f"run.freeze: the path must name a layer; got {path!r}.")
                now = isinstance(command, commands.Freeze)
                was, self.frozen[path] = self.frozen[path], now
                words = ("training", "frozen")
                row, self._gesture = len(self.journal), ""
                self.journal.append(
                    JournalEntry(
                        row,
                        self.step,
                        "freeze" if now else "thaw",
                        path,
                        "",
                        words[was],
                        words[now],
                        source,
                        time.time(),
                    )
                )
                self._undo.append((row, lambda: self.frozen.__setitem__(path, was)))
                return words[was], words[now]
            case commands.Undo():
                if not self._undo:
                    raise ValueError("run.undo: there must be something to undo; got nothing.")
                row, undo = self._undo.pop()
                undo()
                entry = self.journal[row]
                self.journal[row] = replace(entry, undone=True)
                self._gesture = ""
                return entry.new, entry.old
            case commands.Pause():
                self.status = "paused" if self.status == "running" else self.status
            case commands.Resume():
                self.status, self.message = "running", ""
            case commands.Advance(steps=steps):
                self.status, self._advance = "running", steps
            case commands.Stop():
                if self.status in ("running", "paused", "ready"):
                    self.status = "stopped"
            case commands.Extend(epochs=epochs, steps=steps):
                self.last_step = (self.last_step or self.step) + (
                    steps or (epochs or 0) * self.steps_per_epoch
                )
                self.status = "running"
            case commands.SetPace(steps_per_second=rate):
                old, self.pace = f"{self.pace}", rate
                return old, f"{rate}"
            case commands.Note(text=text):
                self.journal.append(
                    JournalEntry(
                        len(self.journal), self.step, "note", "", "", "", text, source, time.time()
                    )
                )
        return "", ""

    def _turn(
        self, kind: str, knob: Knob, after: Setting, source: str, gesture: str
    ) -> tuple[str, str]:
        before, old = knob.setting, knob.shown(self.step + 1)
        knob.setting = after
        new, point = knob.shown(self.step + 1), (self.step, knob.at(self.step + 1))
        if gesture and gesture == self._gesture:
            last = self.journal[-1]
            self.journal[-1] = replace(last, new=new, values=(*last.values, point))
            return old, new
        self._gesture = gesture

        def undo() -> None:
            knob.setting = before

        row, path, name = len(self.journal), knob.path, knob.description.name
        self.journal.append(
            JournalEntry(row, self.step, kind, path, name, old, new, source, time.time(), (point,))
        )
        self._undo.append((row, undo))
        return old, new
