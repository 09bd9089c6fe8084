"""What an executor does besides the semantics of a run: locks, foreign commits, pools, stores that fail."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, List, Optional, Sequence, Tuple, Union

import attrs
import pytest

from polaris_dsl import (
    Builder,
    BuilderError,
    CodecError,
    DefinitionError,
    Executor,
    FileStore,
    MemoryStore,
    NotWritten,
    RunLocked,
    RunSummary,
    Status,
    UnexpectedData,
    UnknownRun,
    Workflow,
    builder,
    workflow,
)
from polaris_dsl.stores import Built, Fed, Journals, Line, Put, Rested, Started


@attrs.frozen
class Seed:
    number: int


@attrs.frozen
class Other:
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


Flow = Workflow[Both, Union[Seed, Other]]


def flow_of(left: Callable[[Seed], Left], right: Optional[Callable[[Other], Right]] = None) -> Flow:
    """A diamond: two builders that may run at once, and one that joins what they made."""

    @builder
    def make_right(other: Other) -> Right:
        return Right(other.number)

    @builder
    def join(left: Left, right: Right) -> Both:
        return Both(left.number + right.number)

    rights = make_right if right is None else builder(right)
    builders: List[Builder[..., object]] = [builder(left), rights, join]
    return workflow(target=Both, inputs=Union[Seed, Other], builders=builders, name="diamond")


def make_left(seed: Seed) -> Left:
    return Left(seed.number)


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "runs")


class Held:
    """A builder that waits in the middle of its call until it is let go."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.go = threading.Event()
        self.seen: List[int] = []

    def __call__(self, seed: Seed) -> Left:
        self.seen.append(seed.number)
        self.inside.set()
        assert self.go.wait(30)
        return Left(seed.number)


def in_thread(call: Callable[[], Any]) -> Future[Any]:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call)


# --- locks and foreign feeds -----------------------------------------------------------------------------------------


def test_a_run_that_is_held_says_by_whom_and_keeps_what_was_fed_for_the_holder(store: Any) -> None:
    held = Held()
    runs = Executor(flow_of(held), store=store)
    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(runs.run, "1", Seed(1))
        assert held.inside.wait(30)
        with pytest.raises(RunLocked) as caught:
            runs.run("1", wait_s=0)
        assert not caught.value.kept
        with pytest.raises(RunLocked) as caught:
            runs.run("1", Other(5), wait_s=0.01)
        assert caught.value.kept
        assert "the data of this call was kept" in str(caught.value)
        held.go.set()
        assert holder.result(30).result() == Both(6)
    assert held.seen == [1]


@pytest.mark.parametrize("max_workers", [1, 4])
def test_a_builder_that_runs_its_own_run_is_told_so_at_once_and_what_it_fed_is_taken_up(max_workers: int) -> None:
    seen: List[str] = []

    @builder
    def left(seed: Seed) -> Left:
        try:
            executor.run("r", Other(7))
        except RunLocked as locked:
            seen.append(str(locked))
        return Left(seed.number)

    @builder
    def right(seed: Seed, other: Optional[Other]) -> Right:
        return Right(seed.number + (other.number if other else 0))

    @builder
    def both(left: Left, right: Right) -> Both:
        return Both(left.number + right.number)

    flow = workflow(target=Both, inputs=Union[Seed, Other], builders=[left, right, both])
    with Executor(flow, max_workers=max_workers) as executor:
        assert executor.run("r", Seed(1)).result() == Both(9)
        assert executor.load("r").get(Right) == Right(8)
    (told,) = seen
    assert told.endswith(
        "\n  the data of this call was kept: the holder takes it up"
        "\n  the call would wait for itself, made by a builder of this run or in its event loop: call feed()"
    )


