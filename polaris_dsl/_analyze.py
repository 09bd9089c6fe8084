"""Judges a graph: names and specs in, diagnostics out. Never raises, and knows nothing of types, typing or mypy."""

from __future__ import annotations

from functools import reduce
from itertools import combinations, islice
from operator import and_
from typing import Dict, Iterator, List, Mapping, Sequence, Set, Tuple

import attrs

from polaris_dsl import diagnostics as say
from polaris_dsl._cycles import order
from polaris_dsl._graph import Graph, Place
from polaris_dsl._near import near_miss
from polaris_dsl._survey import Survey, survey_of
from polaris_dsl._worlds import Choice, Worlds, judge
from polaris_dsl.diagnostics import Code, Diagnostic

_TRIES = 20_000
"""So many combinations of choices are looked at for the smallest that fails."""


@attrs.frozen
class Verdict:
    """Every problem of a graph, and what was found out on the way: enough to plan it where there are none."""

    found: Tuple[Diagnostic, ...]
    survey: Survey
    worlds: Worlds


def analyze(graph: Graph, /) -> Tuple[Diagnostic, ...]:
    """Return every problem of a graph, causes before consequences, then in order of listing."""
    return examine(graph).found


def examine(graph: Graph, /) -> Verdict:
    """Judge a graph."""
    survey = survey_of(graph)
    missing = _missing(survey)
    unmade = [data for data in graph.target if not survey.made(data)]
    found = [
        *_argument_flaws(graph),
        *_bad_transients(survey),
        *_builder_flaws(survey),
        *_duplicates(survey),
        *_name_clashes(survey, set(unmade)),
    ]
    if survey.products_known:
        found += _missing_data(survey, missing)
        found += _no_producer(survey, unmade, missing)
    if survey.inputs_known:
        found += _cycles(survey)
    worlds = _worlds(survey, {*missing, *unmade})
    found += _ambiguous_producers(survey, worlds)
    broken: List[Diagnostic] = []
    if survey.products_known:
        if graph.target and not unmade and survey.target_known:
            broken = _unreachable_target(survey, worlds) or _dead_ends(survey, worlds)
        found += broken
        found += _unreachable_builders(survey, worlds, target_told=bool(broken))
    if survey.reads_known and not missing and not unmade:
        if (graph.transient or graph.timeout_s is not None) and not broken:
            found += _limits(survey, worlds)
        found += _unused_inputs(survey)
    return Verdict(tuple(found), survey, worlds)


def _limits(survey: Survey, worlds: Worlds) -> Iterator[Diagnostic]:
    """Judge what is said of each call, if the graph has an order, in which nothing more may come to light."""
    if survey.products_known and survey.target_known and not survey.flawed and not survey.cycles:
        # Most workflows say nothing of the kind: these need not wait for the modules.
        from polaris_dsl._budget import over_budget  # noqa: PLC0415
        from polaris_dsl._transient import needed_later  # noqa: PLC0415

        yield from needed_later(survey, tuple(worlds.reach))
        yield from over_budget(survey, tuple(worlds.reach))


# --- what cannot be read ---------------------------------------------------------------------------------------------


def _argument_flaws(graph: Graph) -> Iterator[Diagnostic]:
    codes: Dict[str, Code] = {
        "name": "bad-name",
        "target": "bad-target",
        "inputs": "bad-input",
        "builders": "bad-builder",
        "transient": "bad-transient",
    }
    for argument, subject, flaw in graph.flaws:
        place = graph.places.get(argument, Place(""))
        yield Diagnostic(codes[argument], subject, flaw.message, place.file, place.line, (), flaw.help, argument)


