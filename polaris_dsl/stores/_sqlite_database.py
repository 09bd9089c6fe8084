"""The open database of a process: reads one by one, and the commits of many threads in one transaction."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections import deque
from contextlib import contextmanager, suppress
from copy import copy
from sqlite3 import Connection
from typing import Any, Callable, Deque, Dict, Generic, Iterator, List, Optional, Sequence, TypeVar

from polaris_dsl.errors import CommitUnknown, NotWritten, PolarisError, StoreError, UnsafeStore
from polaris_dsl.stores._disk import Descriptors
from polaris_dsl.stores._open import told
from polaris_dsl.stores._sqlite_file import FULL, NORMAL, DatabaseFile, refusal

T = TypeVar("T")


class Commit(Generic[T]):
    """What one thread wants committed: it looks first and writes then, so that what it refuses leaves nothing."""

    def __init__(self, work: Callable[[Connection], T], /, *, sync: bool) -> None:
        self.sync = sync
        self.settled = False
        self._work = work
        self._made: List[T] = []
        self._error: Optional[Exception] = None

    def do(self, connection: Connection) -> None:
        """Do the work in a transaction; what it refuses is kept for the thread that asked for it."""
        self._made.clear()
        self._error = None
        try:
            self._made.append(self._work(connection))
        except (PolarisError, ValueError) as error:
            self._error = error

    def settle(self, error: Optional[StoreError] = None, /) -> None:
        """Say that its transaction has ended, well or with an error."""
        self._error = error or self._error
        self.settled = True

    def result(self) -> T:
        """Return what the work made, or raise why it did not."""
        if self._error is not None:
            raise self._error
        return self._made[0]


class Database:
    """One connection to read and one to write. Safe to share between threads.

    Neither is carried over a fork, for a copy that is closed may remove the log of the original: they are closed before
    it, when no thread is using them, and opened again by whoever needs them next, in the parent and in the child.
    """

    def __init__(self, file: DatabaseFile, /) -> None:
        self.file = file
        self._open: Dict[str, Connection] = {}
        self._line: List[int] = []
        self._begin()
        weakref.finalize(self, _close, self._open, self._line, file.files)
        this = weakref.ref(self)
        os.register_at_fork(
            before=lambda: _tell(this(), Database._pause),
            after_in_parent=lambda: _tell(this(), Database._resume),
            after_in_child=lambda: _tell(this(), Database._begin),
        )

    def _begin(self) -> None:
        self._inode = 0
        self._level = 0
        self._reading = threading.Lock()
        self._turn = threading.Condition()
        self._busy = False
        self._queue: Deque[Commit[Any]] = deque()

    def close(self) -> None:
        """Close both connections, when no thread uses them; a later call opens new ones."""
        self._pause()
        self._resume()

    def _pause(self) -> None:
        with self._turn:
            while self._busy:
                self._turn.wait()
            self._busy = True
        self._reading.acquire()
        self._close()
        self._inode = 0

    def _resume(self) -> None:
        self._reading.release()
        self._pass_on()

    # --- reading

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Use the connection to read, alone.

        Raises:
            CorruptJournal: the database was damaged.
            UnsafeStore: it cannot be read.
        """
        with self._reading:
            connection = self._connection("read")
            try:
                yield connection
            except sqlite3.Error as error:
                raise refusal(self.file.path, error) from error

    # --- writing

    def commit(self, work: Callable[[Connection], T], /, *, sync: bool = True) -> T:
        """Do work in a transaction, together with what other threads want at the same time, and return what it made.

        Args:
            work: looks first and writes then; it may have to be done twice.
            sync: whether it has to be durable on return, where the store is.

        Raises:
            NotWritten: nothing was kept.
            CommitUnknown: it may or may not have been kept.
            CorruptJournal: the database was damaged.
            UnsafeStore: it cannot be opened.
        """
        mine = Commit(work, sync=sync)
        self._queue.append(mine)
        with self._turn:
            while self._busy and not mine.settled:
                self._turn.wait()
            if mine.settled:
                return mine.result()
            self._busy = True
        try:
            self._commit([self._queue.popleft() for _ in range(len(self._queue))])
        finally:
            self._pass_on()
        return mine.result()

    def _pass_on(self) -> None:
        with self._turn:
            self._busy = False
            self._turn.notify_all()

    def _commit(self, commits: Sequence[Commit[Any]]) -> None:
        try:
            self._settle(commits)
        except BaseException:
            self._drop()
            for each in commits:
                if not each.settled:
                    each.settle(CommitUnknown(self.file.path, why="the thread that committed it was interrupted"))
            raise

    def _settle(self, commits: Sequence[Commit[Any]]) -> None:
        """Do all in one transaction; where nothing of it was kept, each by itself, for one must not fail the others."""
        try:
            self._transact(commits)
        except StoreError as error:
            self._drop()
            for each in commits:
                if len(commits) > 1 and not isinstance(error, CommitUnknown):
                    self._settle([each])
                else:
                    each.settle(copy(error))  # one for each thread: raising it writes to it
        else:
            for each in commits:
                each.settle()

    def _transact(self, commits: Sequence[Commit[Any]]) -> None:
        connection = self._connection("write")
        try:
            if not self._line:
                self._line.append(self.file.stand_in_line())
            with self.file.first_in(self._line[0]):
                self._set_sync(connection, any(each.sync for each in commits))
                connection.execute("BEGIN IMMEDIATE")
                for each in commits:
                    each.do(connection)
                self._end(connection)
        except OSError as error:
            raise NotWritten(self.file.path, why=told(error)) from error
        except sqlite3.OperationalError as error:
            raise NotWritten(self.file.path, why=str(error)) from error
        except sqlite3.Error as error:
            raise refusal(self.file.path, error) from error

    def _end(self, connection: Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            # Without space the line that ends a transaction in the log was not written: nothing else is as certain.
            kind = NotWritten if "full" in str(error) else CommitUnknown
            raise kind(self.file.path, why=str(error)) from error

    def _set_sync(self, connection: Connection, wanted: bool) -> None:  # noqa: FBT001  that is all it says
        level = FULL if wanted and self.file.durable else NORMAL
        if level != self._level:
            self._level = 0  # until it was read back
            self.file.set_sync(connection, level)
            self._level = level

    # --- connections

    def _connection(self, which: str) -> Connection:
        connection = self._open.get(which)
        if connection is None:
            connection = self._open[which] = self.file.open()
            self._inode = self._inode or self.file.inode()
        if self.file.inode() != self._inode:
            why = "was removed or replaced while it was open: put it back, and start anew what uses it"
            raise UnsafeStore(self.file.path, why=why)
        return connection

    def _drop(self) -> None:
        with self._reading:
            self._close()

    def _close(self) -> None:
        self._level = 0
        _close(self._open, self._line, self.file.files)


def _close(connections: Dict[str, Connection], line: List[int], files: Descriptors) -> None:
    while connections:
        with suppress(sqlite3.Error):  # all that matters was committed before
            connections.popitem()[1].close()
    while line:
        files.close(line.pop())


def _tell(database: Optional[Database], what: Callable[[Database], None]) -> None:
    if database is not None:
        what(database)