def test_a_call_waits_its_turn_where_another_holds_the_run(store: Any) -> None:
    held = Held()
    runs = Executor(flow_of(held), store=store)
    with ThreadPoolExecutor(2) as pool:
        holder = pool.submit(runs.run, "1", Seed(1))
        assert held.inside.wait(30)
        waiting = pool.submit(runs.run, "1", Other(5))
        held.go.set()
        assert holder.result(30).status in (Status.PAUSED, Status.COMPLETE)
        assert waiting.result(30).result() == Both(6)


def test_newer_data_fed_while_its_taker_runs_makes_it_run_again(store: Any) -> None:
    held = Held()
    runs = Executor(flow_of(held), store=store)
    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(runs.run, "1", Seed(1), Other(1))
        assert held.inside.wait(30)
        runs.feed("1", Seed(2))
        held.go.set()
        assert holder.result(30).result() == Both(3)
    assert held.seen == [1, 2]


def test_a_feed_that_comes_when_all_is_done_is_taken_up_before_the_run_is_let_go() -> None:
    store = MemoryStore()
    late: List[Callable[[], None]] = []
    runs = Executor(flow_of(make_left), store=FeedsBeforeRest(store, late))
    late.append(lambda: Executor(flow_of(make_left), store=store).feed("1", Other(9)))
    assert runs.run("1", Seed(1)).result() == Both(10)


@attrs.frozen
class FeedsBeforeRest:
    """A store in which somebody feeds just before a status is noted."""

    store: MemoryStore
    late: List[Callable[[], None]]
    encoded: bool = False

    def open(self, workflow: str, /) -> Journals:
        return Watched(self.store.open(workflow), self._before)

    def _before(self, lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Rested) and self.late:
            self.late.pop()()


@attrs.frozen
class Watched:
    journals: Journals
    before: Callable[[Sequence[Line]], None]

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        self.before(lines)
        return self.journals.append(run, expected_n, lines)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journals, name)


@attrs.frozen
class WatchedStore:
    store: Any
    before: Callable[[Sequence[Line]], None]

    @property
    def encoded(self) -> bool:
        return bool(self.store.encoded)

    def open(self, workflow: str, /) -> Journals:
        return Watched(self.store.open(workflow), self.before)


def test_a_result_that_another_process_has_committed_for_these_inputs_is_kept_and_ours_dropped(store: Any) -> None:
    stolen: List[Line] = []

    def steal(lines: Sequence[Line]) -> None:
        """Commit another result for the very inputs, as a process would that does not see our lock."""
        if isinstance(lines[0], Built) and lines[0].by == "make_left" and not stolen:
            body = '{"number":7}' if store.encoded else Left(7)
            stolen.append(attrs.evolve(lines[0], put=(Put("Left", body),)))
            journals = store.open("diamond")
            journals.append("1", len(journals.load("1")), stolen)

    runs = Executor(flow_of(make_left), store=WatchedStore(store, steal), max_workers=1)
    run = runs.run("1", Seed(1), Other(1))
    assert run.result() == Both(8)
    assert [line.by for line in store.open("diamond").load("1") if isinstance(line, Built)].count("make_left") == 1


def test_feeding_races_are_settled_one_after_the_other(store: Any) -> None:
    raced: List[int] = []

    def race(lines: Sequence[Line]) -> None:
        if not raced:
            raced.append(1)
            Executor(flow_of(make_left), store=store).feed("1", Other(3))

    Executor(flow_of(make_left), store=WatchedStore(store, race)).feed("1", Seed(1))
    assert Executor(flow_of(make_left), store=store).run("1").result() == Both(4)


# --- failures of the store and of the builder's value ----------------------------------------------------------------


def test_a_status_that_cannot_be_noted_does_not_fail_a_call_whose_results_are_kept(
    store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Rested):
            raise NotWritten("a.jsonl", why="no space left")

    runs = Executor(flow_of(make_left), store=WatchedStore(store, refuse))
    with caplog.at_level(logging.WARNING):
        assert runs.run("1", Seed(1), Other(1)).result() == Both(2)
    assert "its status was not noted for listings: no space left" in caplog.text
    assert [summary.status for summary in runs.runs()] == [Status.COMPLETE]


