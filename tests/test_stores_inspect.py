"""Looking after a file store: what a glance, a check, a repair and a move make of whole, damaged and held journals."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import attrs
import pytest

from polaris_dsl.errors import (
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
from polaris_dsl.stores import Built, Failed, Fed, FileStore, Line, MemoryStore, Put, Rested, Started
from polaris_dsl.stores._disk import Disk, system_disk
from polaris_dsl.stores._locks import FlockLocks, OfdLocks
from polaris_dsl.stores._look import Look
from polaris_dsl.stores._move import hand_over
from polaris_dsl.stores._repair import Lost, lost_of

AT = "2026-03-01T09:30:00.125Z"
RUN = "order-42"
FLOW = "payments"


def lines_of(run: str = RUN, flow: str = FLOW) -> List[Line]:
    return [
        Started(AT, run, flow, "4f1d"),
        Fed(AT, (Put("Card", '{"no":"4000"}'),)),
        Built(AT, "encrypt", {"Card": 2}, (Put("Token", "1"),)),
        Failed(AT, "pay", {"Token": 3}, "GatewayTimeout", "shop/bank.py:41"),
        Rested(AT, "failed"),
    ]


LINES = lines_of()


def begin(store: FileStore, run: str = RUN, flow: str = FLOW) -> Path:
    """Commit the five lines, each by itself; return where they are."""
    journals = store.open(flow)
    for n, line in enumerate(lines_of(run, flow)):
        assert journals.append(run, n, [line]) == ()
    return Path(journals._folder.journal(run))


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "runs", durability="process")  # a move syncs all the same


@pytest.fixture
def archive(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "archive", durability="process")


def shown(store: FileStore, flow: str = FLOW) -> Dict[str, object]:
    """Return what a glance shows: the last line by run, or the type of what is wrong."""
    return {seen.run: seen.last or type(seen.problem) for seen in store.glance(flow)}


def checked(store: FileStore, flow: str = FLOW) -> Dict[str, Tuple[int, Optional[type]]]:
    return {one.run: (one.lines, type(one.problem) if one.problem else None) for one in store.verify(flow)}


# --- what is there ---------------------------------------------------------------------------------------------------


def test_the_workflows_that_have_runs_are_named_in_order(store, tmp_path):
    for flow in ("refunds", FLOW, "zoo"):
        begin(store, flow=flow)
    store.open("zoo").delete(RUN)
    (tmp_path / "runs" / "no workflow").mkdir()
    (tmp_path / "runs" / "README").write_text("")
    assert list(store.workflows()) == [FLOW, "refunds"]


@pytest.mark.parametrize("run", [RUN, "a\x1bb", 'say "hi"', "日本", "\\"])
def test_a_run_of_any_id_is_seen_at_a_glance_with_its_last_line(run, store):
    begin(store, run)
    assert shown(store) == {run: LINES[-1]}
    assert checked(store) == {run: (5, None)}


def test_a_run_that_was_interrupted_is_seen_with_the_last_line_it_has(store):
    path = begin(store)
    raw = path.read_bytes().splitlines(keepends=True)
    for n in range(1, 6):
        path.write_bytes(b"".join(raw[:n]) + b'{"n":')
        assert shown(store) == {RUN: LINES[n - 1]}
        assert checked(store) == {RUN: (n, None)}


@pytest.mark.parametrize("what", [b"", b'{"n":1', bytes(600)])
def test_what_never_became_a_run_is_not_shown(what, store):
    begin(store).write_bytes(what)
    assert shown(store) == checked(store) == {}


def test_a_run_that_is_deleted_meanwhile_is_not_shown(tmp_path):
    real = system_disk("")
    gone = "0" * 32 + "-gone.jsonl"
    disk = attrs.evolve(real, listdir=lambda path: [*real.listdir(path), gone])
    store = FileStore(tmp_path / "runs", _disk=disk)
    begin(store)
    assert shown(store) == {RUN: LINES[-1]}
    assert checked(store) == {RUN: (5, None)}


def test_one_damaged_run_hides_no_other_and_says_whose_it_is(store):
    for number in range(5):
        begin(store, f"order-{number}")
    path = begin(store)
    path.write_bytes(path.read_bytes().replace(b'"status":"failed"', b'"status":"fooled"'))
    assert shown(store) == {RUN: CorruptJournal, **{f"order-{number}": LINES[-1] for number in range(5)}}
    assert checked(store) == {RUN: (4, CorruptJournal), **{f"order-{number}": (5, None) for number in range(5)}}


def test_a_damaged_first_line_still_names_the_run_where_its_place_vouches_for_it(store):
    path = begin(store)
    path.write_bytes(path.read_bytes().replace(b"4f1d", b"4f1e"))
    assert checked(store) == {RUN: (0, CorruptJournal)}


def test_a_journal_that_cannot_say_whose_it_is_is_told_by_its_file(store):
    path = begin(store)
    data = path.read_bytes()
    for damaged in (data.replace(b"order-42", b"order-43"), b"x" + data, data.replace(b"order-42", b"order-\xff2")):
        path.write_bytes(damaged)
        (seen,), (found,) = store.glance(FLOW), store.verify(FLOW)
        assert (seen.run, found.run, found.lines) == ("", "", 0)
        for problem in (seen.problem, found.problem):
            assert str(problem).startswith(f"{path}:1: byte 0: does not match its checksum")


def test_a_journal_out_of_its_place_is_refused(store):
    path = begin(store)
    path.rename(path.with_name("0" * 32 + "-stray.jsonl"))
    for (found,) in (list(store.glance(FLOW)), list(store.verify(FLOW))):
        assert "this is the journal of run 'order-42', out of its place" in str(found.problem)
        assert found.run == ""


def test_a_journal_of_another_workflow_is_refused(store):
    path = begin(store)
    path.write_bytes(begin(store, flow="refunds").read_bytes())
    assert shown(store) == {RUN: WrongWorkflow}
    assert checked(store) == {RUN: (5, WrongWorkflow)}


def test_a_journal_that_cannot_be_read_hides_no_other(tmp_path):
    real = system_disk("")

    def open_(path: str, flags: int, mode: int) -> int:
        if "order-43" in path and not flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real.open(path, flags, mode)

    store = FileStore(tmp_path / "runs", _disk=attrs.evolve(real, open=open_))
    begin(store)
    begin(store, "order-43")
    assert shown(store) == {RUN: LINES[-1], "": UnsafeStore}
    assert checked(store) == {RUN: (5, None), "": (0, UnsafeStore)}


def test_a_check_finds_every_byte_that_differs(store):
    path = begin(store)
    data = path.read_bytes()
    assert checked(store) == {RUN: (5, None)}
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        ((lines, problem),) = checked(store).values()
        assert problem is CorruptJournal
        assert lines < 5


def test_looking_while_others_write_sees_no_damage_and_takes_nothing_away(store):
    over = threading.Event()

    def work() -> None:
        for number in range(30):
            begin(store, f"order-{number}")
        over.set()

    writer = threading.Thread(target=work)
    writer.start()
    looks = 0
    while not over.is_set():
        assert {seen.problem for seen in store.glance(FLOW)} <= {None}
        assert {found.problem for found in store.verify(FLOW)} <= {None}
        looks += 1
    writer.join()
    assert looks
    assert len(shown(store)) == 30


@pytest.mark.parametrize("locks", [lambda *_: OfdLocks(), FlockLocks], ids=["ofd", "flock"])
@pytest.mark.parametrize("written", [0, 1, 40])
def test_a_first_line_that_is_being_written_is_no_damage(locks, written, tmp_path):
    store = FileStore(tmp_path / "runs", durability="process", _locks=locks)
    path = begin(store)
    whole = path.read_bytes()
    path.write_bytes(whole[:written])
    taken = store._ground.locks
    seen: List[object] = []

    def look() -> None:
        seen.extend([checked(store), shown(store)])

    with path.open("r+b") as journal:
        taken.take_append(journal.fileno())
        looker = threading.Thread(target=look)
        looker.start()
        time.sleep(0.1)  # until it waits for the lock
        journal.write(whole)
        journal.flush()
        taken.drop_append(journal.fileno())
    looker.join(20)
    assert seen == [{RUN: (len(LINES), None)}, {RUN: LINES[-1]}]


def test_a_run_that_begins_just_after_its_empty_file_was_looked_at_is_no_damage(store, monkeypatch):
    path = begin(store)
    whole = path.read_bytes()
    alone = Look._alone

    def written_behind(look: Look, fd: int) -> bytes:
        raw = alone(look, fd)
        path.write_bytes(whole)
        return raw

    monkeypatch.setattr(Look, "_alone", written_behind)
    for look in (checked, shown):
        path.write_bytes(b"")
        assert look(store) == {}
        assert set(look(store)) == {RUN}


# --- who holds a run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locks", [lambda *_: OfdLocks(), FlockLocks], ids=["ofd", "flock"])
def test_a_look_tells_who_holds_a_run_and_takes_no_lock(locks, tmp_path):
    store = FileStore(tmp_path / "runs", _locks=locks)
    assert store.holder(RUN, workflow=FLOW) is None
    begin(store)
    assert store.holder(RUN, workflow=FLOW) is None
    with store.open(FLOW).hold(RUN):
        holder = FileStore(tmp_path / "runs", _locks=locks).holder(RUN, workflow=FLOW)
        assert holder is not None
        assert holder.name.startswith(f"process {os.getpid()} on host ")
        assert holder.since.endswith("Z")
    assert store.holder(RUN, workflow=FLOW) is None


# --- repair ----------------------------------------------------------------------------------------------------------


def test_repair_says_what_each_line_was_that_was_lost(store):
    path = begin(store)
    raw = path.read_bytes().splitlines(keepends=True)
    kept = b'{"op":"built","by":"pay","put":[],"kept":["Receipt"]}\n'
    path.write_bytes(b"".join([raw[0], raw[1].replace(b"4000", b"4001"), *raw[2:], kept, b"[]\n", b'{"op":"fe']))
    assert store.repair(RUN).lost == (
        Lost(2, "feed", "", ("Card",)),
        Lost(3, "built", "encrypt", ("Token",)),
        Lost(4, "failed", "pay", ()),
        Lost(5, "rest", "", ()),
        Lost(6, "built", "pay", ("Receipt",)),
        Lost(7, "", "", ()),
        Lost(8, "", "", ()),
    )


@pytest.mark.parametrize(
    "line", [b"{}", b'{"op":1,"by":[],"put":{},"kept":3}', b'{"put":[[],3,[4,5]],"kept":[{}]}', b"\xff"]
)
def test_a_lost_line_may_say_anything(line):
    assert lost_of(line + b"\n", behind=6) == (Lost(7, "", "", ()),)


# --- moving ----------------------------------------------------------------------------------------------------------


def test_a_moved_run_is_there_byte_for_byte_and_here_no_more(store, archive, tmp_path):
    path = begin(store)
    data = path.read_bytes()
    begin(store, "order-43")
    store.move(RUN, workflow=FLOW, into=archive)
    (moved,) = tmp_path.glob("archive/*/*/*")
    assert moved.read_bytes() == data
    assert moved.relative_to(tmp_path / "archive") == path.relative_to(tmp_path / "runs")
    assert moved.stat().st_mode & 0o777 == 0o600
    assert not path.exists()
    assert archive.open(FLOW).load(RUN) == tuple(LINES)
    assert (shown(store), shown(archive)) == ({"order-43": LINES[-1]}, {RUN: LINES[-1]})
    archive.move(RUN, workflow=FLOW, into=store)
    assert path.read_bytes() == data


def test_an_unfinished_commit_is_not_moved(store, archive):
    path = begin(store)
    data = path.read_bytes()
    path.write_bytes(data + b'{"n":6')
    store.move(RUN, workflow=FLOW, into=archive)
    assert Path(archive.open(FLOW)._folder.journal(RUN)).read_bytes() == data


@pytest.mark.parametrize("there", [0, 1, 3, 5, "torn"])
def test_a_run_is_moved_onto_its_own_beginning_which_an_interrupted_move_may_have_left(there, store, archive):
    path = begin(store)
    data = path.read_bytes()
    target = begin(archive)
    raw = data.splitlines(keepends=True)
    target.write_bytes(b'{"n":1,"at"' if there == "torn" else b"".join(raw[:there]))
    store.move(RUN, workflow=FLOW, into=archive)
    assert target.read_bytes() == data
    assert not path.exists()


def test_a_run_that_went_on_in_both_stores_is_left_in_both(store, archive):
    path, target = begin(store), begin(archive)
    store.open(FLOW).append(RUN, 5, [Rested(AT, "paused")])
    archive.open(FLOW).append(RUN, 5, [Rested(AT, "complete")])
    before = path.read_bytes(), target.read_bytes()
    with pytest.raises(DefinitionError, match="the store to move into has another run 'order-42'"):
        store.move(RUN, workflow=FLOW, into=archive)
    assert (path.read_bytes(), target.read_bytes()) == before


def test_what_cannot_be_moved_is_refused_and_left_as_it_is(store, archive, tmp_path):
    with pytest.raises(UnknownRun):
        store.move(RUN, workflow=FLOW, into=archive)
    path = begin(store)
    data = path.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    for itself in (store, FileStore(tmp_path / "link")):
        with pytest.raises(DefinitionError, match="is where the run is already"):
            store.move(RUN, workflow=FLOW, into=itself)
    with pytest.raises(DefinitionError, match="not live values"):
        store.move(RUN, workflow=FLOW, into=MemoryStore())
    for held in (store, archive):
        with held.open(FLOW).hold(RUN), pytest.raises(RunLocked):
            store.move(RUN, workflow=FLOW, into=archive)
    path.write_bytes(data.replace(b"4000", b"4001"))
    with pytest.raises(CorruptJournal):
        store.move(RUN, workflow=FLOW, into=archive)
    path.write_bytes(begin(store, flow="refunds").read_bytes())
    with pytest.raises(WrongWorkflow):
        store.move(RUN, workflow=FLOW, into=archive)
    path.write_bytes(b"")
    with pytest.raises(UnknownRun):
        store.move(RUN, workflow=FLOW, into=archive)
    assert shown(archive) == {}


def test_who_waits_for_a_run_while_it_comes_finds_it(store, archive, tmp_path):
    begin(store)
    came: List[Tuple[Line, ...]] = []
    journals = archive.open(FLOW)

    feeder = threading.Thread(target=lambda: came.append(journals.append(RUN, 0, LINES[:1])))

    def rename(old: str, new: str) -> None:
        feeder.start()
        time.sleep(0.05)  # it waits by now for the lock of the file that is replaced
        Path(old).replace(new)

    slow = FileStore(tmp_path / "archive", _disk=attrs.evolve(system_disk(""), rename=rename))
    store.move(RUN, workflow=FLOW, into=slow)
    feeder.join()
    assert came == [tuple(LINES)]


def test_journals_that_take_no_bytes_get_the_lines_in_one_commit(store):
    path = begin(store)
    journals = MemoryStore().open(FLOW)
    for there in (0, 1, 5):
        journals = MemoryStore().open(FLOW)
        if there:
            journals.append(RUN, 0, LINES[:there])
        hand_over(RUN, path.read_bytes(), LINES, into=journals)
        assert journals.load(RUN) == tuple(LINES)
    journals.append(RUN, 5, [Rested(AT, "paused")])
    with pytest.raises(DefinitionError, match="another run 'order-42'"):
        hand_over(RUN, path.read_bytes(), LINES, into=journals)


# --- moving, with faults ---------------------------------------------------------------------------------------------


def counted_disk(act: Callable[[str, int], None]) -> Disk:
    """Return a disk that tells each call's name and number to `act` before the call is made."""
    real, numbers = system_disk(""), itertools.count()

    def watched(name: str) -> Callable[..., object]:
        call = getattr(real, name)

        def watching(*args: object) -> object:
            act(name, next(numbers))
            return call(*args)

        return watching

    fields: Dict[str, Any] = {name: watched(name) for name in attrs.fields_dict(Disk)}
    return Disk(**fields)


