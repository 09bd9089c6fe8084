"""Threads that come late, that are called off, and in which something goes wrong that is no builder's failure."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Optional, Tuple, Union, cast

import attrs
import pytest

from polaris_dsl import CodecError, Executor, MemoryStore, Status, Workflow, _waves, builder, workflow
from polaris_dsl._execution import Execution
from polaris_dsl._making import Making
from polaris_dsl._wave import Wave
from polaris_dsl.stores import Built, Started, _lines
from polaris_dsl.stores._memory import Lane


@attrs.frozen
class Seed:
    number: int


@attrs.frozen
class More:
    number: int


@attrs.frozen
class Left:
    number: int


@attrs.frozen
class Right:
    number: int


@attrs.frozen
class Both:
    number: int


@attrs.frozen
class After:
    number: int


def in_caller() -> bool:
    return threading.current_thread() is threading.main_thread()


class Pair:
    """Two builders that are due at once, one that takes both, and one behind it; `act` is told of each call."""

    def __init__(self, act: Callable[[str], None]) -> None:
        self.calls: List[Tuple[str, int]] = []
        self.act = act

    def flow(self) -> Workflow[After, Union[Seed, More]]:
        @builder
        def left(seed: Seed, more: Optional[More] = None) -> Left:
            return Left(self._called("left", seed, more))

        @builder
        def right(seed: Seed, more: Optional[More] = None) -> Right:
            return Right(self._called("right", seed, more))

        @builder
        def both(left: Left, right: Right) -> Both:
            self.act("both")
            return Both(left.number + right.number)

        @builder
        def after(both: Both) -> After:
            self.act("after")
            return After(both.number)

        return workflow(target=After, inputs=Union[Seed, More], builders=[left, right, both, after], name="pair")

    def _called(self, name: str, seed: Seed, more: Optional[More]) -> int:
        number = seed.number + (0 if more is None else more.number)
        self.calls.append((name, number))
        self.act(name)
        return number


class Late:
    """A pool whose only thread comes when it is let in."""

    def __init__(self) -> None:
        self.waiting: List[Callable[[], object]] = []

    def submit(self, act: Callable[..., object], /, *args: object) -> Future[object]:
        self.waiting.append(lambda: act(*args))
        return Future()


def test_a_helper_that_comes_while_all_is_looked_at_anew_takes_nothing_of_what_was_due_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late, helpers, waves = Late(), cast("List[threading.Thread]", []), cast("List[Wave]", [])

    def act(name: str) -> None:
        if name == "left" and len(pair.calls) == 1:
            executor.feed("r", More(10))  # so that what is due is left, and looked at anew

    def wave(*args: Any, **options: Any) -> Wave:
        waves.append(Wave(*args, **options))
        if len(waves) == 2:
            helpers.extend(threading.Thread(target=each) for each in late.waiting)
            for helper in helpers:
                helper.start()
            time.sleep(0.2)  # time enough to take a builder of the old wave
        return waves[-1]

    pair = Pair(act)
    monkeypatch.setattr(_waves, "Wave", wave)
    executor = Executor(pair.flow(), max_workers=2, pool=cast("Pool", late))
    run = executor.run("r", Seed(1))
    for helper in helpers:
        helper.join(20)
    assert helpers
    assert len(waves) > 1
    assert (run.status, run.target) == (Status.COMPLETE, After(22))
    assert len(set(pair.calls)) == len(pair.calls)


def test_ctrl_c_while_the_caller_waits_ends_what_runs_begins_nothing_and_is_raised_under_the_lock() -> None:
    told: List[str] = []

    def act(name: str) -> None:
        if in_caller():
            met.wait(20)
        elif name in {"left", "right"}:
            met.wait(20)
            time.sleep(0.2)  # until the caller waits
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            told.append("ended")
        else:
            told.append(name)

    met = threading.Barrier(2)
    with Executor(Pair(act).flow(), max_workers=2) as executor:
        with pytest.raises(KeyboardInterrupt):
            executor.run("r", Seed(1))
        assert told == ["ended"]
        loaded = executor.load("r")
        assert (loaded.status, loaded.get(Left), loaded.get(Right)) == (Status.DUE, Left(1), Right(1))


def test_the_caller_does_not_look_again_and_again_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, look = [0], Execution._has_work

    def count(execution: Execution) -> bool:
        looked[0] += 1
        return look(execution)

    def act(name: str) -> None:
        if name in {"left", "right"}:
            met.wait(20)
            if not in_caller():
                time.sleep(0.2)

    monkeypatch.setattr(Execution, "_has_work", count)
    met = threading.Barrier(2)
    with Executor(Pair(act).flow(), max_workers=2) as executor:
        assert executor.run("r", Seed(1)).target == After(2)
    assert looked[0] < 50


class Stopped(BaseException):
    """What no builder's failure is made of."""


