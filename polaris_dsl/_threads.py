"""The threads of an executor: those of builders, those that wait for disks, and one with an event loop."""

from __future__ import annotations

import os
from concurrent.futures import Executor as Pool
from concurrent.futures import Future
from threading import Lock
from typing import Any, Awaitable, Callable, Coroutine, Dict, Optional, TypeVar

from typing_extensions import Protocol

T = TypeVar("T")


class Aside(Protocol):
    """Calls what may wait for a disk, so that it keeps no event loop waiting."""

    def __call__(self, function: Callable[..., T], /, *arguments: object) -> Awaitable[T]: ...


class Loop(Protocol):
    """An event loop in a thread of its own."""

    process: int

    def is_this_thread(self) -> bool: ...
    def begin(self, coroutine: Coroutine[Any, Any, object], /) -> Future[object]: ...
    def close(self) -> None: ...


class Threads:
    """Begins threads when they are needed first, and again after they were let go. Safe to share between threads.

    A forked child begins threads of its own.
    """

    def __init__(self, lent: Optional[Pool], /, *, max_workers: int, name: str) -> None:
        self._lent = lent
        self._max_workers = max_workers
        self._name = name
        self._lock = Lock()
        self._own: Dict[str, Pool] = {}
        self._loop: Optional[Loop] = None
        self._process = os.getpid()

    def pool(self) -> Pool:
        """Return what lends threads to builders."""
        return self._begun(self._name, self._max_workers) if self._lent is None else self._lent

    def disk(self) -> Pool:
        """Return what lends threads to those who await what may wait for a disk.

        Theirs alone: if they shared threads with anyone who waits for a run, none might be left for who holds it.
        """
        return self._begun(f"{self._name}-disk", None)

    def finish(self, coroutine: Coroutine[Any, Any, object], /) -> object:
        """Run a coroutine to its end, in the loop of this executor; if this is interrupted, it is cancelled.

        Raises:
            RuntimeError: this was called in that loop, which would wait for itself.
        """
        with self._lock:
            self._begin_anew_in_a_child()
            if self._loop is None:
                from polaris_dsl._loop_thread import LoopThread  # noqa: PLC0415  asyncio takes long to load

                self._loop = LoopThread(f"{self._name}-loop")
            future = self._loop.begin(coroutine)
        try:
            return future.result()
        finally:
            future.cancel()

    def is_in_loop(self) -> bool:
        """Say whether this is called in the loop of this executor."""
        loop = self._loop
        return loop is not None and loop.is_this_thread()

    def close(self) -> None:
        """Let the threads go, once they have ended what they do; a lent pool is left alone."""
        with self._lock:
            self._begin_anew_in_a_child()
            pools, self._own = self._own, {}
            loop, self._loop = self._loop, None
        for pool in pools.values():
            pool.shutdown()
        if loop is not None:
            loop.close()

    def _begun(self, name: str, max_workers: Optional[int]) -> Pool:
        with self._lock:
            self._begin_anew_in_a_child()
            if name not in self._own:
                from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  runs in one thread need none

                self._own[name] = ThreadPoolExecutor(max_workers, thread_name_prefix=name)
            return self._own[name]

    def _begin_anew_in_a_child(self) -> None:
        if self._process != os.getpid():
            self._process, self._own, self._loop = os.getpid(), {}, None
