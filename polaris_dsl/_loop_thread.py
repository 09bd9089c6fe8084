"""An event loop in a thread of its own: for the async builders of runs that nobody awaits."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import CancelledError, Future, wait
from typing import Any, Coroutine, Set


class LoopThread:
    """Runs coroutines in one event loop, so that what one keeps, such as connections, is good for the next.

    Safe to share between threads, but not with a forked child.
    """

    def __init__(self, name: str) -> None:
        self.process = os.getpid()
        self._going_on: Set[Future[object]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop,), name=name, daemon=True)
        self._thread.start()

    def finish(self, coroutine: Coroutine[Any, Any, object], /) -> object:
        """Return what a coroutine returns, or raise what it raises; if this is interrupted, it is cancelled.

        Raises:
            RuntimeError: this was called in that loop, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("an async builder called run(), which keeps its loop waiting: await arun() instead")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._going_on.add(future)
        try:
            return future.result()
        except CancelledError:
            raise asyncio.CancelledError from None
        finally:
            future.cancel()
            self._going_on.discard(future)

    def close(self) -> None:
        """Wait for what runs, cancel what else goes on in the loop, and let the thread go."""
        wait(tuple(self._going_on))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for future in left:
            future.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
