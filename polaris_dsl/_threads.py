"""The threads of an executor: its pool, or a lent one, and the event loop of its async builders."""

from __future__ import annotations

import os
from concurrent.futures import Executor as Pool
from threading import Lock
from typing import Any, Coroutine, Optional

from typing_extensions import Protocol


class Loop(Protocol):
    """An event loop in a thread of its own."""

    process: int

    def finish(self, coroutine: Coroutine[Any, Any, object], /) -> object: ...
    def close(self) -> None: ...


class Threads:
    """Begins threads when they are needed first, and again after they were let go. Safe to share between threads."""

    def __init__(self, lent: Optional[Pool], /, *, max_workers: int, name: str) -> None:
        self._lent = lent
        self._max_workers = max_workers
        self._name = name
        self._lock = Lock()
        self._own: Optional[Pool] = None
        self._loop: Optional[Loop] = None

    def pool(self) -> Pool:
        """Return what lends threads."""
        if self._lent is not None:
            return self._lent
        with self._lock:
            if self._own is None:
                from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  runs in one thread need none

                self._own = ThreadPoolExecutor(self._max_workers, thread_name_prefix=self._name)
            return self._own

    def finish(self, coroutine: Coroutine[Any, Any, object], /) -> object:
        """Run a coroutine to its end, in the loop of this executor; a forked child begins one of its own."""
        with self._lock:
            if self._loop is None or self._loop.process != os.getpid():
                from polaris_dsl._loop_thread import LoopThread  # noqa: PLC0415  asyncio takes long to load

                self._loop = LoopThread(f"{self._name}-loop")
            loop = self._loop
        return loop.finish(coroutine)

    def close(self) -> None:
        """Let the threads go, once they have ended what they do; a lent pool is left alone."""
        with self._lock:
            pool, self._own = self._own, None
            loop, self._loop = self._loop, None
        if pool is not None:
            pool.shutdown()
        if loop is not None and loop.process == os.getpid():
            loop.close()
