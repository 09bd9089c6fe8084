"""What explore knows of the transient data of a story, as their caller does: which samples to feed again, and when."""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence, Tuple

import attrs

from polaris_dsl._plan import Plan
from polaris_dsl.stores import Built, Fed, Line

_Made = Tuple[str, Tuple[int, ...]]


@attrs.define(eq=False)
class Passing:
    """The transient data of one story.

    `slots` holds the slots of samples, by their numbers, `missing` what the last call of `run` said that the run lacks.
    Which data are the same is told by numbers: of a sample its own, of a product one that is below zero.
    """

    plan: Plan
    slots: Mapping[int, int]
    missing: Sequence[type] = ()
    _last: Dict[int, int] = attrs.field(factory=dict)
    _same: Dict[int, int] = attrs.field(factory=dict)
    _feeding: Dict[int, int] = attrs.field(factory=dict)
    _known: Dict[_Made, int] = attrs.field(factory=dict)

    @classmethod
    def of(cls, plan: Plan, samples: Sequence[object], /) -> Passing:
        """Begin a story that feeds of these samples."""
        slots = {number: plan.slots[type(sample)] for number, sample in enumerate(samples)}
        return cls(plan, {number: slot for number, slot in slots.items() if slot in plan.transient})

    def begins(self, feed: Sequence[int], /, *, again: bool) -> Sequence[int]:
        """Return what a call is to feed. One that is made again leaves out what was fed: that is fed where it lacks."""
        fed: List[int] = [n for n in feed if not (again and n in self.slots and self._last.get(self.slots[n]) == n)]
        self._feeding = {self.slots[number]: number for number in fed if number in self.slots}
        return fed

    def takes_in(self, line: Line, /) -> None:
        """Take in which transient data were fed or made, as far as a line tells."""
        for name in line.transient if isinstance(line, (Fed, Built)) else ():
            slot = self.plan.named[name]
            if isinstance(line, Built):
                number = self.plan.numbers[line.by]
                names = self.plan.calls[number].waits_for_names
                made = line.by, self.versions(number, [line.inputs.get(name, 0) for name in names])
                self._same[slot] = self._known.setdefault(made, -1 - len(self._known))
            else:
                self._last[slot] = self._same[slot] = self._feeding[slot]

    def lacking(self) -> Tuple[int, ...]:
        """Return the samples that were fed and are missing by now, the last ones that were fed."""
        return tuple(number for slot, number in self._last.items() if self.plan.data[slot] in self.missing)

    def versions(self, number: int, real: Sequence[int], /) -> Tuple[int, ...]:
        """Return the versions of what a call waits for, where a sample that was fed again is the same as before."""
        waits_for = self.plan.calls[number].waits_for
        return tuple(self._same.get(slot, old) if old else 0 for slot, old in zip(waits_for, real))
