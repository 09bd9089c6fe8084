"""Looking after the journals of a database: listing, checking, repairing and moving them."""

from __future__ import annotations

import sqlite3
from typing import Iterator

from polaris_dsl.errors import CorruptJournal, DefinitionError, StoreError, UnknownRun
from polaris_dsl.stores._lines import Line
from polaris_dsl.stores._move import hand_over
from polaris_dsl.stores._open import readable
from polaris_dsl.stores._protocol import Glance, Journals, Verified
from polaris_dsl.stores._repair import Repaired, keep_copy, repaired
from polaris_dsl.stores._sqlite_database import Database
from polaris_dsl.stores._sqlite_locks import digest, held
from polaris_dsl.stores._sqlite_rows import (
    Address,
    ends,
    fetch,
    fetch_numbered,
    flaws,
    noted,
    problem,
    refuse_foreign,
    remove,
    replace,
    runs_of,
    trusted,
)

_PAGE = 500
"""How many runs are read at once, so that a listing keeps nobody from reading or writing for long."""


def glance(database: Database, workflow: str, /) -> Iterator[Glance]:
    """Yield every run with its last line, or why it cannot be read, in the order in which they began.

    Raises:
        CorruptJournal: the database was damaged.
        UnsafeStore: it cannot be read.
    """
    behind, more = 0, True
    while more:
        with database.reading() as connection:
            page = ends(connection, workflow, behind=behind, most=_PAGE)
        more = bool(page)
        for number, run, last in page:
            behind = number
            try:
                line = last or _last(database, Address(database.file.path, workflow, run), number)
            except UnknownRun:
                continue  # deleted meanwhile
            except StoreError as error:
                yield Glance(run, None, error)
            else:
                yield Glance(run, line)


def verify(database: Database, workflow: str, /) -> Iterator[Verified]:
    """Yield what is wrong with the database, then what the whole of every journal shows.

    Raises:
        CorruptJournal: the database was damaged so that nothing more can be read.
        UnsafeStore: it cannot be read.
    """
    path = database.file.path
    with database.reading() as connection:
        found = flaws(connection)
    for why in found:
        yield Verified("", 0, CorruptJournal(path, line=1, byte=0, why=f"the database was damaged: {why}"))
    behind, more = 0, True
    while more:
        with database.reading() as connection:
            page = runs_of(connection, workflow, behind=behind, most=_PAGE)
        more = bool(page)
        for number, run in page:
            behind = number
            at = Address(path, workflow, run)
            try:
                with database.reading() as connection:
                    kept = fetch_numbered(connection, at, number)
            except StoreError as error:
                yield Verified(run, 0, error)
                continue
            if kept is not None:  # otherwise it was deleted meanwhile
                yield Verified(run, kept.found.tip.n, problem(kept, at))


def repair(database: Database, at: Address, /) -> Repaired:
    """Cut a journal behind its last whole commit if it was damaged, and keep a copy of all of it; under the run lock.

    Raises:
        UnknownRun: there is no such run.
        RunLocked: it is held.
        WrongWorkflow: it belongs to another workflow.
        NotWritten: the copy is there, but nothing was cut.
        CommitUnknown: the copy is there, but the cut may or may not be on the disk.
    """
    with held(database.file, at, wait_s=0):
        with database.reading() as connection:
            kept = fetch(connection, at)
        if kept is None:
            raise at.unknown()
        refuse_foreign(kept, at)
        if kept.found.damage is None:
            return Repaired(0, 0, None)
        file = database.file
        with readable(file.path):
            beside = f"{file.path}-{digest(at)}"
            copy = keep_copy(kept.data, file.disk, file.files, beside=beside, durable=file.durable)
        # It is as it was read: nobody appends to a damaged journal, and who would repair it has to hold the run.
        database.commit(lambda connection: replace(connection, at, kept.noted, kept.data[: kept.found.tip.size]))
    return repaired(kept.data, kept.found.tip, copy=copy)


def move(database: Database, at: Address, /, *, into: Journals) -> None:
    """Move a run into other journals; under the run lock. Where that was interrupted, doing it again ends it.

    Raises:
        UnknownRun: there is no such run.
        RunLocked: it is held.
        CorruptJournal: it was damaged.
        WrongWorkflow: it belongs to another workflow.
        DefinitionError: another run of this id is there.
    """

    def work(connection: sqlite3.Connection) -> bool:
        same = noted(connection, at) == kept.noted
        if same:
            remove(connection, kept.noted)
        return same

    moved = False
    with held(database.file, at, wait_s=0):
        while not moved:  # again, as long as others feed it
            with database.reading() as connection:
                kept = trusted(fetch(connection, at), at)
            hand_over(at.run, kept.data, kept.found.lines, into=into)
            moved = database.commit(work)


def adopt(database: Database, at: Address, data: bytes, /) -> None:
    """Put the bytes of a journal in the place of none, or of its beginning; under the run lock.

    Raises:
        RunLocked: it is held.
        CorruptJournal: what is here was damaged.
        WrongWorkflow: what is here belongs to another workflow.
        DefinitionError: what is here is another run.
    """

    def work(connection: sqlite3.Connection) -> None:
        kept = fetch(connection, at)
        if kept is not None and not data.startswith(trusted(kept, at).data):
            raise DefinitionError(f"the store to move into has another run {at.run!r}; delete one of the two")
        replace(connection, at, None if kept is None else kept.noted, data)

    with held(database.file, at, wait_s=0):
        database.commit(work)


def _last(database: Database, at: Address, number: int) -> Line:
    with database.reading() as connection:
        kept = fetch_numbered(connection, at, number)
    return trusted(kept, at).found.lines[-1]
