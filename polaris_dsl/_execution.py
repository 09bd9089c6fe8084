"""Runs what is due of one run: in the caller's thread, with help from a pool where several builders are due at once."""

from __future__ import annotations

import contextvars
import logging
import threading
from concurrent.futures import Executor as Pool
from concurrent.futures import Future
from typing import Callable, Dict, Optional, Tuple

from polaris_dsl._attempt import Attempt, Outcome, prepare
from polaris_dsl._making import Making
from polaris_dsl._waves import Waves
from polaris_dsl.errors import BuilderError

_LOGGER = logging.getLogger("polaris_dsl")


class Execution:
    """One call of `Executor.run`, while it holds the run lock. The lock of its commits guards the wave as well."""

    def __init__(
        self,
        making: Making,
        waves: Waves,
        /,
        *,
        run_id: str,
        pool: Callable[[], Pool] = Pool,
        max_workers: int = 1,
    ) -> None:
        """Begin; `pool` returns what lends threads, if there may be more workers than one."""
        self._making = making
        self._waves = waves
        self._commits = making.commits
        self._state = making.commits.state
        self._run_id = run_id
        self._pool = pool
        self._free_helpers = max_workers - 1
        self._asked = self._came = 0
        self._answer: Optional[Tuple[int, Future[object]]] = None
        """What the pool answered last, and which time of asking that was."""
        self._refused = False
        self._lock = making.commits.lock
        self._running: Dict[int, bool] = {}
        """The calls that are being made, and whether a helper makes them."""
        self._caller_waits = False
        # Not a condition: that gives a lock back and takes it again in Python, where Ctrl-C may come in between.
        self._bell = threading.Lock()
        self._bell.acquire()

    def run(self) -> None:
        """Run until nothing is due that was not tried with these inputs; where there are loops, round by round."""
        self._state.read()
        again = True
        while again:
            try:
                with self._lock:  # a helper that comes late finds a new wave, or nothing to do
                    self._wave = self._waves.begin()
                self._drain()
                again = self._waves.another(self._wave)
            except BaseException as error:  # noqa: BLE001  Ctrl-C, at any place: what runs is ended under its lock
                raise self._ended_by(error)  # noqa: B904  mostly this very one

    # --- threads

    def _drain(self) -> None:
        """Work in this thread, and wait for the others, until nothing is due or running."""
        while True:
            self._caller_waits = False
            self._work(helper=False)
            with self._lock:
                nothing_due = not self._has_work()
                if nothing_due and not self._running:
                    return
                self._caller_waits = nothing_due
            self._bell.acquire(blocking=nothing_due)

    def _ended_by(self, error: BaseException) -> BaseException:
        """Begin no other builder, wait for the helpers, and return what came first of all that has ended this.

        What the caller's thread had begun has ended, or else it would not be here.
        """
        self._stop(error, *[call for call, helper in tuple(self._running.items()) if not helper])
        self._drain()
        return self._commits.broken or error

    def _has_work(self) -> bool:
        return self._commits.broken is None and not self._commits.foreign and bool(self._wave.due)

    def _help(self) -> None:
        with self._lock:
            if self._came == self._asked:  # one more than was asked for: its pool has said that it would not come
                if not self._free_helpers:
                    return
                self._free_helpers -= 1
                self._asked += 1
            self._came += 1
        self._work(helper=True)

    def _work(self, *, helper: bool) -> None:
        """Run one due builder after the other; a chain never leaves its thread."""
        make = self._making.make
        attempt = self._next(None, None, helper=helper)
        while attempt is not None:
            outcome: Optional[Outcome] = None
            try:
                outcome = make(attempt)
            except BaseException as error:  # noqa: BLE001  kept for the caller's thread, which raises it
                self._commits.breaks(error)
            attempt = self._next(attempt, outcome, helper=helper)

    def _next(self, done: Optional[Attempt], outcome: Optional[Outcome], *, helper: bool) -> Optional[Attempt]:
        """End a call, and begin one that is due; None if there is none, or if that goes wrong."""
        attempt: Optional[Attempt] = None
        try:
            with self._lock:
                if done is not None:
                    self._end(done, outcome)
                if not self._has_work():
                    if helper:
                        self._free_helpers += 1  # under the lock that found nothing: what is due next counts on it
                        self._ring()  # not by the caller, who would wake himself again and again
                    return None
                due = self._wave.due
                attempt = prepare(self._state, due.popleft())
                self._running[attempt[0]] = helper
                alone = due and self._nobody_comes()
            if alone:
                self._call_for_help()
        except BaseException as error:  # noqa: BLE001  of a comparison, of a codec: the caller's thread raises it
            self._stop(error, *(call[0] for call in (done, attempt) if call is not None))
            return None
        return attempt

    def _end(self, done: Attempt, outcome: Optional[Outcome]) -> None:
        self._running.pop(done[0], None)
        if outcome is not None:
            if self._making.quick:
                outcome = self._commits.at_once(done, outcome)
            self._wave.settle(done[0], finished=not isinstance(outcome, BuilderError))
        else:  # it was not finished, or not called at all: it is due still
            self._state.touched.add(done[0])

    def _stop(self, error: BaseException, /, *calls: int) -> None:
        """Begin no other builder, and raise this in the caller's thread when all have ended; these calls have."""
        with self._lock:
            self._commits.breaks(error)
            for call in calls:
                self._running.pop(call, None)
            self._ring()

    def _ring(self) -> None:
        """Let the caller look again, if it waits; for one who has the lock."""
        if self._bell.locked():
            self._bell.release()

    def _nobody_comes(self) -> bool:
        """Say whether to ask for help with what is due: not while the caller can do it, or somebody is on the way.

        So they come one after the other, and where builders are quick all is done before the first one comes.
        """
        if self._caller_waits:
            self._caller_waits = False
            self._ring()
            return False
        if self._asked > self._came:
            asked, answer = self._answer or (0, None)
            if answer is None or asked < self._asked or not answer.done():
                return False
            self._nobody_came()  # it was called off
        if not self._free_helpers:
            return False
        self._free_helpers -= 1
        self._asked += 1
        self._answer = None
        return True

    def _nobody_came(self) -> None:
        self._asked -= 1
        self._free_helpers += 1

    def _call_for_help(self) -> None:
        """Ask the pool for a thread; where it takes no more work, those that are there do all of it."""
        this = self._asked  # nobody asks again before the pool has answered, or one has come
        try:
            answer: Future[object] = self._pool().submit(contextvars.copy_context().run, self._help)
            # Without the lock: whoever has come just now may have it, and is better not waited for.
            self._answer = this, answer
        except Exception as error:  # noqa: BLE001  a lent pool may raise anything
            with self._lock:
                if self._came < this == self._asked:
                    self._nobody_came()
            if not self._refused:
                self._refused = True
                _LOGGER.warning("run %s goes on with fewer threads: %s", self._run_id, error)
