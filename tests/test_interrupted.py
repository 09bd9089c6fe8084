"""Ctrl-C at any place of a call: it ends, what it had committed stays, and the next call goes on.

With POLARIS_LONG set, at any place of calls that write to a disk too; otherwise at one of three.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Iterator, Mapping, Sequence

import attrs
import pytest
from typing_extensions import Self

import polaris_dsl
from polaris_dsl import Executor, FileStore, MemoryStore, RunLocked, Status, Workflow, builder, workflow
from polaris_dsl._straight import PAYS_AT
from polaris_dsl.stores import Built, Store
from polaris_dsl.stores._hold import let_go
from polaris_dsl.stores._memory import MemoryJournals
from polaris_dsl.stores.sqlite import SqliteStore

LONG = bool(os.environ.get("POLARIS_LONG"))
LIBRARY = str(Path(polaris_dsl.__file__).parent)
HEARD_IN = (LIBRARY, contextlib.__file__, "<polaris plan")
"""Where Ctrl-C is put: not into the standard library's threads, which it can leave broken."""
UNHEARD = {"<genexpr>", "forget", "_guard"}
"""What Python ends where nobody can hear it."""


@attrs.frozen
class Seed:
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


def flow() -> Workflow[Both, Seed]:
    @builder
    def left(seed: Seed) -> Left:
        return Left(seed.number)

    @builder
    def right(seed: Seed) -> Right:
        return Right(seed.number)

    @builder
    def both(left: Left, right: Right) -> Both:
        return Both(left.number + right.number)

    return workflow(target=Both, inputs=Seed, builders=[left, right, both], name="pair")


class CtrlC:
    """Raises KeyboardInterrupt in this thread at one place: where the nth function begins, or has come to its end."""

    def __init__(self, nth: int, *, at: str, deaf: Sequence[str] = ()) -> None:
        self.left = nth
        self.deaf = deaf
        self.at = at

    def __enter__(self) -> Self:
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *ended: object) -> None:
        sys.settrace(self.before)

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        if Path(frame.f_code.co_filename).name in self.deaf:
            return None
        around = {frame.f_code.co_name, frame.f_back.f_code.co_name if frame.f_back else ""}
        if not frame.f_code.co_filename.startswith(HEARD_IN) or around & UNHEARD:
            return None
        if event == self.at:
            self.left -= 1
            if not self.left:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.trace


def interrupted_everywhere(
    act: Callable[[int], object], *, at: str, deaf: Sequence[str] = (), step: int = 1
) -> Iterator[int]:
    """Act again and again, interrupted at one place after the other, until there is none."""
    nth = 0
    while True:
        nth += step
        with CtrlC(nth, at=at, deaf=deaf) as place:
            try:
                act(nth)
            except KeyboardInterrupt:
                yield nth
        if place.left > 0:
            assert nth > 20
            return


@pytest.fixture(params=["straight", "one thread", "two threads", "files", "SQLite"])
def executor(request: Any, tmp_path: Path) -> Iterator[Executor[Both, Seed]]:
    kind = request.param
    store: Store = MemoryStore()
    if kind == "files":
        store = FileStore(tmp_path, durability="process")
    elif kind == "SQLite":
        store = SqliteStore(tmp_path / "runs.db", durability="process")
    with Executor(flow(), store=store, max_workers=2 if kind == "two threads" else 1) as made:
        if kind == "straight":
            for number in range(PAYS_AT):
                made.run(f"warm-{number}", Seed(0))
        elif made._turns.express is not None:
            made._turns = attrs.evolve(made._turns, express=None)
        yield made


@pytest.mark.parametrize("at", ["call", "return"])
def test_ctrl_c_at_any_place_ends_the_call_and_leaves_the_run_to_the_next(
    executor: Executor[Both, Seed], at: str
) -> None:
    # What is done on the connection of a database is not interrupted here.
    deaf = ("_sqlite_database.py", "contextlib.py") if "Sqlite" in type(executor._journals).__name__ else ()
    step = 1 if LONG or isinstance(executor._journals, MemoryJournals) else 3
    for nth in interrupted_everywhere(lambda nth: executor.run(f"r{nth}", Seed(nth)), at=at, deaf=deaf, step=step):
        run_id = f"r{nth}"
        run = executor.run(run_id, Seed(nth), wait_s=0)
        loaded = executor.load(run_id)
        assert (run.target, loaded.target, loaded.status) == (Both(2 * nth), Both(2 * nth), Status.COMPLETE)
        built = [line.by for line in executor._journals.load(run_id) if isinstance(line, Built)]
        assert sorted(built) == ["both", "left", "right"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one in a collection of rubbish
@pytest.mark.skipif(sys.version_info < (3, 10), reason="there `with lock` itself can leave a lock held")
def test_real_signals_at_any_time_leave_runs_that_go_on() -> None:
    runs = Executor(flow(), max_workers=1)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    ends_s, number, heard = time.monotonic() + 1, 0, 0
    try:
        while time.monotonic() < ends_s:
            number += 1
            try:
                try:
                    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 1e-4))
                    runs.run(str(number), Seed(number))
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    time.sleep(0.001)  # another thread may have taken it, and be about to pass it on
            except KeyboardInterrupt:
                heard += 1
            assert runs.run(str(number), Seed(number), wait_s=0).target == Both(2 * number)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert heard


@pytest.mark.parametrize("kind", ["memory", "files", "SQLite"])
def test_a_run_lock_is_let_go_of_when_nobody_has_it_in_hand_any_more(kind: str, tmp_path: Path) -> None:
    stores: Mapping[str, Callable[[], Store]] = {
        "memory": MemoryStore,
        "files": lambda: FileStore(tmp_path),
        "SQLite": lambda: SqliteStore(tmp_path / "runs.db"),
    }
    journals = stores[kind]().open("flow")
    lock = journals.hold("r")
    lock.__enter__()
    with pytest.raises(RunLocked), journals.hold("r", wait_s=0):
        pytest.fail("it was held twice")
    waiting = threading.Thread(target=lambda: journals.hold("r", wait_s=20).__enter__())
    waiting.start()
    time.sleep(0.05)
    del lock
    gc.collect()
    waiting.join(20)
    with journals.hold("r", wait_s=2):
        pass


def test_a_lock_of_somebody_elses_store_is_left_to_it() -> None:
    let_go(contextlib.nullcontext())


def test_who_is_forgotten_late_takes_the_run_from_nobody() -> None:
    journals = MemoryStore().open("flow")
    lock = journals.hold("r")
    lock.__enter__()
    seen = journals._holders["r"]  # as one who is about to say who has it
    lock.let_go()
    with journals.hold("r"):
        del lock
        gc.collect()
        assert seen[2]() is None
        with pytest.raises(RunLocked), journals.hold("r", wait_s=0):
            pytest.fail("it was held twice")
