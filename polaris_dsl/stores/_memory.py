"""The store that keeps runs in memory, as live values, for as long as it lives itself."""

from __future__ import annotations

import os
import platform
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import attrs

from polaris_dsl.errors import RunLocked, UnknownRun
from polaris_dsl.stores._checks import check_commit, check_run_id
from polaris_dsl.stores._lines import Line


@attrs.frozen
class _Holder:
    """Who holds a run, and since when."""

    name: str
    since: str


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


class MemoryJournals:
    """The journals of one workflow. Safe to share between threads."""

    def __init__(self, workflow: str) -> None:
        self._workflow = workflow
        self._runs: Dict[str, List[Line]] = {}
        self._holders: Dict[str, _Holder] = {}
        self._changed = threading.Condition()

    def load(self, run: str, /, *, after: int = 0) -> Tuple[Line, ...]:
        """Return the lines of a run that follow line `after`, in order.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
        """
        check_run_id(run)
        with self._changed:
            return tuple(self._known(run)[after:])

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        """Keep `lines` behind line `expected_n`, or return what already follows it; an empty tuple when kept.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: the run has fewer lines than `expected_n`: it was deleted meanwhile.
            ValueError: these lines can stand in no journal.
        """
        check_commit(run, workflow=self._workflow, expected_n=expected_n, lines=lines)
        with self._changed:
            kept = self._runs.setdefault(run, []) if expected_n == 0 else self._known(run)
            if len(kept) < expected_n:
                raise UnknownRun(run, workflow=self._workflow)
            if len(kept) == expected_n:
                kept.extend(lines)
                return ()
            return tuple(kept[expected_n:])

    @contextmanager
    def hold(self, run: str, /, *, wait_s: Optional[float] = None) -> Iterator[None]:
        """Hold the run lock, which no thread can take twice; waits up to `wait_s` seconds (None: without limit).

        Raises:
            BadRunId: no store takes this id.
            RunLocked: another thread held it for all that time.
        """
        check_run_id(run)
        deadline = None if wait_s is None else time.monotonic() + wait_s
        with self._changed:
            while run in self._holders:
                left_s = None if deadline is None else deadline - time.monotonic()
                if left_s is not None and left_s <= 0:
                    holder = self._holders[run]
                    raise RunLocked(run, holder=holder.name, since=holder.since)
                self._changed.wait(left_s)
            self._holders[run] = _this_thread()
        try:
            yield
        finally:
            with self._changed:
                del self._holders[run]
                self._changed.notify_all()

    def runs(self) -> Iterator[Tuple[str, Line]]:
        """Yield every run's id with its last line, in the order in which the runs began."""
        with self._changed:
            last = [(run, lines[-1]) for run, lines in self._runs.items()]
        yield from last

    def delete(self, run: str, /) -> None:
        """Remove a run.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            RunLocked: it is held.
        """
        with self.hold(run, wait_s=0), self._changed:
            self._known(run)
            del self._runs[run]

    def _known(self, run: str) -> List[Line]:
        try:
            return self._runs[run]
        except KeyError:
            raise UnknownRun(run, workflow=self._workflow) from None


def _this_thread() -> _Holder:
    return _Holder(
        f"thread {threading.current_thread().name} of process {os.getpid()} on host {platform.node()}",
        datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
