"""An SQLite store between processes: connections over forks, races, kills at any time, power cuts."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest
from typing_extensions import Literal

from polaris_dsl import Executor
from polaris_dsl.errors import NotWritten, StoreError
from polaris_dsl.stores import Fed, Put, Started, _sqlite_file, _sqlite_journals, _sqlite_rows
from polaris_dsl.stores._disk import Descriptors, Disk
from polaris_dsl.stores._locks import FlockLocks, Locks
from polaris_dsl.stores._sqlite_database import Database
from polaris_dsl.stores._sqlite_journals import SqliteJournals
from polaris_dsl.stores._sqlite_rows import Noted
from polaris_dsl.stores.sqlite import SqliteStore
from tests.faults.campaign import Problem, Verdict, times
from tests.faults.counting import FLOW, count_on, judge_counts, lines_of, numbers_of, work
from tests.faults.disks import in_memory
from tests.faults.processes import Child, Doomed, Say
from tests.faults.test_races import Order, Sent, shipping
from tests.faults.volumes import CUTS, KINDS, Volume, volume

AT = "2026-03-01T09:30:00.125Z"
RUN = "order-42"
STARTED = Started(AT, RUN, FLOW, "4f1d")
TOGETHER = 2
PATIENCE_S = 20

LOCKS: Dict[str, Optional[Callable[[Descriptors, Disk], Locks]]] = {"ofd": None, "flock": FlockLocks}


def fed(value: object = 1) -> Fed:
    return Fed(AT, (Put("Card", f'"{value}"'),))


@pytest.fixture
def ram(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is such a thing: a kill does not ask what lies under the file system."""
    with in_memory(otherwise=tmp_path) as folder:
        yield folder


@pytest.fixture
def journals(ram: Path) -> Iterator[SqliteJournals]:
    with SqliteStore(ram / "runs.db") as store:
        yield store.open(FLOW)


# --- forks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closing", [True, False])
def test_no_connection_is_carried_over_a_fork(closing, journals, monkeypatch):
    if not closing:  # the negative control
        monkeypatch.setattr(Database, "_pause", lambda _: None)
        monkeypatch.setattr(Database, "_resume", lambda _: None)
    journals.append(RUN, 0, [STARTED])

    def in_the_child() -> None:
        assert journals._database._open == {}
        inherited = [os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if os.path.lexists(fd)]
        assert not [path for path in inherited if "test_no_connection" in path]  # other tests may have left theirs open

    with Child(in_the_child) as forked:
        assert forked.ends_well() == closing
    assert journals.load(RUN) == (STARTED,)


def test_a_process_forks_while_its_threads_commit(journals):
    """Each child commits too; no thread is in the middle of a commit when it is forked, so nobody waits for ever."""
    ended = threading.Event()
    acknowledged: List[str] = []

    def count() -> None:
        while not ended.is_set():
            acknowledged.extend(count_on(journals, RUN, who="thread"))

    with ThreadPoolExecutor(4) as pool:
        counting = [pool.submit(count) for _ in range(4)]
        for _ in range(5):
            with Child(lambda: list(count_on(journals, RUN, who="child"))) as forked:
                assert forked.ends_well()
        ended.set()
    assert [each.result() for each in counting] == [None] * 4
    numbers = numbers_of(lines_of(journals, RUN))
    assert [number for number, _ in numbers] == list(range(len(numbers)))
    assert sum(who == "child" for _, who in numbers) == 5
    assert {f"{RUN} {number} thread" for number, who in numbers if who == "thread"} == set(acknowledged)


# --- kills -----------------------------------------------------------------------------------------------------------


def kill_at_random(
    path: Path, verdict: Verdict, *, kills: int, locks: str = "ofd", works: Callable[..., None] = work, **how: bool
) -> None:
    """Kill so many processes, two at a time on the same runs, and judge what was acknowledged to them."""
    chance = random.Random(7)
    acknowledged: List[str] = []

    def worker(number: int) -> Callable[[Say], None]:
        durability: Literal["power", "process"] = "power" if number % 2 else "process"
        runs = [f"{number // 50}-{run}" for run in range(4)]

        def begin(say: Say) -> None:
            store = SqliteStore(path, durability=durability, _locks=LOCKS[locks])
            works(store, say, who=number, runs=runs, **how)

        return begin

    while verdict.tried < kills:
        doomed = [Doomed(worker(verdict.tried + n)) for n in range(TOGETHER)]
        if chance.random() < 0.8:  # the others may be killed while they recover, or make the database
            doomed[0].wait_for_a_word(wait_s=PATIENCE_S)
        for one in chance.sample(doomed, len(doomed)):
            time.sleep(chance.random() * 0.015)
            one.kill()
        for one in doomed:
            acknowledged += one.bury().lines
        verdict.tried += len(doomed)
    assert len(acknowledged) > kills
    with SqliteStore(path, durability="process", _locks=LOCKS[locks]) as store:
        judge_counts(store, verdict, acknowledged)
        assert [found for found in store.verify(FLOW) if found.problem is not None] == []


