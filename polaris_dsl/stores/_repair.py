"""Cutting a damaged journal where its damage begins."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Optional, Tuple

import attrs

from polaris_dsl.stores._disk import Descriptors, Disk
from polaris_dsl.stores._journal import Tip, claimed
from polaris_dsl.stores._open import OpenJournal, refuse
from polaris_dsl.stores._scan import scan


@attrs.frozen
class Lost:
    """What a line that was cut said of itself; nothing vouches for it.

    Attributes:
        line: its number in the journal, from 1.
        op: `run`, `feed`, `built`, `failed` or `rest`; empty if the line cannot be read.
        by: the builder, if there was one.
        data: the names of the data that were fed or built.
    """

    line: int
    op: str
    by: str
    data: Tuple[str, ...]


@attrs.frozen
class Repaired:
    """What a repair cut: how many lines and bytes, and where the journal is kept as it was; 0, 0, None: nothing.

    `lost` tells of each line that was cut, as far as it can be read; it does not count when two are compared.
    """

    lines: int
    bytes: int
    copy: Optional[str]
    lost: Tuple[Lost, ...] = attrs.field(default=(), eq=False)


def lost_of(cut: bytes, /, *, behind: int) -> Tuple[Lost, ...]:
    """Return what lines said of themselves that were cut behind line `behind`; names only, no values."""
    *lines, tail = cut.split(b"\n")
    lines += [tail] if tail else []
    return tuple(_lost(behind + number, claimed(raw)) for number, raw in enumerate(lines, 1))


def _lost(line: int, said: Mapping[str, object]) -> Lost:
    puts, op, by = (said.get(key) for key in ("put", "op", "by"))
    names = [put[0] for put in puts if isinstance(put, list) and put] if isinstance(puts, list) else []
    for named in (said.get("kept"), said.get("transient")):
        names += named if isinstance(named, list) else []
    return Lost(
        line,
        op if isinstance(op, str) else "",
        by if isinstance(by, str) else "",
        tuple(name for name in names if isinstance(name, str)),
    )


def repair(journal: OpenJournal, /) -> Repaired:
    """Cut a journal behind its last whole commit if it was damaged, and keep a copy beside it; under both locks.

    Raises:
        UnknownRun: there is nothing in it.
        WrongWorkflow: it belongs to another workflow.
        CommitUnknown: the copy is there, but the cut may or may not be on the disk.
    """
    disk = journal.ground.disk
    data = disk.read_from(journal.fd, 0)
    found = scan(data, journal.address.run)
    refuse(attrs.evolve(found, damage=None), journal.address)
    if found.damage is None:
        if not found.lines:
            raise journal.unknown()
        return Repaired(0, 0, None)
    copy = keep_copy(
        data, disk, journal.ground.descriptors, beside=journal.address.path, durable=journal.ground.durable
    )
    with journal.unknown_if_it_fails():
        disk.ftruncate(journal.fd, found.tip.size)
        if journal.ground.durable:
            disk.sync(journal.fd)
    return repaired(data, found.tip, copy=copy)


def repaired(data: bytes, tip: Tip, /, *, copy: str) -> Repaired:
    """Tell what was cut off these bytes of a journal behind a tip."""
    lost = lost_of(data[tip.size :], behind=tip.n)
    return Repaired(len(lost), len(data) - tip.size, copy, lost)


def keep_copy(data: bytes, disk: Disk, descriptors: Descriptors, /, *, beside: str, durable: bool) -> str:
    """Write what a journal holds into a new file, named after `beside`, and return its path."""
    number = 1
    while disk.exists(f"{beside}.damaged-{number}"):
        number += 1
    copy = f"{beside}.damaged-{number}"
    fd = descriptors.create(copy)
    try:
        disk.write_all(fd, data, 0)
        if durable:
            disk.sync(fd)
            disk.sync_folder(str(Path(copy).parent))
    finally:
        descriptors.close(fd)
    return copy
