"""Loops: they begin with what is fed, and go round until nothing changes, or as often as they may."""

from __future__ import annotations

import contextlib
import dataclasses
import pickle
from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import attrs
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from polaris_dsl import (
    BuilderError,
    DefinitionError,
    Executor,
    FileStore,
    MemoryStore,
    NotSettled,
    Run,
    Status,
    Workflow,
    builder,
    workflow,
)
from polaris_dsl._waves import differences
from polaris_dsl.stores import Store


def _run_of(error: Union[NotSettled, BuilderError]) -> Run[object]:
    assert isinstance(error.run, Run)
    return error.run


class Cart(NamedTuple):
    cents: int


class Discount(NamedTuple):
    percent: int


class Total(NamedTuple):
    cents: int


class Invoice(NamedTuple):
    cents: int


@builder
def add_up(cart: Cart, discount: Discount) -> Total:
    return Total(cart.cents * (100 - discount.percent) // 100)


@builder
def grant(total: Total) -> Discount:
    return Discount(10 if total.cents > 1000 else 5)


@builder
def invoice(total: Total) -> Invoice:
    return Invoice(total.cents)


checkout = workflow(target=Invoice, inputs=Union[Cart, Discount], builders=[invoice, grant, add_up])


class Count(NamedTuple):
    n: int


class Done(NamedTuple):
    n: int


@builder
def count_to_seven(count: Count) -> Count:
    return Count(min(7, count.n + 1))


@builder
def count_on(count: Count) -> Count:
    return Count(count.n + 1)


@builder
def finish(count: Count) -> Done:
    return Done(count.n)


seven = workflow(target=Done, inputs=Count, builders=[count_to_seven, finish], name="seven")
endless = workflow(target=Done, inputs=Count, builders=[count_on, finish], name="endless")


@pytest.fixture(params=["memory", "file"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    one = MemoryStore()
    return (lambda: one) if request.param == "memory" else lambda: FileStore(tmp_path / "runs", durability="process")


def test_a_loop_goes_round_until_nothing_changes(new_store: Callable[[], Store]) -> None:
    with Executor(checkout, store=new_store()) as checkouts:
        run = checkouts.run("cart-1", Cart(2000), Discount(0))
        assert (run.status, run[Discount], run.target) == (Status.COMPLETE, Discount(10), Invoice(1800))
        again = checkouts.run("cart-1")
        assert (again.status, dict(again.built)) == (Status.COMPLETE, {})
        changed = checkouts.run("cart-1", Cart(1050))
    assert (changed[Discount], changed.target) == (Discount(5), Invoice(997))


def test_a_loop_in_memory_ends_as_in_an_executor() -> None:
    run = checkout.run(Cart(2000), Discount(0))
    assert (run.status, run[Discount], run.target) == (Status.COMPLETE, Discount(10), Invoice(1800))
    assert seven.run(Count(3)).target == Done(7)


def test_a_loop_without_its_beginning_is_paused_and_says_so() -> None:
    run = checkout.run(Cart(2000))
    assert (run.status, run.missing) == (Status.PAUSED, (Discount,))


def test_a_loop_that_does_not_settle_says_what_changes_and_never_how(new_store: Callable[[], Store]) -> None:
    with Executor(endless, store=new_store(), max_rounds=5) as counts:
        with pytest.raises(NotSettled) as caught:
            counts.run("run-1", Count(41_000))
        error = caught.value
        assert (error.run_id, error.rounds, dict(error.changes)) == ("run-1", 5, {"Count": ("n: int",)})
        assert (_run_of(error).status, counts.load("run-1").status) == (Status.DUE, Status.DUE)
        assert counts.load("run-1")[Count] == Count(41_005)
        assert "run 'run-1' did not settle in 5 rounds; still changing:\n  Count: n: int\n" in str(error)
        assert "41" not in str(error)
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301  made here
        assert (str(copy), copy.changes) == (str(error), error.changes)
        with pytest.raises(NotSettled):
            counts.run("run-1")
        assert counts.load("run-1")[Count] == Count(41_010)


def test_rounds_are_counted_in_memory_too_and_the_run_so_far_is_kept() -> None:
    with pytest.raises(NotSettled) as caught:
        endless.run(Count(0), max_rounds=1)
    assert "in 1 round;" in str(caught.value)
    assert (caught.value.rounds, _run_of(caught.value).status) == (1, Status.DUE)
    with pytest.raises(NotSettled) as caught:
        endless.run(Count(0))
    assert caught.value.rounds == 100


def test_just_enough_rounds_are_enough() -> None:
    # One to build each number up to seven, and one in which nothing changes any more.
    assert seven.run(Count(0), max_rounds=8).target == Done(7)
    with pytest.raises(NotSettled):
        seven.run(Count(0), max_rounds=7)


@pytest.mark.parametrize("odd", [0, -1, True, 1.5, "3"])
def test_rounds_are_a_number_from_one(odd: int) -> None:
    with pytest.raises(DefinitionError, match="max_rounds= takes a number from 1"):
        Executor(seven, max_rounds=odd)
    if odd is not True:
        with pytest.raises(DefinitionError, match="max_rounds= takes a number from 1"):
            seven.run(Count(1), max_rounds=odd)


def test_a_run_goes_on_with_its_loop_from_the_journal_after_every_round(new_store: Callable[[], Store]) -> None:
    fed: Tuple[Count, ...] = (Count(2),)
    for number in (3, 4, 5, 6, 7):
        with Executor(seven, store=new_store(), max_rounds=1) as counts, pytest.raises(NotSettled) as caught:
            counts.run("run-1", *fed)
        fed = ()
        loaded = Executor(seven, store=new_store()).load("run-1")
        assert (loaded.status, loaded[Count]) == (Status.DUE, Count(number))
        assert _run_of(caught.value)[Count] == Count(number)
    run = Executor(seven, store=new_store(), max_rounds=1).run("run-1")
    assert (run.status, run.target) == (Status.COMPLETE, Done(7))


@pytest.mark.parametrize("how", ["executor", "memory"])
def test_a_builder_that_fails_on_a_loop_ends_the_going_round(how: str) -> None:
    calls: List[int] = []

    @builder
    def fail_at_three(count: Count) -> Count:
        calls.append(count.n)
        if count.n == 3:
            raise ValueError("three")
        return Count(count.n + 1)

    flow = workflow(target=Done, inputs=Count, builders=[fail_at_three, finish])
    with pytest.raises(BuilderError) as caught:
        _ = flow.run(Count(0)) if how == "memory" else Executor(flow).run("run-1", Count(0))
    assert (calls, _run_of(caught.value).status) == ([0, 1, 2, 3], Status.FAILED)


@pytest.mark.parametrize("how", ["executor", "memory"])
def test_a_failure_that_a_later_round_mends_is_none(how: str) -> None:
    @builder
    def choosy(count: Count) -> Done:
        if count.n < 7:
            raise ValueError("too few")
        return Done(count.n)

    flow = workflow(target=Done, inputs=Count, builders=[choosy, count_to_seven])
    run = flow.run(Count(5)) if how == "memory" else Executor(flow).run("run-1", Count(5))
    assert (run.status, run.target) == (Status.COMPLETE, Done(7))


class Hint(NamedTuple):
    text: str


class Guess(NamedTuple):
    n: int


@builder
def guess(count: Count, hint: Optional[Hint]) -> Guess:
    return Guess(count.n if hint is None else count.n + len(hint.text))


@builder
def help_on(guessed: Guess) -> Optional[Hint]:
    return Hint("!" * guessed.n) if guessed.n < 10 else None


def test_what_a_loop_withdraws_makes_another_round_too() -> None:
    flow = workflow(target=Guess, inputs=Union[Count, Hint], builders=[guess, help_on])
    with pytest.raises(NotSettled) as caught:
        flow.run(Count(6), Hint("!"), max_rounds=2)
    assert dict(caught.value.changes) == {"Hint": ("it went",)}
    with pytest.raises(NotSettled) as caught, Executor(flow, max_rounds=3) as guesses:
        guesses.run("run-1", Count(6), Hint("!"))
    assert dict(caught.value.changes) == {"Hint": ("it came",)}
    assert flow.run(Count(10), Hint("!")).target == Guess(11)  # fed, so not its to take back


@attrs.frozen
class Pair:
    left: object
    right: object


@dataclasses.dataclass
class Bare:
    left: int


class Plain:
    def __init__(self, left: object) -> None:
        self.left = left


class Dumb:
    __slots__ = ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (Pair(1, 2), Pair(1, 3), ("right: int",)),
        (Pair(1, "secret"), Pair(None, b"secret"), ("left: int -> NoneType", "right: str -> bytes")),
        (Count(1), Count(2), ("n: int",)),
        (Bare(1), Bare(2), ("left: int",)),
        (Plain(1), Plain("x"), ("left: int -> str",)),
        (Dumb(), Dumb(), ()),
        (None, Count(1), ("it came",)),
        (Count(1), None, ("it went",)),
    ],
)
def test_differences_are_names_of_fields_and_types(old: object, new: object, told: Tuple[str, ...]) -> None:
    assert differences(old, new) == told


def test_values_that_show_no_fields_are_told_as_unlike() -> None:
    error = NotSettled(run_id="run-1", rounds=3, changes={"Dumb": ()})
    assert "  Dumb: unlike\n" in str(error)


# --- confluence: loops whose values only grow, in a finite lattice ---------------------------------------------------

BITS = 6
LOOP, FIRST, SECOND = (
    attrs.make_class(name, {"value": attrs.field(type=int)}, frozen=True) for name in ("Loop", "First", "Second")
)
MADE = tuple(attrs.make_class(f"Made{at}", {"value": attrs.field(type=int)}, frozen=True) for at in range(4))
FED = (LOOP, FIRST, SECOND)


@attrs.frozen
class Ring:
    """A ring of builders from `LOOP` back to it; each joins all that it takes, and adds what its rules say of that."""

    takes: Tuple[Tuple[type, ...], ...]
    """For each builder, what it takes as an optional besides the product of the one before."""
    rules: Tuple[Tuple[Tuple[int, int], ...], ...]
    """For each builder: which bit sets which other."""

    def joined(self, at: int, taken: Sequence[int]) -> int:
        joint = 0
        for value in taken:
            joint |= value
        for has, gets in self.rules[at]:
            joint |= (joint >> has & 1) << gets
        return joint

    def makes(self, at: int) -> type:
        return LOOP if at == len(self.takes) - 1 else MADE[at]

    def least(self, fed: Mapping[type, int]) -> int:
        """Return where the loop settles, worked out without any workflow."""
        value = fed[LOOP]
        while True:
            before = value
            for at, takes in enumerate(self.takes):
                value = self.joined(at, [value, *(fed[data] for data in takes if data in fed)])
            if value == before:
                return value

    def workflow(self, order: Sequence[int]) -> Workflow[object, object]:
        scope: Dict[str, object] = {"Optional": Optional, **{data.__name__: data for data in (*FED, *MADE)}}
        for at, takes in enumerate(self.takes):
            came, made = LOOP if at == 0 else MADE[at - 1], self.makes(at)
            scope[f"join{at}"] = lambda *taken, at=at: self.joined(at, [one.value for one in taken if one])
            more = "".join(f", {data.__name__.lower()}: Optional[{data.__name__}]" for data in takes)
            names = "".join(f", {data.__name__.lower()}" for data in takes)
            text = f"def b{at}(came: {came.__name__}{more}) -> {made.__name__}:\n"
            text += f"    return {made.__name__}(join{at}(came{names}))\n"
            exec(text, scope)  # noqa: S102  no text but that above
        inputs = tuple(data for data in FED if data is LOOP or any(data in takes for takes in self.takes))
        builders = [builder(scope[f"b{at}"]) for at in order]  # type: ignore[call-overload]  # made from text
        make: Callable[..., Workflow[object, object]] = workflow
        return make(target=self.makes(0), inputs=Union[inputs], builders=builders, name="ring")


@st.composite
def rings(draw: st.DrawFn) -> Ring:
    size = draw(st.integers(2, len(MADE)))
    bit = st.integers(0, BITS - 1)
    takes = st.lists(st.sampled_from(FED[1:]), unique=True, max_size=2).map(tuple)
    rules = st.lists(st.tuples(bit, bit), max_size=3).map(tuple)
    return Ring(tuple(draw(takes) for _ in range(size)), tuple(draw(rules) for _ in range(size)))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rings(), st.data())
def test_where_a_loop_settles_depends_only_on_what_is_fed(ring: Ring, data: st.DataObject) -> None:
    flow = ring.workflow(data.draw(st.permutations(range(len(ring.takes)))))
    fed = {one: data.draw(st.integers(0, 2**BITS - 1)) for one in flow.inputs}
    least = ring.least(fed)
    event(f"grew: {least != fed[LOOP]}")
    values = data.draw(st.permutations([one(number) for one, number in fed.items()]))
    assert flow.run(*values)[LOOP].value == least
    store, rounds = MemoryStore(), data.draw(st.sampled_from((1, 2, 100)))
    workers = data.draw(st.sampled_from((1, 3)))
    cut = data.draw(st.integers(0, len(values)))
    for call in (values[:cut], values[cut:], *[()] * 40):
        with Executor(flow, store=store, max_rounds=rounds, max_workers=workers) as executor, contextlib.suppress(
            *[NotSettled] * (rounds < 100)
        ):
            executor.run("run-1", *call)
    run = Executor(flow, store=store).load("run-1")
    assert (run.status, run[LOOP].value) == (Status.COMPLETE, least)
