"""One line of a listing for each run, without its payloads."""

from __future__ import annotations

from datetime import datetime
from typing import Iterator, List, Optional, Sequence, Tuple

import attrs
from typing_extensions import final

from polaris_dsl._run import Status, goes_on, status_of, wake_at
from polaris_dsl._runs import Runs
from polaris_dsl.errors import StoreError, UnknownRun
from polaris_dsl.stores import Line, Rested
from polaris_dsl.stores._lines import moment


@final
@attrs.frozen
class RunSummary:
    """One line of a listing: the run id, where the run stands, and when it was last written to (aware, in UTC).

    `wake_at` is when the first builder may be called again that raised `RetryAt`; None if none did.
    """

    id: str
    status: Status
    updated_at: datetime
    wake_at: Optional[datetime] = None


def summaries(runs: Runs, /) -> Iterator[RunSummary]:
    """Yield a summary of every run; what goes wrong is raised when all others were yielded."""
    problem: Optional[StoreError] = None
    for run_id, last in runs.journals.runs():
        try:
            yield _summary(runs, run_id, last)
        except UnknownRun:  # deleted in between
            continue
        except StoreError as error:
            problem = problem or error
    if problem is not None:
        raise problem


def going_on(runs: Runs, now: datetime, /) -> Tuple[Sequence[str], Sequence[StoreError]]:
    """Return the runs in which there is something to do by now, and what kept others from being looked at."""
    found: List[str] = []
    problems: List[StoreError] = []
    try:
        found.extend(run.id for run in summaries(runs) if goes_on(run.status, run.wake_at, now))
    except StoreError as error:
        problems.append(error)
    return found, problems


def _summary(runs: Runs, run_id: str, last: Line) -> RunSummary:
    if isinstance(last, Rested):
        wakes = moment(last.wake) if last.wake else None
        return RunSummary(run_id, Status(last.status), moment(last.at), wakes)
    # A run whose last call was killed, or that was only fed, has no status at its end: it has to be worked out.
    state = runs.state(run_id)
    return RunSummary(run_id, status_of(state), moment(last.at), wake_at(state))
