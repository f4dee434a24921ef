"""Journal: every intervention with its step, in the order in which it was applied.

It is kept twice. The log has one record per applied command, exact enough to run again; it is what
replays and files are made of, and it only ever grows. The rows are the log as a person reads
it: the values of one drag of a slider are one row, and a row that was taken back says so.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from interactive_train.training.journal.curve import Block, blocks_of
from interactive_train.training.journal.logged import MAIN, REMARKS, Logged
from interactive_train.training.journal.wire import encode
from interactive_train.training.records.commands import Command
from interactive_train.training.records.history import History
from interactive_train.training.records.view import JournalEntry


class Journal:
    """The interventions of a run.

    Attributes
    ----------
    outcome : str
        Why the run ended, "finished" at the planned end; "" while it goes on.
    program_source : callable, optional
        Returns the hash of the first step that was recorded.
    moves : int
        How often it was said where the run stands.
    listener : callable, optional
        Told of every command behind the row that it made.

    Examples
    --------
    >>> from interactive_train.training.records.commands import Adjust
    >>> journal = Journal()
    >>> _ = journal.add(41, "adjust", name="lr", old="0.001", new="0.0003",
    ...                 command=Adjust("lr", 0.0003))
    >>> print(journal)
    step 41: lr: 0.001 -> 0.0003 (code)
    """

    def __init__(
        self,
        header: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        course: Callable[[], History] | None = None,
    ) -> None:
        self._header = header or {}
        self._course = course
        self.listener: Callable[[Logged], None] | None = None
        self.program_source: Callable[[], str] | None = None
        self.outcome = ""
        self._program = ""
        self.owner: object = None
        self._blocks: tuple[Block, ...] = ()
        self._last = self.moves = 0
        self._log: list[Logged] = []
        self._rows: list[int] = []  # of each record of the log, its row
        self._line: list[int] = []  # the records that led to where the run stands
        self._entries: list[JournalEntry] = []
        self._gestures: list[str] = []
        self._shown: tuple[JournalEntry, ...] | None = ()
        self._newest: int | None = None  # the newest row that changed something

    # Writing ------------------------------------------------------------------------------

    def add(
        self,
        step: int,
        kind: str,
        *,
        path: str = "",
        name: str = "",
        old: str = "",
        new: str = "",
        source: str = "code",
        value: float | None = None,
        gesture: str = "",
        command: Command | None = None,
        branch: str = MAIN,
        undoes: int = -1,
    ) -> JournalEntry:
        """Add an applied command: as a row, or to the newest row if it is of the same gesture.

        Parameters
        ----------
        step : int
            Completed steps at the boundary.
        kind, path, name, old, new, source
            See `JournalEntry`.
        value : float, optional
            The number that was applied, kept for every value of a drag.
        gesture : str
            An id that the commands of one drag share.
        command : Command, optional
            What was applied.
        branch : str
            On which line of the run.
        undoes : int
            The row that it took back.
        """
        wire = {} if command is None else encode(command)
        logged = Logged(
            step, wire, kind, path, name, old, new, source, time.time(), value, gesture, branch,
            undoes, command,
        )  # fmt: skip
        entry = self.take(logged)
        if self.listener is not None:
            self.listener(logged)
        return entry

    def take(self, logged: Logged) -> JournalEntry:
        """Enter what was applied, here or in the run that a file tells of."""
        self._line.append(len(self._log))
        self._log.append(logged)
        values = () if logged.value is None else ((logged.step, logged.value),)
        if logged.undoes >= 0:
            self._entries[logged.undoes] = replace(self._entries[logged.undoes], undone=True)
            self._gestures[logged.undoes] = ""
        begun = self._begun(logged)
        if begun is not None:
            last = self._entries[begun]
            entry = replace(
                last, new=logged.new, values=last.values + values, command=logged.command
            )
            self._entries[begun] = entry
        else:
            entry = JournalEntry(
                len(self._entries),
                logged.step,
                logged.kind,
                logged.path,
                logged.name,
                logged.old,
                logged.new,
                logged.source,
                logged.wall_time,
                values,
                command=logged.command or None,
                branch=logged.branch,
            )
            if logged.kind not in REMARKS:
                self._newest = len(self._entries)
            self._entries.append(entry)
            self._gestures.append(logged.gesture)
        self._shown = None
        self._rows.append(entry.sequence)
        return entry

    def stand(self, line: Sequence[int], undone: Collection[int]) -> None:
        """Say which records of the log led to where the run stands, and which rows it took back."""
        self._line = list(line)
        self.moves += 1
        for number, entry in enumerate(self._entries):
            if entry.undone != (number in undone):
                self._entries[number] = replace(entry, undone=number in undone)
                self._shown = None

    def elsewhere(self, line: Sequence[int], undone: Collection[int], course: History) -> Journal:
        """Return the journal as it reads from the end of another line of the run.

        Parameters
        ----------
        line, undone
            As of `stand`.
        course : History
            Of that line.
        """
        twin = copy.copy(self)
        twin._entries, twin.listener, twin.outcome = list(self._entries), None, ""
        twin.attach(lambda: course)
        twin.stand(line, undone)
        return twin

    @property
    def newest(self) -> int:
        """The number in the log of the newest command, -1 if there is none."""
        return len(self._log) - 1

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers in the log of the commands of `line`."""
        return tuple(self._line)

    def numbers_before(self, line: Sequence[int], step: int, more: Collection[int]) -> list[int]:
        """Return those of a line that were applied before a step boundary, or are among `more`."""
        return [n for n in line if self._log[n].step < step or n in more]

    def _begun(self, logged: Logged) -> int | None:
        """Return the row that a gesture goes on with: notes and pauses may stand behind it."""
        if not logged.gesture or self._newest is None or logged.kind in REMARKS:
            return None
        entry = self._entries[self._newest]
        same = (entry.kind, entry.path, entry.name) == (logged.kind, logged.path, logged.name)
        return self._newest if same and self._gestures[self._newest] == logged.gesture else None

    def attach(self, course: Callable[[], History]) -> None:
        """Let the course of the run be at hand, for one that was read from a file."""
        self._course = course

    # Reading ------------------------------------------------------------------------------

    @property
    def header(self) -> Mapping[str, Any]:
        """What the run started from."""
        if callable(self._header):
            self._header = self._header()
        return self._header

    @property
    def history(self) -> History | None:
        """The course of the run, where it is at hand."""
        return None if self._course is None else self._course()

    @property
    def entries(self) -> tuple[JournalEntry, ...]:
        """All rows, oldest first."""
        if self._shown is None:
            self._shown = tuple(self._entries)
        return self._shown

    @property
    def log(self) -> tuple[Logged, ...]:
        """Every applied command, oldest first."""
        return tuple(self._log)

    @property
    def line(self) -> tuple[Logged, ...]:
        """The applied commands that led to where the run stands; not those of other branches."""
        return tuple(self._log[number] for number in self._line)

    def numbered(self) -> list[tuple[int, Logged]]:
        """Return the commands of `line`, each with its row."""
        return [(self._rows[number], self._log[number]) for number in self._line]

    def standing(self) -> frozenset[int]:
        """Return the rows that led to where the run stands."""
        return frozenset(self._rows[number] for number in self._line)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The digest of the loss curve; see `curve`."""
        history = self.history
        return self._blocks if history is None else blocks_of(history)

    @blocks.setter
    def blocks(self, blocks: Sequence[Block]) -> None:
        self._blocks = tuple(blocks)

    @property
    def last_step(self) -> int:
        """Completed steps at the end of what is known of the course."""
        history = self.history
        if history is not None and len(history):
            return int(history.step[-1])
        return self._last or int(self.header.get("state", {}).get("step", 0))

    @last_step.setter
    def last_step(self, step: int) -> None:
        self._last = step

    @property
    def program(self) -> str:
        """The hash of the first step that was recorded, "" as long as there is none."""
        if not self._program and self.program_source is not None:
            self._program = self.program_source()
        return self._program

    @program.setter
    def program(self, digest: str) -> None:
        self._program = digest

    def to_json_lines(self) -> str:
        """Return the journal as text: a header, a line per applied command, the curve's digest."""
        from interactive_train.training.journal.lines import written

        return written(self)

    @classmethod
    def from_json_lines(cls, text: str) -> Journal:
        """Return the journal of a text or of a file's content; nothing in it is executed.

        Of a file that holds several runs, it is the last one.

        Raises
        ------
        ValueError
            If it is no journal, or of a version that this package does not know.
        """
        from interactive_train.training.journal.lines import read

        return read(text)

    def as_code(self) -> str:
        """Return a script that makes the same run.

        It stands behind your own definitions of ``trainer``, ``state`` and ``data``. Functions of
        your own are in it by name.
        """
        from interactive_train.training.journal.codify import as_code

        return as_code(self)

    def __iter__(self) -> Iterator[JournalEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> JournalEntry:
        return self._entries[index]

    def __repr__(self) -> str:
        rows = [
            f"step {e.step}: {e.text} ({e.source}{', undone' if e.undone else ''})"
            for e in self._entries
        ]
        return "\n".join(rows) or "Journal(empty)"
