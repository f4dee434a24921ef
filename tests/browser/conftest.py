"""Fixtures of the browser tests: one JupyterLab and one Chromium a session, a page a test.

Without Chromium or JupyterLab the tests are skipped with the reason; under CI they fail.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import chromium
from tests.browser.lab import FrontEnd, LabPage
from tests.browser.server import REPOSITORY, LabServer
from tests.conftest import missing

HERE = Path(__file__).parent
RESULTS = REPOSITORY / "test-results"
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the page works offline
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the page showed when a test failed."""
    report = yield
    lab = getattr(item, "funcargs", {}).get("lab")
    if lab is not None and report.when == "call" and report.failed:
        name = re.sub(r"[^\w.-]+", "_", item.name)
        report.sections.append(("page", str(lab.screenshot(RESULTS / f"{name}.png"))))
        report.sections.append(("page errors", "\n".join(lab.errors) or "none"))
    return report


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A running JupyterLab."""
    if importlib.util.find_spec("jupyterlab") is None:
        missing('JupyterLab is missing: pip install "interactive-train[test]"')
    server = LabServer(tmp_path_factory.mktemp("lab"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A running headless Chromium."""
    path = chromium.find()
    if path is None:
        missing(chromium.ADVICE)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=[*FLAGS, *(["--no-sandbox"] if root else [])]
        )
        yield running
        running.close()


@pytest.fixture
def front() -> FrontEnd:
    """The front end of a test; `in_both` parametrises it."""
    return "lab"


@pytest.fixture
def lab(
    browser: Browser, lab_server: LabServer, front: FrontEnd, request: pytest.FixtureRequest
) -> Iterator[LabPage]:
    """A page of its own; afterwards every kernel is shut down."""
    if front == "notebook" and importlib.util.find_spec("notebook") is None:
        missing('Jupyter Notebook is missing: pip install "interactive-train[test]"')
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(20_000)
    name = re.sub(r"\W+", "-", request.node.name)
    yield LabPage(context.new_page(), lab_server, name, front)
    context.close()
    lab_server.shut_down_kernels()
