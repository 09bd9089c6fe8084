"""One open journal: reading on from where it was, recovering what was interrupted, committing."""

from __future__ import annotations

import errno
import logging
import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

import attrs

from polaris_dsl.errors import (
    CommitUnknown,
    CorruptJournal,
    NotWritten,
    RunLocked,
    UnknownRun,
    UnsafeStore,
    WrongWorkflow,
)
from polaris_dsl.stores._disk import Descriptors, Disk
from polaris_dsl.stores._journal import start, write
from polaris_dsl.stores._lines import Kept, Line, Rested, Started, lines_of
from polaris_dsl.stores._locks import Locks, take_run
from polaris_dsl.stores._paths import Folder
from polaris_dsl.stores._scan import Scan, scan

_log = logging.getLogger(__name__)


@attrs.frozen
class Ground:
    """What all journals of a store stand on."""

    disk: Disk
    descriptors: Descriptors
    locks: Locks
    durable: bool
    """Whether a commit waits until it is on the disk."""


@attrs.frozen
class Address:
    """Which run's journal it is, and where."""

    run: str
    workflow: str
    folder: Folder
    path: str


def told(error: OSError, /) -> str:
    """Return what the system says is wrong."""
    if error.errno == errno.ELOOP:
        return "it is a symbolic link, which a store never makes"
    return error.strerror or str(error)


class readable:  # noqa: N801  a context; a class, for each call of `run` enters two, and a generator takes three times as long
    """Turn an `OSError` into `UnsafeStore`, as a context."""

    __slots__ = ("_path",)

    def __init__(self, path: str, /) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: Optional[BaseException], _trace: object) -> None:
        if isinstance(error, OSError):
            raise UnsafeStore(self._path, why=f"cannot be used: {told(error)}") from error


def refuse(found: Scan, address: Address, /) -> None:
    """Raise if what was found in a journal, from its beginning or behind a line, is not the run that was asked for.

    Raises:
        CorruptJournal: it was damaged.
        WrongWorkflow: it is the journal of another workflow.
    """
    if found.damage is not None:
        damage = found.damage
        raise CorruptJournal(address.path, line=damage.line, byte=damage.byte, why=damage.why)
    for line in found.lines[:1]:
        if isinstance(line, Started) and line.flow != address.workflow:
            raise WrongWorkflow(address.path, expected=address.workflow, found=line.flow)


def _is_hint(lines: Sequence[Kept]) -> bool:
    """Say whether this is a status for listings, and nothing else."""
    first = lines[0]
    return len(lines) == 1 and (first[0] is Rested if isinstance(first, tuple) else isinstance(first, Rested))


class AppendLock:
    """The append lock of an open journal, as a context; one that is made once, for it is entered at each commit."""

    def __init__(self, fd: int, locks: Locks, /) -> None:
        self._fd = fd
        self._locks = locks

    def __enter__(self) -> None:
        self._locks.take_append(self._fd)

    def __exit__(self, *_error: object) -> None:
        try:  # noqa: SIM105  `suppress` takes five times as long, at each commit
            self._locks.drop_append(self._fd)
        except OSError:
            pass  # what was committed is committed; at the latest, closing the file lets go


