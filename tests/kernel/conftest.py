"""One fixture: a kernel, on the oldest ipykernel that is supported in practice and on the newest.

The two treat comms differently (main shell only; subshells), so whatever is promised of live
control is tested on both. `make unit` puts the older one into `.venv/ipykernel-<version>`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.kernel.client import KernelClient

VERSIONS = ("6.31.0", "newest")  # newest: the environment's own


@pytest.fixture(params=VERSIONS)
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KernelClient]:
    """A running kernel of its own for each test and version."""
    version: str = request.param
    ipykernel = None
    if version != "newest":
        ipykernel = Path(sys.prefix) / f"ipykernel-{version}"
        if not ipykernel.is_dir():
            missing(f"ipykernel {version} is missing: make .venv/ipykernel-{version}/.done")
    client = KernelClient(tmp_path, ipykernel)
    yield client
    client.stop()
