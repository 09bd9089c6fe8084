"""A disk that knows every image of itself that a power cut may leave."""

from __future__ import annotations

import errno
import itertools
import os
import random
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Set, Tuple, TypeVar

import attrs

from polaris_dsl.stores._disk import Disk
from polaris_dsl.stores._scan import SECTOR
from tests.faults.disks import disk_with, failing

T = TypeVar("T")
Choose = Callable[[int], int]
"""Picks one of so many possibilities; the last one is what the system shows while there is power."""
Image = Mapping[str, Optional[bytes]]
"""What is left of a directory: the bytes of each file, by path; None is a directory."""


@attrs.define
class Contents:
    """What the disk may hold of one file: each sector in any of the ways in which it was since it was synced.

    A file may have any size that it had since then. An overwrite changes no size, so it cannot make a file shorter.
    """

    now: bytes = b""
    sizes: List[int] = attrs.field(factory=lambda: [0])
    sectors: List[List[bytes]] = attrs.field(factory=list)
    dirty: Set[int] = attrs.field(factory=set)
    """The sectors that the next sync will write."""
    stuck: Set[int] = attrs.field(factory=set)
    """The sectors that no sync will write, but takes for written."""

    def write(self, at: int, data: bytes, /) -> None:
        end = at + len(data)
        self._become(self.now[:at].ljust(at, b"\0") + data + self.now[end:], at, end)

    def truncate(self, size: int, /) -> None:
        self._become(self.now[:size].ljust(size, b"\0"), size, max(size, len(self.now)))
        self.stuck = {sector for sector in self.stuck if sector * SECTOR < size}  # the others are given back

    def sync(self) -> None:
        for sector in self.dirty - self.stuck:
            self.sectors[sector] = self.sectors[sector][-1:]
        self.dirty.clear()
        self.sizes = [len(self.now)]

    def fail_to_sync(self, *, stick: bool = False) -> None:
        """Do as kernels do that could not write: take for clean what is not on the disk.

        What sticks is not written any more, whatever is written and synced, until it is read from the disk again: that
        is what ext4 does to blocks that were new.
        """
        self.stuck |= self.dirty if stick else set()
        self.dirty.clear()

    def forget(self, choose: Choose, /) -> None:
        """Read again from the disk what does not wait to be written there."""
        for sector in {*range(len(self.sectors))} - self.dirty:
            self.sectors[sector] = [_one_of(self.sectors[sector], choose)]
            self.stuck.discard(sector)
        self.now = b"".join(options[-1] for options in self.sectors)[: len(self.now)]

    def left(self, choose: Choose, /) -> bytes:
        size = _one_of(self.sizes, choose)
        needed = self.sectors[: -(-size // SECTOR)]
        return b"".join([_one_of(sector, choose) for sector in needed])[:size].ljust(size, b"\0")

    def _become(self, new: bytes, begin: int, end: int) -> None:
        self.now = new
        _newest(self.sizes, len(new))
        for sector in range(begin // SECTOR, -(-end // SECTOR)):
            at = sector * SECTOR
            if sector == len(self.sectors):
                self.sectors.append([bytes(SECTOR)])
            _newest(self.sectors[sector], new[at : at + SECTOR].ljust(SECTOR, b"\0"))
            self.dirty.add(sector)


def _newest(options: List[T], option: T) -> None:
    if option in options:
        options.remove(option)
    options.append(option)


def _one_of(options: List[T], choose: Choose) -> T:
    return options[0] if len(options) == 1 else options[choose(len(options))]


class Odometer:
    """Goes through all combinations of choices, however many of what size there turn out to be."""

    def __init__(self) -> None:
        self._digits: List[List[int]] = []
        self._at = 0

    def __iter__(self) -> Iterator[None]:
        """Yield once for each combination."""
        more = True
        while more:
            self._at = 0
            yield
            while self._digits and self._digits[-1][0] + 1 == self._digits[-1][1]:
                self._digits.pop()
            more = bool(self._digits)
            if more:
                self._digits[-1][0] += 1

    def choose(self, of: int, /) -> int:
        if self._at == len(self._digits):
            self._digits.append([0, of])
        self._at += 1
        return self._digits[self._at - 1][0]


class Platter:
    """Everything below one directory; `look` is called whenever the images may have become others.

    Args:
        root: the directory.
        look: called without arguments.
        stick: whether what could not be synced sticks; see `Contents.fail_to_sync`.
    """

    def __init__(self, root: Path, /, *, look: Callable[[], object] = lambda: None, stick: bool = False) -> None:
        self.coming: Dict[str, int] = {}
        """Which calls will fail: for each name, how many of it will go well before."""
        self.disk: Disk = disk_with(self._call)
        self._root = str(root)
        self._look = look
        self._stick = stick
        self._chance = random.Random(42)
        self._ids = itertools.count()
        self._folders: Dict[str, Dict[str, List[Optional[int]]]] = {}
        """What the entries of each directory may lead to: nothing, or something by its number."""
        self._contents: Dict[int, Optional[Contents]] = {}
        """What each number stands for; None is a directory."""
        self._inodes: Dict[int, Contents] = {}
        self._take_over(self._root)

    def images(self, *, most: int, chance: random.Random) -> Iterator[Image]:
        """Yield every image that a power cut may leave now; where there are more than `most`, so many drawn by lot."""
        odometer = Odometer()
        every = list(itertools.islice((self.left(odometer.choose) for _ in odometer), most + 1))
        yield from every if len(every) <= most else (self.left(chance.randrange) for _ in range(most))

    def left(self, choose: Choose, /) -> Image:
        """Return one image that a power cut may leave."""
        image: Dict[str, Optional[bytes]] = {}
        self._leave(self._root, "", choose, image)
        return image

    def _leave(self, folder: str, below: str, choose: Choose, image: Dict[str, Optional[bytes]]) -> None:
        for name, options in self._folders[folder].items():
            chosen = _one_of(options, choose)
            if chosen is None:
                continue
            contents = self._contents[chosen]
            image[f"{below}{name}"] = None if contents is None else contents.left(choose)
            if contents is None:
                self._leave(f"{folder}/{name}", f"{below}{name}/", choose, image)

    # --- calls

    def _call(self, name: str, call: Callable[..., Any], args: Tuple[Any, ...], /) -> object:
        note = getattr(self, f"_{name}", None)
        if note is None or (name == "open" and not args[1] & os.O_CREAT):
            return call(*args)
        done = note(call, *args)
        self._look()
        return done

    def _fails(self, name: str) -> bool:
        if name not in self.coming:
            return False
        self.coming[name] -= 1
        return self.coming[name] == -1

    def _open(self, call: Callable[..., int], path: str, flags: int, mode: int) -> int:
        if os.path.lexists(path):
            return call(path, flags, mode)
        fd = call(path, flags, mode)
        contents = Contents()
        self._inodes[os.fstat(fd).st_ino] = contents
        self._enter(path, contents)
        return fd

    def _mkdir(self, call: Callable[..., None], path: str, mode: int) -> None:
        call(path, mode)
        self._folders[path] = {}
        self._enter(path, None)

    def _unlink(self, call: Callable[..., None], path: str) -> None:
        call(path)
        folder, name = os.path.split(path)
        _newest(self._folders[folder][name], None)

    def _rename(self, call: Callable[..., None], path: str, to: str) -> None:
        call(path, to)
        (folder, name), (to_folder, to_name) = os.path.split(path), os.path.split(to)
        _newest(self._folders[to_folder].setdefault(to_name, [None]), self._folders[folder][name][-1])
        _newest(self._folders[folder][name], None)

    def _sync_folder(self, call: Callable[..., None], path: str) -> None:
        if self._fails("sync_folder"):
            raise failing()
        call(path)
        folder = self._folders.get(path, {})
        for name, options in folder.items():
            folder[name] = options[-1:]

    def _pwrite(self, call: Callable[..., int], fd: int, data: bytes, at: int) -> int:
        torn = self._fails("pwrite")
        if torn:
            data = data[: len(data) // 2]
        written = call(fd, data, at)
        self._of(fd).write(at, data[:written])
        if torn:
            self._look()
            raise failing(errno.ENOSPC)
        return written

    def _ftruncate(self, call: Callable[..., None], fd: int, size: int) -> None:
        call(fd, size)
        self._of(fd).truncate(size)

    def _sync(self, call: Callable[..., None], fd: int) -> None:
        if self._fails("sync"):
            self._of(fd).fail_to_sync(stick=self._stick)
            raise failing()
        call(fd)
        self._of(fd).sync()

    def _forget(self, _: Callable[[int], None], fd: int) -> None:
        if self._stick:  # where nothing sticks, the system need not do as it is asked
            contents = self._of(fd)
            contents.forget(self._chance.randrange)
            os.pwrite(fd, contents.now, 0)

    # --- what is there

    def _of(self, fd: int) -> Contents:
        return self._inodes[os.fstat(fd).st_ino]

    def _enter(self, path: str, contents: Optional[Contents]) -> None:
        number = next(self._ids)
        self._contents[number] = contents
        folder, name = os.path.split(path)
        _newest(self._folders[folder].setdefault(name, [None]), number)

    def _take_over(self, folder: str) -> None:
        """Begin with what is there, as if all of it were synced."""
        self._folders[folder] = {}
        for entry in os.scandir(folder):
            contents = None if entry.is_dir() else Contents()
            self._enter(entry.path, contents)
            self._folders[folder][entry.name] = self._folders[folder][entry.name][-1:]
            if contents is None:
                self._take_over(entry.path)
            else:
                contents.write(0, Path(entry.path).read_bytes())
                contents.sync()
                self._inodes[entry.inode()] = contents


def lay_out(image: Image, folder: Path, /) -> None:
    """Write an image into a directory, which is made."""
    folder.mkdir()
    for path, data in image.items():
        if data is None:
            (folder / path).mkdir(mode=0o700)
        else:
            (folder / path).write_bytes(data)
