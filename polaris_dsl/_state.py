"""What a run holds: which data are present, which calls are finished. Moved on by the lines of its journal alone."""

from __future__ import annotations

from typing import Callable, List, Optional, Set, Tuple

import attrs

from polaris_dsl._plan import Plan
from polaris_dsl.stores import Built, Failed, Fed, Line, Rested

Versions = Tuple[int, ...]
"""The versions of what a call waits for, in the order of `Call.waits_for`; 0 where it is absent."""

FED = -1
"""In place of a call: the data was fed."""


UNREAD = object()
"""In place of a value that was not made from its body yet."""


@attrs.define(eq=False)
class Datum:
    """One present data: its version, its body as the store keeps it, the call that made it, and its value."""

    version: int
    body: object
    maker: int
    value: object = UNREAD


class State:
    """What one run holds after some lines of its journal. Not safe to share between threads.

    It is moved on only by `apply`, with the very lines that a store keeps: a run that is loaded and a run that is live
    cannot differ.
    """

    def __init__(self, plan: Plan, /, *, thaw: Callable[[int, object], object]) -> None:
        """Begin an empty run; `thaw` makes the value of a slot from a body."""
        self.plan = plan
        self.n = 0
        self.present: List[Optional[Datum]] = [None] * len(plan.data)
        self.finished: List[Optional[Versions]] = [None] * len(plan.calls)
        self.made: List[Optional[int]] = [None] * len(plan.calls)
        self.raised: Set[int] = set()
        self.rested: Optional[str] = None
        self._thaw = thaw

    # --- reading

    def value(self, slot: int) -> object:
        """Return the present value of a slot, or `None`."""
        datum = self.present[slot]
        if datum is None:
            return None
        if datum.value is UNREAD:
            datum.value = self._thaw(slot, datum.body)
        return datum.value

    def versions(self, call: int) -> Versions:
        """Return the versions that a call would be made with now."""
        present = self.present
        return tuple([0 if (d := present[slot]) is None else d.version for slot in self.plan.calls[call].waits_for])

    def ready(self, call: int) -> bool:
        """Say whether all consumes are present and something differs from the last finished call."""
        present = self.present
        for slot in self.plan.calls[call].consumes:
            if present[slot] is None:
                return False
        return self.finished[call] != self.versions(call)

    # --- moving on

    def apply(self, line: Line) -> None:
        """Take in the next line of the journal. Names that the workflow no longer knows are passed over."""
        self.n += 1
        self.rested = line.status if isinstance(line, Rested) else None
        if isinstance(line, Fed):
            for put in line.put:
                slot = self.plan.named.get(put.name)
                if slot is not None:
                    self.present[slot] = Datum(self.n, put.body, FED)
        elif isinstance(line, (Built, Failed)):
            call = self.plan.numbers.get(line.by)
            if call is not None and isinstance(line, Failed):
                self.raised.add(call)
            elif call is not None and isinstance(line, Built):
                self._built(call, line)

    def remember(self, slot: int, value: object) -> None:
        """Keep the value of what the last line put into a slot, so that it need not be made from its body."""
        datum = self.present[slot]
        if datum is not None and datum.version == self.n:
            datum.value = value

    def _built(self, call: int, line: Built) -> None:
        spec = self.plan.calls[call]
        versions = tuple([line.inputs.get(name, 0) for name in spec.waits_for_names])
        # A journal of older code may know other inputs: then this was not the last call of what the builder is now.
        self.finished[call] = versions if len(line.inputs) == sum(map(bool, versions)) else None
        self.raised.discard(call)
        slot, body = self._product(line)
        before = self.made[call]
        self.made[call] = slot
        if slot is not None:
            self._put(call, slot, body, kept=bool(line.kept))
        if before is not None and before != slot:
            self._withdraw(before, call)  # last: what is made now may take the place of what would go with it

    def _put(self, call: int, slot: int, body: object, *, kept: bool) -> None:
        present = self.present[slot]
        if not kept:
            self.present[slot] = Datum(self.n, body, call)
        elif present is not None:
            present.maker = call
        else:  # written when the workflow was another one: what was kept then is not there now, so it is built again
            self.finished[call] = None

    def _product(self, line: Built) -> Tuple[Optional[int], object]:
        for put in line.put:
            return self.plan.named.get(put.name), put.body
        for name in line.kept:
            return self.plan.named.get(name), None
        return None, None

    def _withdraw(self, slot: int, maker: int) -> None:
        """Remove a product that is still its maker's own, and what was built from it by consuming it."""
        waiting = [(slot, maker)]
        while waiting:
            slot, maker = waiting.pop()
            datum = self.present[slot]
            if datum is not None and datum.maker == maker:
                self.present[slot] = None
                for taker in self.plan.consumers[slot]:
                    waiting.extend((product, taker) for product in self.plan.calls[taker].produces)
