"""Runs what is due of one run in the running event loop: async builders in the loop itself, plain ones in a pool."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import CancelledError
from concurrent.futures import Executor as Pool
from time import monotonic
from types import TracebackType
from typing import Any, Callable, ContextManager, Coroutine, Dict, Optional, Set, Type, TypeVar

from polaris_dsl._attempt import Attempt, Escaped, Outcome, failure, never_mind, prepare
from polaris_dsl._making import Act, Making, Perform, Sleep
from polaris_dsl._runs import Frozen, Runs
from polaris_dsl._threads import Aside
from polaris_dsl._waves import Waves
from polaris_dsl.errors import BuilderError, RunLocked
from polaris_dsl.stores._memory import MemoryJournals

LONGEST_PAUSE_S = 0.05

T = TypeVar("T")


def aside_for(runs: Runs, pool: Callable[[], Pool], /) -> Aside:
    """Return how to call what these runs do to their store; `pool` returns what lends threads for that."""

    async def in_thread(function: Callable[..., T], /, *arguments: object) -> T:
        return await to_the_end(pool(), function, *arguments)

    return right_here if isinstance(runs.journals, MemoryJournals) else in_thread


async def right_here(function: Callable[..., T], /, *arguments: object) -> T:
    """Call what takes a few lines of Python."""
    return function(*arguments)


async def to_the_end(pool: Pool, function: Callable[..., T], /, *arguments: object) -> T:
    """Call in another thread, to the end: who is cancelled meanwhile is told after it."""
    context = contextvars.copy_context()
    try:
        future = asyncio.get_running_loop().run_in_executor(pool, lambda: context.run(function, *arguments))
    except RuntimeError:  # the executor was closed a moment ago; what has to be done has to be done
        return function(*arguments)
    cancelled: Optional[asyncio.CancelledError] = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()  # looked at: it is not told besides
        raise cancelled
    return future.result()


class Held:
    """Holds the run lock; gives what is left to be fed. If another has it, all is fed at once, and it is waited for.

    Raises:
        RunLocked: another held the run for `wait_s`.
    """

    def __init__(
        self, runs: Runs, run_id: str, fed: Frozen, /, *, wait_s: Optional[float], own: bool, aside: Aside
    ) -> None:
        self._runs = runs
        self._run_id = run_id
        self._fed = fed
        self._ends_s = None if wait_s is None else monotonic() + wait_s
        self._own = own
        self._aside = aside
        self._lock: Optional[ContextManager[object]] = None

    async def __aenter__(self) -> Frozen:
        try:
            return await self._taken()
        except BaseException as error:
            await self._end(error)
            raise

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self._end(error)

    async def _taken(self) -> Frozen:
        left, kept, pause_s = self._fed, False, 0.001
        while True:
            try:
                await self._aside(self._take)
            except RunLocked as locked:
                if left and not kept:
                    left = await self._aside(self._runs.feed, self._run_id, left)
                kept = True
                left_s = pause_s if self._ends_s is None else min(pause_s, self._ends_s - monotonic())
                if left_s <= 0:
                    locked.kept, locked.own = bool(self._fed) and not left, self._own
                    raise
            else:
                return left
            await asyncio.sleep(left_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _end(self, error: Optional[BaseException]) -> None:
        if self._lock is None:
            return
        if isinstance(error, GeneratorExit):  # the loop is gone, and nothing can be awaited any more
            self._let_go(self._lock)
        else:
            await self._aside(self._let_go, self._lock)

    # It is taken in one thread and let go in any other. Whether it was taken must be known also to who is cancelled.

    def _take(self) -> None:
        lock = self._runs.journals.hold(self._run_id, wait_s=0)
        lock.__enter__()
        self._lock = lock

    def _let_go(self, lock: ContextManager[object]) -> None:
        self._lock = None
        lock.__exit__(None, None, None)


class Awaited:
    """What can be cancelled of a run in the running loop: what its async builders do, or their pauses."""

    def __init__(self) -> None:
        self.cancelled = False
        self._loop = asyncio.get_running_loop()
        self._futures: Set[asyncio.Future[Any]] = set()

    async def to_end(self, coroutine: Coroutine[Any, Any, T], /) -> T:
        """Await what may be cancelled, apart from what has to be done to its end."""
        if self.cancelled:
            never_mind(coroutine)
            raise asyncio.CancelledError
        future = self._loop.create_task(coroutine)
        self._futures.add(future)
        try:
            return await future
        finally:
            self._futures.discard(future)

    def finish(self, coroutine: Coroutine[Any, Any, object], /) -> object:
        """Run a coroutine that a plain builder returned, for the thread of that one."""
        awaited = self.to_end(coroutine)
        try:
            return asyncio.run_coroutine_threadsafe(awaited, self._loop).result()
        except CancelledError:
            if self.cancelled:
                raise asyncio.CancelledError from None
            raise
        finally:
            never_mind(awaited)

    def cancel(self) -> None:
        """Cancel all of it, and what would begin later."""
        for future in self._futures:
            # At its end, asyncio.run cancels these as well; a second time would end what they do about it.
            if self.cancelled or not getattr(future, "cancelling", int)():  # Python 3.11 and later
                future.cancel()
        self.cancelled = True


class AsyncExecution:
    """One call of `Executor.arun`, while it holds the run lock. Its methods are called in the running loop.

    When it is cancelled, it begins nothing more, cancels the async builders, and lets the plain ones end, which cannot
    be stopped: their results are committed.
    """

    def __init__(
        self,
        making: Making,
        waves: Waves,
        awaited: Awaited,
        /,
        *,
        run_id: str,
        pool: Callable[[], Pool],
        aside: Aside,
    ) -> None:
        """Begin; `pool` returns what lends threads to plain builders, `aside` does what may wait for a disk."""
        self._making = making
        self._waves = waves
        self._awaited = awaited
        self._pauses = Awaited()
        self._commits = making.commits
        self._state = making.commits.state
        self._run_id = run_id
        self._pool = pool
        self._aside = aside
        self._loop = asyncio.get_running_loop()
        self._running: Dict[asyncio.Future[Optional[Outcome]], Attempt] = {}

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
            if self._commits.broken is not None:
                self._pauses.cancel()
            try:
                done, _ = await asyncio.wait(set(self._running), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError as error:
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
            try:
                self._running[self._begun(attempt)] = attempt
            except Exception as error:  # noqa: BLE001  a lent pool may raise anything: told when all has ended
                self._breaks(error, attempt)

    def _begun(self, attempt: Attempt) -> asyncio.Future[Optional[Outcome]]:
        options = self._state.plan.calls[attempt[0]].options
        if options.is_async or options.retry is not None:  # whoever waits between two trials waits in the loop
            return self._loop.create_task(self._make(attempt))
        return self._loop.run_in_executor(self._pool(), contextvars.copy_context().run, self._make_plain, attempt)

    def _end(self, attempt: Attempt, future: asyncio.Future[Optional[Outcome]]) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        outcome = None if error is not None else future.result()
        if outcome is None:
            self._breaks(error.error if isinstance(error, Escaped) else error, attempt)
            return
        try:
            with self._commits.lock:
                if self._making.quick:
                    self._commits.at_once(attempt, outcome)
                self._wave.settle(attempt[0], finished=not isinstance(outcome, BuilderError))
        except BaseException as wrong:  # noqa: BLE001  of a comparison, of a codec: raised when all has ended
            self._breaks(wrong, attempt)

    def _breaks(self, error: Optional[BaseException], attempt: Attempt) -> None:
        """End this call when all that is running has ended; a call of a builder was not finished, and is due still."""
        self._commits.breaks(error)
        with self._commits.lock:
            self._state.touched.add(attempt[0])

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
        except (KeyboardInterrupt, SystemExit) as error:  # of a plain builder, of a hook
            raise Escaped(error) from None

    async def _do(self, act: Act) -> Optional[Outcome]:
        if isinstance(act, Perform):
            return None if self._awaited.cancelled else await self._performed(act.attempt)
        if isinstance(act, Sleep):
            await self._pauses.to_end(self._making.clock.async_sleep(act.seconds))
            return None
        return await self._aside(act.function)

    async def _performed(self, attempt: Attempt) -> Outcome:
        if not self._state.plan.calls[attempt[0]].options.is_async:
            return await self._performed_in_thread(attempt)
        try:
            return await self._awaited.to_end(self._making.aperform(attempt))
        except asyncio.CancelledError:
            if self._awaited.cancelled:
                raise
            return failure(self._state.plan.calls[attempt[0]], CancelledError(), run_id=self._run_id)

    async def _performed_in_thread(self, attempt: Attempt) -> Outcome:
        """Call a plain builder, which cannot be stopped: who is cancelled meanwhile has its outcome all the same."""
        act = contextvars.copy_context().run
        future = self._loop.run_in_executor(self._pool(), act, self._making.performed, attempt)
        while not future.done():
            try:
                await asyncio.wait({future})
            except asyncio.CancelledError as error:
                self._commits.breaks(error)
        return future.result()
