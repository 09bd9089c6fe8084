"""Runs what is due of one run in the running event loop: async builders in the loop itself, plain ones in a pool."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import CancelledError
from concurrent.futures import Executor as Pool
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, AsyncIterator, Awaitable, Callable, Coroutine, Dict, Optional, Set, TypeVar

from typing_extensions import Protocol

from polaris_dsl._attempt import Attempt, Outcome, prepare
from polaris_dsl._making import Act, Making, Perform, Sleep
from polaris_dsl._runs import Frozen, Runs
from polaris_dsl._waves import Waves
from polaris_dsl.errors import BuilderError, RunLocked
from polaris_dsl.stores._memory import MemoryJournals

LONGEST_PAUSE_S = 0.05

T = TypeVar("T")


class Aside(Protocol):
    """Calls what may wait for a disk, so that it keeps no event loop waiting."""

    def __call__(self, function: Callable[..., T], /, *arguments: object) -> Awaitable[T]: ...


async def in_thread(function: Callable[..., T], /, *arguments: object) -> T:
    """Call in another thread, to the end: who is cancelled meanwhile is told after it."""
    context = contextvars.copy_context()
    future = asyncio.get_running_loop().run_in_executor(None, lambda: context.run(function, *arguments))
    cancelled: Optional[asyncio.CancelledError] = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return future.result()


async def right_here(function: Callable[..., T], /, *arguments: object) -> T:
    """Call what takes a few lines of Python."""
    return function(*arguments)


@asynccontextmanager
async def held(runs: Runs, run_id: str, fed: Frozen, /, *, wait_s: Optional[float], own: bool) -> AsyncIterator[Frozen]:
    """Hold the run lock, and give what is left to be fed: if another has it, all is fed at once, and it is waited for.

    Raises:
        RunLocked: another held the run for `wait_s`.
    """
    aside = aside_for(runs)
    ends_s = None if wait_s is None else monotonic() + wait_s
    left, waited, pause_s = fed, False, 0.001
    while True:
        lock = runs.journals.hold(run_id, wait_s=0)
        try:
            await aside(lock.__enter__)
            break
        except RunLocked as locked:
            if fed and not waited:
                left = await aside(runs.feed, run_id, fed)
            waited = True
            left_s = pause_s if ends_s is None else min(pause_s, ends_s - monotonic())
            if left_s <= 0:
                locked.kept, locked.own = bool(fed) and not left, own
                raise
        await asyncio.sleep(left_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    try:
        yield left
    finally:
        await aside(lock.__exit__, None, None, None)


def aside_for(runs: Runs, /) -> Aside:
    """Return how to call what these runs do to their store."""
    return right_here if isinstance(runs.journals, MemoryJournals) else in_thread


class Awaited:
    """What async builders do in the running loop: all of a run that can be cancelled."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._futures: Set[asyncio.Future[Any]] = set()

    async def to_end(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Await what may be cancelled, apart from what has to be done to its end."""
        future = self._loop.create_task(coroutine)
        self._futures.add(future)
        try:
            return await future
        finally:
            future.cancel()
            self._futures.discard(future)

    def finish(self, coroutine: Coroutine[Any, Any, object], /) -> object:
        """Run a coroutine that a plain builder returned, for the thread of that one."""
        future = asyncio.run_coroutine_threadsafe(self.to_end(coroutine), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise asyncio.CancelledError from None

    def cancel(self) -> None:
        """Cancel all of it."""
        for future in self._futures:
            future.cancel()


class AsyncExecution:
    """One call of `Executor.arun`, while it holds the run lock. Its methods are called in the running loop.

    When it is cancelled, it begins nothing more, cancels the async builders, and lets the plain ones end, which cannot
    be stopped: their results are committed.
    """

    def __init__(self, making: Making, waves: Waves, awaited: Awaited, /, *, pool: Pool, aside: Aside) -> None:
        self._making = making
        self._waves = waves
        self._awaited = awaited
        self._commits = making.commits
        self._state = making.commits.state
        self._pool = pool
        self._aside = aside
        self._loop = asyncio.get_running_loop()
        self._running: Dict[asyncio.Future[Optional[Outcome]], Attempt] = {}
        self._cancelled = False

    async def run(self) -> None:
        """Run until nothing is due that was not tried with these inputs; where there are loops, round by round."""
        self._state.read()
        while True:
            with self._commits.lock:
                self._wave = self._waves.begin()
            await self._drain()
            if not self._waves.another(self._wave):
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
                self._cancelled = True
                self._commits.breaks(error)
                self._awaited.cancel()
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
                make = contextvars.copy_context().run
                self._running[self._loop.run_in_executor(self._pool, make, self._make_plain, attempt)] = attempt

    def _end(self, attempt: Attempt, future: asyncio.Future[Optional[Outcome]]) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        outcome = None if error is not None else future.result()
        if outcome is None:
            self._commits.breaks(error)
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
        story = self._making.story(attempt)
        try:
            act = next(story)
            while True:
                act = story.send(await self._do(act))
        except StopIteration as end:
            outcome: Optional[Outcome] = end.value
            return outcome

    async def _do(self, act: Act) -> Optional[Outcome]:
        if isinstance(act, Perform):
            if self._cancelled:
                return None
            return await self._awaited.to_end(self._making.aperform(act.attempt))
        if isinstance(act, Sleep):
            await self._awaited.to_end(self._making.clock.async_sleep(act.seconds))
            return None
        return await self._aside(act.function)
