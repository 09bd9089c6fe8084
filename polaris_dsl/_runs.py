"""The runs of one workflow in one store: opens them, feeds them, and reads what they hold."""

from __future__ import annotations

import time
from typing import Dict, List, Sequence, Tuple

import attrs

from polaris_dsl._bodies import Bodies
from polaris_dsl._drafts import Lines, Record
from polaris_dsl._feed import accept
from polaris_dsl._plan import Plan
from polaris_dsl._state import State
from polaris_dsl.errors import UnknownRun
from polaris_dsl.stores import Fed, Journals, Line, Put, Started
from polaris_dsl.stores._lines import Draft
from polaris_dsl.stores._memory import MemoryJournals

Frozen = Dict[int, Tuple[object, object]]
"""What is fed, by slot: the body, and the value as builders see it."""


@attrs.frozen
class Runs:
    """The runs of one workflow in one store. Safe to share between threads."""

    plan: Plan
    journals: Journals
    bodies: Bodies

    def freeze(self, data: Tuple[object, ...], /) -> Frozen:
        """Make bodies of what is fed; raises `UnexpectedData`."""
        return {slot: self.bodies.freeze(value) for slot, value in accept(self.plan, data).items()}

    def feed(self, run_id: str, fed: Frozen, /) -> None:
        """Commit what is new of what is fed, whoever holds the run."""
        self.take_up(Lines(self.journals, run_id), self._begun(run_id), run_id, fed)

    def opened(self, run_id: str, /) -> Tuple[Record, State]:
        """Return where the lines of a run go that is held, and what it holds by now."""
        if not isinstance(self.journals, MemoryJournals):
            return Lines(self.journals, run_id), self._begun(run_id)
        lane = self.journals.lane(run_id)
        memo, lane.memo = lane.memo, None
        state = memo if isinstance(memo, State) and memo.plan is self.plan else self._empty()
        for line in lane.after(state.n):
            state.apply(line)
        return lane, state

    def keep(self, run_id: str, state: State, /) -> None:
        """Keep what a run that is held is known to hold, for its next call, where that costs nothing."""
        if isinstance(self.journals, MemoryJournals):
            self.journals.lane(run_id).memo = state

    def take_up(self, record: Record, state: State, run_id: str, fed: Frozen, /) -> None:
        """Commit what is new of what is fed, beginning the run if there is none."""
        news: Sequence[Line] = ()
        while True:
            for line in news:
                state.apply(line)
            put = self._new(state, fed)
            drafts: List[Draft] = []
            if not state.n:
                drafts.append((Started, time.time(), run_id, self.plan.workflow, self.plan.graph))
            if put:
                named = tuple([Put(self.plan.data[slot].__name__, body) for slot, body, _ in put])
                drafts.append((Fed, time.time(), named))
            news = record.put(state.n, drafts) if drafts else ()
            if not news:
                break
        if not state.n:
            state.passed()
        if put:
            state.fed(put)

    def state(self, run_id: str, /) -> State:
        """Return what a run holds; raises `UnknownRun` and `StoreError`."""
        state = self._empty()
        for line in self.journals.load(run_id):
            state.apply(line)
        return state

    def _new(self, state: State, fed: Frozen) -> List[Tuple[int, object, object]]:
        """Return what differs of what is fed from what is there: slots, bodies and values."""
        return [
            (slot, body, value)
            for slot, (body, value) in fed.items()
            if not (state.version[slot] and self.bodies.same(state.body[slot], body))
        ]

    def _begun(self, run_id: str) -> State:
        try:
            return self.state(run_id)
        except UnknownRun:
            return self._empty()

    def _empty(self) -> State:
        data, bodies = self.plan.data, self.bodies
        return State(self.plan, thaw=lambda slot, body: bodies.thaw(data[slot], body))
