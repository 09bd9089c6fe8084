"""Disks that do, around each call to the operating system, what a test wants."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import attrs
from typing_extensions import Literal, Protocol

from polaris_dsl.stores._disk import Disk, system_disk
from tests.faults.processes import die

MEMORY = Path("/dev/shm")  # noqa: S108  as Linux has it
When = Literal["before", "in the middle of", "after"]


class Around(Protocol):
    """Makes a call to the operating system, and does something of its own before or after it, or instead."""

    def __call__(self, name: str, call: Callable[..., Any], args: Tuple[Any, ...], /) -> object: ...


def disk_with(around: Around, /, *, disk: Optional[Disk] = None) -> Disk:
    """Return a disk (the system's, or another) that makes each of its calls through `around`."""
    real = system_disk("") if disk is None else disk

    def through(name: str) -> Callable[..., Any]:
        call = getattr(real, name)
        return lambda *args: around(name, call, args)

    return Disk(**{name: through(name) for name in attrs.fields_dict(Disk)})


class Faults:
    """Notes each call, and fails those that it is told to."""

    def __init__(self) -> None:
        self.ops: List[str] = []
        self.coming: Dict[str, List[Optional[int]]] = {}
        self.disk = disk_with(self._call)

    def _call(self, name: str, call: Callable[..., Any], args: Tuple[Any, ...], /) -> object:
        self.ops.append(name)
        code = self.coming[name].pop(0) if self.coming.get(name) else None
        if code is not None:
            raise OSError(code, os.strerror(code))
        return call(*args)

    def fail(self, **coming: List[Optional[int]]) -> None:
        """Let the next calls of each name fail with these codes; None: work."""
        self.coming = coming
        self.ops.clear()


@attrs.define
class KillAt:
    """Kills the process at the call of this number, from 0."""

    number: int
    when: When
    seen: int = 0

    def __call__(self, name: str, call: Callable[..., Any], args: Tuple[Any, ...], /) -> object:
        at, self.seen = self.seen, self.seen + 1
        if at != self.number:
            return call(*args)
        if self.when == "in the middle of" and name == "pwrite":
            fd, data, place = args
            call(fd, data[: len(data) // 2], place)
        elif self.when == "after":
            call(*args)
        return die()


def chopped(fd: int, data: bytes, at: int) -> int:
    """Write a few bytes, so that a kill finds a commit half written."""
    return os.pwrite(fd, data[:40], at)


def failing(code: int = errno.EIO) -> OSError:
    """Return what the operating system raises."""
    return OSError(code, os.strerror(code))


@contextmanager
def in_memory(*, otherwise: Path) -> Iterator[Path]:
    """Make a directory in memory for the `with` block; where there is no such thing, take the other one."""
    if MEMORY.is_dir():
        folder = tempfile.mkdtemp(dir=str(MEMORY))
        yield Path(folder)
        shutil.rmtree(folder)
    else:
        yield otherwise
