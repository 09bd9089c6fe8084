"""Time limits: of a builder and of a whole call, what they end, and what nobody ever sees of what goes on."""

from __future__ import annotations

import asyncio
import logging
import math
import pickle
import re
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from textwrap import dedent
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_dsl import (
    BuilderError,
    Context,
    DefinitionError,
    Executor,
    FileStore,
    Late,
    MemoryStore,
    Run,
    Status,
    TimedOut,
    Workflow,
    builder,
    workflow,
)
from polaris_dsl._watch import Watch as Calls
from polaris_dsl.hooks import BuilderFailed, BuilderStarted
from polaris_dsl.stores import Built, Failed, Line, Released
from tests.naive_run import naive_run
from tests.random_workflows import RandomWorkflow, Watch, random_workflows
from tests.test_confluence import check_run, examples
from tests.test_executor import WatchedStore
from tests.test_hooks import Everything

SHORT_S = 0.03
"""For builders that do not end by themselves."""
WHOLE_S = 1.0
"""For calls in which something must have begun by then."""
LONG_S = 60.0
PATIENCE_S = 30.0


class Order(NamedTuple):
    cents: int


class Token(NamedTuple):
    text: str


class Invoice(NamedTuple):
    cents: int


class Paid(NamedTuple):
    cents: int


