"""The journals of one workflow in an SQLite database."""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from typing import Dict, Iterator, Optional, Sequence, Tuple

from polaris_dsl.stores._checks import check_commit, check_run_id
from polaris_dsl.stores._hold import Hold
from polaris_dsl.stores._journal import Tip, start
from polaris_dsl.stores._lines import Line, Rested
from polaris_dsl.stores._look import readable_ones
from polaris_dsl.stores._sqlite_care import adopt, glance
from polaris_dsl.stores._sqlite_database import Database
from polaris_dsl.stores._sqlite_locks import held
from polaris_dsl.stores._sqlite_rows import Address, fetch, insert, noted, refuse_foreign, remove, trusted


class SqliteJournals:
    """The journals of one workflow. Safe to share between threads."""

    def __init__(self, workflow: str, database: Database) -> None:
        self._workflow = workflow
        self._database = database
        self._held: Dict[Tuple[int, str], Tip] = {}  # what a holder knows to be there; by process too, for forks

    def load(self, run: str, /, *, after: int = 0) -> Tuple[Line, ...]:
        """Return the lines of a run that follow line `after`, verified, in order; takes no run lock and writes nothing.

        Within a hold it also makes durable what others have added, for it will be built upon.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            CorruptJournal: the journal, or the database, was damaged.
            WrongWorkflow: it belongs to another workflow.
            UnsafeStore: it cannot be read.
        """
        at = self._address(run)
        known = self._held.get((os.getpid(), run))
        with self._database.reading() as connection:
            if known is not None and known.n == after > 0:
                row = noted(connection, at)
                if row is not None and row.n == after:
                    return ()
            kept = fetch(connection, at)
        found = trusted(kept, at).found
        if known is not None and known.n < found.tip.n:
            self._make_sure()
            self._held[os.getpid(), run] = found.tip
        return found.lines[after:]

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        """Commit `lines` behind line `expected_n`, all or none, or return what already follows it.

        Durable on return, except that with `durability="process"`, and where all lines are `Rested`, it is not synced.

        Raises:
            BadRunId: no store takes this id.
            NotWritten: nothing was kept; the journal is as it was and may be used on.
            CommitUnknown: the lines may or may not be there; the next call on that run finds out.
            UnknownRun: the run has fewer lines than `expected_n`: it was deleted meanwhile.
            CorruptJournal: the journal, or the database, was damaged.
            WrongWorkflow: it belongs to another workflow.
            UnsafeStore: the database cannot be opened.
            ValueError: these lines can stand in no journal.
        """
        check_commit(run, workflow=self._workflow, expected_n=expected_n, lines=lines)
        at = self._address(run)
        key = os.getpid(), run
        known = self._held.get(key)

        def work(connection: sqlite3.Connection) -> Tuple[Tuple[Line, ...], Tip]:
            row, tip = noted(connection, at), known
            if row is None or tip is None or not row.n == tip.n == expected_n:
                kept = fetch(connection, at)
                found = None if kept is None and expected_n == 0 else trusted(kept, at).found
                tip = start(run) if found is None else found.tip
                if tip.n < expected_n:
                    raise at.unknown()
                if found is not None and tip.n > expected_n:
                    return found.lines[expected_n:], tip
            return (), insert(connection, at, row, lines, tip=tip)

        news, tip = self._database.commit(work, sync=not all(isinstance(line, Rested) for line in lines))
        if key in self._held:
            self._held[key] = tip
        return news

    def hold(self, run: str, /, *, wait_s: Optional[float] = None) -> Hold:
        """Hold the run lock, which no thread of any process can take twice.

        Raises:
            BadRunId: no store takes this id.
            RunLocked: another held it for all of `wait_s`.
            CommitUnknown: what was found could not be made durable.
            CorruptJournal: the journal, or the database, was damaged.
            WrongWorkflow: it belongs to another workflow.
            UnsafeStore: it cannot be opened.
        """
        at, key = self._address(run), (os.getpid(), run)

        def look() -> None:
            with self._database.reading() as connection:
                kept = fetch(connection, at)
            if kept is not None:
                trusted(kept, at)
                self._make_sure()
            self._held[key] = start(run) if kept is None else kept.found.tip

        return held(self._database.file, at, wait_s=wait_s, then=look, before=partial(self._held.pop, key, None))

    def runs(self) -> Iterator[Tuple[str, Line]]:
        """Yield every run's id with the last line of its journal, in the order in which the runs began.

        Reads the two ends of each journal. What cannot be read does not keep the others from being shown: it is raised
        at the end.

        Raises:
            CorruptJournal: journals were damaged; this is the first of them.
            WrongWorkflow: as above, they belong to another workflow.
            UnsafeStore: the database cannot be read.
        """
        return readable_ones(glance(self._database, self._workflow))

    def delete(self, run: str, /) -> None:
        """Remove a run, durably, whatever the state of its journal.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            RunLocked: it is held.
            NotWritten: it is still there.
            CommitUnknown: it may or may not be there.
            WrongWorkflow: the journal belongs to another workflow.
            UnsafeStore: the database cannot be opened.
        """
        at = self._address(run)

        def work(connection: sqlite3.Connection) -> None:
            kept = fetch(connection, at)
            if kept is None:
                raise at.unknown()
            refuse_foreign(kept, at)
            remove(connection, kept.noted)

        with held(self._database.file, at, wait_s=0):
            self._database.commit(work)

    def adopt(self, run: str, data: bytes, /) -> None:
        """Keep a run as another store kept it, byte by byte, durably; what is here must be its beginning, or nothing.

        Raises:
            BadRunId: no store takes this id.
            RunLocked: it is held here.
            DefinitionError: another run of this id is here.
            CorruptJournal: what is here was damaged.
            WrongWorkflow: what is here belongs to another workflow.
            NotWritten: nothing was kept.
            CommitUnknown: it may be here or not.
        """
        adopt(self._database, self._address(run), data)

    def _address(self, run: str) -> Address:
        check_run_id(run)
        return Address(self._database.file.path, self._workflow, run)

    def _make_sure(self) -> None:
        """Make durable what is about to be built upon: its writer may have died before it was, or did not care."""
        if self._database.file.durable:
            self._database.file.sync()
