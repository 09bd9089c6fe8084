"""The journals of runs as rows of a database: read as a whole, judged, written."""

from __future__ import annotations

from sqlite3 import Connection
from typing import List, Optional, Sequence, Tuple

import attrs

from polaris_dsl.errors import CorruptJournal, StoreError, UnknownRun, WrongWorkflow
from polaris_dsl.stores._journal import Tip, link_of, quote, read, start, write
from polaris_dsl.stores._lines import Line, Started
from polaris_dsl.stores._listing import rested
from polaris_dsl.stores._scan import Damage, Scan, scan

TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    flow TEXT NOT NULL,
    run TEXT NOT NULL,
    n INTEGER NOT NULL, -- how many lines it has
    UNIQUE (flow, run)
);
CREATE TABLE lines (
    run INTEGER NOT NULL,
    n INTEGER NOT NULL,
    raw BLOB NOT NULL, -- the line as a journal file has it, without its newline
    PRIMARY KEY (run, n)
) WITHOUT ROWID;
"""

# One statement each, so that what is read is of one moment.
_JOURNAL = "SELECT runs.id, runs.n, lines.n, lines.raw FROM runs LEFT JOIN lines ON lines.run = runs.id WHERE "
_NAMED = f"{_JOURNAL} runs.flow = ? AND runs.run = ? ORDER BY lines.n"
_NUMBERED = f"{_JOURNAL} runs.id = ? ORDER BY lines.n"
_NOTED = "SELECT id, n FROM runs WHERE flow = ? AND run = ?"
_RUNS = "SELECT id, CAST(run AS TEXT) FROM runs NOT INDEXED WHERE id > ? AND flow = ? ORDER BY id LIMIT ?"
_FLOWS = "SELECT DISTINCT CAST(flow AS TEXT) FROM runs WHERE ?1 IS NULL OR run = ?1 ORDER BY flow"
_ENDS = """
SELECT runs.id, CAST(runs.run AS TEXT), begun.raw, substr(before.raw, -18), last.raw
FROM runs NOT INDEXED
LEFT JOIN lines AS begun ON begun.run = runs.id AND begun.n = 1
LEFT JOIN lines AS before ON before.run = runs.id AND before.n = runs.n - 1
LEFT JOIN lines AS last ON last.run = runs.id AND last.n = runs.n
WHERE runs.id > ? AND runs.flow = ? ORDER BY runs.id LIMIT ?
"""


@attrs.frozen
class Address:
    """Which run of which workflow, in which database."""

    path: str
    workflow: str
    run: str

    def unknown(self) -> UnknownRun:
        """Return the error that says that there is no such run."""
        return UnknownRun(self.run, workflow=self.workflow)

    def corrupt(self, damage: Damage) -> CorruptJournal:
        """Return the error that says where the journal was damaged; the byte is that of a journal file."""
        why = f"run {self.run!r} of workflow {self.workflow}: {damage.why}"
        return CorruptJournal(self.path, line=damage.line, byte=damage.byte, why=why)


@attrs.frozen
class Noted:
    """What a run's own row says: its number in the database, and how many lines it has."""

    id: int
    n: int


@attrs.frozen
class Kept:
    """A journal as it is kept.

    What the row of its run says, how many lines there are, their bytes as a journal file would have them, and what of
    them can be trusted.
    """

    noted: Noted
    lines: int
    data: bytes
    found: Scan


def noted(connection: Connection, at: Address, /) -> Optional[Noted]:
    """Return what the row of a run says; None if there is no such run."""
    row = connection.execute(_NOTED, (at.workflow, at.run)).fetchone()
    return None if row is None else Noted(*row)


def fetch(connection: Connection, at: Address, /) -> Optional[Kept]:
    """Read the journal of a run, whole; None if there is no such run. Never raises for what is in it."""
    return _kept(connection.execute(_NAMED, (at.workflow, at.run)).fetchall(), at.run)


def fetch_numbered(connection: Connection, at: Address, number: int, /) -> Optional[Kept]:
    """Read the journal of a run that was found in a list, whatever has become of its id."""
    return _kept(connection.execute(_NUMBERED, (number,)).fetchall(), at.run)


def _kept(rows: Sequence[Tuple[int, int, object, object]], run: str) -> Optional[Kept]:
    if not rows:
        return None
    row = Noted(rows[0][0], rows[0][1])
    lines = [(n, _bytes(raw)) for _, _, n, raw in rows if raw is not None]
    data = b"".join([raw + b"\n" for _, raw in lines])
    found = scan(data, run)
    if found.damage is None:
        found = attrs.evolve(found, torn=0, damage=_misplaced(lines, noted=row.n, whole=found.tip))
    return Kept(row, len(lines), data, found)


def problem(kept: Kept, at: Address, /) -> Optional[StoreError]:
    """Return what is wrong with a journal; None if it is whole and the one that was asked for."""
    if kept.found.damage is not None:
        return at.corrupt(kept.found.damage)
    for line in kept.found.lines[:1]:
        if isinstance(line, Started) and line.flow != at.workflow:
            return WrongWorkflow(at.path, expected=at.workflow, found=line.flow)
    return None


