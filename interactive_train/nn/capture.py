"""What every layer of a model took and gave in one call, without a change to the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from interactive_train.autodiff.tensor import Tensor
from interactive_train.nn.context import Call, calling
from interactive_train.nn.functional import shadow
from interactive_train.nn.module import Module, dtype_of
from interactive_train.runtime.errors import refusal


class Passage(NamedTuple):
    """One layer's part of a call.

    Attributes
    ----------
    kind : str
        The layer's class, or the name of a plain function.
    inputs : tuple
        What it took; arrays as NumPy arrays, read-only.
    output : object
        What it gave; an array, or a tuple of them.
    """

    kind: str
    inputs: tuple[Any, ...]
    output: Any


@dataclass(slots=True)
class CapturingCall(Call):
    """A call that keeps what passes through its layers; also of a step, with its key and step.

    Attributes
    ----------
    passed : dict of str to Passage
        By path, in the order in which the layers returned; of a layer that ran twice, the last.
    """

    passed: dict[str, Passage] = field(default_factory=dict)

    def run(self, path: str, layer: Callable[..., Any], inputs: Iterable[Any]) -> Any:
        """Return what a layer makes of its inputs, and keep both."""
        given = tuple(inputs)
        output = layer(*given)
        module = getattr(layer, "__self__", None)
        kind = type(module).__name__ if isinstance(module, Module) else _name(layer)
        self.passed.pop(path, None)  # so that the order stays the order of returning
        self.passed[path] = Passage(kind, tuple(map(_array, given)), _array(output))
        return output


def capture(model: Module, *inputs: Any) -> dict[str, Passage]:
    """Run a model as in evaluation; return what passed through each of its layers.

    Parameters
    ----------
    model : Module
        Filled; it is not touched.
    *inputs : array_like
        Of the model.

    Returns
    -------
    dict of str to Passage
        By path, in the order in which the layers returned: the model itself, path "", is the last.
        Plain functions are there where a container knows them (`Sequential`).

    Raises
    ------
    TypeError
        If the model is no module.

    Examples
    --------
    >>> import numpy as np
    >>> from interactive_train import nn
    >>> model = nn.init(nn.Sequential(nn.Linear(4, 3), nn.relu, nn.Linear(3, 2)), seed=0)
    >>> for path, passage in capture(model, np.ones((1, 4), np.float32)).items():
    ...     print(path or "model", passage.kind, passage.output.shape)
    layers.0 Linear (1, 3)
    layers.1 relu (1, 3)
    layers.2 Linear (1, 2)
    model Sequential (1, 2)
    """
    if not isinstance(model, Module):
        raise TypeError(
            refusal("nn.capture", "the model is an nn.Module", type(model).__name__, "")
        )
    with calling(CapturingCall(False, dtype=dtype_of(model))) as call:
        shadow(model, {})(*inputs)
    return call.passed if isinstance(call, CapturingCall) else {}


def _name(layer: Callable[..., Any]) -> str:
    return str(getattr(layer, "__name__", type(layer).__name__))


def _array(value: Any) -> Any:
    if isinstance(value, Tensor):
        view = value.data.view()
        view.flags.writeable = False
        return view
    return tuple(map(_array, value)) if type(value) is tuple else value
