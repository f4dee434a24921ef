"""Engine: runs the steps of a fit as recorded programs; the truth is then in its memory.

It keeps a small cache of tables (other shapes, other freeze flags), all over the same regions of
parameters and moments. `advance` takes many steps in one native call; `settle` copies what they
left into the stepper's arrays, where eager code finds it. A step that a recording cannot take -
a loss that is not finite, a label out of range - is left for the eager stepper, whose errors
are precise and whose result is the reference.
"""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ghost import NotRecordableError
from interactive_train.data.rows import Rows
from interactive_train.kernels import status
from interactive_train.machine.sharded import run, usable_threads
from interactive_train.optim.setting import Setting
from interactive_train.program.captured import Captured, capture
from interactive_train.program.program import Program
from interactive_train.runtime.blas import blas
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.notices import notice
from interactive_train.training.recorded.ahead import fill_schedule, rates
from interactive_train.training.recorded.memory import Memory, leave_numbers, take_numbers
from interactive_train.training.recorded.prepared import (
    CHUNK,
    CURSOR,
    POSITION,
    STEP,
    Prepared,
    prepare,
    verify,
)
from interactive_train.training.recorded.recording import Knobs, Recording, keys_of, record
from interactive_train.training.recorded.updating import classes
from interactive_train.training.step.feed import prototypes

if TYPE_CHECKING:
    from interactive_train.training.step.stepper import Stepper

MOST_TABLES = 8
MOST_RECORDINGS = 32  # of one fit, beyond one for every four steps


@dataclass(frozen=True)
class Leap:
    """Steps that were taken in one call.

    Attributes
    ----------
    losses, lrs, norms : ndarray of float64
        One row per committed step.
    status : int
        0, or what stopped the call in front of the next step.
    aux : object
        What the loss returned beside the loss, at the last step.
    """

    losses: NDArray[np.float64]
    lrs: NDArray[np.float64]
    norms: NDArray[np.float64]
    status: int
    aux: Any = None


