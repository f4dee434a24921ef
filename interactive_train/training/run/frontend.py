"""What stands in front of this process: a live notebook, a headless run, a terminal.

IPython is asked only if somebody imported it already.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Any

DISPLAY = "interactive_train.display"


def shell() -> Any:
    """Return the running IPython shell, or None."""
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def is_headless() -> bool:
    """Whether cells are run by a program (nbclient, nbconvert, papermill) or a person.

    A front end with a person in it allows the kernel to ask for input; the others do
    not. Outside of a kernel there is nobody to steer either, but the process is a person's: False.
    """
    kernel = getattr(shell(), "kernel", None)
    return kernel is not None and getattr(kernel, "_allow_stdin", True) is False


def cell_id() -> tuple[str, int] | None:
    """Return (id, execution count) of the cell that is running, None outside of a notebook."""
    running = shell()
    kernel = getattr(running, "kernel", None)
    if kernel is None:
        return None
    try:
        parent = kernel.get_parent("shell")
        identity = parent["metadata"]["cellId"]
    except (AttributeError, KeyError, TypeError):
        return None
    return str(identity), int(running.execution_count)


def show(run: Any, seconds: float | None = None) -> bool:
    """Show a run through the registered display hook, live or for some seconds; False without."""
    for hook in entry_points(group=DISPLAY):
        hook.load()(run, seconds)
        return True
    return False
