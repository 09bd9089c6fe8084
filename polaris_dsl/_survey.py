"""Indexes a graph for the analyzer: who makes and takes what, what is flawed, what waits for itself."""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

import attrs
from graphlib import CycleError

from polaris_dsl._cycles import Group, groups, order
from polaris_dsl._graph import BuilderSpec, Flaw, Graph, Item, Place
from polaris_dsl.diagnostics import Code, Diagnostic, Text

Hop = Tuple[int, int, str]
"""How many builders are left to the target, the next of them, and its product."""


@attrs.frozen(slots=False)  # for what is found out only when it is asked for
class Survey:
    """A graph, indexed. Builders are known by their position in `builders=`."""

    graph: Graph
    sound: Mapping[int, BuilderSpec]
    """The builders that can be judged."""
    flawed: Mapping[int, Tuple[BuilderSpec, Flaw]]
    producers: Mapping[str, Sequence[int]]
    presumed: FrozenSet[str]
    """What a flawed builder makes as far as is known."""
    before: Mapping[int, Set[int]]
    """For each builder, those that it waits for."""
    ordered: Optional[Tuple[int, ...]]
    """The builders, each behind those that it waits for; None where some wait for each other."""
    cycles: Tuple[Group, ...]

    @cached_property
    def towards(self) -> Mapping[str, Hop]:
        """For each data that leads to the target, the next builder and its product on the shortest path."""
        return _towards(self.graph, self.sound, self.producers)

    @property
    def products_known(self) -> bool:
        return all(spec.product_known for spec, _ in self.flawed.values()) and not any(
            argument in ("inputs", "builders") for argument, _, _ in self.graph.flaws
        )

    @property
    def reads_known(self) -> bool:
        return all(spec.reads_known for spec, _ in self.flawed.values()) and not any(
            argument == "builders" for argument, _, _ in self.graph.flaws
        )

    @property
    def target_known(self) -> bool:
        return not any(argument == "target" for argument, _, _ in self.graph.flaws)

    def made(self, data: str) -> bool:
        """Whether a builder makes this data, as far as is known."""
        return data in self.producers or data in self.presumed

    def name(self, data: str) -> str:
        return self.graph.about(data).name

    def names(self, data: Sequence[str]) -> List[str]:
        return [self.name(key) for key in data]

    def put(
        self, code: Code, subject: str, text: Text, *, item: Item, path: Sequence[str] = (), about: Sequence[int] = ()
    ) -> Diagnostic:
        """Make a diagnostic about an item, naming where the builders `about` are written."""
        builders = self.graph.builders
        place = builders[item].listed if isinstance(item, int) else self.graph.places.get(item, Place(""))
        return Diagnostic(
            code=code,
            subject=subject,
            message=text[0],
            help=text[1],
            file=place.file,
            line=place.line,
            path=tuple(path),
            item=item,
            related=tuple((builders[at].name, builders[at].defined) for at in about),
        )

    def way(self, data: str, taker: Optional[int] = None) -> List[str]:
        """Return the shortest path from a data (by way of one taker) to the target: data and builders in turns.

        Where no path leads to the target it ends at the taker.
        """
        names = [self.name(data)]
        if taker is not None:
            spec = self.sound[taker]
            names.append(spec.name)
            ahead = [(self.towards[key][0], key) for key in spec.produces if key in self.towards]
            if not ahead:
                return names
            data = min(ahead)[1]
            names.append(self.name(data))
        while self.towards.get(data, (0,))[0]:
            _, at, data = self.towards[data]
            names += [self.sound[at].name, self.name(data)]
        return names


def _towards(graph: Graph, sound: Mapping[int, BuilderSpec], producers: Mapping[str, Sequence[int]]) -> Dict[str, Hop]:
    """Walk back from the target, breadth first, along what is consumed or optional."""
    hops: Dict[str, Hop] = {data: (0, -1, data) for data in graph.target}
    reached = list(hops)
    for data in reached:  # grows while it is walked
        for at in producers.get(data, ()):
            for key in sound[at].waits_for:
                if key not in hops:
                    hops[key] = (hops[data][0] + 1, at, data)
                    reached.append(key)
    return hops


def survey_of(graph: Graph) -> Survey:
    sound: Dict[int, BuilderSpec] = {}
    flawed: Dict[int, Tuple[BuilderSpec, Flaw]] = {}
    producers: Dict[str, List[int]] = {}
    seen: Set[BuilderSpec] = set()
    for at, spec in enumerate(graph.builders):
        if spec in seen:
            continue
        seen.add(spec)
        flaw = spec.flaw or flaw_of(graph, spec)
        if flaw is not None:
            flawed[at] = (spec, flaw)
            continue
        # A union names each alternative once; a graph made otherwise may not.
        produces = tuple(dict.fromkeys(spec.produces))
        sound[at] = spec if produces == spec.produces else attrs.evolve(spec, produces=produces)
        for data in produces:
            producers.setdefault(data, []).append(at)
    presumed = frozenset(data for spec, _ in flawed.values() for data in spec.produces)
    before = {at: {maker for data in spec.waits_for for maker in producers.get(data, ())} for at, spec in sound.items()}
    ordered, cycles = _ordered(before)
    return Survey(graph, sound, flawed, producers, presumed, before, ordered, cycles)


def _ordered(before: Mapping[int, Set[int]]) -> Tuple[Optional[Tuple[int, ...]], Tuple[Group, ...]]:
    try:
        return order(before), ()
    except CycleError:
        return None, groups(before)


def flaw_of(graph: Graph, spec: BuilderSpec, /) -> Optional[Flaw]:
    """Return what is wrong with a signature that was read, but makes no sense."""
    for data in spec.consumes:
        if data in spec.produces:
            name = graph.about(data).name
            return Flaw(
                f"{spec.name} consumes its own product {name}",
                f"take the last one as Access[{name}], or return another data",
            )
    takes = spec.takes
    if len(set(takes)) < len(takes):
        name = graph.about(next(data for data in takes if takes.count(data) > 1)).name
        return Flaw(f"{spec.name} takes {name} in two parameters", "keep one of them: a run holds one of each data")
    for data, other in combinations(spec.produces, 2):
        for sub, base in ((data, other), (other, data)):
            if base in graph.about(sub).bases:
                return Flaw(
                    f"{spec.name} returns {graph.about(sub).name} or its base class {graph.about(base).name}",
                    "return classes that do not inherit from each other: data are matched by their exact class",
                )
    return None
