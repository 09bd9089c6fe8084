"""The two locks of a run: for those who run it, and for one commit."""

from __future__ import annotations

import errno
import os
import platform
import struct
import sys
import time
from datetime import datetime, timezone
from typing import Dict, Optional

import attrs
from typing_extensions import Protocol

from polaris_dsl.errors import RunLocked, UnsafeStore
from polaris_dsl.stores._disk import READ, Descriptors, Disk


@attrs.frozen
class Holder:
    """Who holds a run, and since when, as ISO 8601 in UTC."""

    name: str
    since: str


class Locks(Protocol):
    """How the runs of a file store are locked, between processes and between the open files of one process.

    Both locks end with the process at the latest. A file that was removed can still be locked: look again after that.
    """

    def take_append(self, fd: int, /, *, shared: bool = False) -> None:
        """Take the lock for one commit on an open journal, waiting for it; shared: only no commit may be under way."""

    def drop_append(self, fd: int, /) -> None:
        """Let go of the lock for one commit."""

    def take_run(self, fd: int, path: str, /) -> bool:
        """Take the run lock of the journal open as `fd`, without waiting; False if another has it."""

    def drop_run(self, fd: int, path: str, /) -> None:
        """Let go of the run lock."""

    def holder(self, fd: int, path: str, /) -> Optional[Holder]:
        """Return who has the run lock; None if it is free by now."""


def system_locks(descriptors: Descriptors, disk: Disk, /, *, root: str) -> Locks:
    """Return the best locks that there are for files below `root`; all processes must come to the same.

    Raises:
        UnsafeStore: which locks there are could not be found out.
    """
    try:
        best = sys.platform == "linux" and _ofd_works(root)
    except OSError as error:
        raise UnsafeStore(root, why=f"cannot be used: {error.strerror}") from error
    return OfdLocks() if best else FlockLocks(descriptors, disk)


LONGEST_PAUSE_S = 0.05