@pytest.mark.parametrize(("locks", "kills"), [("ofd", 150), ("flock", 30)])
def test_what_was_acknowledged_survives_kills_at_any_time(locks, kills, ram):
    verdict = Verdict()
    kill_at_random(ram / "runs.db", verdict, kills=times(kills, at_least=20), locks=locks)
    assert not verdict.bad, verdict.examples


def test_a_killed_process_that_makes_the_database_leaves_one_or_none(ram):
    for number in range(times(30, at_least=5)):
        path = ram / f"{number}" / "runs.db"
        doomed = Doomed(lambda _: SqliteStore(path))  # noqa: B023  forked at once
        time.sleep(number % 10 * 0.0008)
        doomed.kill()
        doomed.bury()
        with SqliteStore(path, durability="process") as store:
            assert store.open(FLOW).append(RUN, 0, [STARTED]) == ()


def test_the_kills_notice_a_worker_that_acknowledges_too_early(ram):
    verdict = Verdict()
    kill_at_random(ram / "runs.db", verdict, kills=60, early=True)
    assert verdict.found[Problem.LOST]


def without_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take any line for the expected one, as a store without compare-and-swap would."""
    real = SqliteJournals.append

    def append(self: SqliteJournals, run: str, expected_n: int, lines: Any, /) -> Any:
        news = real(self, run, expected_n, lines)
        while news:
            expected_n += len(news)
            news = real(self, run, expected_n, [line for line in lines if not isinstance(line, Started)])
        return news

    monkeypatch.setattr(SqliteJournals, "append", append)


def trusting_what_it_knew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write where the reader thought that the end is, outside of any transaction."""
    real = _sqlite_rows.noted

    def stale(connection: sqlite3.Connection, at: Any) -> Optional[Noted]:
        connection.execute("COMMIT")
        row = real(connection, at)
        time.sleep(0.0005)
        connection.execute("BEGIN")
        return row

    monkeypatch.setattr(_sqlite_journals, "noted", stale)
    monkeypatch.setattr(_sqlite_file.DatabaseFile, "first_in", lambda self, line: nullcontext())


def test_the_kills_notice_a_store_that_takes_any_line_for_the_expected_one(ram, monkeypatch):
    without_comparing(monkeypatch)
    for number in range(20):  # it takes two writers at one moment, which chance brings sooner or later
        verdict = Verdict()
        kill_at_random(ram / f"runs-{number}.db", verdict, kills=60)
        if verdict.found[Problem.DOUBLED]:
            return
    pytest.fail("no line was doubled")


# --- races -----------------------------------------------------------------------------------------------------------

RACERS = 6


def raced(race: Callable[[int, Say], object]) -> List[str]:
    """Let all race; return what they said."""
    doomed = [Doomed(partial(race, racer)) for racer in range(RACERS)]
    return [line for one in doomed for line in one.bury().lines]


def race_for_numbers(path: Path, verdict: Verdict, *, runs: int) -> None:
    """Let all of them count in every run up to the same number, with nothing but the store between them."""

    def race(racer: int, say: Say) -> None:
        journals = SqliteStore(path).open(FLOW)
        for run in map(str, random.Random(racer).sample(range(runs), runs)):
            try:
                while len(lines_of(journals, run)) < 8:
                    for acknowledged in count_on(journals, run, who=racer):
                        say(acknowledged)
            except StoreError as error:
                say(f"refused {type(error).__name__}")

    SqliteStore(path).close()
    said = raced(race)
    verdict.tried += len(said)
    for line in said:
        if line.startswith("refused"):
            verdict.blame(Problem.REFUSED, line)
    with SqliteStore(path) as store:
        judge_counts(store, verdict, [line for line in said if not line.startswith("refused")])


def test_exactly_one_of_several_processes_wins_a_number(ram):
    verdict = Verdict()
    race_for_numbers(ram / "runs.db", verdict, runs=times(60, at_least=20))
    assert not verdict.bad, verdict.examples