class OpenJournal:
    """An open journal: knows its lines and its size, and reads only what others have added since.

    Its methods are called with `mutex` held, for the threads of a process share the file and so its locks; an `OSError`
    that they let out says that nothing was written.
    """

    def __init__(self, fd: int, address: Address, ground: Ground, /) -> None:
        self.mutex = threading.Lock()
        self.usable = True
        """False once it was closed, or a sync failed: what the kernel holds of it may differ from the disk."""
        self.fd = fd
        self.address = address
        self.ground = ground
        self._disk = ground.disk
        self._durable = ground.durable
        self._lines: List[Kept] = []
        self._tip = start(address.run)
        self._unsynced = False
        self._may_hold = False
        """Whether the run lock is held, or was being taken."""
        self._own = [fd]
        """The file, until it is closed: then another one may have its number."""
        self._append_lock = AppendLock(fd, ground.locks)

    def locked(self) -> AppendLock:
        """Hold the append lock, as a context. Raises `OSError` if there is no lock to be had."""
        return self._append_lock

    def take_run(self, *, wait_s: Optional[float]) -> None:
        """Take the run lock, waiting for it up to `wait_s` seconds (None: without limit).

        Raises:
            RunLocked: another held it for all that time.
        """
        self._may_hold = True  # before, for one who is interrupted in the middle
        try:
            take_run(self.ground.locks, self.fd, self.address.path, run=self.address.run, wait_s=wait_s)
        except RunLocked:
            self._may_hold = False
            raise

    def in_place(self) -> bool:
        """Return whether this is still the file that the path names: what is locked may have been removed meanwhile."""
        return self._disk.is_at(self.fd, self.address.path)

    def append(self, expected_n: int, lines: Sequence[Kept], /) -> Tuple[Line, ...]:
        """Commit lines behind line `expected_n`, or return what already follows it; under the append lock."""
        state = self._disk.fstat(self.fd)
        if state.st_size != self._tip.size or not state.st_nlink:
            self.catch_up(state)
        if self._tip.n == expected_n:
            self._commit(lines)
            return ()
        if self._tip.n < expected_n:
            raise self.unknown()
        return self._read(expected_n)

    def lines(self, after: int, /) -> Tuple[Line, ...]:
        """Return the lines behind line `after`."""
        found = self.behind(after)
        if not self._lines:
            raise self.unknown()
        return found

    def behind(self, n: int, /) -> Tuple[Line, ...]:
        """Do the same; there may be no line at all yet."""
        self.recover()
        return self._read(n)

    def recover(self) -> None:
        """Catch up, under the append lock, if there is anything new; what is not there yet may be seen later."""
        state = self._disk.fstat(self.fd)
        if state.st_size != self._tip.size or not state.st_nlink:
            with self.locked():
                self.catch_up(self._disk.fstat(self.fd))

    def catch_up(self, state: os.stat_result, /) -> None:
        """Read what was added since, and recover from what was interrupted; under the append lock."""
        if state.st_nlink == 0:
            raise self.unknown()
        if state.st_size < self._tip.size:
            why = "it was cut while it was open"
            raise CorruptJournal(self.address.path, line=self._tip.n, byte=state.st_size, why=why)
        data = self._disk.read_from(self.fd, self._tip.size)
        found = scan(data, self.address.run, behind=self._tip)
        refuse(found, self.address)
        self._make_sure(data, found)
        self._lines += found.lines
        self._tip = found.tip

    def remove(self) -> None:
        """Delete the journal, whatever its state, unless it is another workflow's; under both locks."""
        found = scan(self._disk.read_from(self.fd, 0), self.address.run)
        if found.damage is None:
            refuse(found, self.address)
            if not found.lines:
                raise self.unknown()
        self._disk.unlink(self.address.path)
        if self._durable:
            with self.unknown_if_it_fails():
                self._disk.sync_folder(str(Path(self.address.path).parent))

    @contextmanager
    def unknown_if_it_fails(self) -> Iterator[None]:
        """Turn an `OSError` into `CommitUnknown`, and make this unusable: what is on the disk is not known now."""
        try:
            yield
        except OSError as error:
            raise self._given_up(error) from error

    def _given_up(self, error: OSError) -> CommitUnknown:
        self.usable = False  # never again: the kernel reports a failed sync once, and then calls the pages clean
        with suppress(OSError):
            # Its cache may show what the disk does not have; on ext4 even what is then written over it and synced can
            # be lost. So whoever reads next shall see the disk.
            self._disk.forget(self.fd)
        return CommitUnknown(self.address.path, why=told(error))

    def unknown(self) -> UnknownRun:
        """Return the error that says that there is no such run."""
        return UnknownRun(self.address.run, workflow=self.address.workflow)

    def release(self) -> None:
        """Let go of the run lock and close; a journal to which nothing was written is removed first.

        Where this was interrupted, it can be done again.
        """
        if self._tip.size == 0 and self._own:
            with suppress(OSError):
                self._remove_if_empty()
        self.give_up()

    def give_up(self) -> None:
        """Let go of the run lock, if it is held, and close; this too can be done again."""
        if self._may_hold:
            with suppress(OSError):
                self.ground.locks.drop_run(self.fd, self.address.path)
        self.close()

    def close(self) -> None:
        """Close the file, which ends all locks on it."""
        self.usable = self._may_hold = False
        self.ground.descriptors.close_first(self._own)

    def _read(self, n: int) -> Tuple[Line, ...]:
        return tuple(lines_of(self._lines, n, len(self._lines)))

    def _remove_if_empty(self) -> None:
        with self.locked():
            if self._disk.fstat(self.fd).st_size == 0 and self.in_place():
                self._disk.unlink(self.address.path)

    def _make_sure(self, data: bytes, found: Scan) -> None:
        """Drop what an interrupted commit left, and make what was found durable before it is built upon.

        Its writer may have died between write and sync, or failed to sync: a page that could not be written counts as
        clean to the kernel, so only writing the same bytes once more brings them to the disk.
        """
        path, begin, end = self.address.path, self._tip.size, found.tip.size
        with self.unknown_if_it_fails():
            if found.torn:
                _log.warning("%s:%d: dropped an unfinished commit of %d bytes", path, found.tip.n + 1, found.torn)
                self._disk.ftruncate(self.fd, end)
            if self._durable:
                self._disk.write_all(self.fd, data[: end - begin], begin)
                self._disk.sync(self.fd)
                if begin == 0:
                    self.address.folder.sync_for(path)
        self._unsynced = False

    def _commit(self, lines: Sequence[Kept]) -> None:
        data, tip = write(lines, behind=self._tip)
        if self._unsynced:
            # Two commits must not be in flight at once: a power cut could keep the second and lose the first.
            self._sync()
        try:
            self._disk.write_all(self.fd, data, self._tip.size)
        except OSError as error:
            self._cut_back()
            raise NotWritten(self.address.path, why=told(error)) from error
        if _is_hint(lines):
            self._unsynced = self._durable
        elif self._durable:
            self._sync()
        self._lines += lines
        self._tip = tip

    def _cut_back(self) -> None:
        """Take back what was written of a commit; synced, for its bytes must not show up again under the next one."""
        with self.unknown_if_it_fails():
            self._disk.ftruncate(self.fd, self._tip.size)
            if self._durable:
                self._disk.sync(self.fd)

    def _sync(self) -> None:
        try:
            self._disk.sync(self.fd)
            if self._tip.size == 0:
                self.address.folder.sync_for(self.address.path)
        except OSError as error:
            raise self._given_up(error) from error
        self._unsynced = False
