"""What time it is, and waiting: what an executor asks where something is to be tried again later."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import cast

from typing_extensions import Protocol

from polaris_dsl.errors import DefinitionError

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Tells the time and waits; `Executor(clock=...)`. Called in many threads.

    `polaris_dsl.testing.VirtualClock` is one that tests move on by hand.
    """

    def now(self, /) -> datetime:
        """Return the time, with its time zone."""

    def sleep(self, seconds: float, /) -> None:
        """Wait, in a thread."""

    async def async_sleep(self, seconds: float, /) -> None:
        """Wait, in the running event loop."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.now(timezone.utc)

    def sleep(self, seconds: float, /) -> None:
        """Wait, in a thread."""
        time.sleep(seconds)

    async def async_sleep(self, seconds: float, /) -> None:
        """Wait, in the running event loop."""
        import asyncio  # noqa: PLC0415  it takes as long to load as all else here, and few need it

        await asyncio.sleep(seconds)


def checked_clock(clock: object, /) -> Clock:
    """Return what is a clock, or, where None is given, that of this machine; raises `DefinitionError`."""
    if clock is None:
        return SystemClock()
    if isinstance(clock, type) or not all(hasattr(clock, name) for name in ("now", "sleep", "async_sleep")):
        kind = "the class itself" if isinstance(clock, type) else f"a value of type {type(clock).__name__}"
        raise DefinitionError(f"clock= takes a clock, such as SystemClock(), not {kind}")
    return cast("Clock", clock)