@pytest.mark.parametrize("worsen", [without_comparing, trusting_what_it_knew])
def test_the_races_notice_a_store(worsen, ram, monkeypatch):
    worsen(monkeypatch)
    verdict = Verdict()
    race_for_numbers(ram / "runs.db", verdict, runs=40)
    assert verdict.bad


def race_for_runs(path: Path, *, runs: int, takes_s: float = 0.0) -> List[str]:
    """Let all of them run every run to its end; return which builder was called for which run."""

    def race(racer: int, say: Say) -> None:
        with SqliteStore(path) as store, Executor(
            shipping(say, takes_s=takes_s), store=store, max_workers=1
        ) as executor:
            for number in range(runs):
                assert executor.run(str(number), Order(number)).result() == Sent(2 * number)

    return raced(race)


def test_each_builder_is_called_once_for_a_run_that_six_processes_race_for(ram):
    runs = times(30, at_least=10)
    effects = race_for_runs(ram / "runs.db", runs=runs)
    assert len(effects) == len(set(effects)) == 3 * runs


def test_the_races_notice_that_runs_are_not_held(ram, monkeypatch):
    monkeypatch.setattr(SqliteJournals, "hold", lambda self, run, *, wait_s=None: nullcontext())
    assert len(race_for_runs(ram / "runs.db", runs=10, takes_s=0.01)) > 3 * 10


# --- the power -------------------------------------------------------------------------------------------------------


def cut(made: Volume, verdict: Verdict, *, cuts: int, durability: Literal["power", "process"] = "power") -> None:
    """Cut the power of a real file system so many times, start again, and judge what is left."""
    chance = random.Random(7)
    acknowledged: List[str] = []
    path = made.at / "new" / "runs.db"

    def works(say: Say, who: int) -> None:
        with suppress(StoreError):  # from the cut on, nothing works
            work(
                SqliteStore(path, durability=durability), say, who=who, runs=[f"{who // 20}-{run}" for run in range(4)]
            )

    while verdict.tried < cuts:
        doomed = [Doomed(partial(works, who=TOGETHER * verdict.tried + n)) for n in range(TOGETHER)]
        doomed[0].wait_for_a_word(wait_s=PATIENCE_S)
        time.sleep(chance.random() * 0.02)
        for one in doomed:
            acknowledged += one.so_far()  # who has no power does not hear what is told after the cut
        made.cut_power(chance.choice(CUTS))
        for one in doomed:
            one.kill()
            one.bury()
        made.start_again()
        verdict.tried += 1
    with SqliteStore(path) as store:
        judge_counts(store, verdict, acknowledged)
        assert [found for found in store.verify(FLOW) if found.problem is not None] == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_acknowledged_survives_power_cuts(kind, tmp_path):
    verdict = Verdict()
    with volume(kind, tmp_path) as made:
        cut(made, verdict, cuts=times(10, at_least=2))
    assert not verdict.bad, verdict.examples


def test_the_power_cuts_notice_a_store_that_does_not_sync(tmp_path):
    verdict = Verdict()
    with volume("ext4", tmp_path) as made:
        cut(made, verdict, cuts=4, durability="process")
    assert verdict.found[Problem.LOST]


# --- other programs --------------------------------------------------------------------------------------------------


@contextmanager
def written_to(path: Path) -> Iterator[None]:
    connection = sqlite3.connect(str(path), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


def test_another_program_that_writes_to_the_database_is_waited_for_and_at_last_told(ram, monkeypatch):
    monkeypatch.setattr(_sqlite_file, "PATIENCE_S", 0.2)
    with SqliteStore(ram / "runs.db") as store:
        journals = store.open(FLOW)
        with written_to(ram / "runs.db"), pytest.raises(NotWritten, match="database is locked"):
            journals.append(RUN, 0, [STARTED])
        assert journals.append(RUN, 0, [STARTED]) == ()


def test_a_system_without_fcntl_imports_the_store_and_is_refused_to_make_one(tmp_path):
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "from polaris_dsl.errors import UnsafeStore\n"
        "from polaris_dsl.stores.sqlite import SqliteStore\n"
        "try: SqliteStore(sys.argv[1])\n"
        "except UnsafeStore as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "runs"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{tmp_path / 'runs'}: ")
    assert "flock" in done.stdout
    assert not (tmp_path / "runs").exists()
