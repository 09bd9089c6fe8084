"""The run locks of a database: ranges of bytes of one empty file beside it, held by the kernel for a live process."""

from __future__ import annotations

import os
import struct
import time
from contextlib import suppress
from hashlib import blake2b, sha256
from typing import Callable, List, Optional, Tuple

from polaris_dsl.errors import RunLocked
from polaris_dsl.stores._disk import READ, Descriptors, Disk
from polaris_dsl.stores._hold import Hold
from polaris_dsl.stores._locks import (
    _APPEND,
    _FLOCK,
    _GETLK,
    _READ,
    _SETLK,
    _UNLOCK,
    _WRITE,
    Holder,
    Locks,
    OfdLocks,
    _process,
    _range,
    system_locks,
    take_run,
)
from polaris_dsl.stores._open import readable
from polaris_dsl.stores._sqlite_file import DatabaseFile
from polaris_dsl.stores._sqlite_rows import Address

_FIRST = _APPEND + 1
_PLACES = (1 << 62) - 2
"""Where the runs have their bytes: two of a million held runs share one with a chance of one in nine million."""

_BAND = 1 << 31
_BANDS = _APPEND // _BAND
_MIDDLE = 1 << 22
"""The most that a process id can be."""
_ZERO_S = 1_700_000_000


def database_locks(descriptors: Descriptors, disk: Disk, /, *, path: str) -> Locks:
    """Return the best locks that there are for the runs of a database, given the path of the file beside it."""
    locks = system_locks(descriptors, disk, root=path)
    return RangeLocks(locks) if isinstance(locks, OfdLocks) else locks


class RangeLocks:
    """Open file description locks on ranges of bytes of one file, which stands for all runs of a database.

    A run has one byte, by its hash, in the upper half of the offsets: whoever has that byte has the run. In the lower
    half it has a band, in which its holder says who and since when: it takes a range there that begins as many bytes
    before a fixed one as its process id says, and ends as many behind as seconds had passed. Bands are narrow enough
    that two runs may meet in one; so they are locked for reading, which never refuses anybody.

    Each holder opens the file for itself, so that the threads of a process are refused to each other too.
    """

    def __init__(self, locks: OfdLocks, /) -> None:
        import fcntl  # noqa: PLC0415  Windows has none

        self._commits = locks
        self._control: Callable[[int, int, bytes], bytes] = fcntl.fcntl

    def take_append(self, fd: int, /, *, shared: bool = False) -> None:
        """Take the lock for one commit, waiting for it in line."""
        self._commits.take_append(fd, shared=shared)

    def drop_append(self, fd: int, /) -> None:
        """Let go of the lock for one commit."""
        self._commits.drop_append(fd)

    def take_run(self, fd: int, path: str, /) -> bool:
        """Take the lock of the run that `path` names, without waiting; False if another has it."""
        byte, middle = _place(path)
        try:
            self._control(fd, _SETLK, _range(_WRITE, byte, 1))
        except BlockingIOError:
            return False
        pid = os.getpid()
        self._control(fd, _SETLK, _range(_READ, middle - pid, pid + int(time.time()) - _ZERO_S))
        return True

    def drop_run(self, fd: int, path: str, /) -> None:
        """Let go of the lock of a run."""
        byte, middle = _place(path)
        self._control(fd, _SETLK, _range(_UNLOCK, middle - _MIDDLE, _BAND))
        self._control(fd, _SETLK, _range(_UNLOCK, byte, 1))

    def holder(self, fd: int, path: str, /) -> Optional[Holder]:
        """Return who has the lock of a run; None if it is free by now."""
        middle = _place(path)[1]
        asked = self._control(fd, _GETLK, _range(_WRITE, middle, 1))
        kind, _, start, length, _ = struct.unpack(_FLOCK, asked)
        return None if kind == _UNLOCK else _process(middle - start, start + length - middle + _ZERO_S)


def _place(path: str) -> Tuple[int, int]:
    """Return the byte of a run, and the middle of its band."""
    digest = int.from_bytes(blake2b(os.fsencode(path), digest_size=16).digest(), "big")
    return _FIRST + digest % _PLACES, (digest >> 64) % _BANDS * _BAND + _MIDDLE


# --- holding a run ---------------------------------------------------------------------------------------------------


def held(
    file: DatabaseFile,
    at: Address,
    /,
    *,
    wait_s: Optional[float],
    then: Callable[[], object] = tuple,
    before: Callable[[], object] = tuple,
) -> Hold:
    """Hold a run, waiting for it up to `wait_s` seconds (None: without limit).

    `then` is done once it is held, and `before` it is let go of.

    Raises:
        RunLocked: another held it for all that time.
        UnsafeStore: there are no locks to be had.
    """
    name, process = _name(file, at), os.getpid()
    opened: List[int] = []

    def take() -> None:
        with readable(file.beside):
            opened.append(file.files.open(file.beside, create=True))
            try:
                take_run(file.locks, opened[0], name, run=at.run, wait_s=wait_s)
            except RunLocked:
                file.files.close_first(opened)  # and nothing else: there is nothing to let go of
                raise
        then()

    def let_go() -> None:
        if opened and os.getpid() == process:  # a forked child has no locks to let go of
            before()
            with suppress(OSError):  # at the latest, closing the file lets go
                file.locks.drop_run(opened[0], name)
            file.files.close_first(opened)

    return Hold(take, let_go)


def holder(file: DatabaseFile, at: Address, /) -> Optional[Holder]:
    """Return who holds a run; None if nobody does.

    Raises:
        UnsafeStore: it cannot be asked.
    """
    with readable(file.beside):
        fd = file.disk.open(file.beside, READ, 0)
        try:
            return file.locks.holder(fd, _name(file, at))
        finally:
            file.disk.close(fd)


def digest(at: Address, /) -> str:
    """Return what names a run of a workflow in the name of a file."""
    return sha256(f"{at.workflow}\0{at.run}".encode()).hexdigest()[:32]


def _name(file: DatabaseFile, at: Address) -> str:
    return f"{file.beside}-{digest(at)}"
