"""Module: a layer or a model, a tree of arrays with a forward.

Attributes that are arrays, modules, or lists, tuples and dicts of these form the tree; their
names are the paths (``layers.0.weight``). A new module only declares its arrays
(`Parameter`, `Buffer`); `init` returns a filled copy. A step never touches the module
itself: it runs a shadow, a copy with Tensors in place of the arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from interactive_train import tree
from interactive_train.autodiff.tensor import FLOATS, Tensor, as_tensor
from interactive_train.nn.context import Call, calling, current
from interactive_train.nn.initializers import Initializer
from interactive_train.runtime.errors import refusal
from interactive_train.runtime.hyperparameter import Hyperparameter
from interactive_train.runtime.key import Key
from interactive_train.runtime.notices import notice


class Parameter:
    """The declaration of a trainable array: its shape and how it begins.

    Examples
    --------
    >>> from interactive_train import nn
    >>> nn.Parameter((3, 2), nn.initializers.zeros)
    Parameter((3, 2), zeros)
    """

    def __init__(self, shape: tuple[int, ...], initializer: Initializer) -> None:
        self.extents, self.initializer = shape, initializer

    def __repr__(self) -> str:
        kind = type(self).__name__
        name = getattr(self.initializer, "__name__", repr(self.initializer))
        return f"{kind}({self.extents}, {name})"


class Buffer(Parameter):
    """The declaration of an array that belongs to the layer's state and is not trained.

    Examples
    --------
    >>> from interactive_train import nn
    >>> class Counter(nn.Module):
    ...     def __init__(self):
    ...         self.calls = nn.Buffer((), nn.initializers.zeros)
    ...     def forward(self, x):
    ...         self.write("calls", self.calls + 1)
    ...         return x
    >>> counter = nn.init(Counter())
    >>> params, layer_state = nn.split(counter)
    >>> _, layer_state = counter.apply(params, layer_state, np.zeros(2, np.float32))
    >>> float(layer_state["calls"])
    1.0
    """


class Module:
    """A layer or a model.

    A subclass declares arrays in ``__init__`` and computes in ``forward``.

    Attributes
    ----------
    hyperparameters : tuple of Hyperparameter
        Scalars that a person may change during a fit; each is an attribute of that name.
    mode : {"train", "eval"}
        The default for plain calls ``model(x)``; a fit gives the mode per call.

    Examples
    --------
    >>> from interactive_train import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self, features):
    ...         self.factor = nn.Parameter((features,), nn.initializers.ones)
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> nn.init(Scale(2), seed=0)(np.array([1.0, 2.0], dtype=np.float32))
    Tensor([1., 2.], dtype=float32)
    """

    hyperparameters: ClassVar[tuple[Hyperparameter, ...]] = ()
    _path: str = ""
    _mode: str = "eval"
    _buffers: frozenset[str] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Buffer):
            object.__setattr__(self, "_buffers", self._buffers | {name})
        for declared in self.hyperparameters:
            if name == declared.name:
                value = declared.check(value, f"nn.{type(self).__name__}")
        object.__setattr__(self, name, value)

    def forward(self, *inputs: Any) -> Any:
        """Compute the output; subclasses define it."""
        raise TypeError(f"{type(self).__name__}: defines no forward(self, x).")

    def __call__(self, *inputs: Any) -> Any:
        """Run the model; inputs are lifted to Tensors of its floating type."""
        call = current()
        if call is not None:
            return self._run(call, inputs)
        with calling(Call(training=self._mode == "train", dtype=dtype_of(self))) as call:
            return self._run(call, inputs)

    def _run(self, call: Call, inputs: tuple[Any, ...]) -> Any:
        lifted = (x if isinstance(x, Tensor) else lift_input(x, call.dtype) for x in inputs)
        output = call.run(self._path, self.forward, lifted)
        if call.trace is not None:
            shape = getattr(output, "shape", ())
            call.trace.append((self._path, type(self).__name__, shape))
        return output

    def apply(
        self,
        params: Any,
        layer_state: Any,
        *inputs: Any,
        training: bool = False,
        rng: Key | int | None = None,
    ) -> tuple[Any, Any]:
        """Run the model as a pure function of its arrays.

        Parameters
        ----------
        params, layer_state : tree
            As `split` returns them.
        *inputs : array_like
        training : bool
            Whether dropout drops and statistics are updated.
        rng : Key or int, optional
            For dropout; fresh entropy when omitted in training.

        Returns
        -------
        (output, layer_state)
            The new layer state, a new tree.
        """
        from interactive_train.nn.functional import apply

        return apply(self, params, layer_state, inputs, training, rng)

    def write(self, name: str, value: Any) -> None:
        """Set a buffer from within ``forward``; it takes effect behind the step."""
        if name not in self._buffers:
            raise TypeError(
                refusal(
                    f"nn.{type(self).__name__}.write",
                    "writes to buffers only",
                    repr(name),
                    "Declare it with nn.Buffer.",
                )
            )
        call = current()
        if call is not None:
            own = getattr(self, name)
            found = as_tensor(value, f"nn.{type(self).__name__}.write").astype(own.dtype)
            if found.shape != own.shape:
                raise ValueError(
                    refusal(
                        f"nn.{type(self).__name__}.write",
                        f"the buffer {name!r} has shape {own.shape}",
                        f"shape {found.shape}",
                    )
                )
            call.written[tree.join(self._path, name)] = Tensor.wrap(found.data)

    # Modes ----------------------------------------------------------------------------

    @property
    def mode(self) -> str:
        """The default mode of plain calls, "train" or "eval"."""
        return self._mode

    def train(self) -> Module:
        """Make "train" the default of plain calls, here and below; returns self."""
        return self._set_mode("train")

    def eval(self) -> Module:
        """Make "eval" the default of plain calls, here and below; returns self."""
        return self._set_mode("eval")

    def _set_mode(self, mode: str) -> Module:
        for _, module in modules(self):
            object.__setattr__(module, "_mode", mode)
        return self

    # The tree -------------------------------------------------------------------------

    def tree_children(self) -> tree.Children:
        """Return the attributes that hold arrays or modules, by name."""
        return [(k, v) for k, v in vars(self).items() if k[0] != "_" and _in_tree(v)]

    def tree_rebuild(self, parts: Sequence[Any], path: str) -> Module:
        """Return a copy with other parts that knows its path."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        names = [name for name, _ in self.tree_children()]
        twin.__dict__.update(zip(names, parts, strict=True))
        twin.__dict__["_path"] = path
        return twin

    def __repr__(self) -> str:
        parts = []
        for name, value in vars(self).items():
            if name[0] == "_" or isinstance(value, Parameter):
                continue
            parts.append(f"{name}={_shown(value)}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _shown(value: Any) -> str:
    if tree.is_leaf(value):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Module) or not callable(value):
        return repr(value)
    return str(getattr(value, "__name__", value))


