"""What an SQLite store does with its file: making and refusing it, settings, damage, listing, repair, faults."""

from __future__ import annotations

import errno
import gc
import json
import os
import resource
import sqlite3
import stat
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Type

import attrs
import pytest

from polaris_dsl import Executor, FileStore, MemoryStore, Status, builder, workflow
from polaris_dsl.errors import (
    BadRunId,
    CommitUnknown,
    CorruptJournal,
    DefinitionError,
    NotWritten,
    RunLocked,
    StoreError,
    UnknownRun,
    UnsafeStore,
    WrongWorkflow,
)
from polaris_dsl.stores import Built, Fed, Inspectable, Journals, Line, Put, Repaired, Rested, Started, Store, Verified
from polaris_dsl.stores import _sqlite_rows as rows
from polaris_dsl.stores._journal import Tip, claimed
from polaris_dsl.stores._locks import FlockLocks, Locks, OfdLocks
from polaris_dsl.stores._protocol import Glance
from polaris_dsl.stores._scan import Scan, scan
from polaris_dsl.stores._sqlite_journals import SqliteJournals
from polaris_dsl.stores._sqlite_locks import RangeLocks
from polaris_dsl.stores.sqlite import SqliteStore
from polaris_dsl.testing import StoreCase, store_cases
from tests.faults.campaign import some_of
from tests.faults.disks import in_memory
from tests.faults.volumes import fill, tiny

AT = "2026-03-01T09:30:00.125Z"
RUN = "order-42"
FLOW = "payments"


def started(run: str = RUN, flow: str = FLOW) -> Started:
    return Started(AT, run, flow, "4f1d")


def fed(body: str = '{"no":"4000"}') -> Fed:
    return Fed(AT, (Put("Card", body),))


