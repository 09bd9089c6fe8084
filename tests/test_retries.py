"""Builders that raised and are tried again: within a call, and after `RetryAt` in a later one. Nothing sleeps here."""

from __future__ import annotations

import asyncio
import itertools
import pickle
import random
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from textwrap import dedent
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple, Type, Union

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_dsl import (
    RETRY,
    BuilderError,
    Context,
    DefinitionError,
    Executor,
    FileStore,
    Hook,
    HookFailed,
    IncompleteRun,
    Interrupted,
    MemoryStore,
    NotSettled,
    NotWritten,
    Retry,
    RetryAt,
    Run,
    Status,
    TimedOut,
    Workflow,
    WrongProduct,
    builder,
    workflow,
)
from polaris_dsl._commits import Commits
from polaris_dsl.clock import SystemClock
from polaris_dsl.errors import CorruptJournal
from polaris_dsl.hooks import BuilderFailed, BuilderRetried, BuilderStarted, DataBuilt, RunEnded, RunStarted
from polaris_dsl.stores import Failed, Line, Postponed, Rested
from polaris_dsl.stores._lines import moment, stamp_of
from polaris_dsl.stores.sqlite import SqliteStore
from polaris_dsl.testing import VirtualClock
from tests.naive_run import naive_run
from tests.random_workflows import RandomWorkflow, Watch, random_workflows
from tests.test_confluence import check_run, examples
from tests.test_executor import Stop, WatchedStore
from tests.test_hooks import Everything
from tests.test_timeouts import Gate, values_of, wait_until

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


class Order(NamedTuple):
    cents: int


class Quote(NamedTuple):
    cents: int


class Invoice(NamedTuple):
    cents: int


class Paid(NamedTuple):
    cents: int


Raises = Union[None, Exception, Type[Exception]]


class Gateway:
    """Raises what it is told to, call by call, and then works."""

    def __init__(self, *raises: Raises) -> None:
        self.left: List[Raises] = list(raises)
        self.calls: List[Context] = []

    def charge(self, order: Order, context: Context) -> Paid:
        self.calls.append(context)
        error = self.left.pop(0) if self.left else None
        if error is not None:
            raise error
        return Paid(order.cents)

    async def charge_async(self, order: Order, context: Context) -> Paid:
        return self.charge(order, context)


Flow = Workflow[Any, Order]


def flow_of(gateway: Gateway, retry: Optional[Retry] = None, *, is_async: bool = False, **options: Any) -> Flow:
    """A charge, which may be tried again, and an invoice that needs it."""

    @builder
    def invoice(paid: Paid) -> Invoice:
        return Invoice(paid.cents)

    function: Callable[..., Any] = gateway.charge_async if is_async else gateway.charge
    charge = builder(name="charge", retry=retry, **options)(function)
    return workflow(target=Invoice, inputs=Order, builders=[charge, invoice], name="payments")


EVEN = Retry(attempts=4, on=ConnectionError, first_wait_s=1, factor=2, max_wait_s=3, jitter=0)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture(params=["memory", "file", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    makes: Any = {
        "memory": MemoryStore,
        "file": lambda: FileStore(tmp_path / "runs", durability="process"),
        "sqlite": lambda: SqliteStore(tmp_path / "runs.db", durability="process"),
    }
    return makes[request.param]()


def lines_of(runs: Executor[Any, Any], run_id: str = "1") -> Sequence[Line]:
    return runs._journals.load(run_id)


def failure_of(call: Callable[[], object]) -> BuilderError:
    with pytest.raises(BuilderError) as caught:
        call()
    return caught.value


both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])


# --- the clock -------------------------------------------------------------------------------------------------------


def test_the_clock_of_tests_is_moved_by_hand_and_by_who_sleeps() -> None:
    clock = VirtualClock(NOON)
    assert VirtualClock().now().tzinfo is timezone.utc
    clock.advance(30)
    clock.sleep(0.5)
    asyncio.run(clock.async_sleep(2))
    assert (clock.now(), clock.slept) == (NOON + timedelta(seconds=32.5), (0.5, 2))


@pytest.mark.parametrize("start", [datetime(2026, 1, 1), "2026", 5], ids=str)  # noqa: DTZ001  no time zone, on purpose
def test_the_clock_of_tests_wants_a_time_zone(start: Any) -> None:
    with pytest.raises(ValueError, match="VirtualClock takes a datetime with a time zone, not"):
        VirtualClock(start)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_time_passes_forward(clock: VirtualClock, seconds: float) -> None:
    for passes in (clock.advance, clock.sleep):
        with pytest.raises(ValueError, match="time passes by seconds, 0 or more, not"):
            passes(seconds)
    assert (clock.now(), clock.slept) == (NOON, ())


def test_threads_that_sleep_at_once_all_pass_time(clock: VirtualClock) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(clock.sleep, [1] * 200))
    assert (clock.now(), len(clock.slept)) == (NOON + timedelta(seconds=200), 200)


def test_the_clock_of_the_machine_is_the_default() -> None:
    clock = SystemClock()
    before = datetime.now(timezone.utc)
    clock.sleep(0)
    asyncio.run(clock.async_sleep(0))
    assert before <= clock.now() <= datetime.now(timezone.utc)


