"""interactive-train: train a model in a notebook, see the fit, and steer it while it runs.

import interactive_train as it
from interactive_train import losses, metrics, nn, optim, schedules
"""

from typing import Any

from interactive_train import (
    callbacks,
    data,
    datasets,
    losses,
    metrics,
    nn,
    optim,
    schedules,
    tree,
)
from interactive_train.autodiff import (
    Tensor,
    check_grads,
    custom_vjp,
    grad,
    hvp,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
)
from interactive_train.data import Data, batches
from interactive_train.machine.eager import execution
from interactive_train.nn import (
    Duplicated,
    Knob,
    destructure,
    init,
    remat,
    split,
    summary,
    trainables,
)
from interactive_train.optim import (
    adjust,
    flush,
    freeze,
    release,
    reset,
    scale,
    setup,
    thaw,
    update,
    updated,
)
from interactive_train.runtime.key import Key
from interactive_train.training import (
    EarlyStop,
    History,
    Journal,
    NonFiniteError,
    Run,
    RunPaused,
    Trainer,
    TrainState,
    adjusted,
    at,
    frozen,
    load_run,
    lr_find,
    replay,
    runs,
    thawed,
    train,
    train_step,
    verify,
)

__version__ = "0.1.0"

__all__ = [
    "Data",
    "Duplicated",
    "EarlyStop",
    "History",
    "Journal",
    "Key",
    "Knob",
    "NonFiniteError",
    "Run",
    "RunPaused",
    "Tensor",
    "TrainState",
    "Trainer",
    "adjust",
    "adjusted",
    "at",
    "batches",
    "callbacks",
    "check_grads",
    "custom_vjp",
    "data",
    "datasets",
    "destructure",
    "execution",
    "flush",
    "freeze",
    "frozen",
    "grad",
    "hvp",
    "init",
    "jvp",
    "load_run",
    "losses",
    "lr_find",
    "metrics",
    "nn",
    "optim",
    "release",
    "remat",
    "replay",
    "reset",
    "runs",
    "scale",
    "schedules",
    "setup",
    "split",
    "stop_gradient",
    "summary",
    "thaw",
    "thawed",
    "train",
    "train_step",
    "trainables",
    "tree",
    "update",
    "updated",
    "value_and_grad",
    "verify",
    "vjp",
]


def __getattr__(name: str) -> Any:
    # The widgets are another package, found by its entry point and loaded on first use.
    if name == "widgets":
        from importlib.metadata import entry_points

        for entry in entry_points(group="interactive_train.widgets"):
            return entry.load()
        raise AttributeError(
            "it.widgets: needs the notebook extra; got an installation without it. "
            'Install it with: pip install "interactive-train[notebook]"'
        )
    raise AttributeError(f"module 'interactive_train' has no attribute {name!r}")
