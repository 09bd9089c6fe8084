"""Builders that run at once: they meet, they are committed together, and they fail together where a commit does."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import attrs
import pytest

from polaris_dsl import (
    BuilderError,
    CommitUnknown,
    Executor,
    FileStore,
    MemoryStore,
    NotWritten,
    Status,
    builder,
    workflow,
)
from polaris_dsl._commits import Commits
from polaris_dsl.stores import Built, Line
from tests.test_executor import Both, Left, Other, Right, Seed, WatchedStore, flow_of

PARTS = [attrs.make_class(f"Part{at}", {"number": attrs.field(type=int)}, frozen=True) for at in range(4)]
ENDS = [attrs.make_class(f"End{at}", {"number": attrs.field(type=int)}, frozen=True) for at in range(4)]
WHOLE = attrs.make_class("Whole", {"number": attrs.field(type=int)}, frozen=True)


class Four:
    """Four builders that are due at once and meet, each with one behind it, and one that takes all."""

    def __init__(self, *, act: Callable[[str], None] = lambda _: None) -> None:
        self.called: List[str] = []
        self.act = act
        self.met = threading.Barrier(4, timeout=20)
        self.meets = True

    def flow(self) -> Any:
        firsts = [self._one(f"first_{at}", [Seed], PARTS[at]) for at in range(4)]
        lasts = [self._one(f"last_{at}", [PARTS[at]], ENDS[at]) for at in range(4)]
        return workflow(target=WHOLE, inputs=Seed, builders=[*firsts, *lasts, self._one("whole", ENDS, WHOLE)])

    def _one(self, name: str, takes: Sequence[Any], makes: Any) -> Any:
        def act(*taken: Any) -> Any:
            self.called.append(name)
            if name.startswith("first") and self.meets:
                self.met.wait()
            self.act(name)
            return makes(sum(one.number for one in taken))

        names = [f"p{at}" for at in range(len(takes))]
        scope: Dict[str, Any] = {"act": act}
        exec(f"def {name}({', '.join(names)}):\n    return act({', '.join(names)})\n", scope)  # noqa: S102  just written
        scope[name].__annotations__ = {**dict(zip(names, takes)), "return": makes}
        return builder(scope[name])


@pytest.fixture(name="gather")
def commits_wait_for_three_more(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Return what waits until four builders have ended, so that the last three are committed together."""
    four = threading.Semaphore(0)
    committed = Commits.put

    def counted(self: Commits, ended: Any) -> Any:
        four.release()
        return committed(self, ended)

    def wait() -> None:
        for _ in range(4):
            assert four.acquire(timeout=20)
        time.sleep(0.1)  # from the count to the queue

    monkeypatch.setattr(Commits, "put", counted)
    return iter([wait])


Fault = Optional[Callable[[], BaseException]]


class Gate:
    """A store's commits: the first of a builder waits for the others, and the second goes wrong."""

    def __init__(self, wait: Callable[[], None], fault: Fault) -> None:
        self.wait = wait
        self.fault = fault
        self.groups: List[int] = []
        self.second = threading.Event()

    def __call__(self, lines: Sequence[Line]) -> None:
        if isinstance(lines[0], Built):
            self.groups.append(len(lines))
            if len(self.groups) == 1:
                self.wait()
            else:
                self.second.set()
                if len(self.groups) == 2 and self.fault is not None:
                    raise self.fault()

    def hold_back(self, name: str) -> None:
        """Keep what follows the first commit out of the second."""
        if name.startswith("last"):
            assert self.second.wait(20)


@pytest.fixture(params=["memory", "file"], name="store")
def each_store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "runs")


def built_by(store: Any, flow: Any) -> List[str]:
    return [line.by for line in store.open(flow.name).load("1") if isinstance(line, Built)]


def test_builders_that_end_while_a_commit_is_written_are_committed_together(store: Any, gather: Any) -> None:
    four = Four()
    gate = Gate(next(gather), None)
    four.act = gate.hold_back
    with Executor(four.flow(), store=WatchedStore(store, gate), max_workers=4) as runs:
        run = runs.run("1", Seed(1))
        assert runs.load("1").target == run.target == WHOLE(4)
    assert gate.groups[:2] == [1, 3]
    assert sorted(built_by(store, runs.workflow)) == sorted(four.called)
    assert len(set(four.called)) == 9


