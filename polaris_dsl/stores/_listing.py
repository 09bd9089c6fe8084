"""Whose journal it is and its last line, from the two ends of it."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from polaris_dsl.stores._disk import Disk
from polaris_dsl.stores._journal import claimed, link_of, read, sealed, start
from polaris_dsl.stores._lines import Line, Rested, Started

BLOCK = 4096
"""How many bytes are read of each end, at first."""

_SEAL = 24
"""How many bytes the end of a line has at least, with which the next one is sealed, and its newline."""

_BEGUN = re.compile(
    rb'\{"n":1,"at":"[^"\\]*","op":"run","fmt":1,"run":"([^"\\]*)","flow":"([^"\\]*)","graph":"[^"\\]*"'
    rb'(?:,"part":\[1,\d+\])?,"h":"[0-9a-f]{16}"\}\n'
)
"""A first line in which nothing is escaped: to read it as JSON would take most of the time of a listing."""


_RESTED = re.compile(
    rb'\{"n":\d+,"at":"([ !#-\[\]-~]*)","op":"rest","status":"([ !#-\[\]-~]*)"'
    rb'(?:,"wake":"([ !#-\[\]-~]*)")?,"h":"[0-9a-f]{16}"\}'
)
"""A status as the last line, which nearly every journal has; as above."""

Ends = Tuple[str, str, Line]
"""Run id and workflow, as the first line says (the reader can tell by its place if that is true), and the last line."""


def run_of(first: bytes, /) -> Optional[Started]:
    """Return the first line of a journal, given without its newline; None if it was damaged."""
    run = claimed(first).get("run")
    entry = read(first, h=start(run).h) if isinstance(run, str) else None
    return entry.line if entry is not None and isinstance(entry.line, Started) else None


def glance(disk: Disk, fd: int, /) -> Optional[Ends]:
    """Return what the two ends of a journal say; None where it takes reading the whole to be sure of them."""
    head = tail = disk.pread(fd, BLOCK, 0)
    begun = _begun(head)
    if begun is None:
        return None
    begin, reach = 0, BLOCK
    while True:
        if len(head) == BLOCK:
            size = disk.fstat(fd).st_size
            begin = max(0, size - reach)
            tail = disk.pread(fd, size - begin, begin)
        at = tail.rfind(b"\n", 0, -1) + 1
        # The line before the last seals it, with its own last bytes; what lies before them may be cut off.
        if begin == 0 or at > _SEAL:
            break
        reach *= 8
    if not tail.endswith(b"\n"):
        return None
    run, flow = begun
    last = _last(tail[at:-1], h=link_of(tail[: at - 1]) if at else start(run).h)
    return None if last is None else (run, flow, last)


def _begun(head: bytes) -> Optional[Tuple[str, str]]:
    said = _BEGUN.match(head)
    if said is not None:
        try:
            return said[1].decode(), said[2].decode()
        except UnicodeDecodeError:
            return None
    begun = run_of(head.partition(b"\n")[0])
    return None if begun is None else (begun.run, begun.flow)


def rested(raw: bytes, /, *, h: bytes) -> Optional[Rested]:
    """Return the status that a line is; None: it is another line, or damaged. Takes a third of the time of `read`."""
    said = _RESTED.fullmatch(raw)
    if said is None or not sealed(raw, h=h):
        return None
    return Rested(said[1].decode(), said[2].decode(), (said[3] or b"").decode())


def _last(raw: bytes, *, h: bytes) -> Optional[Line]:
    status = rested(raw, h=h)
    if status is not None:
        return status
    entry = read(raw, h=h)
    # Of a commit of several lines a power cut may have left the last, and not those before it.
    return None if entry is None or entry.parts > 1 else entry.line
