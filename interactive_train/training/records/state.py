"""TrainState: everything that decides how a fit goes on, as one immutable value.

A run is *state, controls -> next state, events*; saving, rewinding, branching and
replaying are then nothing but keeping states. The arrays in it are never written to by anybody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from interactive_train import tree
from interactive_train.nn.functional import split
from interactive_train.nn.module import modules, trainables
from interactive_train.optim import OptimizerState, Setting, operations
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.runtime.key import Key

LayerKnobs = Mapping[tuple[str, str], Setting]


@dataclass(frozen=True, eq=False)
class TrainState:
    """The value of a fit after a number of completed steps.

    Attributes
    ----------
    model : Module or tree
        Filled; its arrays are read-only.
    opt_state : OptimizerState
        Moments, and the optimiser's knobs and freeze flags, per array.
    layer_knobs : mapping of (path, name) to Setting
        The layers' knobs, such as dropout rates.
    key : Key
        From which every random number of the fit derives.
    step : int
        Completed steps, over all fits; never reset.
    position : (int, int)
        Passes over the data, and samples consumed of the current one.
    loss : float
        Of the last completed step; NaN when fresh.
    own_knobs : tuple of Hyperparameter
        The user's own knobs that the fit has met; their settings stand in `layer_knobs` at path "".
    """

    model: Any
    opt_state: OptimizerState
    layer_knobs: LayerKnobs = field(default_factory=dict)
    key: Key = field(default_factory=lambda: Key.from_seed(0))
    step: int = 0
    position: tuple[int, int] = (0, 0)
    loss: float = math.nan
    own_knobs: tuple[Hyperparameter, ...] = ()

    @property
    def params(self) -> dict[str, Any]:
        """The trainable arrays as nested dicts."""
        return split(self.model)[0]

    @property
    def layer_state(self) -> dict[str, Any]:
        """The buffers as nested dicts."""
        return split(self.model)[1]

    @property
    def rng(self) -> Key:
        """The random key."""
        return self.key

    @property
    def controls(self) -> dict[str, Any]:
        """Every knob as it stands, by name: ``{"lr": Setting, "layers.2.rate": Setting}``.

        A knob whose leaves differ is listed per path; frozen paths are under "frozen".
        """
        found: dict[str, Any] = {}
        for path, leaf in self.opt_state.leaves():
            for name, setting in leaf.knobs.items():
                if found.setdefault(name, setting) != setting:
                    found[tree.join(path, name)] = setting
        for (path, name), setting in self.layer_knobs.items():
            found[tree.join(path, name)] = setting
        found["frozen"] = [path for path, leaf in self.opt_state.leaves() if leaf.frozen]
        return found

    def copy(self) -> TrainState:
        """Return a state that shares nothing that could be changed."""
        return replace(
            self,
            model=tree.map(lambda leaf: leaf.copy(), self.model),
            opt_state=self.opt_state.copy(),
            layer_knobs=dict(self.layer_knobs),
        )

    def __repr__(self) -> str:
        size = sum(x.size for x in trainables(self.model))
        loss = "none yet" if math.isnan(self.loss) else f"{self.loss:.4g}"
        parameters = f"{size:,}".replace(",", " ")
        kind = type(self.model).__name__
        return f"TrainState({kind}, {parameters} parameters, step={self.step}, loss={loss})"


def layer_knobs_of(model: Any) -> dict[tuple[str, str], Setting]:
    """Return the layers' knobs as the model declares them."""
    return {
        (path, knob.name): Setting(float(getattr(module, knob.name)))
        for path, module in modules(model)
        for knob in module.hyperparameters
    }


# Twins that take an optimiser state or a whole TrainState ---------------------------------


def adjusted(state: Any, *values: Any, **knobs: Any) -> Any:
    """Return a state with other hyperparameters; the argument keeps its own.

    Parameters
    ----------
    state : TrainState or OptimizerState
    *values, **knobs
        As in `optim.adjust`.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import nn, optim
    >>> state = it.Trainer(nn.Linear(2, 1), optim.SGD(0.1)).init(seed=0)
    >>> it.adjusted(state, lr=0.02).controls["lr"].effective(1)
    0.02
    """
    if isinstance(state, TrainState):
        return replace(state, opt_state=operations.adjusted(state.opt_state, *values, **knobs))
    return operations.adjusted(state, *values, **knobs)


def frozen(state: Any, path: str = "") -> Any:
    """Return a state with the arrays below a path (or pattern) suspended.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import nn, optim
    >>> state = it.Trainer(nn.Linear(2, 1), optim.SGD(0.1)).init(seed=0)
    >>> it.frozen(state, "weight").controls["frozen"]
    ['weight']
    """
    if isinstance(state, TrainState):
        return replace(state, opt_state=operations.frozen(state.opt_state, path))
    return operations.frozen(state, path)


def thawed(state: Any, path: str = "") -> Any:
    """Return a state with the arrays below a path (or pattern) training again.

    Examples
    --------
    >>> import interactive_train as it
    >>> from interactive_train import nn, optim
    >>> state = it.frozen(it.Trainer(nn.Linear(2, 1), optim.SGD(0.1)).init(seed=0))
    >>> it.thawed(state, "bias").controls["frozen"]
    ['weight']
    """
    if isinstance(state, TrainState):
        return replace(state, opt_state=operations.thawed(state.opt_state, path))
    return operations.thawed(state, path)