@attrs.frozen(eq=False)
class Odd:
    number: int

    def __eq__(self, other: object) -> bool:
        if not in_caller():
            raise Stopped
        return False

    def __hash__(self) -> int:
        return self.number


@attrs.frozen(eq=False)
class AlsoOdd(Odd):
    pass


def test_what_a_comparison_raises_in_another_thread_is_raised_in_the_callers() -> None:
    met = threading.Barrier(2)

    @builder
    def odd(seed: Seed) -> Odd:
        met.wait(20)
        return Odd(seed.number)

    @builder
    def also_odd(seed: Seed) -> AlsoOdd:
        met.wait(20)
        return AlsoOdd(seed.number)

    @builder
    def left(odd: Odd, also: AlsoOdd) -> Left:
        return Left(odd.number)

    flow = workflow(target=Left, inputs=Seed, builders=[odd, also_odd, left])
    with Executor(flow, max_workers=2) as executor:
        executor.run("r", Seed(1))
        with pytest.raises(Stopped):
            executor.run("r", Seed(2))


def namesakes() -> Tuple[Any, Workflow[Any, Any]]:
    @attrs.frozen
    class Order:
        number: int

    @attrs.frozen
    class Paid:
        number: int

    def pay(order: Any) -> Any:
        return Paid(order.number)

    pay.__annotations__ = {"order": Order, "return": Paid}
    return Order, workflow(target=Paid, inputs=Order, builders=[builder(pay)], name="shop")


def test_two_workflows_of_one_name_whose_data_are_namesakes_are_told_apart_in_one_store() -> None:
    (order, shop), (_, other) = namesakes(), namesakes()
    store = MemoryStore()
    Executor(shop, store=store).run("r", order(1))
    with pytest.raises(CodecError, match=r"Order: the store holds another class of that name .*Order"):
        Executor(other, store=store).run("r")


def meeting(count: int) -> Workflow[Any, Any]:
    """Return builders that are all due at once; those behind the first go on when all of them have begun."""
    met = threading.Barrier(count - 1)
    makes = [attrs.make_class(f"Part{at}", ["number"], frozen=True) for at in range(count)]

    def one(data: Any) -> Any:
        def make(seed: Seed) -> Any:
            if data is not makes[0]:
                met.wait(20)
            return data(seed.number)

        make.__annotations__ = {"seed": Seed, "return": data}
        return builder(name=f"make_{data.__name__}")(make)

    scope: Dict[str, Any] = {"Left": Left}
    names = [f"p{at}" for at in range(count)]
    exec(f"def whole({', '.join(names)}): return Left({count})", scope)  # noqa: S102  just written
    scope["whole"].__annotations__ = {**dict(zip(names, makes)), "return": Left}
    return workflow(target=Left, inputs=Seed, builders=[*map(one, makes), builder(scope["whole"])])


@pytest.mark.parametrize("called_off", [False, True])
def test_a_thread_that_is_refused_or_called_off_keeps_no_other_from_coming(*, called_off: bool) -> None:
    class Moody(ThreadPoolExecutor):
        asked = 0

        def submit(self, *args: Any, **options: Any) -> Future[Any]:
            self.asked += 1
            if self.asked > 1:
                return super().submit(*args, **options)
            if not called_off:
                raise RuntimeError("not now")
            nobody: Future[Any] = Future()
            nobody.cancel()
            return nobody

    with Moody(8) as pool:
        assert Executor(meeting(6), max_workers=8, pool=pool).run("r", Seed(1)).target == Left(6)


def later_meeting() -> Workflow[Any, Any]:
    """Return two builders that are due at once, and behind them two more, which go on when both have begun."""
    met = threading.Barrier(2)
    first, second, third, fourth = (attrs.make_class(f"Part{at}", ["number"], frozen=True) for at in range(4))

    def make(taken: Any, made: Any, act: Callable[[], object]) -> Any:
        def function(one: Any) -> Any:
            act()
            return made(one.number)

        function.__annotations__ = {"one": taken, "return": made}
        return builder(name=f"make_{made.__name__}")(function)

    quick, meets = (lambda: None), (lambda: met.wait(20))
    makers = [
        make(Seed, first, quick),
        make(Seed, second, quick),
        make(first, third, meets),
        make(first, fourth, meets),
    ]

    def whole(one: Any, other: Any, more: Any) -> Left:
        return Left(one.number)

    whole.__annotations__ = {"one": second, "other": third, "more": fourth, "return": Left}
    return workflow(target=Left, inputs=Seed, builders=[*makers, builder(whole)])