@pytest.mark.parametrize(
    ("value", "told"), [(VirtualClock, "the class itself"), (5, "a value of type int")], ids=["class", "number"]
)
def test_what_is_no_clock_is_refused(value: Any, told: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        Executor(flow_of(Gateway()), clock=value)
    assert str(caught.value) == f"clock= takes a clock, such as SystemClock(), not {told}"


# --- within a call ---------------------------------------------------------------------------------------------------


@both_kinds
def test_a_builder_is_tried_again_until_it_works(clock: VirtualClock, store: Any, is_async) -> None:
    gateway = Gateway(ConnectionError, ConnectionResetError("secret"))
    with Executor(flow_of(gateway, EVEN, is_async=is_async), store=store, clock=clock) as runs:
        assert runs.run("1", Order(500)).result() == Invoice(500)
        assert clock.slept == (1, 2)
        failed = [line for line in lines_of(runs) if isinstance(line, Failed)]
        assert [(line.by, line.error, line.trial) for line in failed] == [
            ("charge", "ConnectionError", 1),
            ("charge", "ConnectionResetError", 2),
        ]
        assert "secret" not in repr(lines_of(runs))
        assert len({context.idempotency_key for context in gateway.calls}) == 1


@both_kinds
def test_an_awaited_run_waits_in_its_loop(clock: VirtualClock, is_async) -> None:
    async def run(runs: Executor[Any, Order]) -> Run[Any]:
        return await runs.arun("1", Order(500))

    with Executor(flow_of(Gateway(*[ConnectionError] * 3), EVEN, is_async=is_async), clock=clock) as runs:
        assert asyncio.run(run(runs)).result() == Invoice(500)
    assert clock.slept == (1, 2, 3)


def test_a_workflow_in_memory_tries_again_too() -> None:
    gateway = Gateway(ConnectionError)
    at_once = Retry(on=ConnectionError, first_wait_s=0)
    assert flow_of(gateway, at_once).run(Order(500)).result() == Invoice(500)
    assert len(gateway.calls) == 2


def test_the_last_attempt_fails_and_the_next_call_begins_to_count_anew(clock: VirtualClock, store: Any) -> None:
    gateway = Gateway(*[ConnectionError] * 5)
    with Executor(flow_of(gateway, EVEN), store=store, clock=clock) as runs:
        error = failure_of(lambda: runs.run("1", Order(500)))
        assert isinstance(error.__cause__, ConnectionError)
        assert (len(gateway.calls), clock.slept) == (4, (1, 2, 3))
        trials = [line.trial for line in lines_of(runs) if isinstance(line, Failed)]
        assert trials == [1, 2, 3, 0]
        assert runs.load("1").status is Status.FAILED
        assert runs.run("1").result() == Invoice(500)
        assert clock.slept == (1, 2, 3, 1)


@pytest.mark.parametrize(
    ("on", "error", "calls"),
    [
        (ConnectionError, ConnectionRefusedError, 2),
        ((KeyError, ConnectionError), KeyError("x"), 2),
        (ConnectionError, ValueError, 1),
        (Exception, ValueError, 2),
    ],
)
def test_only_the_exceptions_that_were_named_are_tried_again(
    clock: VirtualClock, on: Any, error: Raises, calls: int
) -> None:
    gateway = Gateway(error)
    runs = Executor(flow_of(gateway, Retry(on=on)), clock=clock)
    if calls == 1:
        failure_of(lambda: runs.run("1", Order(1)))
    else:
        runs.run("1", Order(1))
    assert len(gateway.calls) == calls


def test_a_wrong_product_is_not_tried_again(clock: VirtualClock) -> None:
    calls: List[Order] = []

    def charge(order: Order) -> Paid:
        calls.append(order)
        return order  # type: ignore[return-value]  # on purpose

    flow = workflow(target=Paid, inputs=Order, builders=[builder(charge, retry=Retry())])
    with pytest.raises(WrongProduct):
        Executor(flow, clock=clock).run("1", Order(1))
    assert (len(calls), clock.slept) == (1, ())


@given(
    first=st.floats(0, 10),
    factor=st.floats(1, 4),
    most=st.floats(0, 20),
    jitter=st.floats(0, 1),
    seed=st.integers(0, 9),
)
@examples(60)
def test_waits_grow_up_to_a_ceiling_less_what_is_random(
    first: float, factor: float, most: float, jitter: float, seed: int
) -> None:
    clock = VirtualClock()
    retry = Retry(attempts=6, first_wait_s=first, factor=factor, max_wait_s=most, jitter=jitter)
    state = random.getstate()
    random.seed(seed)
    try:
        Executor(flow_of(Gateway(*[KeyError] * 5), retry), clock=clock).run("1", Order(1))
        random.seed(seed)
        shares = [1 - jitter * random.random() for _ in range(5)]
    finally:
        random.setstate(state)
    full = [min(first * factor**at, most) for at in range(5)]
    assert clock.slept == pytest.approx([wait * share for wait, share in zip(full, shares)])
    assert all(wait * (1 - jitter) - 1e-9 <= slept <= wait + 1e-9 for wait, slept in zip(full, clock.slept))


def test_a_wait_longer_than_any_clock_can_count_is_cut(clock: VirtualClock) -> None:
    endless = Retry(first_wait_s=sys.float_info.max, max_wait_s=sys.float_info.max, jitter=0)
    Executor(flow_of(Gateway(KeyError), endless), clock=clock).run("1", Order(1))
    assert clock.slept == (1e9,)


def test_a_builder_whose_time_is_over_is_tried_again_if_that_was_named(clock: VirtualClock) -> None:
    gate = Gate()
    first = itertools.count()

    @builder(timeout_s=0.05, retry=Retry(attempts=1000, on=TimeoutError))
    def charge(order: Order, context: Context) -> Paid:
        if next(first) == 0:
            gate.through(context)
        return Paid(order.cents)

    with Executor(workflow(target=Paid, inputs=Order, builders=[charge]), clock=clock) as runs:
        assert runs.run("1", Order(1)).result() == Paid(1)
        assert [one.builder for one in runs.late()][:1] == ["charge"]
        assert {line.error for line in lines_of(runs) if isinstance(line, Failed)} == {"TimeoutError"}
        gate.open.set()
        wait_until(lambda: not runs.late())


def test_an_effect_that_goes_on_after_its_time_is_not_begun_once_more(clock: VirtualClock) -> None:
    gate = Gate()

    @builder(timeout_s=0.05, retry=Retry(), at_most_once=True)
    def charge(order: Order, context: Context) -> Paid:
        gate.through(context)
        return Paid(order.cents)

    with Executor(workflow(target=Paid, inputs=Order, builders=[charge]), clock=clock) as runs:
        with pytest.raises(TimedOut):
            runs.run("1", Order(1))
        with pytest.raises(Interrupted):
            runs.run("1")
        assert (len(gate.came), clock.slept) == (1, ())
        gate.open.set()


def test_an_effect_that_says_that_it_failed_is_tried_again(clock: VirtualClock, store: Any) -> None:
    gateway = Gateway(ConnectionError)
    runs = Executor(flow_of(gateway, EVEN, at_most_once=True), store=store, clock=clock)
    assert runs.run("1", Order(1)).result() == Invoice(1)
    kinds = [type(line).__name__ for line in lines_of(runs)]
    assert kinds == ["Started", "Fed", "Intended", "Failed", "Intended", "Built", "Built", "Rested"]


def test_a_wait_that_the_time_of_the_call_does_not_allow_ends_the_trials(clock: VirtualClock) -> None:
    gateway = Gateway(*[ConnectionError] * 3)
    slow = Retry(attempts=4, on=ConnectionError, first_wait_s=30, factor=2, max_wait_s=3600, jitter=0)
    runs = Executor(flow_of(gateway, slow), clock=clock)
    error = failure_of(lambda: runs.run("1", Order(1), timeout_s=40))
    assert isinstance(error.__cause__, ConnectionError)
    assert (len(gateway.calls), clock.slept) == (2, (30,))
    assert [line.trial for line in lines_of(runs) if isinstance(line, Failed)] == [1, 0]


def test_a_run_that_is_killed_between_two_trials_is_resumed(clock: VirtualClock, store: Any) -> None:
    class Killed(VirtualClock):  # type: ignore[misc]  # stands for a process that ends while it waits
        def sleep(self, seconds: float, /) -> None:
            raise KeyboardInterrupt

    gateway = Gateway(ConnectionError, ConnectionError)
    with pytest.raises(KeyboardInterrupt):
        Executor(flow_of(gateway, EVEN), store=store, clock=Killed()).run("1", Order(1))
    runs = Executor(flow_of(gateway, EVEN), store=store, clock=clock)
    assert [type(line).__name__ for line in lines_of(runs)] == ["Started", "Fed", "Failed"]
    assert runs.load("1").status is Status.FAILED
    assert runs.run("1").result() == Invoice(1)
    assert clock.slept == (1,)


def test_a_call_that_is_cancelled_while_it_waits_leaves_the_run_resumable() -> None:
    class Endless(VirtualClock):  # type: ignore[misc]  # keeps those waiting who await it
        async def async_sleep(self, seconds: float, /) -> None:
            waits.set()
            await asyncio.Event().wait()

    async def cancelled(runs: Executor[Any, Order]) -> None:
        call = asyncio.ensure_future(runs.arun("1", Order(1)))
        while not waits.is_set():
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    waits = threading.Event()
    runs = Executor(flow_of(Gateway(ConnectionError), EVEN, is_async=True), clock=Endless())
    asyncio.run(cancelled(runs))
    assert runs.load("1").status is Status.FAILED
    assert asyncio.run(runs.arun("1")).result() == Invoice(1)


def test_feeds_of_others_between_two_trials_are_taken_up(clock: VirtualClock, store: Any) -> None:
    gateway = Gateway(ConnectionError)
    fed: List[int] = []

    def feed(lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Failed) and not fed:
            fed.append(1)
            Executor(flow_of(gateway, EVEN), store=store).feed("1", Order(7))

    runs = Executor(flow_of(gateway, EVEN), store=WatchedStore(store, feed), clock=clock)
    assert runs.run("1", Order(5)).result() == Invoice(7)
    assert [line.trial for line in lines_of(runs) if isinstance(line, Failed)] == [1]


@pytest.mark.parametrize(
    ("field", "value"), [("attempts", 1), ("on", ()), ("jitter", 2)]
)  # the others are in test_options.py
def test_what_makes_no_sense_is_refused_when_it_is_written(field: str, value: Any) -> None:
    with pytest.raises(DefinitionError, match=rf"^Retry\({field}=\.\.\.\) takes"):
        Retry(**{field: value})


def test_without_tenacity_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenacity", None)
    with pytest.raises(DefinitionError) as caught:
        Retry()
    assert str(caught.value) == "Retry needs tenacity, which is not installed: pip install 'polaris-dsl[retry]'"


# --- hooks -----------------------------------------------------------------------------------------------------------


@both_kinds
def test_hooks_are_told_of_each_attempt_and_of_the_failure_only_at_the_end(clock: VirtualClock, is_async) -> None:
    everything = Everything()
    gateway = Gateway(ConnectionError("first"), *[ConnectionError] * 3)
    with Executor(flow_of(gateway, EVEN, is_async=is_async), hooks=[everything], clock=clock) as runs:
        failure_of(lambda: runs.run("1", Order(1)))
    kinds = [type(event) for event in everything.heard]
    assert kinds == [RunStarted, *[BuilderStarted, BuilderRetried] * 3, BuilderStarted, BuilderFailed, RunEnded]
    started = [event for event in everything.heard if isinstance(event, BuilderStarted)]
    retried = [event for event in everything.heard if isinstance(event, BuilderRetried)]
    (failed,) = [event for event in everything.heard if isinstance(event, BuilderFailed)]
    assert [event.attempt for event in started] == [1, 2, 3, 4]
    assert [(event.attempt, event.wait_s) for event in retried] == [(1, 1), (2, 2), (3, 3)]
    assert str(retried[0].error) == "first"
    assert (failed.attempt, type(failed.error)) == (4, ConnectionError)


class Strict(Hook):
    strict = True

    def __init__(self) -> None:
        self.fails = True
        self.failed_at: List[int] = []

    def retried(self, event: BuilderRetried, /) -> None:
        if self.fails:
            raise KeyError

    def failed(self, event: BuilderFailed, /) -> None:
        self.failed_at.append(event.attempt)


@both_kinds
def test_a_strict_hook_that_fails_in_between_ends_the_trials(clock: VirtualClock, is_async) -> None:
    gateway, hook = Gateway(ConnectionError), Strict()
    with Executor(flow_of(gateway, EVEN, is_async=is_async), hooks=[hook], clock=clock) as runs:
        with pytest.raises(HookFailed) as caught:
            runs.run("1", Order(1))
        assert (caught.value.event, caught.value.builder) == ("retried", "charge")
        assert (len(gateway.calls), clock.slept, hook.failed_at) == (1, (), [])
        assert [line.trial for line in lines_of(runs) if isinstance(line, Failed)] == [1]
        assert runs.load("1").status is Status.FAILED
        hook.fails = False
        assert runs.run("1").result() == Invoice(1)


def test_what_ends_the_call_elsewhere_ends_the_trials(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = threading.Event()
    breaks = Commits.breaks

    def breaks_and_says_so(commits: Commits, error: Optional[BaseException]) -> None:
        breaks(commits, error)
        if commits.broken is not None:
            broken.set()

    calls: List[int] = []

    @builder(retry=EVEN)
    def charge(order: Order) -> Paid:
        calls.append(order.cents)
        under_way.set()
        assert broken.wait(20)
        raise ConnectionError

    @builder
    def exits(order: Order) -> Quote:
        assert under_way.wait(20)
        raise SystemExit

    @builder
    def both(paid: Paid, quote: Quote) -> Invoice:
        raise AssertionError

    under_way = threading.Event()
    monkeypatch.setattr(Commits, "breaks", breaks_and_says_so)
    flow = workflow(target=Invoice, inputs=Order, builders=[charge, exits, both])
    with Executor(flow, clock=clock, max_workers=2) as runs:
        with pytest.raises(SystemExit):
            runs.run("1", Order(1))
        assert (calls, clock.slept) == ([1], ())
        assert [line.trial for line in lines_of(runs) if isinstance(line, Failed)] == [0]


class Endless(SystemClock):
    """A clock by which nobody who sleeps ever wakes; says in `asleep` that somebody sleeps in a loop."""

    def __init__(self) -> None:
        self.asleep = threading.Event()

    def sleep(self, seconds: float, /) -> None:
        raise AssertionError

    async def async_sleep(self, seconds: float, /) -> None:
        self.asleep.set()
        await asyncio.Event().wait()


HOURS = Retry(attempts=2, first_wait_s=3600, max_wait_s=3600)


class Retried(Hook):
    """Opens a gate when that many builders are about to wait for their next trial."""

    def __init__(self, count: int) -> None:
        self.waiting = threading.Event()
        self.left = count

    def retried(self, event: BuilderRetried, /) -> None:
        self.left -= 1
        if not self.left:
            self.waiting.set()


class Exited(NamedTuple):
    """Is never made."""


def test_what_ends_a_call_ends_the_waits_of_its_builders(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: List[float] = []
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: slept.append(seconds))

    @builder(retry=HOURS)
    def charge(order: Order) -> Paid:
        raise ConnectionError

    @builder(retry=HOURS)
    def ask(order: Order) -> Quote:
        raise ConnectionError

    @builder
    def exits(order: Order) -> Exited:
        assert retried.waiting.wait(20)
        raise KeyboardInterrupt

    @builder
    def together(paid: Paid, quote: Quote, exited: Exited) -> Invoice:
        raise AssertionError

    retried = Retried(2)
    flow = workflow(target=Invoice, inputs=Order, builders=[charge, ask, exits, together])
    with Executor(flow, store=store, hooks=[retried], max_workers=3) as runs:
        with pytest.raises(KeyboardInterrupt):
            runs.run("1", Order(1))
        assert runs.load("1").status is Status.FAILED
        assert [line.trial for line in lines_of(runs) if isinstance(line, Failed)] == [1, 1]
    assert slept == []


@both_kinds
def test_what_ends_an_awaited_call_ends_the_waits_of_its_builders(store: Any, is_async) -> None:
    clock = Endless()

    def charge(order: Order) -> Paid:
        raise ConnectionError

    async def charge_async(order: Order) -> Paid:
        raise ConnectionError

    @builder
    def exits(order: Order) -> Quote:
        assert clock.asleep.wait(20)
        raise SystemExit

    @builder
    def together(paid: Paid, quote: Quote) -> Invoice:
        raise AssertionError

    made: Any = charge_async if is_async else charge
    flow = workflow(target=Invoice, inputs=Order, builders=[builder(name="charge", retry=HOURS)(made), exits, together])

    async def main() -> None:
        with pytest.raises(SystemExit):
            await runs.arun("1", Order(1))

    with Executor(flow, store=store, clock=clock) as runs:
        asyncio.run(asyncio.wait_for(main(), 20))
        assert runs.load("1").status is Status.FAILED


# --- RetryAt ---------------------------------------------------------------------------------------------------------


def waiting_until(when: datetime = NOON + MINUTE) -> Gateway:
    return Gateway(RetryAt(when))


@both_kinds
@pytest.mark.parametrize("options", [{}, {"retry": Retry()}, {"timeout_s": 60}], ids=["bare", "retry", "timeout"])
def test_a_builder_that_asks_for_it_is_called_again_later(
    clock: VirtualClock, store: Any, is_async, options: Any
) -> None:
    gateway = waiting_until()
    flow = flow_of(gateway, is_async=is_async, **options)
    with Executor(flow, store=store, clock=clock) as runs:
        run = runs.run("1", Order(5))
        assert (run.status, run.wake_at, clock.slept) == (Status.PAUSED, NOON + MINUTE, ())
        assert repr(run) == "<run '1' paused, wakes at 2026-01-01T12:01:00+00:00>"
        (line,) = [line for line in lines_of(runs) if isinstance(line, Postponed)]
        assert (line.by, line.inputs, line.until) == ("charge", {"Order": 2}, "2026-01-01T12:01:00.000Z")
        assert lines_of(runs)[-1] == Rested(lines_of(runs)[-1].at, "paused", "2026-01-01T12:01:00.000Z")
        (listed,) = runs.runs()
        assert (listed.status, listed.wake_at) == (Status.PAUSED, NOON + MINUTE)
        clock.advance(59.999)
        assert (runs.run("1").wake_at, runs.wake()) == (NOON + MINUTE, ())
        assert len(gateway.calls) == 1
        clock.advance(3600)
        assert (runs.load("1").status, runs.load("1").wake_at) == (Status.PAUSED, NOON + MINUTE)
        assert runs.run("1").result() == Invoice(5)
        assert len({context.idempotency_key for context in gateway.calls}) == 1
        assert [listed.wake_at for listed in runs.runs()] == [None]


def test_what_asks_for_it_after_trials_waits_too(clock: VirtualClock) -> None:
    gateway = Gateway(ConnectionError, RetryAt(NOON + MINUTE))
    run = Executor(flow_of(gateway, Retry(jitter=0)), clock=clock).run("1", Order(5))
    assert (run.wake_at, clock.slept) == (NOON + MINUTE, (0.1,))


def test_an_effect_that_asks_for_it_may_be_called_again(clock: VirtualClock, store: Any) -> None:
    runs = Executor(flow_of(waiting_until(), at_most_once=True), store=store, clock=clock)
    runs.run("1", Order(5))
    (run,) = runs.wake(NOON + MINUTE)
    assert run.result() == Invoice(5)


def test_newer_data_that_come_in_the_same_call_have_what_asked_for_it_called_at_once(
    clock: VirtualClock, store: Any
) -> None:
    gateway = waiting_until()

    @builder
    def quote(order: Order) -> Quote:
        if order.cents == 5:
            runs.feed("1", Order(7))
        return Quote(order.cents)

    @builder
    def invoice(paid: Paid, quote: Quote) -> Invoice:
        return Invoice(paid.cents + quote.cents)

    charge = builder(name="charge")(gateway.charge)
    flow: Flow = workflow(target=Invoice, inputs=Order, builders=[charge, quote, invoice])
    runs = Executor(flow, store=store, clock=clock, max_workers=1)
    run = runs.run("1", Order(5))
    assert (run.result(), run.wake_at, len(gateway.calls)) == (Invoice(14), None, 2)


def test_a_workflow_in_memory_is_paused_as_well() -> None:
    run = flow_of(waiting_until()).run(Order(5))
    assert (run.status, run.wake_at) == (Status.PAUSED, NOON + MINUTE)
    with pytest.raises(IncompleteRun) as caught:
        run.result()
    assert caught.value.wake_at == NOON + MINUTE
    assert str(caught.value).endswith(
        "is paused: Invoice is not there yet\n"
        "  it waits until 2026-01-01T12:01:00+00:00\n"
        "  nothing is kept of a run in memory: only that of an Executor can go on"
    )


def test_a_wish_for_a_time_that_has_come_pauses_the_run_all_the_same(clock: VirtualClock) -> None:
    everything = Everything()
    runs = Executor(flow_of(waiting_until(NOON - MINUTE)), clock=clock, hooks=[everything])
    assert runs.run("1", Order(5)).wake_at == NOON - MINUTE
    assert [event.wait_s for event in everything.heard if isinstance(event, BuilderRetried)] == [0.0]
    assert [run.result() for run in runs.wake()] == [Invoice(5)]


def test_newer_data_makes_a_waiting_builder_due_at_once(clock: VirtualClock, store: Any) -> None:
    gateway = waiting_until()
    runs = Executor(flow_of(gateway), store=store, clock=clock)
    runs.run("1", Order(5))
    assert runs.run("1", Order(5)).wake_at == NOON + MINUTE
    runs.feed("1", Order(6))
    assert (runs.load("1").status, runs.load("1").wake_at) == (Status.DUE, None)
    assert [(listed.status, listed.wake_at) for listed in runs.runs()] == [(Status.DUE, None)]
    run = runs.run("1")
    assert (run.target, run.wake_at) == (Invoice(6), None)
    assert runs.wake(NOON + 2 * MINUTE) == ()


def test_a_complete_run_may_have_a_builder_that_waits(clock: VirtualClock, store: Any) -> None:
    gateway = waiting_until()

    @builder
    def quote(order: Order) -> Quote:
        return Quote(order.cents)

    charge = builder(name="charge")(gateway.charge)
    flow = workflow(target=Quote, inputs=Order, builders=[quote, charge])
    runs = Executor(flow, store=store, clock=clock)
    run = runs.run("1", Order(5))
    assert (run.status, run.target, run.wake_at) == (Status.COMPLETE, Quote(5), NOON + MINUTE)
    assert repr(run) == "<run '1' complete, wakes at 2026-01-01T12:01:00+00:00>"
    (woken,) = runs.wake(NOON + MINUTE)
    assert (woken.status, woken[Paid], woken.wake_at) == (Status.COMPLETE, Paid(5), None)


@pytest.mark.parametrize("later", [MINUTE, timedelta(microseconds=1)], ids=str)
def test_the_first_of_several_times_counts(clock: VirtualClock, later: timedelta) -> None:
    late, soon = waiting_until(NOON + MINUTE + later), waiting_until(NOON + MINUTE)

    def quote(order: Order, context: Context) -> Quote:
        return Quote(soon.charge(order, context).cents)

    @builder
    def invoice(paid: Paid, quote: Quote) -> Invoice:
        return Invoice(paid.cents)

    charge = builder(name="charge")(late.charge)
    flow = workflow(target=Invoice, inputs=Order, builders=[charge, builder(quote), invoice])
    runs = Executor(flow, clock=clock)
    assert runs.run("1", Order(5)).wake_at == NOON + MINUTE
    (run,) = runs.wake(NOON + MINUTE)
    assert (run.wake_at, run.get(Quote), len(late.calls)) == (NOON + MINUTE + later, Quote(5), 1)
    clock.advance(120)
    assert [run.result() for run in runs.wake()] == [Invoice(5)]


def test_a_builder_that_fails_when_it_is_woken_waits_no_more(clock: VirtualClock, store: Any) -> None:
    gateway = Gateway(RetryAt(NOON + MINUTE), KeyError)
    runs = Executor(flow_of(gateway), store=store, clock=clock)
    runs.run("1", Order(5))
    (run,) = runs.wake(NOON + MINUTE)
    assert (run.status, run.wake_at) == (Status.FAILED, None)
    assert runs.wake(NOON + MINUTE) == ()
    assert runs.run("1").result() == Invoice(5)


def test_a_builder_may_ask_for_it_again_and_again(clock: VirtualClock, store: Any) -> None:
    gateway = Gateway(*[RetryAt(NOON + number * MINUTE) for number in (1, 2, 3)])
    runs = Executor(flow_of(gateway), store=store, clock=clock)
    runs.run("1", Order(5))
    seen = []
    for _ in range(3):
        clock.advance(60)
        seen += [(run.status.value, run.wake_at) for run in runs.wake()]
    assert seen == [("paused", NOON + 2 * MINUTE), ("paused", NOON + 3 * MINUTE), ("complete", None)]


def test_times_are_kept_exactly() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    when = datetime(2026, 3, 1, 4, 59, 59, 999_001, tzinfo=zone)
    assert stamp_of(when) == "2026-02-28T23:29:59.999001Z"
    for micro in (0, 1, 999, 1000, 123_000, 123_001):
        exact = NOON + timedelta(microseconds=micro)
        assert moment(stamp_of(exact)) == exact
    assert stamp_of(datetime.min.replace(tzinfo=timezone.utc)) == "0001-01-01T00:00:00.000Z"
    assert stamp_of(datetime.max.replace(tzinfo=timezone.utc)) == "9999-12-31T23:59:59.999999Z"


def test_a_run_wakes_at_the_very_moment_that_it_asked_for(clock: VirtualClock, store: Any) -> None:
    when = NOON + timedelta(microseconds=123_456)
    runs = Executor(flow_of(waiting_until(when)), store=store, clock=clock)
    assert runs.run("1", Order(5)).wake_at == when
    assert [run.wake_at for run in runs.runs()] == [when]
    assert runs.wake(when - timedelta(microseconds=1)) == ()
    assert [run.result() for run in runs.wake(when)] == [Invoice(5)]


@pytest.mark.parametrize("when", [datetime(2026, 1, 1), "2026-01-01", 5], ids=str)  # noqa: DTZ001  on purpose
def test_a_time_without_a_zone_is_refused(when: Any) -> None:
    with pytest.raises(ValueError, match="RetryAt takes a datetime with a time zone, not"):
        RetryAt(when)
    with pytest.raises(DefinitionError, match=r"wake\(\) takes a datetime with a time zone, not"):
        Executor(flow_of(Gateway())).wake(when)


def test_a_time_that_is_no_date_is_refused() -> None:
    east, west = timezone(timedelta(hours=1)), timezone(timedelta(hours=-1))
    for when in (datetime.max.replace(tzinfo=west), datetime.min.replace(tzinfo=east)):
        with pytest.raises(ValueError, match="RetryAt takes a datetime that is one in UTC too, not"):
            RetryAt(when)


def test_the_wish_is_told_and_survives_pickling() -> None:
    asked = RetryAt(NOON)
    assert str(asked) == "to be tried again at 2026-01-01T12:00:00+00:00"
    assert pickle.loads(pickle.dumps(asked)).when == NOON  # noqa: S301  our own bytes


@both_kinds
def test_hooks_are_told_that_it_is_tried_again_and_when(clock: VirtualClock, is_async) -> None:
    everything = Everything()
    with Executor(flow_of(waiting_until(), is_async=is_async), hooks=[everything], clock=clock) as runs:
        runs.run("1", Order(5))
        kinds = [type(event) for event in everything.heard]
        assert kinds == [RunStarted, BuilderStarted, BuilderRetried, RunEnded]
        (retried,) = [event for event in everything.heard if isinstance(event, BuilderRetried)]
        assert (retried.attempt, type(retried.error), retried.wait_s) == (1, RetryAt, 60.0)
        everything.heard.clear()
        runs.wake(NOON + MINUTE)
    assert [type(event) for event in everything.heard][1:3] == [BuilderStarted, DataBuilt]


def test_a_wish_that_cannot_be_kept_is_told_as_failed(clock: VirtualClock) -> None:
    def refuse(lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Postponed):
            raise NotWritten("1", why="no space left")

    everything = Everything()
    store = WatchedStore(MemoryStore(), refuse)
    with pytest.raises(NotWritten):
        Executor(flow_of(waiting_until()), store=store, hooks=[everything], clock=clock).run("1", Order(5))
    assert [type(event) for event in everything.heard][1:] == [BuilderStarted, BuilderFailed, RunEnded]


# --- waking ----------------------------------------------------------------------------------------------------------


def test_runs_wait_over_processes(tmp_path: Path) -> None:
    code = """
        import sys
        from datetime import datetime, timedelta, timezone
        from typing import NamedTuple
        from polaris_dsl import Executor, FileStore, RetryAt, builder, workflow

        class Order(NamedTuple): cents: int
        class Paid(NamedTuple): cents: int

        @builder
        def pay(order: Order) -> Paid:
            if "first" in sys.argv:
                raise RetryAt(datetime(2026, 1, 1, 12, tzinfo=timezone.utc))
            return Paid(order.cents)

        runs = Executor(workflow(target=Paid, inputs=Order, builders=[pay]), store=FileStore(sys.argv[1]))
        if "first" in sys.argv:
            print(runs.run("1", Order(5)))
        else:
            print([run.wake_at for run in runs.runs()], runs.load("1"))
            print(runs.wake(datetime(2026, 1, 1, 11, tzinfo=timezone.utc)))
            print(runs.wake(datetime(2026, 1, 1, 12, tzinfo=timezone.utc)))
    """

    def told(*arguments: str) -> List[str]:
        command = [sys.executable, "-c", dedent(code), str(tmp_path / "runs"), *arguments]
        done = subprocess.run(
            command, cwd=str(Path(__file__).parent.parent), capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    paused = "<run '1' paused, wakes at 2026-01-01T12:00:00+00:00>"
    assert told("first") == [paused]
    listed = f"[datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.timezone.utc)] {paused}"
    assert told() == [listed, "()", "(<run '1' complete>,)"]


def test_of_several_runs_those_are_woken_whose_time_has_come(clock: VirtualClock, store: Any) -> None:
    waits = {str(number): NOON + number * MINUTE for number in range(1, 5)}

    @builder
    def charge(order: Order, context: Context) -> Paid:
        if context.run_id in waits:
            raise RetryAt(waits.pop(context.run_id))
        return Paid(order.cents)

    runs = Executor(workflow(target=Paid, inputs=Order, builders=[charge]), store=store, clock=clock)
    for run_id in [*waits, "ready"]:
        runs.run(run_id, Order(5))
    assert [run.id for run in runs.wake(NOON)] == []
    assert sorted(run.id for run in runs.wake(NOON + 2 * MINUTE)) == ["1", "2"]
    assert [run.id for run in runs.wake(NOON + 3 * MINUTE)] == ["3"]
    assert {run.id: run.status for run in runs.runs()}["4"] is Status.PAUSED
    clock.advance(600)
    assert [run.id for run in runs.wake()] == ["4"]
    assert runs.wake() == ()


def test_a_run_that_was_killed_after_it_asked_to_wait_is_found(clock: VirtualClock, store: Any) -> None:
    def killed(lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Rested):
            raise Stop

    gateway = waiting_until()
    with pytest.raises(Stop):
        Executor(flow_of(gateway), store=WatchedStore(store, killed), clock=clock).run("1", Order(5))
    runs = Executor(flow_of(gateway), store=store, clock=clock)
    assert isinstance(lines_of(runs)[-1], Postponed)
    assert [(run.status, run.wake_at) for run in runs.runs()] == [(Status.PAUSED, NOON + MINUTE)]
    assert [run.result() for run in runs.wake(NOON + MINUTE)] == [Invoice(5)]


def test_a_run_that_another_thread_holds_or_has_just_woken_is_passed_over(clock: VirtualClock, store: Any) -> None:
    gate, first = Gate(), itertools.count()

    @builder
    def charge(order: Order, context: Context) -> Paid:
        if next(first) < 2:
            raise RetryAt(NOON + MINUTE)
        gate.through(context)
        return Paid(order.cents)

    runs = Executor(workflow(target=Paid, inputs=Order, builders=[charge]), store=store, clock=clock)
    runs.run("1", Order(5))
    runs.run("2", Order(5))
    with ThreadPoolExecutor(1) as pool:
        waking = pool.submit(runs.wake, NOON + MINUTE)
        wait_until(lambda: len(gate.came) == 1)
        gate.open.set()
        other = runs.wake(NOON + MINUTE)
        woken = waking.result(30)
    assert sorted(run.id for run in (*woken, *other)) == ["1", "2"]
    assert next(first) == 4


def test_a_run_that_is_held_is_passed_over(clock: VirtualClock, store: Any) -> None:
    gateway = waiting_until()
    runs = Executor(flow_of(gateway), store=store, clock=clock)
    runs.run("1", Order(5))
    with ThreadPoolExecutor(1) as pool, runs._journals.hold("1", wait_s=0):
        assert pool.submit(runs.wake, NOON + MINUTE).result(30) == ()
    assert len(gateway.calls) == 1


class Between:
    """Does something after the runs were listed, and before they are woken."""

    def __init__(self, journals: Any, act: Callable[[], object]) -> None:
        self.journals = journals
        self.act = act

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journals, name)

    def runs(self) -> Any:
        listed = list(self.journals.runs())
        self.act()
        return iter(listed)


@pytest.mark.parametrize("act", ["run", "delete"])
@pytest.mark.parametrize("fed", [(), (Order(6),)], ids=["its time has come", "it was fed"])
def test_what_became_of_a_run_in_between_counts(
    clock: VirtualClock, store: Any, act: str, fed: Sequence[Order]
) -> None:
    gateway = waiting_until()
    runs = Executor(flow_of(gateway), store=store, clock=clock)
    runs.run("1", Order(5))
    runs.feed("1", *fed)
    acts: Any = {
        "run": lambda: runs._turns.run("1", {}, now=NOON + MINUTE),
        "delete": lambda: runs.delete("1"),
    }
    runs._runs = attrs.evolve(runs._runs, journals=Between(runs._journals, acts[act]))
    assert runs.wake(NOON + MINUTE) == ()
    assert [run_id for run_id, _ in runs._journals.runs()] == ([] if act == "delete" else ["1"])


def test_a_run_that_is_deleted_while_it_is_listed_is_passed_over(clock: VirtualClock, store: Any) -> None:
    runs = Executor(flow_of(Gateway()), store=store, clock=clock)
    runs.feed("1", Order(5))
    runs._runs = attrs.evolve(runs._runs, journals=Between(runs._journals, lambda: runs.delete("1")))
    assert list(runs.runs()) == []


def test_damage_keeps_no_other_run_from_being_woken(clock: VirtualClock, tmp_path: Path) -> None:
    files = FileStore(tmp_path / "runs", durability="process")
    runs = Executor(flow_of(Gateway(*[RetryAt(NOON + MINUTE)] * 4)), store=files, clock=clock)
    for run_id in "1234":
        runs.run(run_id, Order(5))
    journal: Any = runs._journals
    for run_id, old in (("1", b'"op":"rest"'), ("2", b'"op":"feed"')):  # its last line, and one that no listing reads
        path = Path(journal._folder.journal(run_id))
        path.write_bytes(path.read_bytes().replace(old, old.upper()))
    with pytest.raises(CorruptJournal):
        runs.wake(NOON + MINUTE)
    assert [runs.load(run_id).status for run_id in "34"] == [Status.COMPLETE] * 2
    shown: List[str] = []
    with pytest.raises(CorruptJournal):
        shown.extend(run.id for run in runs.runs())
    assert sorted(shown) == ["2", "3", "4"]


def test_a_fed_run_that_is_damaged_keeps_no_other_from_being_listed(tmp_path: Path) -> None:
    files = FileStore(tmp_path / "runs", durability="process")
    runs = Executor(flow_of(Gateway()), store=files)
    for run_id in "123":
        runs.feed(run_id, Order(5))
        runs.feed(run_id, Order(6))
    journal: Any = runs._journals
    path = Path(journal._folder.journal("1"))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"5}", b"4}"))
    assert path.read_bytes() != data
    shown: List[str] = []
    with pytest.raises(CorruptJournal):
        shown.extend(run.id for run in runs.runs())
    assert sorted(shown) == ["2", "3"]


