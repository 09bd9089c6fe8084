"""The graph, ordered and compiled: builders and data as numbers, ready to run."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Protocol, Sequence, Tuple

import attrs

from polaris_dsl._graph import Graph, Place
from polaris_dsl._options import NO_OPTIONS, Options
from polaris_dsl._survey import Survey, survey_of
from polaris_dsl._worlds import Worlds, judge, leading
from polaris_dsl.errors import WorkflowError

CONTEXT = -1
"""In place of a slot: the argument is the `Context` of the call."""


Values = Tuple[object, ...]
"""The data of a run, by slot; None where one is absent."""

Pick = Callable[[Sequence[Any]], Tuple[Any, ...]]
"""Reads some places of a list."""


def picks(places: Sequence[int], /) -> Pick:
    """Return what reads these places of a list into a tuple: `itemgetter`, for any number of them."""
    if len(places) > 1:
        return itemgetter(*places)
    for place in places:
        return lambda values: (values[place],)
    return lambda _: ()


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
    plain: bool = attrs.field(init=False)
    """Whether its arguments are just what is in their slots, in order."""
    values_of: Pick = attrs.field(init=False, eq=False, repr=False)
    """Reads the slots of its arguments."""
    versions_of: Pick = attrs.field(init=False, eq=False, repr=False)
    """Reads the slots that it waits for."""
    consumes_of: Pick = attrs.field(init=False, eq=False, repr=False)
    """Reads the slots that it consumes."""

    @plain.default
    def _plain(self) -> bool:
        return all(one.slot != CONTEXT and one.default is None and one.keyword is None for one in self.arguments)

    @values_of.default
    def _values_of(self) -> Pick:
        return picks([argument.slot for argument in self.arguments])

    @versions_of.default
    def _versions_of(self) -> Pick:
        return picks(self.waits_for)

    @consumes_of.default
    def _consumes_of(self) -> Pick:
        return picks(self.consumes)


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
    timeout_s: Optional[float] = None
    """How many seconds one call may take, or None."""
    refused: Optional[WorkflowError] = None
    """Why it takes no data: it stands in for that of a wrong workflow, while workflows are only checked."""
    heeds_options: bool = attrs.field(init=False)
    """Whether a call has options, or the whole a time or transient data."""
    names_of: Tuple[str, ...] = attrs.field(init=False)
    """The names of the data, by slot."""
    followers: Tuple[Tuple[int, ...], ...] = attrs.field(init=False)
    """By call: its followers."""
    takers: Tuple[Tuple[int, ...], ...] = attrs.field(init=False)
    """By slot: the calls that wait for it."""
    waiting: Tuple[int, ...] = attrs.field(init=False)
    """By call: how many calls it follows."""
    first: Tuple[int, ...] = attrs.field(init=False)
    """The calls that follow no other."""
    back: Tuple[Tuple[int, ...], ...] = attrs.field(init=False)
    """By call: those that a loop leads back to, for they wait for what it makes and do not follow it."""

    @heeds_options.default
    def _heeds_options(self) -> bool:
        return (
            self.timeout_s is not None
            or bool(self.transient)
            or any(call.options is not NO_OPTIONS for call in self.calls)
        )

    @names_of.default
    def _names_of(self) -> Tuple[str, ...]:
        return tuple(data.__name__ for data in self.data)

    @followers.default
    def _followers(self) -> Tuple[Tuple[int, ...], ...]:
        return tuple(call.followers for call in self.calls)

    @takers.default
    def _takers(self) -> Tuple[Tuple[int, ...], ...]:
        takers: List[List[int]] = [[] for _ in self.data]
        for at, call in enumerate(self.calls):
            for slot in call.waits_for:
                takers[slot].append(at)
        return tuple(map(tuple, takers))

    @waiting.default
    def _waiting(self) -> Tuple[int, ...]:
        waiting = [0] * len(self.calls)
        for call in self.calls:
            for follower in call.followers:
                waiting[follower] += 1
        return tuple(waiting)

    @first.default
    def _first(self) -> Tuple[int, ...]:
        return tuple(call for call, before in enumerate(self.waiting) if not before)

    @back.default
    def _back(self) -> Tuple[Tuple[int, ...], ...]:
        if not self.loops:
            return ()
        return tuple(
            tuple({taker for slot in call.produces for taker in self.takers[slot]} - set(call.followers))
            for call in self.calls
        )

    def names(self, slots: Sequence[int]) -> Tuple[str, ...]:
        """Return the names of data."""
        return tuple(self.data[slot].__name__ for slot in slots)


class Passed(Protocol):
    """How a data (None: the context) is passed to a function, and what stands in while it is absent."""

    @property
    def data(self) -> Optional[type]: ...
    @property
    def default(self) -> object: ...
    @property
    def keyword(self) -> Optional[str]: ...


class Part(Protocol):
    """What the graph does not say of a builder: its function, and how that is called."""

    @property
    def function(self) -> Callable[..., object]: ...
    @property
    def parameters(self) -> Sequence[Passed]: ...


def refused_plan(error: WorkflowError, /) -> Plan:
    """Return a plan of nothing, which answers all that it is fed with the error."""
    nothing = Graph(name=error.name, target=(), inputs=(), builders=(), data={})
    worlds = judge({}, (), given=frozenset(), target=())
    return attrs.evolve(compile_plan(survey_of(nothing), worlds, [], options=[], types={}, digest=""), refused=error)


def compile_plan(
    survey: Survey,
    worlds: Worlds,
    parts: Sequence[Part],
    *,
    options: Sequence[Options],
    types: Mapping[str, type],
    digest: str,
) -> Plan:
    """Compile a graph in which nothing was found to be wrong: number its data and builders; `types` by key."""
    graph, listed, ordered = survey.graph, survey.sound, survey.ordered or ()
    slots = {key: slot for slot, key in enumerate(types)}
    by_class = {data: slot for slot, data in enumerate(types.values())}
    number = {at: position for position, at in enumerate(ordered)}
    followers: Dict[int, List[int]] = {at: [] for at in ordered}
    consumers: List[List[int]] = [[] for _ in types]
    for at in ordered:
        for maker in survey.before[at]:
            followers[maker].append(number[at])
        for key in listed[at].consumes:
            consumers[slots[key]].append(number[at])
    leads = leading(worlds, listed, ordered, target=graph.target)
    calls = []
    for at in ordered:
        spec, part = listed[at], parts[at]
        calls.append(
            Call(
                name=spec.name,
                function=part.function,
                place=spec.defined,
                arguments=tuple(
                    [
                        Argument(
                            CONTEXT if passed.data is None else by_class[passed.data], passed.default, passed.keyword
                        )
                        for passed in part.parameters
                    ]
                ),
                consumes=tuple([slots[key] for key in spec.consumes]),
                waits_for=tuple([slots[key] for key in spec.waits_for]),
                waits_for_names=tuple([types[key].__name__ for key in spec.waits_for]),
                produces=tuple([slots[key] for key in spec.produces]),
                maybe=spec.maybe,
                followers=tuple(followers.pop(at)),
                options=options[at],
            )
        )
    return Plan(
        workflow=graph.name,
        graph=digest,
        data=tuple(types.values()),
        slots=by_class,
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
        loops=bool(survey.back),
        transient=frozenset(slots[key] for key in graph.transient),
        timeout_s=graph.timeout_s,
    )
