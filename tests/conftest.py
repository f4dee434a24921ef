"""What every test may use: live peers and tools that may be missing, but never under CI."""

from __future__ import annotations

import importlib
import os
from typing import Any, NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Fail under CI (CI=true), skip elsewhere; also while a module is being collected."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"CI needs it: {reason}", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def require(module: str, extra: str = "oracles") -> Any:
    """Import a live peer (`torch = require("torch")`), or skip; under CI its absence fails."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing(f'{module} is missing ({error}): pip install "interactive-train[{extra}]"')