def test_a_hook_that_ends_a_call_keeps_no_other_run_from_being_woken(clock: VirtualClock) -> None:
    class Ends(Hook):
        strict = True

        def built(self, event: DataBuilt, /) -> None:
            if event.run_id == "1":
                raise KeyError

    runs = Executor(flow_of(Gateway(*[RetryAt(NOON + MINUTE)] * 3)), hooks=[Ends()], clock=clock)
    for run_id in "123":
        runs.run(run_id, Order(5))
    with pytest.raises(HookFailed):
        runs.wake(NOON + MINUTE)
    assert [runs.load(run_id).status for run_id in "123"] == [Status.DUE, Status.COMPLETE, Status.COMPLETE]


# --- resuming what nobody has run to its end -------------------------------------------------------------------------


class Dies(BaseException):
    """Stands for the end of the process."""


def dying_flow(gateway: Gateway, *dies: str) -> Flow:
    """As `flow_of`, where the process ends in the invoice of each of these runs."""
    left = list(dies)

    @builder
    def invoice(paid: Paid, context: Context) -> Invoice:
        if context.run_id in left:
            left.remove(context.run_id)
            raise Dies
        return Invoice(paid.cents)

    return workflow(
        target=Invoice, inputs=Order, builders=[builder(name="charge")(gateway.charge), invoice], name="payments"
    )


