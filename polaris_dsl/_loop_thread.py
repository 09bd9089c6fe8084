"""An event loop in a thread of its own: for the async builders of runs that nobody awaits."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import CancelledError
from typing import Any, Coroutine, Optional, Tuple


class LoopThread:
    """Runs coroutines in one event loop, begun with the first of them. Safe to share between threads.

    So what a coroutine keeps, such as a pool of connections, is good for the next one. A forked child begins its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._own: Optional[Tuple[int, asyncio.AbstractEventLoop, threading.Thread]] = None

    def finish(self, coroutine: Coroutine[Any, Any, object], /) -> object:
        """Return what a coroutine returns, or raise what it raises; if this is interrupted, it is cancelled.

        Raises:
            RuntimeError: this was called in a coroutine of that loop, which would wait for itself.
        """
        loop, thread = self._running()
        if threading.current_thread() is thread:
            coroutine.close()
            raise RuntimeError("an async builder called run(), which keeps its event loop waiting: await arun() instead")
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except CancelledError:
            raise asyncio.CancelledError from None
        finally:
            future.cancel()

    def close(self) -> None:
        """Cancel what still runs, and let the thread go; a later coroutine begins another one."""
        with self._lock:
            own, self._own = self._own, None
        if own is not None and own[0] == os.getpid():
            own[1].call_soon_threadsafe(own[1].stop)
            own[2].join()

    def _running(self) -> Tuple[asyncio.AbstractEventLoop, threading.Thread]:
        with self._lock:
            if self._own is None or self._own[0] != os.getpid():
                loop = asyncio.new_event_loop()
                thread = threading.Thread(target=_run, args=(loop,), name="polaris-loop", daemon=True)
                thread.start()
                self._own = os.getpid(), loop, thread
            return self._own[1:]


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
