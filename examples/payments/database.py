"""A SQLite file that many threads and processes write to."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Iterator

from typing_extensions import Self


class Database:
    """One connection, one transaction at a time; closed at the end of its `with`."""

    def __init__(self, path: Path, /, *, schema: str) -> None:
        self._one_at_a_time = threading.Lock()
        self._connection = sqlite3.connect(str(path), timeout=30, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.executescript(schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit all that is done in the `with` block, or nothing if it raises."""
        with self._one_at_a_time:
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:
                yield self._connection
