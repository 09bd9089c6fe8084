"""Runs what is due of one run: in the caller's thread, with help from a pool where several builders are due at once."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections import deque
from concurrent.futures import Executor as Pool
from concurrent.futures import Future
from time import monotonic, time
from typing import Callable, Deque, Dict, Optional, Sequence, Set

import attrs

from polaris_dsl._attempt import Attempt, Outcome, failure, perform, prepare
from polaris_dsl._bodies import Bodies
from polaris_dsl._drafts import Record, built_line, failed
from polaris_dsl._express import Known
from polaris_dsl._state import FED, State, Versions
from polaris_dsl._telling import Telling
from polaris_dsl._wave import Wave
from polaris_dsl.errors import BuilderError, CodecError, HookFailed, NotWritten
from polaris_dsl.stores import Line, Rested
from polaris_dsl.stores._lines import Draft

_LOGGER = logging.getLogger("polaris_dsl")


@attrs.define(eq=False)
class Ended:
    """A call that has ended and is to be committed: its product with its body, or its error."""

    attempt: Attempt
    outcome: Outcome
    body: object = None
    kept: bool = False
    """Whether the product is equal to what was there."""
    draft: Optional[Draft] = None
    """None: another process was faster. One result for these inputs is kept, and it is not this one."""
    taken: bool = False
    """Whether somebody is committing it."""
    lost: Optional[BaseException] = None
    """Why it could not be committed."""


class Execution:
    """One call of `Executor.run`, while it holds the run lock.

    Two locks. `_lock` guards the state and the wave, and is held for a few lines at a time, never while a builder runs
    or a disk is written to. `_commit_lock` puts commits to a disk in a row: the state changes in the order of the
    journal. What ends while one is written is committed by the next, together.
    """

    def __init__(
        self,
        state: State,
        record: Record,
        /,
        *,
        run_id: str,
        bodies: Bodies,
        pool: Callable[[], Pool],
        max_workers: int,
        telling: Optional[Telling],
        quick: bool,
    ) -> None:
        """Begin; `quick`: a commit takes a few lines of Python, unheard."""
        self.failures: Dict[int, BuilderError] = {}
        self.built: Set[int] = set()
        self._state = state
        self._plan = state.plan
        self._calls = state.plan.calls
        self._names = state.plan.names_of
        self._record = record
        self._run_id = run_id
        self._bodies = bodies
        self._telling = telling
        self._quick = quick
        self._pool = pool
        self._free_helpers = max_workers - 1
        self._asked = self._came = 0
        self._last_asked: Optional[Future[object]] = None
        self._tried: Dict[int, Versions] = {}
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._commit_lock = threading.Lock()
        self._ended: Deque[Ended] = deque()
        self._running: Set[int] = set()
        self._caller_waits = False
        self._foreign = False
        self._broken: Optional[BaseException] = None

    def resume(self, known: Known, /) -> None:
        """Count what is there as built by this call, and commit how calls ended that it has made besides."""
        self.built.update(slot for slot, maker in enumerate(self._state.maker) if maker != FED)
        for (number, versions), outcome in known.items():
            with self._lock:
                self._commit_at_once((number, versions, ()), outcome)
            self._state.touched.update(self._calls[number].followers)

    def run(self) -> None:
        """Run until nothing is due that was not tried with these inputs."""
        state = self._state
        state.read()
        while True:
            with self._lock:  # a helper that comes late finds a new wave, or nothing to do
                self._foreign = False
                self._wave = Wave(state, tried=self._tried)
                state.touched.clear()
            try:
                self._drain()
            except BaseException as error:  # noqa: BLE001  Ctrl-C while it waits: what runs is ended under its lock
                self._stop(error)
                self._drain()
            state.touched.update(self._wave.left())
            if self._broken is not None:
                raise self._broken
            if not self._foreign:
                return

    def rest(self, status: str, /) -> bool:
        """Note the status at the end of a call, for listings; False if others have committed something meanwhile.

        Then they are to be heard: before a call lets go of its run, it looks for what was fed, by this.
        """
        n = self._state.n
        news: Sequence[Line] = ()
        if self._state.rested == status:
            news = self._record.after(n)
        else:
            try:
                news = self._record.put(n, [(Rested, time(), status)])
                if not news:
                    self._state.passed(status)
            except NotWritten as error:  # a hint is not worth failing a call whose results are all kept
                _LOGGER.warning("run %s: its status was not noted for listings: %s", self._run_id, error.why)
                news = self._record.after(n)
        self._take_in(news)
        return not news

    def _take_in(self, lines: Sequence[Line]) -> None:
        if lines:
            with self._lock:
                self._merge(lines)

    def _merge(self, lines: Sequence[Line]) -> None:
        """Apply what others have committed; what runs now is finished first, then all is looked at anew."""
        self._foreign = True
        for line in lines:
            self._state.apply(line)
        self._state.read()

    # --- threads

    def _drain(self) -> None:
        """Work in this thread, and wait for the others, until nothing is due or running."""
        while True:
            self._work(helper=False)
            with self._lock:
                while self._running and not self._has_work():
                    self._caller_waits = True
                    self._changed.wait()
                self._caller_waits = False
                if not self._has_work():
                    return

    def _has_work(self) -> bool:
        return bool(self._wave.due) and not self._foreign and self._broken is None

    def _help(self) -> None:
        with self._lock:
            self._came += 1
        self._work(helper=True)

    def _work(self, *, helper: bool) -> None:
        """Run one due builder after the other; a chain never leaves its thread."""
        attempt = self._next(None, None, helper=helper)
        while attempt is not None:
            outcome: Optional[Outcome] = None
            try:
                outcome = self._called(attempt) if self._telling is None else self._told(attempt, self._telling)
            except BaseException as error:  # noqa: BLE001  kept for the caller's thread, which raises it
                self._broken = self._broken or error
            attempt = self._next(attempt, outcome, helper=helper)

    def _called(self, attempt: Attempt) -> Outcome:
        """Call a builder; how that ended is committed, or, where that is quick, still to be."""
        outcome = perform(self._plan, attempt, run_id=self._run_id)
        return outcome if self._quick else self._committed(self._frozen(attempt, outcome))

    def _told(self, attempt: Attempt, telling: Telling) -> Outcome:
        """Call a builder, commit how that ended, and tell of both."""
        self.note(telling.builder_started(attempt, self._state.finished[attempt[0]]))
        began_s = monotonic()
        ended = self._frozen(attempt, perform(self._plan, attempt, run_id=self._run_id))
        outcome = self._committed(ended)
        took_s = monotonic() - began_s
        self.note(telling.builder_ended(attempt[0], ended.lost or outcome, kept=ended.kept, took_s=took_s))
        return outcome

    def note(self, failed: Optional[HookFailed], /) -> None:
        """Take in what a strict hook raised: no other builder is begun."""
        self._broken = self._broken or failed

    def _next(self, done: Optional[Attempt], outcome: Optional[Outcome], *, helper: bool) -> Optional[Attempt]:
        """End a call, and begin one that is due; None if there is none, or if that goes wrong."""
        attempt: Optional[Attempt] = None
        try:
            with self._lock:
                if done is not None:
                    self._end(done, outcome)
                due = self._wave.due
                if not due or self._foreign or self._broken is not None:
                    self._free_helpers += helper  # under the lock that found nothing: what is due next counts on it
                    self._changed.notify()
                    return None
                attempt = prepare(self._state, due.popleft())
                self._running.add(attempt[0])
                alone = due and self._nobody_comes()
            if alone:
                self._call_for_help()
        except BaseException as error:  # noqa: BLE001  of a comparison, of a codec: the caller's thread raises it
            self._stop(error, *(call[0] for call in (done, attempt) if call is not None))
            return None
        return attempt

    def _end(self, done: Attempt, outcome: Optional[Outcome]) -> None:
        self._running.discard(done[0])
        if outcome is not None:
            if self._quick:
                self._commit_at_once(done, outcome)
            self._wave.settle(done[0], finished=not isinstance(outcome, BuilderError))

    def _stop(self, error: BaseException, /, *calls: int) -> None:
        """Begin no other builder, and raise this in the caller's thread when all have ended; these calls have."""
        with self._lock:
            self._broken = self._broken or error
            self._running.difference_update(calls)
            self._changed.notify()

    def _nobody_comes(self) -> bool:
        """Say whether to ask for help with what is due: not while the caller can do it, or somebody is on the way.

        So they come one after the other, and where builders are quick all is done before the first one comes.
        """
        if self._caller_waits:
            self._caller_waits = False
            self._changed.notify()
            return False
        if not self._free_helpers:
            return False
        if self._asked > self._came and self._last_asked is not None:
            if not self._last_asked.done():
                return False
            self._asked = self._came  # it was called off
        self._free_helpers -= 1
        self._asked += 1
        return True

    def _call_for_help(self) -> None:
        """Ask the pool for a thread; where it takes no more work, those that are there do all of it."""
        try:
            self._last_asked = self._pool().submit(contextvars.copy_context().run, self._help)
        except Exception as error:  # noqa: BLE001  a lent pool may raise anything
            with self._lock:
                self._asked -= 1
            _LOGGER.warning("run %s goes on with fewer threads: %s", self._run_id, error)

    # --- commits

    def _commit_at_once(self, attempt: Attempt, outcome: Outcome) -> None:
        """Commit how a call ended, for one who has the lock."""
        number, versions, _ = attempt
        state = self._state
        if not isinstance(outcome, BuilderError) and state.finished[number] is None and not self.failures:
            slot, value = outcome
            if slot is not None and not state.version[slot]:  # nothing to compare it with, as for most
                draft = (built_line, time(), self._calls[number], versions, self._names[slot], value, False)
                if not self._record.put(state.n, (draft,)):
                    state.built(number, versions, slot, value, value, False)  # noqa: FBT003  as it takes it
                    self.built.add(slot)
                    return
        ended = Ended(attempt, outcome, None if isinstance(outcome, BuilderError) else outcome[1])
        news = self._put((ended,))
        while news:
            self._merge(news)
            news = self._put((ended,))
        self._apply(ended)

    def _committed(self, ended: Ended) -> Outcome:
        """Commit how a call ended, together with what else has ended meanwhile."""
        self._ended.append(ended)
        with self._commit_lock:
            if not ended.taken:
                self._commit([self._ended.popleft() for _ in range(len(self._ended))])
        return ended.outcome

    def _frozen(self, attempt: Attempt, outcome: Outcome) -> Ended:
        """Make the body of a product; a value that cannot be kept is the failure of the builder that made it."""
        if isinstance(outcome, BuilderError) or outcome[0] is None:
            return Ended(attempt, outcome)
        try:
            body, value = self._bodies.freeze(outcome[1])
        except CodecError as error:
            return Ended(attempt, failure(self._calls[attempt[0]], error, run_id=self._run_id))
        return Ended(attempt, (outcome[0], value), body)

    def _commit(self, batch: Sequence[Ended]) -> None:
        for ended in batch:
            ended.taken = True
        try:
            news = self._put(batch)
            while news:
                self._take_in(news)
                news = self._put(batch)
            with self._lock:
                for ended in batch:
                    self._apply(ended)
        except BaseException as error:  # noqa: BLE001  it has to be known before the others of the batch go on
            self._broken = self._broken or error
            for ended in batch:
                ended.lost = error

    def _put(self, batch: Sequence[Ended]) -> Sequence[Line]:
        """Commit calls that have ended; where others were faster, return what they have put there, and commit none."""
        for ended in batch:
            ended.draft = self._draft(ended)
        drafts = [ended.draft for ended in batch if ended.draft is not None]
        return self._record.put(self._state.n, drafts) if drafts else ()

    def _draft(self, ended: Ended) -> Optional[Draft]:
        number, versions, _ = ended.attempt
        outcome, state, call = ended.outcome, self._state, self._calls[number]
        if isinstance(outcome, BuilderError):
            return failed(call, versions, outcome)
        if state.finished[number] == versions:
            return None
        slot, body = outcome[0], ended.body
        if slot is None:
            return built_line, time(), call, versions, None, None, False
        ended.kept = state.version[slot] > 0 and self._bodies.same(state.body[slot], body)
        return built_line, time(), call, versions, self._names[slot], body, ended.kept

    def _apply(self, ended: Ended) -> None:
        (number, versions, _), outcome = ended.attempt, ended.outcome
        if isinstance(outcome, BuilderError):
            self._tried[number] = versions
            self.failures[number] = outcome
            self._state.failed(number)
            return
        if self.failures:
            self.failures.pop(number, None)  # data that was fed meanwhile may have mended it
        if ended.draft is not None:
            slot, value = outcome
            self._state.built(number, versions, slot, ended.body, value, ended.kept)
            if slot is not None:
                self.built.add(slot)