Mover = Callable[[FileStore, FileStore], None]


def careful(store: FileStore, archive: FileStore) -> None:
    store.move(RUN, workflow=FLOW, into=archive)


def reckless(store: FileStore, archive: FileStore) -> None:
    """Do it the other way round."""
    data = Path(store.open(FLOW)._folder.journal(RUN)).read_bytes()
    store.open(FLOW).delete(RUN)
    archive.open(FLOW).adopt(RUN, data)


def stores(root: Path, disk: Optional[Disk] = None) -> Tuple[FileStore, FileStore]:
    return FileStore(root / "runs", _disk=disk), FileStore(root / "archive", _disk=disk)


def failing(root: Path, mover: Mover, *, at: int) -> bool:
    """Move on a disk whose call number `at` fails; return whether it took fewer calls."""
    calls = []

    def act(name: str, number: int) -> None:
        calls.append(name)
        if number == at and name != "close":  # which would not close, and so not let go of the locks
            raise OSError(errno.EIO, "Input/output error")

    with suppress(StoreError):
        mover(*stores(root, counted_disk(act)))
    return len(calls) <= at


def killed(root: Path, mover: Mover, *, at: int) -> bool:
    """Move in a process that is killed before its call number `at`; return whether it got through before."""

    def act(_name: str, number: int) -> None:
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        code = 1
        with suppress(BaseException):
            mover(*stores(root, counted_disk(act)))
            code = 0
        os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == 0


