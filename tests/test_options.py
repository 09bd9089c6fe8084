"""What a builder and a workflow may say of a call: how long, how often, at most once; what lives within it; loops."""

from __future__ import annotations

import math
import sys
from typing import Any, Callable, NamedTuple, Optional, Tuple, Union

import attrs
import pytest

from polaris_dsl import Builder, DefinitionError, Retry, RetryAt, Workflow, WorkflowError, builder, workflow
from polaris_dsl._analyze import analyze
from polaris_dsl._options import NO_OPTIONS, Options
from polaris_dsl._plan import Call
from polaris_dsl._straight import straight
from tests.test_oracle_itself import PAY, sketch, with_terms


class Cart(NamedTuple):
    cents: int


class Shipping(NamedTuple):
    cents: int


class Total(NamedTuple):
    cents: int


class Receipt(NamedTuple):
    cents: int


TWICE = Retry(attempts=2)


@builder
def add_up(cart: Cart, shipping: Shipping) -> Total:
    return Total(cart.cents + shipping.cents)


@builder(timeout_s=3, retry=TWICE, at_most_once=True)
def ship(total: Total) -> Shipping:
    return Shipping(total.cents // 10)


@builder
def write(total: Total) -> Receipt:
    return Receipt(total.cents)


class Desk:
    @builder(name="desk", timeout_s=0.5, retry=TWICE, at_most_once=True)
    def write(self, total: Total) -> Receipt:
        return Receipt(total.cents)

    @builder(retry=TWICE)
    async def send(self, total: Total) -> Receipt:
        return Receipt(total.cents)


class Later:
    async def __call__(self, total: Total) -> Receipt:
        return Receipt(total.cents)


def said(one: Builder[..., object]) -> Tuple[object, ...]:
    return one.timeout_s, one.retry, one.at_most_once


# --- builders --------------------------------------------------------------------------------------------------------


def test_a_builder_of_which_nothing_is_said_has_no_options() -> None:
    assert said(write) == (None, None, False)


def test_a_builder_knows_what_was_said_of_it_however_that_was_written() -> None:
    by_hand = builder(write.function, timeout_s=3, retry=TWICE, at_most_once=True)
    assert said(by_hand) == said(ship) == (3.0, TWICE, True)
    assert type(ship.timeout_s) is float


def test_a_bound_builder_keeps_what_was_said() -> None:
    assert said(Desk().write) == (0.5, TWICE, True)
    assert Desk().write.name == "desk"


def test_a_builder_that_is_decorated_again_keeps_what_is_not_said_anew() -> None:
    assert said(builder(ship)) == (3.0, TWICE, True)
    assert said(builder(ship, timeout_s=1)) == (1.0, TWICE, True)
    assert said(builder(write, at_most_once=True)) == (None, None, True)
    other = Retry(attempts=9)
    assert said(builder(retry=other)(ship)) == (3.0, other, True)
    assert builder(Desk.write, timeout_s=2).name == "desk"


def test_options_are_no_part_of_what_makes_two_builders_equal() -> None:
    assert builder(ship, timeout_s=1) == ship
    assert len({builder(ship, timeout_s=1), ship}) == 1


NO_TIMES = [0, -1, math.inf, math.nan, True, "3", 10**400, 1j]


@pytest.mark.parametrize("value", NO_TIMES, ids=lambda value: repr(value)[:9])
def test_what_is_no_time_is_refused(value: Any) -> None:
    message = r"\(timeout_s=\.\.\.\) takes seconds, more than 0 and finite, not .*; leave it out for none"
    with pytest.raises(DefinitionError, match="@builder" + message):
        builder(write.function, timeout_s=value)
    with pytest.raises(DefinitionError, match="workflow" + message):
        workflow(target=Receipt, inputs=Total, builders=[write], timeout_s=value)


@pytest.mark.parametrize("value", [3, True, Retry])
def test_what_is_no_retry_is_refused(value: Any) -> None:
    with pytest.raises(
        DefinitionError, match=r"@builder\(retry=\.\.\.\) takes a Retry, such as Retry\(attempts=3\), not"
    ):
        builder(write.function, retry=value)


@pytest.mark.parametrize("value", [1, None, "yes"])
def test_what_is_neither_true_nor_false_is_refused(value: Any) -> None:
    with pytest.raises(DefinitionError, match=r"@builder\(at_most_once=\.\.\.\) takes True or False, not"):
        builder(write.function, at_most_once=value)


def test_a_retry_has_values_that_suit_most() -> None:
    assert attrs.astuple(Retry()) == (3, (Exception,), 0.1, 2.0, 30.0, 0.5)


def test_one_exception_stands_for_a_tuple_of_it() -> None:
    assert Retry(on=OSError) == Retry(on=(OSError,))


@pytest.mark.parametrize(
    ("field", "value", "takes"),
    [
        *(("attempts", value, "a whole number of 2 or more, for it counts the first") for value in (1, 0, 2.5, True)),
        *(("on", value, "a class of exceptions or a tuple of them") for value in ((), KeyboardInterrupt, int, "x")),
        *(("first_wait_s", value, "seconds, 0 or more") for value in (-1, math.inf, math.nan, "1", True)),
        *(("factor", value, "a number of 1 or more") for value in (0.9, math.inf, None)),
        *(("max_wait_s", value, "seconds, 0 or more") for value in (-0.1, math.inf)),
        *(("jitter", value, "a share from 0 to 1") for value in (-0.1, 1.1, math.nan)),
    ],
)
def test_a_retry_refuses_what_makes_no_sense(field: str, value: Any, takes: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        Retry(**{field: value})
    assert str(caught.value).startswith(f"Retry({field}=...) takes {takes}, not ")


@pytest.mark.parametrize("value", [[OSError], "OSError", int, (), (OSError, int)])
def test_a_retry_quotes_what_was_written(value: Any) -> None:
    with pytest.raises(DefinitionError) as caught:
        Retry(on=value)
    assert str(caught.value) == f"Retry(on=...) takes a class of exceptions or a tuple of them, not {value!r}"


class AtNight(RetryAt):
    """A user's own."""


@pytest.mark.parametrize(("value", "told"), [(RetryAt, "RetryAt"), ((OSError, RetryAt, AtNight), "RetryAt, AtNight")])
def test_a_retry_has_no_say_in_what_waits_for_a_time(value: Any, told: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        Retry(on=value)
    assert str(caught.value) == (
        f"Retry(on=...) has no say in {told}: a builder that raises it is called again at its time, "
        "not within the same call; leave it out"
    )


def test_a_retry_takes_what_is_at_the_edge() -> None:
    edge = Retry(attempts=2, first_wait_s=0, factor=1, max_wait_s=sys.float_info.max, jitter=1)
    assert edge.jitter == 1


# --- what an executor is told ----------------------------------------------------------------------------------------


def call_of(one: Any) -> Call:
    return workflow(target=Receipt, inputs=Total, builders=[one])._plan.calls[0]


def test_a_call_of_which_nothing_is_said_has_the_one_object_that_says_so() -> None:
    assert call_of(write).options is NO_OPTIONS


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda: Desk().write, Options(0.5, TWICE, at_most_once=True)),
        (lambda: Desk().send, Options(retry=TWICE, is_async=True)),
        (lambda: builder(Later()), Options(is_async=True)),
        (lambda: builder(write, timeout_s=2), Options(timeout_s=2.0)),
    ],
)
def test_a_call_carries_what_its_builder_says(make: Callable[[], Any], options: Options) -> None:
    assert call_of(make()).options == options


