"""Calls what is given a time: what takes longer goes on by itself, and nobody sees what it returns."""

from __future__ import annotations

import contextvars
import logging
import threading
from concurrent.futures import Future
from datetime import datetime, timezone
from time import monotonic
from typing import Callable, Dict, Optional, Tuple, TypeVar

import attrs
from typing_extensions import Protocol, final

T = TypeVar("T")

_LOGGER = logging.getLogger("polaris_dsl")


@final
@attrs.frozen
class Late:
    """A builder that goes on although its time is over, or its call was ended by Ctrl-C.

    Attributes:
        run_id: of which run.
        builder: which it is.
        since: when that was (aware, in UTC).
    """

    run_id: str
    builder: str
    since: datetime


class Ends(Protocol):
    """What says when it has ended: a future, of a thread or of a loop."""

    def add_done_callback(self, callback: Callable[[object], object], /) -> object: ...


class Watch:
    """Knows what goes on although nobody waits for it, and calls what may. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._late: Dict[int, Late] = {}
        self._count = 0

    def late(self) -> Tuple[Late, ...]:
        """Return what goes on, in the order in which it was left behind."""
        with self._lock:
            return tuple(self._late.values())

    def call(self, function: Callable[[], T], /, *, limit_s: float, run_id: str, builder: str) -> Optional[T]:
        """Return what a function returns, called in a thread of its own; None if that takes longer than `limit_s`.

        Ctrl-C ends the waiting at once, for that thread does not hear it: what it runs goes on as well, and what it has
        not begun it never will.
        """
        future: Future[T] = Future()
        thread = threading.Thread(
            target=contextvars.copy_context().run,
            args=(_call, function, future),
            name=f"polaris-{builder}",
            daemon=True,  # what hangs for good must not keep the process from ending
        )
        ended = threading.Lock()  # not wait([future]), which Ctrl-C can end while it holds the lock of the future
        ended.acquire()
        future.add_done_callback(lambda _: ended.release())
        try:
            thread.start()
            in_time = ended.acquire(timeout=limit_s)
        except BaseException:
            if not future.cancel():
                self.passes(future, run_id=run_id, builder=builder)
            raise
        if in_time:
            return future.result()
        self.passes(future, run_id=run_id, builder=builder)
        return None

    def passes(self, goes_on: Ends, /, *, run_id: str, builder: str) -> None:
        """Account for what goes on although nobody waits for it, until it ends."""
        began_s = monotonic()
        with self._lock:
            self._count += 1
            number = self._count
            self._late[number] = Late(run_id, builder, datetime.now(timezone.utc))
        _LOGGER.warning("run %s: builder %s goes on by itself; its result will not be seen", run_id, builder)

        def ended(_: object) -> None:
            with self._lock:
                del self._late[number]
            _LOGGER.warning("run %s: builder %s ended %.3f s too late", run_id, builder, monotonic() - began_s)

        goes_on.add_done_callback(ended)


def _call(function: Callable[[], T], future: Future[T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001  raised again in the thread that waits for it
        future.set_exception(error)
    else:
        future.set_result(result)
