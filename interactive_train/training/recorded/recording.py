"""Recording a step: forward, backward, clipping and update of a fit as one Program.

The same Python as in `Stepper` - the user's loss, the layers, the rules - runs once on ghosts.
What may change between steps without another recording goes in as memory: parameters, moments,
data, keys, and every hyperparameter as a `Scalar`. Gradients of frozen arrays are recorded too
and dropped afterwards as dead code, so that freezing needs no new kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interactive_train.autodiff.ghost import NotRecordableError, recording
from interactive_train.autodiff.tape import backward, leaf
from interactive_train.autodiff.tensor import FLOATS, OPERATIONS, Tensor
from interactive_train.autodiff.transforms import scalar_loss
from interactive_train.nn.context import Call, calling
from interactive_train.nn.functional import Shadows
from interactive_train.nn.knob import KnobValues, turned_to
from interactive_train.optim.leaf import Leaf
from interactive_train.optim.setting import Setting
from interactive_train.program.captured import Captured, capture
from interactive_train.program.program import Home, Program
from interactive_train.program.recorder import Recorder
from interactive_train.program.scalar import Cells, Scalar
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.runtime.key import Key
from interactive_train.training.recorded.layout import Layout
from interactive_train.training.recorded.updating import Numbers, identity, record_update


@dataclass(frozen=True)
class Knobs:
    """What a recording takes from a fit beside arrays.

    Attributes
    ----------
    settings : dict
        Every knob that is memory, by (path, name): a layer's, or the user's own at path "".
    declared : mapping
        Their declarations.
    """

    settings: Mapping[tuple[str, str], Setting]
    declared: Mapping[tuple[str, str], Hyperparameter]
    taken: frozenset[str]
    met: Mapping[str, Hyperparameter]


@dataclass
class Recording:
    """A recorded step and how it hangs together with the fit.

    Attributes
    ----------
    program : Program
    layout : Layout
    schedule : list of Setting
        What sets each of the step's input numbers.
    sources : list of callable
        Where each of these settings stands, should it change.
    declared : list of Hyperparameter
        The declarations of the same.
    cells : Cells
    kept : list of (leaves, name, cell)
        Numbers of the optimiser's state, each with the cell that holds it.
    passed : list of (cell, cell)
        Numbers that the step leaves behind: (new, kept).
    draws : list of (path, number, micro-step)
        The keys, in the order of their region.
    numbers : list of lists of Scalar
        The numbers among the data, per element.
    groups : list of lists of paths
        Arrays that are updated as one.
    met : dict
        The user's own knobs that were read.
    aux : callable
        From the outputs "aux.0", ... to what the loss returned beside the loss; None if nothing.
    """

    program: Program
    layout: Layout
    schedule: list[Setting] = field(default_factory=list)
    sources: list[Callable[[], Setting]] = field(default_factory=list)
    declared: list[Hyperparameter] = field(default_factory=list)
    cells: Any = None
    kept: list[tuple[list[Leaf], str, int]] = field(default_factory=list)
    passed: list[tuple[int, int]] = field(default_factory=list)
    draws: list[tuple[str, int, int]] = field(default_factory=list)
    numbers: list[list[Scalar]] = field(default_factory=list)
    groups: list[list[str]] = field(default_factory=list)
    met: dict[str, Hyperparameter] = field(default_factory=dict)
    aux: Captured | None = None


@dataclass
class RecordedCall(Call):
    """A call of the model whose keys are values of the program."""

    recorder: Recorder = field(default_factory=Recorder)
    draws_made: list[tuple[str, int, int]] = field(default_factory=list)
    micro: int = 0

    def draw(self, path: str) -> Any:
        """Return the ghost of a key."""
        self.draws += 1
        number = len(self.draws_made)
        self.draws_made.append((path, self.draws, self.micro))
        ghost = self.recorder.input((2,), np.uint64, Home("keys", 2 * number))
        return _Words(ghost)

    def run(self, path: str, layer: Callable[..., Any], inputs: Iterable[Any]) -> Any:
        """Label what a layer does with its path."""
        with self.recorder.at(path or "model"):
            return layer(*inputs)


class _Words:
    """Stands for a Key where only its words are asked for."""

    def __init__(self, ghost: Any) -> None:
        self._ghost = ghost

    def words(self) -> Any:
        """Return the two words, as a ghost."""
        return self._ghost


class _KnobScalars(KnobValues):
    """The user's own knobs as numbers of the recording."""

    __slots__ = ("scalars",)

    def __init__(
        self,
        scalars: dict[str, Scalar],
        taken: frozenset[str],
        met: Mapping[str, Hyperparameter],
    ) -> None:
        super().__init__(met=dict(met), taken=taken)
        self.scalars = scalars

    def read(self, knob: Hyperparameter) -> Any:
        """Return the number of a knob; its default where the fit does not know it yet."""
        super().read(knob)
        number = self.scalars.get(knob.name)
        if number is None:
            return knob.default
        knob.check(number.present, f"knob {knob.name!r}")
        return number


