"""The front end as two strings: the modules of ``js/`` joined into one, and the style sheet.

The modules are plain ES modules, so that node can test each of them alone. One
widget needs one module; joining means: in the order of their imports, without
import lines, ``export`` words and comments. The text is stored with every widget of a
notebook, so it is packed: a page unpacks it once for all of them. Nothing is fetched.
"""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from posixpath import dirname, join, normpath

IMPORT = re.compile(r"^import\b[^;]*?from\s*[\"'](\.{1,2}/[\w/-]+)\.js[\"'];?\s*$", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|let|function|class|async)\b)", re.MULTILINE)
BLOCK_COMMENT = re.compile(r"^[ \t]*/\*.*?\*/[ \t]*$", re.MULTILINE | re.DOTALL)
LINE_COMMENT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
ENTRY = "widget"
UNFOLD = """\
const packed = "%(packed)s";
async function unfold() {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const module = new Blob([await new Response(stream).text()], { type: "text/javascript" });
  const url = URL.createObjectURL(module);
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}
export default () => ((globalThis.interactiveTrain ??= {})["%(mark)s"] ??= unfold());
"""


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


def modules(entry: str = ENTRY) -> list[str]:
    """Return the names of the modules, each after those that it imports."""
    names: list[str] = []
    _collect(entry, names)
    return names


@cache
def source(entry: str = ENTRY) -> str:
    """Return the front end of a widget as one ES module."""
    parts = (EXPORT.sub("", IMPORT.sub("", _read(f"js/{name}.js"))) for name in modules(entry))
    return squeeze("\n".join(parts))


@cache
def script(entry: str = ENTRY) -> str:
    """Return a short ES module that unfolds the front end, once for each page."""
    packed = gzip.compress(source(entry).encode(), mtime=0)
    mark = sha256(packed).hexdigest()[:16]
    return UNFOLD % {"packed": b64encode(packed).decode(), "mark": mark}


@cache
def stylesheet(*more: str) -> str:
    """Return the style sheet, and others behind it."""
    return squeeze("\n".join(_read(f"{name}.css") for name in ("style", *more)))