def test_a_commit_that_fails_ends_the_call_and_the_next_one_goes_on(store: Any) -> None:
    refused: List[str] = []

    def refuse(lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Built) and not refused:
            refused.append(lines[0].by)
            raise NotWritten("a.jsonl", why="no space left")

    runs = Executor(flow_of(make_left), store=WatchedStore(store, refuse))
    with pytest.raises(NotWritten):
        runs.run("1", Seed(1), Other(1))
    assert runs.load("1").status is Status.DUE
    assert runs.run("1").result() == Both(2)


def test_a_value_that_a_file_cannot_keep_is_the_failure_of_the_builder_that_made_it(tmp_path: Path) -> None:
    def make_wrong(seed: Seed) -> Left:
        return Left("not a number")  # type: ignore[arg-type]  # the case

    runs = Executor(flow_of(make_wrong), store=FileStore(tmp_path / "runs"))
    with pytest.raises(BuilderError) as caught:
        runs.run("1", Seed(1), Other(1))
    assert caught.value.builder == "make_wrong"
    assert isinstance(caught.value.__cause__, CodecError)
    assert str(caught.value.__cause__) == "Left.number: expected int, got str"
    assert caught.value.run[Right] == Right(1)


def test_a_data_that_no_codec_takes_is_refused_when_the_executor_is_made(tmp_path: Path) -> None:
    @attrs.frozen
    class Odd:
        thing: object

    @builder
    def make_odd(seed: Seed) -> Odd: ...  # type: ignore[empty-body]  # never called

    flow = workflow(target=Odd, inputs=Seed, builders=[make_odd])
    Executor(flow)
    with pytest.raises(CodecError, match=r"Odd\.thing"):
        Executor(flow, store=FileStore(tmp_path / "runs"))


def test_data_whose_comparison_cannot_answer_are_not_equal() -> None:
    @attrs.frozen(eq=False)
    class Vector:
        def __eq__(self, other: object) -> bool:
            raise ValueError

        __hash__ = None  # type: ignore[assignment]  # the case

    @builder
    def make_vector(seed: Seed) -> Vector:
        return Vector()

    runs = Executor(workflow(target=Vector, inputs=Seed, builders=[make_vector]))
    first = runs.run("1", Seed(1)).result()
    assert runs.run("1", Seed(2)).result() is not first


class Stop(BaseException):
    pass


@pytest.mark.parametrize("max_workers", [1, 4])
def test_what_is_no_exception_passes_through_and_leaves_the_run_resumable(store: Any, max_workers: int) -> None:
    stops = [Stop()]

    def stop(seed: Seed) -> Left:
        if stops:
            raise stops.pop()
        return Left(seed.number)

    runs = Executor(flow_of(stop), store=store, max_workers=max_workers)
    with pytest.raises(Stop):
        runs.run("1", Seed(1), Other(1))
    assert runs.run("1").result() == Both(2)


def test_a_journal_of_another_version_of_the_workflow_is_gone_on_with(store: Any) -> None:
    body = (lambda number: f'{{"number":{number}}}') if store.encoded else Left
    seed = '{"number":1}' if store.encoded else Seed(1)
    old: List[Line] = [
        Started("2026-01-01T00:00:00.000Z", "1", "diamond", "0" * 16),
        Fed("2026-01-01T00:00:00.000Z", (Put("Seed", seed), Put("Forgotten", seed))),
        Built("2026-01-01T00:00:00.000Z", "make_left", {"Seed": 2, "Forgotten": 2}, (Put("Left", body(5)),)),
        Built("2026-01-01T00:00:00.000Z", "gone", {}, ()),
        Built("2026-01-01T00:00:00.000Z", "join", {}, (), ("Both",)),
    ]
    store.open("diamond").append("1", 0, old)
    runs = Executor(flow_of(make_left), store=store)
    before = runs.load("1")
    assert (before.status, before[Left], Both in before) == (Status.DUE, Left(5), False)
    after = runs.run("1", Other(1))
    assert (after[Left], after.result()) == (Left(1), Both(2))