def _in_tree(value: Any) -> bool:
    if tree.is_leaf(value) or isinstance(value, (Module, Parameter)):
        return True
    if isinstance(value, dict):
        return any(map(_in_tree, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_in_tree, value))


def modules(value: Any, path: str = "") -> list[tuple[str, Module]]:
    """Return (path, module) for a model and every module in it, outermost first."""
    found = [(path, value)] if isinstance(value, Module) else []
    for name, part in tree.children(value) or ():
        found += modules(part, tree.join(path, name))
    return found


def buffer_paths(model: Any) -> set[str]:
    """Return the paths of the arrays that are layer state."""
    return {tree.join(path, name) for path, module in modules(model) for name in module._buffers}


def trainables(model: Any, paths: bool = False) -> list[Any]:
    """Return the arrays that training changes: floating, not a buffer, tied ones once.

    Parameters
    ----------
    model : tree
    paths : bool
        Return (path, array) pairs.

    Examples
    --------
    >>> trainables({"w": np.ones(2), "steps": np.array(3)}, paths=True)
    [('w', array([1., 1.]))]
    """
    buffers = buffer_paths(model)
    found = [
        (path, leaf)
        for path, leaf in tree.flatten_with_paths(model)
        if leaf.dtype.kind == "f" and path not in buffers
    ]
    return found if paths else [leaf for _, leaf in found]


def dtype_of(model: Any) -> np.dtype[Any]:
    """Return the floating type of a model's first array.

    Raises
    ------
    ValueError
        If the model was only declared, not filled.
    """
    for leaf in tree.flatten(model)[0]:
        if leaf.dtype.kind == "f":
            found: np.dtype[Any] = leaf.dtype
            return found
    if declared(model):
        raise ValueError(
            refusal(
                type(model).__name__,
                "the model must be filled before it is used",
                "declared arrays",
                "Call model = it.init(model, seed=0) first.",
            )
        )
    return np.dtype(np.float32)


def declared(value: Any, path: str = "") -> list[tuple[str, Parameter]]:
    """Return (path, declaration) for every array that was declared and not yet filled."""
    if isinstance(value, Parameter):
        return [(path, value)]
    return [
        found
        for name, part in tree.children(value) or ()
        for found in declared(part, tree.join(path, name))
    ]


def lift_input(x: Any, dtype: np.dtype[Any] | None) -> Any:
    """Return an input as a Tensor in the model's floating type; other things pass unchanged."""
    array = isinstance(x, (Tensor, list, int, float)) or hasattr(x, "__array__")
    if not array:
        return x
    tensor = x if isinstance(x, Tensor) else as_tensor(x, "model(x)")
    if tensor.dtype.char in FLOATS and dtype is not None and tensor.dtype != dtype:
        if tensor.dtype == np.float64 and tensor.size > 1:
            notice(
                f"float64 input is cast to the model's {dtype}; "
                f"x = x.astype(np.{dtype}) once saves the time.",
                once="cast",
            )
        return tensor.astype(dtype)
    return tensor


def require_floating(x: Any, where: str) -> Tensor:
    """Return a layer's input, or refuse integers."""
    tensor: Tensor = x if isinstance(x, Tensor) else as_tensor(x, where)
    if tensor.dtype.char not in FLOATS:
        raise TypeError(
            refusal(
                where,
                "the input must be floating",
                f"{tensor.dtype} of shape {tensor.shape}",
                "Convert it with x.astype(np.float32), and scale it to about one.",
            )
        )
    return tensor
