"""A journal as JSON lines: a file that only grows, a line for everything that happened.

===================================  =========================================================
a line with the key                  says
===================================  =========================================================
``journal``                          a run begins: format, fingerprint, hashes, arguments, plan
``step`` and ``command``             a command was applied behind that step
``curve``                            the digest of some steps; takes the place of what was said
                                     of these and later steps before (the run was rewound)
``line`` and ``undone``              the run went to another branch: of all commands before, those
                                     in these spans led to where it stands; those rows are undone
``program``                          the hash of the first recorded step
``end``                              the last step, and why the run ended, if it did
===================================  =========================================================

A file may hold several runs, one behind the other; a line that was cut off by a crash at the end is
left out. Reading trusts nothing and executes nothing.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TextIO

from interactive_train.runtime.errors import refusal
from interactive_train.runtime.notices import notice
from interactive_train.training.journal.curve import BLOCK, Block, blocks_of
from interactive_train.training.journal.journal import Journal
from interactive_train.training.journal.logged import Logged
from interactive_train.training.journal.wire import COMMANDS

WHERE = "Journal.from_json_lines"
VERSION = 1
_TEXTS = ("kind", "path", "name", "old", "new", "source", "gesture", "branch")
_DEFAULTS = {field.name: field.default for field in fields(Logged)}


def written(journal: Journal) -> str:
    """Return a whole journal as text."""
    lines = [_head(journal.header)]
    lines += [_line(logged) for logged in journal.log]
    if journal.moves:
        lines.append(_stand(journal))
    lines += [_curve(block) for block in journal.blocks]
    lines += [json.dumps({"program": journal.program})] if journal.program else []
    lines.append(_end(journal))
    return "\n".join(lines) + "\n"


def read(text: str) -> Journal:
    """Return the last journal of a text."""
    rows = _rows(text)
    begins = [n for n, row in enumerate(rows) if "journal" in row]
    if not begins:
        raise _refused("the first line is a header", text[:60] or "no line")
    header = rows[begins[-1]]
    version = header["journal"]
    if version != VERSION:
        raise _refused(f"a journal of version {VERSION}", f"version {version!r}")
    for key in ("fingerprint", "state", "data", "arguments"):
        if not isinstance(header.get(key, {}), Mapping):
            raise _refused(f"{key} of the header is an object", repr(header[key]))
    journal = Journal({key: value for key, value in header.items() if key != "journal"})
    blocks: list[Block] = []
    for row in rows[begins[-1] + 1 :]:
        if "curve" in row:
            block = _block(row)
            while blocks and blocks[-1].first >= block.first:
                blocks.pop()
            blocks.append(block)
            journal.outcome, journal.last_step = "", block.last  # it went on
        elif "command" in row:
            journal.take(_logged(row, len(journal)))
        elif "line" in row:
            undone = row.get("undone", [])
            if not isinstance(undone, list) or not all(type(n) is int for n in undone):
                raise _refused("undone is a list of rows", repr(undone)[:60])
            journal.stand(numbers_of(row["line"], journal.newest), set(undone))
        elif isinstance(row.get("program"), str):
            journal.program = row["program"]
        elif isinstance(row.get("end"), str):
            journal.outcome, journal.last_step = row["end"], _whole(row, "step")
        else:
            raise _refused("a line of a known kind", ", ".join(map(str, row))[:60])
    journal.blocks = blocks
    return journal


class JournalFile:
    """Writes a journal to a file as it grows; every command is on disk when it took effect.

    Parameters
    ----------
    path : path
        What it holds already stays.
    journal : Journal

    Raises
    ------
    OSError
        If the file cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str], journal: Journal) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._journal, self._rows = journal, 0  # rows of the history whose digest is written
        self._program, self._moves = "", journal.moves
        torn = self.path.exists() and self.path.read_bytes()[-1:] not in (b"", b"\n")
        self._file: TextIO | None = self.path.open("a", encoding="utf-8", newline="\n")
        self._write([*([""] if torn else []), _head(journal.header)])
        for logged in journal.log:
            self.add(logged)
        journal.listener = self.add

    def add(self, logged: Logged) -> None:
        """Write an applied command, and the digest of what was trained before."""
        moved = self._journal.moves != self._moves
        if moved:  # the curve is another one
            self._moves, self._rows = self._journal.moves, 0
        lines = [*self._new_blocks(whole=True), _line(logged)]
        self._write([*lines, _stand(self._journal)] if moved else lines)

    def close(self) -> None:
        """Write the digest of the rest of the curve; the next command opens the file again."""
        self._write([*self._new_blocks(whole=False), _end(self._journal)])
        if self._file is not None:
            self._file.close()
            self._file = None

    def _new_blocks(self, whole: bool) -> list[str]:
        history = self._journal.history
        if history is None:
            return []
        self._rows = min(self._rows, len(history) // BLOCK * BLOCK)  # it was rewound
        blocks = blocks_of(history, self._rows)
        rows = len(history)
        if whole and (rows - self._rows) % BLOCK:
            blocks = blocks[:-1]
        self._rows = rows // BLOCK * BLOCK
        lines = [_curve(block) for block in blocks]
        if self._journal.program != self._program:
            self._program = self._journal.program
            lines.append(json.dumps({"program": self._program}))
        return lines

    def _write(self, lines: list[str]) -> None:
        """Write lines and flush; a full disk is told once and does not end the run."""
        if not lines:
            return
        try:
            if self._file is None:
                self._file = self.path.open("a", encoding="utf-8", newline="\n")
            self._file.write("\n".join(lines) + "\n")
            self._file.flush()
        except OSError as error:
            notice(f"the journal {self.path} cannot be written: {error}", once=f"{self.path}")


# One line ---------------------------------------------------------------------------------


def _head(header: Mapping[str, Any]) -> str:
    return json.dumps({"journal": VERSION, **header}, allow_nan=False)


def _line(logged: Logged) -> str:
    row: dict[str, Any] = {"step": logged.step, "command": logged.command}
    for field in fields(logged):
        value = getattr(logged, field.name)
        if field.name not in ("step", "command", "given") and value != _DEFAULTS[field.name]:
            row[field.name] = value
    if logged.value is not None and not math.isfinite(logged.value):
        row["value"] = repr(logged.value)
    return json.dumps(row, allow_nan=False)


def _curve(block: Block) -> str:
    loss = block.loss if math.isfinite(block.loss) else repr(block.loss)
    return json.dumps({"curve": [block.first, block.last], "hash": block.digest, "loss": loss})


def _stand(journal: Journal) -> str:
    """Say where a run stands: the records of its line, and the rows that were taken back."""
    undone = [entry.sequence for entry in journal if entry.undone]
    return json.dumps({"line": spans_of(journal.numbers), "undone": undone})


def spans_of(numbers: Sequence[int]) -> list[list[int]]:
    """Return the numbers of records as spans without their ends."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number:
            spans[-1][1] = number + 1
        else:
            spans.append([number, number + 1])
    return spans


def numbers_of(spans: Any, newest: int) -> list[int]:
    """Return the numbers in spans that were read, of records up to the newest.

    Raises
    ------
    ValueError
        If they are no such spans.
    """
    numbers: list[int] = []
    if not isinstance(spans, list):
        raise _refused("a line is a list of spans", repr(spans)[:60])
    for span in spans:
        whole = isinstance(span, list) and len(span) == 2 and all(type(n) is int for n in span)
        if not whole or not (numbers[-1] if numbers else -1) < span[0] < span[1] <= newest + 1:
            raise _refused(f"spans of {newest + 1} commands, in order", repr(span)[:60])
        numbers.extend(range(*span))
    return numbers


def _end(journal: Journal) -> str:
    return json.dumps({"end": journal.outcome, "step": journal.last_step})


def _rows(text: str) -> list[dict[str, Any]]:
    lines = text.split("\n")
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        row: Any = None
        with contextlib.suppress(ValueError, RecursionError):
            row = json.loads(line)
        if isinstance(row, dict):
            rows.append(row)
        elif number != len(lines) - 1 and not _begins(lines[number + 1 :]):
            raise _refused(f"line {number + 1} is a JSON object", repr(line[:60]))
    return rows


def _begins(lines: list[str]) -> bool:
    """Whether the next line that says something is the header of another run."""
    return next((line.startswith('{"journal"') for line in lines if line.strip()), False)


def _logged(row: Mapping[str, Any], rows: int) -> Logged:
    step, wire = _whole(row, "step"), row["command"]
    if not isinstance(wire, dict) or (wire and wire.get("kind") not in list(COMMANDS)):
        raise _refused("a command of a known kind", repr(wire)[:80])
    given = {name: row.get(name, _DEFAULTS[name]) for name in _TEXTS if name in row}
    if not isinstance(row.get("kind"), str) or not all(isinstance(t, str) for t in given.values()):
        raise _refused(f"texts in {', '.join(_TEXTS)}", repr(given)[:80])
    undoes = _whole(row, "undoes", -1)
    if undoes >= rows:
        raise _refused(f"an undo of one of {rows} rows", str(undoes))
    value = _number(row, "value") if row.get("value") is not None else None
    return Logged(
        step, wire, value=value, undoes=undoes, wall_time=_number(row, "wall_time", 0.0), **given
    )


def _block(row: Mapping[str, Any]) -> Block:
    span, digest = row["curve"], row.get("hash")
    if not isinstance(span, list) or len(span) != 2 or not isinstance(digest, str):
        raise _refused("a curve has a first and a last step, and a hash", repr(row)[:80])
    first, last = _whole({"first": span[0]}, "first"), _whole({"last": span[1]}, "last")
    return Block(first, last, digest, _number(row, "loss"))


def _whole(row: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = row.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < min(0, default or 0):
        raise _refused(f"{key} is a whole number", repr(value)[:60])
    return value


def _number(row: Mapping[str, Any], key: str, default: float | None = None) -> float:
    value = row.get(key, default)
    if value in ("nan", "inf", "-inf"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refused(f"{key} is a number", repr(value)[:60])
    try:
        return float(value)
    except OverflowError:
        raise _refused(f"{key} is a number that a float holds", repr(value)[:60]) from None


def _refused(rule: str, got: str) -> ValueError:
    return ValueError(refusal(WHERE, rule, got, "Give what journal.to_json_lines() returned."))