def _bad_transients(survey: Survey) -> Iterator[Diagnostic]:
    graph = survey.graph
    taken = {data for spec in survey.sound.values() for data in spec.takes} if graph.transient else ()
    for data in graph.transient:
        name = survey.name(data)
        rest = [survey.name(other) for other in graph.transient if other != data]
        if data in graph.target:
            text = say.transient_target(name, rest=rest)
            yield survey.put("bad-transient", name, text, item="transient")
        elif survey.products_known and not (survey.made(data) or data in graph.inputs or data in taken):
            text = say.transient_nowhere(name, rest=rest, near=near_miss(graph, data, taker=None))
            yield survey.put("bad-transient", name, text, item="transient")
        else:
            for at in survey.producers.get(data, ()):
                if survey.sound[at].at_most_once:
                    text = say.transient_once(name, maker=survey.sound[at].name, rest=rest)
                    yield survey.put("bad-transient", name, text, item="transient", about=[at])


def _builder_flaws(survey: Survey) -> Iterator[Diagnostic]:
    for at, (spec, flaw) in survey.flawed.items():
        yield survey.put("bad-builder", spec.name, (flaw.message, flaw.help), item=at, about=[at])


def _duplicates(survey: Survey) -> Iterator[Diagnostic]:
    seen: Dict[str, int] = {}
    for at, spec in enumerate(survey.graph.builders):
        first = seen.setdefault(spec.name, at)
        if first != at:
            same = spec == survey.graph.builders[first]
            text = say.duplicate_builder(spec.name, same=same)
            yield survey.put("duplicate-builder", spec.name, text, item=at, about=[at] if same else [first, at])


def _name_clashes(survey: Survey, absent: Set[str]) -> Iterator[Diagnostic]:
    graph = survey.graph
    there = {*graph.inputs, *survey.producers, *survey.presumed} - absent
    if len({survey.name(data) for data in there}) == len(there):
        return
    used = [*graph.target, *graph.inputs]
    for spec in graph.builders:
        used += [*spec.takes, *spec.produces]
    by_name: Dict[str, List[str]] = {}
    for data in dict.fromkeys(used):
        if data in there:
            by_name.setdefault(survey.name(data), []).append(data)
    for name, keys in by_name.items():
        if len(keys) > 1:
            modules = [graph.about(key).module for key in keys]
            yield survey.put("name-clash", name, say.name_clash(name, modules=modules), item="builders")


# --- what is not there -----------------------------------------------------------------------------------------------


def _missing(survey: Survey) -> Dict[str, List[int]]:
    """Return each data that comes from nowhere, with its takers."""
    there = {*survey.graph.inputs, *survey.producers, *survey.presumed}
    missing: Dict[str, List[int]] = {}
    for at, spec in survey.sound.items():
        for data in spec.takes:
            if data not in there:
                missing.setdefault(data, []).append(at)
    return missing


def _missing_data(survey: Survey, missing: Mapping[str, Sequence[int]]) -> Iterator[Diagnostic]:
    graph = survey.graph
    for data, takers in missing.items():
        if data not in graph.target:
            first, others = takers[0], [graph.builders[at].name for at in takers[1:]]
            role = next(
                role for role in ("consumes", "optionals", "accesses") if data in getattr(graph.builders[first], role)
            )
            text = say.missing_data(
                survey.name(data),
                taker=graph.builders[first].name,
                role=role,
                others=others,
                near=near_miss(graph, data, taker=first),
                inputs=survey.names(graph.inputs),
            )
            yield survey.put(
                "missing-data", survey.name(data), text, item=first, path=survey.way(data, first), about=[first]
            )


def _no_producer(survey: Survey, unmade: Sequence[str], missing: Mapping[str, Sequence[int]]) -> Iterator[Diagnostic]:
    for data in unmade:
        takers = [survey.graph.builders[at].name for at in missing.get(data, ())]
        text = say.no_producer(survey.name(data), takers=takers, near=near_miss(survey.graph, data, taker=None))
        yield survey.put("no-producer", survey.name(data), text, item="target", path=[survey.name(data)])


