"""The calls to the operating system by which runs reach the disk: the one place where tests put faults."""

from __future__ import annotations

import errno
import os
import stat
import weakref
from contextlib import suppress
from typing import Callable, Dict, List, Optional

import attrs

from polaris_dsl.errors import UnsafeStore

READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
"""Without O_NONBLOCK, a pipe in the place of a journal would keep its reader waiting for ever."""
WRITE = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
CHUNK = 1 << 16
_OWNER = 0o600
"""The mode of every file: its owner may read and write it, nobody else may do anything."""


@attrs.frozen
class Disk:
    """What a store asks of the operating system. Each may raise `OSError`; Python itself repeats what EINTR ended."""

    open: Callable[[str, int, int], int]
    close: Callable[[int], None]
    pread: Callable[[int, int, int], bytes]
    pwrite: Callable[[int, bytes, int], int]
    ftruncate: Callable[[int, int], None]
    sync: Callable[[int], None]
    """Makes the data and the size of a file durable."""
    sync_folder: Callable[[str], None]
    """Makes the entries of a directory durable."""
    forget: Callable[[int], None]
    """Asks the system to read a file from the disk again, and not from its cache; it may have reasons not to."""
    fstat: Callable[[int], os.stat_result]
    lstat: Callable[[str], os.stat_result]
    fchmod: Callable[[int, int], None]
    chmod: Callable[[str, int], None]
    mkdir: Callable[[str, int], None]
    unlink: Callable[[str], None]
    rename: Callable[[str, str], None]
    """Puts a file in the place of another, at once."""
    listdir: Callable[[str], List[str]]

    def read_from(self, fd: int, at: int, /) -> bytes:
        """Return all that a file holds from byte `at` on."""
        chunks: List[bytes] = []
        while True:
            chunk = self.pread(fd, CHUNK, at)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
            at += len(chunk)

    def write_all(self, fd: int, data: bytes, at: int, /) -> None:
        """Write `data` at byte `at`, however many calls that takes."""
        written = self.pwrite(fd, data, at)
        while written < len(data):
            written += self.pwrite(fd, data[written:], at + written)

    def exists(self, path: str, /) -> bool:
        """Return whether `path` names anything."""
        try:
            self.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def is_at(self, fd: int, path: str, /) -> bool:
        """Return whether an open file is still the one that `path` names."""
        try:
            return os.path.samestat(self.lstat(path), self.fstat(fd))
        except FileNotFoundError:
            return False

    def make_folder(self, path: str, /) -> bool:
        """Make a directory that only its owner may enter, whatever the umask; return whether it was missing."""
        try:
            self.mkdir(path, 0o700)
        except FileExistsError:
            return False
        self.chmod(path, 0o700)
        return True


def system_disk(root: str, /) -> Disk:
    """Return the calls of the system that this is.

    Raises:
        UnsafeStore: it lacks some of them, as Windows does; `root` is where the store would have been.
    """
    try:
        sync = _strongest_sync()
    except ImportError:
        why = "a store on disk needs flock and fsync of directories, which this system lacks; use a MemoryStore here"
        raise UnsafeStore(root, why=why) from None
    return Disk(
        open=os.open,
        close=os.close,
        pread=os.pread,
        pwrite=os.pwrite,
        ftruncate=os.ftruncate,
        sync=sync,
        sync_folder=_sync_folder,
        forget=_forget_contents if hasattr(os, "posix_fadvise") else _keep_contents,
        fstat=os.fstat,
        lstat=os.lstat,
        fchmod=os.fchmod,
        chmod=os.chmod,
        mkdir=os.mkdir,
        unlink=os.unlink,
        rename=os.replace,
        listdir=os.listdir,
    )


def _strongest_sync() -> Callable[[int], None]:
    import fcntl  # noqa: PLC0415  Windows has none, and must be able to import this module

    # macOS: fsync leaves the data in the cache of the drive, which a power cut empties.
    full: Optional[int] = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        return os.fdatasync

    def sync(fd: int) -> None:
        fcntl.fcntl(fd, full)

    return sync


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _forget_contents(fd: int) -> None:
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def _keep_contents(_fd: int) -> None:
    """Do nothing: macOS has no such call."""


class Descriptors:
    """The files that a store has open to lock and write. Safe to share between threads.

    A forked child closes its copies at once: they would keep the locks when the parent dies.
    """

    def __init__(self, disk: Disk, /) -> None:
        self._disk = disk
        self._open: Dict[int, int] = {}
        this = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(this()))

    def open(self, path: str, /, *, create: bool) -> int:
        """Open a file to read and write; where it is missing, make one that only its owner may use, or raise.

        Raises:
            FileNotFoundError: there is none, and none was to be made; or its directory is missing.
            OSError: it cannot be opened; it is a symbolic link or a pipe, for two.
        """
        fd = self._kept(self._disk.open(path, WRITE | os.O_CREAT if create else WRITE, _OWNER))
        state = self._disk.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            self.close(fd)
            raise OSError(errno.EINVAL, "is not a file")
        if create and state.st_size == 0 and stat.S_IMODE(state.st_mode) != _OWNER:  # new, and the umask too strict
            self._disk.fchmod(fd, _OWNER)
        return fd

    def create(self, path: str, /) -> int:
        """Make a file that only its owner may use, whatever the umask, and open it.

        Raises:
            FileExistsError: there is one already.
            OSError: it cannot be made.
        """
        fd = self._kept(self._disk.open(path, WRITE | os.O_CREAT | os.O_EXCL, _OWNER))
        self._disk.fchmod(fd, _OWNER)
        return fd

    def close(self, fd: int, /) -> None:
        """Close a file, and with it let go of its locks."""
        self.close_first([fd])

    def close_first(self, own: List[int], /) -> None:
        """Take the first of these files, if there is any, and close it: all or nothing, if this is interrupted."""
        with suppress(OSError, LookupError):  # all that matters was synced before
            # One act of C, in the middle of which no signal is heard.
            any(map(self._disk.close, map(self._open.pop, map(own.pop, (0,)))))

    def _kept(self, fd: int) -> int:
        self._open[fd] = fd
        return fd

    def close_inherited(self) -> None:
        """Close all, in a forked child."""
        for fd in tuple(self._open):
            self.close(fd)


def _forget(descriptors: Optional[Descriptors]) -> None:
    if descriptors is not None:
        descriptors.close_inherited()
