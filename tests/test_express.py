"""An executor that goes straight through runs in memory writes, calls and shows what it does with care."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from types import FrameType
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple, Union, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_dsl import (
    BuilderError,
    Executor,
    MemoryStore,
    Run,
    Status,
    UnknownRun,
    Workflow,
    builder,
    workflow,
)
from polaris_dsl._drafts import built_line
from polaris_dsl._express import in_order
from polaris_dsl._straight import PAYS_AT, straight
from polaris_dsl.stores import Built, Failed, Fed, Line, Put, Rested, Started
from polaris_dsl.stores._memory import Lane
from tests.random_workflows import moves
from tests.test_confluence import examples
from tests.test_one_shot import Case, Watched, cases, told

RUN = "order-42"


# --- random workflows ------------------------------------------------------------------------------------------------


@attrs.frozen
class Tale:
    """A case, and what its run is fed afterwards."""

    case: Case
    later: Tuple[object, ...]


@st.composite
def tales(draw: st.DrawFn) -> Tale:
    case = draw(cases())
    return Tale(case, draw(moves(case.flow)).data)


def named(lines: Sequence[Line]) -> List[object]:
    """Return the lines of a journal without times, and with versions by who wrote them and how many lines of theirs.

    So two journals are equal in which builders that do not wait for each other come in another order.
    """
    count: Counter[str] = Counter()
    names = ["nobody"]
    for line in lines:
        who = line.by if isinstance(line, (Built, Failed)) else type(line).__name__
        count[who] += 1
        names.append(f"{who} {count[who]}")
    blocks: List[List[object]] = [[]]
    for line in lines:
        if isinstance(line, (Built, Failed)):
            versions = {data: names[version] for data, version in line.inputs.items()}
            blocks[-1].append(attrs.evolve(line, at="", inputs=cast("Mapping[str, int]", versions)))
        else:
            blocks += [[attrs.evolve(line, at="")], []]
    return [sorted(block, key=repr) for block in blocks]


def outcome(executor: Executor[object, object], watched: Watched, *data: object) -> Tuple[object, ...]:
    """Return all that a user can see of one call, the calls that it made, and the journal behind it."""
    watched.calls.clear()
    failures: List[object] = []
    try:
        run: object = executor.run(RUN, *data)
    except BuilderError as error:
        run = error.run
        failures = [(one.builder, type(one), type(one.__cause__), one.place) for one in error.failures]
    shown = told(cast("Run[object]", run)), told(executor.load(RUN))
    return (*shown, failures, sorted(watched.calls), named(executor._journals.load(RUN)))


def whole(tale: Tale, *, compiled: bool) -> List[Tuple[object, ...]]:
    watched = Watched(tale.case)
    executor = Executor(watched.flow, max_workers=1)
    assert executor._turns.express is not None
    if compiled:
        executor._turns.express._compiled.code = straight(watched.plan, draft=built_line)
    else:
        executor._turns = attrs.evolve(executor._turns, express=None)
    return [outcome(executor, watched, *data) for data in (tale.case.data, (), tale.later)]


@given(tale=tales())
@examples(200)
def test_going_straight_shows_calls_and_writes_what_going_with_care_does(tale: Tale) -> None:
    assert whole(tale, compiled=True) == whole(tale, compiled=False)


# --- by hand ---------------------------------------------------------------------------------------------------------


@attrs.frozen
class Order:
    cents: int


@attrs.frozen
class Note:
    text: str


@attrs.frozen
class Charged:
    cents: int


@attrs.frozen
class Packed:
    cents: int


@attrs.frozen
class Shipped:
    cents: int


@attrs.define
class Shop:
    """A chain of three builders; what the one in the middle does besides can be set, and all calls are noted."""

    besides: Callable[[], None] = lambda: None
    called: List[Tuple[str, int]] = attrs.field(factory=list)

    def flow(self) -> Workflow[Shipped, Union[Order, Note]]:
        @builder
        def charge(order: Order) -> Charged:
            self.called.append(("charge", order.cents))
            return Charged(order.cents)

        @builder
        def pack(charged: Charged) -> Packed:
            self.called.append(("pack", charged.cents))
            self.besides()
            return Packed(charged.cents)

        @builder
        def ship(packed: Packed, note: Optional[Note]) -> Shipped:
            self.called.append(("ship", packed.cents))
            return Shipped(packed.cents + (len(note.text) if note else 0))

        return workflow(target=Shipped, inputs=Union[Order, Note], builders=[charge, pack, ship])

    def executor(self, **options: Any) -> Executor[Shipped, Union[Order, Note]]:
        """Return one that goes straight from now on."""
        executor = Executor(self.flow(), **options)
        warm(executor, Order(1))
        self.called.clear()
        return executor


def warm(executor: Executor[Any, Any], data: object) -> None:
    for number in range(PAYS_AT):
        executor.run(f"warm-{number}", data)
    assert executor._turns.express is not None
    assert executor._turns.express._compiled.code is not None


def once(call: Callable[[], None]) -> Callable[[], None]:
    left = [call]
    return lambda: left.pop()() if left else None


def lines_of(executor: Executor[Any, Any], run_id: str = RUN) -> List[Line]:
    return [attrs.evolve(line, at="") for line in executor._journals.load(run_id)]


def test_newer_data_fed_by_a_builder_in_the_middle_is_noticed_and_wins() -> None:
    shop = Shop()
    executor = shop.executor()
    shop.besides = once(lambda: executor.feed(RUN, Order(2)))
    run = executor.run(RUN, Order(1))
    assert (run.status, run.target) == (Status.COMPLETE, Shipped(2))
    assert shop.called == [("charge", 1), ("pack", 1), ("charge", 2), ("pack", 2), ("ship", 2)]
    assert executor.run(RUN).target == Shipped(2)
    assert len(shop.called) == 5
    kept = lines_of(executor)[3:6]
    assert kept == [
        Fed("", (Put("Order", Order(2)),)),
        Built("", "pack", {"Charged": 3}, (Put("Packed", Packed(1)),)),
        Built("", "charge", {"Order": 4}, (Put("Charged", Charged(2)),)),
    ]


def test_data_that_concern_only_what_comes_later_are_taken_up_and_nothing_is_called_twice() -> None:
    shop = Shop()
    executor = shop.executor()
    shop.besides = once(lambda: executor.feed(RUN, Note("abc")))
    assert executor.run(RUN, Order(1)).target == Shipped(4)
    assert shop.called == [("charge", 1), ("pack", 1), ("ship", 1)]


def test_a_builder_that_feeds_and_then_fails_is_called_with_what_is_new_only() -> None:
    shop = Shop()
    executor = shop.executor()

    def feed_and_fail() -> None:
        executor.feed(RUN, Order(2))
        raise ValueError

    shop.besides = once(feed_and_fail)
    assert executor.run(RUN, Order(1)).target == Shipped(2)
    assert shop.called == [("charge", 1), ("pack", 1), ("charge", 2), ("pack", 2), ("ship", 2)]


def test_data_fed_while_the_last_builder_runs_are_taken_up_before_the_run_is_let_go() -> None:
    shop = Shop()
    executor = shop.executor()
    assert executor._turns.express is not None
    code = executor._turns.express._compiled.code
    assert code is not None
    go = code.run

    def and_then(*arguments: object) -> Tuple[object, ...]:
        found = go(*arguments)
        executor.feed(RUN, Order(2))
        return found

    executor._turns.express._compiled.code = attrs.evolve(code, run=and_then)
    assert executor.run(RUN, Order(1)).target == Shipped(2)
    assert shop.called == [(name, cents) for cents in (1, 2) for name in ("charge", "pack", "ship")]


def test_what_was_made_before_is_there_for_whoever_loads_the_run_in_the_middle() -> None:
    shop = Shop()
    executor = shop.executor()
    seen: List[Run[Shipped]] = []
    shop.besides = lambda: seen.append(executor.load(RUN))
    executor.run(RUN, Order(1))
    (run,) = seen
    assert (run.status, run[Order], run[Charged], Packed in run) == (Status.DUE, Order(1), Charged(1), False)


def test_a_straight_run_leaves_a_whole_journal() -> None:
    executor = Shop().executor()
    executor.run(RUN, Order(1), Note("a"))
    started, fed, *others = lines_of(executor)
    assert isinstance(started, Started)
    assert isinstance(fed, Fed)
    assert {put.name: put.body for put in fed.put} == {"Order": Order(1), "Note": Note("a")}
    assert others == [
        Built("", "charge", {"Order": 2}, (Put("Charged", Charged(1)),)),
        Built("", "pack", {"Charged": 3}, (Put("Packed", Packed(1)),)),
        Built("", "ship", {"Packed": 4, "Note": 2}, (Put("Shipped", Shipped(2)),)),
        Rested("", "complete"),
    ]


def test_an_input_that_is_absent_is_on_no_line_of_a_straight_run() -> None:
    executor = Shop().executor()
    executor.run(RUN, Order(1))
    assert lines_of(executor)[-2] == Built("", "ship", {"Packed": 4}, (Put("Shipped", Shipped(1)),))


def test_what_follows_a_coroutine_in_a_straight_run_is_run() -> None:
    called: List[str] = []

    async def packed(cents: int) -> Packed:
        return Packed(cents)

    @builder
    def charge(order: Order) -> Charged:
        called.append("charge")
        return Charged(order.cents)

    @builder
    def pack(charged: Charged) -> Packed:
        called.append("pack")
        return cast(Packed, packed(charged.cents))

    @builder
    def ship(packed: Packed) -> Shipped:
        called.append("ship")
        return Shipped(packed.cents)

    executor = Executor(workflow(target=Shipped, inputs=Order, builders=[charge, pack, ship]))
    warm(executor, Order(1))
    called.clear()
    run = executor.run(RUN, Order(2))
    assert (run.status, run.target, called) == (Status.COMPLETE, Shipped(2), ["charge", "pack", "ship"])
    assert set(run.built) == {Charged, Packed, Shipped}


def test_a_coroutine_that_fails_in_a_straight_run_is_a_failure_of_its_builder() -> None:
    async def fail() -> Charged:
        raise ValueError

    @builder
    def charge(order: Order) -> Charged:
        return cast(Charged, fail()) if order.cents < 0 else Charged(order.cents)

    executor = Executor(workflow(target=Charged, inputs=Order, builders=[charge]))
    warm(executor, Order(1))
    with pytest.raises(BuilderError) as caught:
        executor.run(RUN, Order(-1))
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_straight_run_that_is_left_without_the_target_waits() -> None:
    @builder
    def charge_or_not(order: Order) -> Optional[Charged]:
        return None if order.cents > 1 else Charged(order.cents)

    executor = Executor(workflow(target=Charged, inputs=Order, builders=[charge_or_not]))
    warm(executor, Order(1))
    run = executor.run(RUN, Order(2))
    assert (run.status, run.silent) == (Status.PAUSED, ("charge_or_not",))


def test_a_run_that_was_held_but_never_begun_is_none() -> None:
    journals = MemoryStore().open("flow")
    with journals.hold(RUN):
        journals.lane(RUN)
        with pytest.raises(UnknownRun):
            journals.load(RUN)
    assert list(journals.runs()) == []
    assert journals._runs == {}


def straight_runs(executor: Executor[Any, Any]) -> List[object]:
    """Note from now on what the straight code is run with."""
    ran: List[object] = []
    assert executor._turns.express is not None
    code = executor._turns.express._compiled.code
    assert code is not None

    def run(*arguments: object) -> Tuple[object, ...]:
        ran.append(arguments[3:])
        return code.run(*arguments)

    executor._turns.express._compiled.code = attrs.evolve(code, run=run)
    return ran


def test_a_run_that_was_begun_before_is_not_gone_straight_through() -> None:
    shop = Shop()
    executor = shop.executor()
    ran = straight_runs(executor)
    executor.feed(RUN, Note("ab"))
    assert executor.run(RUN, Order(1)).target == Shipped(3)
    assert ran == []
    executor.run("another", Order(1))
    assert ran == [(Order(1), None)]


def test_a_run_begun_by_another_thread_just_before_is_left_to_care(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    executor = shop.executor()
    ran = straight_runs(executor)
    express = executor._turns.express
    assert express is not None
    begun = express._begun

    def late(*arguments: Any) -> bool:
        executor.feed(RUN, Note("ab"))
        return begun(*arguments)

    monkeypatch.setattr(express, "_begun", late)
    assert executor.run(RUN, Order(1)).target == Shipped(3)
    assert ran == []


def test_a_run_that_is_fed_too_little_is_not_gone_straight_through() -> None:
    executor = Shop().executor()
    ran = straight_runs(executor)
    assert executor.run(RUN, Note("a")).missing == (Order,)
    assert executor.run("nothing at all").missing == (Order,)
    assert ran == []


@attrs.frozen
class Billed:
    cents: int


@attrs.frozen
class Sent:
    cents: int


def wide() -> Workflow[Sent, Order]:
    @builder
    def bill(order: Order) -> Billed:
        return Billed(order.cents)

    @builder
    def pack_up(order: Order) -> Packed:
        return Packed(order.cents)

    @builder
    def send(billed: Billed, packed: Packed) -> Sent:
        return Sent(billed.cents + packed.cents)

    return workflow(target=Sent, inputs=Order, builders=[bill, pack_up, send])


def test_a_chain_goes_straight_with_many_workers_and_a_wide_workflow_only_with_one() -> None:
    chain = Shop().executor(max_workers=8)
    ran = straight_runs(chain)
    assert chain.run(RUN, Order(1)).target == Shipped(1)
    assert len(ran) == 1
    assert not in_order(wide()._plan)
    assert Executor(wide(), max_workers=2)._turns.express is None
    alone = Executor(wide(), max_workers=1)
    warm(alone, Order(1))
    assert alone.run(RUN, Order(2)).target == Sent(4)


def test_what_no_straight_code_can_do_is_not_tried_twice() -> None:
    @builder
    def also_fed(order: Order) -> Charged:
        return Charged(order.cents)

    @builder
    def take(charged: Charged) -> Packed:
        return Packed(charged.cents)

    flow: Workflow[Packed, Any] = workflow(target=Packed, inputs=Union[Order, Charged], builders=[also_fed, take])
    executor = Executor(flow)
    for number in range(PAYS_AT + 2):
        assert executor.run(str(number), Order(1)).target == Packed(1)
    assert executor._turns.express is not None
    assert executor._turns.express._compiled.code is None
    assert executor._turns.express._compiled._tried


class Stop(BaseException):
    pass


def test_what_is_no_exception_leaves_a_straight_run_resumable() -> None:
    shop = Shop()
    executor = shop.executor()

    def stop() -> None:
        raise Stop

    shop.besides = once(stop)
    with pytest.raises(Stop):
        executor.run(RUN, Order(1))
    assert executor.load(RUN).status is Status.DUE
    assert executor.run(RUN).target == Shipped(1)
    assert shop.called == [("charge", 1), ("pack", 1), ("pack", 1), ("ship", 1)]


class Signalled(Exception):
    pass


def test_what_a_signal_raises_between_a_builder_and_its_line_is_of_no_builder() -> None:
    shop = Shop()
    executor = shop.executor()
    assert executor._turns.express is not None
    code = executor._turns.express._compiled.code
    assert code is not None

    def interrupted(stopped: List[Any], lines: List[Any], foreign: List[Any], *inputs: object) -> Tuple[object, ...]:
        """End where the first builder has returned, and its line does not stand there yet."""
        stopped.append({code.made[0]: object()})
        raise Signalled

    executor._turns.express._compiled.code = attrs.evolve(code, run=interrupted)
    with pytest.raises(Signalled):
        executor.run(RUN, Order(1))
    assert [type(line) for line in lines_of(executor)] == [Started, Fed]
    assert executor.run(RUN).target == Shipped(1)
    assert shop.called == [("charge", 1), ("pack", 1), ("ship", 1)]


def test_a_failed_builder_of_a_straight_run_is_noted_and_called_once() -> None:
    shop = Shop()
    executor = shop.executor()

    def fail() -> None:
        raise ValueError

    shop.besides = fail
    with pytest.raises(BuilderError) as caught:
        executor.run(RUN, Order(1))
    assert shop.called == [("charge", 1), ("pack", 1)]
    failed, rested = lines_of(executor)[-2:]
    assert failed == Failed("", "pack", {"Charged": 3}, "ValueError", caught.value.place)
    assert rested == Rested("", "failed")


def test_a_builder_that_fails_after_others_have_looked_is_told_as_ever() -> None:
    shop = Shop()
    executor = shop.executor()

    def look_and_fail() -> None:
        executor.load(RUN)
        raise ValueError

    shop.besides = look_and_fail
    with pytest.raises(BuilderError) as caught:
        executor.run(RUN, Order(1))
    assert (caught.value.builder, shop.called) == ("pack", [("charge", 1), ("pack", 1)])


def test_many_threads_may_feed_a_straight_run() -> None:
    shop = Shop()
    executor = shop.executor()
    for number in range(50):
        run_id = f"many-{number}"
        threads = [threading.Thread(target=executor.feed, args=(run_id, Note("n" * at))) for at in range(1, 4)]
        running = threading.Thread(target=executor.run, args=(run_id, Order(1)))
        for thread in (*threads, running):
            thread.start()
        for thread in (*threads, running):
            thread.join()
        note = executor.load(run_id)[Note]
        assert executor.run(run_id).target == Shipped(1 + len(note.text))


def test_the_journal_that_properties_compare_tells_whose_data_a_builder_took() -> None:
    fed = Fed("1", (Put("Order", Order(1)),))
    first, second = Built("2", "charge", {"Order": 1}), Built("3", "bill", {"Order": 1})
    assert named([fed, first, second]) == named([fed, second, first])
    assert named([fed, first]) != named([fed, attrs.evolve(first, inputs=cast("Mapping[str, int]", {"Order": 0}))])


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


def interrupted_at(place: Callable[..., object], act: Callable[[], object], *, at: str = "call", nth: int = 1) -> None:
    """Act, and raise KeyboardInterrupt where a function begins, where Python looks for signals, or ends."""
    code, left = cast("Any", place).__code__, [nth]

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code is not code:
            return None
        if event == at:
            left[0] -= 1
            if not left[0]:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt):
            act()
    finally:
        sys.settrace(before)
    assert left == [0]


@pytest.mark.parametrize("place", [Lane.through, Lane.end])
def test_a_straight_run_that_is_interrupted_at_its_end_loses_no_line_of_what_comes_later(
    place: Callable[..., object],
) -> None:
    executor = Shop().executor()
    interrupted_at(place, lambda: executor.run(RUN, Order(5)))
    executor.feed(RUN, Note("ab"))
    assert executor.load(RUN)[Note] == Note("ab")
    assert executor.run(RUN).target == Shipped(7)
    run, loaded = executor.run(RUN, Order(6)), executor.load(RUN)
    assert run.target == loaded.target == Shipped(8)
    assert loaded.status is Status.COMPLETE
    assert [type(line) for line in executor._journals.load(RUN)].count(Rested) == 3 - (place is Lane.through)


def test_a_straight_run_that_is_interrupted_where_it_begins_is_run_by_the_next_call() -> None:
    shop = Shop()
    executor = shop.executor()
    interrupted_at(Lane.go_straight, lambda: executor.run(RUN, Order(5)), at="return")
    executor.feed(RUN, Note("ab"))
    assert executor.run(RUN, Order(6)).target == executor.load(RUN).target == Shipped(8)


def test_what_others_commit_is_put_behind_all_lines_once_however_often_a_straight_way_is_ended() -> None:
    lane = Lane(threading.Lock())
    lane.go_straight([(Started, 0.0, RUN, "flow", "0")])
    lane.append(1, [(Fed, 0.0, (Put("Order", Order(1)),))])
    assert [type(line) for line in lane.after(0)] == [Started, Fed]
    assert [type(line) for line in lane.after(1)] == [Fed]
    for _ in range(2):
        lane.end()
        assert [type(line) for line in lane.after(0)] == [Started, Fed]
    assert lane.foreign == []
