"""An event loop in a thread of its own: for the async builders of runs that nobody awaits."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future, wait
from typing import Any, Collection, Coroutine, Set


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

    def is_this_thread(self) -> bool:
        """Say whether this is called in that loop."""
        return threading.current_thread() is self._thread

    def begin(self, coroutine: Coroutine[Any, Any, object], /) -> Future[object]:
        """Begin a coroutine; who has its future may cancel it.

        Raises:
            RuntimeError: this was called in that loop, which would wait for itself.
        """
        if self.is_this_thread():
            raise RuntimeError("an async builder called run(), which keeps its loop waiting: await arun() instead")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._going_on.add(future)
        future.add_done_callback(self._going_on.discard)
        return future

    def close(self) -> None:
        """Wait for what runs, cancel what else goes on in the loop, and let the thread go. Nothing begins meanwhile."""
        wait(tuple(self._going_on))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(_cancel(asyncio.all_tasks(loop)))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _cancel(left_behind: Collection[asyncio.Future[object]]) -> None:
    for future in left_behind:
        future.cancel()
    await asyncio.gather(*left_behind, return_exceptions=True)
