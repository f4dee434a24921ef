"""A notebook as a test sees it: run cells, press keys, ask the kernel, look.

In JupyterLab, or in Jupyter Notebook 7, which is made of the same parts.
`LabPage` wraps one Playwright page. Cells are counted from 0. Whatever it waits for has a limit
in seconds and fails with a sentence.
"""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.server import LabServer

HARNESS = Path(__file__).with_name("harness.js")
Theme = Literal["JupyterLab Dark", "JupyterLab Light"]
FrontEnd = Literal["lab", "notebook"]
# Notebook 7.6 throws it on every page, before a notebook is there: it looks for settings that only
# JupyterLab has.
NOTEBOOKS_OWN = "Cannot read properties of undefined (reading 'schema')"


def output_text(outputs: list[dict[str, Any]]) -> str:
    """What cell outputs say as plain text: streams, results, displays and errors."""
    parts = []
    for output in outputs:
        if output["output_type"] == "stream":
            text = output["text"]
        elif output["output_type"] == "error":
            text = "\n".join(output["traceback"])
        else:
            text = output["data"].get("text/plain", "")
        parts.append("".join(text) if isinstance(text, list) else text)
    return "\n".join(parts)


class LabPage:
    """One browser page on one server.

    Parameters
    ----------
    page : Page
        A fresh page; `page` stays open to tests that need Playwright itself.
    server : LabServer
    workspace : str
        A name of its own for each test, so that no tab of another is restored.
    front : {"lab", "notebook"}
        JupyterLab or Jupyter Notebook 7.
    """

    def __init__(
        self, page: Page, server: LabServer, workspace: str, front: FrontEnd = "lab"
    ) -> None:
        self.page = page
        self.server = server
        self.front = front
        self.path = ""
        self.errors: list[str] = []  # uncaught exceptions and console errors of the page
        self.foreign_requests: list[str] = []  # whatever asked another host than the server
        self._workspace = workspace
        page.on("pageerror", lambda error: self._note_error(str(error)))
        page.on(
            "console",
            lambda message: (
                self.errors.append(f"console: {message.text}") if message.type == "error" else None
            ),
        )
        page.on("request", lambda request: self._note_request(request.url))
        page.add_init_script(path=HARNESS)

    def _note_error(self, error: str) -> None:
        if self.front == "lab" or NOTEBOOKS_OWN not in error:
            self.errors.append(f"uncaught: {error}")

    def _note_request(self, url: str) -> None:
        if url.startswith(("http", "ws")) and f"//127.0.0.1:{self.server.port}/" not in url:
            self.foreign_requests.append(url)

    # Opening and running

    def open_notebook(self, path: str, *, sidebar: bool = False, timeout: float = 90.0) -> None:
        """Open a notebook by its path below the server's root and wait for its kernel."""
        if not self.path:
            place = f"lab/workspaces/{self._workspace}"
            if self.front == "notebook":
                place = f"notebooks/{quote(path)}"
            url = f"{self.server.url}/{place}?token={self.server.token}"
            self.page.goto(url, timeout=1000 * timeout)
            self.page.wait_for_function("window.jupyterapp?.restored", timeout=1000 * timeout)
            self.page.evaluate("window.jupyterapp.restored.then(() => null)")
            self._wait_for_splash()
            if not sidebar and self.front == "lab":
                self.page.evaluate("window.jupyterapp.shell.collapseLeft()")
        alone = self.front == "notebook"
        self._call("open", {"path": path, "seconds": timeout, "alone": alone})
        self.path = path
        self.wait_idle(timeout)

    def reload(self, timeout: float = 90.0) -> None:
        """Load the page anew, as a person who presses F5; the kernel goes on."""
        path, self.path = self.path, ""
        self.open_notebook(path, timeout=timeout)

    def run_all(self, *, wait: bool = True, timeout: float = 120.0) -> None:
        """Run every cell; with `wait` until the last one returned, failing with its error."""
        self._run(None, wait, timeout)

    def run_cell(self, index: int, *, wait: bool = True, timeout: float = 60.0) -> None:
        """Run one cell; with `wait` until it returned, failing with its error."""
        self._run(index, wait, timeout)

    def _run(self, cell: int | None, wait: bool, timeout: float) -> None:
        arguments = {"path": self.path, "cell": cell, "seconds": timeout, "wait": wait}
        failed: int = self._call("run", arguments)
        if failed >= 0:
            raise AssertionError(f"cell {failed} failed:\n{self.output_text(failed)}")

    def wait_idle(self, timeout: float = 60.0) -> None:
        """Wait until the kernel has nothing to do; background threads do not count."""
        self.page.wait_for_function(
            "path => window.harness.idle(path)", arg=self.path, timeout=1000 * timeout
        )

    def restart_kernel(self, timeout: float = 60.0) -> None:
        """Restart the notebook's kernel and wait for it."""
        self._call("restartKernel", {"path": self.path, "seconds": timeout})
        self.wait_idle(timeout)

    def save(self) -> Path:
        """Save the notebook as Ctrl-S does; return the file."""
        self._call("save", self.path)
        return self.server.root / self.path

    # Asking the kernel, beside the notebook and while background threads run

    def execute(self, code: str, *, timeout: float = 30.0) -> str:
        """Run code in the notebook's kernel; return what it printed, fail with what it raised."""
        stdout: str = self._execute(code, None, timeout)["stdout"]
        return stdout

    def value(self, expression: str, *, timeout: float = 30.0) -> Any:
        """Evaluate an expression in the notebook's kernel; arrays come back as lists."""
        listed = "default=lambda o: o.tolist() if hasattr(o, 'tolist') else str(o)"
        encoded = f"__import__('json').dumps(({expression}), {listed})"
        answer = self._execute("", encoded, timeout)["reply"]["user_expressions"]["value"]
        if answer["status"] != "ok":
            raise AssertionError(f"{expression}: " + "\n".join(answer["traceback"]))
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def _execute(self, code: str, expression: str | None, timeout: float) -> dict[str, Any]:
        answer: dict[str, Any] = self._call(
            "execute",
            {"path": self.path, "code": code, "expression": expression, "seconds": timeout},
        )
        if answer["reply"]["status"] != "ok":
            raise AssertionError("\n".join(answer["reply"].get("traceback", ["aborted"])))
        return answer

    def wait_for(
        self, expression: str, holds: Callable[[Any], bool] = bool, *, timeout: float = 30.0
    ) -> Any:
        """Ask the kernel until the value satisfies `holds`; return it."""
        deadline = time.monotonic() + timeout
        while True:
            value = self.value(expression, timeout=timeout)
            if holds(value):
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"{expression} was still {value!r} after {timeout:g} s")
            self.page.wait_for_timeout(20)

    # Looking

    def cell(self, index: int) -> Locator:
        """The whole of a cell in the page."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell").nth(
            index
        )

    def output(self, index: int) -> Locator:
        """The output area of a cell in the page."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The outputs of a cell as the notebook holds them (nbformat)."""
        held: list[dict[str, Any]] = self._call("outputs", {"path": self.path, "cell": index})
        return held

    def output_text(self, index: int) -> str:
        """The outputs of a cell as plain text."""
        return output_text(self.outputs(index))

    def screenshot(self, path: Path | str) -> Path:
        """Write what the page shows as a PNG."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=target)
        return target

    def set_theme(self, theme: Theme) -> None:
        """Change JupyterLab's theme and wait until it is there."""
        self._call("theme", theme)
        light = str(theme == "JupyterLab Light").lower()
        self.page.wait_for_function(
            "light => document.body.dataset.jpThemeLight === light", arg=light
        )
        self._wait_for_splash()

    def set_viewport(self, width: int, height: int) -> None:
        """Set the size of the page in CSS pixels."""
        self.page.set_viewport_size({"width": width, "height": height})

    def _wait_for_splash(self) -> None:
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def _call(self, function: str, argument: object) -> Any:
        try:
            return self.page.evaluate(f"argument => window.harness.{function}(argument)", argument)
        except PlaywrightTimeout as error:
            raise AssertionError(f"{function}({argument}): {error}") from error
