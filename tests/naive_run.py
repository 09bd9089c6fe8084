"""What a run must end with, computed from scratch: no versions, no order of feeds, no threads, nothing kept."""

from __future__ import annotations

import itertools
from typing import AbstractSet, Callable, Dict, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

import attrs

Values = Mapping[type, object]
"""Values by their class."""


@attrs.frozen
class NaiveBuilder:
    """What a builder takes, and the pure function that it is."""

    name: str
    consumes: Tuple[type, ...]
    optionals: Tuple[type, ...]
    produces: Tuple[type, ...]
    make: Callable[[Values], Optional[object]]
    """From the present consumes and optionals to a value of one of `produces`, or None."""

    @property
    def waits_for(self) -> Tuple[type, ...]:
        return self.consumes + self.optionals


@attrs.frozen
class NaiveWorkflow:
    target: Tuple[type, ...]
    inputs: Tuple[type, ...]
    builders: Tuple[NaiveBuilder, ...]


@attrs.frozen
class Outcome:
    """All that is to be known of a run at rest."""

    data: Values
    took: Mapping[str, Values]
    """What each builder that could run was called with: the present ones of its consumes and optionals."""
    made: Mapping[str, object]
    """What each builder that returned something made."""
    complete: bool
    missing: FrozenSet[type]
    silent: FrozenSet[str]
    """Meaningful only while the run is not complete."""


NOTHING_YET = Outcome({}, {}, {}, complete=False, missing=frozenset(), silent=frozenset())


def naive_run(workflow: NaiveWorkflow, fed: Values) -> Outcome:
    """Compute a run from the last fed value of each input: each builder once, after all that it waits for."""
    data: Dict[type, object] = dict(fed)
    took: Dict[str, Values] = {}
    made: Dict[str, object] = {}
    for spec in in_order(workflow):
        if all(taken in data for taken in spec.consumes):
            took[spec.name] = {taken: data[taken] for taken in spec.waits_for if taken in data}
            product = spec.make(took[spec.name])
            if product is not None:
                made[spec.name] = product
                data[type(product)] = product
    complete = any(wanted in data for wanted in workflow.target)
    leading = () if complete else tuple(leading_builders(workflow, {name: type(made[name]) for name in made}))
    missing = frozenset(taken for spec in leading for taken in spec.consumes if taken in workflow.inputs) - set(data)
    silent = frozenset(spec.name for spec in leading if spec.name in took and spec.name not in made)
    return Outcome(data, took, made, complete, missing, silent)


# --- order -----------------------------------------------------------------------------------------------------------


def in_order(workflow: NaiveWorkflow) -> Iterator[NaiveBuilder]:
    """Yield every builder after all that may make what it waits for."""
    waiting: List[NaiveBuilder] = list(workflow.builders)
    while waiting:
        ready = next(spec for spec in waiting if not any(feeds(other, spec) for other in waiting))
        waiting.remove(ready)
        yield ready


def feeds(earlier: NaiveBuilder, later: NaiveBuilder) -> bool:
    return any(data in later.waits_for for data in earlier.produces)


def upstream(workflow: NaiveWorkflow) -> Mapping[str, AbstractSet[str]]:
    """Return the names of all builders that stand before a builder, through consumes and optionals."""
    above: Dict[str, Set[str]] = {}
    for spec in in_order(workflow):
        direct = {other.name for other in workflow.builders if feeds(other, spec)}
        above[spec.name] = direct.union(*(above[name] for name in direct))
    return above


# --- worlds ----------------------------------------------------------------------------------------------------------


@attrs.frozen
class World:
    """One choice for every builder, by its name, and which builders then run when every input is fed."""

    choice: Mapping[str, type]
    available: FrozenSet[type]
    running: Tuple[NaiveBuilder, ...]

    def leading(self, target: Iterable[type]) -> Iterator[NaiveBuilder]:
        """Yield the builders that run and whose product is wanted, or consumed by one that leads to what is wanted."""
        wanted = set(target)
        leading: Set[str] = set()
        for _ in self.running:
            for spec in self.running:
                if self.choice[spec.name] in wanted:
                    leading.add(spec.name)
                    wanted.update(spec.consumes)
        return (spec for spec in self.running if spec.name in leading)


