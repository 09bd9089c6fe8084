"""Runs in memory: straight code does what the careful way does, and shows itself in tracebacks."""

from __future__ import annotations

import functools
import itertools
import threading
import traceback
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union, cast

import attrs
import pytest
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st
from typing_extensions import Literal

from polaris_dsl import Access, Builder, BuilderError, Context, Executor, Run, Status, Workflow, builder, workflow
from polaris_dsl._express import Express
from polaris_dsl._one_shot import Nowhere, OneShot
from polaris_dsl._straight import PAYS_AT, straight
from tests.random_workflows import INPUTS, PRODUCTS, RandomWorkflow, Shape, moves, random_workflows
from tests.test_confluence import examples

Manner = Literal["works", "fails", "odd", "later"]


# --- random workflows, of builders that straight code can call -------------------------------------------------------


@attrs.frozen
class Case:
    """A workflow whose builders behave as told, and what one run of it is fed."""

    flow: RandomWorkflow
    manners: Mapping[str, Manner]
    data: Tuple[object, ...]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    flow = draw(random_workflows())
    shapes = tuple(attrs.evolve(shape, accesses=()) for shape in flow.shapes)
    taken = {data for shape in shapes for data in (*shape.consumes, *shape.optionals)}
    plain = attrs.evolve(flow, shapes=shapes, inputs=tuple(data for data in flow.inputs if data in taken))
    assume(plain.inputs)
    manners: st.SearchStrategy[Manner] = st.sampled_from(("works", "works", "works", "works", "fails", "odd", "later"))
    drawn = {shape.name: draw(manners) for shape in plain.shapes}
    return Case(plain, drawn, draw(moves(plain)).data)


class Unlucky(Exception):
    """What a builder raises that has been told to fail."""


async def later(made: object) -> object:
    return made