def refuse_foreign(kept: Kept, at: Address, /) -> None:
    """Raise `WrongWorkflow` for the journal of another workflow, damaged or not."""
    wrong = problem(attrs.evolve(kept, found=attrs.evolve(kept.found, damage=None)), at)
    if wrong is not None:
        raise wrong


def trusted(kept: Optional[Kept], at: Address, /) -> Kept:
    """Return a journal that is whole and the one that was asked for.

    Raises:
        UnknownRun: there is no such run.
        CorruptJournal: it was damaged.
        WrongWorkflow: it is the journal of another workflow.
    """
    if kept is None:
        raise at.unknown()
    wrong = problem(kept, at)
    if wrong is not None:
        raise wrong
    return kept


def workflows(connection: Connection, /, *, having: Optional[str] = None) -> List[str]:
    """Return the names of the workflows that have runs, or have the run of this id, in order."""
    return [flow for (flow,) in connection.execute(_FLOWS, (having,)).fetchall()]


def flaws(connection: Connection, /) -> List[str]:
    """Return what is wrong with the database itself, a sentence for each; takes as long as reading all of it."""
    told = [str(told) for (told,) in connection.execute("PRAGMA integrity_check").fetchall() if told != "ok"]
    ((stray,),) = connection.execute("SELECT count(*) FROM lines WHERE run NOT IN (SELECT id FROM runs)").fetchall()
    return [*told, *([f"{stray} lines are of no run"] if stray else [])]


def runs_of(connection: Connection, workflow: str, /, *, behind: int, most: int) -> List[Tuple[int, str]]:
    """Return runs with a number above `behind`, in order: number and id."""
    return connection.execute(_RUNS, (behind, workflow, most)).fetchall()


def ends(connection: Connection, workflow: str, /, *, behind: int, most: int) -> List[Tuple[int, str, Optional[Line]]]:
    """Return runs with a number above `behind`: number, id, and last line; None where it takes reading the whole."""
    rows = connection.execute(_ENDS, (behind, workflow, most)).fetchall()
    return [(number, run, _last(run, begun, before, last)) for number, run, begun, before, last in rows]


def insert(connection: Connection, at: Address, row: Optional[Noted], lines: Sequence[Line], /, *, tip: Tip) -> Tip:
    """Write lines behind the tip of a journal, and return the tip behind them.

    Raises:
        ValueError: a body is more than one line of text; nothing was written.
    """
    data, new = write(lines, behind=tip)
    if row is None:
        number = _insert_run(connection, at, new.n)
    else:
        number = row.id
        connection.execute("UPDATE runs SET n = ? WHERE id = ?", (new.n, number))
    _insert_lines(connection, number, data.split(b"\n")[:-1], behind=tip.n)
    return new


def remove(connection: Connection, row: Noted, /) -> None:
    """Delete a run and its lines."""
    connection.execute("DELETE FROM lines WHERE run = ?", (row.id,))
    connection.execute("DELETE FROM runs WHERE id = ?", (row.id,))


def replace(connection: Connection, at: Address, row: Optional[Noted], data: bytes, /) -> None:
    """Put the bytes of whole lines in the place of a journal, or of none (None); without any, there is no run."""
    if row is not None:
        remove(connection, row)
    if data:
        raws = data.split(b"\n")[:-1]
        _insert_lines(connection, _insert_run(connection, at, len(raws)), raws, behind=0)


def _insert_run(connection: Connection, at: Address, n: int) -> Optional[int]:
    done = connection.execute("INSERT INTO runs (flow, run, n) VALUES (?, ?, ?)", (at.workflow, at.run, n))
    return done.lastrowid


def _insert_lines(connection: Connection, number: Optional[int], raws: Sequence[bytes], *, behind: int) -> None:
    rows = [(number, n, raw) for n, raw in enumerate(raws, behind + 1)]
    connection.executemany("INSERT INTO lines VALUES (?, ?, ?)", rows)


def _bytes(raw: object) -> bytes:
    return raw if isinstance(raw, bytes) else b""


def _misplaced(lines: Sequence[Tuple[object, bytes]], *, noted: object, whole: Tip) -> Optional[Damage]:
    """Judge rows of which the bytes are in order: a commit is there as a whole or not at all, and nothing is torn."""
    if whole.n != len(lines):
        return Damage(whole.n + 1, whole.size, "does not match its checksum, or is not the whole of its commit")
    size = 0
    for n, (number, raw) in enumerate(lines, 1):
        if number != n:
            return Damage(n, size, f"has the number {number!r:.20}")
        size += len(raw) + 1
    if noted != whole.n:
        return Damage(whole.n + 1, size, f"the journal ends here, but {noted!r:.20} lines were committed")
    return None


def _last(run: str, begun: object, before: object, last: object) -> Optional[Line]:
    """Return the last line if it is whole, follows on the one before, and the first names the run."""
    if f',"run":{quote(run)},'.encode("utf-8", "surrogatepass") not in _bytes(begun):
        return None
    raw, h = _bytes(last), start(run).h if before is None else link_of(_bytes(before))
    status = rested(raw, h=h)
    if status is not None:
        return status
    entry = read(raw, h=h)
    return None if entry is None or entry.part != entry.parts else entry.line
