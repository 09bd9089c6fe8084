"""Runs that begin anew in memory, gone straight through: what an executor does where nothing is out of the ordinary."""

from __future__ import annotations

import time
from typing import Dict, Mapping, Sequence, Tuple, Union, cast

from polaris_dsl._attempt import Finish, Outcome, failure, odd
from polaris_dsl._drafts import built_line
from polaris_dsl._plan import Call, Plan, Values
from polaris_dsl._run import Run, Status, complete_run
from polaris_dsl._state import Versions
from polaris_dsl._straight import Compiled, Odd, Stopped, Straight
from polaris_dsl.stores import Fed, Line, Put, Rested, Started
from polaris_dsl.stores._lines import Draft
from polaris_dsl.stores._memory import Lane

Known = Dict[Tuple[int, Versions], Outcome]
"""How calls ended that were made already, with these versions, but are not in the journal."""


class Express:
    """Goes straight through runs of one plan, builder by builder, in the caller's thread. Safe to share.

    All is in the lane that a builder made before the next one is called. That needs no lock: to append to a list is one
    act for all threads, and what others commit meanwhile stands elsewhere. Whatever is out of the ordinary (a failure,
    a coroutine, a feed of others, no way to the target) ends it, and is left to whoever goes on with what is there.
    """

    def __init__(self, plan: Plan, *, finish: Finish) -> None:
        self._plan = plan
        self._finish = finish
        self._compiled = Compiled(plan, draft=built_line)

    def run(self, lane: Lane, fed: Mapping[int, object], /, *, run_id: str) -> Union[Run[object], Known, None]:
        """Return the run if it reaches the target; else what is known besides the lane; None if it was not begun."""
        code = self._compiled.code_for(fed)
        if code is None or not self._begun(lane, fed, run_id):
            return None
        known: Known = {}
        values: Values = ()
        ended: Sequence[Draft] = ()
        stopped: Stopped = []
        try:
            values = code.run(stopped, lane.lines, lane.foreign, *map(fed.get, self._plan.inputs))
            complete = any(values[slot] is not None for slot in self._plan.target)
            ended = [(Rested, time.time(), Status.COMPLETE.value)] if complete else []
        except Exception as error:
            if not isinstance(error, Odd) and stopped and not self._in_order_with(code, stopped[0], lane.lines[-1]):
                raise  # of a signal, between a builder and its line: the next call of `run` goes on from the lines
            known = self._known_at(error, code, stopped, run_id)  # of a builder: told by whoever goes on
        finally:
            alone = lane.through(ended)
        return complete_run(self._plan, values, run_id=run_id) if ended and alone else known

    def _begun(self, lane: Lane, fed: Mapping[int, object], run_id: str) -> bool:
        plan, now_s = self._plan, time.time()
        put = tuple([Put(plan.data[slot].__name__, value) for slot, value in fed.items()])
        return lane.go_straight([(Started, now_s, run_id, plan.workflow, plan.graph), (Fed, now_s, put)])

    def _in_order_with(self, code: Straight, names: Mapping[str, object], line: Union[Line, Draft]) -> bool:
        """Say whether the last line is that of the last builder that made something."""
        last = max((call for call, name in enumerate(code.made) if names.get(name) is not None), default=-1)
        if isinstance(line, tuple):
            by = cast("Call", line[2]).name if line[0] is built_line else ""
        else:
            by = getattr(line, "by", "")
        return self._plan.numbers.get(by, -1) >= last

    def _known_at(self, error: Exception, code: Straight, stopped: Stopped, run_id: str) -> Known:
        if not stopped:  # it was never begun: the stack is full
            return {}
        at, _, versions = code.stopped_at(error, stopped.pop())
        call = self._plan.calls[at]
        if isinstance(error, Odd):
            outcome = odd(self._plan, at, error.value, run_id=run_id, finish=self._finish)
        else:
            outcome = failure(call, error, run_id=run_id)
        return {(at, call.versions_of(versions)): outcome}


def in_order(plan: Plan, /) -> bool:
    """Say whether each builder waits for the one before it, so that no two are ever due at once."""
    return all(at in call.followers for at, call in enumerate(plan.calls[:-1], 1))
