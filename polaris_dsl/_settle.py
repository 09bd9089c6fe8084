"""Ends a call that was interrupted, as somebody found out that it ended."""

from __future__ import annotations

from functools import partial
from typing import Union

from polaris_dsl._attempt import judged
from polaris_dsl._builder import Builder
from polaris_dsl._commits import Commits
from polaris_dsl._drafts import released
from polaris_dsl._plan import Plan
from polaris_dsl._run import Run, run_of
from polaris_dsl._runs import Runs
from polaris_dsl._state import State, Versions
from polaris_dsl.errors import BuilderError, CodecError, DefinitionError, NotInterrupted, UnknownRun
from polaris_dsl.retry import RETRY


def number_of(plan: Plan, builder: Union[Builder[..., object], str], /) -> int:
    """Return the number of a builder, which is given itself or by its name; raises `DefinitionError`."""
    given: object = builder
    if not isinstance(given, (Builder, str)):
        raise DefinitionError(f"settle() takes a builder or its name, not a value of type {type(given).__name__}")
    name = given if isinstance(given, str) else given.name
    if name not in plan.numbers:
        listed = ", ".join(call.name for call in plan.calls)
        raise DefinitionError(f"settle(): workflow {plan.workflow} has no builder {name!r:.80}; it has {listed}")
    return plan.numbers[name]


def settled(runs: Runs, run_id: str, number: int, result: object, /) -> Run[object]:
    """Commit how a call of a run that is held ended, or that it may be made again; see `Executor.settle`."""
    plan = runs.plan
    record, state = runs.opened(run_id)
    if not state.n:
        raise UnknownRun(run_id, workflow=plan.workflow)
    call = plan.calls[number]
    if number not in state.intended:
        raise NotInterrupted(run_id=run_id, builder=call.name)
    versions = _as_of_now(state, number)
    commits = Commits(state, record, run_id=run_id, bodies=runs.bodies)
    if result is RETRY:
        commits.note(released(call, versions), partial(state.releases, number))
    else:
        ended = commits.frozen((number, versions, ()), judged(plan, number, result, run_id=run_id))
        wrong = ended.outcome
        if isinstance(wrong, BuilderError):
            wrong.interrupted = True
            run = run_of(state.at_rest(), run_id=run_id, built=frozenset())
            raise wrong.__cause__ if isinstance(wrong.__cause__, CodecError) else wrong.with_run(run, [wrong])
        commits.put(ended)
        if ended.lost is not None:
            raise ended.lost
        state.touched.update(call.followers)
    state.touched.add(number)
    return run_of(state.at_rest(), run_id=run_id, built=frozenset(commits.built))


def _as_of_now(state: State, number: int) -> Versions:
    """Return the versions that a call was made with; of transient data, which may be the same, those of the last."""
    call, (versions, _) = state.plan.calls[number], state.intended[number]
    last = {slot: state.version[slot] or state.gone.get(slot, 0) for slot in state.plan.transient}
    return tuple(last.get(slot, version) for slot, version in zip(call.waits_for, versions))
