"""The front end as two strings: the modules of ``js/`` joined into one, and the style sheet.

The modules are plain ES modules, so that node can test each of them alone. One
widget needs one module; joining means: in the order of their imports, without
import lines, ``export`` words, comments and most blanks, since the text is stored with
every widget. Nothing is fetched.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from posixpath import dirname, join, normpath

IMPORT = re.compile(r"^import\b[^;]*?from\s*[\"'](\.{1,2}/[\w/-]+)\.js[\"'];?\s*$", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|let|function|class|async)\b)", re.MULTILINE)
BLOCK_COMMENT = re.compile(r"^[ \t]*/\*.*?\*/[ \t]*$", re.MULTILINE | re.DOTALL)
LINE_COMMENT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
TEXT = re.compile(r'("(?:[^"\\]|\\.)*")')
BLANKS = re.compile(r" ?([{}()\[\],;:=<>&|?!*]+) ?")
ENTRY = "widget"


def _read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _collect(name: str, done: list[str]) -> None:
    """Append `name` and, before it, what it imports."""
    if name not in done:
        for wanted in IMPORT.findall(_read(f"js/{name}.js")):
            _collect(normpath(join(dirname(name), wanted)), done)
        done.append(name)


def squeeze(text: str) -> str:
    """Drop comments that fill their line, indentation and empty lines."""
    text = LINE_COMMENT.sub("", BLOCK_COMMENT.sub("", text))
    return "\n".join(line.strip() for line in text.splitlines() if line.strip()) + "\n"


def tighten(line: str) -> str:
    """Drop blanks beside punctuation of one line of script, outside texts.

    Lines with a template, a regular expression, a division or a comment stay as they are.
    """
    if any(mark in line for mark in "`/'"):
        return line
    parts = TEXT.split(line)  # every other part is a text
    parts[::2] = [BLANKS.sub(r"\1", part) for part in parts[::2]]
    return "".join(parts)


def modules(entry: str = ENTRY) -> list[str]:
    """Return the names of the modules, each after those that it imports."""
    names: list[str] = []
    _collect(entry, names)
    return names


@cache
def script(entry: str = ENTRY) -> str:
    """Return the front end of a widget as one ES module."""
    parts = (EXPORT.sub("", IMPORT.sub("", _read(f"js/{name}.js"))) for name in modules(entry))
    return "\n".join(tighten(line) for line in squeeze("\n".join(parts)).split("\n"))


@cache
def stylesheet(*more: str) -> str:
    """Return the style sheet, and others behind it."""
    return squeeze("\n".join(_read(f"{name}.css") for name in ("style", *more)))
