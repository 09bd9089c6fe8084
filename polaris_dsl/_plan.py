"""The graph, ordered and compiled: builders and data as numbers, ready to run."""

from __future__ import annotations

from typing import Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

import attrs

from polaris_dsl._cycles import order
from polaris_dsl._graph import Graph, Place
from polaris_dsl._loops import before_of
from polaris_dsl._options import NO_OPTIONS, Options
from polaris_dsl._worlds import Worlds, judge, leading
from polaris_dsl.errors import WorkflowError

CONTEXT = -1
"""In place of a slot: the argument is the `Context` of the call."""


Values = Tuple[object, ...]
"""The data of a run, by slot; None where one is absent."""


@attrs.frozen
class Argument:
    """One argument of a call: the slot it is read from, what stands in while that is empty, and how it is passed."""

    slot: int
    default: object = None
    keyword: Optional[str] = None


@attrs.frozen
class Call:
    """One builder, by the numbers of its data (slots). Calls are numbered in plan order."""

    name: str
    function: Callable[..., object]
    place: Place
    arguments: Tuple[Argument, ...]
    consumes: Tuple[int, ...]
    waits_for: Tuple[int, ...]
    """Consumes, then optionals: what its versions are told by."""
    waits_for_names: Tuple[str, ...]
    """The same, as a journal calls them."""
    produces: Tuple[int, ...]
    maybe: bool
    followers: Tuple[int, ...] = ()
    """The calls that consume what it makes, or have it as an optional; not those that a loop leads back to."""
    options: Options = NO_OPTIONS


@attrs.frozen
class Plan:
    """A workflow that was judged sound. Immutable, shared by all runs and threads."""

    workflow: str
    graph: str
    """A digest of the graph, noted in journals."""
    data: Tuple[type, ...]
    """The data by slot."""
    slots: Mapping[type, int]
    named: Mapping[str, int]
    """The slots by the name of the data."""
    inputs: Tuple[int, ...]
    target: Tuple[int, ...]
    products: FrozenSet[int]
    """The slots that are no inputs."""
    wanted: str
    """What messages call the target."""
    calls: Tuple[Call, ...]
    numbers: Mapping[str, int]
    """The calls by the name of the builder."""
    consumers: Tuple[Tuple[int, ...], ...]
    """By slot: the calls that consume it."""
    leads: Tuple[int, ...]
    """By call: the worlds in which it leads to the target."""
    choices: Tuple[Tuple[int, int, int], ...]
    """Call, slot, and the worlds in which the call chooses that slot."""
    worlds: Worlds
    loops: bool = False
    """Whether builders wait for each other, through inputs."""
    transient: FrozenSet[int] = frozenset()
    """The slots of what lives within one call and is never written to a store."""
    refused: Optional[WorkflowError] = None
    """Why it takes no data: it stands in for that of a wrong workflow, while workflows are only checked."""

    def names(self, slots: Sequence[int]) -> Tuple[str, ...]:
        """Return the names of data."""
        return tuple(self.data[slot].__name__ for slot in slots)


@attrs.frozen
class Part:
    """What the graph does not say of a builder: its function, where it is written, and its arguments by key of data."""

    function: Callable[..., object]
    place: Place
    arguments: Sequence[Tuple[Optional[str], object, Optional[str]]]
    """Key of the data (None: the context), default, keyword."""
    options: Options = NO_OPTIONS


def refused_plan(error: WorkflowError, /) -> Plan:
    """Return a plan of nothing, which answers all that it is fed with the error."""
    nothing = Graph(name=error.name, target=(), inputs=(), builders=(), data={})
    return attrs.evolve(compile_plan(nothing, [], types={}, digest=""), refused=error)


def compile_plan(graph: Graph, parts: Sequence[Part], *, types: Mapping[str, type], digest: str) -> Plan:
    """Compile a graph in which nothing is wrong: number its data and order its builders; `types` by key."""
    slots = {key: slot for slot, key in enumerate(types)}
    listed = dict(enumerate(graph.builders))
    producers: Dict[str, List[int]] = {}
    for at, spec in listed.items():
        for key in spec.produces:
            producers.setdefault(key, []).append(at)
    before, loops = before_of(listed, producers, inputs=graph.inputs)
    ordered = order(before)
    number = {at: position for position, at in enumerate(ordered)}
    followers: Dict[int, List[int]] = {at: [] for at in ordered}
    consumers: List[List[int]] = [[] for _ in types]
    for at in ordered:
        for maker in before[at]:
            followers[maker].append(number[at])
        for key in listed[at].consumes:
            consumers[slots[key]].append(number[at])
    worlds = judge(listed, ordered, given=frozenset(graph.inputs), target=graph.target)
    leads = leading(worlds, listed, ordered, target=graph.target)
    calls = []
    for at in ordered:
        spec, part = listed[at], parts[at]
        calls.append(
            Call(
                name=spec.name,
                function=part.function,
                place=part.place,
                arguments=tuple(
                    Argument(CONTEXT if key is None else slots[key], default, keyword)
                    for key, default, keyword in part.arguments
                ),
                consumes=tuple(slots[key] for key in spec.consumes),
                waits_for=tuple(slots[key] for key in spec.waits_for),
                waits_for_names=tuple(types[key].__name__ for key in spec.waits_for),
                produces=tuple(slots[key] for key in spec.produces),
                maybe=spec.maybe,
                followers=tuple(followers[at]),
                options=part.options,
            )
        )
    return Plan(
        workflow=graph.name,
        graph=digest,
        data=tuple(types.values()),
        slots={data: slot for slot, data in enumerate(types.values())},
        named={data.__name__: slot for slot, data in enumerate(types.values())},
        inputs=tuple(slots[key] for key in graph.inputs),
        target=tuple(slots[key] for key in graph.target),
        products=frozenset(range(len(types))) - {slots[key] for key in graph.inputs},
        wanted=" | ".join(types[key].__name__ for key in graph.target),
        calls=tuple(calls),
        numbers={call.name: at for at, call in enumerate(calls)},
        consumers=tuple(tuple(takers) for takers in consumers),
        leads=tuple(leads[at] for at in ordered),
        choices=tuple((number[at], slots[key], mask) for (at, key), mask in worlds.picks.items()),
        worlds=worlds,
        loops=loops,
        transient=frozenset(slots[key] for key in graph.transient),
    )
