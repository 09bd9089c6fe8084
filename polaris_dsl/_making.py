"""Makes one call of a builder: tries it, commits how that ended, and tells of both."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import partial
from math import inf
from time import monotonic, time
from typing import Callable, Generator, Iterable, Optional, Tuple, Union, cast

import attrs

from polaris_dsl._attempt import NOTHING, Attempt, Finish, Outcome, aperform, finish_here, finished, key_of, perform
from polaris_dsl._commits import Commits, Ended
from polaris_dsl._drafts import failed, intended, released
from polaris_dsl._options import Options
from polaris_dsl._plan import Call
from polaris_dsl._telling import Telling
from polaris_dsl._watch import Watch
from polaris_dsl.clock import Clock, SystemClock
from polaris_dsl.errors import BuilderError, Interrupted, TimedOut, WrongProduct
from polaris_dsl.stores._lines import Draft, moment, stamp


@attrs.frozen
class Perform:
    """Call the builder; its outcome is wanted."""

    attempt: Attempt


@attrs.frozen
class Write:
    """Call this, which may wait for a disk; it may return the outcome of a call that is not to be made."""

    function: Callable[[], Optional[Outcome]]


@attrs.frozen
class Sleep:
    """Wait."""

    seconds: float


Trial = Tuple[int, float, Callable[[Outcome], object]]
"""One trial of a builder: its number from 1, how many seconds to wait before it, and what takes its outcome."""

Act = Union[Perform, Write, Sleep]
Story = Generator[Act, Optional[Outcome], Optional[Outcome]]
"""What is to be done for one call, one act after the other. Who follows it does that in a thread, or in a loop.