def record(
    shadows: Shadows,
    arrays: Mapping[str, NDArray[Any]],
    places: Mapping[str, Leaf],
    objective: Captured,
    elements: Sequence[Captured],
    dtype: np.dtype[Any],
    knobs: Knobs,
    step: int,
    clip_norm: float | None,
    may_write: Callable[[str], bool],
    tame: bool,
) -> Recording:
    """Record the next step of a fit.

    Parameters
    ----------
    elements : sequence of Captured
        The elements of data of the step, taken apart.
    step : int
        The number of the step, for the present values of schedules.
    tame : bool
        Whether the rules keep finite state finite for every norm up to `LARGEST_NORM`; otherwise
        all that the update makes is checked before it is kept.

    Raises
    ------
    NotRecordableError
        If the loss or a rule does something that a program cannot hold.
    """
    for path, array in arrays.items():
        if array.dtype.char not in FLOATS and path in places:
            raise NotRecordableError(f"{array.dtype} at {path!r}")
    recorder = Recorder()
    cells = Cells(recorder)
    layout = Layout(arrays, places)
    found = Recording(Program((), ()), layout, cells=cells)
    with recording():
        numbers = _inputs(found, cells, places, knobs, step)
        found.numbers = [[cells.kept(v) for v in element.numbers] for element in elements]
        loss, gradients, written = _differentiated(
            recorder, found, shadows, arrays, places, objective, elements, dtype, knobs, numbers
        )
        record_update(recorder, found, places, gradients, numbers, clip_norm, tame)
        for path, tensor in written.items():
            if may_write(path):
                recorder.commit(_as(tensor, arrays[path].dtype), layout.arrays[path].home)
        recorder.output("loss", _double(loss), Home("guards", 0))
    for at, (path, name) in enumerate(knobs.settings):
        if not path and name in found.met:
            found.declared[at] = found.met[name]
    if not cells.present:
        cells.kept(0.0)  # a rule without a single number: the region is there all the same
    found.program = recorder.program()
    return found


def _inputs(
    found: Recording, cells: Cells, places: Mapping[str, Leaf], knobs: Knobs, step: int
) -> Numbers:
    """Make every knob a number that the schedule sets; arrays with equal settings share one."""
    numbers: Numbers = {}
    for key, setting in knobs.settings.items():
        numbers[key] = cells.input(setting.effective(step))
        found.schedule.append(setting)
        found.sources.append(partial(knobs.settings.__getitem__, key))
        found.declared.append(knobs.declared[key])
    for place in places.values():
        for knob in place.rule.hyperparameters:
            key = (knob.name, identity(place.knobs[knob.name]))
            if key not in numbers:
                numbers[key] = cells.input(place.knobs[knob.name].effective(step))
                found.schedule.append(place.knobs[knob.name])
                found.sources.append(partial(place.knobs.__getitem__, knob.name))
                found.declared.append(knob)
    return numbers


