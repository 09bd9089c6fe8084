"""Commits how the calls of one run ended, in the order of its journal, and takes in what others have committed."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from datetime import datetime
from time import time
from typing import Callable, Deque, Dict, Optional, Sequence, Set

import attrs

from polaris_dsl._attempt import Attempt, Outcome, failure
from polaris_dsl._bodies import LIVE, Bodies
from polaris_dsl._drafts import Record, built_line, failed, postponed, transient_line
from polaris_dsl._express import Known
from polaris_dsl._state import FED, State, Versions
from polaris_dsl.errors import BuilderError, CodecError, NotWritten, RetryAt
from polaris_dsl.stores import Line, Rested
from polaris_dsl.stores._lines import Draft, moment, stamp_of

_LOGGER = logging.getLogger("polaris_dsl")


@attrs.define(eq=False)
class Ended:
    """A call that has ended and is to be committed: its product with its body, or its error."""

    attempt: Attempt
    outcome: Outcome
    body: object = None
    kept: bool = False
    """Whether the product is equal to what was there."""
    silent: bool = False
    """Whether the journal is not told: the builder was not called, or nobody knows how that ended."""
    draft: Optional[Draft] = None
    """None: another process was faster. One result for these inputs is kept, and it is not this one."""
    taken: bool = False
    """Whether somebody is committing it."""
    lost: Optional[BaseException] = None
    """Why it could not be committed."""

    @property
    def until(self) -> Optional[str]:
        """Not before when it asked to be called again."""
        asked = self.outcome.__cause__ if isinstance(self.outcome, BuilderError) else None
        return stamp_of(asked.when) if isinstance(asked, RetryAt) else None


class Commits:
    """The commits of one call of `Executor.run`, while it holds the run lock.

    Two locks. `lock` guards the state and all that is said here of it, and is held for a few lines at a time, never
    while a builder runs or a disk is written to. Another one puts commits to a disk in a row: the state changes in the
    order of the journal. What ends while one is written is committed by the next, together.

    Attributes:
        state: what the run holds.
        lock: guards it.
        failures: by call, how it failed at its last try.
        tried: by call, the versions with which it has failed.
        built: the slots of what this call of `run` has made.
        foreign: whether others have committed something that was not looked at yet.
        broken: what has to end this call of `run`, once all that is running has ended.
    """

    def __init__(self, state: State, record: Record, /, *, run_id: str, bodies: Bodies) -> None:
        self.state = state
        self.lock = threading.Lock()
        self.failures: Dict[int, BuilderError] = {}
        self.tried: Dict[int, Versions] = {}
        self.built: Set[int] = set()
        self.foreign = False
        self.broken: Optional[BaseException] = None
        self._bell = threading.Lock()  # not an event: Ctrl-C in the middle of its wait can leave that locked
        self._bell.acquire()
        self._calls = state.plan.calls
        self._names = state.plan.names_of
        self._record = record
        self._run_id = run_id
        self._bodies = bodies
        self._in_a_row = threading.Lock()
        self._ended: Deque[Ended] = deque()

    def leave(self, now: datetime, /) -> None:
        """Leave alone what asked not to be called again before a time that has not come by now."""
        for call, (versions, until) in self.state.postponed.items():
            if now < moment(until) and self.state.current(call, versions):
                self.tried[call] = self.state.versions(call)

    def breaks(self, error: Optional[BaseException], /) -> None:
        """Take in what has to end this call, if it is anything; what came first counts. Who pauses goes on."""
        self.broken = self.broken or error
        if self.broken is not None:
            self._ring()

    def pause(self, seconds: float, /) -> None:
        """Wait, in a thread, until the time is over or this call has to end."""
        if self._bell.acquire(timeout=seconds):
            self._ring()  # for the next one who pauses

    def _ring(self) -> None:
        with suppress(RuntimeError):  # it rings already
            self._bell.release()

    def take_over(self) -> None:
        """Count what is there as built by this call."""
        self.built.update(slot for slot, maker in enumerate(self.state.maker) if maker != FED)

    def resume(self, known: Known, /) -> None:
        """Commit how calls ended that were made already."""
        for (number, versions), outcome in known.items():
            with self.lock:
                self.at_once((number, versions, ()), outcome)
            self.state.touched.update(self._calls[number].followers)

    def at_once(self, attempt: Attempt, outcome: Outcome, /) -> Outcome:
        """Commit how a call ended, for one who has the lock, and return that: where nobody waits for it meanwhile.

        Nobody does where a commit takes a few lines of Python, or where one thread makes all calls.
        """
        number, versions, _ = attempt
        state = self.state
        ended = None if self._bodies is LIVE else self.frozen(attempt, outcome)
        outcome = outcome if ended is None else ended.outcome
        if not isinstance(outcome, BuilderError) and state.finished[number] is None and not self.failures:
            slot, value = outcome
            if slot is not None and not state.version[slot]:  # nothing to compare it with, as for most
                body = value if ended is None else ended.body
                draft = (built_line, time(), self._calls[number], versions, self._names[slot], body, False)
                if not self._record.put(state.n, (draft,)):
                    state.built(number, versions, slot, body, value, False)  # noqa: FBT003  as it takes it
                    self.built.add(slot)
                    return outcome
        if ended is None:
            ended = Ended(attempt, outcome, None if isinstance(outcome, BuilderError) else outcome[1])
        news = self._put((ended,))
        while news:
            self._merge(news)
            news = self._put((ended,))
        self._apply(ended)
        return outcome

    def frozen(self, attempt: Attempt, outcome: Outcome, /) -> Ended:
        """Make the body of a product; a value that cannot be kept is the failure of the builder that made it."""
        if isinstance(outcome, BuilderError) or outcome[0] is None:
            return Ended(attempt, outcome)
        if outcome[0] in self.state.plan.transient:
            return Ended(attempt, outcome, outcome[1])
        try:
            body, value = self._bodies.freeze(outcome[1])
        except CodecError as error:
            return Ended(attempt, failure(self._calls[attempt[0]], error, run_id=self._run_id))
        return Ended(attempt, (outcome[0], value), body)

    def put(self, ended: Ended, /) -> None:
        """Commit how a call ended, together with what else has ended meanwhile."""
        self._ended.append(ended)
        with self._in_a_row:
            if not ended.taken:
                self._put_all([self._ended.popleft() for _ in range(len(self._ended))])

    def note(
        self, draft: Draft, take_in: Callable[[], None], /, *, unless: Optional[Callable[[], bool]] = None
    ) -> bool:
        """Commit a line of a call that has not ended, and take it in, under the lock.

        Where others were faster and what they have committed makes this one wrong (`unless`), return False.
        """
        with self._in_a_row:
            news = self._record.put(self.state.n, (draft,))
            while news:
                self._take_in(news)
                if unless is not None and unless():
                    return False
                news = self._record.put(self.state.n, (draft,))
            with self.lock:
                take_in()
        return True

    def rest(self, status: str, wake: str, /) -> bool:
        """Note the status at the end of a call, for listings; False if others have committed something meanwhile.

        Then they are to be heard: before a call lets go of its run, it looks for what was fed, by this.
        """
        n = self.state.n
        news: Sequence[Line] = ()
        if self.state.rested == (status, wake):
            news = self._record.after(n)
        else:
            try:
                news = self._record.put(n, [(Rested, time(), status, wake)])
                if not news:
                    self.state.passed((status, wake))
            except NotWritten as error:  # a hint is not worth failing a call whose results are all kept
                _LOGGER.warning("run %s: its status was not noted for listings: %s", self._run_id, error.why)
                news = self._record.after(n)
        self._take_in(news)
        return not news

    def _take_in(self, lines: Sequence[Line]) -> None:
        if lines:
            with self.lock:
                self._merge(lines)

    def _merge(self, lines: Sequence[Line]) -> None:
        """Apply what others have committed; what runs now is finished first, then all is looked at anew."""
        self.foreign = True
        for line in lines:
            self.state.apply(line)
        self.state.read()

    def _put_all(self, batch: Sequence[Ended]) -> None:
        for ended in batch:
            ended.taken = True
        try:
            news = self._put(batch)
            while news:
                self._take_in(news)
                news = self._put(batch)
            with self.lock:
                for ended in batch:
                    self._apply(ended)
        except BaseException as error:  # noqa: BLE001  it has to be known before the others of the batch go on
            self.breaks(error)
            for ended in batch:
                ended.lost = error

    def _put(self, batch: Sequence[Ended]) -> Sequence[Line]:
        """Commit calls that have ended; where others were faster, return what they have put there, and commit none."""
        for ended in batch:
            ended.draft = self._draft(ended)
        drafts = [ended.draft for ended in batch if ended.draft is not None]
        return self._record.put(self.state.n, drafts) if drafts else ()

    def _draft(self, ended: Ended) -> Optional[Draft]:
        number, versions, _ = ended.attempt
        outcome, state, call = ended.outcome, self.state, self._calls[number]
        if ended.silent:
            return None
        if isinstance(outcome, BuilderError):
            return failed(call, versions, outcome) if ended.until is None else postponed(call, versions, ended.until)
        if state.done(number, versions):
            return None
        slot, body = outcome[0], ended.body
        if slot is None:
            return built_line, time(), call, versions, None, None, False
        if slot in state.plan.transient:
            ended.kept = state.version[slot] > 0 and LIVE.same(state.body[slot], body)
            if not ended.kept:
                return transient_line, time(), call, versions, self._names[slot]
        else:
            ended.kept = state.version[slot] > 0 and self._bodies.same(state.body[slot], body)
        return built_line, time(), call, versions, self._names[slot], body, ended.kept

    def _apply(self, ended: Ended) -> None:
        (number, versions, _), outcome = ended.attempt, ended.outcome
        if isinstance(outcome, BuilderError):
            self.tried[number] = versions
            if ended.until is not None:
                self.state.postpones(number, versions, ended.until)
            else:
                self.failures[number] = outcome
                if not ended.silent:
                    self.state.failed(number)
            return
        if self.failures:
            self.failures.pop(number, None)  # data that was fed meanwhile may have mended it
        if ended.draft is not None:
            slot, value = outcome
            self.state.built(number, versions, slot, ended.body, value, ended.kept)
            if slot is not None and self.state.maker[slot] == number:
                self.built.add(slot)
