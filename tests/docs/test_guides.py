"""docs/*.md and README.md: every python block runs, and prints what stands under it.

The blocks of a page are executed in order in one namespace, as the cells of a notebook: what is
printed, and the value of a last line that is an expression, must equal the ```text block that
follows. A block that cannot run here says so in front: <!-- not run: why -->.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import interactive_train as it

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>[^\n]+) -->\n)?"
    r"^```python\n(?P<code>.*?)^```\n"
    r"(?:\n?```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)

FENCE = r"^[ \t]*```[ \t]*(?:python|py|pycon)\b"  # also those that BLOCK would miss


@dataclass(frozen=True)
class Block:
    """A python block of a page."""

    line: int  # of its first line of code, from 1
    code: str
    output: str
    why: str  # it is not run


def blocks(text: str) -> list[Block]:
    return [
        Block(
            text.count("\n", 0, found.start("code")) + 1,
            found["code"],
            found["output"] or "",
            found["why"] or "",
        )
        for found in BLOCK.finditer(text)
    ]


def run(block: Block, file: str, scope: dict[str, Any]) -> str:
    """Execute a block; return what it printed, its last expression included."""
    module = ast.parse(block.code, file)
    ast.increment_lineno(module, block.line - 1)  # so that a traceback shows the page's line
    last = module.body[-1] if module.body else None
    value: ast.Expression | None = None
    if isinstance(last, ast.Expr):
        module.body.pop()
        value = ast.Expression(last.value)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(module, file, "exec"), scope)
        if value is not None:
            result = eval(compile(value, file, "eval"), scope)
            if result is not None:
                print(repr(result))
    return printed.getvalue()


def name(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


@pytest.fixture(autouse=True)
def no_run_goes_on() -> Iterator[None]:
    known = len(it.runs)
    yield
    for left in list(it.runs)[known:]:
        left.close()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_runs_and_prints_what_stands_under_it(page: Path) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        where = f"{name(page)}:{block.line}"
        if block.why:
            compile(block.code, name(page), "exec")
            continue
        try:
            printed = run(block, name(page), scope)
        except Exception as error:
            error.add_note(f"in the block at {where}")
            raise
        assert printed == block.output, f"the block at {where} prints otherwise"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_python_block_is_overlooked(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(blocks(text)) == len(re.findall(FENCE, text, re.M))
    assert len(re.findall(r"^<!-- not run", text, re.M)) == sum(bool(b.why) for b in blocks(text))


def test_the_guide_shows_a_result_under_every_block() -> None:
    guide = blocks((REPOSITORY / "docs" / "training.md").read_text(encoding="utf-8"))
    assert [block.line for block in guide if not (block.output or block.why)] == []
    assert len(guide) > 40


def test_a_failing_block_is_named_with_file_and_line() -> None:
    block = blocks("one\n```python\nx = 1\n\n1 / 0\n```\n")[0]
    with pytest.raises(ZeroDivisionError) as caught:
        run(block, "page.md", {})
    frame = caught.traceback[-1]
    assert (str(frame.path).rpartition("/")[2], frame.lineno + 1) == ("page.md", 5)
