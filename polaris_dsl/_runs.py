"""The runs of one workflow in one store: opens them, feeds them, and reads what they hold."""

from __future__ import annotations

import time
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import attrs

from polaris_dsl._bodies import LIVE, Bodies
from polaris_dsl._drafts import Lines, Record
from polaris_dsl._feed import accept
from polaris_dsl._plan import Plan
from polaris_dsl._run import hints
from polaris_dsl._state import State
from polaris_dsl.errors import UnknownRun
from polaris_dsl.stores import Fed, Journals, Line, Put, Rested, Started
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

    def freeze(self, data: Tuple[object, ...], /, *, lasting: bool = False) -> Frozen:
        """Make bodies of what is fed, which may have to last; raises `UnexpectedData`."""
        taken, transient = accept(self.plan, data, lasting=lasting), self.plan.transient
        return {slot: (v, v) if slot in transient else self.bodies.freeze(v) for slot, v in taken.items()}

    def feed(self, run_id: str, fed: Frozen, /) -> Frozen:
        """Commit what is new of what is fed, whoever holds the run; return what lives only in a call that holds it."""
        left = {slot: frozen for slot, frozen in fed.items() if slot in self.plan.transient}
        lasting = {slot: frozen for slot, frozen in fed.items() if slot not in left}
        if lasting or not left:
            self.take_up(Lines(self.journals, run_id), self._begun(run_id), run_id, lasting)
        return left

    def opened(self, run_id: str, /) -> Tuple[Record, State]:
        """Return where the lines of a run go that is held, and what it holds by now."""
        if isinstance(self.journals, MemoryJournals):
            lane = self.journals.lane(run_id)
            memo, lane.memo = lane.memo, None
            state = memo if isinstance(memo, State) and memo.plan is self.plan else self._empty()
            return lane, _caught_up(state, lane)
        # Of its very class: one that passes on what it has not itself wants to see what is appended.
        record: Optional[Callable[[Journals, str], Record]] = vars(type(self.journals)).get("record")
        if record is None:
            return Lines(self.journals, run_id), self._begun(run_id)
        held = record(self.journals, run_id)
        return held, _caught_up(self._empty(), held)

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
                drafts.append((Fed, time.time(), *self._told(put)))
            news = record.put(state.n, drafts) if drafts else ()
            if not news:
                break
        if not state.n:
            state.passed()
        if put:
            state.fed(put)

    def part(self, record: Record, state: State, /) -> None:
        """Let the transient data go of a call that did not come to its end: their names are all that is left.

        What a listing is told then is where the run stands without them.
        """
        while any(state.version[slot] for slot in self.plan.transient):
            stands = hints(state.at_rest())
            news = record.put(state.n, ((Rested, time.time(), *stands),))
            for line in news:
                state.apply(line)
            if not news:
                state.passed(stands)

    def _told(self, put: Sequence[Tuple[int, object, object]]) -> Tuple[Tuple[Put, ...], Tuple[str, ...]]:
        """Return what the journal is told of what was fed: data with their bodies, or names alone."""
        names, transient = self.plan.names_of, self.plan.transient
        if not transient:
            return tuple([Put(names[slot], body) for slot, body, _ in put]), ()
        lasting = tuple([Put(names[slot], body) for slot, body, _ in put if slot not in transient])
        return lasting, tuple([names[slot] for slot, _, _ in put if slot in transient])

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
            if not (state.version[slot] and self._same(slot, state.body[slot], body))
        ]

    def _same(self, slot: int, old: object, new: object) -> bool:
        return (LIVE if slot in self.plan.transient else self.bodies).same(old, new)

    def _begun(self, run_id: str) -> State:
        try:
            return self.state(run_id)
        except UnknownRun:
            return self._empty()

    def _empty(self) -> State:
        data, bodies = self.plan.data, self.bodies
        return State(self.plan, thaw=lambda slot, body: bodies.thaw(data[slot], body))


def _caught_up(state: State, record: Record) -> State:
    """Return what a run holds by now, given what it held."""
    for line in record.after(state.n):
        state.apply(line)
    return state