class Gate:
    """What builders go through, which keeps those waiting that come while it is closed."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.came: List[Context] = []
        self.returned = threading.Event()

    def through(self, context: Context) -> None:
        self.came.append(context)
        assert self.open.wait(PATIENCE_S)
        self.returned.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()
    for thread in threading.enumerate():
        if thread.name == "polaris-tokenize":
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "runs", durability="process")


Flow = Workflow[Paid, Order]


def flow_of(
    gate: Gate, *, limit_s: Optional[float] = None, whole_s: Optional[float] = None, is_async: bool = False
) -> Flow:
    """A token that is made behind a gate, what needs it, and an invoice that does not."""

    def tokenize(order: Order, context: Context) -> Token:
        gate.through(context)
        return Token("late")

    async def tokenize_async(order: Order, context: Context) -> Token:
        gate.came.append(context)
        for _ in range(int(PATIENCE_S * 1000)):
            if gate.open.is_set():
                return Token("late")
            await asyncio.sleep(0.001)
        raise AssertionError

    @builder
    def invoice(order: Order) -> Invoice:
        return Invoice(order.cents)

    @builder
    def pay(order: Order, token: Token) -> Paid:
        return Paid(order.cents)

    makes: Callable[..., Any] = tokenize_async if is_async else tokenize
    first = builder(name="tokenize", timeout_s=limit_s)(makes)
    return workflow(target=Paid, inputs=Order, builders=[first, invoice, pay], name="payments", timeout_s=whole_s)


def timed_out(call: Callable[[], object]) -> TimedOut:
    with pytest.raises(TimedOut) as caught:
        call()
    return caught.value


def lines_of(runs: Executor[Any, Any]) -> Sequence[Line]:
    return runs._journals.load("1")


def built(lines: Sequence[Line]) -> List[str]:
    return [line.by for line in lines if isinstance(line, Built)]


both_kinds = pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])


# --- a builder's own time --------------------------------------------------------------------------------------------


@both_kinds
def test_a_builder_that_takes_longer_than_its_time_fails_and_the_rest_is_kept(gate: Gate, store: Any, is_async) -> None:
    with Executor(flow_of(gate, limit_s=SHORT_S, is_async=is_async), store=store) as runs:
        error = timed_out(lambda: runs.run("1", Order(500)))
        assert (error.builder, error.run_id, error.limit_s, error.whole, error.begun) == (
            *("tokenize", "1", SHORT_S, False),
            True,
        )
        assert isinstance(error.__cause__, TimeoutError)
        assert error.failures == (error,)
        run: Any = error.run
        assert (run.status, run.get(Invoice), run.get(Token)) == (Status.FAILED, Invoice(500), None)
        assert str(error).splitlines()[0] == "builder tokenize took longer than its 0.03 s"
        (failed,) = [line for line in lines_of(runs) if isinstance(line, Failed)]
        assert (failed.by, failed.error, failed.trial) == ("tokenize", "TimeoutError", 0)
        assert runs.load("1").status is Status.FAILED
    gate.open.set()
    with Executor(flow_of(gate, limit_s=LONG_S, is_async=is_async), store=store) as longer:
        again = longer.run("1")
    assert (again.status, again.target, again[Token]) == (Status.COMPLETE, Paid(500), Token("late"))


def test_what_a_late_builder_returns_is_never_seen_nor_committed(gate: Gate, store: Any) -> None:
    with Executor(flow_of(gate, limit_s=SHORT_S), store=store) as runs:
        timed_out(lambda: runs.run("1", Order(500)))
        before = lines_of(runs)
        gate.open.set()
        assert gate.returned.wait(PATIENCE_S)
        wait_until(lambda: not runs.late())
        assert (runs.load("1").get(Token), lines_of(runs)) == (None, before)
        assert len(gate.came) == 1
    with Executor(flow_of(gate, limit_s=LONG_S), store=store) as longer:
        assert longer.run("1").status is Status.COMPLETE
    assert len(gate.came) == 2


def wait_until(holds: Callable[[], bool]) -> None:
    ticks = threading.Event()
    for _ in range(int(PATIENCE_S * 1000)):
        if holds():
            return
        ticks.wait(0.001)
    raise AssertionError


def test_a_late_builder_is_accounted_for_and_logged_until_it_ends(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="polaris_dsl")
    began = datetime.now(timezone.utc)
    with Executor(flow_of(gate, limit_s=SHORT_S)) as runs:
        assert runs.late() == ()
        timed_out(lambda: runs.run("1", Order(500)))
        timed_out(lambda: runs.run("2", Order(500)))
        late = runs.late()
        assert [(one.run_id, one.builder) for one in late] == [("1", "tokenize"), ("2", "tokenize")]
        assert began < late[0].since <= late[1].since <= datetime.now(timezone.utc)
        assert late[0] == Late("1", "tokenize", late[0].since)
        gate.open.set()
        wait_until(lambda: not runs.late())
        wait_until(lambda: len(caplog.messages) == 4)
    assert caplog.messages[:2] == [
        f"run {run}: builder tokenize goes on by itself; its result will not be seen" for run in "12"
    ]
    assert all(
        re.fullmatch(r"run \d: builder tokenize ended \d+\.\d{3} s too late", text) for text in caplog.messages[2:]
    )


def test_a_builder_that_goes_on_after_ctrl_c_is_late_as_well(
    gate: Gate, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    @builder(timeout_s=LONG_S)
    def tokenize(order: Order, context: Context) -> Token:
        if not gate.came:
            signal.pthread_kill(cast(int, threading.main_thread().ident), signal.SIGINT)
            gate.through(context)
            return Token("late")
        return Token("in time")

    caplog.set_level(logging.WARNING, logger="polaris_dsl")
    with Executor(workflow(target=Token, inputs=Order, builders=[tokenize]), store=store) as runs:
        with pytest.raises(KeyboardInterrupt):
            runs.run("1", Order(500))
        wait_until(lambda: len(gate.came) == 1)
        assert [(one.run_id, one.builder) for one in runs.late()] == [("1", "tokenize")]
        assert caplog.messages == ["run 1: builder tokenize goes on by itself; its result will not be seen"]
        assert runs.load("1").status is Status.DUE
        assert runs.run("1").result() == Token("in time")
        gate.open.set()
        wait_until(lambda: not runs.late())
        wait_until(lambda: len(caplog.messages) == 2)
        assert runs.load("1").result() == Token("in time")
        assert built(lines_of(runs)) == ["tokenize"]


def test_what_ctrl_c_was_faster_than_is_never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    threads: List[threading.Thread] = []
    called: List[str] = []

    def start_later(thread: threading.Thread) -> None:
        threads.append(thread)
        raise KeyboardInterrupt

    watch = Calls()
    monkeypatch.setattr(threading.Thread, "start", start_later)
    with pytest.raises(KeyboardInterrupt):
        watch.call(lambda: called.append("late"), limit_s=LONG_S, run_id="1", builder="tokenize")
    (thread,) = threads
    start(thread)
    thread.join(PATIENCE_S)
    assert (called, watch.late()) == ([], ())


def test_an_async_builder_that_is_cancelled_is_not_late(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    with Executor(flow_of(gate, limit_s=SHORT_S, is_async=True)) as runs:
        timed_out(lambda: runs.run("1", Order(500)))
        assert runs.late() == ()
    assert caplog.messages == []


def test_an_async_builder_that_will_not_be_cancelled_is_late() -> None:
    stop = threading.Event()

    @builder(timeout_s=SHORT_S)
    async def tokenize(order: Order) -> Token:
        while not stop.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue
        return Token("late")

    flow = workflow(target=Token, inputs=Order, builders=[tokenize])
    with Executor(flow) as runs:
        timed_out(lambda: runs.run("1", Order(500)))
        assert [one.builder for one in runs.late()] == ["tokenize"]
        stop.set()
        wait_until(lambda: not runs.late())
        assert runs.load("1").get(Token) is None


@both_kinds
def test_a_builder_that_ends_in_time_is_as_any_other(gate: Gate, store: Any, is_async) -> None:
    gate.open.set()
    with Executor(flow_of(gate, limit_s=LONG_S, whole_s=2 * LONG_S, is_async=is_async), store=store) as runs:
        run = runs.run("1", Order(500))
        assert (run.status, run[Token], runs.late()) == (Status.COMPLETE, Token("late"), ())
        assert sorted(built(lines_of(runs))) == ["invoice", "pay", "tokenize"]


def test_a_builder_with_a_time_raises_and_runs_as_one_without() -> None:
    seen: List[object] = []

    @builder(timeout_s=LONG_S)
    def tokenize(order: Order) -> Token:
        seen.append(threading.current_thread().name)
        if order.cents == 13:
            raise KeyError(order.cents)
        return Token("in time")

    runs = Executor(workflow(target=Token, inputs=Order, builders=[tokenize]))
    with pytest.raises(BuilderError) as caught:
        runs.run("1", Order(13))
    assert type(caught.value) is BuilderError
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.place.startswith(__file__)
    assert runs.run("1", Order(14)).result() == Token("in time")
    assert seen == ["polaris-tokenize"] * 2


def test_what_is_no_error_of_a_builder_comes_out_of_its_thread() -> None:
    @builder(timeout_s=LONG_S)
    def tokenize(order: Order) -> Token:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Executor(workflow(target=Token, inputs=Order, builders=[tokenize])).run("1", Order(13))


def test_a_builder_in_a_thread_of_its_own_still_knows_its_run(gate: Gate) -> None:
    @builder(timeout_s=LONG_S)
    def tokenize(order: Order) -> Token:
        with pytest.raises(Exception, match="wait for itself") as caught:
            runs.run("1")
        raise caught.value

    runs = Executor(workflow(target=Token, inputs=Order, builders=[tokenize]))
    with pytest.raises(BuilderError):
        runs.run("1", Order(1))


@both_kinds
def test_a_time_longer_than_any_clock_can_count_is_no_limit(gate: Gate, is_async) -> None:
    gate.open.set()
    flow = flow_of(gate, limit_s=sys.float_info.max, is_async=is_async)
    assert Executor(flow).run("1", Order(1), timeout_s=sys.float_info.max).status is Status.COMPLETE
    (deadline,) = {context.deadline for context in gate.came}
    assert deadline is not None
    assert deadline.year > datetime.now(timezone.utc).year + 10


# --- the time of the whole -------------------------------------------------------------------------------------------


@both_kinds
def test_the_time_of_a_call_ends_what_runs_and_nothing_is_begun_after_it(gate: Gate, store: Any, is_async) -> None:
    with Executor(flow_of(gate, is_async=is_async), store=store, max_workers=1) as runs:
        error = timed_out(lambda: runs.run("1", Order(500), timeout_s=WHOLE_S))
        assert [(one.builder, one.begun, one.whole, one.limit_s) for one in all_of(error)] == [
            ("tokenize", True, True, WHOLE_S),
            ("invoice", False, True, WHOLE_S),
        ]
        texts = [str(one).splitlines()[0] for one in all_of(error)]
        assert texts == [
            "builder tokenize was still running when the 1 s of this call of run() were over",
            "builder invoice was not begun: the 1 s of this call of run() were over",
        ]
        assert "also failed: invoice" in str(error)
        lines = lines_of(runs)
        assert [line.by for line in lines if isinstance(line, Failed)] == ["tokenize"]
        assert built(lines) == []
        gate.open.set()
        assert runs.run("1").status is Status.COMPLETE


def all_of(error: TimedOut) -> List[TimedOut]:
    return [one for one in error.failures if isinstance(one, TimedOut)]


def test_a_run_in_which_nothing_was_begun_in_time_is_due(gate: Gate) -> None:
    runs = Executor(flow_of(gate))
    error = timed_out(lambda: runs.run("1", Order(500), timeout_s=1e-9))
    assert [one.begun for one in all_of(error)] == [False, False]
    assert (gate.came, runs.load("1").status, runs.late()) == ([], Status.DUE, ())


def test_a_workflow_says_how_long_a_call_takes_unless_the_call_does(gate: Gate) -> None:
    runs = Executor(flow_of(gate, whole_s=WHOLE_S))
    error = timed_out(lambda: runs.run("1", Order(500)))
    assert (error.limit_s, error.whole) == (WHOLE_S, True)
    error = timed_out(lambda: runs.run("1", timeout_s=2 * WHOLE_S))
    assert error.limit_s == 2 * WHOLE_S
    gate.open.set()
    longer = Executor(flow_of(gate, whole_s=1e-9))
    assert longer.run("1", Order(500), timeout_s=LONG_S).status is Status.COMPLETE


def test_a_workflow_that_is_run_in_memory_has_its_time_too(gate: Gate) -> None:
    error = timed_out(lambda: flow_of(gate, whole_s=WHOLE_S).run(Order(500)))
    assert [(one.builder, one.begun) for one in all_of(error)] == [("tokenize", True), ("invoice", False)]
    error = timed_out(lambda: flow_of(gate, limit_s=SHORT_S).run(Order(500)))
    assert (error.builder, error.whole) == ("tokenize", False)
    run: Any = error.run
    assert run[Invoice] == Invoice(500)
    gate.open.set()
    assert flow_of(gate, limit_s=LONG_S, whole_s=LONG_S).run(Order(500)).result() == Paid(500)


@both_kinds
def test_an_awaited_run_has_the_same_times(gate: Gate, is_async) -> None:
    async def both(runs: Executor[Paid, Order]) -> List[TimedOut]:
        errors = []
        for number, limit_s in enumerate([None, WHOLE_S / 2]):
            with pytest.raises(TimedOut) as caught:
                await runs.arun(f"{number}", Order(500), timeout_s=limit_s)
            errors.append(caught.value)
        return errors

    with Executor(flow_of(gate, limit_s=WHOLE_S, is_async=is_async)) as runs:
        own, whole = asyncio.run(both(runs))
        assert (own.whole, own.limit_s, whole.whole, whole.limit_s) == (False, WHOLE_S, True, WHOLE_S / 2)
        assert len(runs.late()) == (0 if is_async else 2)
        assert runs.load("0").get(Invoice) == Invoice(500)
        gate.open.set()


def test_an_awaited_run_begins_no_async_builder_after_its_time(gate: Gate) -> None:
    async def run(runs: Executor[Paid, Order]) -> None:
        await runs.arun("1", Order(500), timeout_s=1e-9)

    runs = Executor(flow_of(gate, is_async=True))
    assert not timed_out(lambda: asyncio.run(run(runs))).begun
    assert gate.came == []


@both_kinds
def test_an_effect_that_was_not_begun_in_time_is_not_taken_for_interrupted(is_async) -> None:
    came: List[Order] = []
    slow = True

    def before(lines: Sequence[Line]) -> None:
        if slow and any(type(line).__name__ == "Intended" for line in lines):
            threading.Event().wait(2 * WHOLE_S)

    def charge_plainly(order: Order) -> Paid:
        came.append(order)
        return Paid(order.cents)

    async def charge_async(order: Order) -> Paid:
        return charge_plainly(order)

    charges: Callable[..., Any] = charge_async if is_async else charge_plainly
    charge = builder(name="charge", at_most_once=True)(charges)
    flow: Workflow[Any, Order] = workflow(target=Paid, inputs=Order, builders=[charge])
    runs = Executor(flow, store=WatchedStore(MemoryStore(), before))
    assert not timed_out(lambda: runs.run("1", Order(5), timeout_s=1e-9)).begun
    assert [type(line).__name__ for line in lines_of(runs)] == ["Started", "Fed", "Rested"]
    assert not timed_out(lambda: runs.run("1", timeout_s=WHOLE_S)).begun
    assert [line.by for line in lines_of(runs) if isinstance(line, Released)] == ["charge"]
    slow = False
    assert (came, runs.load("1").status) == ([], Status.DUE)
    assert runs.run("1", timeout_s=LONG_S).result() == Paid(5)


# --- what a builder can know of it -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own_s", "whole_s", "sooner_s"),
    [(None, None, None), (50.0, None, 50.0), (None, 40.0, 40.0), (50.0, 40.0, 40.0), (30.0, 40.0, 30.0)],
)
@both_kinds
def test_a_builder_can_read_when_its_time_is_over(
    gate: Gate, is_async, own_s: Optional[float], whole_s: Optional[float], sooner_s: Optional[float]
) -> None:
    gate.open.set()
    before = datetime.now(timezone.utc)
    with Executor(flow_of(gate, limit_s=own_s, is_async=is_async)) as runs:
        runs.run("1", Order(1), timeout_s=whole_s)
    (context,) = gate.came
    if sooner_s is None:
        assert (context.deadline, context.left_s) == (None, None)
        return
    assert context.deadline is not None
    assert timedelta(0) <= context.deadline - before - timedelta(seconds=sooner_s) < timedelta(seconds=10)
    assert context.left_s is not None
    assert sooner_s - 10 < context.left_s <= sooner_s


def test_nothing_is_left_of_a_time_that_is_over() -> None:
    past = datetime.now(timezone.utc) - timedelta(seconds=5)
    assert Context(run_id="1", builder="pay", idempotency_key="", deadline=past).left_s == 0.0


# --- who is told -----------------------------------------------------------------------------------------------------


def test_hooks_are_told_that_a_builder_failed_and_not_that_one_began_which_did_not(gate: Gate) -> None:
    everything = Everything()
    runs = Executor(flow_of(gate), hooks=[everything], max_workers=1)
    timed_out(lambda: runs.run("1", Order(500), timeout_s=WHOLE_S))
    assert [event.builder for event in everything.heard if isinstance(event, BuilderStarted)] == ["tokenize"]
    failed = [event for event in everything.heard if isinstance(event, BuilderFailed)]
    assert [event.builder for event in failed] == ["tokenize", "invoice"]
    assert all(isinstance(event.error, TimeoutError) for event in failed)
    assert failed[0].took_s >= WHOLE_S / 2
    heard = list(everything.heard)
    gate.open.set()
    wait_until(lambda: not runs.late())
    assert everything.heard == heard


def test_the_error_survives_pickling(gate: Gate) -> None:
    error = timed_out(lambda: Executor(flow_of(gate, limit_s=SHORT_S)).run("1", Order(500)))
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert (copy.limit_s, copy.whole, copy.begun, copy.builder) == (SHORT_S, False, True, "tokenize")
    assert str(copy) == str(error)


def test_a_time_is_told_as_it_was_given() -> None:
    facts: Dict[str, Any] = {"builder": "pay", "run_id": "1", "place": "shop.py:1"}
    assert "its 3600 s" in str(TimedOut(**facts, limit_s=3600.0))
    assert "its 0.25 s" in str(TimedOut(**facts, limit_s=0.25))


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "3", True])
def test_what_is_no_time_is_refused_before_anything_is_fed(gate: Gate, value: Any) -> None:
    runs = Executor(flow_of(gate))
    message = r"run\(timeout_s=\.\.\.\) takes seconds, more than 0 and finite, not"
    with pytest.raises(DefinitionError, match=message):
        runs.run("1", Order(1), timeout_s=value)
    with pytest.raises(DefinitionError, match=message):
        asyncio.run(arun(runs, timeout_s=value))
    assert list(runs.runs()) == []


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, "3", True])
def test_what_is_no_time_to_wait_for_a_run_is_refused_before_anything_is_fed(gate: Gate, value: Any) -> None:
    runs = Executor(flow_of(gate))
    message = r"run\(wait_s=\.\.\.\) takes seconds, 0 or more and finite, not .*; leave it out for none"
    with pytest.raises(DefinitionError, match=message):
        runs.run("1", Order(1), wait_s=value)
    with pytest.raises(DefinitionError, match=message):
        asyncio.run(arun(runs, wait_s=value))
    assert list(runs.runs()) == []


def test_no_time_at_all_to_wait_for_a_run_is_one(gate: Gate) -> None:
    gate.open.set()
    runs = Executor(flow_of(gate))
    assert runs.run("1", Order(1), wait_s=0).target == asyncio.run(arun(runs, wait_s=0)).target


async def arun(runs: Executor[Paid, Order], **times: Any) -> Run[Paid]:
    return await runs.arun("1", Order(1), **times)


# --- the process -----------------------------------------------------------------------------------------------------


def test_a_process_can_end_while_a_builder_is_late(tmp_path: Path) -> None:
    code = """
        import threading
        from typing import NamedTuple
        from polaris_dsl import Executor, TimedOut, builder, workflow

        class Order(NamedTuple): cents: int
        class Paid(NamedTuple): cents: int

        @builder(timeout_s=0.01)
        def pay(order: Order) -> Paid:
            threading.Event().wait()
            return Paid(1)

        with Executor(workflow(target=Paid, inputs=Order, builders=[pay])) as runs:
            try:
                runs.run("1", Order(1))
            except TimedOut:
                print(len(runs.late()), "is late")
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        cwd=str(Path(__file__).parent.parent),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1 is late\n")


