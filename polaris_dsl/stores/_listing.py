"""The id and the last line of a run, from the two ends of its journal."""

from __future__ import annotations

from typing import Optional, Tuple

from polaris_dsl.stores._disk import Disk
from polaris_dsl.stores._journal import claimed, link_of, read, start
from polaris_dsl.stores._lines import Line, Started

BLOCK = 4096
"""How many bytes are read of each end, at first."""


def run_of(first: bytes, /) -> Optional[Started]:
    """Return the first line of a journal, given without its newline; None if it was damaged."""
    run = claimed(first).get("run")
    entry = read(first, h=start(run).h) if isinstance(run, str) else None
    return entry.line if entry is not None and isinstance(entry.line, Started) else None


def glance(disk: Disk, fd: int, /) -> Optional[Tuple[Started, Line]]:
    """Return the first and the last line of a journal; None where it takes reading the whole to be sure of them."""
    begun = run_of(disk.pread(fd, BLOCK, 0).partition(b"\n")[0])
    if begun is None:
        return None
    size = disk.fstat(fd).st_size
    reach = BLOCK
    while True:
        at = max(0, size - reach)
        *lines, unfinished = disk.pread(fd, size - at, at).split(b"\n")
        # The line before the last seals it, and so must be whole; the first of them may be cut off in front.
        if at == 0 or lines[:-2]:
            break
        reach *= 8
    if unfinished or not lines:
        return None
    entry = read(lines[-1], h=link_of(lines[-2]) if lines[:-1] else start(begun.run).h)
    return None if entry is None or entry.part != entry.parts else (begun, entry.line)