class Watched:
    """The real workflow of a case, with a note of every call."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.calls: List[str] = []
        flow = case.flow
        make = cast("Callable[..., Workflow[object, object]]", workflow)
        builders = [self._builder(shape) for shape in flow.shapes]
        self.flow = make(target=Union[flow.target], inputs=Union[flow.inputs], builders=builders)
        self.plan = self.flow._plan

    def _builder(self, shape: Shape) -> Builder[..., object]:
        namespace: Dict[str, object] = {data.__name__: data for data in (*INPUTS, *PRODUCTS)}
        namespace.update({f"default_{data.__name__.lower()}": shape.defaults[data] for data in shape.defaults})
        namespace.update(Optional=Optional, Union=Union, __name__="plain_workflow", None_=None)
        namespace["act"] = functools.partial(self._act, shape)
        text = shape.source.replace("context: Context, ", "").replace(", context: Context", "")
        text = text.replace("context: Context", "").replace("(*)", "()").replace(", {}, context", "")
        code = compile(text, f"<{shape.name}>", "exec", dont_inherit=True)
        exec(code, namespace)  # noqa: S102 -- the text was written just above
        return builder(cast("Callable[..., object]", namespace[shape.name]))

    def _act(self, shape: Shape, taken: Mapping[type, Optional[object]]) -> object:
        self.calls.append(shape.name)
        manner = self.case.manners[shape.name]
        if manner == "fails":
            raise Unlucky(shape.name)
        if manner == "odd":
            return object()
        made = shape.outcome(taken)
        return later(made) if manner == "later" else made


def told(run: Run[object]) -> object:
    return run.status, run.target, {data: run[data] for data in run}, dict(run.built), run.missing, run.silent


def outcome(watched: Watched, *, compiled: bool) -> Tuple[object, ...]:
    """Return all that a user can see of one run, and the calls that it made."""
    shot = OneShot(watched.plan)
    if compiled:
        shot._compiled.code = straight(watched.plan)
    try:
        run: object = shot.run(watched.case.data)
        failures = []
    except BuilderError as error:
        run = error.run
        failures = [(one.builder, type(one), type(one.__cause__), one.place) for one in error.failures]
    return told(cast("Run[object]", run)), failures, sorted(watched.calls)


@given(case=cases())
@examples(200)
def test_straight_code_shows_and_calls_what_the_careful_way_does(case):
    assert outcome(Watched(case), compiled=True) == outcome(Watched(case), compiled=False)


def goes_straight(case: Case) -> bool:
    shot = OneShot(Watched(case).plan)
    return straight(shot._plan) is not None and shot._compiled._needed <= {
        shot._plan.slots[type(one)] for one in case.data
    }


FEATURES: Mapping[str, Callable[[Case], bool]] = {
    "a branch": lambda case: any(len(shape.produces) > 1 for shape in case.flow.shapes),
    "nothing yet": lambda case: any(shape.maybe for shape in case.flow.shapes),
    "a default that stands in": lambda case: any(
        data in case.flow.inputs and data not in map(type, case.data)
        for shape in case.flow.shapes
        for data in shape.defaults
    ),
    "a failure behind a success": lambda case: [*case.manners.values()][:2] == ["works", "fails"],
    "something odd": lambda case: "odd" in case.manners.values(),
    "a coroutine": lambda case: "later" in case.manners.values(),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_random_cases_that_go_straight_show_every_feature(feature):
    once = settings(examples(1), max_examples=10_000, phases=[Phase.generate])
    find(cases(), lambda case: goes_straight(case) and FEATURES[feature](case), settings=once)


# --- by hand ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Order:
    cents: int


@attrs.frozen
class Charged:
    cents: int


@attrs.frozen
class Shipped:
    cents: int


@builder
def charge(order: Order) -> Charged:
    if order.cents < 0:
        raise ValueError("nothing to charge")
    return Charged(order.cents)


@builder
def ship(charged: Charged) -> Shipped:
    return Shipped(charged.cents)


def data_named(name: str) -> type:
    return attrs.make_class(name, {"cents": attrs.field(type=int)})


def warm(flow: Workflow[Any, Any], data: object) -> None:
    for _ in range(PAYS_AT):
        flow.run(data)
    assert flow._one_shot._compiled.code is not None


def test_a_workflow_is_compiled_once_it_is_run_often() -> None:
    flow = workflow(target=Shipped, inputs=Order, builders=[ship, charge])
    flow.run(Order(1))
    assert flow._one_shot._compiled.code is None
    warm(flow, Order(1))
    assert flow.run(Order(2)).result() == Shipped(2)
    assert flow.run().missing == (Order,)


def test_a_traceback_shows_its_own_lines_though_another_workflow_has_the_same_name_and_graph() -> None:
    def fail(order: Order, charged: Charged) -> Shipped:
        raise ValueError("no")

    def fail_with_words(*, order: Order, charged: Charged) -> Shipped:
        raise ValueError("no")

    errors = []
    for function in (fail, fail_with_words):
        builders = [builder(name="fail")(function)]
        flow = workflow(target=Shipped, inputs=Union[Order, Charged], builders=builders, name="alike")
        for _ in range(PAYS_AT + 1):
            with pytest.raises(BuilderError) as caught:
                flow.run(Order(1), Charged(1))
            errors.append(caught.value.__cause__)
    plans = [traceback.format_exception(type(each), each, each.__traceback__) for each in errors if each is not None]
    assert "shipped = fail(order, charged)" in "".join(plans[PAYS_AT])
    assert "shipped = fail(order=order, charged=charged)" in "".join(plans[-1])


def in_library(error: BaseException) -> List[Tuple[str, str]]:
    """Return the places in this library that a traceback shows."""
    frames = traceback.extract_tb(error.__traceback__)
    return [(frame.filename, frame.name) for frame in frames if not frame.filename.endswith("test_one_shot.py")]


def test_a_traceback_through_straight_code_shows_its_lines_as_any_code() -> None:
    flow = workflow(target=Shipped, inputs=Order, builders=[ship, charge])
    warm(flow, Order(1))
    with pytest.raises(BuilderError) as caught:
        flow.run(Order(-1))
    cause = caught.value.__cause__
    assert cause is not None
    shown = "".join(traceback.format_exception(type(cause), cause, cause.__traceback__))
    assert shown.count("charged = charge(order)") == shown.count("<polaris plan of Shipped") == 1
    assert [name for _, name in in_library(cause)] == ["run", "run"]
    assert caught.value.place.endswith(f"test_one_shot.py:{charge.function.__code__.co_firstlineno + 3}")


def run_at_once(way: type, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Act once in another thread, between an exception's being raised in this one and its being looked at."""
    look, once = cast("Any", way)._known_at, [act]

    def late(*arguments: object, **options: object) -> object:
        if once:
            other = threading.Thread(target=once.pop())
            other.start()
            other.join(20)
        return look(*arguments, **options)

    monkeypatch.setattr(way, "_known_at", late)