def _differentiated(
    recorder: Recorder,
    found: Recording,
    shadows: Shadows,
    arrays: Mapping[str, NDArray[Any]],
    places: Mapping[str, Leaf],
    objective: Captured,
    elements: Sequence[Captured],
    dtype: np.dtype[Any],
    knobs: Knobs,
    numbers: Numbers,
) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    """Note forward and backward of every element; return loss, gradients, new layer state."""
    ghosts = {
        path: Tensor.wrap(recorder.input(p.shape, p.dtype, p.home))  # type: ignore[arg-type]
        for path, p in found.layout.arrays.items()
    }
    call = RecordedCall(True, None, dtype, recorder=recorder, draws_made=found.draws)
    own = {name: numbers["", name] for path, name in knobs.settings if not path}
    values = _KnobScalars(own, knobs.taken, knobs.met)
    layers = {key: numbers[key] for key in knobs.settings if key[0]}
    total: dict[str, Tensor] = {}
    losses, aux = [], []
    function, changed = objective.ghosts(recorder, "captured")
    data = [
        e.ghosts(recorder, f"data.{micro}", True, found.numbers[micro])
        for micro, e in enumerate(elements)
    ]
    for micro, (element, others) in enumerate(data):
        call.micro, call.draws = micro, 0
        marked = {p: leaf(t) if p in places else t for p, t in ghosts.items()}
        with calling(call), turned_to(values), recorder.at("loss"):
            model = shadows.make(list(marked.values()), layers)  # type: ignore[arg-type]
            result = function(model, element)
        for effect in (changed(), others()):
            if effect:
                raise NotRecordableError(f"the loss changes {effect} that it captured")
        extra = result[1:] if isinstance(result, tuple) and result else ()
        loss = scalar_loss(result[0] if extra else result, "fit")
        if loss.known:
            raise NotRecordableError("the loss does not depend on the model")
        seed = Tensor.wrap(np.ones(loss.shape, loss.dtype))
        leaves = [marked[p] for p in places if p in marked]
        paths = [p for p in places if p in marked]
        with turned_to(values):  # a gradient of one's own may read a knob, too
            gradients = backward(loss, seed, leaves)
        for path, g in zip(paths, gradients, strict=True):
            if g is not None:
                total[path] = total[path] + g if path in total else g
        recorder.where = "loss"
        losses.append(_double(loss))
        aux.append(extra if len(extra) > 1 else next(iter(extra), None))
    mean = losses[0]
    for other in losses[1:]:
        mean = mean + other
    if len(elements) > 1:
        mean = mean / float(len(elements))
        total = {path: g * (1.0 / len(elements)) for path, g in total.items()}
    shown = aux[0] if len(aux) == 1 else aux
    if shown is not None and any(a is not None for a in aux):
        found.aux = capture(shown)
        for number, tensor in enumerate(found.aux.tensors):
            recorder.output(f"aux.{number}", tensor)
    found.met.update(values.met)
    return mean, total, dict(call.written)


def _double(loss: Tensor) -> Tensor:
    scalar = loss.reshape(()) if loss.shape else loss
    doubled: Tensor = OPERATIONS["astype"](scalar, np.float64)
    if doubled is scalar:  # float64 already, perhaps read elsewhere: a value of its own
        doubled = scalar * 1.0
    return doubled


def _as(tensor: Tensor, dtype: Any) -> Tensor:
    return tensor if tensor.dtype == dtype else tensor.astype(dtype)


def keys_of(recording_: Recording, key: Key) -> NDArray[np.uint64]:
    """Return the base of every key of a recording; the step is added by each step."""
    bases = []
    for path, number, micro in recording_.draws:
        of = key.fold("micro", micro) if micro else key
        bases.append(of.fold("draw", path, number).words())
    return np.array(bases, np.uint64).reshape(-1, 2)