def test_straight_code_is_written_only_where_no_call_has_options_and_nothing_loops() -> None:
    assert straight(workflow(target=Receipt, inputs=Total, builders=[write])._plan) is not None
    assert straight(workflow(target=Receipt, inputs=Total, builders=[Desk().write])._plan) is None
    assert straight(workflow(target=Total, inputs=Union[Cart, Shipping], builders=[add_up])._plan) is not None
    assert straight(looping(add_up, builder(ship.function))._plan) is None


# --- loops -----------------------------------------------------------------------------------------------------------


def looping(*builders: Any, target: Any = Total, inputs: Any = Union[Cart, Shipping]) -> Workflow[Any, Any]:
    return workflow(target=target, inputs=inputs, builders=builders)


def test_a_loop_is_ordered_from_where_it_begins_and_nothing_leads_back() -> None:
    for order in ([add_up, ship, write], [write, ship, add_up]):
        plan = looping(*order, target=Receipt)._plan
        names = [call.name for call in plan.calls]
        assert plan.loops
        assert names[0] == "add_up"
        assert [names[at] for at in sorted(plan.calls[0].followers)] == names[1:]
        assert [call.followers for call in plan.calls[1:]] == [(), ()]
        assert [names[at] for at in plan.consumers[plan.slots[Shipping]]] == ["add_up"]


def test_a_builder_that_consumes_its_own_product_is_a_loop_if_that_is_fed() -> None:
    @builder
    def settle(total: Total, shipping: Optional[Shipping]) -> Total:
        return total

    plan = workflow(target=Total, inputs=Union[Total, Shipping], builders=[settle])._plan
    assert plan.loops
    assert plan.calls[0].followers == ()


def test_an_input_that_is_also_made_is_no_loop_where_nothing_leads_back() -> None:
    plan = looping(add_up, builder(lambda_of(Cart, Shipping), name="guess"))._plan
    assert not plan.loops
    assert plan.calls[0].name == "guess"
    assert plan.calls[0].followers == (1,)


def lambda_of(takes: type, makes: type) -> Callable[..., Any]:
    def function(one: Any) -> Any: ...

    function.__annotations__.update({"one": takes, "return": makes})
    return function


