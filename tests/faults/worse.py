"""What a store would be without one of the things that it does: the tests must notice each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable, Optional, Sequence, Tuple

import attrs
import pytest

from polaris_dsl.stores import Line, Started, _scan
from polaris_dsl.stores._disk import Disk
from polaris_dsl.stores._journal import Entry, read
from polaris_dsl.stores._locks import OfdLocks
from polaris_dsl.stores._open import OpenJournal
from polaris_dsl.stores._scan import Scan

WorseDisk = Callable[[Disk], Disk]


# --- the disk --------------------------------------------------------------------------------------------------------


def as_it_is(disk: Disk) -> Disk:
    return disk


def without_sync(disk: Disk) -> Disk:
    return attrs.evolve(disk, sync=lambda _: None)


def without_directory_sync(disk: Disk) -> Disk:
    return attrs.evolve(disk, sync_folder=lambda _: None)


def without_sync_of_the_directories_above(disk: Disk) -> Disk:
    def sync_shards(path: str) -> None:
        if len(Path(path).name) == 2:
            disk.sync_folder(path)

    return attrs.evolve(disk, sync_folder=sync_shards)


def without_sync_of_the_shards(disk: Disk) -> Disk:
    def sync_others(path: str) -> None:
        if len(Path(path).name) != 2:
            disk.sync_folder(path)

    return attrs.evolve(disk, sync_folder=sync_others)


def without_forgetting(disk: Disk) -> Disk:
    return attrs.evolve(disk, forget=lambda _: None)


# --- reading ---------------------------------------------------------------------------------------------------------


def without_taking_commits_as_a_whole(patch: pytest.MonkeyPatch) -> None:
    def by_itself(raw: bytes, *, h: bytes) -> Optional[Entry]:
        entry = read(raw, h=h)
        return None if entry is None else Entry(entry.line, 1, 1)

    patch.setattr(_scan, "read", by_itself)


def without_a_look_at_the_last_newline(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_scan, "_newline_damaged", lambda tail, **_: False)


def without_knowing_what_a_power_cut_leaves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_scan, "_left_by_power_cut", lambda whole, **_: False)


def taking_all_for_a_power_cut(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_scan, "_left_by_power_cut", lambda whole, **_: True)


# --- recovery --------------------------------------------------------------------------------------------------------


def without_writing_once_more(patch: pytest.MonkeyPatch) -> None:
    real = OpenJournal._make_sure
    patch.setattr(OpenJournal, "_make_sure", lambda self, data, found: real(self, b"", found))


def without_cutting_what_is_torn(patch: pytest.MonkeyPatch) -> None:
    real = OpenJournal._make_sure
    patch.setattr(OpenJournal, "_make_sure", lambda self, data, found: real(self, data, attrs.evolve(found, torn=0)))


def cutting_before_writing_once_more(patch: pytest.MonkeyPatch) -> None:
    real = OpenJournal._make_sure

    def make_sure(self: OpenJournal, data: bytes, found: Scan) -> None:
        self._disk.ftruncate(self.fd, self._tip.size)
        real(self, data, found)

    patch.setattr(OpenJournal, "_make_sure", make_sure)


# --- committing ------------------------------------------------------------------------------------------------------


def without_comparing_before_appending(patch: pytest.MonkeyPatch) -> None:
    """Take any line for the expected one."""

    def append(self: OpenJournal, _: int, lines: Sequence[Line]) -> Tuple[Line, ...]:
        self.catch_up(self._disk.fstat(self.fd))
        self._commit([line for line in lines if not isinstance(line, Started) or not self._tip.n])
        return ()

    patch.setattr(OpenJournal, "append", append)


def without_a_sync_between_commits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OpenJournal, "_unsynced", property(lambda _: False, lambda *_: None), raising=False)


def without_taking_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OpenJournal, "_cut_back", lambda _: None)


def without_a_sync_of_what_is_taken_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OpenJournal, "_cut_back", lambda self: self._disk.ftruncate(self.fd, self._tip.size))


# --- locks -----------------------------------------------------------------------------------------------------------


def without_the_append_lock(patch: pytest.MonkeyPatch) -> None:
    """Look, and take a while to write, in which others may do the same."""
    real = OpenJournal._commit

    def commit(self: OpenJournal, lines: Sequence[Line]) -> None:
        time.sleep(0.001)
        real(self, lines)

    patch.setattr(OpenJournal, "_commit", commit)
    patch.setattr(OfdLocks, "take_append", lambda self, fd, *, shared=False: None)


def without_the_run_lock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OfdLocks, "take_run", lambda self, fd, path: True)
