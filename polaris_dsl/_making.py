"""Makes one call of a builder: calls it, commits how that ended, and tells of both."""

from __future__ import annotations

from time import monotonic
from typing import Optional

from polaris_dsl._attempt import Attempt, Outcome, perform
from polaris_dsl._commits import Commits
from polaris_dsl._telling import Telling


class Making:
    """Makes the calls of one run, for whoever runs it. Its methods are called in many threads.

    Attributes:
        commits: where it commits how they end.
        quick: whether that is left to whoever has the lock next: where a commit takes a few lines of Python.
    """

    def __init__(self, commits: Commits, /, *, run_id: str, telling: Optional[Telling], quick: bool) -> None:
        self.commits = commits
        self.quick = quick and telling is None
        self._plan = commits.state.plan
        self._run_id = run_id
        self._telling = telling

    def make(self, attempt: Attempt, /) -> Outcome:
        """Call a builder; how that ended is committed, or, where that is quick, still to be."""
        if self._telling is not None:
            return self._told(attempt, self._telling)
        outcome = perform(self._plan, attempt, run_id=self._run_id)
        if self.quick:
            return outcome
        ended = self.commits.frozen(attempt, outcome)
        self.commits.put(ended)
        return ended.outcome

    def _told(self, attempt: Attempt, telling: Telling) -> Outcome:
        commits = self.commits
        commits.breaks(telling.builder_started(attempt, commits.state.finished[attempt[0]]))
        began_s = monotonic()
        ended = commits.frozen(attempt, perform(self._plan, attempt, run_id=self._run_id))
        commits.put(ended)
        took_s = monotonic() - began_s
        commits.breaks(telling.builder_ended(attempt[0], ended.lost or ended.outcome, kept=ended.kept, took_s=took_s))
        return ended.outcome
