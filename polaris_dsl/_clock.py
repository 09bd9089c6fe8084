"""Tells the time as journals write it."""

from __future__ import annotations

import time
from typing import Tuple


class Clock:
    """The time of the system in UTC, as ISO 8601 to the millisecond. Safe to share between threads."""

    def __init__(self) -> None:
        self._second: Tuple[int, str] = (-1, "")

    def __call__(self) -> str:
        """Return the time, such as `2024-02-29T12:00:00.000Z`."""
        second, millisecond = divmod(time.time_ns() // 1_000_000, 1000)
        known, text = self._second
        if second != known:  # most calls come within the second of the one before, whose text is kept
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        return f"{text}.{millisecond:03}Z"
