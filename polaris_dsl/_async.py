"""Runs what is due of one run in the running event loop: async builders in the loop itself, plain ones in a pool."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import CancelledError
from concurrent.futures import Executor as Pool
from typing import Any, Awaitable, Callable, Coroutine, Dict, Optional, Set, TypeVar

from typing_extensions import Protocol

from polaris_dsl._attempt import Attempt, Outcome, prepare
from polaris_dsl._making import Making
from polaris_dsl._run import Run, run_of
from polaris_dsl._wave import Wave
from polaris_dsl.errors import BuilderError, HookFailed

T = TypeVar("T")


class Aside(Protocol):
    """Calls what may wait for a disk, where that keeps no event loop waiting."""

    def __call__(self, function: Callable[..., T], /, *arguments: object) -> Awaitable[T]: ...


async def in_thread(function: Callable[..., T], /, *arguments: object) -> T:
    """Call in another thread, to the end: who is cancelled meanwhile is told after it."""
    return await to_the_end(asyncio.get_running_loop().run_in_executor(None, function, *arguments))


async def at_once(function: Callable[..., T], /, *arguments: object) -> T:
    """Call right here what takes a few lines of Python."""
    return function(*arguments)


async def to_the_end(future: asyncio.Future[T], /) -> T:
    """Wait for what cannot be stopped, whoever wants to cancel that, and pass the cancelling on after it."""
    cancelled: Optional[asyncio.CancelledError] = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return future.result()


class AsyncExecution:
    """One call of `Executor.arun`, while it holds the run lock. Its methods are called in the running loop.

    When it is cancelled, it begins nothing more, cancels the async builders, and lets the plain ones end, which cannot
    be stopped: their results are committed.
    """

    def __init__(self, making: Making, /, *, pool: Pool, aside: Aside) -> None:
        self._making = making
        self._commits = making.commits
        self._state = making.commits.state
        self._pool = pool
        self._aside = aside
        self._loop = asyncio.get_running_loop()
        self._running: Dict[asyncio.Future[Optional[Outcome]], Attempt] = {}
        self._awaited: Set[asyncio.Future[object]] = set()
        """What async builders do: all that can be cancelled."""

    async def at_rest(self, *, run_id: str) -> Run[object]:
        """Run until nothing is due, and note where the run stands then."""
        commits = self._commits
        try:
            while True:
                await self._run()
                run = run_of(self._state, run_id=run_id, built=commits.built)
                if await self._aside(commits.rest, run.status.value):
                    return run
        except HookFailed as failed:
            failed.with_run(run_of(self._state, run_id=run_id, built=commits.built))
            raise

    async def _run(self) -> None:
        state, commits = self._state, self._commits
        state.read()
        while True:
            with commits.lock:
                commits.foreign = False
                self._wave = Wave(state, tried=commits.tried)
                state.touched.clear()
            await self._drain()
            state.touched.update(self._wave.left())
            if commits.broken is not None:
                raise commits.broken
            if not commits.foreign:
                return

    async def _drain(self) -> None:
        """Begin what is due as soon as it is, until nothing is due or running."""
        while True:
            self._begin()
            if not self._running:
                return
            try:
                done, _ = await asyncio.wait(set(self._running), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError as error:
                self._commits.breaks(error)
                for awaited in self._awaited:
                    awaited.cancel()
                continue
            for future in done:
                self._end(self._running.pop(future), future)

    def _begin(self) -> None:
        commits, due = self._commits, self._wave.due
        while due and not commits.foreign and commits.broken is None:
            with commits.lock:
                attempt = prepare(self._state, due.popleft())
            if self._state.plan.calls[attempt[0]].options.is_async:
                self._running[self._loop.create_task(self._make(attempt))] = attempt
            else:
                context = contextvars.copy_context()
                future = self._loop.run_in_executor(self._pool, context.run, self._make_plain, attempt)
                self._running[future] = attempt

    def _end(self, attempt: Attempt, future: asyncio.Future[Optional[Outcome]]) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            self._commits.breaks(error)
            return
        outcome = future.result()
        if outcome is None:  # it was not begun, or cancelled
            return
        try:
            with self._commits.lock:
                if self._making.quick:
                    self._commits.at_once(attempt, outcome)
                self._wave.settle(attempt[0], finished=not isinstance(outcome, BuilderError))
        except BaseException as wrong:  # noqa: BLE001  of a comparison, of a codec: raised when all has ended
            self._commits.breaks(wrong)

    def _make_plain(self, attempt: Attempt) -> Optional[Outcome]:
        return self._making.make(attempt) if self._commits.broken is None else None

    async def _make(self, attempt: Attempt) -> Optional[Outcome]:
        return await self._making.amake(attempt, aside=self._aside, cancellable=self._cancellable)

    async def _cancellable(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await what may be cancelled, apart from what has to be done to its end."""
        task = self._loop.create_task(coroutine)
        self._awaited.add(task)
        try:
            return await task
        finally:
            task.cancel()
            self._awaited.discard(task)

    def finish(self, coroutine: Coroutine[Any, Any, object], /) -> object:
        """Run a coroutine that a plain builder returned, for the thread of that one, in the loop."""
        future = asyncio.run_coroutine_threadsafe(self._cancellable(coroutine), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise asyncio.CancelledError from None
