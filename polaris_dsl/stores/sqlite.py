"""A store that keeps all runs in one SQLite database."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Callable, Iterator, List, Optional, Type, Union

from typing_extensions import Literal, Self

from polaris_dsl.errors import DefinitionError, UnsafeStore
from polaris_dsl.stores._checks import check_run_id, the_workflow
from polaris_dsl.stores._disk import Descriptors, Disk, system_disk
from polaris_dsl.stores._locks import Holder, Locks
from polaris_dsl.stores._open import readable
from polaris_dsl.stores._paths import is_workflow_name, prepare_root
from polaris_dsl.stores._protocol import Glance, Store, Verified
from polaris_dsl.stores._repair import Repaired
from polaris_dsl.stores._sqlite_care import glance, move, repair, verify
from polaris_dsl.stores._sqlite_database import Database
from polaris_dsl.stores._sqlite_file import DatabaseFile
from polaris_dsl.stores._sqlite_journals import SqliteJournals
from polaris_dsl.stores._sqlite_locks import database_locks, holder
from polaris_dsl.stores._sqlite_rows import Address, workflows

__all__ = ["SqliteStore"]


class SqliteStore:
    """Keeps all runs in one SQLite database. Safe to share between threads and processes, also forked ones.

    What was committed survives `kill -9` at any instant and, with `durability="power"`, a power cut, provided that the
    disk honours fsync. The file must be on a local file system (not NFS), and this system must have flock (not
    Windows). Beside it stand files of SQLite (`-wal`, `-shm`) while it is in use, and an empty one for locks
    (`-locks`); none of them may be moved or removed while a process has the store.

    Args:
        path: the database; it is made, for its owner alone, if it is missing, and so is its directory.
        durability: `"power"` syncs each commit to the disk (`synchronous=FULL`). `"process"` does not (`NORMAL`): a
            killed process loses nothing, but a power cut or a crash of the system may lose the last commits.

    Raises:
        DefinitionError: `path` is no path, or `durability` is neither of the two.
        UnsafeStore: everyone may write to the directory, the file is something else than such a database or has a newer
            format, SQLite does not take a setting, or this system lacks what the promise needs.
        CorruptJournal: the database was damaged.

    Example:
        >>> import tempfile
        >>> from polaris_dsl.stores.sqlite import SqliteStore
        >>> with tempfile.TemporaryDirectory() as folder, SqliteStore(f"{folder}/runs.db") as store:
        ...     print(list(store.workflows()))
        []
    """

    encoded = True
    """`Put.body` is JSON text."""

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        /,
        *,
        durability: Literal["power", "process"] = "power",
        _connect: Callable[..., sqlite3.Connection] = sqlite3.connect,
        _locks: Optional[Callable[[Descriptors, Disk], Locks]] = None,
    ) -> None:
        if durability not in {"power", "process"}:
            raise DefinitionError(f'durability= is "power" or "process", not {durability!r:.80}')
        if not _is_path(path):
            raise DefinitionError(f"SqliteStore takes the path of a file, not {path!r:.80}")
        place = str(Path(path).absolute())
        beside = f"{place}-locks"
        disk = system_disk(place)
        durable = durability == "power"
        prepare_root(disk, str(Path(place).parent), durable=durable)
        files = Descriptors(disk)
        with readable(beside):
            files.close(files.open(beside, create=True))
            locks = database_locks(files, disk, path=beside) if _locks is None else _locks(files, disk)
        self._database = Database(DatabaseFile(place, durable, disk, files, locks, beside, _connect))
        with self._database.reading():
            pass  # made, opened and checked now, where the user says which it is

    def open(self, workflow: str, /) -> SqliteJournals:
        """Return the journals of the workflow of this name.

        Raises:
            UnsafeStore: it is no name: letters, digits, `_`, `.` and `-`, at most 64.
        """
        if not is_workflow_name(workflow):
            why = f"workflow {workflow!r:.80} cannot be kept: use letters, digits, _ . and -, at most 64"
            raise UnsafeStore(self._database.file.path, why=why)
        return SqliteJournals(workflow, self._database)

    def workflows(self) -> Iterator[str]:
        """Yield the names of the workflows that have runs here, in order."""
        with self._database.reading() as connection:
            found = workflows(connection)
        yield from found

    def glance(self, workflow: str, /) -> Iterator[Glance]:
        """Yield every run of a workflow with its last line, or why it cannot be read; raises for no journal."""
        yield from glance(self._database, workflow)

    def holder(self, run_id: str, /, *, workflow: str) -> Optional[Holder]:
        """Return who holds a run and since when, taking no lock; None: nobody, or there is no such run."""
        return holder(self._database.file, self._address(run_id, workflow))

    def verify(self, workflow: str, /) -> Iterator[Verified]:
        """Check every journal of a workflow, whole, and yield what was found; reads only, raises for no journal.

        What is wrong with the database itself comes first, with no run: it has indexes that can be damaged.
        """
        yield from verify(self._database, workflow)

    def repair(self, run_id: str, /, *, workflow: Optional[str] = None) -> Repaired:
        """Cut a damaged journal behind its last whole commit, and keep a copy of all of it beside the database.

        What is cut is lost to the run: builders whose results stood there run again. Where nothing is damaged, nothing
        is done. Durable on return. What SQLite itself cannot read is not repaired: restore the file.

        Args:
            run_id: the run.
            workflow: the name of its workflow; needed only where several have a run of this id.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            RunLocked: it is held.
            WrongWorkflow: the journal belongs to another workflow.
            DefinitionError: several workflows have a run of this id, and none was named.
        """
        check_run_id(run_id)
        if workflow is None:
            workflow = the_workflow(self._workflows_with(run_id), run=run_id)
        return repair(self._database, self._address(run_id, workflow))

    def move(self, run_id: str, /, *, workflow: str, into: Store) -> None:
        """Move a run into another store, which must not have it: durable there before it is removed here.

        Between stores that keep text on disk, every byte of the journal stays. Where a move was interrupted, doing it
        again ends it.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            RunLocked: it is held, here or there.
            CorruptJournal: it was damaged; repair it first.
            WrongWorkflow: the journal belongs to another workflow.
            DefinitionError: the other store has another run of this id, keeps live values, or is this one.
            NotWritten: the other store could not take it.
        """
        path = self._database.file.path
        if not into.encoded:
            raise DefinitionError("a run is moved into a store that keeps text, not live values")
        if isinstance(into, SqliteStore) and os.path.samefile(path, into._database.file.path):  # noqa: SLF001  its class
            raise DefinitionError(f"{path} is where the run is already; move it into another store")
        move(self._database, self._address(run_id, workflow), into=into.open(workflow))

    def close(self) -> None:
        """Close the database, when no thread is using it. A later call opens it again; a run that is held stays so."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def _address(self, run: str, workflow: str) -> Address:
        check_run_id(run)
        return Address(self._database.file.path, workflow, run)

    def _workflows_with(self, run: str) -> List[str]:
        with self._database.reading() as connection:
            return workflows(connection, having=run)


def _is_path(path: object) -> bool:
    """Whether it can name a file; `:memory:` is how SQLite is told to make none."""
    return isinstance(path, (str, os.PathLike)) and str(path) not in {"", ":memory:"} and "\0" not in str(path)
