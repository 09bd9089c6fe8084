"""Indexes a graph for the analyzer: who makes and takes what, what is flawed, what waits for itself."""

from __future__ import annotations

from itertools import combinations
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

import attrs

from polaris_dsl._cycles import Group, groups
from polaris_dsl._graph import BuilderSpec, Flaw, Graph, Item, Place
from polaris_dsl.diagnostics import Code, Diagnostic, Text


@attrs.frozen
class Survey:
    """A graph, indexed. Builders are known by their position in `builders=`."""

    graph: Graph
    sound: Mapping[int, BuilderSpec]
    """The builders that can be judged."""
    flawed: Mapping[int, Tuple[BuilderSpec, Flaw]]
    producers: Mapping[str, Sequence[int]]
    takers: Mapping[str, Sequence[int]]
    presumed: FrozenSet[str]
    """What a flawed builder makes as far as is known."""
    cycles: Tuple[Group, ...]

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
        ways = {data: [self.name(data)]}
        level = [data]
        while level:
            further: List[str] = []
            for key in level:
                if key in self.graph.target:
                    return ways[key]
                via = [taker] if key == data and taker is not None else self.takers.get(key, ())
                for at in via:
                    spec = self.sound[at]
                    for product in spec.produces if taker == at or key in spec.waits_for else ():
                        if product not in ways:
                            ways[product] = [*ways[key], spec.name, self.name(product)]
                            further.append(product)
            level = further
        return ways[data] if taker is None else [*ways[data], self.sound[taker].name]


def survey_of(graph: Graph) -> Survey:
    sound: Dict[int, BuilderSpec] = {}
    flawed: Dict[int, Tuple[BuilderSpec, Flaw]] = {}
    producers: Dict[str, List[int]] = {}
    takers: Dict[str, List[int]] = {}
    seen: Set[BuilderSpec] = set()
    for at, spec in enumerate(graph.builders):
        if same_everywhere(spec) in seen:
            continue
        seen.add(same_everywhere(spec))
        flaw = spec.flaw or _flaw(graph, spec)
        if flaw is not None:
            flawed[at] = (spec, flaw)
            continue
        # A union names each alternative once; a graph made otherwise may not.
        sound[at] = attrs.evolve(spec, produces=tuple(dict.fromkeys(spec.produces)))
        for data in sound[at].produces:
            producers.setdefault(data, []).append(at)
        for data in dict.fromkeys(spec.takes):
            takers.setdefault(data, []).append(at)
    presumed = frozenset(data for spec, _ in flawed.values() for data in spec.produces)
    before = {at: {maker for data in spec.waits_for for maker in producers.get(data, ())} for at, spec in sound.items()}
    return Survey(graph, sound, flawed, producers, takers, presumed, groups(before))


def same_everywhere(spec: BuilderSpec) -> BuilderSpec:
    """Return the spec without the place in the list, by which two entries of one builder differ."""
    return attrs.evolve(spec, listed=Place(""))


def _flaw(graph: Graph, spec: BuilderSpec) -> Optional[Flaw]:
    """Return what is wrong with a signature that was read, but makes no sense."""
    for data in spec.consumes:
        if data in spec.produces:
            name = graph.about(data).name
            return Flaw(
                f"{spec.name} consumes its own product {name}",
                f"take the last one as Access[{name}], or return another data",
            )
    for data in spec.takes:
        if spec.takes.count(data) > 1:
            name = graph.about(data).name
            return Flaw(f"{spec.name} takes {name} in two parameters", "keep one of them: a run holds one of each data")
    for data, other in combinations(spec.produces, 2):
        for sub, base in ((data, other), (other, data)):
            if base in graph.about(sub).bases:
                return Flaw(
                    f"{spec.name} returns {graph.about(sub).name} or its base class {graph.about(base).name}",
                    "return classes that do not inherit from each other: data are matched by their exact class",
                )
    return None