def left_whole(root: Path, mover: Mover, break_off: Callable[..., bool]) -> Iterator[int]:
    """Break a move off at each of its calls; yield in how many of the two stores the run was left.

    Neither may ever show anything but the whole run, and doing it again must end it.
    """
    whole = begin(FileStore(root / "model", durability="process"))
    through, at = False, 0
    while not through:
        here = root / str(at)
        journal = here / "runs" / whole.relative_to(root / "model")
        journal.parent.mkdir(parents=True)
        shutil.copy(whole, journal)
        through = break_off(here, mover, at=at)
        both = [FileStore(here / name, durability="process") for name in ("runs", "archive")]
        assert all(checked(store) in ({}, {RUN: (5, None)}) for store in both)
        assert all(shown(store) in ({}, {RUN: LINES[-1]}) for store in both)
        yield sum(len(checked(store)) for store in both)
        with suppress(UnknownRun):
            careful(both[0], both[1])
        assert (len(checked(both[0])), len(checked(both[1]))) == (0, 1)
        at += 1


@pytest.mark.parametrize("break_off", [failing, killed])
def test_a_move_that_is_broken_off_anywhere_loses_nothing_and_is_ended_by_another(break_off, tmp_path):
    left = list(left_whole(tmp_path, careful, break_off))
    assert set(left) == {1, 2}  # two: durable there, and not yet removed here
    assert len(left) > 40


