"""axe-core, the accessibility checker, run on a part of a page.

`make browser` puts it into the environment from the npm registry (`npm pack`: nothing of it runs
on this machine but in the test's page).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator

from tests.conftest import missing

GRAVE = ("serious", "critical")


def source() -> str:
    """The checker's script; without it the test is skipped, and fails under CI."""
    found = sorted(Path(sys.prefix).glob("axe-core-*/package/axe.min.js"))
    if not found:
        missing("axe-core is missing: `make axe` (npm fetches it)")
    return found[-1].read_text(encoding="utf-8")


def faults(part: Locator, script: str) -> list[str]:
    """Serious and critical violations within an element, one line each with where and why."""
    page = part.page
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(f"() => {{ const module = undefined; {script} }}")
    found: list[dict[str, Any]] = part.evaluate(
        """async (element) => {
          const { violations } = await window.axe.run(element, { resultTypes: ["violations"] });
          return violations.map(({ id, impact, help, nodes }) => ({
            id, impact, help, nodes: nodes.map((n) => `${n.target.join(" ")}: ${n.failureSummary}`),
          }));
        }"""
    )
    return [
        f"{v['impact']} {v['id']}: {v['help']}; {node}"
        for v in found
        if v["impact"] in GRAVE
        for node in v["nodes"]
    ]
