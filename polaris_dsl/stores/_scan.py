"""What of a journal can be trusted: whole commits, then what an interrupted one left, or damage."""

from __future__ import annotations

import re
from typing import List, Optional, Sequence, Tuple

import attrs

from polaris_dsl.stores._journal import FORMAT, Tip, claimed, link_of, read, start
from polaris_dsl.stores._lines import Line

SECTOR = 512
"""What a disk writes whole or not at all, in bytes."""

_PART = re.compile(rb'\{"n":(\d+),.*,"part":\[(\d+),\d+\],"h":"[0-9a-f]{16}"\}', re.DOTALL)


@attrs.frozen
class Damage:
    """Where a journal was damaged: line from 1, byte from 0, and what is wrong there."""

    line: int
    byte: int
    why: str


@attrs.frozen
class Scan:
    """The trusted lines, the tip behind them, and what follows it: `torn` bytes that may be dropped, or damage."""

    lines: Tuple[Line, ...]
    tip: Tip
    torn: int
    damage: Optional[Damage]


def scan(data: bytes, run: str, /, *, behind: Optional[Tip] = None) -> Scan:
    """Read what follows a tip of the journal of a run (None: the whole journal); never raises for what is in it."""
    tip = cursor = start(run) if behind is None else behind
    base = tip.size
    lines: List[Line] = []
    commit: List[Line] = []
    end = data.find(b"\n")
    while end >= 0:
        raw = data[cursor.size - base : end]
        entry = read(raw, h=cursor.h)
        if entry is None:
            break
        cursor = Tip(cursor.n + 1, base + end + 1, link_of(raw))
        commit.append(entry.line)
        if entry.part == entry.parts:
            lines += commit
            commit = []
            tip = cursor
        end = data.find(b"\n", end + 1)
    damage = _damage(data[cursor.size - base :], run=run, cursor=cursor, first=tip.n + 1)
    return Scan(tuple(lines), tip, 0 if damage else base + len(data) - tip.size, damage)


def _damage(rest: bytes, *, run: str, cursor: Tip, first: int) -> Optional[Damage]:
    """Judge what follows the last whole line; None if a commit that was interrupted can have left it.

    Args:
        rest: the bytes behind `cursor`, of which the first line, if any, cannot be read.
        run: whose journal it is.
        cursor: where the last whole line ends.
        first: the number of the first line of the commit that `rest` would belong to.
    """
    *whole, tail = rest.split(b"\n")
    if whole and not _left_by_power_cut(whole, cursor=cursor, first=first):
        return Damage(cursor.n + 1, cursor.size, _why(whole[0], run=run, line=cursor.n + 1))
    if not whole and _newline_damaged(tail, cursor=cursor):
        return Damage(cursor.n + 1, cursor.size, "the newline at its end was damaged")
    return None


def _why(raw: bytes, *, run: str, line: int) -> str:
    said = claimed(raw) if line == 1 else {}
    other = said.get("run", run)
    if isinstance(other, str) and other != run and read(raw, h=start(other).h):
        return f"this is the journal of run {other!r}, not of {run!r}"
    known = said.get("fmt", FORMAT) == FORMAT
    return "does not match its checksum" + ("" if known else f", and calls its format {said['fmt']!r}, not {FORMAT}")


def _newline_damaged(tail: bytes, *, cursor: Tip) -> bool:
    """Whether a whole line ends in something else than its newline, which a short write cannot leave."""
    last = cursor.size + len(tail) - 1
    unwritten = last % SECTOR == 0 and tail.endswith(b"\0")
    return not unwritten and read(tail[:-1], h=cursor.h) is not None


def _left_by_power_cut(whole: Sequence[bytes], *, cursor: Tip, first: int) -> bool:
    """Whether these lines, each with its newline, are one commit of which some sectors never reached the disk."""
    at = cursor.size
    for i, raw in enumerate(whole):
        mine = i > 0 and _commit_of(raw) == first
        if not mine and not _hole(raw, at=at, begins=i == 0 and cursor.n + 1 == first):
            return False
        at += len(raw) + 1
    return True


def _commit_of(raw: bytes) -> Optional[int]:
    """Return the number of the first line of the commit that a line says it is a part of."""
    said = _PART.fullmatch(raw)
    return int(said[1]) - int(said[2]) + 1 if said else None


def _hole(raw: bytes, *, at: int, begins: bool) -> bool:
    """Whether a line found at byte `at` is only NULs from an edge of a sector, or of the commit, to the next."""
    end = at + len(raw)
    for edge in [*([at] if begins else []), *range(at + -at % SECTOR, end, SECTOR)]:
        stop = min(edge + SECTOR - edge % SECTOR, end)
        if edge < stop and not any(raw[edge - at : stop - at]):
            return True
    return False
