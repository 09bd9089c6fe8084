"""Runs a plan once, in memory and in the caller's thread."""

from __future__ import annotations

import os
from typing import Dict, Mapping, Sequence, Set

from polaris_dsl._attempt import NOTHING, Outcome, failure, odd, perform, prepare, raise_first
from polaris_dsl._feed import accept
from polaris_dsl._plan import Plan, Values
from polaris_dsl._run import Run, complete_run, run_of
from polaris_dsl._state import State
from polaris_dsl._straight import Compiled, Odd, Straight
from polaris_dsl._wave import Wave
from polaris_dsl.errors import BuilderError


class OneShot:
    """Runs of one plan, each from its beginning. Safe to share between threads.

    A run that is fed all that is consumed goes straight through compiled code. If that stops, because a builder failed
    or there is no way to the target, the run is gone through once more with care, without calling anything twice.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._compiled = Compiled(plan)

    def run(self, data: Sequence[object], /) -> Run[object]:
        """Run on the data given; raises `UnexpectedData` and `BuilderError`."""
        fed = accept(self._plan, data)
        run_id = os.urandom(16).hex()
        known: Mapping[int, Outcome] = {}
        code = self._compiled.code_for(fed)
        if code is not None:
            try:
                values = code.run(*map(fed.get, self._plan.inputs))
            except Exception as error:  # noqa: BLE001  of a builder: told with all others, at the end of the run
                known = self._known_at(error, code, run_id=run_id)
            else:
                if any(values[slot] is not None for slot in self._plan.target):
                    return complete_run(self._plan, values, run_id=run_id)
                known = self._known(values, before=len(self._plan.calls))
        return self._with_care(fed, known, run_id=run_id)

    def _known_at(self, error: Exception, code: Straight, *, run_id: str) -> Dict[int, Outcome]:
        at, values, _ = code.stopped_at(error.__traceback__)
        known = self._known(values, before=at)
        if isinstance(error, Odd):
            known[at] = odd(self._plan, at, error.value, run_id=run_id)
        else:
            known[at] = failure(self._plan.calls[at], error, run_id=run_id)
        return known

    def _known(self, values: Values, *, before: int) -> Dict[int, Outcome]:
        """Return how the first calls ended, of those that were made."""
        known: Dict[int, Outcome] = {}
        for at, call in enumerate(self._plan.calls[:before]):
            if all(values[slot] is not None for slot in call.consumes):
                made = next((slot for slot in call.produces if values[slot] is not None), None)
                known[at] = NOTHING if made is None else (made, values[made])
        return known

    def _with_care(self, fed: Mapping[int, object], known: Mapping[int, Outcome], *, run_id: str) -> Run[object]:
        state = State(self._plan, thaw=lambda _, body: body)
        state.fed([(slot, value, value) for slot, value in fed.items()])
        wave = Wave(state, tried={})
        failures: Dict[int, BuilderError] = {}
        built: Set[int] = set()
        while wave.due:
            attempt = prepare(state, wave.due.popleft())
            call, versions, _ = attempt
            outcome = known.get(call) or perform(self._plan, attempt, run_id=run_id)
            if isinstance(outcome, BuilderError):
                failures[call] = outcome
                state.failed(call)
            else:
                slot, value = outcome
                state.built(call, versions, slot, value, value, False)  # noqa: FBT003  as it takes it
                built.update(() if slot is None else (slot,))
            wave.settle(call, finished=call not in failures)
        state.touched = set(failures)
        run = run_of(state, run_id=run_id, built=built)
        raise_first(failures, run)
        return run
