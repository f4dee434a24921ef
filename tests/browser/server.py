"""A JupyterLab of the tests' own: one server process in a temporary directory.

Where Notebook 7 is installed the same server has its pages as well.
Its configuration, data and runtime directories are its own as well, so that a person's settings
change no test and no test changes them. Kernels come from the running environment.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = {  # no question and no request to the outside at the first start
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class LabServer:
    """`jupyter lab` on a random port; its root holds a copy of `notebooks/`.

    Parameters
    ----------
    directory : Path
        An empty directory for the root, the configuration and the log.
    """

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        self.log = directory / "server.log"
        self.data = directory / "data"  # signatures of trusted notebooks stand there
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = self._isolated(directory)
        self.root.mkdir()
        if (REPOSITORY / "notebooks").is_dir():
            shutil.copytree(
                REPOSITORY / "notebooks",
                self.root / "notebooks",
                ignore=shutil.ignore_patterns(".ipynb_checkpoints"),
            )
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def _isolated(directory: Path) -> dict[str, str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")
        }
        for kind in ("config", "data", "runtime"):
            (directory / kind).mkdir()
            environment[f"JUPYTER_{kind.upper()}_DIR"] = str(directory / kind)
        environment["IPYTHONDIR"] = str(directory / "ipython")
        environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the debugger's warning about itself
        overrides = directory / "config" / "labconfig" / "default_setting_overrides.json"
        overrides.parent.mkdir()
        overrides.write_text(json.dumps(SETTINGS), encoding="utf-8")
        return environment

    def start(self, timeout: float = 90.0) -> None:
        """Start the process and wait until it answers."""
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
        command += [
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.root}",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.extension_manager=readonly",
            "--JupyterNotebookApp.expose_app_in_browser=True",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self.root, env=self._environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                self.api("GET", "api/status")
            except urllib.error.URLError:
                time.sleep(0.1)
            else:
                return
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        self.stop()
        raise RuntimeError(f"JupyterLab did not start within {timeout:g} s; its log ends:\n{tail}")

    def stop(self) -> None:
        """End the process, kernels included."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def api(self, method: str, path: str) -> Any:
        """Call the server's REST interface; the decoded answer, None where there is none."""
        request = urllib.request.Request(
            f"{self.url}/{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def shut_down_kernels(self) -> None:
        """End every session, so that no test's threads run into the next."""
        for session in self.api("GET", "api/sessions"):
            self.api("DELETE", f"api/sessions/{session['id']}")

    def write_notebook(self, path: str, cells: Sequence[str]) -> str:
        """Write a notebook of code cells into the root; return its path."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={
                "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
            },
        )
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
        return path
