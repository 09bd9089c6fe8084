"""Async builders of runs that nobody awaits: the executor's own loop under `run`, one for each call in memory."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, List, Optional, Set, cast

import pytest

from polaris_dsl import BuilderError, Executor, MemoryStore, RunLocked, Status, WrongProduct, builder, workflow
from polaris_dsl.stores import Failed, Store
from tests.async_flows import (
    STORES,
    Both,
    Left,
    Other,
    Right,
    Seed,
    add_one,
    add_two,
    flow_of,
    lines_of,
    new_store,
    run,
)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return new_store(request.param, tmp_path)


def loop_threads() -> List[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.endswith("-loop")]


# --- the loop of an executor -----------------------------------------------------------------------------------------


def test_all_async_builders_of_all_runs_of_an_executor_run_in_one_loop(store: Store) -> None:
    loops: Set[object] = set()
    threads: Set[str] = set()

    def note() -> None:
        loops.add(asyncio.get_running_loop())
        threads.add(threading.current_thread().name)

    async def left(seed: Seed) -> Left:
        note()
        return await add_one(seed)

    async def right(seed: Seed, other: Optional[Other]) -> Right:
        note()
        return add_two(seed, other)

    with Executor(flow_of(left, right), store=store) as executor, ThreadPoolExecutor(4) as callers:
        ended = list(callers.map(lambda at: executor.run(f"r{at}", Seed(at)).result(), range(12)))
        assert executor.run("r0", Other(1)).result() == Both(4)
    assert ended == [Both(2 * at + 3) for at in range(12)]
    assert len(loops) == 1
    assert threads == {"polaris-Both-loop"}


def test_async_builders_of_one_run_are_under_way_at_once(store: Store) -> None:
    there: List[asyncio.Event] = []

    async def left(seed: Seed) -> Left:
        if not there:
            there.append(asyncio.Event())
        await asyncio.wait_for(there[0].wait(), 30)
        return Left(seed.number)

    async def right(seed: Seed) -> Right:
        while not there:
            await asyncio.sleep(0)
        there[0].set()
        return Right(seed.number)

    with Executor(flow_of(left, right), store=store, max_workers=2) as executor:
        assert executor.run("r", Seed(2)).result() == Both(4)


def test_what_one_async_builder_keeps_in_the_loop_is_good_for_the_next() -> None:
    class Line:
        """Like a connection: bound to the loop in which it was made."""

        def __init__(self) -> None:
            self.queue: asyncio.Queue[int] = asyncio.Queue()
            self.reader = asyncio.ensure_future(self.read())
            self.heard: List[int] = []

        async def read(self) -> None:
            while True:
                self.heard.append(await self.queue.get())

    lines: List[Line] = []

    async def left(seed: Seed) -> Left:
        if not lines:
            lines.append(Line())
        await lines[0].queue.put(seed.number)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return Left(len(lines[0].heard))

    executor = Executor(flow_of(left, add_two))
    assert [executor.run(f"r{at}", Seed(at))[Left].number for at in range(5)] == [1, 2, 3, 4, 5]
    executor.close()
    assert lines[0].reader.cancelled()


def test_a_closed_executor_has_no_loop_and_a_later_run_begins_another() -> None:
    executor = Executor(flow_of(add_one, add_two))
    before = len(loop_threads())
    assert executor.run("r", Seed(1)).result() == Both(5)
    assert len(loop_threads()) == before + 1
    executor.close()
    executor.close()
    assert len(loop_threads()) == before
    assert executor.run("s", Seed(2)).result() == Both(7)
    executor.close()
    assert len(loop_threads()) == before


def test_without_async_builders_there_is_no_loop() -> None:
    before = loop_threads()
    with Executor(flow_of(lambda_left, add_two)) as executor:
        executor.run("r", Seed(1))
        assert loop_threads() == before


def lambda_left(seed: Seed) -> Left:
    return Left(seed.number)


def test_close_waits_for_what_runs_and_cancels_what_was_left_behind() -> None:
    told: List[str] = []
    started = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            told.append("left behind")
            raise

    left_behind: List[object] = []

    async def left(seed: Seed) -> Left:
        left_behind.append(asyncio.ensure_future(forever()))
        started.set()
        await asyncio.sleep(0.05)
        told.append("left")
        return Left(seed.number)

    executor = Executor(flow_of(left, add_two))
    with ThreadPoolExecutor(1) as callers:
        running = callers.submit(executor.run, "r", Seed(1))
        assert started.wait(30)
        executor.close()
        assert told == ["left", "left behind"]
        assert running.result(30).result() == Both(4)
    executor.close()


def test_an_executor_that_is_closed_again_and_again_while_it_runs_loses_no_coroutine() -> None:
    with Executor(flow_of(add_one, add_two)) as executor, ThreadPoolExecutor(4) as callers:
        running = [callers.submit(executor.run, f"r{at}", Seed(at)) for at in range(200)]
        while not all(one.done() for one in running):
            executor.close()
        assert [one.result().result() for one in running] == [Both(2 * at + 3) for at in range(200)]


def test_run_may_be_called_where_a_loop_runs_which_it_keeps_waiting(store: Store) -> None:
    async def main() -> Both:
        with Executor(flow_of(add_one, add_two), store=store) as executor:
            return executor.run("r", Seed(1)).result()

    assert run(main()) == Both(5)


def test_async_builders_see_the_context_variables_of_who_runs() -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    seen: List[str] = []

    async def left(seed: Seed) -> Left:
        seen.append(who.get())
        who.set("left")
        return Left(1)

    with Executor(flow_of(left, add_two)) as executor:
        for name in ("Ada", "Bob"):
            who.set(name)
            executor.run(name, Seed(1))
            assert who.get() == name
    assert seen == ["Ada", "Bob"]


def test_a_forked_child_runs_in_threads_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "forks.py"
    script.write_text(
        textwrap.dedent("""
        import asyncio, os, sys
        from polaris_dsl import Executor
        from tests.async_flows import Both, Left, Right, Seed, add_one, add_two, flow_of

        executor = Executor(flow_of(add_one, add_two), max_workers=2)
        assert executor.run("r", Seed(1)).result() == Both(5)
        assert asyncio.run(executor.arun("s", Seed(1))).result() == Both(5)
        if not os.fork():
            for at in range(10):
                assert executor.run(f"child-{at}", Seed(at)).result() == Both(2 * at + 3)
                assert asyncio.run(executor.arun(f"awaited-{at}", Seed(at))).result() == Both(2 * at + 3)
            executor.close()
            os._exit(7)
        child = os.waitpid(-1, 0)[1]
        assert executor.run("t", Seed(2)).result() == Both(7)
        executor.close()
        sys.exit(child >> 8)
        """)
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", str(script)],  # from Python 3.12 on
        cwd=str(Path(__file__).parent.parent),
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (7, "")


# --- who waits for itself --------------------------------------------------------------------------------------------


def test_an_async_builder_that_calls_run_is_told_to_await_arun() -> None:
    async def left(seed: Seed) -> Left:
        if seed.number:
            executor.run(f"r{seed.number - 1}", Seed(seed.number - 1))
        return Left(1)

    with Executor(flow_of(left, add_two)) as executor:
        with pytest.raises(BuilderError) as caught:
            executor.run("r1", Seed(1))
        inner = caught.value.__cause__
        assert isinstance(inner, BuilderError)
        assert str(inner.__cause__) == (
            "an async builder called run(), which keeps its loop waiting: await arun() instead"
        )


def test_an_async_builder_may_await_another_run_in_that_loop(store: Store) -> None:
    async def left(seed: Seed) -> Left:
        if seed.number:
            return Left((await executor.arun(f"r{seed.number - 1}", Seed(seed.number - 1))).result().number)
        return Left(0)

    with Executor(flow_of(left, add_two), store=store) as executor:
        assert executor.run("r2", Seed(2)).result() == Both(9)


@pytest.mark.parametrize("awaits", [False, True])
def test_an_async_builder_that_asks_for_its_own_run_is_told_so(store: Store, *, awaits: bool) -> None:
    told: List[RunLocked] = []

    async def left(seed: Seed) -> Left:
        try:
            if awaits:
                await executor.arun("r", Other(5))
            else:
                executor.run("r", Other(5))
        except RunLocked as error:
            told.append(error)
        return Left(seed.number)

    with Executor(flow_of(left, add_two), store=store) as executor:
        assert executor.run("r", Seed(1)).result() == Both(9)
    assert [(one.own, one.kept) for one in told] == [(True, True)]


def test_an_async_builder_that_waits_in_run_for_a_run_that_needs_its_loop_is_told_so(store: Store) -> None:
    held, told = threading.Event(), threading.Event()

    async def left(seed: Seed) -> Left:
        if seed.number == 1:
            while not held.is_set():
                await asyncio.sleep(0.001)
            with pytest.raises(RunLocked, match="would wait for itself"):
                executor.run("other")
            told.set()
        return Left(seed.number)

    def right(seed: Seed) -> Right:
        if seed.number == 2:
            held.set()
            assert told.wait(30)
        return Right(seed.number)

    with Executor(flow_of(left, right), store=store) as executor, ThreadPoolExecutor(2) as callers:
        both_of_them = [callers.submit(executor.run, *one) for one in (("r", Seed(1)), ("other", Seed(2)))]
        assert [one.result(30).result() for one in both_of_them] == [Both(2), Both(4)]


# --- what goes wrong -------------------------------------------------------------------------------------------------


def one_way(kind: str, left: Callable[..., Any], store: Optional[Store] = None) -> Any:
    """Return what runs a flow: in memory, or under a run id; with an async builder, or one that hides it."""

    def hidden(seed: Seed) -> Left:
        return cast(Left, left(seed))

    flow = flow_of(hidden if kind.startswith("hidden") else left, add_two)
    if kind.endswith("executor"):
        executor = Executor(flow, store=store)
        return lambda seed: executor.run("r", seed)
    return flow.run


WAYS = ["async, executor", "hidden, executor", "async, memory", "hidden, memory"]


@pytest.mark.parametrize("kind", WAYS)
def test_async_builders_work_and_fail_as_others_do(kind: str) -> None:
    async def left(seed: Seed) -> Left:
        await asyncio.sleep(0)
        if seed.number < 0:
            raise ValueError(seed.number)
        return cast(Left, Right(1)) if seed.number == 0 else Left(seed.number)

    go = one_way(kind, left)
    assert go(Seed(1)).result() == Both(4)
    with pytest.raises(WrongProduct):
        go(Seed(0))
    with pytest.raises(BuilderError) as caught:
        go(Seed(-1))
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.place.startswith(f"{__file__}:")
    assert caught.value.run.get(Right) == Right(1)


@pytest.mark.parametrize("kind", WAYS)
def test_async_builders_work_where_a_loop_runs(kind: str) -> None:
    seen: List[str] = []
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")

    async def left(seed: Seed) -> Left:
        await asyncio.sleep(0)
        seen.append(who.get())
        return Left(seed.number)

    async def main() -> Both:
        who.set("Ada")
        return cast(Both, one_way(kind, left)(Seed(1)).result())

    assert run(main()) == Both(4)
    assert seen == ["Ada"]


@pytest.mark.parametrize("kind", WAYS)
def test_an_async_builder_that_says_it_was_cancelled_has_failed(kind: str) -> None:
    async def left(seed: Seed) -> Left:
        raise asyncio.CancelledError

    with pytest.raises(BuilderError) as caught:
        one_way(kind, left)(Seed(1))
    assert isinstance(caught.value.__cause__, CancelledError)
    assert caught.value.run.get(Right) == Right(3)


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("raised", [SystemExit, KeyboardInterrupt])
def test_what_would_end_a_loop_ends_the_call_and_the_loop_goes_on(kind: str, raised: Any) -> None:
    async def left(seed: Seed) -> Left:
        if not seed.number:
            raise raised
        return Left(1)

    def act() -> None:
        with pytest.raises(raised):
            go(Seed(0))
        ended.append(go(Seed(1)).result())

    go = one_way(kind, left)
    ended: List[Both] = []
    thread = threading.Thread(target=act, daemon=True)  # where the loop is gone, it would wait for ever
    thread.start()
    thread.join(20)
    assert ended == [Both(4)]


def test_an_interrupted_call_cancels_its_async_builder() -> None:
    told: List[str] = []

    async def left(seed: Seed) -> Left:
        if told:
            return Left(1)
        try:
            import signal  # noqa: PLC0415  only here

            await asyncio.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            told.append("cancelled")
            raise
        raise AssertionError

    flow = workflow(target=Left, inputs=Seed, builders=[builder(left)])
    with Executor(flow) as executor:
        with pytest.raises(KeyboardInterrupt):
            executor.run("r", Seed(1))
        while not told:
            time.sleep(0.001)
        assert executor.load("r").status is Status.DUE
        assert executor.run("r", wait_s=0).result() == Left(1)
        assert not any(isinstance(line, Failed) for line in lines_of(executor, "r"))


def test_a_coroutine_in_a_straight_run_that_cannot_be_awaited_there_is_closed() -> None:
    async def later(seed: Seed) -> Left:
        if seed.number == 2:
            hidden.run("inner", Seed(1))
        return Left(seed.number)

    def left(seed: Seed) -> Left:
        return cast(Left, later(seed))

    hidden = Executor(workflow(target=Left, inputs=Seed, builders=[builder(left)]), store=MemoryStore())
    for at in range(20):
        hidden.run(f"warm-{at}", Seed(0))
    with hidden, pytest.raises(BuilderError) as caught:
        hidden.run("outer", Seed(2))
    inner = caught.value.__cause__
    assert isinstance(inner, BuilderError)
    assert isinstance(inner.__cause__, RuntimeError)