def test_a_run_whose_process_died_behind_the_builder_that_was_woken_is_resumed(clock: VirtualClock, store: Any) -> None:
    gateway = waiting_until()
    runs = Executor(dying_flow(gateway, "1"), store=store, clock=clock)
    runs.run("1", Order(5))
    with pytest.raises(Dies):
        runs.wake(NOON + MINUTE)
    assert [(run.status, run.wake_at) for run in runs.runs()] == [(Status.DUE, None)]
    assert [run.result() for run in runs.wake(NOON - MINUTE)] == [Invoice(5)]
    assert (runs.wake(NOON + MINUTE), len(gateway.calls)) == ((), 2)


def test_a_run_whose_process_was_really_killed_is_resumed_by_another(tmp_path: Path) -> None:
    code = """
        import os, signal, sys
        from datetime import datetime, timezone
        from typing import NamedTuple
        from polaris_dsl import Executor, FileStore, RetryAt, builder, workflow

        class Order(NamedTuple): cents: int
        class Paid(NamedTuple): cents: int
        class Invoice(NamedTuple): cents: int

        @builder
        def pay(order: Order) -> Paid:
            if "first" in sys.argv:
                raise RetryAt(datetime(2026, 1, 1, 12, tzinfo=timezone.utc))
            return Paid(order.cents)

        @builder
        def invoice(paid: Paid) -> Invoice:
            if "dies" in sys.argv:
                os.kill(os.getpid(), signal.SIGKILL)
            return Invoice(paid.cents)

        flow = workflow(target=Invoice, inputs=Order, builders=[pay, invoice])
        runs = Executor(flow, store=FileStore(sys.argv[1]))
        print(runs.run("1", Order(5)) if "first" in sys.argv else runs.wake())
    """

    def ended(*arguments: str) -> Tuple[int, str]:
        command = [sys.executable, "-c", dedent(code), str(tmp_path / "runs"), *arguments]
        done = subprocess.run(
            command, cwd=str(Path(__file__).parent.parent), stdout=subprocess.PIPE, text=True, check=False, timeout=60
        )
        return done.returncode, done.stdout

    assert ended("first")[0] == 0
    assert ended("dies") == (-signal.SIGKILL, "")
    assert ended() == (0, "(<run '1' complete>,)\n")
    assert ended() == (0, "()\n")