# --- threads ---------------------------------------------------------------------------------------------------------


class SameThread(Pool):
    """A pool that does everything at once, in the thread that asks."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(call(*args, **kwargs))
        return done


def test_a_pool_that_works_in_the_calling_thread_cannot_lock_a_run_up() -> None:
    assert Executor(flow_of(make_left), pool=SameThread()).run("1", Seed(1), Other(1)).result() == Both(2)


def test_a_lent_pool_that_takes_no_work_any_more_is_done_without(caplog: pytest.LogCaptureFixture) -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with caplog.at_level(logging.WARNING):
        assert Executor(flow_of(make_left), pool=pool).run("1", Seed(1), Other(1)).result() == Both(2)
    assert "goes on with fewer threads" in caplog.text


def test_two_due_builders_run_at_once_and_a_lent_pool_is_not_closed() -> None:
    meeting = threading.Barrier(2, timeout=30)

    def left(seed: Seed) -> Left:
        meeting.wait()
        return Left(1)

    def right(other: Other) -> Right:
        meeting.wait()
        return Right(2)

    with ThreadPoolExecutor(1) as pool:
        with Executor(flow_of(left, right), pool=pool) as runs:
            assert runs.run("1", Seed(1), Other(1)).result() == Both(3)
        assert pool.submit(int, "3").result() == 3
    with Executor(flow_of(left, right), max_workers=2) as runs:
        assert runs.run("1", Seed(1), Other(1)).result() == Both(3)
        runs.close()
        assert runs.run("2", Seed(1), Other(1)).result() == Both(3)


def test_one_worker_is_the_callers_thread() -> None:
    threads = set()

    def left(seed: Seed) -> Left:
        threads.add(threading.current_thread())
        return Left(1)

    def right(other: Other) -> Right:
        threads.add(threading.current_thread())
        return Right(2)

    Executor(flow_of(left, right), max_workers=1).run("1", Seed(1), Other(1))
    assert threads == {threading.current_thread()}


# --- looking ---------------------------------------------------------------------------------------------------------


def test_a_listing_tells_where_each_run_stands_and_since_when(store: Any) -> None:
    runs = Executor(flow_of(make_left), store=store)
    began = datetime.now(timezone.utc).replace(microsecond=0)
    runs.run("paused", Seed(1))
    runs.run("complete", Seed(1), Other(1))
    runs.feed("due", Seed(1))
    found = {summary.id: summary for summary in runs.runs()}
    assert {run_id: summary.status for run_id, summary in found.items()} == {
        "paused": Status.PAUSED,
        "complete": Status.COMPLETE,
        "due": Status.DUE,
    }
    assert all(began <= summary.updated_at <= datetime.now(timezone.utc) for summary in found.values())
    assert isinstance(found["due"], RunSummary)
    runs.delete("due")
    assert {summary.id for summary in runs.runs()} == {"paused", "complete"}
    for lost in (runs.load, runs.delete):
        with pytest.raises(UnknownRun):
            lost("due")


def test_the_same_run_id_under_two_workflows_is_two_runs(store: Any) -> None:
    flow = flow_of(make_left)
    again = workflow(target=flow.target, inputs=Union[Seed, Other], builders=flow.builders, name="another")
    Executor(flow, store=store).run("1", Seed(1))
    Executor(again, store=store).run("1", Other(1))
    assert Executor(flow, store=store).load("1").missing == (Other,)
    assert Executor(again, store=store).load("1").missing == (Seed,)


def test_nothing_is_written_by_looking_or_by_a_call_that_changes_nothing(store: Any) -> None:
    runs = Executor(flow_of(make_left), store=store)
    runs.run("1", Seed(1))
    lines = store.open("diamond").load("1")
    runs.load("1")
    runs.run("1")
    runs.run("1", Seed(1))
    runs.feed("1", Seed(1))
    assert store.open("diamond").load("1") == lines


@pytest.mark.parametrize("wrong", [{"store": "runs"}, {"store": FileStore}, {"pool": 3}])
def test_what_is_no_store_or_pool_is_refused_when_the_executor_is_made(wrong: Any) -> None:
    with pytest.raises(DefinitionError, match=f"{next(iter(wrong))}= takes a"):
        Executor(flow_of(make_left), **wrong)


@pytest.mark.parametrize("root", [None, "", "a\0b", 3])
def test_what_is_no_path_is_refused(root: Any) -> None:
    with pytest.raises(DefinitionError, match="the path of a directory"):
        FileStore(root)


@pytest.mark.parametrize("max_workers", [0, -1, 1.5, "two", True])
def test_a_number_of_workers_that_is_none_is_refused(max_workers: Any) -> None:
    with pytest.raises(DefinitionError, match="a number from 1"):
        Executor(flow_of(make_left), max_workers=max_workers)


def test_what_is_no_workflow_is_refused() -> None:
    with pytest.raises(DefinitionError, match="not a value of type list"):
        Executor([make_left])  # type: ignore[arg-type]  # the case


def test_an_executor_and_a_workflow_say_what_they_are() -> None:
    flow = flow_of(make_left)
    assert repr(flow) == "<workflow diamond: Seed | Other -> Both, 3 builders>"
    assert repr(Executor(flow)) == f"<executor of {flow!r}>"


def test_what_cannot_be_replaced_is_refused_by_name() -> None:
    flow = flow_of(make_left)
    with pytest.raises(
        DefinitionError, match="stranger is not listed by workflow diamond: make_left, make_right, join"
    ):
        flow.replace({builder(make_left, name="stranger"): builder(make_left)})


def test_a_namesake_of_an_input_is_told_apart_from_it() -> None:
    namesake = attrs.make_class("Seed", ["number"])
    with pytest.raises(UnexpectedData, match="Seed is another class of that name"):
        Executor(flow_of(make_left)).run("1", namesake(1))


def test_what_a_builder_makes_in_the_place_of_what_goes_with_its_old_product_stays() -> None:
    @builder
    def choose(seed: Seed) -> Union[Left, Right]:
        return Left(7) if seed.number == 1 else Right(7)

    @builder
    def convert(left: Left) -> Right:
        return Right(left.number)

    @builder
    def finish(right: Right) -> Both:
        return Both(right.number)

    runs = Executor(workflow(target=Both, inputs=Seed, builders=[choose, convert, finish]))
    assert runs.run("1", Seed(1)).result() == Both(7)
    run = runs.run("1", Seed(2))
    assert (run.get(Left), run.get(Right), run.result(), list(run.built)) == (None, Right(7), Both(7), [Right])
    assert set(run) == {Seed, Right, Both}


def test_a_builder_that_failed_is_not_tried_again_in_the_same_call_when_something_else_is_fed() -> None:
    store, tries = MemoryStore(), []

    def fail(seed: Seed) -> Left:
        tries.append(seed.number)
        if len(tries) == 1:
            Executor(flow_of(make_left), store=store).feed("1", Other(5))
        raise ValueError

    runs = Executor(flow_of(fail), store=store)
    with pytest.raises(BuilderError) as caught:
        runs.run("1", Seed(1))
    assert (tries, caught.value.run[Right]) == ([1], Right(5))


def test_a_failure_that_data_fed_meanwhile_has_mended_is_none() -> None:
    store = MemoryStore()

    def fail_once(seed: Seed) -> Left:
        if seed.number == 1:
            Executor(flow_of(make_left), store=store).feed("1", Seed(2))
            raise ValueError
        return Left(seed.number)

    assert Executor(flow_of(fail_once), store=store).run("1", Seed(1), Other(1)).result() == Both(3)