def _unused_inputs(survey: Survey) -> Iterator[Diagnostic]:
    taken = {data for spec in survey.graph.builders for data in spec.takes}
    unused = [survey.name(data) for data in survey.graph.inputs if data not in taken]
    rest = [survey.name(data) for data in survey.graph.inputs if data in taken]
    for name, text in zip(unused, say.unused_inputs(unused, rest=rest)):
        yield survey.put("unused-input", name, text, item="inputs")


# --- what cannot work ------------------------------------------------------------------------------------------------


def _cycles(survey: Survey) -> Iterator[Diagnostic]:
    for group in survey.cycles:
        path: List[str] = []
        for at, after in zip(group.loop, [*group.loop[1:], group.loop[0]]):
            spec, taker = survey.sound[at], survey.sound[after]
            between = (data for data in spec.produces if data in taker.waits_for and data not in survey.graph.inputs)
            path += [spec.name, survey.name(next(between))]
        first = group.loop[0]
        text = say.cycle([survey.sound[at].name for at in group.loop])
        subject = survey.sound[first].name
        yield survey.put("cycle", subject, text, item=first, path=[*path, subject], about=group.loop)


def _worlds(survey: Survey, absent: Set[str]) -> Worlds:
    """Judge all worlds; what is missing or on a cycle counts as present, so that one cause is told once."""
    sound, ordered = survey.sound, survey.ordered
    looped = {data for group in survey.cycles for at in group.members for data in sound[at].produces}
    given = frozenset({*survey.graph.inputs, *survey.presumed, *absent, *looped})
    if ordered is None:
        ordered = order(
            {
                at: {maker for data in spec.consumes if data not in given for maker in survey.producers.get(data, ())}
                for at, spec in sound.items()
            }
        )
    return judge(sound, ordered, given=given, target=survey.graph.target)


def _ambiguous_producers(survey: Survey, worlds: Worlds) -> Iterator[Diagnostic]:
    for data, makers in survey.producers.items():
        for first, second in combinations(makers, 2):
            if worlds.possible(worlds.produced(first, data) & worlds.produced(second, data)):
                names = [survey.sound[at].name for at in (first, second)]
                text = say.ambiguous_producer(survey.name(data), first=names[0], second=names[1], note=worlds.note)
                subject = survey.name(data)
                yield survey.put(
                    "ambiguous-producer", subject, text, item=second, path=survey.way(data), about=[first, second]
                )
                break


def _conflict(survey: Survey, worlds: Worlds, at: int) -> List[str]:
    """Return the names of consumes that each come in some world but never together, if that is what stops a builder."""
    consumes = survey.sound[at].consumes
    masks = {data: worlds.available.get(data, 0) for data in consumes}
    if worlds.possible(worlds.reach[at]) or not all(map(worlds.possible, masks.values())):
        return []
    pairs = (pair for pair in combinations(consumes, 2) if not worlds.possible(masks[pair[0]] & masks[pair[1]]))
    return survey.names(next(pairs, consumes))


def _target_worlds(survey: Survey, worlds: Worlds) -> int:
    mask = 0
    for data in survey.graph.target:
        mask |= worlds.available.get(data, 0)
    return mask


def _unreachable_target(survey: Survey, worlds: Worlds) -> List[Diagnostic]:
    if worlds.possible(_target_worlds(survey, worlds)):
        return []
    asked = dict.fromkeys(at for data in survey.graph.target for at in survey.producers[data])
    upstream = list(asked)
    for at in upstream:  # grows while it is walked: breadth first, so that the closest cause is told
        fresh = [maker for data in survey.sound[at].consumes for maker in survey.producers.get(data, ())]
        upstream += [maker for maker in dict.fromkeys(fresh) if maker not in asked]
        asked.update(dict.fromkeys(fresh))
    causes = ((at, names) for at in upstream for names in [_conflict(survey, worlds, at)] if names)
    cause, conflict = next(causes, (upstream[0], survey.names(survey.sound[upstream[0]].consumes)))
    joint = survey.sound[cause]
    target = " | ".join(survey.names(survey.graph.target))
    text = say.unreachable_target(target, joint=joint.name, conflict=conflict)
    path = [joint.name, *survey.way(joint.produces[0])]
    return [survey.put("unreachable-target", target, text, item="target", path=path, about=[cause])]