def seen(run: Callable[[], object]) -> Tuple[object, ...]:
    with pytest.raises(BuilderError) as caught:
        run()
    so_far = cast("Run[object]", caught.value.run)
    return caught.value.builder, so_far.get(Order), so_far.get(Charged)


@pytest.mark.parametrize("way", [OneShot, Express])
def test_one_exception_that_is_raised_in_two_threads_at_once_mixes_no_runs_up(
    way: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_found, called = KeyError("not found"), cast("List[str]", [])

    @builder
    def charge_even(order: Order) -> Charged:
        called.append("charge_even")
        if order.cents % 2:
            raise not_found
        return Charged(order.cents)

    @builder
    def never_ship(charged: Charged) -> Shipped:
        called.append("never_ship")
        raise not_found

    flow = workflow(target=Shipped, inputs=Order, builders=[charge_even, never_ship])
    executor, numbers, others = Executor(flow), itertools.count(), cast("List[object]", [])

    def run(cents: int) -> object:
        return flow.run(Order(cents)) if way is OneShot else executor.run(f"r{next(numbers)}", Order(cents))

    for _ in range(PAYS_AT):
        seen(lambda: run(1))
    called.clear()
    run_at_once(way, lambda: others.append(seen(lambda: run(2))), monkeypatch)
    assert seen(lambda: run(1)) == ("charge_even", Order(1), None)
    assert others == [("never_ship", Order(2), Charged(2))]
    assert called == ["charge_even", "charge_even", "never_ship"]


@pytest.mark.parametrize("way", [OneShot, Express])
def test_straight_code_for_which_there_is_no_room_on_the_stack_has_called_nothing(way: type) -> None:
    flow = workflow(target=Shipped, inputs=Order, builders=[charge, ship])
    executor = Executor(flow)

    def full(*arguments: object) -> Tuple[object, ...]:
        raise RecursionError

    for number in range(PAYS_AT):
        flow.run(Order(1))
        executor.run(f"warm-{number}", Order(1))
    compiled = flow._one_shot._compiled
    if way is Express:
        assert executor._turns.express is not None
        compiled = executor._turns.express._compiled
    assert compiled.code is not None
    compiled.code = attrs.evolve(compiled.code, run=full)
    run = flow.run(Order(2)) if way is OneShot else executor.run("r", Order(2))
    assert run.target == Shipped(2)


def test_straight_code_that_does_not_reach_the_target_leaves_a_run_that_waits() -> None:
    called: List[str] = []

    @builder
    def charge_or_not(order: Order) -> Optional[Charged]:
        called.append("charge_or_not")
        return None if order.cents > 1 else Charged(order.cents)

    flow = workflow(target=Shipped, inputs=Order, builders=[charge_or_not, ship])
    warm(flow, Order(1))
    called.clear()
    run = flow.run(Order(2))
    assert (run.status, run.silent, called) == (Status.PAUSED, ("charge_or_not",), ["charge_or_not"])


def test_what_follows_what_was_left_out_is_left_out_too() -> None:
    called: List[object] = []
    packed = data_named("Packed")

    @builder
    def charge_or_not(order: Order) -> Optional[Charged]:
        return None if order.cents > 1 else Charged(order.cents)

    def pack(charged: Charged) -> Any:
        return packed(charged.cents)

    def ship_packed(packed: Any) -> Shipped:
        called.append(packed)
        return Shipped(1)

    pack.__annotations__["return"] = ship_packed.__annotations__["packed"] = packed
    flow = workflow(target=Shipped, inputs=Order, builders=[charge_or_not, builder(pack), builder(ship_packed)])
    warm(flow, Order(1))
    called.clear()
    assert flow.run(Order(2)).silent == ("charge_or_not",)
    assert called == []


def test_a_default_stands_in_for_an_input_that_is_absent() -> None:
    @builder
    def ship_with(charged: Charged, order: Order = Order(7)) -> Shipped:
        return Shipped(charged.cents + order.cents)

    flow = workflow(target=Shipped, inputs=Union[Order, Charged], builders=[ship_with])
    warm(flow, Charged(1))
    assert flow.run(Charged(1)).result() == Shipped(8)
    assert flow.run(Charged(1), Order(1)).result() == Shipped(2)


def test_names_that_python_has_for_itself_are_written_otherwise() -> None:
    named = {
        name: attrs.make_class(name, {"cents": attrs.field(type=int)}) for name in ("Class", "Type", "Run", "Made")
    }

    def give(kind: type, taken: type, name: str) -> Any:
        def function(one: Any) -> Any:
            return kind(one.cents)

        function.__annotations__ = {"one": taken, "return": kind}
        return builder(name=name)(function)

    chain = [Order, *named.values()]
    builders = [
        give(made, taken, name) for taken, made, name in zip(chain, chain[1:], ["class", "Odd", "no name", "7"])
    ]
    flow: Workflow[Any, Any] = workflow(target=cast(Any, named["Made"]), inputs=Order, builders=builders)
    warm(flow, Order(3))
    assert flow.run(Order(3)).result().cents == 3


def test_names_of_any_characters_call_the_builders_that_have_them() -> None:
    names = ["find", "ﬁnd", "co₂", "µs", "a b", "für", "__debug__", "Ⅷ", "ⅷ", "2", "_2"]
    chain = [
        Order,
        *map(data_named, ["Find", "ﬁnd", "µs", "__debug__", "Ⅷ", "ⅷ", "Co₂", "Zoë", "Straße", "STRASSE", "ß"]),
    ]
    called: List[str] = []

    def give(kind: type, taken: type, name: str) -> Any:
        def function(one: Any) -> Any:
            called.append(name)
            return kind(one.cents)

        function.__annotations__ = {"one": taken, "return": kind}
        return builder(name=name)(function)

    builders = [give(made, taken, name) for taken, made, name in zip(chain, chain[1:], names)]
    flow: Workflow[Any, Any] = workflow(target=cast(Any, chain[-1]), inputs=Order, builders=builders, name="names")
    executor = Executor(flow)
    warm(flow, Order(3))
    for number in range(PAYS_AT):
        executor.run(f"warm-{number}", Order(3))
    for run in (flow.run, functools.partial(executor.run, "r")):
        called.clear()
        assert run(Order(3)).result().cents == 3
        assert called == names


def test_what_straight_code_cannot_do_takes_the_careful_way() -> None:
    @builder
    def with_context(order: Order, context: Context) -> Charged:
        return Charged(len(context.idempotency_key))

    @builder
    def with_access(charged: Charged, last: Access[Shipped]) -> Shipped:
        return Shipped(charged.cents)

    @builder
    def also_fed(order: Order) -> Charged:
        return Charged(order.cents + 1)

    flows: List[Workflow[Any, Any]] = [
        workflow(target=Shipped, inputs=Order, builders=[with_context, ship]),
        workflow(target=Shipped, inputs=Order, builders=[charge, with_access]),
        workflow(target=Shipped, inputs=Union[Order, Charged], builders=[also_fed, ship]),
    ]
    for flow in flows:
        for _ in range(PAYS_AT + 1):
            assert flow.run(Order(31)).result() == Shipped(32 if flow is not flows[1] else 31)
        assert flow._one_shot._compiled.code is None


def test_a_chain_of_ten_thousand_builders_runs_before_and_after_it_is_compiled() -> None:
    classes = [type(f"Data{number}", (), {}) for number in range(10_001)]

    def give(number: int) -> Any:
        def function(one: Any) -> Any:
            return classes[number + 1]()

        function.__annotations__ = {"one": classes[number], "return": classes[number + 1]}
        return builder(name=f"make_{number}")(function)

    flow: Workflow[Any, Any] = workflow(
        target=cast(Any, classes[-1]), inputs=classes[0], builders=[give(number) for number in range(10_000)]
    )
    assert flow.run(classes[0]()).status is Status.COMPLETE
    flow._one_shot._compiled.code = straight(flow._plan)
    assert flow.run(classes[0]()).status is Status.COMPLETE


def test_a_run_in_memory_has_no_journal_to_which_others_write() -> None:
    assert (Nowhere().put(3, ()), Nowhere().after(3)) == ((), ())
