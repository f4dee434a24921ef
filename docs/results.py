"""The results that stand under the python blocks of a page, taken anew.

    python -m docs.results docs/how-a-step-runs.md

Runs the blocks as the tests do and writes what they print under them; a block that is not run
keeps what stands there. Read the difference before it is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.docs.test_guides import BLOCK, Block, run


def renewed(text: str, name: str) -> str:
    """Return a page with the results of its blocks."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    parts, end = [], 0
    for found in BLOCK.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found["why"]:
            parts.append(found[0])
            continue
        line = "".join(parts).count("\n") + 2  # on the page that is being written
        printed = run(Block(line, found["code"], "", ""), name, scope)
        result = f"\n```text\n{printed}```\n" if printed else ""
        parts.append(f"```python\n{found['code']}```\n{result}")
    return "".join([*parts, text[end:]])


def main() -> None:
    """Renew the pages that are named."""
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(renewed(page.read_text(encoding="utf-8"), name), encoding="utf-8")


if __name__ == "__main__":
    main()