@pytest.mark.parametrize("error", [NotWritten("1", why="no space"), CommitUnknown("1", why="it never came")], ids=repr)
def test_a_commit_that_fails_fails_all_that_stand_in_it_and_what_follows_them_is_not_run(
    store: Any, gather: Any, error: BaseException
) -> None:
    four = Four()
    gate = Gate(next(gather), lambda: error)
    four.act = gate.hold_back
    with Executor(four.flow(), store=WatchedStore(store, gate), max_workers=4) as runs:
        with pytest.raises(type(error)) as caught:
            runs.run("1", Seed(1))
        assert caught.value is error
        assert gate.groups[:2] == [1, 3]
        kept, *behind = built_by(store, runs.workflow)
        allowed = kept.replace("first", "last")
        assert set(behind) <= {allowed}
        assert set(four.called) - {allowed} == {f"first_{at}" for at in range(4)}
        assert len(set(four.called)) == len(four.called)
        assert runs.load("1").status is Status.DUE
        four.called.clear()
        four.meets = False
        assert runs.run("1").target == WHOLE(4)
    assert sorted(name for name in four.called if name.startswith("first")) == sorted(
        {f"first_{at}" for at in range(4)} - {kept}
    )


def test_a_failure_and_products_are_committed_together(store: Any, gather: Any) -> None:
    def fail(name: str) -> None:
        if name == "first_2":
            raise ValueError

    four = Four(act=fail)
    gate = Gate(next(gather), None)
    with Executor(four.flow(), store=WatchedStore(store, gate), max_workers=4) as runs, pytest.raises(
        BuilderError
    ) as caught:
        runs.run("1", Seed(1))
    assert caught.value.builder == "first_2"
    assert sorted(built_by(store, runs.workflow)) == sorted(set(four.called) - {"first_2"})
    assert {"last_2", "whole"}.isdisjoint(four.called)


# --- who runs what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slow_is_the_caller", [False, True])
def test_two_threads_meet_again_whoever_was_done_first(*, slow_is_the_caller: bool) -> None:
    """The caller is woken for what a helper leaves, and a helper that has left is called again."""
    caller = threading.current_thread()
    meetings = [threading.Barrier(2, timeout=5) for _ in range(2)]

    def act(name: str) -> None:
        meetings[name.startswith("last")].wait()
        if name.startswith("first") and (threading.current_thread() is caller) is slow_is_the_caller:
            time.sleep(0.1)

    two = Four(act=act)
    two.meets = False
    firsts = [two._one(f"first_{at}", [Seed], PARTS[at]) for at in range(2)]
    lasts = [two._one(f"last_{at}", PARTS[:2], ENDS[at]) for at in range(2)]
    flow: Any = workflow(target=WHOLE, inputs=Seed, builders=[*firsts, *lasts, two._one("nil", ENDS[:2], WHOLE)])
    two.act = lambda name: act(name) if name != "nil" else None
    with Executor(flow, max_workers=2) as runs:
        assert runs.run("1", Seed(1)).target == WHOLE(4)


def test_a_lent_pool_that_raises_again_and_again_leaves_all_to_the_caller_and_is_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Refusing:
        asked = 0

        def submit(self, *_: object) -> object:
            self.asked += 1
            raise OSError("no thread left")

    pool = Refusing()
    four = Four()
    four.meets = False
    assert Executor(four.flow(), pool=pool, max_workers=3).run("1", Seed(1)).target == WHOLE(4)  # type: ignore[arg-type]
    assert pool.asked > 2
    assert [record.getMessage() for record in caplog.records] == ["run 1 goes on with fewer threads: no thread left"]


def test_a_thread_is_not_asked_for_again_while_one_is_on_its_way() -> None:
    class Late:
        def __init__(self) -> None:
            self.asked: List[Callable[[], object]] = []

        def submit(self, run: Callable[..., object], call: Callable[[], object]) -> Any:
            self.asked.append(lambda: run(call))
            return Future()

    pool = Late()
    four = Four()
    four.meets = False
    runs: Executor[Any, Any] = Executor(four.flow(), pool=pool, max_workers=4)  # type: ignore[arg-type]
    assert runs.run("1", Seed(1)).target == WHOLE(4)
    (late,) = pool.asked
    late()
    assert runs.load("1").target == WHOLE(4)


def test_what_two_threads_build_in_turn_adds_up() -> None:
    def left(seed: Seed) -> Left:
        return Left(seed.number)

    def right(other: Other) -> Right:
        return Right(other.number)

    with Executor(flow_of(left, right), max_workers=2) as runs:
        for number in range(50):
            assert runs.run(str(number), Seed(number), Other(1)).result() == Both(number + 1)
