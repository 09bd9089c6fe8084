"""Finds builders that need a transient data in a later call than the one it lives in: `transient-needed-later`.

Feed all inputs but one, and the run pauses until that one comes. A builder that only runs then must not take a
transient data that was there before: one whose maker has run by then, or, if it is an input, one that another builder
has taken by then which leads to this one.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

import attrs

from polaris_dsl import diagnostics as say
from polaris_dsl._loops import Edge
from polaris_dsl._survey import Survey
from polaris_dsl._worlds import Worlds, judge
from polaris_dsl.diagnostics import Diagnostic


def needed_later(survey: Survey, order: Sequence[int]) -> Iterator[Diagnostic]:
    """Judge a graph that has no other problem; `order` is one in which builders follow those that they consume from."""
    graph = survey.graph
    takers = {data: [at for at, spec in survey.sound.items() if data in spec.waits_for] for data in graph.transient}
    found = []
    if any(takers.values()):
        calls = _calls_of(survey, order, takers)
        for data, able in takers.items():
            makers = survey.producers.get(data, ())
            fed = able if data in graph.inputs else ()
            for at in able:
                pause = next(calls.pauses(data, at, makers=makers, takers=fed), None)
                if pause is not None:
                    found.append((at, _told(survey, data, at, *pause, note=calls.worlds.note)))
    return (diagnostic for _, diagnostic in sorted(found, key=lambda one: one[0]))


def _told(survey: Survey, data: str, at: int, first: int, late: str, *, note: str) -> Diagnostic:
    spec = survey.sound[at]
    text = say.transient_needed_later(
        survey.name(data),
        taker=spec.name,
        role="consumes" if data in spec.consumes else "optionals",
        late=survey.name(late),
        first=survey.sound[first].name,
        makes=data in survey.sound[first].produces,
        note=note,
    )
    path = survey.way(data, at)
    return survey.put("transient-needed-later", survey.name(data), text, item=at, path=path, about=[first, at])


@attrs.frozen
class _Calls:
    """What can run, in which worlds, in a call that is fed all inputs but one, and in the next, which is fed that."""

    survey: Survey
    order: Sequence[int]
    worlds: Worlds
    after: Mapping[int, Sequence[Edge]]
    """For each builder, the edges from what it makes to those that consume it."""
    _before: Dict[str, Mapping[int, int]] = attrs.field(factory=dict)

    def pauses(self, data: str, at: int, *, makers: Sequence[int], takers: Sequence[int]) -> Iterator[Tuple[int, str]]:
        """Yield who makes or takes a data before a builder that takes it too, and the input that it may wait for."""
        worlds = self.worlds
        for first in dict.fromkeys([*makers, *takers]):
            anchored = worlds.produced(first, data) if first in makers else 0
            anchored |= self._led(first).get(at, 0) if first in takers else 0
            for late in self.survey.graph.inputs if first != at and anchored else ():
                before = self._reached_without(late)
                if late != data and worlds.possible(anchored & before[first] & worlds.reach[at] & ~before[at]):
                    yield first, late

    def _reached_without(self, late: str) -> Mapping[int, int]:
        """Return, for each builder, the worlds in which it can run before an input comes."""
        if late not in self._before:
            worlds = self.worlds
            available = {data: worlds.every for data in self.survey.graph.inputs if data != late}
            reach: Dict[int, int] = {}
            again = True
            while again:  # the order may lead through that input, so it takes a second walk, or a third
                again = False
                for at in self.order:
                    spec = self.survey.sound[at]
                    mask = worlds.every
                    for data in spec.consumes:
                        mask &= available.get(data, 0)
                    again = again or mask != reach.get(at, 0)
                    reach[at] = mask
                    for data in spec.produces:
                        available[data] = available.get(data, 0) | mask & worlds.picks.get((at, data), worlds.every)
            self._before[late] = reach
        return self._before[late]

    def _led(self, start: int) -> Mapping[int, int]:
        """Return the builders that one leads to through what is consumed, and the worlds in which it does."""
        worlds = self.worlds
        led = {start: worlds.every}
        waiting = [start]
        for at in waiting:  # grows while it is walked
            for _, data, taker in self.after.get(at, ()):
                mask = led.get(taker, 0) | led[at] & worlds.produced(at, data) & worlds.reach[taker]
                if mask != led.get(taker, 0):
                    led[taker] = mask
                    waiting.append(taker)
        return led


def _calls_of(survey: Survey, order: Sequence[int], takers: Mapping[str, Sequence[int]]) -> _Calls:
    graph = survey.graph
    concerned = [at for data, able in takers.items() for at in (*survey.producers.get(data, ()), *able)]
    asked = dict.fromkeys(data for at in concerned for data in survey.sound[at].produces)
    asked.update((data, None) for data in graph.inputs if data in survey.producers)  # its maker may stand in for it
    worlds = judge(survey.sound, order, given=frozenset(graph.inputs), target=tuple(asked))
    after: Dict[int, List[Edge]] = {}
    for edge in (edge for into in survey.edges.values() for edge in into):
        if edge[1] in survey.sound[edge[2]].consumes:
            after.setdefault(edge[0], []).append(edge)
    return _Calls(survey, order, worlds, after)
