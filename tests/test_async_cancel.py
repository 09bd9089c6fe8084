"""`Executor.arun`, cancelled: what has ended is kept, the run is free and can be resumed, and no call is made twice."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from pathlib import Path
from typing import Any, Awaitable, List, Optional, cast

import attrs
import pytest

from polaris_dsl import Executor, Interrupted, Retry, RunLocked, Status, builder, workflow
from polaris_dsl.hooks import Hook, RunEnded
from polaris_dsl.stores import Built, Failed, Store
from tests.async_flows import (
    STORES,
    Both,
    Gate,
    Inputs,
    Left,
    Other,
    Right,
    Seed,
    add_one,
    add_two,
    both,
    come,
    flow_of,
    lines_of,
    new_store,
    run,
)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return new_store(request.param, tmp_path)


@pytest.fixture(params=["file", "sqlite"])
def gate(request: pytest.FixtureRequest, tmp_path: Path) -> Gate:
    return Gate(new_store(request.param, tmp_path))


@attrs.frozen
class First:
    number: int


@attrs.define
class Scene:
    """A run with an async builder that waits, a plain one that blocks, and one that has ended before."""

    store: Store
    called: List[str] = attrs.field(factory=list)
    stays: bool = True
    """Whether the builders wait at all."""
    cancelled: List[str] = attrs.field(factory=list)
    go: threading.Event = attrs.field(factory=threading.Event)
    executor: Executor[Both, Inputs] = attrs.field(init=False)
    under_way: asyncio.Event = attrs.field(init=False)
    loop: asyncio.AbstractEventLoop = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        async def first(seed: Seed) -> First:
            self.called.append("first")
            return First(seed.number)

        async def left(first: First) -> Left:
            self.called.append("left")
            self.arrived()
            try:
                while self.stays:
                    await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled.append("left")
                await asyncio.sleep(0)  # it may take its time to leave
                self.cancelled.append("left is through")
                raise
            return Left(first.number)

        def right(first: First) -> Right:
            self.called.append("right")
            self.loop.call_soon_threadsafe(self.arrived)
            assert self.go.wait(30)
            return Right(first.number)

        flow = workflow(target=Both, inputs=Inputs, builders=[both, builder(first), builder(left), builder(right)])
        self.executor = Executor(flow, store=self.store)

    def arrived(self) -> None:
        if "left" in self.called and "right" in self.called:
            self.under_way.set()

    async def begun(self) -> asyncio.Future[Any]:
        """Begin the run, and wait until both builders are under way."""
        self.loop, self.under_way = asyncio.get_running_loop(), asyncio.Event()
        running = asyncio.ensure_future(self.executor.arun("r", Seed(1)))
        await self.under_way.wait()
        return running

    async def left_is_cancelled(self) -> None:
        while len(self.cancelled) < 2:
            await asyncio.sleep(0.001)

    def check(self) -> None:
        """Check that what ended was kept, that the run is free, and that nothing is called again but what was not."""
        # Before Python 3.11 it cannot be told whether the end of a loop has cancelled a builder already.
        assert self.cancelled == ["left", "left is through"] or not hasattr(asyncio.Task, "cancelling")
        found = self.executor.load("r")
        assert (found.status, found.get(First), found.get(Right)) == (Status.DUE, First(1), Right(1))
        assert Left not in found
        assert sorted(self.called) == ["first", "left", "right"]
        self.stays = False
        assert self.executor.run("r", wait_s=0).result() == Both(2)
        assert sorted(self.called) == ["first", "left", "left", "right"]
        assert sum(isinstance(line, Built) for line in lines_of(self.executor, "r")) == 4
        self.executor.close()


def test_cancelling_cancels_async_builders_lets_plain_ones_end_and_leaves_the_run_to_be_resumed(store: Store) -> None:
    scene = Scene(store)

    async def main() -> None:
        running = await scene.begun()
        running.cancel()
        await scene.left_is_cancelled()
        assert not running.done()  # a plain builder cannot be stopped
        scene.go.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    run(main())
    scene.check()


def test_cancelling_again_and_again_changes_nothing(store: Store) -> None:
    scene = Scene(store)

    async def main() -> None:
        running = await scene.begun()
        running.cancel()
        await scene.left_is_cancelled()
        for _ in range(10):
            running.cancel()
            await asyncio.sleep(0)
        scene.go.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    run(main())
    scene.check()


def test_a_time_limit_around_it_cancels_it(store: Store) -> None:
    scene = Scene(store)

    async def main() -> None:
        running = await scene.begun()
        threading.Timer(0.3, scene.go.set).start()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(running, 0.05)

    run(main())
    scene.check()


@pytest.mark.skipif(not hasattr(asyncio, "timeout"), reason="asyncio.timeout came with Python 3.11")
def test_asyncio_timeout_around_it_becomes_a_timeout_error(store: Store) -> None:
    scene = Scene(store)

    async def main() -> None:
        scene.loop, scene.under_way = asyncio.get_running_loop(), asyncio.Event()
        threading.Timer(0.3, scene.go.set).start()
        with pytest.raises(TimeoutError):
            async with getattr(asyncio, "timeout")(0.1):  # noqa: B009  older Pythons have none
                await scene.executor.arun("r", Seed(1))

    run(main())
    scene.check()


@pytest.mark.skipif(not hasattr(asyncio, "TaskGroup"), reason="asyncio.TaskGroup came with Python 3.11")
def test_a_group_of_which_another_fails_cancels_it_and_tells_of_the_other(store: Store) -> None:
    scene = Scene(store)

    async def fail() -> None:
        await scene.under_way.wait()
        threading.Timer(0.05, scene.go.set).start()
        raise ValueError

    async def main() -> List[type]:
        scene.loop, scene.under_way = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with getattr(asyncio, "TaskGroup")() as group:  # noqa: B009  older Pythons have none
                group.create_task(scene.executor.arun("r", Seed(1)))
                group.create_task(fail())
        except Exception as error:  # noqa: BLE001  a group of errors, which older Pythons have no word for
            return [type(one) for one in cast(Any, error).exceptions]
        return []

    assert run(main()) == [ValueError]
    scene.check()


def test_a_loop_that_ends_while_it_is_pending_ends_it_in_order(store: Store) -> None:
    scene = Scene(store)

    async def main() -> None:
        _ = await scene.begun()
        threading.Timer(0.1, scene.go.set).start()

    asyncio.run(main())  # cancels all that is pending, the builders too, in one go
    scene.check()


def test_a_loop_that_is_closed_over_it_leaves_no_lock(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def left(seed: Seed) -> Left:
        if stays:
            await asyncio.sleep(60)
        return Left(1)

    stays = True
    executor = Executor(flow_of(left, add_two), store=store)
    loop = asyncio.new_event_loop()
    pending = loop.create_task(executor.arun("r", Seed(1)))

    async def until_right_is_there() -> None:
        while not list(executor.runs()) or Right not in executor.load("r"):
            await asyncio.sleep(0.001)

    with caplog.at_level(logging.CRITICAL, "asyncio"):  # it says rightly that something was left pending
        loop.run_until_complete(until_right_is_there())
        waiting = loop.create_task(executor.arun("r"))
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
        del pending, waiting
        gc.collect()
    stays = False
    assert executor.run("r", wait_s=0).result() == Both(4)
    executor.close()


def test_an_async_builder_that_answers_all_the_same_is_kept(store: Store) -> None:
    async def left(seed: Seed) -> Left:
        under_way.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return Left(5)
        raise AssertionError

    async def main() -> None:
        running = asyncio.ensure_future(executor.arun("r", Seed(1)))
        await come(under_way)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    under_way = threading.Event()
    with Executor(flow_of(left, add_two), store=store) as executor:
        run(main())
        assert executor.load("r").get(Left) == Left(5)


@pytest.mark.parametrize("late", [False, True])
def test_what_a_plain_builder_hands_over_as_a_coroutine_is_cancelled_or_never_begun(
    store: Store, *, late: bool
) -> None:
    seen: List[str] = []

    async def later() -> Right:
        seen.append("begun")
        under_way.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        raise AssertionError

    def right(seed: Seed) -> Right:
        if late:
            under_way.set()
            assert go.wait(30)
        return cast(Right, later())

    async def main() -> None:
        running = asyncio.ensure_future(executor.arun("r", Seed(1)))
        await come(under_way)
        while executor.load("r").get(Left) is None:
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.sleep(0.01)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    under_way = threading.Event()
    go = threading.Event()
    with Executor(flow_of(add_one, right), store=store) as executor:
        run(main())
        assert seen == ([] if late else ["begun", "cancelled"])
        assert (executor.load("r").get(Left), executor.load("r").status) == (Left(2), Status.DUE)


def test_plain_builders_that_wait_for_a_thread_are_not_begun(store: Store) -> None:
    called: List[str] = []

    def left(seed: Seed) -> Left:
        called.append("left")
        under_way.set()
        assert go.wait(30)
        return Left(1)

    def right(seed: Seed) -> Right:
        called.append("right")
        under_way.set()
        assert go.wait(30)
        return Right(1)

    async def main() -> None:
        running = asyncio.ensure_future(executor.arun("r", Seed(1)))
        await come(under_way)
        running.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    under_way = threading.Event()
    go = threading.Event()
    with Executor(flow_of(left, right), store=store, max_workers=1) as executor:
        run(main())
        assert len(called) == 1
        assert executor.run("r", wait_s=0).result() == Both(2)
        assert sorted(called) == ["left", "right"]


def test_a_builder_with_a_time_limit_is_cancelled_and_waited_for(store: Store) -> None:
    seen: List[str] = []

    @builder(timeout_s=60)
    async def left(seed: Seed) -> Left:
        under_way.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            seen.append("through")
        raise AssertionError

    async def main() -> None:
        running = asyncio.ensure_future(executor.arun("r", Seed(1)))
        await come(under_way)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert seen == ["through"]

    under_way = threading.Event()
    with Executor(flow_of(left, add_two), store=store) as executor:
        run(main())
        assert executor.load("r").status is Status.DUE


def test_a_builder_that_does_not_let_go_in_its_time_is_not_waited_for_any_longer(store: Store) -> None:
    told: List[str] = []

    @builder(timeout_s=1)
    async def left(seed: Seed) -> Left:
        under_way.set()
        while "the call has ended" not in told:
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                told.append("cancelled")
        told.append("ended")
        return Left(1)

    async def main() -> None:
        running = asyncio.ensure_future(executor.arun("r", Seed(1)))
        await come(under_way)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert [one.builder for one in executor.late()] == ["left"]
        told.append("the call has ended")
        while executor.late():
            await asyncio.sleep(0.001)

    under_way = threading.Event()
    with Executor(flow_of(left, add_two), store=store) as executor:
        run(main())
        assert told[0] == "cancelled"
        assert told[-2:] == ["the call has ended", "ended"]
        assert Left not in executor.load("r")


def test_the_wait_before_another_trial_is_cancelled(store: Store) -> None:
    called: List[str] = []

    @builder(retry=Retry(attempts=5, first_wait_s=600, max_wait_s=600))
    async def left(seed: Seed) -> Left:
        called.append("left")
        if len(called) == 1:
            raise ValueError
        return Left(1)

    async def main() -> None:
        running = asyncio.ensure_future(executor.arun("r", Seed(1)))
        while not any(isinstance(line, Failed) for line in lines_of(executor, "r")):
            await asyncio.sleep(0.001)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with Executor(flow_of(left, add_two), store=store) as executor:
        executor.feed("r", Seed(1))
        run(main())
        assert executor.load("r").status is Status.FAILED
        assert executor.run("r", wait_s=0).result() == Both(4)
    assert called == ["left", "left"]


def test_what_must_not_happen_twice_is_interrupted_when_it_is_cancelled(store: Store) -> None:
    @builder(at_most_once=True)
    async def left(seed: Seed) -> Left:
        under_way.set()
        await asyncio.sleep(60)
        raise AssertionError

    async def main() -> None:
        running = asyncio.ensure_future(executor.arun("r", Seed(1)))
        await come(under_way)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    under_way = threading.Event()
    with Executor(flow_of(left, add_two), store=store) as executor:
        run(main())
        with pytest.raises(Interrupted):
            executor.run("r")
        executor.settle("r", "left", Left(3))
        assert executor.run("r").result() == Both(6)


def test_hooks_are_told_that_the_call_was_cancelled(store: Store) -> None:
    class Ends(Hook):
        def run_ended(self, event: RunEnded, /) -> None:
            told.append(type(event.error))

    async def left(seed: Seed) -> Left:
        await asyncio.sleep(60)
        raise AssertionError

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(executor.arun("r", Seed(1)), 0.05)

    told: List[Optional[type]] = []
    with Executor(flow_of(left, add_two), store=store, hooks=[Ends()]) as executor:
        run(main())
    assert told == [asyncio.CancelledError]


# --- while the store is at it ----------------------------------------------------------------------------------------


async def cancelled_at(gate: Gate, awaited: Awaitable[Any]) -> None:
    """Cancel what is awaited while it waits for its store, and let the store go on."""
    running = asyncio.ensure_future(awaited)
    while not gate.reached.is_set():
        await asyncio.sleep(0.001)
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0.001)
    assert not running.done()
    gate.go.set()
    with pytest.raises(asyncio.CancelledError):
        await running


# A call takes the lock, commits what is fed, three products and where it rests, and lets the lock go.
MOMENTS = [("take", 1), ("append", 1), ("append", 2), ("append", 3), ("append", 4), ("append", 5), ("let go", 1)]


@pytest.mark.parametrize(("act", "count"), MOMENTS)
def test_cancelled_at_any_moment_of_its_store_it_loses_nothing_and_repeats_nothing(
    gate: Gate, act: str, count: int
) -> None:
    called: List[str] = []

    async def left(seed: Seed) -> Left:
        called.append("left")
        return Left(seed.number)

    def right(seed: Seed) -> Right:
        called.append("right")
        return Right(seed.number)

    gate.shut[act] = count
    with Executor(flow_of(left, right), store=gate) as executor:
        run(cancelled_at(gate, executor.arun("r", Seed(1))))
        fed = {"take": (Seed(1),)}.get(act, ())
        assert executor.run("r", *fed, wait_s=0).result() == Both(2)
        assert sorted(called) == ["left", "right"]
        assert sum(isinstance(line, Built) for line in lines_of(executor, "r")) == 3


def test_cancelled_while_it_feeds_a_run_that_another_holds_it_has_fed_it(gate: Gate) -> None:
    async def main() -> None:
        gate.shut["append"] = 1
        await cancelled_at(gate, executor.arun("r", Other(5)))

    with Executor(flow_of(add_one, add_two), store=gate) as executor:
        executor.feed("r", Seed(1))
        with executor._journals.hold("r"):
            run(main())
        assert executor.run("r").result() == Both(2 + 8)


def test_cancelled_while_it_waits_for_its_turn_it_leaves_the_run_to_its_holder(store: Store) -> None:
    async def main() -> None:
        waiting = asyncio.ensure_future(executor.arun("r", Seed(1)))
        while not list(executor.runs()):
            await asyncio.sleep(0.001)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with Executor(flow_of(add_one, add_two), store=store) as executor:
        with executor._journals.hold("r"):
            run(main())
            with pytest.raises(RunLocked):
                executor.run("r", wait_s=0)
        assert executor.run("r", wait_s=0).result() == Both(5)


def test_a_store_that_fails_while_it_is_cancelled_is_not_told_besides(gate: Gate) -> None:
    gate.raises = OSError("no space")
    gate.shut["append"] = 1
    with Executor(flow_of(add_one, add_two), store=gate) as executor:
        run(cancelled_at(gate, executor.arun("r", Seed(1))))
        gc.collect()
        gate.raises = None
        assert executor.run("r", Seed(1), wait_s=0).result() == Both(5)


def test_a_store_that_fails_ends_the_call_and_frees_the_run(gate: Gate) -> None:
    gate.raises = OSError("no space")
    gate.go.set()
    for act, count in (("append", 1), ("append", 3)):
        gate.shut[act] = count
        with Executor(flow_of(add_one, add_two), store=gate) as executor:
            with pytest.raises(OSError, match="no space"):
                run(executor.arun("r", Seed(1)))
            if count > 1:
                assert executor.load("r").status is Status.DUE
                assert run(executor.arun("r", wait_s=0)).result() == Both(5)


class Stop(BaseException):
    """What no comparison may raise."""


@pytest.mark.parametrize("awaits", [False, True])
def test_a_comparison_that_fails_ends_the_call_when_all_has_ended(*, awaits: bool) -> None:
    @attrs.frozen(eq=False)
    class Odd:
        number: int

        def __eq__(self, other: object) -> bool:
            raise Stop

        __hash__ = None  # type: ignore[assignment]

    async def left(seed: Seed) -> Odd:
        return Odd(seed.number)

    def plain(seed: Seed) -> Odd:
        return Odd(seed.number)

    flow = workflow(target=Odd, inputs=Seed, builders=[builder(left if awaits else plain)])
    with Executor(flow) as executor:
        assert run(executor.arun("r", Seed(1))).status is Status.COMPLETE
        with pytest.raises(Stop):
            run(executor.arun("r", Seed(2)))


def test_a_failure_of_a_builder_is_kept_though_the_call_is_cancelled(store: Store) -> None:
    async def left(seed: Seed) -> Left:
        under_way.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ValueError from None
        raise AssertionError

    async def main() -> None:
        running = asyncio.ensure_future(executor.arun("r", Seed(1)))
        await come(under_way)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    under_way = threading.Event()
    with Executor(flow_of(left, add_two), store=store) as executor:
        run(main())
        assert executor.load("r").status is Status.FAILED