@pytest.mark.parametrize("called_off", [False, True])
def test_the_one_thread_that_was_refused_or_called_off_may_come_later(*, called_off: bool) -> None:
    class Moody(ThreadPoolExecutor):
        asked = 0

        def submit(self, *args: Any, **options: Any) -> Future[Any]:
            self.asked += 1
            if self.asked > 1:
                return super().submit(*args, **options)
            if not called_off:
                raise RuntimeError("not now")
            nobody: Future[Any] = Future()
            nobody.cancel()
            return nobody

    with Moody(8) as pool:
        assert Executor(later_meeting(), max_workers=2, pool=pool).run("r", Seed(1)).target == Left(1)


def test_a_pool_that_does_what_it_is_asked_at_once_and_then_raises_lends_no_thread_twice() -> None:
    class Odd:
        def submit(self, act: Callable[..., object], /, *args: object) -> object:
            act(*args)
            raise RuntimeError("and yet")

    executor = Executor(Pair(lambda _: None).flow(), max_workers=2, pool=cast("Pool", Odd()))
    assert executor.run("r", Seed(1)).target == After(2)


def layers(count: int, width: int) -> Workflow[Any, Any]:
    """Return layers of builders that take a millisecond each, with one builder behind each layer."""
    before: type = Seed
    builders: List[Any] = []

    def give(taken: Tuple[type, ...], made: Any) -> type:
        def function(first: Any, **_: Any) -> Any:
            time.sleep(0.001)
            return made(first.number)

        names = ["first", *(f"other{at}" for at in range(1, len(taken)))]
        scope: Dict[str, Any] = {"act": function}
        exec(f"def make({', '.join(names)}): return act(first)", scope)  # noqa: S102  just written
        scope["make"].__annotations__ = {**dict(zip(names, taken)), "return": made}
        builders.append(builder(name=f"make_{made.__name__}")(scope["make"]))
        return cast("type", made)

    for layer in range(count):
        parts = [give((before,), attrs.make_class(f"Part{layer}_{at}", ["number"], frozen=True)) for at in range(width)]
        before = give(tuple(parts), attrs.make_class(f"Whole{layer}", ["number"], frozen=True))
    return workflow(target=cast("Any", before), inputs=Seed, builders=builders)


class Slow(ThreadPoolExecutor):
    """Takes its time before it takes what it is asked for; counts how often it was asked at once."""

    asking = most = 0

    def submit(self, *args: Any, **options: Any) -> Future[Any]:
        self.asking += 1
        self.most = max(self.most, self.asking)
        time.sleep(0.01)
        self.asking -= 1
        return super().submit(*args, **options)


def test_nobody_else_is_asked_for_while_a_pool_has_not_answered() -> None:
    with Slow(8) as pool:
        executor = Executor(layers(6, 8), max_workers=8, pool=pool)
        for number in range(3):
            assert executor.run(str(number), Seed(1)).target is not None
    assert pool.most == 1


def test_lines_that_come_while_a_journal_is_read_are_left_for_the_next_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Lane(threading.Lock())
    begun = (Started, 0.0, "r", "pair", "0")
    built = (lambda at: Built(at, "left", {}), 0.0)
    lane.go_straight([begun])
    written = _lines.written

    def slowly(draft: Any) -> Any:
        if len(lane.lines) == 1:
            lane.lines.append(built)
        return written(draft)

    monkeypatch.setattr(_lines, "written", slowly)
    assert [type(line) for line in lane.after(0)] == [Started]
    assert [type(line) for line in lane.after(0)] == [Started, Built]


class Denying(ThreadPoolExecutor):
    """Queues what is submitted and says that it cannot be done: so does a pool that cannot begin another thread."""

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        super().submit(*args, **kwargs)
        raise RuntimeError("can't start new thread")


def test_helpers_that_come_although_their_pool_refused_them_are_no_more_than_there_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once: List[int] = []
    make = Making.make

    def counted(making: Making, attempt: Any) -> Any:
        at_once.append(at_once[-1] + 1 if at_once else 1)
        try:
            return make(making, attempt)
        finally:
            at_once.append(at_once[-1] - 1)

    monkeypatch.setattr(Making, "make", counted)
    with Denying(8) as pool:
        for _ in range(8):  # so that nobody comes before it has refused
            ThreadPoolExecutor.submit(pool, time.sleep, 0.02)
        run = Executor(layers(3, 40), max_workers=2, pool=pool).run("r", Seed(1))
    assert run.status is Status.COMPLETE
    assert max(at_once) <= 2


def test_a_helper_for_whom_there_is_no_place_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    came: List[bool] = []
    help_ = Execution._help

    def twice(execution: Execution) -> None:
        help_(execution)
        free, execution._free_helpers = execution._free_helpers, 0
        execution._asked = execution._came
        monkeypatch.setattr(execution, "_work", lambda *, helper: came.append(helper))
        help_(execution)
        monkeypatch.undo()
        execution._free_helpers = free

    monkeypatch.setattr(Execution, "_help", twice)
    assert Executor(layers(2, 12), max_workers=2).run("r", Seed(1)).status is Status.COMPLETE
    assert came == []
