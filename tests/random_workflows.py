"""Hypothesis strategies for workflows that are valid by construction, of real builders that are pure and watched."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import itertools
import threading
import time
from datetime import timedelta
from types import MappingProxyType
from typing import (
    Callable,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
    cast,
)

import attrs
from hypothesis import strategies as st
from typing_extensions import Literal

from polaris_dsl import Access, Builder, Clock, Context, Retry, RetryAt, Workflow, builder, workflow
from polaris_dsl.clock import SystemClock
from tests.naive_run import NaiveBuilder, NaiveWorkflow, Values, World, feeds, worlds

# --- data ------------------------------------------------------------------------------------------------------------

KINDS: Sequence[Tuple[type, Callable[[int], object]]] = (
    (int, lambda number: number),
    (str, lambda number: f"v{number}"),
    (cast(type, Tuple[int, ...]), lambda number: (number,) * number),
)
"""What a data holds, and how it holds a number."""


def _data(prefix: str, count: int) -> Tuple[type, ...]:
    kinds = itertools.cycle(kind for kind, _ in KINDS)
    fields = ({"value": attrs.field(type=kind)} for kind in kinds)
    return tuple(attrs.make_class(f"{prefix}{at}", next(fields), frozen=True, slots=True) for at in range(count))


INPUTS = _data("In", 4)
PRODUCTS = _data("Out", 32)


def value(data: type, number: int) -> object:
    """Return the value of `data` that stands for a small number; equal numbers give equal values."""
    kind = attrs.fields(data).value.type
    return data(dict(KINDS)[kind](number))


# --- what the builders of a random workflow do ---------------------------------------------------------------------


@attrs.frozen
class Shape:
    """All that there is to know of one random builder."""

    name: str
    consumes: Tuple[type, ...]
    optionals: Tuple[type, ...]
    produces: Tuple[type, ...]
    maybe: bool = False
    salt: int = 0
    """Which of many pure functions it is."""
    accesses: Tuple[type, ...] = ()
    defaults: Mapping[type, object] = attrs.field(factory=dict)
    """What stands in for an absent optional whose parameter has a default other than None."""
    keywords_only: bool = False
    is_async: bool = False

    def taken(self, present: Values) -> Mapping[type, Optional[object]]:
        """Return what the function gets for its consumes and optionals when these data are present."""
        return {data: present.get(data, self.defaults.get(data)) for data in (*self.consumes, *self.optionals)}

    def digest(self, taken: Mapping[type, Optional[object]]) -> bytes:
        told = sorted((data.__name__, repr(taken[data])) for data in taken)
        return hashlib.blake2b(repr((self.name, self.salt, told)).encode()).digest()

    def outcome(self, taken: Mapping[type, Optional[object]]) -> Optional[object]:
        """Return what it makes: a pure function of what it takes, with few values, so that equal ones are common."""
        digest = self.digest(taken)
        if self.maybe and digest[0] % 3 == 0:
            return None
        return value(self.produces[digest[1] % len(self.produces)], digest[2] % 3)

    @property
    def naive(self) -> NaiveBuilder:
        def make(present: Values) -> Optional[object]:
            return self.outcome(self.taken(present))

        return NaiveBuilder(self.name, self.consumes, self.optionals, self.produces, make)

    @property
    def source(self) -> str:
        """The text of the real function."""
        plain = [f"{_parameter(data)}: {data.__name__}" for data in self.consumes]
        bare = [data for data in self.optionals if data not in self.defaults]
        plain += [f"{_parameter(data)}: Optional[{data.__name__}]" for data in bare]
        plain += [f"seen_{_parameter(data)}: Access[{data.__name__}]" for data in self.accesses]
        late = [f"{_parameter(data)}: {data.__name__} = default_{_parameter(data)}" for data in self.defaults]
        star = ["*"] if self.keywords_only else []
        returns = ", ".join([data.__name__ for data in self.produces] + ["None"] * self.maybe)
        taken = ", ".join(f"{data.__name__}: {_parameter(data)}" for data in (*self.consumes, *self.optionals))
        seen = ", ".join(f"{data.__name__}: seen_{_parameter(data)}" for data in self.accesses)
        signature = ", ".join([*star, *plain, "context: Context", *late])
        word, waits = ("async def", "    await pause()\n") if self.is_async else ("def", "")
        body = f"{waits}    return act({{{taken}}}, {{{seen}}}, context)\n"
        return f"{word} {self.name}({signature}) -> Union[{returns}]:\n{body}"


def _parameter(data: type) -> str:
    return data.__name__.lower()


class Unlucky(Exception):
    """What a builder raises that has been told to fail."""


@attrs.frozen
class Call:
    """One call of a builder, with the ticks of a common clock at which it began and ended."""

    builder: str
    taken: Mapping[type, Optional[object]]
    key: str
    began: int
    ended: int
    at_once: int
    """How many builders were running when it began, itself included."""
    thread: int
    failed: bool


@attrs.define
class Watch:
    """Sees every call of the builders of one workflow; safe to share between threads."""

    naps: bool = False
    """Whether builders sleep for 0 to 2 ms, to shake the schedule."""
    tries: Dict[str, int] = attrs.field(factory=dict)
    """How many more times a builder fails before it works."""
    late: Dict[str, int] = attrs.field(factory=dict)
    """How many more times a builder goes on until it is let go, and returns what it must not."""
    go: threading.Event = attrs.field(factory=threading.Event)
    waits: Dict[str, int] = attrs.field(factory=dict)
    """How many more times a builder asks to be called again a minute later."""
    clock: Clock = attrs.field(factory=SystemClock)
    _calls: List[Call] = attrs.field(factory=list)
    _tick: int = 0
    _running: int = 0
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def harvest(self) -> Tuple[Call, ...]:
        """Return the calls that ended since the last harvest."""
        with self._lock:
            calls = tuple(self._calls)
            self._calls.clear()
        return calls

    def _spends(self, counts: Dict[str, int], shape: Shape) -> bool:
        left = counts.get(shape.name, 0)
        counts[shape.name] = max(0, left - 1)
        return left > 0

    def act(
        self,
        shape: Shape,
        taken: Mapping[type, Optional[object]],
        seen: Mapping[type, Optional[object]],
        context: Context,
    ) -> Optional[object]:
        """Do what the builder does, and note it."""
        for data in seen:
            assert seen[data] is None or type(seen[data]) is data
        with self._lock:
            self._running += 1
            self._tick += 1
            began, at_once = self._tick, self._running
            failed = self._spends(self.tries, shape)
            asks = not failed and self._spends(self.waits, shape)
            late = self._spends(self.late, shape)
        if self.naps:
            time.sleep(shape.digest(taken)[3] % 3 / 1000)
        if late:
            assert self.go.wait(60)
            return value(shape.produces[0], 7)
        with self._lock:
            self._running -= 1
            self._tick += 1
            thread = threading.get_ident()
            self._calls.append(
                Call(shape.name, taken, context.idempotency_key, began, self._tick, at_once, thread, failed)
            )
        if failed:
            raise Unlucky(shape.name)
        if asks:
            raise RetryAt(self.clock.now() + timedelta(minutes=1))
        return shape.outcome(taken)


# --- workflows -------------------------------------------------------------------------------------------------------


@attrs.frozen(repr=False)
class RandomWorkflow:
    """A workflow as builders' shapes; `real` makes the real one, `naive` the one of the model."""

    inputs: Tuple[type, ...]
    target: Tuple[type, ...]
    shapes: Tuple[Shape, ...]

    def __repr__(self) -> str:
        ends = f"inputs={_names(self.inputs)}, target={_names(self.target)}"
        return "\n".join([ends, *(f"{shape.source.splitlines()[0]}  # salt {shape.salt}" for shape in self.shapes)])

    @property
    def naive(self) -> NaiveWorkflow:
        return NaiveWorkflow(self.target, self.inputs, tuple(shape.naive for shape in self.shapes))

    @property
    def data(self) -> Tuple[type, ...]:
        """All data of the workflow."""
        return tuple(dict.fromkeys((*self.inputs, *(data for shape in self.shapes for data in shape.produces))))

    def real(
        self,
        watch: Watch,
        *,
        transient: Sequence[type] = (),
        limits_s: Mapping[str, float] = MappingProxyType({}),
        retries: Mapping[str, Retry] = MappingProxyType({}),
    ) -> Workflow[object, object]:
        """Return the real workflow, of builders that are watched, with the options that some of them have, by name."""
        make = cast(Callable[..., Workflow[object, object]], workflow)
        builders = [
            builder(real_builder(shape, watch), timeout_s=limits_s.get(shape.name), retry=retries.get(shape.name))
            for shape in self.shapes
        ]
        more = {"transient": Union[tuple(transient)]} if transient else {}
        return make(target=Union[self.target], inputs=Union[self.inputs], builders=builders, **more)