def test_a_run_that_waits_and_is_fed_is_resumed_at_once(clock: VirtualClock, store: Any) -> None:
    gateway = waiting_until()
    runs = Executor(flow_of(gateway), store=store, clock=clock)
    runs.run("1", Order(5))
    runs.feed("1", Order(6))
    assert [run.result() for run in runs.wake()] == [Invoice(6)]
    assert runs.wake(NOON + MINUTE) == ()


def test_a_run_that_was_only_fed_is_begun(clock: VirtualClock, store: Any) -> None:
    runs = Executor(flow_of(Gateway()), store=store, clock=clock)
    runs.feed("1", Order(5))
    runs.feed("2")
    assert [run.result() for run in runs.wake()] == [Invoice(5)]
    assert {run.id: run.status for run in runs.runs()} == {"1": Status.COMPLETE, "2": Status.PAUSED}


def test_a_run_that_was_cancelled_is_resumed(clock: VirtualClock, store: Any) -> None:
    begun = threading.Event()

    @builder
    async def charge(order: Order) -> Paid:
        if not begun.is_set():
            begun.set()
            await asyncio.Event().wait()
        return Paid(order.cents)

    async def cancelled() -> None:
        call = asyncio.ensure_future(runs.arun("1", Order(5)))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    with Executor(workflow(target=Paid, inputs=Order, builders=[charge]), store=store, clock=clock) as runs:
        asyncio.run(cancelled())
        assert [run.result() for run in runs.wake()] == [Paid(5)]


