"""The calls of `run` and `arun` that hold their run: from what is fed to where the run rests."""

from __future__ import annotations

from concurrent.futures import Executor as Pool
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import partial
from typing import Callable, ContextManager, Iterator, Optional, Union

import attrs

from polaris_dsl._attempt import Finish, raise_first
from polaris_dsl._commits import Commits
from polaris_dsl._execution import Execution
from polaris_dsl._express import Express, Known
from polaris_dsl._hooked import Hooked
from polaris_dsl._making import Making
from polaris_dsl._run import Run, run_of
from polaris_dsl._runs import Frozen, Runs
from polaris_dsl._telling import Telling
from polaris_dsl._threads import Aside
from polaris_dsl._watch import Watch
from polaris_dsl._waves import Waves
from polaris_dsl.clock import Clock
from polaris_dsl.errors import HookFailed, NotSettled
from polaris_dsl.stores._lines import stamp_of
from polaris_dsl.stores._memory import Lane, MemoryJournals


@attrs.frozen
class Turns:
    """What the calls of one executor share, each of which runs a run while it holds it. Safe to share."""

    runs: Runs
    hooked: Optional[Hooked]
    express: Optional[Express]
    """For runs that may go straight through; None: there are none."""
    pool: Callable[[], Pool]
    finish: Finish
    watch: Watch
    clock: Clock
    max_workers: int
    one_by_one: bool
    """Whether the caller's thread makes all calls, for no two are ever made at once."""
    max_rounds: int

    def run(
        self, run_id: str, fed: Frozen, /, *, timeout_s: Optional[float] = None, now: Optional[datetime] = None
    ) -> Run[object]:
        """Feed a run that is held, and run what is due by now (default: by the clock)."""
        went = None if timeout_s is not None else self._straight_through(run_id, fed)
        if isinstance(went, Run):
            return went
        telling = self._telling(run_id)
        fed = fed if went is None else {}
        making = self._begin(run_id, fed, telling, self.finish, timeout_s, now, one_by_one=self.one_by_one)
        if went is not None:
            making.commits.take_over()
            making.commits.resume(went)
        execution = Execution(
            making, self._waves(making, run_id), run_id=run_id, pool=self.pool, max_workers=self.max_workers
        )
        with _told(telling, making, fed) as ends:
            with _WithRun(making, run_id):
                while True:
                    execution.run()
                    run = run_of(making.commits.state.at_rest(), run_id=run_id, built=making.commits.built)
                    if making.commits.rest(run.status.value, _wake(run)):
                        break
            ends(self._ended(making, run))
        return run

    async def arun(self, run_id: str, fed: Frozen, /, *, timeout_s: Optional[float], aside: Aside) -> Run[object]:
        """Do the same in the running loop; `aside` does what may wait for a disk."""
        from polaris_dsl._async import AsyncExecution, Awaited  # noqa: PLC0415  loads asyncio

        telling, awaited = self._telling(run_id), Awaited()
        making = await aside(self._begin, run_id, fed, telling, awaited.finish, timeout_s)
        waves = self._waves(making, run_id)
        execution = AsyncExecution(making, waves, awaited, run_id=run_id, pool=self.pool, aside=aside)
        with _told(telling, making, fed) as ends:
            with _WithRun(making, run_id):
                while True:
                    await execution.run()
                    run = run_of(making.commits.state.at_rest(), run_id=run_id, built=making.commits.built)
                    if await aside(making.commits.rest, run.status.value, _wake(run)):
                        break
            ends(self._ended(making, run))
        return run

    def _straight_through(self, run_id: str, fed: Frozen) -> Union[Run[object], Known, None]:
        """Begin a run where it may go straight through; None: it is to be begun with care, else what is known of it."""
        if self.express is None or not isinstance(self.runs.journals, MemoryJournals):
            return None
        lane = self.runs.journals.lane(run_id)
        if lane:
            return None
        return self.express.run(lane, {slot: value for slot, (_, value) in fed.items()}, run_id=run_id)

    def _begin(
        self,
        run_id: str,
        fed: Frozen,
        telling: Optional[Telling],
        finish: Finish,
        timeout_s: Optional[float],
        now: Optional[datetime] = None,
        *,
        one_by_one: bool = False,
    ) -> Making:
        record, state = self.runs.opened(run_id)
        self.runs.part(record, state)
        self.runs.take_up(record, state, run_id, fed)
        commits = Commits(state, record, run_id=run_id, bodies=self.runs.bodies)
        if state.postponed:
            commits.leave(self.clock.now() if now is None else now)
        return Making(
            commits,
            run_id=run_id,
            telling=telling,
            quick=one_by_one or isinstance(record, Lane),
            finish=finish,
            watch=self.watch,
            clock=self.clock,
            timeout_s=timeout_s,
        )

    def _telling(self, run_id: str) -> Optional[Telling]:
        return None if self.hooked is None else Telling(self.hooked, self.runs.plan, run_id)

    def _waves(self, making: Making, run_id: str) -> Waves:
        return Waves(making.commits, most=self.max_rounds, run_id=run_id)

    def _ended(self, making: Making, run: Run[object]) -> Run[object]:
        self.runs.keep(run.id, making.commits.state)
        raise_first(self.runs.plan, making.commits.failures, run)
        return run


def _told(telling: Optional[Telling], making: Making, fed: Frozen) -> ContextManager[Callable[[Run[object]], object]]:
    """Tell hooks how the call begins and ends."""
    return _SILENT if telling is None else _telling_of(telling, making, fed)


_SILENT: ContextManager[Callable[[object], object]] = nullcontext(lambda _: None)


@contextmanager
def _telling_of(telling: Telling, making: Making, fed: Frozen) -> Iterator[Callable[[Run[object]], object]]:
    with telling.to_the_end(partial(_so_far, making, telling.run_id)) as ends:
        making.commits.breaks(telling.run_started({slot: value for slot, (_, value) in fed.items()}))
        yield ends


@attrs.frozen
class _WithRun:
    """Adds the run so far to what ends the call early, as a context."""

    _making: Making
    _run_id: str

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: Optional[BaseException], _trace: object) -> None:
        if isinstance(error, (HookFailed, NotSettled)):
            error.with_run(_so_far(self._making, self._run_id))


def _so_far(making: Making, run_id: str) -> Run[object]:
    """Return the run of a call that is cut off, with builders that nobody has taken note of since: each may be due."""
    commits = making.commits
    with commits.lock:
        commits.state.touched.update(range(len(commits.state.plan.calls)))
        return run_of(commits.state.at_rest(), run_id=run_id, built=commits.built)


def _wake(run: Run[object]) -> str:
    return "" if run.wake_at is None else stamp_of(run.wake_at)