LINES: List[Line] = [started(), fed(), Built(AT, "encrypt", {"Card": 2}, (Put("Token", "1"),)), Rested(AT, "paused")]


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory where there is such a thing: a disk would only take time."""
    with in_memory(otherwise=tmp_path) as folder:
        yield folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
def store(path: Path) -> SqliteStore:
    return SqliteStore(path)


@pytest.fixture
def journals(store: SqliteStore) -> SqliteJournals:
    return store.open(FLOW)


def begin(journals: Journals, *, run: str = RUN, flow: str = FLOW) -> None:
    """Commit the four lines, each by itself."""
    for n, line in enumerate([started(run, flow), *LINES[1:]]):
        assert journals.append(run, n, [line]) == ()


def sql(path: Path, *statements: str) -> List[Any]:
    """Do to a database what anybody can do who has the file; return what the last statement found."""
    connection = sqlite3.connect(str(path))
    found: List[Any] = []
    for statement in statements:
        found = connection.execute(statement).fetchall()
    connection.commit()
    connection.close()
    return found


def files(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.iterdir())


# --- every store -----------------------------------------------------------------------------------------------------

STORES: Dict[str, Callable[[Path], SqliteStore]] = {
    "power": SqliteStore,
    "process": partial(SqliteStore, durability="process"),
    "flock": partial(SqliteStore, durability="process", _locks=FlockLocks),
}


@pytest.mark.parametrize("case", store_cases().values(), ids=list(store_cases()))
@pytest.mark.parametrize("make", STORES.values(), ids=list(STORES))
def test_store(make: Callable[[Path], SqliteStore], case: StoreCase, path: Path):
    case(make(path))


def test_it_can_be_looked_after_without_the_code_of_its_workflows(store):
    inspectable: Inspectable = store
    assert list(inspectable.workflows()) == []


@attrs.frozen
class Order:
    number: int


@attrs.frozen
class Paid:
    number: int


@builder
def pay(order: Order) -> Paid:
    return Paid(order.number)


def test_an_executor_runs_on_it(path):
    paying = workflow(name="paying", target=Paid, inputs=Order, builders=[pay])
    with SqliteStore(path) as first, Executor(paying, store=first) as executor:
        assert executor.run("order-1", Order(7)).result() == Paid(7)
    with SqliteStore(path) as second, Executor(paying, store=second) as executor:
        assert executor.load("order-1").result() == Paid(7)
        assert [(run.id, run.status) for run in executor.runs()] == [("order-1", Status.COMPLETE)]
        assert not executor.run("order-1", Order(7)).built
        executor.delete("order-1")
        assert list(executor.runs()) == []


def test_a_journal_is_kept_line_by_line_as_a_file_has_it(journals, path, tmp_path):
    begin(journals)
    begin(FileStore(tmp_path / "runs").open(FLOW))
    (file,) = tmp_path.rglob("*.jsonl")
    kept = sql(path, "SELECT raw FROM lines ORDER BY n")
    assert b"".join(raw + b"\n" for (raw,) in kept) == file.read_bytes()


# --- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_only_the_owner_may_enter_and_read_whatever_the_umask(umask, tmp_path):
    before = os.umask(umask)
    try:
        store = SqliteStore(tmp_path / "new" / "folder" / "runs.db")
        journals = store.open(FLOW)
        begin(journals)
        with journals.hold("order-43"):
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    finally:
        os.umask(before)
    assert modes == {
        **dict.fromkeys(("new", "folder"), 0o700),
        **dict.fromkeys(("runs.db", "runs.db-wal", "runs.db-shm", "runs.db-locks"), 0o600),
    }


def test_a_database_that_is_closed_is_one_file_besides_that_for_the_locks(store, journals, path, tmp_path):
    begin(journals)
    store.close()
    assert files(tmp_path) == ["runs.db", "runs.db-locks"]
    assert list(journals.load(RUN)) == LINES


def test_a_store_that_is_forgotten_is_closed(path, tmp_path):
    begin(SqliteStore(path).open(FLOW))
    gc.collect()
    assert files(tmp_path) == ["runs.db", "runs.db-locks"]


def test_a_path_may_be_relative_and_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SqliteStore("runs.db") as store:
        begin(store.open(FLOW))
        monkeypatch.chdir("/")
        store.close()
        assert list(store.open(FLOW).load(RUN)) == LINES


@pytest.mark.parametrize("path", ["", "a\0b", ":memory:", 7, b"runs.db"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(DefinitionError, match="SqliteStore takes the path of a file, not"):
        SqliteStore(path)


def test_a_durability_that_does_not_exist_is_refused(path):
    with pytest.raises(DefinitionError, match='durability= is "power" or "process", not \'none\''):
        SqliteStore(path, durability="none")  # type: ignore[arg-type]  # what an untyped caller may pass


def test_a_directory_that_everyone_may_write_to_is_refused(tmp_path):
    tmp_path.chmod(0o1777)
    with pytest.raises(UnsafeStore, match="everyone on this machine may write to it"):
        SqliteStore(tmp_path / "runs.db")


@pytest.mark.parametrize("name", ["runs.db", "runs.db-wal", "runs.db-shm", "runs.db-locks"])
def test_a_symbolic_link_in_place_of_its_files_is_refused(name, path, tmp_path):
    with SqliteStore(path) as store:
        begin(store.open(FLOW))
    (tmp_path / "elsewhere").touch()
    (tmp_path / name).rename(tmp_path / "elsewhere") if (tmp_path / name).exists() else None
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeStore, match="it is a symbolic link, which a store never makes"):
        SqliteStore(path)


def test_a_file_that_is_no_database_of_a_store_is_refused_in_clear_words_and_left_as_it_was(path, tmp_path):
    def of_another_format() -> None:
        SqliteStore(path).close()
        sql(path, "PRAGMA user_version = 7")

    wrong: List[Tuple[str, Callable[[], object]]] = [
        ("is empty, which a store never leaves it; remove it", path.touch),
        ("is not an SQLite database", lambda: path.write_text("order,amount\n" * 99)),
        ("is a database of another application; use another path", lambda: sql(path, "CREATE TABLE orders (id)")),
        ("has format 7, and this version of the library reads format 1; use a newer one", of_another_format),
    ]
    for why, make in wrong:
        make()
        before = path.read_bytes()
        with pytest.raises(UnsafeStore, match=why) as raised:
            SqliteStore(path)
        assert raised.value.path == str(path)
        assert path.read_bytes() == before
        path.unlink()
    path.mkdir()
    with pytest.raises(UnsafeStore, match="is not a file"):
        SqliteStore(path)
    with pytest.raises(UnsafeStore, match="is not a directory"):
        SqliteStore(tmp_path / "runs.db-locks" / "runs.db")


def test_what_a_killed_process_left_half_made_is_made_anew(path, tmp_path):
    for name in ("runs.db-new", "runs.db-new-wal", "runs.db-new-shm", "runs.db-new-journal"):
        (tmp_path / name).write_text("half")
    with SqliteStore(path) as store:
        begin(store.open(FLOW))
    assert files(tmp_path) == ["runs.db", "runs.db-locks"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0", "a b", "x" * 65])
def test_a_workflow_that_no_file_store_could_keep_is_refused(name, store):
    with pytest.raises(UnsafeStore, match=r"cannot be kept: use letters, digits, _ \. and -, at most 64"):
        store.open(name)


def test_a_database_that_is_removed_or_replaced_while_it_is_open_is_not_written_to(store, journals, path):
    begin(journals)
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    for call in (lambda: journals.load(RUN), lambda: journals.append(RUN, 4, [fed()])):
        with pytest.raises(UnsafeStore, match="was removed or replaced while it was open: put it back"):
            call()
    path.write_bytes(elsewhere.read_bytes())
    with pytest.raises(UnsafeStore, match="was removed or replaced"):
        journals.load(RUN)
    elsewhere.rename(path)
    assert list(journals.load(RUN)) == LINES


# --- settings --------------------------------------------------------------------------------------------------------


class Watched(sqlite3.Connection):
    """A connection that notes what it is told, and can be made to do something else."""

    told: List[str] = []  # noqa: RUF012  of all connections
    instead: Callable[[str], str] = staticmethod(lambda statement: statement)

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        type(self).told.append(statement)
        return super().execute(type(self).instead(statement), *parameters)


@pytest.fixture
def watched() -> Type[Watched]:
    class Fresh(Watched):
        told: List[str] = []  # noqa: RUF012  of all connections of one test

    return Fresh


def open_watched(path: Path, watched: Type[Watched], **options: Any) -> SqliteStore:
    return SqliteStore(path, _connect=partial(sqlite3.connect, factory=watched), **options)


@pytest.mark.parametrize(
    "setting", ["journal_mode = wal", "synchronous = 2", "fullfsync = 1", "checkpoint_fullfsync = 1"]
)
def test_a_setting_that_sqlite_does_not_take_is_refused(setting, path, watched):
    SqliteStore(path).close()
    other = {"journal_mode = wal": "journal_mode = delete", "synchronous = 2": "synchronous = 1"}.get(setting, "no")
    watched.instead = staticmethod(lambda told: f"PRAGMA {other}" if told == f"PRAGMA {setting}" else told)
    with pytest.raises(UnsafeStore, match=f"does not take {setting}, without which nothing is promised"):
        open_watched(path, watched)


def synced(told: Sequence[str]) -> List[str]:
    """Return how each transaction was synced: the level that was set last before it."""
    levels, level = [], ""
    for statement in told:
        if statement.startswith("PRAGMA synchronous ="):
            level = statement[-1]
        levels += [level] if statement == "COMMIT" else []
    return levels


@pytest.mark.parametrize(("durability", "wanted"), [("power", "22122"), ("process", "11111")])
def test_a_commit_is_synced_unless_it_only_notes_a_status(durability, wanted, path, watched):
    journals = open_watched(path, watched, durability=durability).open(FLOW)
    begin(journals)
    del watched.told[:]
    journals.append("a", 0, [started("a")])
    journals.append("a", 1, [fed(), LINES[3]])
    journals.append("a", 3, [LINES[3]])
    journals.append("a", 4, [fed()])
    journals.delete("a")
    levels = synced(["PRAGMA synchronous = 1", *watched.told])
    assert "".join(levels) == wanted


def test_the_log_is_synced_before_what_others_left_in_it_is_built_upon(journals, path, monkeypatch):
    disk = journals._database.file.disk
    synced_files: List[str] = []

    def sync(fd: int) -> None:
        synced_files.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        disk.sync(fd)

    file = journals._database.file
    journals._database.file = attrs.evolve(file, disk=attrs.evolve(disk, sync=sync))
    other = SqliteStore(path, durability="process")
    begin(other.open(FLOW))
    with journals.hold(RUN):
        assert synced_files == ["runs.db-wal"]
        journals.append(RUN, 4, [fed()])
        assert len(journals.load(RUN)) == 5
        assert synced_files == ["runs.db-wal"]
        other.open(FLOW).append(RUN, 5, [fed()])
        assert journals.load(RUN, after=5) == (fed(),)
        assert synced_files == ["runs.db-wal"] * 2
    with other.open(FLOW).hold(RUN):
        assert synced_files == ["runs.db-wal"] * 2
    with journals.hold("order-43"):  # there is nothing to build upon
        assert synced_files == ["runs.db-wal"] * 2
    other.close()
    journals._database.close()
    journals._database.file.sync()  # where there is no log, all of it is in the database
    assert synced_files == ["runs.db-wal"] * 2


# --- damage ----------------------------------------------------------------------------------------------------------


def calls_on(journals: SqliteJournals, run: str = RUN) -> Sequence[Callable[[], object]]:
    def hold() -> None:
        with journals.hold(run):
            pytest.fail("a damaged run was held")

    return [
        lambda: journals.load(run),
        lambda: journals.append(run, 4, [fed()]),
        hold,
    ]


SURGERY: Dict[str, Tuple[str, int, str]] = {
    "a changed byte": (
        "UPDATE lines SET raw = CAST(replace(raw, '4000', '4001') AS BLOB) WHERE n = 2",
        2,
        "does not match its checksum",
    ),
    "a line deleted": ("DELETE FROM lines WHERE n = 2", 2, "does not match its checksum"),
    "the first line deleted": ("DELETE FROM lines WHERE n = 1", 1, "does not match its checksum"),
    "the last line deleted": ("DELETE FROM lines WHERE n = 4", 4, "the journal ends here, but 4 lines were committed"),
    "all lines deleted": ("DELETE FROM lines", 1, "the journal ends here, but 4 lines were committed"),
    "a line doubled": ("INSERT INTO lines SELECT run, 5, raw FROM lines WHERE n = 4", 5, "does not match its checksum"),
    "lines swapped": ("UPDATE lines SET n = CASE n WHEN 2 THEN -3 ELSE -2 END WHERE n IN (2, 3)", 1, "checksum"),
    "a line renumbered": ("UPDATE lines SET n = 7 WHERE n = 4", 4, "has the number 7"),
    "a note of more lines": ("UPDATE runs SET n = 9", 5, "the journal ends here, but 9 lines were committed"),
    "a note of fewer lines": ("UPDATE runs SET n = 3", 5, "the journal ends here, but 3 lines were committed"),
    "a note that is no number": ("UPDATE runs SET n = 'all'", 5, "the journal ends here, but 'all' lines were"),
    "two lines in one": (
        "UPDATE lines SET raw = CAST(raw || x'0a' || (SELECT raw FROM lines WHERE n = 4) AS BLOB) WHERE n = 3",
        5,
        "does not match its checksum",
    ),
    "a line cut": ("UPDATE lines SET raw = substr(raw, 1, 40) WHERE n = 4", 4, "does not match its checksum"),
    "a line of NULs": ("UPDATE lines SET raw = zeroblob(length(raw)) WHERE n = 4", 4, "does not match its checksum"),
    "a line that is text": ("UPDATE lines SET raw = 'x' WHERE n = 3", 3, "does not match its checksum"),
    "another run's": (
        "UPDATE runs SET run = 'order-43'",
        1,
        "this is the journal of run 'order-42', not of 'order-43'",
    ),
}


@pytest.mark.parametrize(("surgery", "line", "why"), SURGERY.values(), ids=list(SURGERY))
def test_surgery_on_the_rows_is_refused_with_its_place_and_nothing_is_written(
    surgery, line, why, store, journals, path
):
    begin(journals)
    sql(path, surgery)
    ((run, _),) = damaged = sql(path, "SELECT run, n FROM runs")
    (verified,) = store.verify(FLOW)
    assert verified.run == run
    for call in calls_on(journals, run):
        with pytest.raises(CorruptJournal) as raised:
            call()
        error = raised.value
        assert (error.path, error.line) == (str(path), line)
        assert str(error).startswith(f"{path}:{line}: byte {error.byte}: run {run!r} of workflow payments: ")
        assert why in error.why
        assert str(verified.problem) == str(error)
    assert sql(path, "SELECT run, n FROM runs") == damaged


def test_the_byte_of_a_damage_is_that_of_a_journal_file(journals, path):
    begin(journals)
    first, second = (len(raw) + 1 for (raw,) in sql(path, "SELECT raw FROM lines WHERE n < 3 ORDER BY n"))
    sql(path, "UPDATE lines SET n = 7 WHERE n = 3", "UPDATE lines SET n = 8 WHERE n = 4")
    with pytest.raises(CorruptJournal) as raised:
        journals.load(RUN)
    assert (raised.value.line, raised.value.byte) == (3, first + second)


def test_a_part_of_a_commit_is_not_read(journals, path):
    journals.append(RUN, 0, [started()])
    journals.append(RUN, 1, [fed(), fed()])
    sql(path, "DELETE FROM lines WHERE n = 3", "UPDATE runs SET n = 2")
    with pytest.raises(CorruptJournal, match="is not the whole of its commit"):
        journals.load(RUN)


def test_a_run_given_to_another_workflow_is_refused_and_not_deleted(store, journals, path):
    begin(journals)
    sql(path, "UPDATE runs SET flow = 'refunds'")
    refunds = store.open("refunds")
    for call in [*calls_on(refunds), lambda: refunds.delete(RUN), lambda: store.repair(RUN)]:
        with pytest.raises(WrongWorkflow, match="is a run of workflow payments, not of refunds"):
            call()
    assert [type(found.problem) for found in store.verify("refunds")] == [WrongWorkflow]
    assert sql(path, "SELECT count(*) FROM lines") == [(4,)]


def test_stray_lines_in_the_place_of_a_run_are_not_taken_over(store, journals, path):
    sql(path, "INSERT INTO lines VALUES (1, 2, x'7b7d')")
    with pytest.raises(CorruptJournal, match="the database was damaged: UNIQUE constraint failed"):
        journals.append(RUN, 0, [started(), fed()])
    with pytest.raises(UnknownRun):
        journals.load(RUN)
    (found,) = store.verify(FLOW)
    assert (found.run, found.lines) == ("", 0)
    assert "the database was damaged: 1 lines are of no run" in str(found.problem)


def test_damage_that_comes_while_a_run_is_held_is_refused(journals, path):
    begin(journals)
    with journals.hold(RUN):
        sql(path, "DELETE FROM lines WHERE n = 4", "UPDATE runs SET n = 3")
        with pytest.raises(UnknownRun):
            journals.append(RUN, 4, [fed()])
        sql(path, "DELETE FROM runs")
        with pytest.raises(UnknownRun):
            journals.load(RUN, after=4)


def flipped(path: Path, *, share: float) -> List[str]:
    """Flip a share of the bits of the kept lines, one by one; return what was read as data all the same."""
    journals = SqliteStore(path, durability="process").open(FLOW)
    begin(journals)
    silent = []
    connection = sqlite3.connect(str(path), isolation_level=None)
    for n, raw in connection.execute("SELECT n, raw FROM lines").fetchall():
        for bit in some_of(range(8 * len(raw)), short=share):
            damaged = bytearray(raw)
            damaged[bit // 8] ^= 1 << bit % 8
            connection.execute("UPDATE lines SET raw = ? WHERE n = ?", (bytes(damaged), n))
            with suppress(CorruptJournal):
                silent.append(f"{n}: {journals.load(RUN)}")
        connection.execute("UPDATE lines SET raw = ? WHERE n = ?", (raw, n))
    connection.close()
    assert list(journals.load(RUN)) == LINES
    return silent


def test_every_flipped_bit_of_a_line_is_refused(path):
    assert flipped(path, share=0.25) == []


def test_the_flips_notice_a_store_that_trusts_its_rows(path, monkeypatch):
    def trusting(data: bytes, run: str) -> Scan:
        lines = data.splitlines()
        if all(claimed(line) for line in lines):
            return Scan(tuple(LINES), Tip(len(lines), len(data), b""), 0, None)
        return scan(data, run)

    monkeypatch.setattr(rows, "scan", trusting)
    assert flipped(path, share=0.03)


def outcome(path: Path) -> str:
    """Say what a store makes of a file."""
    try:
        with SqliteStore(path, durability="process") as store:
            journals = store.open(FLOW)
            return "whole" if list(journals.load(RUN)) == LINES else "silent"
    except StoreError as error:
        return type(error).__name__


def test_a_flipped_bit_of_the_file_itself_is_never_read_as_data(path):
    with SqliteStore(path, durability="process") as store:
        begin(store.open(FLOW))
    whole = path.read_bytes()
    seen: Dict[str, int] = {}
    # A journal is on the last of the pages; on the first are the header and the tables that there are.
    for at in [*some_of(range(120), short=0.4), *some_of(range(len(whole)), short=0.012)]:
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        found = outcome(path)
        seen[found] = seen.get(found, 0) + 1
    assert "silent" not in seen
    assert {"whole", "CorruptJournal", "UnsafeStore"} <= set(seen)


def test_what_sqlite_cannot_read_is_told_as_damage_of_the_database(path):
    with SqliteStore(path) as store:
        for number in range(40):
            begin(store.open(FLOW), run=f"order-{number}")
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with SqliteStore(path) as store:
        journals = store.open(FLOW)
        for call in (lambda: journals.load("order-1"), lambda: journals.append("order-1", 4, [fed()])):
            with pytest.raises(CorruptJournal, match="the database was damaged: database disk image is malformed"):
                call()


# --- listing ---------------------------------------------------------------------------------------------------------


def test_runs_reads_page_after_page_and_keeps_workflows_apart(store):
    wanted: Dict[str, Line] = {}
    refunds = store.open("refunds")
    with ThreadPoolExecutor(8) as pool:

        def begin_one(number: int) -> None:
            flow = "refunds" if number % 5 == 0 else FLOW
            lines: List[Line] = [started(f"order-{number}", flow), fed(f'"{number * "x"}"'), LINES[3]]
            kept = lines[: 1 + number % 3]
            store.open(flow).append(f"order-{number}", 0, kept)
            if flow == FLOW:
                wanted[f"order-{number}"] = kept[-1]

        list(pool.map(begin_one, range(1300)))
    assert dict(store.open(FLOW).runs()) == wanted
    assert len(list(refunds.runs())) == 260
    assert list(store.workflows()) == [FLOW, "refunds"]


def test_runs_shows_the_others_before_it_refuses_a_damaged_one(store, journals, path):
    for number in range(10):
        begin(journals, run=f"order-{number}")
    sql(path, "UPDATE lines SET raw = x'7b7d' WHERE run = 3", "DELETE FROM lines WHERE run = 7 AND n = 1")
    sql(path, "UPDATE lines SET raw = x'7b7d' WHERE run = 8 AND n = 1")
    sql(path, "UPDATE runs SET run = 'order-X' WHERE id = 9")
    seen: List[Tuple[str, Line]] = []
    with pytest.raises(CorruptJournal, match="run 'order-2'"):
        seen.extend(journals.runs())
    assert sorted(run for run, _ in seen) == [f"order-{number}" for number in (0, 1, 3, 4, 5, 9)]
    assert {line for _, line in seen} == {LINES[-1]}
    assert [(found.run, found.last is None) for found in store.glance(FLOW) if found.problem is not None] == [
        ("order-2", True),
        ("order-6", True),
        ("order-7", True),
        ("order-X", True),
    ]


def test_runs_passes_over_runs_that_are_deleted_meanwhile(store, journals, path, monkeypatch):
    begin(journals)
    begin(journals, run="order-43")
    sql(path, "UPDATE lines SET raw = x'7b7d' WHERE run = 1")
    real = rows.fetch_numbered

    def late(connection: sqlite3.Connection, at: rows.Address, number: int) -> Optional[rows.Kept]:
        connection.execute("DELETE FROM runs WHERE id = 1")
        return real(connection, at, number)

    monkeypatch.setattr("polaris_dsl.stores._sqlite_care.fetch_numbered", late)
    assert list(store.glance(FLOW)) == [Glance("order-43", LINES[-1])]
    sql(path, "DELETE FROM lines WHERE run = 1", "INSERT INTO runs VALUES (1, 'payments', 'order-42', 0)")
    assert list(store.verify(FLOW)) == [Verified("order-43", 4, None)]


def test_names_that_are_no_text_any_more_are_listed(store, journals, path):
    begin(journals)
    sql(path, "UPDATE runs SET run = CAST(run AS BLOB)")
    assert [seen.run for seen in store.glance(FLOW)] == [found.run for found in store.verify(FLOW)] == [RUN]
    with pytest.raises(UnknownRun):
        journals.load(RUN)
    sql(path, "UPDATE runs SET flow = CAST(flow AS BLOB)")
    assert list(store.workflows()) == [FLOW]


def test_a_run_id_of_damaged_bytes_is_listed_and_refused(store, journals, path):
    begin(journals)
    sql(path, "UPDATE runs SET run = CAST(x'6fff' AS TEXT)")
    ((seen,), (verified,)) = list(store.glance(FLOW)), list(store.verify(FLOW))
    assert seen.run == verified.run == "o\udcff"
    assert type(seen.problem) is type(verified.problem) is CorruptJournal


# --- looking after it ------------------------------------------------------------------------------------------------


def test_verify_checks_every_journal_and_the_database(store, journals, path):
    begin(journals)
    begin(journals, run="order-43")
    assert list(store.verify(FLOW)) == [Verified(RUN, 4, None), Verified("order-43", 4, None)]
    assert list(store.verify("refunds")) == []
    sql(path, "UPDATE lines SET raw = x'7b7d' WHERE run = 2 AND n = 3")
    assert [(found.run, found.lines, type(found.problem)) for found in store.verify(FLOW)] == [
        (RUN, 4, type(None)),
        ("order-43", 2, CorruptJournal),
    ]


def test_verify_finds_a_run_that_a_damaged_index_hides(path):
    with SqliteStore(path) as store:
        begin(store.open(FLOW))
    *rest, last = path.read_bytes().split(f"{FLOW}{RUN}".encode())
    assert len(rest) == 2, "one is in the table, one in the index"
    damaged = [f"{FLOW}{RUN}".encode().join(rest), f"{FLOW}order-99".encode(), last]
    path.write_bytes(b"".join(damaged))
    with SqliteStore(path) as store:
        with pytest.raises(UnknownRun):
            store.open(FLOW).load(RUN)
        first, *others = store.verify(FLOW)
    assert "the database was damaged: row 1 missing from index" in str(first.problem)
    assert others[-1] == Verified(RUN, 4, None)


def test_verify_goes_on_behind_a_journal_that_sqlite_cannot_read(store, journals, monkeypatch):
    begin(journals)
    begin(journals, run="order-43")
    real = rows.fetch_numbered

    def failing(connection: sqlite3.Connection, at: rows.Address, number: int) -> Optional[rows.Kept]:
        if number == 1:
            raise sqlite3.DatabaseError("database disk image is malformed")
        return real(connection, at, number)

    monkeypatch.setattr("polaris_dsl.stores._sqlite_care.fetch_numbered", failing)
    assert [(found.run, type(found.problem)) for found in store.verify(FLOW)] == [
        (RUN, CorruptJournal),
        ("order-43", type(None)),
    ]


def test_who_holds_a_run_can_be_asked_without_a_lock(store, journals):
    assert store.holder(RUN, workflow=FLOW) is None
    with journals.hold(RUN):
        holder = store.holder(RUN, workflow=FLOW)
        assert holder is not None
        assert f"process {os.getpid()} on host" in holder.name
        assert store.holder(RUN, workflow="refunds") is None
    assert store.holder(RUN, workflow=FLOW) is None


def test_repair_cuts_where_the_damage_begins_and_keeps_a_copy(store, journals, path):
    begin(journals)
    raws = [raw for (raw,) in sql(path, "SELECT raw FROM lines ORDER BY n")]
    surgery = "UPDATE lines SET raw = x'7b7d' WHERE n = 3"
    sql(path, surgery)
    done = store.repair(RUN)
    assert (done.lines, done.bytes) == (2, 3 + len(raws[3]) + 1)
    assert [(lost.line, lost.op) for lost in done.lost] == [(3, ""), (4, json.loads(raws[3])["op"])]
    assert done.copy is not None
    assert done.copy.endswith(".damaged-1")
    assert Path(done.copy).read_bytes() == b"".join(raw + b"\n" for raw in [raws[0], raws[1], b"{}", raws[3]])
    assert stat.S_IMODE(Path(done.copy).stat().st_mode) == 0o600
    assert list(journals.load(RUN)) == LINES[:2]
    assert list(journals.runs()) == [(RUN, LINES[1])]
    assert journals.append(RUN, 2, [fed()]) == ()
    sql(path, surgery)
    assert (store.repair(RUN, workflow=FLOW).copy or "").endswith(".damaged-2")


@pytest.mark.parametrize(
    ("surgery", "lines", "kept"),
    [
        ("UPDATE lines SET n = n + 3 WHERE n > 2", 0, 4),
        ("UPDATE runs SET n = 3", 0, 4),
        ("DELETE FROM lines WHERE n = 4", 0, 3),
        ("DELETE FROM lines WHERE n = 2", 2, 1),
    ],
)
@pytest.mark.parametrize("durability", ["power", "process"])
def test_repair_keeps_whole_commits_whatever_their_rows_say(surgery, lines, kept, durability, path):
    store = SqliteStore(path, durability=durability)
    begin(store.open(FLOW))
    sql(path, surgery)
    done = store.repair(RUN)
    assert (done.lines, done.copy is not None) == (lines, True)
    assert list(store.open(FLOW).load(RUN)) == LINES[:kept]
    assert list(store.verify(FLOW)) == [Verified(RUN, kept, None)]


def test_repair_of_a_first_line_leaves_only_the_copy(store, journals, path):
    begin(journals)
    sql(path, "UPDATE lines SET raw = x'7b7d' WHERE n = 1")
    assert store.repair(RUN).lines == 4
    assert sql(path, "SELECT count(*) FROM lines") == [(0,)]
    with pytest.raises(UnknownRun):
        store.repair(RUN)


def test_repair_of_what_is_not_damaged_does_nothing(store, journals, tmp_path):
    begin(journals)
    assert store.repair(RUN) == Repaired(lines=0, bytes=0, copy=None)
    assert not list(tmp_path.glob("*damaged*"))


def test_repair_asks_which_workflow_is_meant(store, journals):
    begin(journals)
    begin(store.open("refunds"), flow="refunds")
    with pytest.raises(DefinitionError, match="payments, refunds all have a run 'order-42'; say which is meant"):
        store.repair(RUN)
    assert store.repair(RUN, workflow="refunds").lines == 0


def test_a_run_that_is_not_there_or_held_is_neither_repaired_nor_moved(store, journals, tmp_path):
    into = FileStore(tmp_path / "archive")
    for workflow_name in (None, FLOW):
        with pytest.raises(UnknownRun):
            store.repair(RUN, workflow=workflow_name)
    with pytest.raises(UnknownRun):
        store.move(RUN, workflow=FLOW, into=into)
    with pytest.raises(BadRunId):
        store.repair("")
    begin(journals)
    with journals.hold(RUN):
        with pytest.raises(RunLocked):
            store.repair(RUN)
        with pytest.raises(RunLocked):
            store.move(RUN, workflow=FLOW, into=into)
    assert list(into.open(FLOW).runs()) == []


def raws_of(path: Path) -> List[Any]:
    return sql(path, "SELECT raw FROM lines ORDER BY run, n")


def test_a_run_is_moved_with_all_its_lines(store, journals, path, tmp_path):
    begin(journals)
    journals.append(RUN, 4, [fed(), fed()])
    wanted, raws = journals.load(RUN), raws_of(path)
    files_too, archive = FileStore(tmp_path / "archive"), SqliteStore(tmp_path / "archive.db")
    store.move(RUN, workflow=FLOW, into=archive)
    assert list(journals.runs()) == []
    assert archive.open(FLOW).load(RUN) == wanted
    archive.move(RUN, workflow=FLOW, into=files_too)
    assert list(archive.open(FLOW).runs()) == []
    assert files_too.open(FLOW).load(RUN) == wanted
    files_too.move(RUN, workflow=FLOW, into=store)
    assert journals.load(RUN) == wanted
    assert raws_of(path) == raws
    assert list(store.verify(FLOW)) == [Verified(RUN, 6, None)]


def test_a_move_that_was_interrupted_is_ended_by_doing_it_again(store, journals, path, tmp_path):
    begin(journals)
    archive = SqliteStore(tmp_path / "archive.db")
    for kept in (1, 4):
        begin_with = b"".join(raw + b"\n" for (raw,) in raws_of(path)[:kept])
        archive.open(FLOW).adopt(RUN, begin_with)
        store.move(RUN, workflow=FLOW, into=archive)
        assert list(archive.open(FLOW).load(RUN)) == LINES
        archive.move(RUN, workflow=FLOW, into=store)
        assert list(archive.open(FLOW).runs()) == []


def test_a_run_is_not_moved_onto_another_nor_onto_itself_nor_to_where_values_live(store, journals, path, tmp_path):
    begin(journals)
    archive = SqliteStore(tmp_path / "archive.db")
    archive.open(FLOW).append(RUN, 0, [started(), fed('"another"')])
    with pytest.raises(DefinitionError, match="the store to move into has another run 'order-42'; delete one"):
        store.move(RUN, workflow=FLOW, into=archive)
    for same in (store, SqliteStore(path)):
        with pytest.raises(DefinitionError, match="is where the run is already; move it into another store"):
            store.move(RUN, workflow=FLOW, into=same)
    with pytest.raises(DefinitionError, match="a store that keeps text, not live values"):
        store.move(RUN, workflow=FLOW, into=MemoryStore())
    assert list(journals.load(RUN)) == LINES
    assert list(archive.open(FLOW).load(RUN)) == [started(), fed('"another"')]


def test_a_run_is_not_moved_onto_one_that_is_held_or_damaged(store, journals, tmp_path):
    begin(journals)
    archive = SqliteStore(tmp_path / "archive.db")
    with archive.open(FLOW).hold(RUN), pytest.raises(RunLocked):
        store.move(RUN, workflow=FLOW, into=archive)
    archive.open(FLOW).append(RUN, 0, [started()])
    sql(tmp_path / "archive.db", "UPDATE lines SET raw = x'7b7d'")
    with pytest.raises(CorruptJournal):
        store.move(RUN, workflow=FLOW, into=archive)
    assert list(journals.load(RUN)) == LINES


@attrs.frozen
class Busy:
    """A store in which something happens while it is moved into."""

    right: Store
    happens: Callable[[], object]
    encoded: bool = True

    def open(self, workflow: str, /) -> Any:
        right = self.right.open(workflow)
        happens = iter([self.happens])

        @attrs.frozen
        class Journaling:
            def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
                next(happens, lambda: None)()
                return right.append(run, expected_n, lines)

        return Journaling()


def test_what_is_fed_while_a_run_is_moved_goes_with_it(store, journals, path, tmp_path):
    begin(journals)
    archive = FileStore(tmp_path / "archive")
    webhook = SqliteStore(path).open(FLOW)
    store.move(RUN, workflow=FLOW, into=Busy(archive, lambda: webhook.append(RUN, 4, [fed()])))
    assert list(archive.open(FLOW).load(RUN)) == [*LINES, fed()]
    with pytest.raises(UnknownRun):
        journals.load(RUN)


# --- faults ----------------------------------------------------------------------------------------------------------


class Broken(Watched):
    """A connection of which statements fail, before or after they are done."""

    before: Dict[str, sqlite3.Error] = {}  # noqa: RUF012  of all connections
    after: Dict[str, BaseException] = {}  # noqa: RUF012  as above

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        if statement in type(self).before:
            raise type(self).before.pop(statement)
        done = super().execute(statement, *parameters)
        if statement in type(self).after:
            raise type(self).after.pop(statement)
        return done


@pytest.fixture
def broken() -> Iterator[Type[Broken]]:
    yield Broken
    Broken.before.clear()
    Broken.after.clear()
    Broken.told.clear()


IO = "disk I/O error"


@pytest.mark.parametrize("kept", [False, True])
def test_a_commit_that_fails_at_its_end_is_unknown_and_the_next_call_finds_out(kept, path, broken):
    journals = open_watched(path, broken).open(FLOW)
    begin(journals)
    with journals.hold(RUN):
        (broken.after if kept else broken.before)["COMMIT"] = sqlite3.OperationalError(IO)
        with pytest.raises(CommitUnknown, match=f"could not sync: {IO}"):
            journals.append(RUN, 4, [fed()])
        with pytest.raises(RunLocked), SqliteStore(path).open(FLOW).hold(RUN, wait_s=0):
            pass
        assert journals.append(RUN, 4, [fed("2")]) == ((fed(),) if kept else ())
        assert list(journals.load(RUN)) == [*LINES, fed() if kept else fed("2")]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("BEGIN IMMEDIATE", sqlite3.OperationalError("database is locked")),
        ("BEGIN IMMEDIATE", sqlite3.OperationalError(IO)),
        ("COMMIT", sqlite3.OperationalError("database or disk is full")),
    ],
)
def test_a_commit_that_fails_before_its_end_or_for_lack_of_space_keeps_nothing(statement, error, path, broken):
    journals = open_watched(path, broken).open(FLOW)
    begin(journals)
    broken.before[statement] = error
    with pytest.raises(NotWritten) as raised:
        journals.append(RUN, 4, [fed()])
    assert (raised.value.path, raised.value.why) == (str(path), str(error))
    assert journals.append(RUN, 4, [fed()]) == ()
    assert list(journals.load(RUN)) == [*LINES, fed()]


def test_a_read_that_fails_is_told_and_the_store_may_be_used_on(path, broken):
    journals = open_watched(path, broken).open(FLOW)
    begin(journals)
    broken.before[rows._NAMED] = sqlite3.OperationalError(IO)
    with pytest.raises(UnsafeStore, match=f"cannot be used: {IO}"):
        journals.load(RUN)
    assert list(journals.load(RUN)) == LINES
    broken.before["PRAGMA application_id"] = sqlite3.OperationalError("unable to open database file")
    with pytest.raises(UnsafeStore, match="cannot be used: unable to open database file"):
        open_watched(path, broken)


def test_a_disk_that_takes_no_more_writes_leaves_a_commit_unknown_or_unwritten(journals, path):
    """The limit on the size of files is a real one: the system refuses to write."""
    begin(journals)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("runs.db-wal").stat().st_size, hard))
    try:
        with pytest.raises(CommitUnknown, match=IO):
            journals.append(RUN, 4, [fed()])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(journals.load(RUN)) == LINES
    assert journals.append(RUN, 4, [fed()]) == ()
    assert list(SqliteStore(path).open(FLOW).load(RUN)) == [*LINES, fed()]


def test_a_full_file_system_keeps_nothing_of_a_commit_and_the_store_is_used_on_when_there_is_space(tmp_path):
    with tiny(tmp_path, size=1 << 20) as folder, SqliteStore(folder / "runs.db") as store:
        journals = store.open(FLOW)
        begin(journals)
        fill(folder / "filler", leave=4096)
        with pytest.raises(NotWritten, match="database or disk is full"):
            journals.append(RUN, 4, [fed(f'"{"x" * 20_000}"')])
        assert list(journals.load(RUN)) == LINES
        (folder / "filler").unlink()
        assert journals.append(RUN, 4, [fed()]) == ()
        with journals.hold(RUN):
            assert list(journals.load(RUN)) == [*LINES, fed()]


def test_a_lock_file_that_cannot_be_opened_is_told(store, journals, path):
    begin(journals)
    store.close()
    beside = path.with_name("runs.db-locks")
    beside.unlink()
    beside.mkdir()
    with pytest.raises(UnsafeStore, match="Is a directory"):
        journals.append(RUN, 4, [fed()])
    with pytest.raises(UnsafeStore, match="Is a directory"), journals.hold(RUN):
        pass
    beside.rmdir()
    assert journals.append(RUN, 4, [fed()]) == ()


@attrs.frozen
class NoneLeft:
    """Locks of which the one for commits cannot be had, or not be dropped."""

    right: Locks
    to_take: bool

    def __getattr__(self, name: str) -> object:
        return getattr(self.right, name)

    def take_append(self, fd: int, /) -> None:
        if self.to_take:
            raise OSError(errno.ENOLCK, "No locks available")
        self.right.take_append(fd)

    def drop_append(self, fd: int, /) -> None:
        raise OSError(errno.ENOLCK, "No locks available")


@pytest.mark.parametrize("to_take", [True, False])
def test_a_lock_that_cannot_be_had_is_told_and_one_that_cannot_be_dropped_undoes_no_commit(to_take, journals):
    begin(journals)
    file = journals._database.file
    journals._database.file = attrs.evolve(file, locks=NoneLeft(file.locks, to_take))
    if to_take:
        with pytest.raises(NotWritten, match="No locks available"):
            journals.append(RUN, 4, [fed()])
    else:
        assert journals.append(RUN, 4, [fed()]) == ()
    journals._database.file = file
    assert len(journals.load(RUN)) == 5 - to_take


def test_a_file_system_that_fails_is_told(journals, path):
    def failing(_: str) -> os.stat_result:
        raise OSError(errno.EIO, "Input/output error")

    begin(journals)
    file = journals._database.file
    journals._database.file = attrs.evolve(file, disk=attrs.evolve(file.disk, lstat=failing))
    for call in (lambda: journals.load(RUN), lambda: journals.append(RUN, 4, [fed()])):
        with pytest.raises(UnsafeStore, match="cannot be used: Input/output error"):
            call()


def test_a_log_that_cannot_be_synced_is_not_built_upon(journals):
    def failing(_: int) -> None:
        raise OSError(5, "Input/output error")

    begin(journals)
    file = journals._database.file
    journals._database.file = attrs.evolve(file, disk=attrs.evolve(file.disk, sync=failing))
    with pytest.raises(CommitUnknown, match="Input/output error"), journals.hold(RUN):
        pass


# --- together --------------------------------------------------------------------------------------------------------


class Gate:
    """A commit that keeps all others waiting until they are so many."""

    def __init__(self, journals: SqliteJournals, pool: ThreadPoolExecutor) -> None:
        self._database = journals._database
        self._inside, self._go_on = threading.Event(), threading.Event()
        self._first = pool.submit(self._database.commit, self._work)
        assert self._inside.wait(20)

    def _work(self, connection: sqlite3.Connection) -> str:
        self._inside.set()
        assert self._go_on.wait(20)
        return "first"

    def wait_for(self, waiting: int) -> None:
        while len(self._database._queue) < waiting:
            time.sleep(0.001)

    def open(self, *, waiting: int) -> None:
        self.wait_for(waiting)
        self._go_on.set()
        assert self._first.result() == "first"


def test_threads_that_commit_at_the_same_time_share_a_transaction(path, watched):
    journals = open_watched(path, watched).open(FLOW)
    begin(journals)
    with ThreadPoolExecutor(8) as pool:
        gate = Gate(journals, pool)
        del watched.told[:]
        good = [pool.submit(journals.append, f"order-{number}", 0, [started(f"order-{number}")]) for number in range(3)]
        behind = pool.submit(journals.append, RUN, 1, [fed()])
        unknown = pool.submit(journals.append, "order-9", 1, [fed()])
        gate.open(waiting=5)
        assert [each.result() for each in good] == [(), (), ()]
        assert list(behind.result()) == LINES[1:]
        with pytest.raises(UnknownRun):
            unknown.result()
    assert watched.told.count("BEGIN IMMEDIATE") == 1
    assert len(list(journals.runs())) == 4


def stray(connection: sqlite3.Connection) -> None:
    """Write what cannot be written."""
    connection.execute("INSERT INTO lines VALUES (1, 1, x'')")


def test_a_commit_that_sqlite_refuses_fails_by_itself(journals):
    begin(journals)
    with ThreadPoolExecutor(8) as pool:
        gate = Gate(journals, pool)
        bad = pool.submit(journals._database.commit, stray)
        fine = pool.submit(journals.append, RUN, 4, [fed()])
        gate.open(waiting=2)
        with pytest.raises(CorruptJournal, match="UNIQUE constraint failed"):
            bad.result()
        assert fine.result() == ()
    assert list(journals.load(RUN)) == [*LINES, fed()]


def test_what_is_known_of_commits_before_an_interruption_stays_known(path, broken):
    journals = open_watched(path, broken).open(FLOW)
    begin(journals)

    def interrupt(connection: sqlite3.Connection) -> None:
        broken.after["COMMIT"] = KeyboardInterrupt()

    works: List[Callable[[sqlite3.Connection], None]] = [stray, lambda _: None, interrupt, lambda _: None]
    with ThreadPoolExecutor(8) as pool:
        gate = Gate(journals, pool)
        four = []
        for waiting, work in enumerate(works, 1):
            four.append(pool.submit(journals._database.commit, work))
            gate.wait_for(waiting)
        gate.open(waiting=4)
        first, second, *others = [each.exception() for each in four]
    # One of the four did it for all of them, and was interrupted; what it knew of its own is lost with it.
    known = [type(first), type(second)]
    assert known in ([CorruptJournal, type(None)], [KeyboardInterrupt, type(None)], [CorruptJournal, KeyboardInterrupt])
    assert {type(each) for each in others} <= {CommitUnknown, KeyboardInterrupt}
    assert journals.append(RUN, 4, [fed()]) == ()


@pytest.mark.parametrize(
    ("error", "of_the_first"), [(sqlite3.OperationalError(IO), CommitUnknown), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_commits_that_end_in_doubt_are_each_told_so(error, of_the_first, path, broken):
    journals = open_watched(path, broken).open(FLOW)
    begin(journals)

    def fail(connection: sqlite3.Connection) -> None:
        broken.after["COMMIT"] = error

    with ThreadPoolExecutor(8) as pool:
        gate = Gate(journals, pool)
        three: List[Any] = [pool.submit(journals._database.commit, fail)]
        three += [
            pool.submit(journals.append, f"order-{number}", 0, [started(f"order-{number}")]) for number in range(2)
        ]
        gate.open(waiting=3)
        errors = [each.exception() for each in three]
    assert len({id(each) for each in errors}) == 3
    assert Counter(map(type, errors)) == Counter([CommitUnknown, CommitUnknown, of_the_first])
    assert len(list(journals.runs())) == 3


def test_a_body_of_two_lines_is_refused_and_fails_nobody_else(journals):
    begin(journals)
    with pytest.raises(ValueError, match="one line"):
        journals.append(RUN, 4, [fed('"\n"')])
    assert list(journals.load(RUN)) == LINES


# --- locks -----------------------------------------------------------------------------------------------------------


def test_runs_are_locked_on_bytes_of_one_file_where_there_are_such_locks(store, path):
    locks = store._database.file.locks
    assert isinstance(locks, RangeLocks)
    assert isinstance(locks._commits, OfdLocks)
    journals = store.open(FLOW)
    with journals.hold("a"), journals.hold("b"):
        assert path.with_name("runs.db-locks").stat().st_size == 0


def test_a_file_system_that_fails_when_it_is_asked_for_locks_is_told(path, monkeypatch):
    def failing(*_: object, **__: object) -> Locks:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("polaris_dsl.stores._sqlite_locks.system_locks", failing)
    with pytest.raises(UnsafeStore, match="Input/output error"):
        SqliteStore(path)


def test_hundreds_of_held_runs_do_not_get_in_each_others_way(tmp_path):
    locks = RangeLocks(OfdLocks())
    (tmp_path / "locks").touch()
    fds = [os.open(str(tmp_path / "locks"), os.O_RDWR) for _ in range(500)]
    try:
        assert all(locks.take_run(fd, f"run-{fd}") for fd in fds)
        assert not any(locks.take_run(fds[0], f"run-{fd}") for fd in fds[1:])
        assert all(locks.holder(fds[0], f"run-{fd}") is not None for fd in fds[1:])
        locks.drop_run(fds[7], f"run-{fds[7]}")
        assert locks.holder(fds[0], f"run-{fds[7]}") is None
        assert locks.take_run(fds[0], f"run-{fds[7]}")
        assert locks.holder(fds[1], f"run-{fds[8]}") is not None
    finally:
        for fd in fds:
            os.close(fd)


def test_a_lock_that_is_let_go_between_two_looks_is_tried_again(journals):
    refusals = iter([False, False])
    locks = journals._database.file.locks

    @attrs.frozen
    class Scripted:
        take_append = locks.take_append
        drop_append = locks.drop_append
        drop_run = locks.drop_run
        holder = locks.holder

        def take_run(self, fd: int, path: str, /) -> bool:
            return next(refusals, True) and locks.take_run(fd, path)

    journals._database.file = attrs.evolve(journals._database.file, locks=Scripted())
    with journals.hold(RUN, wait_s=0):
        assert list(refusals) == []