def _names(data: Iterable[type]) -> str:
    return "|".join(one.__name__ for one in data)


def real_builder(shape: Shape, watch: Watch) -> Builder[..., object]:
    """Return a builder of a function that was written for it, with a real signature and real annotations."""
    namespace: Dict[str, object] = {data.__name__: data for data in (*INPUTS, *PRODUCTS)}
    namespace.update({f"default_{_parameter(data)}": shape.defaults[data] for data in shape.defaults})
    namespace.update(Access=Access, Context=Context, Optional=Optional, Union=Union, __name__="random_workflow")
    namespace.update(act=functools.partial(watch.act, shape), pause=functools.partial(asyncio.sleep, 0))
    code = compile(shape.source, f"<{shape.name}>", "exec", dont_inherit=True)
    exec(code, namespace)  # noqa: S102 -- the text was written just above
    return cast("Builder[..., object]", builder(cast(Callable[..., object], namespace[shape.name])))


# --- how they come about ---------------------------------------------------------------------------------------------

Plan = Literal["one", "branch", "join", "again"]
PLANS: Tuple[Plan, ...] = ("one", "branch", "join", "again")
MOST_BRANCHES = 3


@attrs.define
class Draft:
    """A workflow under way: whatever is added, it stays one that the analyzer has nothing to say about."""

    draw: st.DrawFn
    inputs: Tuple[type, ...]
    salt: int
    shapes: List[Shape] = attrs.field(factory=list)

    @property
    def pool(self) -> Tuple[type, ...]:
        """All data there are, the youngest first."""
        made = dict.fromkeys(data for shape in self.shapes for data in shape.produces)
        return (*reversed(list(made)), *self.inputs)

    @property
    def may_branch(self) -> bool:
        return sum(len(shape.produces) > 1 for shape in self.shapes) < MOST_BRANCHES

    def fresh(self) -> type:
        return PRODUCTS[len(self.pool) - len(self.inputs)]

    def some(self, pool: Sequence[type], *, least: int = 0, most: int) -> Tuple[type, ...]:
        if not pool:
            return ()
        return tuple(self.draw(st.lists(st.sampled_from(pool), unique=True, min_size=least, max_size=most)))

    def shape(self, consumes: Tuple[type, ...], produces: Tuple[type, ...]) -> Shape:
        rest = [data for data in self.pool if data not in consumes and data not in produces]
        optionals = self.some(rest, most=2) if self.draw(st.booleans()) else ()
        return Shape(
            name=f"b{len(self.shapes)}",
            consumes=consumes,
            optionals=optionals,
            produces=produces,
            maybe=self.draw(st.integers(0, 3)) == 3,
            salt=self.salt,
            defaults={data: value(data, 9) for data in optionals if self.draw(st.booleans())},
            keywords_only=self.draw(st.booleans()),
        )

    def add(self, shape: Shape) -> bool:
        """Add a builder, unless that would make the workflow wrong."""
        shapes = [*self.shapes, shape]
        if not is_sound(self.inputs, shapes):
            return False
        self.shapes = shapes
        return True

    def grow(self) -> None:
        """Add a builder, or two."""
        plan = self.draw(st.sampled_from(PLANS))
        if plan == "join" and self.join():
            return
        if plan == "again" and self.again():
            return
        count = self.draw(st.integers(2, 3)) if plan == "branch" and self.may_branch else 1
        at = PRODUCTS.index(self.fresh())
        consumes = self.some(self.pool, least=0 if self.shapes else 1, most=3)
        if not self.add(self.shape(consumes, PRODUCTS[at : at + count])):
            self.add(self.shape(consumes[:1], PRODUCTS[at : at + count]))

    def join(self) -> bool:
        """Add two builders that make the same data from two that are never there together."""
        pairs = list(self.exclusive_pairs())
        if not pairs:
            return False
        product = self.fresh()
        for way in self.draw(st.sampled_from(pairs)):
            assert self.add(self.shape((way, *self.some(self.inputs, most=1)), (product,)))
        return True

    def again(self) -> bool:
        """Add a builder that makes what another makes already, if it is never there in time."""
        made = self.pool[: -len(self.inputs)]
        consumes, again = self.some(self.pool, least=1, most=2), self.some(made, most=1)
        branch = self.may_branch and self.draw(st.booleans())
        produces = (self.fresh(), *again) if branch else again
        return bool(again) and self.add(self.shape(consumes, produces))

    def exclusive_pairs(self) -> Iterator[Tuple[type, type]]:
        together: Set[FrozenSet[type]] = set()
        for world in self.worlds():
            together.update(frozenset(pair) for pair in itertools.combinations(world.available, 2))
        for pair in itertools.combinations(self.pool, 2):
            if frozenset(pair) not in together:
                yield pair

    def worlds(self) -> Iterator[World]:
        return worlds(NaiveWorkflow((), self.inputs, tuple(shape.naive for shape in self.shapes)))

    def target(self) -> Tuple[type, ...]:
        """Return a target that is there in every world: one data, or as many alternatives as that takes."""
        made = self.pool[: -len(self.inputs)]
        chosen = [self.draw(st.sampled_from(made))]
        for world in self.worlds():
            if not world.available.intersection(chosen):
                chosen.append(next(data for data in made if data in world.available))
        return tuple(chosen)