Who answers `Perform` with None has not called the builder, as all is to end; then the story ends with None. So it does
where a strict hook raised at the start of the builder.
"""


@attrs.frozen
class Limit:
    """How long a builder may take: its own time, or what is left of that of the whole call of `run`."""

    left_s: float
    given_s: float
    whole: bool


class Making:
    """Makes the calls of one run, for whoever runs it. Its methods are called in many threads.

    Attributes:
        commits: where it commits how they end.
        quick: whether that is left to whoever has the lock next: where nothing is heeded but what a builder returns,
            and nobody waits for the lock meanwhile.
        clock: tells the time, and waits.
    """

    def __init__(
        self,
        commits: Commits,
        /,
        *,
        run_id: str,
        telling: Optional[Telling] = None,
        quick: bool = False,
        finish: Finish = finish_here,
        watch: Optional[Watch] = None,
        clock: Optional[Clock] = None,
        timeout_s: Optional[float] = None,
    ) -> None:
        """Begin the time of a call of `run`; `finish` runs the coroutines of builders to their end."""
        self.commits = commits
        self.clock = clock or SystemClock()
        self._plan = commits.state.plan
        self._run_id = run_id
        self._telling = telling
        self._finish = finish
        self._watch = watch or Watch()
        self._timeout_s = timeout_s
        self._ends_s = inf if timeout_s is None else monotonic() + timeout_s
        self._plain = telling is None and timeout_s is None and not self._plan.heeds_options
        self.quick = quick and self._plain

    def make(self, attempt: Attempt, /) -> Optional[Outcome]:
        """Call a builder; how that ended is committed, or, where that is quick, still to be."""
        if not self._plain:
            return self._follow(self.story(attempt))
        outcome = perform(self._plan, attempt, run_id=self._run_id, finish=self._finish)
        if self.quick:
            return outcome
        ended = self.commits.frozen(attempt, outcome)
        self.commits.put(ended)
        return ended.outcome

    def story(self, attempt: Attempt, /) -> Story:
        """Yield what is to be done for one call, and return how it ended."""
        commits, call = self.commits, self._plan.calls[attempt[0]]
        outcome: Optional[Outcome] = self._interrupted(attempt) if call.options.at_most_once else None
        if outcome is not None:
            return (yield from self._end(Ended(attempt, outcome, silent=True), trial=1, took_s=0.0))
        tried, began_s = 1, monotonic()
        for trial, wait_s, take in _trials(call.options):
            if outcome is not None:
                if commits.broken is not None or wait_s >= self._left_s():
                    break
                yield from self._wait(attempt, cast("BuilderError", outcome), tried, wait_s)
                if commits.broken is not None:  # the journal and the hooks know how this trial ended: it was the last
                    yield Write(partial(commits.put, Ended(attempt, outcome, silent=True)))
                    return outcome
            tried, began_s = trial, monotonic()
            outcome = yield from self._try(attempt, trial)
            if outcome is None:
                return None
            take(outcome)
        ended = self._ended(attempt, cast("Outcome", outcome))
        return (yield from self._end(ended, trial=tried, took_s=monotonic() - began_s))

    def _try(self, attempt: Attempt, trial: int) -> Story:
        """Call the builder; what must not happen twice is intended before that, and nothing comes in between."""
        commits, call = self.commits, self._plan.calls[attempt[0]]
        limit, once = self._limit(call), call.options.at_most_once
        if limit is not None and limit.left_s <= 0:
            return self._timed_out(call, limit, begun=False)
        if self._telling is not None:
            vetoed = self._telling.builder_started(attempt, commits.state.finished[attempt[0]], trial=trial)
            commits.breaks(vetoed)
            if vetoed is not None:
                return None
        barred = (yield Write(partial(self._intend, attempt))) if once else None
        if barred is not None:
            return barred
        outcome = yield Perform(attempt)
        if once and (outcome is None or (isinstance(outcome, TimedOut) and not outcome.begun)):
            yield Write(partial(self._release, attempt))
        return outcome

    def _wait(self, attempt: Attempt, error: BuilderError, tried: int, wait_s: float) -> Generator[Act, object, None]:
        """Commit that a trial failed behind which another one follows, tell of it, and wait for that."""
        commits, call = self.commits, self._plan.calls[attempt[0]]
        draft = failed(call, attempt[1], error, trial=tried)
        yield Write(partial(self._note, draft, partial(commits.state.failed, attempt[0])))
        self._tell_retried(call, tried, error, wait_s)
        if commits.broken is None:
            yield Sleep(min(wait_s, _LONGEST_S))

    def _end(self, ended: Ended, *, trial: int, took_s: float) -> Story:
        yield Write(partial(self.commits.put, ended))
        telling, error = self._telling, ended.outcome
        if ended.until is not None and ended.lost is None:
            wait_s = (moment(ended.until) - self.clock.now()).total_seconds()
            call = self._plan.calls[ended.attempt[0]]
            self._tell_retried(call, trial, cast("BuilderError", error), max(0.0, wait_s))
        elif telling is not None:
            told = ended.lost or error
            self.commits.breaks(
                telling.builder_ended(ended.attempt[0], told, kept=ended.kept, took_s=took_s, trial=trial)
            )
        return ended.outcome

    def _tell_retried(self, call: Call, trial: int, error: BuilderError, wait_s: float) -> None:
        if self._telling is not None:
            self.commits.breaks(self._telling.builder_retried(call.name, trial, error, wait_s))

    def _ended(self, attempt: Attempt, outcome: Outcome) -> Ended:
        ended = self.commits.frozen(attempt, outcome)
        error = ended.outcome
        if isinstance(error, BuilderError):
            if isinstance(error, TimedOut) and not error.begun:
                ended.silent = True
            elif self._plan.calls[attempt[0]].options.at_most_once and (error is not outcome or _goes_unsaid(error)):
                ended.silent = error.interrupted = True
        return ended

    # --- what must not happen twice

    def _interrupted(self, attempt: Attempt) -> Optional[Outcome]:
        before = self.commits.state.intended.get(attempt[0])
        if before is None:
            return None
        call, (versions, at) = self._plan.calls[attempt[0]], before
        key = key_of(self._plan, call, versions, run_id=self._run_id)
        return Interrupted(builder=call.name, run_id=self._run_id, place=str(call.place), since=at, idempotency_key=key)

    def _intend(self, attempt: Attempt) -> Optional[Outcome]:
        """Commit that a call is about to be made; if another process was faster, return what keeps it from being."""
        number, versions, _ = attempt
        at_s, state = time(), self.commits.state
        draft = intended(self._plan.calls[number], versions, at_s)
        noted = self.commits.note(
            draft,
            partial(state.intends, number, versions, stamp(at_s)),
            unless=lambda: number in state.intended or state.done(number, versions),
        )
        return None if noted else self._interrupted(attempt) or NOTHING

    def _release(self, attempt: Attempt) -> None:
        number, versions, _ = attempt
        self._note(released(self._plan.calls[number], versions), partial(self.commits.state.releases, number))

    def _note(self, draft: Draft, take_in: Callable[[], None]) -> None:
        self.commits.note(draft, take_in)

    # --- in a thread

    def _follow(self, story: Story) -> Optional[Outcome]:
        try:
            act = next(story)
            while True:
                act = story.send(self._do(act))
        except StopIteration as end:
            return cast("Optional[Outcome]", end.value)

    def _do(self, act: Act) -> Optional[Outcome]:
        if isinstance(act, Perform):
            return self.performed(act.attempt)
        if isinstance(act, Write):
            return act.function()
        if type(self.clock) is SystemClock:
            self.commits.pause(act.seconds)
        else:  # nothing but that clock knows how long it takes
            self.clock.sleep(act.seconds)
        return None

    def performed(self, attempt: Attempt, /) -> Outcome:
        """Call the builder in this thread, once, and give up on it when its time is over."""
        call = self._plan.calls[attempt[0]]
        if call.options.is_async:
            return finished(call, self.aperform(attempt), run_id=self._run_id, finish=self._finish)
        limit = self._limit(call)
        go = partial(perform, self._plan, attempt, run_id=self._run_id, finish=self._finish, deadline=_deadline(limit))
        if limit is None:
            return go()
        if limit.left_s <= 0:
            return self._timed_out(call, limit, begun=False)
        outcome = self._watch.call(go, limit_s=limit.left_s, run_id=self._run_id, builder=call.name)
        return self._timed_out(call, limit, begun=True) if outcome is None else outcome

    # --- in a loop

    async def aperform(self, attempt: Attempt, /) -> Outcome:
        """Call an async builder in the running loop; what takes longer than it may is cancelled."""
        import asyncio  # noqa: PLC0415  it takes as long to load as all else here, and few need it

        call = self._plan.calls[attempt[0]]
        limit = self._limit(call)
        coroutine = aperform(self._plan, attempt, run_id=self._run_id, deadline=_deadline(limit))
        if limit is None:
            return await coroutine
        if limit.left_s <= 0:
            coroutine.close()
            return self._timed_out(call, limit, begun=False)
        future = asyncio.ensure_future(coroutine)
        try:
            await asyncio.wait({future}, timeout=limit.left_s)
        except asyncio.CancelledError:
            future.cancel()
            await asyncio.wait({future}, timeout=limit.left_s)
        if future.done():
            return future.result()
        future.cancel()
        await asyncio.wait({future}, timeout=_TO_LET_GO_S)
        if not future.done():
            self._watch.passes(future, run_id=self._run_id, builder=call.name)
        return self._timed_out(call, limit, begun=True)

    # --- time

    def _limit(self, call: Call) -> Optional[Limit]:
        own_s = call.options.timeout_s
        own = None if own_s is None else Limit(min(own_s, _LONGEST_S), own_s, whole=False)
        if self._timeout_s is None:
            return own
        whole = Limit(min(self._left_s(), _LONGEST_S), self._timeout_s, whole=True)
        return own if own is not None and own.left_s < whole.left_s else whole

    def _left_s(self) -> float:
        """Return what is left of the time of the whole."""
        return self._ends_s - monotonic()

    def _timed_out(self, call: Call, limit: Limit, *, begun: bool) -> TimedOut:
        error = TimedOut(
            builder=call.name,
            run_id=self._run_id,
            place=str(call.place),
            limit_s=limit.given_s,
            whole=limit.whole,
            begun=begun,
        )
        error.__cause__ = TimeoutError(f"{limit.given_s:g} s were over")
        return error


def _deadline(limit: Optional[Limit]) -> Optional[datetime]:
    return None if limit is None else datetime.now(timezone.utc) + timedelta(seconds=limit.left_s)


def _goes_unsaid(error: BuilderError) -> bool:
    """Say whether it was not the builder that raised: it goes on, or has returned something, so its effect may be."""
    return isinstance(error, (Interrupted, TimedOut, WrongProduct))


def _trials(options: Options) -> Iterable[Trial]:
    if options.retry is None:
        return _ONCE
    from polaris_dsl._trials import trials  # noqa: PLC0415  few builders are tried again

    return trials(options.retry, once=options.at_most_once)


_ONCE: Iterable[Trial] = ((1, 0.0, lambda _: None),)

_LONGEST_S = 1e9
"""What locks and dates can take, and no process lives to see: longer times are cut to it."""

_TO_LET_GO_S = 0.1
"""How long an async builder is waited for that was cancelled; most end at once."""
