"""What a listing tells of a run, and hooks are told at the end of a call, is what `load` tells: after any story."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple, Union

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polaris_dsl import (
    RETRY,
    Builder,
    BuilderError,
    CodecError,
    Executor,
    FileStore,
    MemoryStore,
    NotInterrupted,
    Retry,
    RetryAt,
    Run,
    Status,
    UnknownRun,
    Workflow,
    builder,
    workflow,
)
from polaris_dsl._run import run_of
from polaris_dsl.hooks import Hook, RunEnded
from polaris_dsl.stores import Fed, Line, Put, Rested, Started, Store
from polaris_dsl.stores.sqlite import SqliteStore
from polaris_dsl.testing import VirtualClock
from tests.random_workflows import RandomWorkflow, Watch, random_workflows, value
from tests.test_transient import some_transient

RUN = "order-42"
AT = "2026-03-01T09:30:00.000Z"


class Killed(BaseException):
    """Stands for the end of the process."""


@attrs.define
class Dying:
    """Journals to which a process writes that dies at one of its commits: before it (-1), or behind it (1)."""

    journals: Any
    left: int = -1
    side: int = 1

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Sequence[Line]:
        dies, self.left = self.left == 0, self.left - 1
        if dies and self.side < 0:
            raise Killed
        appended: Sequence[Line] = self.journals.append(run, expected_n, lines)
        if dies:
            raise Killed
        return appended

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journals, name)


@attrs.frozen
class DyingStore:
    """A store of a process that dies."""

    store: Store
    left: int = -1
    side: int = 1

    @property
    def encoded(self) -> bool:
        return self.store.encoded

    def open(self, name: str, /) -> Any:
        return self.store.open(name) if self.left < 0 else Dying(self.store.open(name), self.left, self.side)


# --- one story, by hand ----------------------------------------------------------------------------------------------


@attrs.frozen
class Order:
    cents: int


@attrs.frozen
class Session:
    cents: int


@attrs.frozen
class Quote:
    cents: int


@attrs.frozen
class Paid:
    cents: int


@attrs.frozen
class Invoice:
    cents: int


@pytest.fixture(params=["memory", "file", "sqlite"], name="store")
def every_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "file":
        return FileStore(tmp_path / "runs", durability="process")
    return SqliteStore(tmp_path / "runs.db", durability="process")


def waiting_flow(clock: VirtualClock, dies: List[str]) -> Workflow[Invoice, Order]:
    """A charge that waits for an hour, and a quote that takes a session, which is transient; `dies`: who is next to."""
    opens = VirtualClock().now() + timedelta(hours=1)

    def may_die(name: str) -> None:
        if name in dies:
            dies.remove(name)
            raise Killed

    @builder
    def charge(order: Order) -> Paid:
        may_die("charge")
        if clock.now() < opens:
            raise RetryAt(opens)
        return Paid(order.cents)

    @builder
    def connect(order: Order) -> Session:
        return Session(order.cents)

    @builder
    def quote(session: Session) -> Quote:
        may_die("quote")
        return Quote(session.cents)

    @builder
    def invoice(paid: Paid, quote: Quote) -> Invoice:
        return Invoice(paid.cents + quote.cents)

    return workflow(target=Invoice, inputs=Order, builders=[charge, connect, quote, invoice], transient=Session)


def told_of(runs: Executor[Any, Any]) -> Tuple[Status, Any]:
    """Return where the run stands, and until when it waits: as all tell it who are asked."""
    run, (listed,) = runs.load(RUN), runs.runs()
    assert (listed.status, listed.wake_at) == (run.status, run.wake_at)
    return run.status, run.wake_at


def test_that_a_call_was_cut_off_which_had_transient_data_does_not_hide_until_when_the_run_waits(store: Store) -> None:
    clock, dies = VirtualClock(), ["quote"]
    opens = clock.now() + timedelta(hours=1)
    runs = Executor(waiting_flow(clock, dies), store=store, clock=clock, max_workers=1)
    with pytest.raises(Killed):
        runs.run(RUN, Order(5))
    assert told_of(runs) == (Status.DUE, opens)
    clock.advance(7200)
    dies.append("charge")
    with pytest.raises(Killed):
        runs.wake()
    assert told_of(runs) == (Status.DUE, opens)
    with Executor(waiting_flow(clock, dies), store=store, clock=clock, max_workers=1) as another:
        assert [run.result() for run in another.wake()] == [Invoice(10)]
    assert told_of(runs) == (Status.COMPLETE, None)


def test_what_a_call_had_that_was_cut_off_is_let_go_of_as_the_run_stands(store: Store) -> None:
    clock, dies = VirtualClock(), ["quote"]
    flow = waiting_flow(clock, dies)
    runs = Executor(flow, store=store, clock=clock, max_workers=1)
    with pytest.raises(Killed):
        runs.run(RUN, Order(5))
    with pytest.raises(Killed):
        Executor(flow, store=DyingStore(store, 0), clock=clock, max_workers=1).run(RUN)
    last = store.open(flow.name).load(RUN)[-1]
    assert isinstance(last, Rested)
    assert (last.status, last.wake) == ("due", "2026-01-01T13:00:00.000Z")
    assert told_of(runs) == (Status.DUE, clock.now() + timedelta(hours=1))


# --- what hooks are told of a call that was cut off ------------------------------------------------------------------


class Ends(Hook):
    """Hears where a run stands when a call ends."""

    def __init__(self) -> None:
        self.told: List[RunEnded] = []

    def run_ended(self, event: RunEnded, /) -> None:
        self.told.append(event)


@attrs.frozen
class Otp:
    text: str


def cut_off_flow(*, once: bool, begun: threading.Event) -> Workflow[Invoice, Union[Order, Otp]]:
    """A charge in which the process is told to end, or, of less than nothing, which goes on until it is cancelled."""

    async def charge(order: Order) -> Paid:
        if order.cents < 0:
            begun.set()
            await asyncio.sleep(60)
        raise KeyboardInterrupt

    @builder
    def invoice(paid: Paid, otp: Otp) -> Invoice:
        return Invoice(paid.cents)

    return workflow(
        target=Invoice, inputs=Union[Order, Otp], builders=[builder(charge, at_most_once=once), invoice], name="cut"
    )


@pytest.mark.parametrize("once", [False, True])
def test_hooks_are_told_where_a_run_stands_that_was_cut_off(store: Store, once: bool) -> None:  # noqa: FBT001
    async def cancelled() -> None:
        call = asyncio.ensure_future(runs.arun("cancelled", Order(-5)))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    ends, begun = Ends(), threading.Event()
    with Executor(cut_off_flow(once=once, begun=begun), store=store, hooks=[ends], max_workers=1) as runs:
        with pytest.raises(KeyboardInterrupt):
            runs.run("ctrl-c", Order(5))
        asyncio.run(cancelled())
        stands = Status.FAILED if once else Status.DUE
        assert [runs.load(run_id).status for run_id in ("ctrl-c", "cancelled")] == [stands] * 2
    assert [(one.status, one.missing) for one in ends.told] == [(stands.value, ("Otp",))] * 2


def test_hooks_are_told_where_a_run_stands_whose_store_fails_in_the_end(store: Store) -> None:
    ends = Ends()
    flow: Any = waiting_flow(VirtualClock(), [])
    clock = VirtualClock()
    with pytest.raises(Killed):
        Executor(flow, store=DyingStore(store, 4), clock=clock, hooks=[ends], max_workers=1).run(RUN, Order(5))
    assert isinstance(store.open(flow.name).load(RUN)[-1], Rested)
    assert [one.status for one in ends.told] == ["paused"]


def test_of_a_run_that_cannot_be_read_hooks_are_told_that_it_is_due(tmp_path: Path) -> None:
    ends, store = Ends(), FileStore(tmp_path / "runs", durability="process")
    unread = [Put("Order", '{"cents":"many"}')]
    store.open("cut").append(RUN, 0, [Started(AT, RUN, "cut", "g"), Fed(AT, tuple(unread))])
    with pytest.raises(CodecError):
        Executor(cut_off_flow(once=True, begun=threading.Event()), store=store, hooks=[ends]).run(RUN)
    assert [(one.status, one.missing) for one in ends.told] == [("due", ())]


# --- any story -------------------------------------------------------------------------------------------------------

ACTS = ["works", "works", "works", "raises", "waits", "dies"]


class Acts:
    """Makes all builders of a workflow such that they do what comes next: in a new story, or again and again."""

    def __init__(self, acts: Sequence[str], clock: VirtualClock) -> None:
        self.left = list(acts)
        self._clock = clock

    def over(self, flow: Workflow[Any, Any], options: Dict[str, Dict[str, Any]]) -> Workflow[Any, Any]:
        return flow.replace(
            {one: builder(self._acting(one), name=one.name, **options.get(one.name, {})) for one in flow.builders}
        )

    def _acting(self, one: Builder[..., object]) -> Callable[..., object]:
        @functools.wraps(one.function)
        def act(*positional: object, **keyword: object) -> object:
            what = self.left.pop() if self.left else "works"
            if what == "raises":
                raise OSError
            if what == "waits":
                raise RetryAt(self._clock.now() + timedelta(minutes=1))
            if what == "dies":
                raise Killed
            return one.function(*positional, **keyword)

        return act


@attrs.define
class Teller:
    """Makes the moves of a story, and checks after each that all tell the same of the run."""

    flow: Workflow[Any, Any]
    store: Store
    clock: VirtualClock
    ends: Ends = attrs.field(factory=Ends)

    def play(self, move: str, values: Sequence[object], dies: Tuple[int, int], workers: int) -> None:
        store = DyingStore(self.store, *dies)
        with Executor(self.flow, store=store, clock=self.clock, hooks=[self.ends], max_workers=workers) as runs:
            self.ends.told.clear()
            with suppress(Killed, BuilderError, UnknownRun, NotInterrupted):
                self.move(runs, move, values)
        with Executor(self.flow, store=self.store) as reader, suppress(UnknownRun):
            self.check(reader, heard=dies[0] < 0)

    def move(self, runs: Executor[Any, Any], move: str, values: Sequence[object]) -> None:
        if move == "run":
            runs.run(RUN, *values)
        elif move == "arun":
            asyncio.run(runs.arun(RUN, *values))
        elif move == "feed":
            runs.feed(RUN, *(one for one in values if type(one) not in self.flow.transient))
        elif move == "wake":
            self.clock.advance(45)
            runs.wake()
        else:
            for one in self.flow.builders:
                with suppress(NotInterrupted):
                    runs.settle(RUN, one, RETRY)

    def check(self, reader: Executor[Any, Any], *, heard: bool) -> None:
        run: Run[Any] = reader.load(RUN)
        (listed,) = reader.runs()
        assert (listed.status, listed.wake_at) == (run.status, run.wake_at)
        for told in self.ends.told if heard else ():  # where the store was cut off, nobody knows what it has kept
            stands = run_of(reader._runs.state(RUN).at_rest(), run_id=RUN, built=frozenset())
            assert told.status == stands.status.value
            assert told.missing == tuple(data.__name__ for data in stands.missing)


MOVES = st.sampled_from(["run", "run", "run", "arun", "feed", "wake", "settle"])
DIES = st.tuples(st.sampled_from([-1, -1, 0, 1, 2, 3, 5, 8]), st.sampled_from([-1, 1]))
STORY = settings(
    max_examples=1500 if os.environ.get("POLARIS_LONG") else 150,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def check_story(flow: RandomWorkflow, draw: st.DataObject, store: Store) -> None:
    transient = some_transient(flow, draw) if draw.draw(st.booleans()) else ()
    clock = VirtualClock()
    options: Dict[str, Dict[str, Any]] = {
        shape.name: {
            "at_most_once": draw.draw(st.booleans()) and not set(shape.produces) & set(transient),
            "retry": draw.draw(st.sampled_from([None, Retry(attempts=2, on=OSError, first_wait_s=1)])),
        }
        for shape in flow.shapes
    }
    acts = Acts(draw.draw(st.lists(st.sampled_from(ACTS), max_size=20)), clock)
    real: Any = flow.real(Watch(), transient=transient)
    teller = Teller(acts.over(real, options), store, clock)
    for _ in range(draw.draw(st.integers(1, 8))):
        values = [value(one, draw.draw(st.integers(0, 2))) for one in flow.inputs if draw.draw(st.booleans())]
        teller.play(draw.draw(MOVES), values, draw.draw(DIES), draw.draw(st.sampled_from([1, 3])))


@STORY
@given(random_workflows(), st.data())
def test_after_any_story_a_listing_tells_what_load_tells(flow: RandomWorkflow, draw: st.DataObject) -> None:
    check_story(flow, draw, MemoryStore())


@STORY
@given(random_workflows(), st.data())
def test_so_it_does_with_a_journal(
    tmp_path_factory: pytest.TempPathFactory, flow: RandomWorkflow, draw: st.DataObject
) -> None:
    check_story(flow, draw, FileStore(tmp_path_factory.mktemp("runs"), durability="process"))