def is_sound(inputs: Tuple[type, ...], shapes: Sequence[Shape]) -> bool:
    """Tell whether every builder runs in some world, no two make the same data in one, and none wait for each other."""
    if any(data in shape.produces for shape in shapes for data in (*shape.consumes, *shape.optionals)):
        return False
    builders = tuple(shape.naive for shape in shapes)
    if not _have_order(builders):
        return False
    running: Set[str] = set()
    for world in worlds(NaiveWorkflow((), inputs, builders)):
        products = [world.choice[spec.name] for spec in world.running]
        if len(products) > len(set(products)):
            return False
        running.update(spec.name for spec in world.running)
    return len(running) == len(shapes)


def _have_order(builders: Sequence[NaiveBuilder]) -> bool:
    waiting = list(builders)
    while waiting:
        ready = [spec for spec in waiting if not any(feeds(other, spec) for other in waiting)]
        if not ready:
            return False
        waiting = [spec for spec in waiting if spec not in ready]
    return True


@st.composite
def random_workflows(draw: st.DrawFn, *, most: int = 7) -> RandomWorkflow:
    """Draw a valid workflow, of up to `most` growths: branches, joins, optionals, accesses, a union as its target."""
    draft = Draft(draw, INPUTS[: draw(st.integers(1, len(INPUTS)))], draw(st.integers(0, 255)))
    for _ in range(draw(st.integers(1, most))):
        draft.grow()
    pool = draft.pool
    shapes = []
    for shape in draft.shapes:
        seen = draft.some(pool, most=2) if draw(st.integers(0, 3)) == 3 else ()
        others = tuple(data for data in seen if data not in shape.consumes and data not in shape.optionals)
        shapes.append(attrs.evolve(shape, accesses=others))
    taken = {data for shape in shapes for data in (*shape.consumes, *shape.optionals, *shape.accesses)}
    inputs = tuple(data for data in draft.inputs if data in taken)
    return RandomWorkflow(inputs, draft.target(), tuple(draw(st.permutations(shapes))))