def test_a_run_is_resumed_that_was_settled_since(clock: VirtualClock, store: Any) -> None:
    gateway = Gateway()
    gateway.left.append(Dies())  # type: ignore[arg-type]  # raised like any other
    runs = Executor(flow_of(gateway, at_most_once=True), store=store, clock=clock)
    with pytest.raises(Dies):
        runs.run("1", Order(5))
    assert runs.wake() == ()
    runs.settle("1", "charge", RETRY)
    assert [run.result() for run in runs.wake()] == [Invoice(5)]


def test_what_is_paused_or_complete_or_has_failed_is_left_alone(clock: VirtualClock, store: Any) -> None:
    gateway = Gateway(RetryAt(NOON + MINUTE), KeyError)
    runs = Executor(flow_of(gateway), store=store, clock=clock)
    runs.run("waits", Order(5))
    failure_of(lambda: runs.run("failed", Order(5)))
    runs.run("complete", Order(5))
    runs.run("paused")
    assert (runs.wake(), len(gateway.calls)) == ((), 3)
    loaded = {run.id: runs.load(run.id).status.value for run in runs.runs()}
    assert loaded == {"waits": "paused", "failed": "failed", "complete": "complete", "paused": "paused"}


def test_a_run_that_is_being_run_is_not_waited_for(clock: VirtualClock, store: Any) -> None:
    gate = Gate()

    @builder
    def charge(order: Order, context: Context) -> Paid:
        gate.through(context)
        return Paid(order.cents)

    runs = Executor(workflow(target=Paid, inputs=Order, builders=[charge]), store=store, clock=clock)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(runs.run, "1", Order(5))
        wait_until(lambda: len(gate.came) == 1)
        assert [run.status for run in runs.runs()] == [Status.DUE]
        assert runs.wake() == ()
        gate.open.set()
        assert running.result(30).result() == Paid(5)
    assert (runs.wake(), len(gate.came)) == ((), 1)


