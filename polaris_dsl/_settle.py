"""Ends a call that was interrupted, as somebody found out that it ended."""

from __future__ import annotations

from functools import partial

from polaris_dsl._attempt import judged
from polaris_dsl._commits import Commits
from polaris_dsl._drafts import released
from polaris_dsl._run import Run, run_of
from polaris_dsl._runs import Runs
from polaris_dsl.errors import BuilderError, CodecError, NotInterrupted, UnknownRun
from polaris_dsl.retry import RETRY


def settled(runs: Runs, run_id: str, builder: str, result: object, /) -> Run[object]:
    """Commit how a call of a run that is held ended, or that it may be made again; see `Executor.settle`."""
    plan = runs.plan
    record, state = runs.opened(run_id)
    if not state.n:
        raise UnknownRun(run_id, workflow=plan.workflow)
    number = plan.numbers.get(builder, -1)
    if number not in state.intended:
        raise NotInterrupted(run_id=run_id, builder=builder)
    call, (versions, _) = plan.calls[number], state.intended[number]
    commits = Commits(state, record, run_id=run_id, bodies=runs.bodies)
    if result is RETRY:
        commits.note(released(call, versions), partial(state.releases, number))
    else:
        outcome = judged(plan, number, result, run_id=run_id)
        ended = commits.frozen((number, versions, ()), outcome)
        wrong = ended.outcome
        if isinstance(wrong, BuilderError):
            raise wrong.__cause__ if isinstance(wrong.__cause__, CodecError) else wrong
        commits.put(ended)
        if ended.lost is not None:
            raise ended.lost
        state.touched.update(call.followers)
    state.touched.add(number)
    return run_of(state, run_id=run_id, built=frozenset(commits.built))