@pytest.mark.parametrize("break_off", [failing, killed])
def test_a_move_that_removes_first_is_found_to_lose_the_run(break_off, tmp_path):
    assert 0 in left_whole(tmp_path, reckless, break_off)


@pytest.mark.parametrize(
    ("call", "code", "error"),
    [
        ("pwrite", errno.ENOSPC, NotWritten),
        ("sync", errno.EIO, NotWritten),
        ("rename", errno.EIO, NotWritten),
        ("sync_folder", errno.EIO, CommitUnknown),
    ],
)
def test_a_store_that_cannot_take_a_run_says_so_and_it_stays_where_it_is(call, code, error, store, archive, tmp_path):
    path = begin(store)
    archive.open(FLOW).append("order-43", 0, lines_of("order-43")[:1])

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    broken: Dict[str, Any] = {call: fail}
    into = FileStore(tmp_path / "archive", durability="process", _disk=attrs.evolve(system_disk(""), **broken))
    with pytest.raises(error, match=os.strerror(code)):
        store.move(RUN, workflow=FLOW, into=into)
    assert path.exists()
    assert not list(tmp_path.glob("archive/*/*/*.moving"))


def test_a_moved_run_is_on_the_disk_before_it_is_named_and_there_before_it_is_removed_here(tmp_path):
    calls: List[str] = []
    store, archive = stores(tmp_path, counted_disk(lambda name, _: calls.append(name)))
    begin(store)
    calls.clear()
    store.move(RUN, workflow=FLOW, into=archive)
    wanted = ["pwrite", "sync", "rename", "sync_folder", "sync_folder", "sync_folder", "unlink", "sync_folder"]
    assert [call for call in calls if call in wanted][1:] == wanted  # the first removes what an interrupted one left
