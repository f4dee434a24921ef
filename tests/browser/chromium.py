"""Find a Chromium that Playwright can drive; as a script, install one where there is none.

The order: the system's own, Debian's package when root, Playwright's download, and else an error
that says what to do. The tests only call `find`; `make browser` runs this file first.
Standard library alone, so that it runs before anything else is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATIONS = (  # where macOS and Windows keep theirs, off PATH
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
ADVICE = (
    "a Chromium is needed for the browser tests; got none. Install one (Debian: `apt install "
    "chromium`; Fedora: `dnf install chromium`; macOS: `brew install --cask chromium`), or let "
    "Playwright fetch its own: `.venv/bin/python -m playwright install --with-deps chromium`."
)


def starts(path: str) -> bool:
    """Whether this is a browser and not, say, the stub that asks for a snap to be installed."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 or (os.name == "nt" and Path(path).is_file())


def system() -> Path | None:
    """The browser that the machine has."""
    candidates = [found for name in NAMES if (found := shutil.which(name))]
    candidates += [path for path in APPLICATIONS if Path(path).is_file()]
    return next((Path(path) for path in candidates if starts(path)), None)


def playwrights_own() -> Path | None:
    """The browser that `playwright install chromium` fetched into the user's cache."""
    script = (
        "from playwright.sync_api import sync_playwright as start\n"
        "with start() as p: print(p.chromium.executable_path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    path = Path(done.stdout.strip() or "absent")
    return path if path.is_file() and starts(str(path)) else None


def find() -> Path | None:
    """The browser to use, or None."""
    return system() or playwrights_own()


def install() -> Path | None:
    """Install one by the first way that works; what the installers say goes to stderr."""
    commands: list[list[str]] = []
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if root and shutil.which("apt-get"):
        commands += [
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"],
        ]
    for command in commands:
        subprocess.run(
            command,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            stdout=sys.stderr,
            check=False,
        )
    if found := system():
        return found
    # Debian and Ubuntu need some libraries beside the download; only root can add them.
    needs = ["--with-deps"] if root and shutil.which("apt-get") else []
    fetch = [sys.executable, "-m", "playwright", "install", *needs, "chromium"]
    subprocess.run(fetch, stdout=sys.stderr, check=False)
    return playwrights_own()


def main() -> int:
    """Print the path, or the advice and a failure."""
    path = find() or install()
    if path is None:
        print(f".ci/chromium: {ADVICE}", file=sys.stderr)
        return 1
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