def test_while_inputs_cannot_be_read_no_cycle_is_told_for_it_may_be_a_loop() -> None:
    with pytest.raises(WorkflowError) as caught:
        looping(add_up, builder(ship.function), inputs=Union[Cart, str])
    assert [found.code for found in caught.value.diagnostics] == ["bad-input"]


# --- transient data and time limits ----------------------------------------------------------------------------------


def test_a_workflow_tells_its_plan_what_lives_within_one_call() -> None:
    made = workflow(target=Receipt, inputs=Cart, builders=[builder(lambda_of(Cart, Total)), write], transient=Total)
    assert made.transient == (Total,)
    assert {made._plan.data[slot] for slot in made._plan.transient} == {Total}
    assert workflow(target=Receipt, inputs=Total, builders=[write])._plan.transient == frozenset()


def test_what_is_transient_numbers_no_data_anew() -> None:
    plain = workflow(target=Total, inputs=Union[Cart, Shipping], builders=[add_up])
    brief = workflow(target=Total, inputs=Union[Cart, Shipping], builders=[add_up], transient=Union[Shipping, Cart])
    assert brief._plan.data == plain._plan.data
    assert brief._plan.graph == plain._plan.graph


def test_a_replaced_builder_changes_nothing_of_what_was_said_of_the_workflow() -> None:
    made = workflow(target=Receipt, inputs=Total, builders=[write], transient=Total, timeout_s=2)
    again = made.replace({write: builder(lambda_of(Total, Receipt), name="write")})
    assert (again.transient, again.timeout_s) == ((Total,), 2.0)
    with pytest.raises(WorkflowError, match="over-budget: timeout_s is 2 s"):
        made.replace({write: builder(write, timeout_s=3)})


def test_times_are_added_up_as_they_are_written() -> None:
    parts = [builder(lambda_of(Cart, Total), timeout_s=0.1), builder(write, timeout_s=0.2)]
    workflow(target=Receipt, inputs=Cart, builders=parts, timeout_s=0.3)
    with pytest.raises(WorkflowError, match=r"timeout_s is 0\.25 s, but .* may take 0\.3 s"):
        workflow(target=Receipt, inputs=Cart, builders=parts, timeout_s=0.25)


def test_what_a_retry_adds_is_not_counted() -> None:
    slow = builder(lambda_of(Cart, Total), timeout_s=2, retry=Retry(attempts=5, first_wait_s=10))
    assert workflow(target=Total, inputs=Cart, builders=[slow], timeout_s=2).timeout_s == 2


def coins(count: int) -> Tuple[str, ...]:
    lines = []
    for at in range(count):
        lines += [f"toss{at}: Req -> Yes{at} | No{at}", f"count{at}: Yes{at}? No{at}? -> Made{at}"]
    return tuple(lines)


WIDE = "only single choices were judged: the alternatives make 16,384 worlds, more than 10,000"


def test_past_ten_thousand_worlds_a_time_is_judged_by_single_choices_and_that_is_said() -> None:
    joined = "join: " + " ".join(f"Made{at}?" for at in range(14)) + " Req -> Done"
    (found,) = analyze(with_terms(sketch("Req -> Done", *coins(14), joined), join=1, toss3=2, count3=1, flow=3))
    assert (found.code, found.path) == ("over-budget", ("toss3", "Yes3", "count3", "Made3", "join", "Done"))
    assert WIDE in found.help


def test_past_ten_thousand_worlds_a_transient_is_judged_by_single_choices_and_that_is_said() -> None:
    both = [f"either{at}: Yes{at} -> Sum{at}|other{at}: No{at} -> Sum{at}".split("|") for at in range(14)]
    tosses = [f"toss{at}: Req -> Yes{at} | No{at}" for at in range(14)]
    joined = "join: Sent Otp Cvv " + " ".join(f"Sum{at}" for at in range(14)) + " -> Done"
    lines = [*tosses, *(line for pair in both for line in pair), *PAY, joined]
    (found,) = analyze(with_terms(sketch("Req Cvv Otp -> Done", *lines), transient="Cvv"))
    assert (found.code, found.subject, found.item) == ("transient-needed-later", "Cvv", len(lines) - 1)
    assert WIDE in found.help
    assert (
        analyze(with_terms(sketch("Req Cvv Otp -> Done", *lines[:-1], joined.replace("Cvv", "")), transient="Cvv"))
        == ()
    )


def test_ten_thousand_builders_in_a_chain_have_their_times_added_up() -> None:
    lines = [f"b{at}: D{at} -> D{at + 1}" for at in range(10_000)]
    graph = with_terms(
        sketch("D0 Late -> D10001", *lines, "end: D10000 Late -> D10001"), flow=9_999, transient="D10000"
    )
    graph = attrs.evolve(graph, builders=tuple(attrs.evolve(spec, timeout_s=1) for spec in graph.builders))
    later, budget = analyze(graph)
    assert (later.code, later.item, budget.code, len(budget.path)) == (
        "transient-needed-later",
        10_000,
        "over-budget",
        20_002,
    )
