"""The file of a database: made whole, checked before it is used, and opened in the mode that the promise needs."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection
from typing import Callable, Iterator

import attrs

from polaris_dsl.errors import CommitUnknown, CorruptJournal, StoreError, UnsafeStore
from polaris_dsl.stores._disk import READ, Descriptors, Disk
from polaris_dsl.stores._locks import Locks
from polaris_dsl.stores._open import readable, told
from polaris_dsl.stores._sqlite_rows import TABLES

APPLICATION = 0x506F4C61
"""What a database of this library calls its application: `PoLa`."""
SCHEMA = 1
"""The format of the tables that are made, and the only one that is read."""
PATIENCE_S = 60.0
"""How long a database that another application writes to is waited for."""
NORMAL, FULL = 1, 2


def refusal(path: str, error: sqlite3.Error, /) -> StoreError:
    """Return what reading a database that fails like this raises."""
    if isinstance(error, sqlite3.OperationalError):
        return UnsafeStore(path, why=f"cannot be used: {error}")
    return CorruptJournal(path, line=1, byte=0, why=f"the database was damaged: {error}")


@attrs.frozen
class DatabaseFile:
    """Where a database is, and how it is opened.

    No descriptor of the database itself is ever opened here: closing it would drop the locks that SQLite has on it in
    this process.
    """

    path: str
    durable: bool
    disk: Disk
    files: Descriptors
    locks: Locks
    beside: str
    """The empty file on which runs and commits are locked."""
    connect: Callable[..., Connection]

    def stand_in_line(self) -> int:
        """Open the file beside, to wait on it with `first_in`."""
        return self.files.open(self.beside, create=True)

    @contextmanager
    def first_in(self, line: int, /) -> Iterator[None]:
        """Wait in line until no other thread or process makes, opens or writes to the database.

        SQLite has a lock of its own, but those who wait for it only look again and again, and in no order.
        """
        self.locks.take_append(line)
        try:
            yield
        finally:
            with suppress(OSError):  # what was committed is committed; at the latest, closing the file lets go
                self.locks.drop_append(line)

    def open(self) -> Connection:
        """Open the database, and make it first if there is none.

        Raises:
            UnsafeStore: what is there is no database of this library, or not one that can be used safely.
            CorruptJournal: the database was damaged.
        """
        try:
            with readable(self.path):
                return self._open()
        except sqlite3.Error as error:
            if "not a database" in str(error):
                raise UnsafeStore(self.path, why="is not an SQLite database") from None
            raise refusal(self.path, error) from error

    def inode(self) -> int:
        """Return which file the path names by now; 0 if none."""
        try:
            return self.disk.lstat(self.path).st_ino
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise UnsafeStore(self.path, why=f"cannot be used: {told(error)}") from error

    def sync(self) -> None:
        """Make what was committed to the database durable, whoever committed it.

        Raises:
            CommitUnknown: it may or may not be.
        """
        try:
            fd = self.disk.open(f"{self.path}-wal", READ, 0)
            try:
                self.disk.sync(fd)
            finally:
                self.disk.close(fd)
        except FileNotFoundError:
            return  # all of it is in the database itself, which is synced before its log is removed
        except OSError as error:
            raise CommitUnknown(self.path, why=told(error)) from error

    def _open(self) -> Connection:
        line = self.stand_in_line()
        try:
            with self.first_in(line):
                if not self.disk.exists(self.path):
                    self._make()
                self._check_files()
                return self._opened()
        finally:
            self.files.close(line)

    def _make(self) -> None:
        """Make the database under another name, so that it is there with all its tables or not at all."""
        new = f"{self.path}-new"
        for left in (new, f"{new}-wal", f"{new}-shm", f"{new}-journal"):
            with suppress(FileNotFoundError):
                self.disk.unlink(left)
        self.files.close(self.files.create(new))
        connection = self.connect(new, isolation_level=None)
        try:
            self._set(connection, "journal_mode", "wal")
            self._set(connection, "synchronous", FULL)
            connection.executescript(
                f"BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA}; COMMIT"
            )
        finally:
            connection.close()
        os.rename(new, self.path)
        if self.durable:
            self.disk.sync_folder(str(Path(self.path).parent))

    def _check_files(self) -> None:
        for path in (self.path, f"{self.path}-wal", f"{self.path}-shm"):
            try:
                found = self.disk.lstat(path)
            except FileNotFoundError:
                continue
            if stat.S_ISLNK(found.st_mode):
                raise UnsafeStore(path, why="it is a symbolic link, which a store never makes")
            if not stat.S_ISREG(found.st_mode):
                raise UnsafeStore(path, why="is not a file")
            if path == self.path and not found.st_size:
                raise UnsafeStore(path, why="is empty, which a store never leaves it; remove it, or use another path")

    def _opened(self) -> Connection:
        connection = self.connect(self.path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
        try:
            connection.text_factory = _text
            self._check_owner(connection)
            self._set(connection, "journal_mode", "wal")
            self._set(connection, "cell_size_check", 1)
            self._set(connection, "fullfsync", 1)
            self._set(connection, "checkpoint_fullfsync", 1)
            self.set_sync(connection, FULL if self.durable else NORMAL)
        except BaseException:
            connection.close()
            raise
        return connection

    def set_sync(self, connection: Connection, level: int, /) -> None:
        """Say when SQLite syncs: `FULL` at each commit, `NORMAL` only where damage could follow. Read back."""
        self._set(connection, "synchronous", level)

    def _check_owner(self, connection: Connection) -> None:
        ((application,),) = connection.execute("PRAGMA application_id").fetchall()
        ((version,),) = connection.execute("PRAGMA user_version").fetchall()
        if application != APPLICATION:
            raise UnsafeStore(self.path, why="is a database of another application; use another path")
        if version != SCHEMA:
            why = f"has format {version}, and this version of the library reads format {SCHEMA}; use a newer one"
            raise UnsafeStore(self.path, why=why)

    def _set(self, connection: Connection, name: str, value: object) -> None:
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
        found = connection.execute(f"PRAGMA {name}").fetchall()
        if found != [(value,)]:
            why = f"SQLite {sqlite3.sqlite_version} does not take {name} = {value}, without which nothing is promised"
            raise UnsafeStore(self.path, why=why)


def _text(raw: bytes) -> str:
    """Return text, even if it was damaged."""
    return raw.decode("utf-8", "surrogateescape")