def take_run(locks: Locks, fd: int, path: str, /, *, run: str, wait_s: Optional[float]) -> None:
    """Take the run lock, waiting for it up to `wait_s` seconds (None: without limit).

    Raises:
        RunLocked: another held it for all that time.
    """
    deadline = None if wait_s is None else time.monotonic() + wait_s
    pause_s = 0.001
    while not locks.take_run(fd, path):
        other = locks.holder(fd, path)
        if other is None:
            continue  # it has been let go by now, or is about to say who has it
        left_s = pause_s if deadline is None else min(pause_s, deadline - time.monotonic())
        if left_s <= 0:
            raise RunLocked(run, holder=other.name, since=other.since)
        time.sleep(left_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


# --- Linux: both are ranges of bytes of the journal itself, far behind its data; no file more for each run ------------

_SETLK, _SETLKW, _GETLK = 37, 38, 36  # F_OFD_...: the fcntl module has the names since Python 3.9
_READ, _WRITE, _UNLOCK = 0, 1, 2
_UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
_FLOCK = "hhqqi0q"  # struct flock: type, whence, start, length, pid
_APPEND = 1 << 62
_RUN = 1 << 61


def _range(kind: int, start: int, length: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)


_TAKE_APPEND = _range(_WRITE, _APPEND, 1)
_SHARE_APPEND = _range(_READ, _APPEND, 1)
_DROP_APPEND = _range(_UNLOCK, _APPEND, 1)
_ASK_RUN = _range(_WRITE, _RUN, 1)


def _ofd_works(root: str) -> bool:
    """Whether kernel and file system know open file description locks: asking for one is harmless."""
    import fcntl  # noqa: PLC0415

    fd = os.open(root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.fcntl(fd, _GETLK, _SHARE_APPEND)
    except OSError as error:
        if error.errno in _UNKNOWN:
            return False
        raise  # who took other locks than the others, since something failed just now, would be locked out by nobody
    finally:
        os.close(fd)
    return True


class OfdLocks:
    """Open file description locks, which belong to the open file: `lockf` is lost when any other one closes.

    The range of the run lock covers byte `_RUN`; it begins as many bytes before as the holder's process id says, and
    ends as many behind as there are seconds in the time of locking: the one call that takes it says who and since when.
    """

    def __init__(self) -> None:
        import fcntl  # noqa: PLC0415

        self._control = fcntl.fcntl

    def take_append(self, fd: int, /, *, shared: bool = False) -> None:
        """Take the lock for one commit."""
        self._control(fd, _SETLKW, _SHARE_APPEND if shared else _TAKE_APPEND)

    def drop_append(self, fd: int, /) -> None:
        """Let go of the lock for one commit."""
        self._control(fd, _SETLK, _DROP_APPEND)

    def take_run(self, fd: int, path: str, /) -> bool:  # noqa: ARG002  the journal itself is locked
        """Take the run lock, without waiting."""
        pid = os.getpid()
        try:
            self._control(fd, _SETLK, _range(_WRITE, _RUN - pid, pid + int(time.time())))
        except BlockingIOError:
            return False
        return True

    def drop_run(self, fd: int, path: str, /) -> None:  # noqa: ARG002  as above
        """Let go of the run lock."""
        self._control(fd, _SETLK, _range(_UNLOCK, 0, _APPEND))

    def holder(self, fd: int, path: str, /) -> Optional[Holder]:  # noqa: ARG002  as above
        """Return who has the run lock."""
        kind, _, start, length, _ = struct.unpack(_FLOCK, self._control(fd, _GETLK, _ASK_RUN))
        return None if kind == _UNLOCK else _process(_RUN - start, start + length - _RUN)


# --- elsewhere: flock, on the journal for one commit, on a file beside it for the run --------------------------------


class FlockLocks:
    """`flock` locks. The file beside the journal says who holds the run, and is removed with the lock."""

    def __init__(self, descriptors: Descriptors, disk: Disk, /) -> None:
        import fcntl  # noqa: PLC0415

        self._flock = fcntl.flock
        self._exclusive, self._shared, self._unlock = fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN
        self._at_once = fcntl.LOCK_EX | fcntl.LOCK_NB
        self._descriptors = descriptors
        self._disk = disk
        self._beside: Dict[int, int] = {}

    def take_append(self, fd: int, /, *, shared: bool = False) -> None:
        """Take the lock for one commit."""
        self._flock(fd, self._shared if shared else self._exclusive)

    def drop_append(self, fd: int, /) -> None:
        """Let go of the lock for one commit."""
        self._flock(fd, self._unlock)

    def take_run(self, fd: int, path: str, /) -> bool:
        """Take the run lock, without waiting."""
        path = _beside(path)
        own = self._descriptors.open(path, create=True)
        try:
            self._flock(own, self._at_once)
            if not self._disk.is_at(own, path):
                raise BlockingIOError  # noqa: TRY301  its holder removed it just now: as good as locked
            this = _process(os.getpid(), int(time.time()))
            self._disk.ftruncate(own, 0)
            self._disk.write_all(own, f"{this.name}\n{this.since}\n".encode(), 0)
        except BlockingIOError:
            self._descriptors.close(own)
            return False
        except BaseException:
            self._descriptors.close(own)
            raise
        self._beside[fd] = own
        return True

    def drop_run(self, fd: int, path: str, /) -> None:
        """Let go of the run lock."""
        own = self._beside.get(fd)
        if own is None:
            return
        try:
            del self._beside[fd]
            self._disk.unlink(_beside(path))
            self._flock(own, self._unlock)
        finally:
            self._descriptors.close(own)

    def holder(self, fd: int, path: str, /) -> Optional[Holder]:  # noqa: ARG002  said by the file beside it
        """Return who has the run lock."""
        try:
            told = self._disk.open(_beside(path), READ, 0)
        except FileNotFoundError:
            return None
        try:
            name, _, since = self._disk.read_from(told, 0).decode("utf-8", "replace").strip().partition("\n")
        finally:
            self._disk.close(told)
        return Holder(name, since) if since else Holder("another process", "just now")


def _beside(path: str) -> str:
    return f"{path}.lock"


def _process(pid: int, since_s: int) -> Holder:
    since = datetime.fromtimestamp(since_s, timezone.utc).isoformat().replace("+00:00", "Z")
    return Holder(f"process {pid} on host {platform.node()}", since)
