"""The bytes of a journal: exact, chained, and never read as anything else than what was written."""

from __future__ import annotations

import hashlib
import json
from typing import List, Sequence, Tuple

import pytest

from polaris_dsl.stores import Built, Failed, Fed, Line, Put, Rested, Started
from polaris_dsl.stores._journal import Tip, start, write
from polaris_dsl.stores._scan import SECTOR, scan

AT = "2026-03-01T09:30:00.125Z"
RUN = "order-42"
COMMITS: List[List[Line]] = [
    [Started(AT, RUN, "payments", "4f1d"), Fed(AT, (Put("Card", '{"no":"4000","ok":true}'), Put("Note", '"]é\\n"')))],
    [Built(AT, "encrypt", {"Card": 2}, (Put("Token", '{"rate":1.0e5}'),), ("Note",))],
    [Built(AT, "remind", {"Card": 2, "Note": 2}), Built(AT, "score", {})],
    [Failed(AT, "pay", {"Token": 3}, "GatewayTimeout", "shop/bank.py:41")],
    [Rested(AT, "failed")],
]
GOLDEN = """\
"""


def written(commits: Sequence[Sequence[Line]] = COMMITS, run: str = RUN) -> Tuple[bytes, List[Tip]]:
    """Return a journal, and the tip behind each of its commits, with the empty one first."""
    data, tips = b"", [start(run)]
    for lines in commits:
        more, tip = write(lines, behind=tips[-1])
        data += more
        tips.append(tip)
    return data, tips


def lines_of(commits: Sequence[Sequence[Line]]) -> Tuple[Line, ...]:
    return tuple(line for lines in commits for line in lines)
