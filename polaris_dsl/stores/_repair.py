"""Cutting a damaged journal where its damage begins."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import attrs

from polaris_dsl.stores._open import OpenJournal, refuse
from polaris_dsl.stores._scan import scan


@attrs.frozen
class Repaired:
    """What a repair cut: how many lines and bytes, and where the journal is kept as it was; 0, 0, None: nothing."""

    lines: int
    bytes: int
    copy: Optional[str]


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
    copy = _keep_copy(journal, data)
    cut = data[found.tip.size :]
    with journal.unknown_if_it_fails():
        disk.ftruncate(journal.fd, found.tip.size)
        if journal.ground.durable:
            disk.sync(journal.fd)
    return Repaired(cut.count(b"\n") + (not cut.endswith(b"\n")), len(cut), copy)


def _keep_copy(journal: OpenJournal, data: bytes) -> str:
    ground, path = journal.ground, journal.address.path
    number = 1
    while ground.disk.exists(f"{path}.damaged-{number}"):
        number += 1
    copy = f"{path}.damaged-{number}"
    fd = ground.descriptors.create(copy)
    try:
        ground.disk.write_all(fd, data, 0)
        if ground.durable:
            ground.disk.sync(fd)
            ground.disk.sync_folder(str(Path(path).parent))
    finally:
        ground.descriptors.close(fd)
    return copy
