"""Small real file systems: their power can be cut, their disk can be full, their device can fail."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Mapping, Sequence

import attrs
import pytest

_SHUTDOWN = 0x8004587D  # FS_IOC_SHUTDOWN, which ext4 and XFS know
_CUTS: Mapping[str, int] = {"after the log was written": 1, "at once": 2}
_MAKE: Mapping[str, Sequence[str]] = {"ext4": ("mkfs.ext4", "-q", "-b", "4096"), "xfs": ("mkfs.xfs", "-q")}
_SIZE = {"ext4": 32 << 20, "xfs": 320 << 20}  # XFS is not made smaller
TRIES = 5
PAUSE_S = 0.2
CUTS = tuple(_CUTS)
KINDS = tuple(_MAKE)


@attrs.frozen
class Volume:
    """A file system in a file, and where it is mounted."""

    kind: str
    device: Path
    at: Path

    def mount(self) -> None:
        _run("mount", "-t", self.kind, "-o", "loop", str(self.device), str(self.at))

    def unmount(self) -> None:
        _run("umount", str(self.at))

    def cut_power(self, how: str, /) -> None:
        """Stop the file system: from now on nothing reaches the device, and what was on the way is lost."""
        fd = os.open(str(self.at), os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", _CUTS[how]))
        finally:
            os.close(fd)

    def start_again(self) -> None:
        """Mount it anew: its own recovery runs, and nothing is left in any cache."""
        self.unmount()
        self.mount()


@contextmanager
def volume(kind: str, folder: Path, /) -> Iterator[Volume]:
    """Make a file system of this kind in a directory and mount it for the `with` block; skip where that cannot be."""
    maker = _MAKE[kind]
    _need_root_and(maker[0])
    made = Volume(kind, folder / "device", folder / "mounted")
    made.at.mkdir()
    made.device.touch()
    os.truncate(made.device, _SIZE[kind])
    _run(*maker, str(made.device))
    try:
        made.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{kind} cannot be mounted here: {error.stderr.strip()}")
    try:
        yield made
    finally:
        made.unmount()


@contextmanager
def tiny(folder: Path, /, *, size: int) -> Iterator[Path]:
    """Mount a file system in memory, of so many bytes, for the `with` block; skip where that cannot be."""
    _need_root_and("mount")
    at = folder / "tiny"
    at.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", str(at))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a small file system cannot be mounted here: {error.stderr.strip()}")
    try:
        yield at
    finally:
        _run("umount", str(at))


def fill(file: Path, /, *, leave: int = 0) -> None:
    """Let a file take all the space of its file system, but so many bytes."""
    fd = os.open(str(file), os.O_WRONLY | os.O_CREAT)
    try:
        size = 0
        for piece in (1 << 24, 1 << 20, 1 << 16, 1 << 12):
            with suppress(OSError):
                while True:
                    os.posix_fallocate(fd, size, piece)
                    size += piece
        os.ftruncate(fd, max(0, size - leave))
    finally:
        os.close(fd)


def _need_root_and(program: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount file systems")
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program} here")


def _run(*command: str) -> None:
    """Run a command; once more where it fails: loop devices are shared with all that runs on this machine."""
    for _ in range(TRIES - 1):
        with suppress(subprocess.CalledProcessError):
            subprocess.run(command, check=True, capture_output=True)
            return
        time.sleep(PAUSE_S)
    subprocess.run(command, check=True, capture_output=True, text=True)
