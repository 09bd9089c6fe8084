"""A clock that tests move on by hand, and that nobody waits by."""

from __future__ import annotations

import math
import threading
from datetime import datetime, timedelta, timezone
from typing import List, Optional, Tuple, cast

from typing_extensions import final

__all__ = ["VirtualClock"]


@final
class VirtualClock:
    """A `polaris_dsl.Clock` for tests: who sleeps by it goes on at once, and finds that the time has passed.

    It tells when builders are tried again: `Retry`, `RetryAt`, `Executor.wake`. Time limits run by real time, for
    builders take real time. Safe to share between threads.

    Args:
        start: the time that it shows first (with a time zone); default: noon of 1 January 2026, UTC.

    Raises:
        ValueError: `start` has no time zone, or a time is to pass that is no number of 0 or more.

    Example:
        >>> clock = VirtualClock()
        >>> clock.sleep(90)
        >>> clock.advance(30)
        >>> clock.now().isoformat(), clock.slept
        ('2026-01-01T12:02:00+00:00', (90,))
    """

    def __init__(self, start: Optional[datetime] = None, /) -> None:
        start = datetime(2026, 1, 1, 12, tzinfo=timezone.utc) if start is None else start
        if not isinstance(cast(object, start), datetime) or start.utcoffset() is None:
            raise ValueError(f"VirtualClock takes a datetime with a time zone, not {start!r:.80}")
        self._lock = threading.Lock()
        self._now = start
        self._slept: List[float] = []

    @property
    def slept(self) -> Tuple[float, ...]:
        """How many seconds were slept, each time that somebody did, in order."""
        with self._lock:
            return tuple(self._slept)

    def now(self) -> datetime:
        """Return the time that it shows."""
        with self._lock:
            return self._now

    def advance(self, seconds: float, /) -> None:
        """Let time pass."""
        passed = _passing(seconds)
        with self._lock:
            self._now += passed

    def sleep(self, seconds: float, /) -> None:
        """Let time pass, and note it in `slept`."""
        passed = _passing(seconds)
        with self._lock:
            self._now += passed
            self._slept.append(seconds)

    async def async_sleep(self, seconds: float, /) -> None:
        """Do the same where a builder is awaited; others may go on before it returns."""
        import asyncio  # noqa: PLC0415  it takes as long to load as all else here, and few need it

        self.sleep(seconds)
        await asyncio.sleep(0)


def _passing(seconds: float) -> timedelta:
    if not 0 <= seconds < math.inf:
        raise ValueError(f"time passes by seconds, 0 or more, not {seconds!r:.80}")
    return timedelta(seconds=seconds)
