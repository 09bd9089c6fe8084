"""`Executor.arun`: async and plain builders in a real event loop, on real stores."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Union, cast

import attrs
import pytest

from polaris_dsl import (
    BuilderError,
    CodecError,
    Context,
    Executor,
    FileStore,
    Hook,
    HookFailed,
    Interrupted,
    NotSettled,
    Retry,
    RunLocked,
    Status,
    UnexpectedData,
    WrongProduct,
    builder,
    workflow,
)
from polaris_dsl._async import to_the_end
from polaris_dsl.hooks import BuilderFailed, BuilderStarted, DataBuilt, NothingBuilt, RunEnded, RunStarted
from polaris_dsl.stores import Built, Failed, Started, Store
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


# --- what runs where -------------------------------------------------------------------------------------------------


def test_async_builders_run_in_the_running_loop_and_plain_ones_in_threads_of_the_executor(store: Store) -> None:
    ran: Dict[str, threading.Thread] = {}

    async def left(seed: Seed) -> Left:
        ran["left"] = threading.current_thread()
        return await add_one(seed)

    def right(seed: Seed) -> Right:
        ran["right"] = threading.current_thread()
        return Right(seed.number)

    with Executor(flow_of(left, right), store=store) as executor:
        ended = run(executor.arun("r", Seed(1)))
    assert (ended.status, ended.result(), set(ended.built)) == (Status.COMPLETE, Both(3), {Left, Right, Both})
    assert ran["left"] is threading.main_thread()
    assert ran["right"].name.startswith("polaris-Both_")


def test_builders_that_are_due_at_once_run_at_once_async_and_plain(store: Store) -> None:
    async def main() -> Both:
        loop, there = asyncio.get_running_loop(), asyncio.Event()
        back = threading.Event()

        async def left(seed: Seed) -> Left:
            await there.wait()
            back.set()
            return Left(1)

        def right(seed: Seed) -> Right:
            loop.call_soon_threadsafe(there.set)
            assert back.wait(30)
            return Right(2)

        with Executor(flow_of(left, right), store=store, max_workers=1) as executor:
            return (await executor.arun("r", Seed(1))).result()

    assert run(main()) == Both(3)


def test_many_async_builders_of_one_run_are_under_way_at_once_whatever_max_workers_says() -> None:
    made = [attrs.make_class(f"Made{at}", {"number": attrs.field(type=int)}, frozen=True) for at in range(50)]

    async def main() -> int:
        under_way: List[int] = []
        go = asyncio.Event()

        def maker(at: int) -> Any:
            async def make(seed: Seed) -> object:
                under_way.append(at)
                if len(under_way) == len(made):
                    go.set()
                await go.wait()
                return made[at](at)

            make.__annotations__ = {"seed": Seed, "return": made[at]}
            return builder(name=f"make_{at}")(make)

        def collect(**taken: Any) -> Both:
            return Both(len(taken))

        names = [f"m{at}" for at in range(len(made))]
        scope: Dict[str, Any] = {"collect": collect, "Both": Both}
        exec(f"def gather({', '.join(names)}):\n    return Both({len(names)})\n", scope)  # noqa: S102  written above
        scope["gather"].__annotations__ = {**dict(zip(names, made)), "return": Both}
        builders = [*map(maker, range(len(made))), builder(scope["gather"])]
        with Executor(workflow(target=Both, inputs=Seed, builders=builders), max_workers=1) as executor:
            return (await executor.arun("r", Seed(1))).result().number

    assert run(main()) == 50


def test_plain_builders_are_run_by_no_more_threads_than_max_workers_over_all_runs_of_a_loop() -> None:
    lock, now, most, pair = threading.Lock(), [0], [0], threading.Barrier(2)

    def busy(seed: Seed) -> Both:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        pair.wait(30)  # for another one that is at work
        time.sleep(0.002)
        with lock:
            now[0] -= 1
        return Both(seed.number)

    async def main(executor: Executor[Both, Seed]) -> List[int]:
        ended = await asyncio.gather(*(executor.arun(f"r{at}", Seed(at)) for at in range(20)))
        return [one.result().number for one in ended]

    with Executor(workflow(target=Both, inputs=Seed, builders=[builder(busy)]), max_workers=2) as executor:
        assert run(main(executor)) == list(range(20))
    assert most == [2]


def test_a_lent_pool_runs_the_plain_builders() -> None:
    ran: List[str] = []

    def right(seed: Seed) -> Right:
        ran.append(threading.current_thread().name)
        return Right(1)

    with ThreadPoolExecutor(1, thread_name_prefix="lent") as pool:
        assert run(Executor(flow_of(add_one, right), pool=pool).arun("r", Seed(1))).result() == Both(3)
    assert ran == ["lent_0"]


def test_a_lent_pool_that_takes_no_more_ends_the_call_when_all_has_ended_and_the_run_goes_on_later(
    store: Store,
) -> None:
    called: List[str] = []

    async def left(seed: Seed) -> Left:
        called.append("left")
        await asyncio.sleep(0.01)
        return Left(1)

    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with Executor(flow_of(left, add_two), pool=pool, store=store) as executor:
        with pytest.raises(RuntimeError, match="after shutdown"):
            run(executor.arun("r", Seed(1)))
        assert executor.load("r").status is Status.DUE
        assert executor.run("r").result() == Both(4)
    assert called == ["left"]


def test_context_variables_are_seen_by_async_and_by_plain_builders_and_changes_stay_with_them() -> None:
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
    seen: List[str] = []

    async def left(seed: Seed) -> Left:
        seen.append(who.get())
        who.set("left")
        return Left(1)

    def right(seed: Seed) -> Right:
        seen.append(who.get())
        who.set("right")
        return Right(1)

    async def main(executor: Executor[Both, Inputs], name: str) -> str:
        who.set(name)
        await executor.arun(name, Seed(1))
        return who.get()

    async def several(executor: Executor[Both, Inputs]) -> List[str]:
        return list(await asyncio.gather(main(executor, "Ada"), main(executor, "Bob")))

    with Executor(flow_of(left, right)) as executor:
        assert run(several(executor)) == ["Ada", "Bob"]
    assert sorted(seen) == ["Ada", "Ada", "Bob", "Bob"]


# --- the loop is never kept waiting ----------------------------------------------------------------------------------


def test_the_loop_goes_on_while_plain_builders_block(store: Store) -> None:
    async def main() -> Tuple[int, Both]:
        go, beats = threading.Event(), 0

        def right(seed: Seed) -> Right:
            assert go.wait(30)
            return Right(1)

        with Executor(flow_of(add_one, right), store=store, max_workers=1) as executor:
            running = asyncio.ensure_future(executor.arun("r", Seed(1)))
            while beats < 100:
                await asyncio.sleep(0)
                beats += not running.done()
            go.set()
            return beats, (await running).result()

    assert run(main()) == (100, Both(3))


def test_blocked_plain_builders_keep_no_async_builder_and_no_commit_waiting(store: Store) -> None:
    async def main() -> Both:
        go = threading.Event()

        def right(seed: Seed) -> Right:
            assert go.wait(30)
            return Right(1)

        quick = workflow(target=Left, inputs=Seed, builders=[builder(add_one)])
        with Executor(flow_of(add_one, right), store=store, max_workers=2) as slow:
            blocked = [asyncio.ensure_future(slow.arun(f"r{at}", Seed(1))) for at in range(10)]
            with Executor(quick, store=store) as executor:
                for at in range(20):
                    assert (await executor.arun(f"q{at}", Seed(at))).result() == Left(at + 1)
            while not all(Left in slow.load(f"r{at}") for at in range(10)):
                await asyncio.sleep(0.001)
            assert not any(one.done() for one in blocked)
            go.set()
            return (await asyncio.gather(*blocked))[-1].result()

    assert run(main()) == Both(3)


@pytest.fixture(params=["file", "sqlite"])
def gate(request: pytest.FixtureRequest, tmp_path: Path) -> Gate:
    return Gate(new_store(request.param, tmp_path))


@pytest.mark.parametrize(("act", "count"), [("take", 1), ("append", 1), ("append", 2), ("append", 5), ("let go", 1)])
def test_the_loop_goes_on_while_the_store_does_not(gate: Gate, act: str, count: int) -> None:
    async def main() -> Tuple[int, Both]:
        beats = 0
        gate.shut[act] = count
        with Executor(flow_of(add_one, add_two), store=gate) as executor:
            running = asyncio.ensure_future(executor.arun("r", Seed(1)))
            while not gate.reached.is_set():
                await asyncio.sleep(0.001)
            while beats < 100:
                await asyncio.sleep(0)
                beats += not running.done()
            gate.go.set()
            return beats, (await running).result()

    assert run(main()) == (100, Both(5))


def test_threads_of_the_loop_that_wait_for_a_run_do_not_keep_its_holder_from_ending(store: Store) -> None:
    async def main() -> List[Both]:
        loop, started = asyncio.get_running_loop(), asyncio.Event()
        go = asyncio.Event()

        async def left(seed: Seed) -> Left:
            started.set()
            await go.wait()
            return Left(seed.number)

        with Executor(flow_of(left, add_two), store=store) as executor:
            holder = asyncio.ensure_future(executor.arun("r", Seed(1)))
            await started.wait()
            # More of them than the default executor of any loop has threads.
            waiting = [loop.run_in_executor(None, executor.run, "r") for _ in range(40)]
            await asyncio.sleep(0.05)
            go.set()
            return [(await one).result() for one in (holder, *waiting)]

    assert set(run(main())) == {Both(4)}


def test_what_has_to_be_done_is_done_though_the_threads_are_let_go_at_that_moment() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    assert run(to_the_end(pool, threading.current_thread)) is threading.main_thread()


# --- what runs mean --------------------------------------------------------------------------------------------------


@attrs.frozen
class Paid:
    cents: int


@attrs.frozen
class Declined:
    why: str


@attrs.frozen
class Shipped:
    cents: int


@builder
async def pay(seed: Seed, other: Optional[Other]) -> Union[Paid, Declined, None]:
    await asyncio.sleep(0)
    if seed.number == 0:
        return None
    return Paid(seed.number + (other.number if other else 0)) if seed.number > 0 else Declined("negative")


@builder
def ship(paid: Paid) -> Shipped:
    return Shipped(paid.cents)


ORDERS = workflow(target=Union[Shipped, Declined], inputs=Inputs, builders=[pay, ship])


def test_branches_optionals_and_nothing_yet_are_what_they_are_in_run(store: Store) -> None:
    with Executor(ORDERS, store=store) as executor:
        none = run(executor.arun("r"))
        assert (none.status, none.missing) == (Status.PAUSED, (Seed,))
        silent = run(executor.arun("r", Seed(0)))
        assert (silent.status, silent.silent) == (Status.PAUSED, ("pay",))
        assert run(executor.arun("r", Seed(5))).result() == Shipped(5)
        assert run(executor.arun("r", Other(2))).result() == Shipped(7)
        assert run(executor.arun("r", Other(2))).built == {}
        declined = run(executor.arun("r", Seed(-1)))
        assert (declined.result(), Shipped in declined) == (Declined("negative"), False)


def test_a_run_goes_on_in_another_loop_or_in_none(store: Store) -> None:
    with Executor(ORDERS, store=store) as executor:
        run(executor.arun("r", Seed(0)))
        assert executor.run("r", Seed(1)).result() == Shipped(1)
        assert run(executor.arun("r", Other(1))).result() == Shipped(2)


def test_the_journal_of_arun_is_that_of_run(store: Store) -> None:
    def feeds(executor: Executor[Any, Any], go: Callable[..., Any], run_id: str) -> None:
        for data in ((), (Seed(0),), (Seed(3), Other(1)), (Other(1),), (Seed(-1),), (Seed(4),)):
            go(run_id, *data)

    with Executor(ORDERS, store=store) as executor:
        feeds(executor, executor.run, "r1")
        feeds(executor, lambda run_id, *data: run(executor.arun(run_id, *data)), "r2")
        one, other = (lines_of(executor, run_id) for run_id in ("r1", "r2"))
    assert other == [attrs.evolve(line, run="r2") if isinstance(line, Started) else line for line in one]
    assert len(other) > 10


def test_failures_are_told_together_and_what_does_not_depend_on_them_is_kept(store: Store) -> None:
    lucky: List[bool] = []

    async def left(seed: Seed) -> Left:
        await asyncio.sleep(0)
        if not lucky:
            raise ValueError(seed.number)
        return Left(1)

    def right(seed: Seed) -> Right:
        if not lucky:
            raise KeyError(seed.number)
        return Right(2)

    async def third(seed: Seed) -> Paid:
        return Paid(3)

    builders: List[Any] = [builder(right), builder(left), builder(third), both]
    with Executor(workflow(target=Both, inputs=Inputs, builders=builders), store=store) as executor:
        with pytest.raises(BuilderError) as caught:
            run(executor.arun("r", Seed(7)))
        error = caught.value
        assert sorted(one.builder for one in error.failures) == ["left", "right"]
        assert {type(one.__cause__) for one in error.failures} == {ValueError, KeyError}
        assert error.run.get(Paid) == Paid(3)
        assert executor.load("r").status is Status.FAILED
        assert sum(isinstance(line, Failed) for line in lines_of(executor, "r")) == 2
        lucky.append(True)
        assert run(executor.arun("r")).result() == Both(3)
        assert executor.load("r").status is Status.COMPLETE


def test_the_place_of_a_failure_is_in_the_builder() -> None:
    async def fail(seed: Seed) -> Left:
        raise ValueError

    with pytest.raises(BuilderError) as caught:
        run(Executor(workflow(target=Left, inputs=Seed, builders=[builder(fail)])).arun("r", Seed(1)))
    assert caught.value.place.startswith(f"{__file__}:")


def test_an_async_builder_that_returns_something_undeclared_fails(store: Store) -> None:
    async def left(seed: Seed) -> Left:
        return cast(Left, Right(1))

    with Executor(flow_of(left, add_two), store=store) as executor:
        with pytest.raises(WrongProduct) as caught:
            run(executor.arun("r", Seed(1)))
        assert (caught.value.returned, caught.value.run.get(Right)) == ("Right", Right(3))


def test_unexpected_data_is_told_before_anything_is_kept(store: Store) -> None:
    with Executor(ORDERS, store=store) as executor:
        with pytest.raises(UnexpectedData):
            run(executor.arun("r", cast(Seed, Paid(1))))
        assert list(executor.runs()) == []


def test_a_plain_builder_that_returns_a_coroutine_has_it_awaited_in_the_running_loop(store: Store) -> None:
    ran: List[threading.Thread] = []

    async def later(number: int) -> Right:
        await asyncio.sleep(0)
        ran.append(threading.current_thread())
        if number < 0:
            raise ValueError(number)
        return Right(number)

    @builder
    def right(seed: Seed) -> Right:
        return cast(Right, later(seed.number))

    with Executor(flow_of(add_one, right), store=store) as executor:
        assert run(executor.arun("r", Seed(1))).result() == Both(3)
        with pytest.raises(BuilderError) as caught:
            run(executor.arun("r", Seed(-1)))
    assert isinstance(caught.value.__cause__, ValueError)
    assert ran == [threading.main_thread()] * 2


NINE = Other(9)


def test_an_async_builder_gets_its_context_and_keywords(store: Store) -> None:
    seen: List[Tuple[str, str, str]] = []

    async def left(seed: Seed, *, other: Other = NINE, context: Context) -> Left:
        seen.append((context.run_id, context.builder, context.idempotency_key))
        return Left(other.number)

    with Executor(flow_of(left, add_two), store=store) as executor:
        assert run(executor.arun("r", Seed(1)))[Left] == Left(9)
        executor.run("r", Seed(2))
        run(executor.arun("r", Seed(1)))
    assert {one[:2] for one in seen} == {("r", "left")}
    assert len({one[2] for one in seen}) == 3


@attrs.frozen
class Discount:
    percent: int


@attrs.frozen
class Total:
    cents: int


def looping(grant: Any, store: Store, max_rounds: int = 100) -> Executor[Any, Any]:
    async def add_up(seed: Seed, discount: Discount) -> Total:
        return Total(seed.number * (100 - discount.percent) // 100)

    flow = workflow(target=Total, inputs=Union[Seed, Discount], builders=[builder(add_up), builder(grant)])
    return Executor(flow, store=store, max_rounds=max_rounds)


def test_loops_go_round_until_they_settle(store: Store) -> None:
    def grant(total: Total, before: Discount) -> Discount:
        return Discount(max(before.percent, min(20, total.cents // 100 * 5)))

    with looping(grant, store) as executor:
        ended = run(executor.arun("r", Seed(300), Discount(0)))
        assert (ended[Discount], ended.result()) == (Discount(15), Total(255))
        assert executor.run("s", Seed(300), Discount(0)).result() == Total(255)


def test_a_loop_that_does_not_settle_says_so_and_what_was_built_is_kept(store: Store) -> None:
    async def haggle(total: Total, before: Discount) -> Discount:
        return Discount(0 if before.percent else 10)

    with looping(haggle, store, max_rounds=4) as executor:
        with pytest.raises(NotSettled) as caught:
            run(executor.arun("r", Seed(100), Discount(0)))
        assert caught.value.rounds == 4
        assert executor.load("r").status is Status.DUE
        assert Total in executor.load("r")


def test_a_product_that_cannot_be_kept_is_the_failure_of_its_builder(tmp_path: Path) -> None:
    async def left(seed: Seed) -> Left:
        return Left(cast(int, {1, 2}))

    with Executor(flow_of(left, add_two), store=FileStore(tmp_path / "runs", durability="process")) as executor:
        with pytest.raises(BuilderError) as caught:
            run(executor.arun("r", Seed(1)))
        assert isinstance(caught.value.__cause__, CodecError)
        assert executor.load("r").get(Right) == Right(3)


# --- hooks -----------------------------------------------------------------------------------------------------------


class Told(Hook):
    def __init__(self) -> None:
        self.told: List[Tuple[str, str]] = []

    def run_started(self, event: RunStarted, /) -> None:
        self.told.append(("run started", ",".join(data.__name__ for data in event.fed)))

    def builder_started(self, event: BuilderStarted, /) -> None:
        self.told.append(("started", event.builder))

    def built(self, event: DataBuilt, /) -> None:
        self.told.append(("built", event.builder))

    def returned_nothing(self, event: NothingBuilt, /) -> None:
        self.told.append(("nothing", event.builder))

    def failed(self, event: BuilderFailed, /) -> None:
        self.told.append(("failed", f"{event.builder} {type(event.error).__name__}"))

    def run_ended(self, event: RunEnded, /) -> None:
        self.told.append(("run ended", f"{event.status} {type(event.error).__name__}"))


def test_hooks_are_told_in_order(store: Store) -> None:
    hook = Told()
    with Executor(ORDERS, store=store, hooks=[hook]) as executor:
        run(executor.arun("r", Seed(0)))
        run(executor.arun("r", Seed(1)))
    assert hook.told == [
        *(("run started", "Seed"), ("started", "pay"), ("nothing", "pay"), ("run ended", "paused NoneType")),
        *(("run started", "Seed"), ("started", "pay"), ("built", "pay"), ("started", "ship"), ("built", "ship")),
        ("run ended", "complete NoneType"),
    ]


def test_a_strict_hook_ends_the_call_when_all_that_runs_has_ended(store: Store) -> None:
    class Strict(Hook):
        strict = True

        def built(self, event: DataBuilt, /) -> None:
            failed.set()
            raise OSError(event.builder)

    called: List[str] = []
    failed = threading.Event()

    async def left(seed: Seed) -> Left:
        called.append("left")
        await come(failed)
        await asyncio.sleep(0.01)
        return Left(1)

    def right(seed: Seed) -> Right:
        called.append("right")
        return Right(1)

    with Executor(flow_of(left, right), store=store, hooks=[Strict()]) as executor:
        with pytest.raises(HookFailed) as caught:
            run(executor.arun("r", Seed(1)))
        assert (caught.value.run.get(Left), caught.value.run.get(Right)) == (Left(1), Right(1))
        assert executor.load("r").status is Status.DUE
    assert sorted(called) == ["left", "right"]


# --- several who want one run ----------------------------------------------------------------------------------------


def test_who_wants_a_run_that_is_awaited_waits_its_turn_and_what_it_feeds_is_taken_up_at_once(store: Store) -> None:
    async def main() -> Tuple[Both, Both]:
        started, go = asyncio.Event(), asyncio.Event()

        async def left(seed: Seed) -> Left:
            started.set()
            await go.wait()
            return Left(seed.number)

        with Executor(flow_of(left, add_two), store=store) as executor:
            first = asyncio.ensure_future(executor.arun("r", Seed(1)))
            await started.wait()
            for wait_s in (0, 0.01):
                with pytest.raises(RunLocked) as caught:
                    await executor.arun("r", wait_s=wait_s)
                assert (caught.value.kept, caught.value.own) == (False, False)
            with pytest.raises(RunLocked) as caught:
                await executor.arun("r", Other(10), wait_s=0.01)
            assert (caught.value.kept, caught.value.own) == (True, False)
            second = asyncio.ensure_future(executor.arun("r", Other(20)))
            while executor.load("r").get(Other) != Other(20):
                await asyncio.sleep(0.001)
            assert not second.done()
            go.set()
            return (await first).result(), (await second).result()

    assert run(main()) == (Both(24), Both(24))


@pytest.mark.parametrize("awaits", [False, True])
def test_what_is_fed_while_a_run_is_awaited_is_taken_up_by_it(store: Store, *, awaits: bool) -> None:
    async def main() -> Both:
        loop, started = asyncio.get_running_loop(), asyncio.Event()
        go = threading.Event()

        async def left(seed: Seed) -> Left:
            started.set()
            while not go.is_set():
                await asyncio.sleep(0.001)
            return Left(seed.number)

        def plain(seed: Seed) -> Left:
            loop.call_soon_threadsafe(started.set)
            assert go.wait(30)
            return Left(seed.number)

        with Executor(flow_of(left if awaits else plain, add_two), store=store) as executor:
            running = asyncio.ensure_future(executor.arun("r", Seed(1)))
            await started.wait()
            executor.feed("r", Other(30))
            go.set()
            return (await running).result()

    assert run(main()) == Both(34)


@pytest.mark.parametrize("how", ["arun", "run"])
def test_a_builder_that_asks_for_its_own_run_is_told_so_and_what_it_fed_is_taken_up(store: Store, how: str) -> None:
    told: List[RunLocked] = []

    async def main() -> Both:
        async def left(seed: Seed) -> Left:
            try:
                if how == "arun":
                    await executor.arun("r", Other(5))
                else:
                    executor.run("r", Other(5))
            except RunLocked as error:
                told.append(error)
            return Left(seed.number)

        with Executor(flow_of(left, add_two), store=store) as executor:
            return (await executor.arun("r", Seed(1))).result()

    assert run(main()) == Both(9)
    assert [(one.own, one.kept) for one in told] == [(True, True)]


def test_run_in_the_loop_in_which_the_run_goes_on_is_told_at_once(store: Store) -> None:
    async def main() -> Both:
        started, go = asyncio.Event(), asyncio.Event()

        async def left(seed: Seed) -> Left:
            started.set()
            await go.wait()
            return Left(seed.number)

        with Executor(flow_of(left, add_two), store=store) as executor:
            running = asyncio.ensure_future(executor.arun("r", Seed(1)))
            await started.wait()
            with pytest.raises(RunLocked, match="would wait for itself") as caught:
                executor.run("r", Other(1))
            assert (caught.value.own, caught.value.kept) == (True, True)
            go.set()
            return (await running).result()

    assert run(main()) == Both(5)


def test_a_builder_may_await_another_run_of_its_executor(store: Store) -> None:
    async def left(seed: Seed) -> Left:
        if seed.number:
            return Left((await executor.arun(f"r{seed.number - 1}", Seed(seed.number - 1))).result().number)
        return Left(0)

    with Executor(flow_of(left, add_two), store=store) as executor:
        assert run(executor.arun("r3", Seed(3))).result() == Both(2 + 3 + 4 + 5)
        assert len(list(executor.runs())) == 4


# --- an async builder that is odd ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [False, True])
def test_an_async_builder_that_says_it_was_cancelled_when_nobody_cancelled_it_has_failed(
    store: Store, *, hidden: bool
) -> None:
    async def left(seed: Seed) -> Left:
        raise asyncio.CancelledError

    def plain(seed: Seed) -> Left:
        return cast(Left, left(seed))

    async def main(executor: Executor[Both, Inputs]) -> BaseException:
        with pytest.raises(BuilderError) as caught:
            await executor.arun("r", Seed(1))
        return caught.value

    with Executor(flow_of(plain if hidden else left, add_two), store=store) as executor:
        error = run(main(executor))
        assert isinstance(error.__cause__, CancelledError)
        assert isinstance(error, BuilderError)
        assert error.run.get(Right) == Right(3)
        assert executor.load("r").status is Status.FAILED


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_would_end_the_loop_ends_the_call_once_what_runs_is_kept(store: Store, kind: Any, *, hidden: bool) -> None:
    async def left(seed: Seed) -> Left:
        await come(under_way)
        raise kind

    def plain(seed: Seed) -> Left:
        return cast(Left, left(seed))

    def right(seed: Seed) -> Right:
        under_way.set()
        return Right(3)

    async def main(executor: Executor[Both, Inputs]) -> None:
        with pytest.raises(kind):
            await executor.arun("r", Seed(1))

    under_way = threading.Event()
    with Executor(flow_of(plain if hidden else left, right), store=store) as executor:
        run(main(executor))
        assert executor.load("r").get(Right) == Right(3)
        assert not any(isinstance(line, Failed) for line in lines_of(executor, "r"))
        assert sum(isinstance(line, Built) for line in lines_of(executor, "r")) == 1


OPTIONS: Dict[str, Dict[str, Any]] = {
    "none": {},
    "retry": {"retry": Retry(attempts=2)},
    "retry and a time": {"retry": Retry(attempts=2), "timeout_s": 60},
    "retry and at most once": {"retry": Retry(attempts=2), "at_most_once": True},
    "a time": {"timeout_s": 60},
    "at most once": {"at_most_once": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("is_async", [False, True])
def test_what_would_end_the_loop_ends_the_call_whatever_options_its_builders_have(
    store: Store, kind: Any, options: Dict[str, Any], *, is_async: bool
) -> None:
    there = threading.Barrier(1 if is_async else 2)  # two plain ones exit at once

    def left(seed: Seed) -> Left:
        exits()
        return Left(seed.number)

    def right(seed: Seed) -> Right:
        exits()
        return Right(seed.number)

    async def left_async(seed: Seed) -> Left:
        return left(seed)

    async def right_async(seed: Seed) -> Right:
        return right(seed)

    def exits() -> None:
        there.wait(20)
        if fails:
            raise kind

    async def main() -> None:
        with pytest.raises(kind):
            await executor.arun("r", Seed(1))
        fails.clear()
        with contextlib.suppress(Interrupted):  # what is called at most once
            assert (await executor.arun("r", wait_s=0)).result() == Both(2)

    fails = ["at first"]
    made: Tuple[Any, Any] = (left_async, right_async) if is_async else (left, right)
    flow = flow_of(*[builder(**options)(function) for function in made])
    with Executor(flow, store=store, max_workers=2) as executor:
        run(main())


@pytest.mark.parametrize("event", ["run_started", "builder_started", "built", "retried", "run_ended"])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
def test_what_would_end_the_loop_ends_the_call_if_a_hook_raises_it(
    store: Store, event: str, *, strict: bool, is_async: bool
) -> None:
    tries: List[int] = []

    class Exits(Hook):
        pass

    def exits(_: Hook, event: object) -> None:
        raise SystemExit

    def left(seed: Seed) -> Left:
        tries.append(seed.number)
        if len(tries) == 1:
            raise ConnectionError
        return Left(seed.number)

    async def left_async(seed: Seed) -> Left:
        return left(seed)

    async def main() -> None:
        with pytest.raises(SystemExit):
            await executor.arun("r", Seed(1))

    hook: Any = Exits()
    hook.strict = strict
    setattr(Exits, event, exits)
    retried = builder(retry=Retry(attempts=2, first_wait_s=0))
    flow = flow_of(retried(left_async if is_async else left), add_two)
    with Executor(flow, store=store, hooks=[hook]) as executor:
        run(main())
    assert Executor(flow, store=store).run("r").result() == Both(4)