class Engine:
    """The recorded execution of one stepper.

    Parameters
    ----------
    stepper : Stepper
    threads, shards : int, optional
        How many threads may work, and into how many shards a step is cut; by the machine.

    Attributes
    ----------
    recordings, tables : int
        How many were made so far.
    """

    def __init__(
        self, stepper: Stepper, threads: int | None = None, shards: int | None = None
    ) -> None:
        self.stepper, self.threads, self.shards = stepper, threads or usable_threads(), shards
        self.recordings = self.tables = self._taken = 0
        self.refused = ""
        self.most_shards: int | None = None  # as where the fit was first made; else by the cores
        self.first: Program | None = None  # the first step that was recorded
        self._failed = False
        self._starved = False  # asked to end before the first step
        self.memory = Memory()
        self._tables: OrderedDict[Any, list[Prepared]] = OrderedDict()  # last used first
        self._turned = 0  # how many tables in a row found that a condition does not hold
        self._current: Prepared | None = None
        self._current_key: Any = None
        self._pattern: list[Any] = []
        self._pattern_key: Any = None
        self._version = 0  # of the pattern: what it decides is found once for each
        self._steady = (-1, False)  # the version whose updates are known to be tame, or not
        self._elements: tuple[Any, list[Captured]] | None = None
        self._verified: set[Any] = set()
        self._order_of: Any = None
        own = weakref.ref(self)  # the stepper does not keep the engine, which keeps the stepper
        stepper.settle = lambda: _settle(own())

    # Steps --------------------------------------------------------------------------------

    def advance(
        self,
        objective: Any,
        elements: Sequence[Any] | None,
        rows: Rows | None,
        steps: int,
        accumulate: int = 1,
        pass_key: Any = None,
    ) -> Leap | None:
        """Take up to `steps` steps on rows, or one on given elements.

        Returns
        -------
        Leap or None
            None where the step has to be taken eagerly.
        """
        stepper = self.stepper
        if self.refused:
            return None
        if rows is not None:
            elements = prototypes(rows, accumulate)
        assert elements is not None
        stepper.refresh()
        try:
            prepared, captured, own = self._prepared(objective, elements, rows)
        except NotRecordableError as error:
            self._refuse(str(error))
            return None
        except Exception as error:  # the eager step raises it, too, or gets by
            if self._failed:
                self._refuse(f"{type(error).__name__}: {error}")
            self._failed = True
            return None
        self._failed = False
        self.memory.load(stepper, prepared)
        self._feed(prepared, captured, own, rows, pass_key)
        count = min(steps, CHUNK)
        if rows is not None:
            size = sum(e.batch for e in captured)
            count = min(count, max(1, len(rows.order) // max(1, size)))
        else:
            count = 1
        valid = fill_schedule(prepared, stepper, count, self._version)
        if valid == 0:
            return None
        leap = self._run(prepared, valid)
        if leap.status and status.decode(leap.status)[0] == status.CHANGED and not len(leap.losses):
            self._turn(prepared)
            given = elements if rows is None else None
            return self.advance(objective, given, rows, steps, accumulate, pass_key)
        self._turned = 0
        asked = status.decode(leap.status)[0] == status.INTERRUPTED
        return leap if len(leap.losses) or asked or not leap.status else None

    def prepare(
        self, objective: Any, elements: Sequence[Any] | None, rows: Rows | None, steps: int
    ) -> tuple[Prepared, int]:
        """Record the next step and make table and memory ready for it, without taking it.

        Returns
        -------
        (Prepared, int)
            And for how many steps in a row, up to `steps`, schedules may stand.

        Raises
        ------
        NotRecordableError
            If the step cannot be recorded.
        """
        elements = prototypes(rows, 1) if rows is not None else elements
        assert elements is not None
        self.stepper.refresh()
        prepared, captured, own = self._prepared(objective, elements, rows)
        self.memory.load(self.stepper, prepared)
        self._feed(prepared, captured, own, rows, None)
        return prepared, fill_schedule(prepared, self.stepper, steps, self._version)

    def _run(self, prepared: Prepared, count: int) -> Leap:
        stepper, control = self.stepper, prepared.control
        if self._starved:  # whoever comes again and again must not keep the fit from its steps
            control.clear()
            count = 1
        control.step, control.limit = 0, count
        blas().use_one_thread()  # user code may have set the number for every copy of the library
        code = run(prepared.lowered.table, prepared.lowered.schedule, control, self.threads)
        control.clear()  # a wish to be let in is granted now: the call has ended
        taken = control.step
        self._starved = taken == 0 and status.decode(code)[0] == status.INTERRUPTED
        history = np.array(control.history[:taken])
        lrs = rates(prepared, stepper, taken, self._version)
        self._taken += taken
        if taken:
            self.memory.ahead = True
            stepper.note_steps(taken, float(history[-1, 0]))
            norm = prepared.lowered.outputs.get("rule's norm")
            if norm is not None:
                stepper.opt.note_global_norm([float(norm)])
            stepper.knobs.met.update(prepared.recording.met)
            stepper.meet(stepper.knobs.met)
        aux = None
        if prepared.recording.aux is not None and taken:
            found = prepared.recording.aux
            outputs = prepared.lowered.outputs
            aux = found.rebuild(
                found.arrays,
                [_value(outputs[f"aux.{n}"]) for n in range(len(found.tensors))],
            )
        return Leap(history[:, 0], lrs, history[:, 1], code, aux)

    def post(self) -> None:
        """Ask for the end of the call that is running, at the next boundary."""
        current = self._current
        if current is not None:
            current.control.post()

    def moved(self) -> None:
        """Note that the fit stands elsewhere in its data, or has others."""
        self._order_of = None

    def release(self) -> None:
        """Give tables and regions back; they are made again when steps are taken."""
        self.settle()
        self._tables.clear()
        self._current = self._current_key = self._elements = None
        self._pattern, self._pattern_key = [], None
        self.memory = Memory()

    def gradients(self) -> dict[str, NDArray[Any]]:
        """Return copies of the last step's gradients by path."""
        return {} if self._current is None else self.memory.gradients(self._current)

    def settle(self) -> None:
        """Copy what recorded steps left into the stepper's arrays and leaves."""
        if self._current is not None:
            self.memory.settle(self.stepper, self._current)

    # What a step is given -----------------------------------------------------------------

    def _feed(
        self,
        prepared: Prepared,
        captured: Sequence[Captured],
        own: Captured,
        rows: Rows | None,
        pass_key: Any,
    ) -> None:
        regions, counters = prepared.regions, prepared.counters
        for number, array in enumerate(own.arrays):
            regions[f"captured.{number}"][...] = array.reshape(-1)
        counters[CURSOR], counters[STEP] = 0, self.stepper.step + 1
        if rows is None:
            for micro, element in enumerate(captured):
                for number, array in enumerate(element.arrays):
                    regions[f"data.{micro}.{number}"][...] = array.reshape(-1)
                for scalar, value in zip(
                    prepared.recording.numbers[micro], element.numbers, strict=True
                ):
                    regions["cells"][scalar.cell] = regions["single"][scalar.cell] = value
        else:
            assert prepared.order is not None
            length = len(rows.order)
            start = len(prepared.order) - length
            key = (pass_key, id(prepared))
            if pass_key is None or self._order_of != key:
                prepared.order[start:] = rows.order
                self._order_of = key if start == 0 else None
            counters[POSITION] = start
        if prepared.recording.draws:
            regions["bases"][...] = keys_of(prepared.recording, self.stepper.key).reshape(-1)

    # Tables -------------------------------------------------------------------------------

    def _prepared(
        self, objective: Any, elements: Sequence[Any], rows: Rows | None
    ) -> tuple[Prepared, list[Captured], Captured]:
        captured = self._taken_apart(elements, rows)
        own = capture(objective)
        pattern = self._patterned()
        key = (
            own.key,
            tuple(e.key for e in captured),
            None if rows is None else tuple((id(a), a.shape) for a in rows.arrays),
            pattern,
            self._tame(),
        )
        if self._current is not None and self._current_key == key:
            return self._current, captured, own
        if self._current is not None and self.memory.ahead:
            leave_numbers(self._current)
        known = self._tables.setdefault(key, [])
        self._tables.move_to_end(key)
        if self._turned >= len(known):  # none yet, or in none do all conditions hold
            known.insert(0, self._make(objective, own, captured, elements, rows))
            self._turned = 0
            while sum(map(len, self._tables.values())) > MOST_TABLES:
                oldest = next(iter(self._tables.values()))
                oldest.pop()
                if not oldest:
                    self._tables.popitem(last=False)
        prepared = known[0]
        self._current, self._current_key = prepared, key
        take_numbers(prepared)
        return prepared, captured, own

    def _taken_apart(self, elements: Sequence[Any], rows: Rows | None) -> list[Captured]:
        """Return what elements consist of; of rows, which all look alike, found once."""
        if rows is None:
            return [capture(element, numbers=True) for element in elements]
        shapes = [array.shape for e in elements for array in (e if type(e) is tuple else (e,))]
        kinds = [array.dtype for array in rows.arrays]
        if self._elements is None or self._elements[0] != (kinds, shapes):
            found = [capture(element, numbers=True) for element in elements]
            self._elements = (kinds, shapes), found
        return self._elements[1]

    def _tame(self) -> bool:
        """Whether the next step's update is; for constant settings found once."""
        if self._steady[0] != self._version:
            found = self.stepper.tame(self.stepper.step + 1)
            moves = any(isinstance(each, Setting) and each.scheduled for each in self._pattern)
            self._steady = (-1 if moves else self._version, found)
            return found
        return self._steady[1]

    def _patterned(self) -> Any:
        """Return which arrays are frozen, share settings and share counters."""
        stepper = self.stepper
        current: list[Any] = [stepper.edition]
        for leaf in stepper.places().values():
            current.append(leaf.frozen)
            current.extend(leaf.knobs.values())
        current.extend(stepper.layer_knobs.values())
        if current == self._pattern:
            return self._pattern_key
        if self.memory.ahead and self._current is not None:
            leave_numbers(self._current)
        self._pattern = current
        self._version += 1
        self._pattern_key = (
            classes(stepper.places().values()),
            tuple(stepper.layer_knobs),
            stepper.clip_norm,
        )
        # Settings themselves are memory: the recordings read the newest.
        for prepared in itertools.chain(*self._tables.values()):
            self._renew(prepared)
        return self._pattern_key

    def _renew(self, prepared: Prepared) -> None:
        """Let a recording's schedule follow the settings as they are now."""
        prepared.recording.schedule[:] = [source() for source in prepared.recording.sources]

    def _make(
        self,
        objective: Any,
        own: Captured,
        captured: Sequence[Captured],
        elements: Sequence[Any],
        rows: Rows | None,
    ) -> Prepared:
        if self.recordings >= max(MOST_RECORDINGS, self._taken // 4):
            raise NotRecordableError(
                f"{self.recordings} recordings for {self._taken} steps: something that the loss "
                "captures is another one at nearly every step; make a number an it.Knob"
            )
        recording = self._record(own, captured)
        if recording.met.keys() - {name for path, name in self.stepper.layer_knobs if not path}:
            self.stepper.meet(recording.met)  # from now on they are memory
            recording = self._record(own, captured)
        if own.key not in self._verified:
            verify(recording, self._record(own, captured))
            first = elements[0] if rows is None else next(rows.batches())
            if any(array.dtype.kind == "f" for array in captured[0].arrays[1:]):
                self.stepper.look(objective, first)
            self._verified.add(own.key)
        self.tables += 1
        tame = self.stepper.tame(self.stepper.step + 1)
        made = prepare(
            recording, self.memory.regions, own, captured, rows, self.shards, tame, self.most_shards
        )
        self.first = self.first or made.program
        return made

    def _record(self, own: Captured, captured: Sequence[Captured]) -> Recording:
        stepper = self.stepper
        stepper.settle()
        self.recordings += 1
        knobs = Knobs(stepper.layer_knobs, stepper.declared, frozenset(stepper.knobs.taken),
                      stepper.knobs.met)  # fmt: skip
        return record(
            stepper.shadows,
            stepper.arrays,
            stepper.places(),
            own,
            captured,
            stepper.dtype,
            knobs,
            stepper.step + 1,
            stepper.clip_norm,
            stepper.may_write,
            stepper.tame(stepper.step + 1),
        )

    def _turn(self, prepared: Prepared) -> None:
        """Put a table whose conditions do not hold now behind the others of its kind."""
        for known in self._tables.values():
            if prepared in known:
                known.append(known.pop(known.index(prepared)))
        self._turned += 1
        if self.memory.ahead:
            leave_numbers(prepared)
        self._current, self._current_key = None, None

    def _refuse(self, why: str) -> None:
        self.refused = why
        notice(
            refusal(
                self.stepper.where,
                "a step is recorded once and then runs natively",
                why,
                "This fit runs eagerly, step by step: right, but slower.",
            )
        )


def _settle(engine: Engine | None) -> None:
    if engine is not None:
        engine.settle()


def _value(array: NDArray[Any]) -> Any:
    from interactive_train.autodiff.tensor import Tensor

    return Tensor(array.copy())
