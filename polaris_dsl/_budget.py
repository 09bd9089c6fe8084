"""Finds the builders whose time limits add up to more than the workflow has: `over-budget`.

The critical path is the longest by the limits of its builders, of all that lead to the target in some world. It is
looked for backwards from the target, the most promising path first, so that the first one that is whole is the longest.
"""

from __future__ import annotations

from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import attrs

from polaris_dsl import diagnostics as say
from polaris_dsl._cycles import order
from polaris_dsl._survey import Survey
from polaris_dsl._worlds import Worlds, judge
from polaris_dsl.diagnostics import Diagnostic


@attrs.frozen
class _Way:
    """A builder, what it makes for the next, and how it goes on from there, up to the target."""

    first: int
    makes: str
    rest: Optional[_Way]

    def __iter__(self) -> Iterator[Tuple[int, str]]:
        way: Optional[_Way] = self
        while way is not None:
            yield way.first, way.makes
            way = way.rest


def over_budget(survey: Survey, walk: Sequence[int]) -> Iterator[Diagnostic]:
    """Judge a graph that has no other problem; `walk` is an order in which builders follow those they consume from."""
    budget = _exact(survey.graph.timeout_s)
    times = {at: _exact(spec.timeout_s) for at, spec in survey.sound.items()}
    if not budget or not any(times.values()):
        return
    most = _most(survey, times)
    if max(most.values(), default=Decimal(0)) <= budget:
        return
    asked = dict.fromkeys(data for at in most for data in survey.sound[at].produces)
    worlds = judge(survey.sound, walk, given=frozenset(survey.graph.inputs), target=tuple(asked))
    way = _Search(survey, times, most, worlds).longest(budget)
    if way is not None:
        yield _told(survey, way, times, budget=budget, note=worlds.note)


def _told(survey: Survey, way: _Way, times: Mapping[int, Decimal], *, budget: Decimal, note: str) -> Diagnostic:
    timed = [at for at, _ in way if times[at]]
    text = say.over_budget(
        _shown(budget),
        total=_shown(sum((times[at] for at in timed), Decimal(0))),
        times=[(survey.sound[at].name, _shown(times[at])) for at in timed],
        note=note,
    )
    path = [name for at, data in way for name in (survey.sound[at].name, survey.name(data))]
    return survey.put("over-budget", survey.graph.name, text, item="timeout_s", path=path, about=timed)


def _exact(seconds: Optional[float]) -> Decimal:
    """Return a time as it is written, so that 0.1 and 0.2 are 0.3."""
    return Decimal(0) if seconds is None else Decimal(repr(seconds))


def _shown(seconds: Decimal) -> str:
    return f"{seconds.normalize():f}"


def _most(survey: Survey, times: Mapping[int, Decimal]) -> Dict[int, Decimal]:
    """Return, for each builder that leads to the target, the longest path that ends with it, whatever the world."""
    edges = survey.edges
    upstream = {at: edges[at] for data in survey.graph.target for at in survey.producers.get(data, ())}
    asked = list(upstream)
    for at in asked:  # grows while it is walked
        fresh = {maker: edges[maker] for maker, _, _ in edges[at] if maker not in upstream}
        upstream.update(fresh)
        asked.extend(fresh)
    most: Dict[int, Decimal] = {}
    for at in order({at: {maker for maker, _, _ in into} for at, into in upstream.items()}):
        most[at] = times[at] + max((most[maker] for maker, _, _ in upstream[at]), default=Decimal(0))
    return most


@attrs.frozen
class _Search:
    """Looks for the critical path. A path under way is known by its first builder and what it costs from there on."""

    survey: Survey
    times: Mapping[int, Decimal]
    most: Mapping[int, Decimal]
    worlds: Worlds
    _open: List[Tuple[Decimal, int, Decimal, int, _Way]] = attrs.field(factory=list)
    """The most that it can come to (negative), a number, by which the first found comes first, cost, worlds, path."""
    _count: Iterator[int] = attrs.field(factory=count)
    _seen: Dict[int, int] = attrs.field(factory=dict)
    """For each builder, the worlds in which a path from it was looked at: no later one is longer there."""

    def longest(self, budget: Decimal) -> Optional[_Way]:
        """Return the longest path, or None if it is within the budget."""
        for data in self.survey.graph.target:
            for maker in self.survey.producers.get(data, ()):
                self._push(maker, data, cost=Decimal(0), mask=self.worlds.every, rest=None)
        while self._open and -self._open[0][0] > budget:
            negative, _, cost, mask, way = heappop(self._open)
            if -negative == cost:
                return way
            mask &= ~self._seen.get(way.first, 0)
            self._seen[way.first] = self._seen.get(way.first, 0) | mask
            self._put(cost, cost, mask, way)  # it may begin here
            for maker, data, _ in self.survey.edges[way.first]:
                self._push(maker, data, cost=cost, mask=mask, rest=way)
        return None

    def _push(self, maker: int, data: str, *, cost: Decimal, mask: int, rest: Optional[_Way]) -> None:
        mask &= self.worlds.produced(maker, data)
        self._put(cost + self.most[maker], cost + self.times[maker], mask, _Way(maker, data, rest))

    def _put(self, limit: Decimal, cost: Decimal, mask: int, way: _Way) -> None:
        if self.worlds.possible(mask):
            heappush(self._open, (-limit, next(self._count), cost, mask, way))