def test_a_builder_may_call_it(clock: VirtualClock, store: Any) -> None:
    woken: List[str] = []

    @builder
    def charge(order: Order, context: Context) -> Paid:
        if context.run_id == "1":
            woken.extend(run.id for run in runs.wake())
        return Paid(order.cents)

    runs = Executor(workflow(target=Paid, inputs=Order, builders=[charge]), store=store, clock=clock, max_workers=1)
    runs.feed("2", Order(6))
    assert runs.run("1", Order(5)).result() == Paid(5)
    assert woken == ["2"]


def test_of_runs_that_rest_no_more_than_the_last_line_is_read(clock: VirtualClock, store: Any) -> None:
    read: List[str] = []

    class Read(Between):
        def load(self, run: str, /, *, after: int = 0) -> Any:
            read.append(run)
            return self.journals.load(run, after=after)

    runs = Executor(flow_of(Gateway(RetryAt(NOON + MINUTE))), store=store, clock=clock)
    for run_id in ("waits", "complete", "complete too"):
        runs.run(run_id, Order(5))
    runs.feed("fed", Order(5))
    runs._runs = attrs.evolve(runs._runs, journals=Read(runs._journals, bool))
    assert [run.id for run in runs.wake()] == ["fed"]
    assert set(read) == {"fed"}