def _dead_ends(survey: Survey, worlds: Worlds) -> List[Diagnostic]:
    reached = _target_worlds(survey, worlds)
    active = {choice: mask & worlds.reach[choice[0]] for choice, mask in worlds.choices.items()}
    saved = {at for (at, _), mask in active.items() if mask & reached}
    single = [choice for choice, mask in active.items() if mask and not mask & reached and choice[0] in saved]
    found = [_dead_end(survey, [choice], note=worlds.note) for choice in single]
    if worlds.exact:
        unexplained = worlds.every & ~reached
        for choice in single:
            unexplained &= ~active[choice]
        if unexplained:
            # A choice of a builder that is reached in failing worlds only lies behind a dead end: it is no cause.
            causes = {choice: mask for choice, mask in active.items() if choice[0] in saved}
            found.append(_dead_end(survey, _smallest_combination(causes, reached, unexplained), note=""))
    return found


def _smallest_combination(active: Mapping[Choice, int], reached: int, unexplained: int) -> Sequence[Choice]:
    """Return the fewest choices that, together, fail in every world and explain one that nothing else explains.

    Past `_TRIES` the search would take too long: then choices are dropped, one by one, from all those of one such
    world, so that none of what is left can be spared.
    """

    def fails(some: Sequence[Choice]) -> bool:
        mask = reduce(and_, map(active.__getitem__, some), unexplained | reached)
        return bool(mask & unexplained) and not mask & reached

    every = (some for size in range(2, len(active) + 1) for some in combinations(active, size))
    for some in islice(every, _TRIES):
        if fails(some):
            return some
    world = unexplained & -unexplained
    needed = [choice for choice, mask in active.items() if mask & world]
    for choice in list(needed):
        fewer = [other for other in needed if other != choice]
        needed = fewer if fails(fewer) else needed
    return needed


def _dead_end(survey: Survey, choices: Sequence[Choice], *, note: str) -> Diagnostic:
    named = [(survey.sound[at].name, survey.name(data)) for at, data in choices]
    text = say.dead_end(named, target=survey.names(survey.graph.target), note=note)
    path = [name for choice in named for name in choice]
    first = choices[0][0]
    return survey.put("dead-end", named[0][0], text, item=first, path=path, about=[at for at, _ in choices])


def _unreachable_builders(survey: Survey, worlds: Worlds, *, target_told: bool) -> Iterator[Diagnostic]:
    unreachable = [at for at, reach in worlds.reach.items() if not worlds.possible(reach)]
    towards = _towards_target(survey) if unreachable else set()
    causes: Set[int] = set()
    told: List[int] = []
    for at in unreachable:  # in an order in which causes come first
        if (target_told and at in towards) or _is_consequence(survey, worlds, at, causes=causes):
            causes.add(at)
        elif at not in towards:
            causes.add(at)
            told.append(at)
    for at in sorted(told):
        spec = survey.sound[at]
        text = say.unreachable_builder(spec.name, conflict=_conflict(survey, worlds, at) or survey.names(spec.consumes))
        yield survey.put("unreachable-builder", spec.name, text, item=at, path=[spec.name], about=[at])


def _is_consequence(survey: Survey, worlds: Worlds, at: int, *, causes: Set[int]) -> bool:
    return any(
        not worlds.possible(worlds.available.get(data, 0)) and causes.issuperset(survey.producers[data])
        for data in survey.sound[at].consumes
    )


def _towards_target(survey: Survey) -> Set[int]:
    """Return the builders that lead to the target through what is consumed."""
    found: Set[int] = set()
    asked = list(survey.graph.target)
    while asked:
        fresh = set(survey.producers.get(asked.pop(), ())) - found
        found |= fresh
        asked.extend(data for at in fresh for data in survey.sound[at].consumes)
    return found
