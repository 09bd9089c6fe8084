"""What hooks are told by an executor: which events, in which order, and what a strict one ends."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, List, Optional, Union

import pytest

from polaris_dsl import BuilderError, Executor, HookFailed, MemoryStore, NotWritten, Retry, Status, builder, workflow
from polaris_dsl.hooks import BuilderFailed, BuilderStarted, DataBuilt, Hook, NothingBuilt, RunEnded, RunStarted
from polaris_dsl.stores import Built, Fed, Started
from polaris_dsl.testing import VirtualClock
from tests.test_executor import Both, Left, Other, Right, Seed, Stop, WatchedStore, flow_of, make_left
from tests.test_hooks import Everything

FED = (Seed(1), Other(2))


def run_with(*hooks: Hook, **options: Any) -> Any:
    return Executor(flow_of(make_left), hooks=hooks, max_workers=1, **options)


def kinds(everything: Everything) -> List[str]:
    return [f"{type(event).__name__} {getattr(event, 'builder', '')}".strip() for event in everything.heard]


def test_a_run_is_told_from_its_beginning_to_its_end() -> None:
    everything = Everything()
    runs = run_with(everything)
    runs.run("1", *FED)
    assert kinds(everything)[0] == "RunStarted"
    assert kinds(everything)[-3:] == ["BuilderStarted join", "DataBuilt join", "RunEnded"]
    made = {"make_left", "make_right"}
    assert set(kinds(everything)[1:5]) == {
        f"{kind} {name}" for kind in ("BuilderStarted", "DataBuilt") for name in made
    }
    started, ended = everything.heard[0], everything.heard[-1]
    assert isinstance(started, RunStarted)
    assert started.fed == {Seed: Seed(1), Other: Other(2)}
    assert isinstance(ended, RunEnded)
    assert (ended.status, ended.missing, ended.error) == ("complete", (), None)
    everything.heard.clear()
    runs.run("1", Seed(3))
    changed = [event.changed for event in everything.heard if isinstance(event, BuilderStarted)]
    assert changed == [{Seed: Seed(3)}, {Left: Left(3)}]


def test_what_is_equal_to_what_was_there_is_told_as_kept() -> None:
    everything = Everything()
    runs = Executor(flow_of(always_the_same), hooks=[everything])
    runs.run("1", *FED)
    everything.heard.clear()
    runs.run("1", Seed(5))
    (built,) = [event for event in everything.heard if isinstance(event, DataBuilt)]
    assert (built.builder, built.produced, built.kept) == ("always_the_same", Left(0), True)


def always_the_same(seed: Seed) -> Left:
    return Left(0)


def test_a_builder_that_returns_nothing_and_one_that_fails_are_told() -> None:
    @builder
    def nothing(seed: Seed) -> Optional[Left]:
        return None

    @builder
    def failing(other: Other) -> Right:
        raise ValueError("secret")

    @builder
    def both(left: Left, right: Right) -> Both: ...  # type: ignore[empty-body]  # never called

    everything = Everything()
    flow = workflow(target=Both, inputs=Union[Seed, Other], builders=[nothing, failing, both])
    runs = Executor(flow, hooks=[everything], max_workers=1)
    with pytest.raises(BuilderError):
        runs.run("1", *FED)
    assert [event.builder for event in everything.heard if isinstance(event, NothingBuilt)] == ["nothing"]
    (failed,) = [event for event in everything.heard if isinstance(event, BuilderFailed)]
    assert failed.builder == "failing"
    assert isinstance(failed.error, ValueError)
    ended = everything.heard[-1]
    assert isinstance(ended, RunEnded)
    assert ended.status == "failed"
    assert isinstance(ended.error, BuilderError)


def refusing(error: BaseException) -> WatchedStore:
    def refuse(lines: Any) -> None:
        if isinstance(lines[0], Built):
            raise error

    return WatchedStore(MemoryStore(), refuse)


def test_a_call_whose_result_is_lost_is_told_as_failed() -> None:
    everything = Everything()
    error = NotWritten("1", why="no space left")
    with pytest.raises(NotWritten):
        run_with(everything, store=refusing(error)).run("1", *FED)
    (failed,) = [event for event in everything.heard if isinstance(event, BuilderFailed)]
    assert failed.error is error
    ended = everything.heard[-1]
    assert isinstance(ended, RunEnded)
    assert (ended.status, ended.error) == ("due", error)


def test_a_call_that_is_interrupted_while_it_is_committed_is_no_failure_of_its_builder() -> None:
    everything = Everything()
    with pytest.raises(Stop):
        run_with(everything, store=refusing(Stop())).run("1", *FED)
    assert [event for event in everything.heard if isinstance(event, BuilderFailed)] == []
    assert isinstance(everything.heard[-1], RunEnded)


class StrictAt(Hook):
    """Raises at events of one kind."""

    strict = True

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def run_started(self, event: RunStarted, /) -> None:
        self._judge(event)

    def builder_started(self, event: BuilderStarted, /) -> None:
        self._judge(event)

    def built(self, event: DataBuilt, /) -> None:
        self._judge(event)

    def run_ended(self, event: RunEnded, /) -> None:
        self._judge(event)

    def _judge(self, event: object) -> None:
        if isinstance(event, self.kind):
            raise KeyError


@pytest.mark.parametrize(
    ("kind", "built"), [(RunStarted, 0), (BuilderStarted, 0), (DataBuilt, 1), (RunEnded, 3)], ids=str
)
def test_a_strict_hook_ends_the_call_and_what_was_running_is_committed(kind: type, built: int) -> None:
    store = MemoryStore()
    runs = run_with(StrictAt(kind), store=store)
    with pytest.raises(HookFailed) as caught:
        runs.run("1", *FED)
    assert isinstance(caught.value.__cause__, KeyError)
    run: Any = caught.value.run
    assert run.id == "1"
    lines = runs._journals.load("1")
    assert sum(isinstance(line, Built) for line in lines) == built
    assert run.status is (Status.COMPLETE if kind is RunEnded else Status.DUE)
    assert Executor(runs.workflow, store=store).run("1").result() == Both(3)


class Vetoes(Everything):
    """Hears all, and raises where a builder is about to be called for the nth time."""

    strict = True

    def __init__(self, *, at: int = 1) -> None:
        super().__init__()
        self.at = at

    def builder_started(self, event: BuilderStarted, /) -> None:
        super().builder_started(event)
        if event.attempt == self.at:
            raise KeyError


@pytest.fixture(params=["run", "arun"])
def go(request: pytest.FixtureRequest) -> Any:
    def go(runs: Executor[Any, Any], *data: Any) -> Any:
        return runs.run("1", *data) if request.param == "run" else asyncio.run(runs.arun("1", *data))

    return go


@pytest.mark.parametrize("options", [{}, {"at_most_once": True}, {"timeout_s": 60}, {"retry": Retry()}], ids=str)
@pytest.mark.parametrize("is_async", [False, True])
def test_a_builder_at_whose_start_a_strict_hook_raises_is_not_called(go: Any, options: Any, *, is_async: bool) -> None:
    called: List[Seed] = []

    def make(seed: Seed) -> Left:
        called.append(seed)
        return Left(seed.number)

    async def make_async(seed: Seed) -> Left:
        return make(seed)

    made: Any = make_async if is_async else make
    flow: Any = workflow(target=Left, inputs=Seed, builders=[builder(name="make", **options)(made)])
    vetoes, store = Vetoes(), MemoryStore()
    with Executor(flow, store=store, hooks=[vetoes]) as runs:
        with pytest.raises(HookFailed) as caught:
            go(runs, Seed(1))
        assert called == []
        assert kinds(vetoes) == ["RunStarted", "BuilderStarted make", "RunEnded"]
        ended: Any = vetoes.heard[-1]
        assert (ended.error, ended.status) == (caught.value, "due")
        run: Any = caught.value.run
        assert (run.status, runs.load("1").status) == (Status.DUE, Status.DUE)
        assert [type(line) for line in runs._journals.load("1")] == [Started, Fed]
    with Executor(flow, store=store) as runs:
        assert go(runs).result() == Left(1)


@pytest.mark.parametrize("at_most_once", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
def test_an_attempt_at_whose_start_a_strict_hook_raises_is_not_made(
    go: Any, *, at_most_once: bool, is_async: bool
) -> None:
    called: List[Seed] = []

    def make(seed: Seed) -> Left:
        called.append(seed)
        if len(called) == 1:
            raise ConnectionError
        return Left(seed.number)

    async def make_async(seed: Seed) -> Left:
        return make(seed)

    made: Any = make_async if is_async else make
    retried = builder(name="make", retry=Retry(), at_most_once=at_most_once)
    flow: Any = workflow(target=Left, inputs=Seed, builders=[retried(made)])
    vetoes, store = Vetoes(at=2), MemoryStore()
    with Executor(flow, store=store, hooks=[vetoes], clock=VirtualClock()) as runs:
        with pytest.raises(HookFailed) as caught:
            go(runs, Seed(1))
        assert called == [Seed(1)]
        attempts = ["BuilderStarted make", "BuilderRetried make", "BuilderStarted make"]
        assert kinds(vetoes) == ["RunStarted", *attempts, "RunEnded"]
        run: Any = caught.value.run
        assert (run.status, runs.load("1").status) == (Status.FAILED, Status.FAILED)
    with Executor(flow, store=store) as runs:
        assert go(runs).result() == Left(1)


def test_what_runs_beside_a_builder_at_whose_start_a_strict_hook_raises_is_committed(go: Any) -> None:
    vetoed = threading.Event()

    class VetoesLeft(Hook):
        strict = True

        def builder_started(self, event: BuilderStarted, /) -> None:
            if event.builder == "left":
                assert under_way.wait(20)
                vetoed.set()
                raise KeyError

    def left(seed: Seed) -> Left:
        raise AssertionError

    def right(other: Other) -> Right:
        under_way.set()
        assert vetoed.wait(20)
        return Right(other.number)

    under_way = threading.Event()
    with Executor(flow_of(left, right), hooks=[VetoesLeft()], max_workers=2) as runs:
        with pytest.raises(HookFailed) as caught:
            go(runs, *FED)
        run: Any = caught.value.run
        assert (run.status, run.get(Right), run.get(Left)) == (Status.DUE, Right(2), None)


class Listens(Hook):
    """Hears of the kind of event that nothing here makes, so all others are told to nobody."""

    def retried(self, event: Any, /) -> None:
        raise AssertionError


def test_events_that_nobody_wants_are_not_made() -> None:
    def fail(seed: Seed) -> Left:
        raise ValueError

    def nothing(other: Other) -> Optional[Right]:
        return None

    runs: Any = Executor(flow_of(fail, nothing), hooks=[Listens()])  # type: ignore[arg-type]  # may return nothing
    with pytest.raises(BuilderError):
        runs.run("1", *FED)
    assert run_with(Listens()).run("2", *FED).result() == Both(3)
