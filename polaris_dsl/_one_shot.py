"""Runs a plan once, in memory and in the caller's thread."""

from __future__ import annotations

import os
from typing import Dict, Mapping, Sequence

import attrs

from polaris_dsl._attempt import NOTHING, Outcome, failure, finish_here, odd, raise_first
from polaris_dsl._feed import accept
from polaris_dsl._options import MOST_ROUNDS
from polaris_dsl._plan import Plan, Values
from polaris_dsl._run import Run, complete_run, run_of
from polaris_dsl._state import State
from polaris_dsl._straight import Compiled, Odd, Stopped, Straight
from polaris_dsl.errors import NotSettled
from polaris_dsl.stores import Line
from polaris_dsl.stores._lines import Draft


@attrs.frozen
class Nowhere:
    """The journal of a run that ends with its call: keeps nothing, and nobody else writes to it."""

    def put(self, n: int, drafts: Sequence[Draft], /) -> Sequence[Line]:  # noqa: ARG002  kept nowhere
        return ()

    def after(self, n: int, /) -> Sequence[Line]:  # noqa: ARG002  as above
        return ()


class OneShot:
    """Runs of one plan, each from its beginning. Safe to share between threads.

    A run that is fed all that is consumed goes straight through compiled code. If that stops, because a builder failed
    or there is no way to the target, the run is gone through once more with care, without calling anything twice.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._compiled = Compiled(plan)

    def run(self, data: Sequence[object], /, *, max_rounds: int = MOST_ROUNDS) -> Run[object]:
        """Run on the data given; raises `UnexpectedData`, `BuilderError` and `NotSettled`."""
        fed = accept(self._plan, data)
        run_id = os.urandom(16).hex()
        known: Mapping[int, Outcome] = {}
        code = self._compiled.code_for(fed)
        if code is not None:
            stopped: Stopped = []
            try:
                values = code.run(stopped, *map(fed.get, self._plan.inputs))
            except Exception as error:  # noqa: BLE001  of a builder: told with all others, at the end of the run
                known = self._known_at(error, code, stopped, run_id=run_id)
            else:
                if any(values[slot] is not None for slot in self._plan.target):
                    return complete_run(self._plan, values, run_id=run_id)
                known = self._known(values, before=len(self._plan.calls))
        return self._with_care(fed, known, run_id=run_id, max_rounds=max_rounds)

    def _known_at(self, error: Exception, code: Straight, stopped: Stopped, *, run_id: str) -> Dict[int, Outcome]:
        if not stopped:  # it was never begun: the stack is full
            return {}
        at, values, _ = code.stopped_at(error, stopped.pop())
        known = self._known(values, before=at)
        if isinstance(error, Odd):
            known[at] = odd(self._plan, at, error.value, run_id=run_id, finish=finish_here)
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

    def _with_care(
        self, fed: Mapping[int, object], known: Mapping[int, Outcome], *, run_id: str, max_rounds: int
    ) -> Run[object]:
        from polaris_dsl._bodies import Live  # noqa: PLC0415  few runs come here
        from polaris_dsl._commits import Commits  # noqa: PLC0415  as above
        from polaris_dsl._execution import Execution  # noqa: PLC0415  as above
        from polaris_dsl._making import Making  # noqa: PLC0415  as above
        from polaris_dsl._waves import Waves  # noqa: PLC0415  as above

        state = State(self._plan, thaw=lambda _, body: body)
        state.fed([(slot, value, value) for slot, value in fed.items()])
        commits = Commits(state, Nowhere(), run_id=run_id, bodies=Live())
        for call, outcome in known.items():
            commits.resume({(call, state.versions(call)): outcome})
        making = Making(commits, run_id=run_id, timeout_s=self._plan.timeout_s)
        try:
            Execution(making, Waves(commits, most=max_rounds, run_id=run_id), run_id=run_id).run()
        except NotSettled as error:
            error.with_run(run_of(state.at_rest(), run_id=run_id, built=commits.built, lasts=False))
            raise
        run = run_of(state.at_rest(), run_id=run_id, built=commits.built, lasts=False)
        raise_first(self._plan, commits.failures, run, lasts=False)
        return run