def worlds(workflow: NaiveWorkflow) -> Iterator[World]:
    ordered = tuple(in_order(workflow))
    for picked in itertools.product(*(spec.produces for spec in ordered)):
        choice = dict(zip([spec.name for spec in ordered], picked))
        available = set(workflow.inputs)
        running: List[NaiveBuilder] = []
        for spec in ordered:
            if available.issuperset(spec.consumes):
                available.add(choice[spec.name])
                running.append(spec)
        yield World(choice, frozenset(available), tuple(running))


def leading_builders(workflow: NaiveWorkflow, chosen: Mapping[str, type]) -> Iterator[NaiveBuilder]:
    """Yield the builders that lead to the target in some world that agrees with the choices made so far."""
    agreeing = (world for world in worlds(workflow) if all(world.choice[name] is chosen[name] for name in chosen))
    names = {spec.name for world in agreeing for spec in world.leading(workflow.target)}
    return (spec for spec in workflow.builders if spec.name in names)


# --- from one rest to the next ---------------------------------------------------------------------------------------


@attrs.frozen
class Calls:
    """Names of builders: those that must be called, once each, and those for which the order of the others decides."""

    must: FrozenSet[str]
    may: FrozenSet[str] = frozenset()

    def allow(self, called: AbstractSet[str]) -> bool:
        return self.must <= called <= self.must | self.may


def expected_calls(
    workflow: NaiveWorkflow, before: Outcome, after: Outcome, *, renewed: AbstractSet[type] = frozenset()
) -> Calls:
    """Return what is called to come from one run at rest to the next.

    `renewed` are the inputs that were fed something else in between, even if they now are what they were: a version
    that was replaced does not come back. Nor does one that was withdrawn.
    """
    anew, unsure = _made_anew(workflow, before, after)
    running = [spec for spec in workflow.builders if spec.name in after.took]
    must = frozenset(
        spec.name
        for spec in running
        if spec.name not in before.took
        or before.took[spec.name] != after.took[spec.name]
        or any(data in renewed | anew for data in after.took[spec.name])
    )
    may = frozenset(spec.name for spec in running if any(data in unsure for data in after.took[spec.name]))
    return Calls(must, may - must)


def _made_anew(workflow: NaiveWorkflow, before: Outcome, after: Outcome) -> Tuple[AbstractSet[type], AbstractSet[type]]:
    """Return the data that are there before and after, but were withdrawn on the way; and those that may have been.

    They were withdrawn if another builder makes them now, or if what they were made from by consuming it was withdrawn.
    But a builder that has now picked what another had made out of its former product may replace it just in time.
    """
    anew: Set[type] = set()
    unsure: Set[type] = set()
    for spec in in_order(workflow):
        if spec.name in after.made and type(after.made[spec.name]) in before.data:
            product = type(after.made[spec.name])
            former = type(before.made[spec.name]) if spec.name in before.made else None
            if former not in (product, None):
                unsure.add(product)
            elif former is None or any(data in anew for data in spec.consumes):
                anew.add(product)
            elif any(data in unsure for data in spec.consumes):
                unsure.add(product)
    return anew, unsure


def expected_due(workflow: NaiveWorkflow, before: Outcome, fed: Values, *, renewed: AbstractSet[type]) -> bool:
    """Return whether any builder is due when `fed` has been fed to a run at rest and nothing has run yet."""
    present = {*before.data, *fed}
    arrived = renewed | (set(fed) - set(before.data))
    return any(
        present.issuperset(spec.consumes)
        and (spec.name not in before.took or any(data in arrived for data in spec.waits_for))
        for spec in workflow.builders
    )
