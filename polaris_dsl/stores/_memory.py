"""The store that keeps runs in memory, as live values, for as long as it lives itself."""

from __future__ import annotations

import os
import platform
import threading
import time
from datetime import datetime, timezone
from itertools import repeat
from typing import ContextManager, Dict, Iterator, List, Optional, Sequence, Set, Tuple, Union
from weakref import ReferenceType, ref

from polaris_dsl.errors import RunLocked, UnknownRun
from polaris_dsl.stores._checks import check_commit, check_run_id
from polaris_dsl.stores._lines import Draft, Line, lines_of

LONGEST_WAIT_S = 0.5
"""How long one who waits for a run lock trusts to be told: somebody who was interrupted tells nobody."""


class MemoryStore:
    """Keeps runs in this process; nothing is encoded, nothing survives the process. Safe to share between threads."""

    encoded = False
    """`Put.body` is the live value."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._workflows: Dict[str, MemoryJournals] = {}

    def open(self, workflow: str, /) -> MemoryJournals:
        """Return the journals of the workflow of this name; the same ones each time."""
        with self._lock:
            return self._workflows.setdefault(workflow, MemoryJournals(workflow))


class Lane:
    """One journal, for whoever holds its run: takes drafts of lines, and keeps what was made of the lines last time.

    A holder that goes straight puts lines behind `lines` itself, without a lock, for as long as `foreign` is empty:
    what others commit meanwhile stands there, behind all lines, until the holder is through. One that was interrupted
    may never say so: then the next holder does, before it looks at anything.

    Attributes:
        lines: the lines and drafts. They change under the lock, or by the holder that goes straight.
        foreign: what others have committed while the holder goes straight.
        straight: whether the holder goes straight, or was interrupted while it did.
        memo: whatever the last holder left there, which goes with the run.
    """

    __slots__ = ("_lock", "foreign", "lines", "memo", "straight")

    def __init__(self, lock: ContextManager[object]) -> None:
        self.memo: object = None
        self.lines: List[Union[Line, Draft]] = []
        self.foreign: List[Union[Line, Draft]] = []
        self._lock = lock
        self.straight: bool = False

    def go_straight(self, drafts: Sequence[Draft], /) -> bool:
        """Begin the journal with these lines, and let the holder go straight; False if others have begun it."""
        with self._lock:
            if self.lines:
                return False
            self.lines.extend(drafts)
            self.straight = True
            return True

    def through(self, drafts: Sequence[Draft], /) -> bool:
        """End with these lines, unless others have committed something meanwhile; the holder is through either way."""
        with self._lock:
            alone = not self.foreign
            if alone:
                self.lines.extend(drafts)
            self.end()
            return alone

    def end(self) -> None:
        """End a straight way, for one who has the lock. Interrupted at any place, it can be done again."""
        # One act of C, in the middle of which no signal is heard: a line stands in one of the two lists, never in both.
        self.lines.extend(map(self.foreign.pop, repeat(0, len(self.foreign))))
        self.straight = False

    def put(self, expected_n: int, drafts: Sequence[Draft], /) -> Sequence[Line]:
        """Keep lines behind line `expected_n`; where others were faster, return what they have put there."""
        with self._lock:
            return self.append(expected_n, drafts)

    def after(self, n: int, /) -> Tuple[Line, ...]:
        """Return the lines that follow line `n`."""
        with self._lock:
            return self.read(n)

    def read(self, n: int, /) -> Tuple[Line, ...]:
        """Do the same for one who has the lock; a holder that goes straight may put lines behind `end` meanwhile."""
        end, behind = len(self.lines), len(self.foreign)
        return (*lines_of(self.lines, n, end), *lines_of(self.foreign, max(n - end, 0), behind))

    def append(self, expected_n: int, lines: Sequence[Union[Line, Draft]], /) -> Tuple[Line, ...]:
        """Keep lines behind line `expected_n`, or return what follows it; for one who has the lock."""
        if len(self) != expected_n:
            return self.read(expected_n)
        (self.foreign if self.straight else self.lines).extend(lines)
        return ()

    def __len__(self) -> int:
        return len(self.lines) + len(self.foreign)


class MemoryJournals:
    """The journals of one workflow. Safe to share between threads."""

    def __init__(self, workflow: str) -> None:
        self._workflow = workflow
        self._runs: Dict[str, Lane] = {}
        self._holders: Dict[str, Holder] = {}
        self._lock = threading.Lock()
        self._bells: Set[threading.Lock] = set()
        """One for each who waits for a run lock, to be released when one is let go."""

    def lane(self, run: str, /) -> Lane:
        """Return the journal of a run that the caller holds, beginning it if there is none: empty, nobody sees it."""
        with self._lock:
            lane = self._runs.setdefault(run, Lane(self._lock))
            if lane.straight:  # by somebody who was interrupted: who asks here has the run lock
                lane.end()
            return lane

    def load(self, run: str, /, *, after: int = 0) -> Tuple[Line, ...]:
        """Return the lines of a run that follow line `after`, in order.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
        """
        check_run_id(run)
        with self._lock:
            return self._known(run).read(after)

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        """Keep `lines` behind line `expected_n`, or return what already follows it; an empty tuple when kept.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: the run has fewer lines than `expected_n`: it was deleted meanwhile.
            ValueError: these lines can stand in no journal.
        """
        check_commit(run, workflow=self._workflow, expected_n=expected_n, lines=lines)
        with self._lock:
            kept = self._known(run) if expected_n else self._runs.setdefault(run, Lane(self._lock))
            if len(kept) < expected_n:
                raise UnknownRun(run, workflow=self._workflow)
            return kept.append(expected_n, lines)

    def hold(self, run: str, /, *, wait_s: Optional[float] = None) -> Held:
        """Hold the run lock, which no thread can take twice; waits up to `wait_s` seconds (None: without limit).

        Raises:
            BadRunId: no store takes this id.
            RunLocked: another thread held it for all that time.
        """
        check_run_id(run)
        return Held(self, run, wait_s)

    def take(self, held: Held, wait_s: Optional[float], /) -> None:
        """Take the run lock: the way into `hold`."""
        run = held.run
        with self._lock:
            if run not in self._holders:
                self._held_by(held)
                return
        self._wait_for(held, wait_s)

    def _wait_for(self, held: Held, wait_s: Optional[float]) -> None:
        # A lock for each who waits, and no condition: that gives its lock back and takes it again in Python, where
        # Ctrl-C may come in between.
        run, bell = held.run, threading.Lock()
        ends_s = None if wait_s is None else time.monotonic() + wait_s
        while True:
            with self._lock:
                self._bells.discard(bell)
                if run not in self._holders:
                    self._held_by(held)
                    return
                left_s = LONGEST_WAIT_S if ends_s is None else min(ends_s - time.monotonic(), LONGEST_WAIT_S)
                if left_s <= 0:
                    raise _locked(run, self._holders[run])
                bell = threading.Lock()  # another one: the last may have been rung after it was not waited for any more
                bell.acquire()
                self._bells.add(bell)
            bell.acquire(timeout=left_s)

    def let_go(self, held: Held, /) -> None:
        """Let the run lock go, if it is held through this, and forget a run that was never begun."""
        run = held.run
        with self._lock:
            holder = self._holders.get(run)
            if holder is not None and holder[2]() is held:
                del self._holders[run]
                while self._bells:
                    self._bells.pop().release()
                if run in self._runs and not self._runs[run]:
                    del self._runs[run]

    def _held_by(self, held: Held) -> None:
        # The reference lets go of the run of one who was interrupted so badly that nobody has the lock in hand any
        # more: at any time, so without any lock; who waits finds it out. A `__del__` would be run where all is well,
        # too: Python ignores what is raised in one, and so it would swallow Ctrl-C.
        run, holders = held.run, self._holders

        def forget(this: ReferenceType[Held]) -> None:
            holder = holders.get(run)
            if holder is not None and holder[2] is this:
                holders.pop(run, None)

        holders[run] = threading.current_thread().name, time.time(), ref(held, forget)

    def runs(self) -> Iterator[Tuple[str, Line]]:
        """Yield every run's id with its last line, in the order in which the runs began."""
        with self._lock:
            last = [(run, lane.read(len(lane) - 1)[0]) for run, lane in self._runs.items() if lane]
        yield from last

    def delete(self, run: str, /) -> None:
        """Remove a run.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            RunLocked: it is held.
        """
        with self.hold(run, wait_s=0), self._lock:
            self._known(run)
            del self._runs[run]

    def _known(self, run: str) -> Lane:
        lane = self._runs.get(run)
        if not lane:
            raise UnknownRun(run, workflow=self._workflow)
        return lane


class Held:
    """The run lock of a run, as a context manager that is entered once.

    Ctrl-C may come before a line of `__exit__` has run. So who is interrupted calls `let_go` too, which does nothing
    where nothing is held; and nobody can keep a lock that nobody refers to.
    """

    __slots__ = ("__weakref__", "_journals", "_wait_s", "run")

    def __init__(self, journals: MemoryJournals, run: str, wait_s: Optional[float]) -> None:
        self.run: str = run
        self._journals = journals
        self._wait_s = wait_s

    def __enter__(self) -> None:
        self._journals.take(self, self._wait_s)

    def __exit__(self, *ended: object) -> None:
        self._journals.let_go(self)

    def let_go(self) -> None:
        """Let go of the lock, if it is held."""
        self._journals.let_go(self)


Holder = Tuple[str, float, "ReferenceType[Held]"]
"""Who holds a run, and since when: a thread, seconds, and the lock in its hand."""


def _locked(run: str, by: Holder) -> RunLocked:
    thread, since_s, _ = by
    holder = f"thread {thread} of process {os.getpid()} on host {platform.node()}"
    since = datetime.fromtimestamp(since_s, timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    return RunLocked(run, holder=holder, since=since)
