"""Judges all worlds of a graph at once: a set of worlds is an integer, with one bit for each world.

A world is one choice for every builder with alternatives. Sets of worlds are carried along the graph once, in order,
with `&` (all consumes) and `|` (any producer). Where nothing branches there is one world, and the cost is one walk.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterator, List, Mapping, Sequence, Set, Tuple

import attrs

from polaris_dsl._graph import BuilderSpec

LIMIT = 10_000
"""Up to so many worlds are judged exactly. Past it, each single choice is judged, with all others left open."""

Choice = Tuple[int, str]
"""A builder, by position, and the alternative that it returns."""


@attrs.frozen
class Worlds:
    """What is available in which worlds."""

    count: int
    every: int
    questions: Tuple[int, ...]
    """Something is possible if it holds in at least one world of each of these sets."""
    choices: Mapping[Choice, int]
    """The worlds made for a choice; only of the builders that matter, in order of listing."""
    picks: Mapping[Choice, int]
    """The worlds in which a builder may return an alternative (past the limit: also those made for other choices)."""
    reach: Mapping[int, int]
    """The worlds in which all consumes of a builder are available."""
    available: Mapping[str, int]
    """The worlds in which a data is available."""

    @property
    def exact(self) -> bool:
        """Whether every world was judged."""
        return self.count <= LIMIT

    def possible(self, worlds: int) -> bool:
        """Whether something that holds in these worlds can happen at all."""
        return all(worlds & question for question in self.questions)

    def produced(self, builder: int, data: str) -> int:
        """Return the worlds in which a builder makes a data."""
        return self.reach[builder] & self.picks.get((builder, data), self.every)


def judge(
    builders: Mapping[int, BuilderSpec], order: Sequence[int], *, given: FrozenSet[str], target: Sequence[str]
) -> Worlds:
    """Carry all worlds through the builders, in `order`; `given` is available from the start."""
    choosers = _that_matter(builders, order, given=given, target=target)
    count, every, questions, choices, picks = _space({at: builders[at].produces for at in choosers})
    reach: Dict[int, int] = {}
    available = dict.fromkeys(given, every)
    for at in order:
        spec = builders[at]
        worlds = every
        for data in spec.consumes:
            worlds &= available.get(data, 0)
        reach[at] = worlds
        for data in spec.produces:
            available[data] = available.get(data, 0) | worlds & picks.get((at, data), every)
    return Worlds(count, every, questions, choices, picks, reach, available)


def leading(
    worlds: Worlds, builders: Mapping[int, BuilderSpec], order: Sequence[int], *, target: Sequence[str]
) -> Dict[int, int]:
    """Return, for each builder, the worlds in which it leads to the target through what is consumed."""
    wanted = dict.fromkeys(target, worlds.every)
    leads: Dict[int, int] = {}
    for at in reversed(order):
        spec = builders[at]
        mask = 0
        for data in spec.produces:
            mask |= wanted.get(data, 0) & worlds.produced(at, data)
        leads[at] = mask
        for data in spec.consumes:
            wanted[data] = wanted.get(data, 0) | mask
    return leads


def _that_matter(
    builders: Mapping[int, BuilderSpec], order: Sequence[int], *, given: FrozenSet[str], target: Sequence[str]
) -> List[int]:
    """Return the builders with alternatives on whose choice an answer can depend, in order of listing.

    Those upstream of the target, of a data with several producers, or of a builder that joins what depends on choices.
    """
    if all(len(spec.produces) < 2 for spec in builders.values()):  # noqa: PLR2004  alternatives are at least two
        return []
    producers: Dict[str, List[int]] = {}
    for at, spec in builders.items():
        for data in spec.produces:
            producers.setdefault(data, []).append(at)
    asked = [at for data in target for at in producers.get(data, ())]
    asked.extend(at for makers in producers.values() if len(makers) > 1 for at in makers)
    asked.extend(_joins(builders, order, given=given))
    upstream = dict.fromkeys(asked)
    for at in asked:  # grows while it is walked
        fresh = [p for data in set(builders[at].consumes) - given for p in producers.get(data, ()) if p not in upstream]
        upstream.update(dict.fromkeys(fresh))
        asked.extend(fresh)
    return [at for at in sorted(upstream) if len(builders[at].produces) > 1]


def _joins(builders: Mapping[int, BuilderSpec], order: Sequence[int], *, given: FrozenSet[str]) -> Iterator[int]:
    """Yield the builders that consume two or more data which depend on choices."""
    depends: Set[str] = set()
    for at in order:
        spec = builders[at]
        open_data = depends.intersection(spec.consumes) - given
        if len(open_data) > 1:
            yield at
        if open_data or len(spec.produces) > 1:
            depends.update(spec.produces)


def _space(
    choosers: Mapping[int, Sequence[str]],
) -> Tuple[int, int, Tuple[int, ...], Dict[Choice, int], Dict[Choice, int]]:
    """Give each world a bit: by mixed radix up to the limit, past it one for each single choice."""
    count = 1
    for alternatives in choosers.values():
        count *= len(alternatives)
    if count <= LIMIT:
        every = (1 << count) - 1
        choices = _all_worlds(choosers, every)
        return count, every, (every,), choices, choices
    choices = {}
    for at, alternatives in choosers.items():
        for data in alternatives:
            choices[at, data] = 1 << len(choices)
    every = (1 << len(choices)) - 1
    own = {at: sum(choices[at, data] for data in alternatives) for at, alternatives in choosers.items()}
    picks = {(at, data): every & ~own[at] | bit for (at, data), bit in choices.items()}
    return count, every, tuple(own.values()), choices, picks


def _all_worlds(choosers: Mapping[int, Sequence[str]], every: int) -> Dict[Choice, int]:
    choices: Dict[Choice, int] = {}
    stride = 1
    for at, alternatives in choosers.items():
        period = stride * len(alternatives)
        repeat = every // ((1 << period) - 1)
        for digit, data in enumerate(alternatives):
            choices[at, data] = (((1 << stride) - 1) << (digit * stride)) * repeat
        stride = period
    return choices