# --- what is done with them ------------------------------------------------------------------------------------------


@attrs.frozen
class Move:
    """One call of an executor."""

    kind: Literal["run", "feed"]
    data: Tuple[object, ...]
    anew: bool
    """Whether the executor is thrown away before it."""
    max_workers: int
    """Of the new executor."""


@attrs.frozen
class Story:
    """A workflow and what is done with one run of it."""

    flow: RandomWorkflow
    moves: Tuple[Move, ...]


def moves(flow: RandomWorkflow, *, workers: Sequence[int] = (1, 2, 4)) -> st.SearchStrategy[Move]:
    """Draw a call that feeds any of the inputs, or none."""
    numbers = st.dictionaries(st.sampled_from(flow.inputs), st.integers(0, 2), max_size=len(flow.inputs))
    data = numbers.map(lambda drawn: tuple(value(one, drawn[one]) for one in drawn))
    kinds: Tuple[Literal["run", "feed"], ...] = ("run", "run", "feed")
    return st.builds(Move, st.sampled_from(kinds), data, st.booleans(), st.sampled_from(workers))


@st.composite
def stories(draw: st.DrawFn, *, most: int = 8, workers: Sequence[int] = (1, 2, 4)) -> Story:
    """Draw a workflow and up to `most` calls on one run of it."""
    flow = draw(random_workflows())
    return Story(flow, tuple(draw(st.lists(moves(flow, workers=workers), min_size=1, max_size=most))))
