"""What the analyzer must find, by brute force: every world is written out and looked at."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import AbstractSet, Callable, Dict, FrozenSet, Iterable, Iterator, List, Mapping, Sequence, Set, Tuple

import attrs

from polaris_dsl._graph import BuilderSpec, Graph, Item, Place

Mark = Tuple[str, str, Item, Tuple[str, ...]]
"""Code, subject and item of a diagnostic; then the choices of a dead end (builder, data ...), or the builders of a loop
or of a critical path."""

Finding = FrozenSet[Mark]
"""One expected diagnostic: any of these marks will do, since ties may be broken either way."""

Listed = Tuple[int, BuilderSpec]
"""A builder and its position in `builders=`."""

Choice = Tuple[int, str]
"""A position in `builders=` and the alternative that is picked there."""


@attrs.frozen
class World:
    """One choice for every builder, and what follows from it."""

    available: FrozenSet[str]
    active: FrozenSet[Choice]
    """The choices of the builders whose consumes are available."""

    def runs(self, spec: BuilderSpec) -> bool:
        return set(spec.consumes) <= self.available


@attrs.frozen
class Case:
    """A graph with all that the rules below look at."""

    graph: Graph
    kept: Tuple[Listed, ...]
    """All builders but those that are listed twice as they are."""
    sound: Tuple[Listed, ...]
    bad: Tuple[Listed, ...]
    missing: FrozenSet[str]
    """Taken by a sound builder, neither made nor fed, and not the target."""
    unmade: FrozenSet[str]
    """The alternatives of the target that no builder makes."""
    groups: Tuple[FrozenSet[int], ...]
    """Positions of sound builders that wait for each other."""
    worlds: Tuple[World, ...]

    def name(self, key: str) -> str:
        return self.graph.data[key].name

    def reached(self, world: World) -> bool:
        return any(data in world.available for data in self.graph.target)

    @property
    def products_known(self) -> bool:
        return all(spec.product_known for _, spec in self.bad)


def expected(graph: Graph) -> Tuple[Finding, ...]:
    """Return every diagnostic that `graph` must get, in no order; its target must not be empty."""
    case = case_of(graph)
    findings: List[Finding] = []
    for rule in RULES:
        findings.extend(rule(case))
    return tuple(findings)


def disagreement(found: Iterable[Mark], wanted: Iterable[Finding]) -> str:
    """Say which of `wanted` are not in `found` and what else is there; empty if they agree."""
    rest = list(found)
    lacking = []
    for finding in sorted(wanted, key=len):
        hit = [mark for mark in rest if mark in finding]
        if hit:
            rest.remove(hit[0])
        else:
            lacking.append(finding)
    told = [f"lacks {told_finding(finding)}" for finding in lacking]
    return "\n".join(told + [f"has {told_mark(mark)}" for mark in rest])


def told_mark(mark: Mark) -> str:
    code, subject, item, shown = mark
    return " ".join([f"{code} {subject} @{item}", *(["by"] if shown else []), *shown])


def told_finding(finding: Finding) -> str:
    return " or ".join(sorted(map(told_mark, finding)))


# --- what the rules look at ------------------------------------------------------------------------------------------


def case_of(graph: Graph) -> Case:
    kept = tuple(_kept(graph))
    bad = tuple((at, spec) for at, spec in kept if _is_bad(graph, spec))
    sound = tuple((at, spec) for at, spec in kept if not _is_bad(graph, spec))
    made = {data for _, spec in kept for data in spec.produces}
    taken = {data for _, spec in sound for data in spec.takes}
    missing = frozenset(taken - made - set(graph.inputs) - set(graph.target))
    unmade = frozenset(set(graph.target) - made)
    groups = tuple(dict.fromkeys(_groups(sound, graph.inputs)))
    looping = [spec for at, spec in sound if any(at in group for group in groups)]
    given = set(graph.inputs) | missing | unmade
    given |= {data for spec in [*looping, *(spec for _, spec in bad)] for data in spec.produces}
    worlds = tuple(_worlds(sound, frozenset(given)))
    return Case(graph, kept, sound, bad, missing, unmade, groups, worlds)


def _without_place(spec: BuilderSpec) -> BuilderSpec:
    return attrs.evolve(spec, listed=Place(""))


def _kept(graph: Graph) -> Iterator[Listed]:
    earlier: List[BuilderSpec] = []
    for at, spec in enumerate(graph.builders):
        if _without_place(spec) not in earlier:
            yield at, spec
        earlier.append(_without_place(spec))


def _is_bad(graph: Graph, spec: BuilderSpec) -> bool:
    own = any(data in spec.produces and data not in graph.inputs for data in spec.consumes)
    twice = any(spec.takes.count(data) > 1 for data in spec.takes)
    related = any(one in graph.data[other].bases for one in spec.produces for other in spec.produces)
    return spec.flaw is not None or own or twice or related


def _waits(later: BuilderSpec, earlier: BuilderSpec, inputs: Sequence[str] = ()) -> bool:
    return any(data in later.waits_for and data not in inputs for data in earlier.produces)


def _groups(sound: Sequence[Listed], inputs: Sequence[str] = ()) -> Iterator[FrozenSet[int]]:
    """Return the builders that wait for each other through data that are not among `inputs`."""
    reach = {(one, other) for one, spec in sound for other, later in sound if _waits(later, spec, inputs)}
    positions = [at for at, _ in sound]
    for _ in positions:
        reach |= {(a, c) for a in positions for b in positions for c in positions if {(a, b), (b, c)} <= reach}
    groups = {frozenset(b for b in positions if {(a, b), (b, a)} <= reach) for a in positions}
    return (group for group in groups if group)


def _worlds(sound: Sequence[Listed], given: FrozenSet[str]) -> Iterator[World]:
    menus = [[(at, data) for data in spec.produces] for at, spec in sound if spec.produces]
    for picked in itertools.product(*menus):
        picks = dict(picked)
        available = _least_set(sound, picks, given)
        running = [at for at, spec in sound if at in picks and set(spec.consumes) <= available]
        yield World(available, frozenset((at, picks[at]) for at in running))


def _least_set(sound: Sequence[Listed], picks: Mapping[int, str], given: FrozenSet[str]) -> FrozenSet[str]:
    available: Set[str] = set(given)
    for _ in sound:
        for at, spec in sound:
            if at in picks and set(spec.consumes) <= available:
                available.add(picks[at])
    return frozenset(available)


# --- one function for each code --------------------------------------------------------------------------------------


def _only(code: str, subject: str, item: Item, *shown: str) -> Finding:
    return frozenset({(code, subject, item, shown)})


def _missing_data(case: Case) -> Iterator[Finding]:
    if case.products_known:
        for data in case.missing:
            takers = [at for at, spec in case.sound if data in spec.takes]
            yield _only("missing-data", case.name(data), takers[0])


def _no_producer(case: Case) -> Iterator[Finding]:
    if case.products_known:
        for data in case.unmade:
            yield _only("no-producer", case.name(data), "target")


def _target_is_unreachable(case: Case) -> bool:
    # A target that nobody makes counts as present, so neither this nor a dead end is ever told beside `no-producer`.
    return case.products_known and not any(case.reached(world) for world in case.worlds)


def _unreachable_target(case: Case) -> Iterator[Finding]:
    if _target_is_unreachable(case):
        yield _only("unreachable-target", " | ".join(map(case.name, case.graph.target)), "target")


def _fails(case: Case, *choices: Choice) -> bool:
    return not any(case.reached(world) and world.active.issuperset(choices) for world in case.worlds)


def _hopeful_choices(case: Case) -> List[Choice]:
    """Return the choices of builders not behind a dead end: some world has what they consume, and the target."""
    branching = [(at, spec) for at, spec in case.sound if len(spec.produces) > 1]
    hopeful = [one for one in branching if any(w.runs(one[1]) and case.reached(w) for w in case.worlds)]
    return [(at, data) for at, spec in hopeful for data in spec.produces]


def _dead_end(case: Case) -> Iterator[Finding]:
    if not case.products_known or _target_is_unreachable(case):
        return
    choices = _hopeful_choices(case)
    failing = [choice for choice in choices if _fails(case, choice)]
    names = {at: spec.name for at, spec in case.sound}
    for at, data in failing:
        yield _only("dead-end", names[at], at, names[at], case.name(data))
    lacking = [world for world in case.worlds if not case.reached(world)]
    unexplained = [world for world in lacking if world.active.isdisjoint(failing)]
    if unexplained:
        combinations = smallest_combinations(case, choices, unexplained)
        yield frozenset(("dead-end", names[one[0][0]], one[0][0], _told(case, names, one)) for one in combinations)


def _told(case: Case, names: Mapping[int, str], choices: Sequence[Choice]) -> Tuple[str, ...]:
    return tuple(word for at, data in choices for word in (names[at], case.name(data)))


def smallest_combinations(
    case: Case, choices: Sequence[Choice], unexplained: Sequence[World]
) -> List[Tuple[Choice, ...]]:
    """Return every smallest set of `choices` that some unexplained world makes and that no world survives."""
    for size in range(1, len(choices) + 1):
        together = [
            combination
            for combination in itertools.combinations(choices, size)
            if any(world.active.issuperset(combination) for world in unexplained)
        ]
        failing = [combination for combination in together if _fails(case, *combination)]
        if failing:
            return failing
    raise AssertionError("the choices that an unexplained world makes are themselves such a combination")


def _leads_to_target(case: Case, spec: BuilderSpec) -> bool:
    led = set(spec.produces)
    for _ in case.sound:
        led |= {data for _, later in case.sound if led & set(later.consumes) for data in later.produces}
    return bool(led & set(case.graph.target))


def _unreachable_builder(case: Case) -> Iterator[Finding]:
    if not case.products_known:
        return
    stuck = {at: spec for at, spec in case.sound if not any(world.runs(spec) for world in case.worlds)}
    target_told = any(_unreachable_target(case)) or any(_dead_end(case))
    leading = {at for at, spec in stuck.items() if _leads_to_target(case, spec)}
    # A stuck builder that does not lead to the target is told or is a consequence of one that is: a cause either way.
    causes = set(stuck) if target_told else set(stuck) - leading
    ever = frozenset(data for world in case.worlds for data in world.available)
    for at, spec in stuck.items():
        if at not in leading and not _is_consequence(case, spec, ever, causes):
            yield _only("unreachable-builder", spec.name, at)


def _is_consequence(case: Case, spec: BuilderSpec, ever: AbstractSet[str], causes: AbstractSet[int]) -> bool:
    for data in set(spec.consumes) - ever:
        if all(at in causes for at, earlier in case.sound if data in earlier.produces):
            return True
    return False


def _ambiguous_producer(case: Case) -> Iterator[Finding]:
    for data in case.graph.data:
        makers = [at for at, spec in case.sound if data in spec.produces]
        for one, other in itertools.combinations(makers, 2):
            if any(world.active >= {(one, data), (other, data)} for world in case.worlds):
                yield _only("ambiguous-producer", case.name(data), other)
                break


def _cycle(case: Case) -> Iterator[Finding]:
    specs = dict(case.sound)
    for group in case.groups:
        loops = shortest_loops(specs, group, case.graph.inputs)
        yield frozenset(
            ("cycle", specs[at].name, at, tuple(specs[one].name for one in (at, *rest))) for at, *rest in loops
        )


def shortest_loops(
    specs: Mapping[int, BuilderSpec], group: AbstractSet[int], inputs: Sequence[str] = ()
) -> List[Tuple[int, ...]]:
    """Return every shortest loop of a group, each once, its first listed builder first, in the order of the data."""
    for size in range(1, len(group) + 1):
        found = []
        for members in itertools.combinations(sorted(group), size):
            for rest in itertools.permutations(members[1:]):
                loop = (members[0], *rest)
                if all(_waits(specs[b], specs[a], inputs) for a, b in zip(loop, (*loop[1:], loop[0]))):
                    found.append(loop)
        if found:
            return found
    raise AssertionError("every group has a loop")


def _unused_input(case: Case) -> Iterator[Finding]:
    if case.missing or case.unmade or not all(spec.reads_known for _, spec in case.bad):
        return
    taken = {data for _, spec in case.kept for data in spec.takes}
    for data in case.graph.inputs:
        if data not in taken:
            yield _only("unused-input", case.name(data), "inputs")


def _duplicate_builder(case: Case) -> Iterator[Finding]:
    seen: Set[str] = set()
    for at, spec in enumerate(case.graph.builders):
        if spec.name in seen:
            yield _only("duplicate-builder", spec.name, at)
        seen.add(spec.name)


def _name_clash(case: Case) -> Iterator[Finding]:
    by_name: Dict[str, Dict[str, List[Item]]] = {}
    for data, item in _uses(case):
        if data not in case.missing | case.unmade:
            by_name.setdefault(case.name(data), {}).setdefault(data, []).append(item)
    for name, keys in by_name.items():
        if len(keys) > 1:
            places: List[Item] = ["builders", *(item for items in keys.values() for item in items)]
            yield frozenset(("name-clash", name, item, ()) for item in places)


def _uses(case: Case) -> Iterator[Tuple[str, Item]]:
    yield from ((data, "target") for data in case.graph.target)
    yield from ((data, "inputs") for data in case.graph.inputs)
    yield from ((data, at) for at, spec in case.sound for data in spec.takes)
    yield from ((data, at) for at, spec in case.kept for data in spec.produces)


def _bad_builder(case: Case) -> Iterator[Finding]:
    for at, spec in case.bad:
        yield _only("bad-builder", spec.name, at)


# --- transient data, time limits -------------------------------------------------------------------------------------


def _bad_transient(case: Case) -> Iterator[Finding]:
    taken = {data for _, spec in case.sound for data in spec.takes}
    made = {data for _, spec in case.kept for data in spec.produces}
    for data in case.graph.transient:
        nowhere = case.products_known and data not in {*made, *taken, *case.graph.inputs}
        if data in case.graph.target or nowhere:
            yield _only("bad-transient", case.name(data), "transient")
        else:
            once = [spec for _, spec in case.sound if spec.at_most_once and data in spec.produces]
            yield from (_only("bad-transient", case.name(data), "transient") for _ in once)


def _is_whole(case: Case) -> bool:
    """Tell whether nothing stands in the way of judging how a run goes on."""
    broken = case.bad or case.missing or case.unmade or case.groups or any(_dead_end(case))
    return not broken and not _target_is_unreachable(case)


Hop = Tuple[int, str, int]
"""A builder, what it makes, and a builder that waits for it."""


def hops_of(case: Case) -> FrozenSet[Hop]:
    """Return who hands what on to whom, but for what leads back to an input that a loop goes through."""
    loops = tuple(_groups(case.sound))
    return frozenset(
        (a, data, b)
        for a, earlier in case.sound
        for b, later in case.sound
        for data in set(earlier.produces) & set(later.waits_for)
        if data not in case.graph.inputs or not any({a, b} <= loop for loop in loops)
    )


def first_calls(case: Case) -> Iterator[AbstractSet[str]]:
    """Return what may be fed in a first call: all inputs but one, which comes in the next call."""
    return (set(case.graph.inputs) - {late} for late in case.graph.inputs)


def _transient_needed_later(case: Case) -> Iterator[Finding]:
    if _is_whole(case):
        hops = hops_of(case)
        for data in case.graph.transient:
            for at, spec in case.sound:
                if data in spec.waits_for and any(lost(case, hops, data, at, fed) for fed in first_calls(case)):
                    yield _only("transient-needed-later", case.name(data), at)


def lost(case: Case, hops: AbstractSet[Hop], data: str, taker: int, fed: AbstractSet[str]) -> bool:
    """Tell whether, in some world, a data is there in a first call and its taker runs in the second only."""
    specs = dict(case.sound)
    for world in case.worlds:
        picks = dict(world.active)
        before = _least_set(case.sound, picks, frozenset(fed))
        ran = {at for at in picks if set(specs[at].consumes) <= before}
        if taker in ran or taker not in picks:
            continue
        if any(picks[at] == data for at in ran if at != taker):  # made
            return True
        witnesses = [at for at in ran if data in fed and data in specs[at].waits_for]
        if any(taker in _descendants(specs, hops, picks, at) for at in witnesses):
            return True
    return False


def _descendants(
    specs: Mapping[int, BuilderSpec], hops: AbstractSet[Hop], picks: Mapping[int, str], start: int
) -> Set[int]:
    """Return the builders of one world that consume what a builder made, or what was made from that."""
    found: Set[int] = set()
    for _ in specs:
        for a, data, b in hops:
            if (a == start or a in found) and b in picks and picks.get(a) == data and data in specs[b].consumes:
                found.add(b)
    return found


def _over_budget(case: Case) -> Iterator[Finding]:
    if _is_whole(case) and case.graph.timeout_s is not None:
        ways = {way for world in case.worlds for way in _ways(case, dict(world.active))}
        costs = {way: sum(_time(dict(case.sound)[at]) for at in way) for way in ways}
        most = max(costs.values(), default=Fraction(0))
        if most > Fraction(str(case.graph.timeout_s)):
            longest = [way for way in ways if costs[way] == most]
            names = {at: spec.name for at, spec in case.sound}
            yield frozenset(
                ("over-budget", case.graph.name, "timeout_s", tuple(names[at] for at in way)) for way in longest
            )


def _time(spec: BuilderSpec) -> Fraction:
    return Fraction(0) if spec.timeout_s is None else Fraction(str(spec.timeout_s))


def _ways(case: Case, picks: Mapping[int, str]) -> Iterator[Tuple[int, ...]]:
    """Return every path of one world that begins with a builder that has a time limit and ends at the target."""
    hops = hops_of(case)
    ways: List[Tuple[int, ...]] = [(at,) for at, data in picks.items() if data in case.graph.target]
    for way in ways:  # grows while it is walked
        ways += [(a, *way) for a, data, b in hops if b == way[0] and picks.get(a) == data]
    return (way for way in ways if dict(case.sound)[way[0]].timeout_s is not None)


RULES: Tuple[Callable[[Case], Iterator[Finding]], ...] = (
    _missing_data,
    _no_producer,
    _unreachable_target,
    _dead_end,
    _unreachable_builder,
    _ambiguous_producer,
    _cycle,
    _unused_input,
    _duplicate_builder,
    _name_clash,
    _bad_builder,
    _bad_transient,
    _transient_needed_later,
    _over_budget,
)
