"""Runs what is due of one run: in the caller's thread, with help from a pool where several builders are due at once."""

from __future__ import annotations

import contextvars
import logging
import threading
from concurrent.futures import Executor as Pool
from functools import partial
from typing import Callable, Dict, Optional, Sequence, Set

from polaris_dsl._attempt import Attempt, Product, failure, perform, prepare
from polaris_dsl._bodies import Bodies
from polaris_dsl._state import State, Versions
from polaris_dsl._wave import Wave
from polaris_dsl.errors import BuilderError, CodecError, NotWritten
from polaris_dsl.stores import Built, Failed, Journals, Line, Put, Rested

_LOGGER = logging.getLogger("polaris_dsl")


class Execution:
    """One call of `Executor.run`, while it holds the run lock.

    Two locks. `_lock` guards the state and the wave, and is held for a few lines at a time, never while a builder runs
    or a disk is written to. `_commit_lock` puts commits in a row: the state changes in the order of the journal.
    """

    def __init__(
        self,
        state: State,
        journals: Journals,
        /,
        *,
        run_id: str,
        bodies: Bodies,
        now: Callable[[], str],
        pool: Callable[[], Pool],
        max_workers: int,
    ) -> None:
        self.failures: Dict[int, BuilderError] = {}
        self.built: Set[int] = set()
        self._state = state
        self._journals = journals
        self._run_id = run_id
        self._bodies = bodies
        self._now = now
        self._pool = pool
        self._free_helpers = max_workers - 1
        self._tried: Dict[int, Versions] = {}
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._commit_lock = threading.Lock()
        self._wave = Wave(state, tried=self._tried)
        self._running = 0
        self._foreign = False
        self._broken: Optional[BaseException] = None

    def run(self) -> None:
        """Run until nothing is due that was not tried with these inputs."""
        while True:
            self._drain()
            if self._broken is not None:
                raise self._broken
            if not self._foreign:
                return
            self._foreign = False
            self._wave = Wave(self._state, tried=self._tried)

    def rest(self, status: str, /) -> bool:
        """Note the status at the end of a call, for listings; False if others have committed something meanwhile.

        Then they are to be heard: before a call lets go of its run, it looks for what was fed, by this.
        """
        news: Sequence[Line] = ()
        if self._state.rested == status:
            news = self._journals.load(self._run_id, after=self._state.n)
        else:
            line = Rested(self._now(), status)
            try:
                news = self._journals.append(self._run_id, self._state.n, [line])
                if not news:
                    self._state.apply(line)
            except NotWritten as error:  # a hint is not worth failing a call whose results are all kept
                _LOGGER.warning("run %s: its status was not noted for listings: %s", self._run_id, error.why)
                news = self._journals.load(self._run_id, after=self._state.n)
        return not self._take_in(news)

    def _take_in(self, lines: Sequence[Line]) -> bool:
        """Apply what others have committed; what runs now is finished first, then all is looked at anew."""
        with self._lock:
            for line in lines:
                self._state.apply(line)
            self._foreign = self._foreign or bool(lines)
        return bool(lines)

    # --- threads

    def _drain(self) -> None:
        """Work in this thread, and wait for the others, until nothing is due or running."""
        while True:
            self._work(helper=False)
            with self._lock:
                while self._running and not self._has_work():
                    self._ended.wait()
                if not self._has_work():
                    return

    def _has_work(self) -> bool:
        return bool(self._wave.due) and not self._foreign and self._broken is None

    def _work(self, *, helper: bool) -> None:
        """Run one due builder after the other; a chain never leaves its thread."""
        while True:
            with self._lock:
                if not self._has_work():
                    self._free_helpers += helper  # under the lock that found nothing: what is due next counts on it
                    return
                call = self._wave.due.popleft()
                self._running += 1
                helpers = min(self._free_helpers, len(self._wave.due))
                self._free_helpers -= helpers
            try:
                self._call_for_help(helpers)
                self._attempt(call)
            except BaseException as error:  # noqa: BLE001  kept for the caller's thread, which raises it
                self._broken = self._broken or error
            finally:
                with self._lock:
                    self._running -= 1
                    self._ended.notify()

    def _call_for_help(self, helpers: int) -> None:
        """Ask the pool for more threads; where it takes no more work, those that are there do all of it."""
        for _ in range(helpers):
            try:
                self._pool().submit(contextvars.copy_context().run, partial(self._work, helper=True))
            except RuntimeError as error:
                _LOGGER.warning("run %s goes on with fewer threads: %s", self._run_id, error)
                return

    # --- one builder

    def _attempt(self, call: int) -> None:
        with self._lock:
            attempt = prepare(self._state, call, run_id=self._run_id)
        outcome = perform(self._state.plan, attempt, run_id=self._run_id)
        error = self._keep(attempt, outcome) if isinstance(outcome, Product) else outcome
        if error is not None:
            self._record(attempt, error)
        else:
            self.failures.pop(call, None)  # data that was fed meanwhile may have mended it
        with self._lock:
            self._wave.settle(call, finished=error is None)

    def _keep(self, attempt: Attempt, product: Product) -> Optional[BuilderError]:
        """Commit what a builder made; a value that the store cannot keep is the builder's failure."""
        state, slot = self._state, product.slot
        body = copy = None
        if slot is not None:
            try:
                body, copy = self._bodies.freeze(product.value)
            except CodecError as error:
                return failure(state.plan.calls[attempt.call], error, run_id=self._run_id)

        def line_of() -> Optional[Line]:
            if state.finished[attempt.call] == attempt.versions:
                return None  # another process was faster: one result for these inputs is kept, and it is not ours
            by = state.plan.calls[attempt.call].name
            if slot is None:
                return Built(self._now(), by, attempt.lineage)
            name, present = state.plan.data[slot].__name__, state.present[slot]
            if present is not None and self._bodies.same(present.body, body):
                return Built(self._now(), by, attempt.lineage, kept=(name,))
            return Built(self._now(), by, attempt.lineage, put=(Put(name, body),))

        if self._commit(line_of, slot=slot, value=copy) and slot is not None:
            self.built.add(slot)
        return None

    def _record(self, attempt: Attempt, error: BuilderError) -> None:
        """Commit that a builder failed: the type of the error and its place; its text may quote a secret."""
        by, kind = error.builder, type(error.__cause__ or error).__name__
        self._tried[attempt.call] = attempt.versions
        self.failures[attempt.call] = error
        self._commit(lambda: Failed(self._now(), by, attempt.lineage, kind, error.place))

    def _commit(
        self, line_of: Callable[[], Optional[Line]], *, slot: Optional[int] = None, value: object = None
    ) -> bool:
        """Commit one line, then apply it. `line_of` makes it, anew whenever others were faster; None: not needed."""
        with self._commit_lock:
            while True:
                line = line_of()
                if line is None:
                    return False
                news = self._journals.append(self._run_id, self._state.n, [line])
                if not news:
                    with self._lock:
                        self._state.apply(line)
                        if slot is not None:
                            self._state.remember(slot, value)
                    return True
                self._take_in(news)