def test_a_call_that_ends_the_moment_its_time_does_is_seen_and_leaves_nothing_behind() -> None:
    calls = Calls()
    assert calls.call(lambda: 5, limit_s=LONG_S, run_id="1", builder="pay") == 5
    seen = {calls.call(lambda: 5, limit_s=0.0, run_id="1", builder="pay") for _ in range(50)}
    assert seen <= {5, None}
    wait_until(lambda: not calls.late())


# --- the property ----------------------------------------------------------------------------------------------------

RUN = "order-42"


@given(flow=random_workflows(), data=st.data())
@examples(40)
def test_builders_whose_time_is_over_are_tried_until_the_run_ends_the_same(
    flow: RandomWorkflow, data: st.DataObject
) -> None:
    late = data.draw(st.dictionaries(st.sampled_from([shape.name for shape in flow.shapes]), st.integers(1, 2)))
    fed = {one: data.draw(values_of(one)) for one in flow.inputs}
    newer = {one: data.draw(values_of(one)) for one in data.draw(st.lists(st.sampled_from(flow.inputs), unique=True))}
    watch = Watch(late=dict(late))
    real = flow.real(watch, limits_s=dict.fromkeys(late, 0.01))
    with Executor(real, max_workers=data.draw(st.sampled_from([1, 4]))) as runs:
        try:
            run_or_time_out(runs, fed.values())
            run_or_time_out(runs, newer.values())
            run = to_the_end(runs)
            after = naive_run(flow.naive, {**fed, **newer})
            check_run(run, flow, after)
        finally:
            watch.go.set()
        wait_until(lambda: not runs.late())
        check_run(runs.load(RUN), flow, after)
        check_run(runs.run(RUN), flow, after)


def values_of(data: type) -> st.SearchStrategy[object]:
    from tests.random_workflows import value  # noqa: PLC0415  its name is taken here

    return st.integers(0, 2).map(lambda number: value(data, number))


def run_or_time_out(runs: Executor[object, object], data: Any) -> Optional[Run[object]]:
    try:
        return runs.run(RUN, *data)
    except TimedOut:
        return None


def to_the_end(runs: Executor[object, object]) -> Run[object]:
    for _ in range(100):
        run = run_or_time_out(runs, ())
        if run is not None:
            return run
    raise AssertionError
