"""What every test may use: live peers and tools that may be missing, but never under CI."""

from __future__ import annotations

import importlib
import os
import signal
from typing import Any, NoReturn

import pytest
from hypothesis import settings

# The same examples on every run of CI, new ones at home; a busy machine is no failure.
settings.register_profile("person", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "person")

# A shell that starts the tests in the background lets them ignore interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def missing(reason: str) -> NoReturn:
    """Fail under CI (CI=true), skip elsewhere; also while a module is being collected."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"CI needs it: {reason}", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


class Peer:
    """A module that is imported when a test first uses it, so that collecting never needs it."""

    def __init__(self, module: str, extra: str) -> None:
        self._module = module
        self._extra = extra

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")):  # pytest looks at every name of a test file
            raise AttributeError(name)
        try:
            module = importlib.import_module(self._module)
        except ImportError as error:
            missing(f'{self._module}: {error}. pip install "interactive-train[{self._extra}]"')
        return getattr(module, name)


def require(module: str, extra: str = "oracles") -> Any:
    """Name a live peer, at the top of a file or in a test: `torch = require("torch")`.

    A test that uses it where it is missing is skipped; under CI it fails. Mark such tests with
    `@pytest.mark.oracle`, which `make test` leaves out and `make test-oracles` runs.
    """
    return Peer(module, extra)