def test_a_loop_that_does_not_settle_keeps_no_other_run_from_being_resumed(clock: VirtualClock, store: Any) -> None:
    @builder
    def quote(paid: Paid) -> Quote:
        return Quote(paid.cents + 1)

    @builder
    def pay(quote: Quote) -> Paid:
        return Paid(min(100, quote.cents))

    flow = workflow(target=Paid, inputs=Quote, builders=[quote, pay])
    runs = Executor(flow, store=store, clock=clock, max_rounds=5)
    for run_id, cents in (("1", 1), ("2", 97), ("3", 98)):
        runs.feed(run_id, Quote(cents))
    with pytest.raises(NotSettled):
        runs.wake()
    assert {run.id: run.status.value for run in runs.runs()} == {"1": "due", "2": "complete", "3": "complete"}


def test_waking_heeds_the_time_that_a_call_has(clock: VirtualClock) -> None:
    gateway = waiting_until()
    flow = workflow(
        target=Paid, inputs=Order, builders=[builder(name="charge")(gateway.charge)], name="payments", timeout_s=50
    )
    runs = Executor(flow, clock=clock)
    runs.run("1", Order(5))
    runs.wake(NOON + MINUTE)
    assert all(context.deadline is not None for context in gateway.calls)
    assert len(gateway.calls) == 2


# --- the property ----------------------------------------------------------------------------------------------------

RUN = "order-42"


@given(flow=random_workflows(), data=st.data())
@examples(60)
def test_builders_that_are_tried_again_end_the_run_the_same(flow: RandomWorkflow, data: st.DataObject) -> None:
    names = st.sampled_from([shape.name for shape in flow.shapes])
    tries = data.draw(st.dictionaries(names, st.integers(1, 3)))
    waits = data.draw(st.dictionaries(names, st.integers(1, 3)))
    fed = [{one: data.draw(values_of(one)) for one in flow.inputs} for _ in range(2)]
    clock = VirtualClock()
    watch = Watch(tries=dict(tries), waits=dict(waits), clock=clock)
    retries = {name: Retry(attempts=2, jitter=0) for name in data.draw(st.sets(names))}
    runs = Executor(flow.real(watch, retries=retries), max_workers=1, clock=clock)
    for one in fed:
        run_or_fail(runs, one.values())
    run = runs.load(RUN)
    for _ in range(sum(tries.values()) + sum(waits.values())):
        if run.wake_at is not None and run.wake_at > clock.now():
            clock.advance((run.wake_at - clock.now()).total_seconds())
        if not runs.wake():
            run_or_fail(runs, ())
        run = runs.load(RUN)
    check_run(run, flow, naive_run(flow.naive, {**fed[0], **fed[1]}))
    assert (run.wake_at, runs.wake(clock.now() + 60 * MINUTE)) == (None, ())


def run_or_fail(runs: Executor[object, object], move: Any) -> Optional[Run[object]]:
    try:
        return runs.run(RUN, *move)
    except BuilderError:
        return None


def test_who_is_cancelled_while_a_plain_builder_runs_keeps_how_that_ended(store: Any) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @builder(retry=Retry(attempts=2, first_wait_s=60))
    def charge(order: Order) -> Paid:
        begun.set()
        assert go_on.wait(20)
        return Paid(order.cents)

    async def cancelled(runs: Executor[Any, Any]) -> None:
        call = asyncio.ensure_future(runs.arun("1", Order(5)))
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 20)
        call.cancel()
        await asyncio.sleep(0.01)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await call

    with Executor(workflow(target=Paid, inputs=Order, builders=[charge]), store=store) as runs:
        asyncio.run(cancelled(runs))
        assert runs.load("1").target == Paid(5)


def test_who_is_cancelled_while_a_plain_builder_waits_to_be_tried_again_waits_no_longer(store: Any) -> None:
    failed = threading.Event()

    @builder(retry=Retry(attempts=2, first_wait_s=3600, max_wait_s=3600))
    def charge(order: Order) -> Paid:
        failed.set()
        raise ConnectionError

    async def cancelled(runs: Executor[Any, Any]) -> None:
        call = asyncio.ensure_future(runs.arun("1", Order(5)))
        await asyncio.get_running_loop().run_in_executor(None, failed.wait, 20)
        await asyncio.sleep(0.2)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(call, 60)

    with Executor(workflow(target=Paid, inputs=Order, builders=[charge]), store=store, max_workers=1) as runs:
        asyncio.run(cancelled(runs))
        assert runs.load("1").status is Status.FAILED


def test_a_plain_builder_that_may_be_tried_again_is_waited_for_when_its_loop_ends(store: Any) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @builder(retry=Retry(attempts=2))
    def charge(order: Order) -> Paid:
        begun.set()
        assert go_on.wait(20)
        return Paid(order.cents)

    async def left_pending(runs: Executor[Any, Any]) -> object:
        call = asyncio.ensure_future(runs.arun("1", Order(5)))
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 20)
        threading.Timer(0.2, go_on.set).start()
        return call  # asyncio.run cancels all that is pending

    with Executor(workflow(target=Paid, inputs=Order, builders=[charge]), store=store) as runs:
        asyncio.run(left_pending(runs))
        assert runs.load("1").target == Paid(5)


def test_what_is_fed_at_the_very_end_of_an_awaited_call_is_heard(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rest, late = Commits.rest, [Order(6)]

    def after_a_feed(commits: Commits, status: str, wake: str) -> bool:
        if late:
            runs.feed("1", late.pop())
        return rest(commits, status, wake)

    monkeypatch.setattr(Commits, "rest", after_a_feed)
    with Executor(flow_of(Gateway()), store=store) as runs:
        run = asyncio.run(runs.arun("1", Order(5)))
        assert (run[Order], run.status) == (Order(6), Status.COMPLETE)
