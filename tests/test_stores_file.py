"""What a file store does with its directory: paths, modes, reading, listing, recovery, repair."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

import attrs
import pytest

from polaris_dsl.errors import (
    BadRunId,
    CorruptJournal,
    DefinitionError,
    RunLocked,
    StoreError,
    UnknownRun,
    UnsafeStore,
    WrongWorkflow,
)
from polaris_dsl.stores import Built, Fed, FileStore, Line, Put, Repaired, Rested, Started
from polaris_dsl.stores._disk import system_disk
from polaris_dsl.stores._file import FileJournals
from polaris_dsl.stores._locks import OfdLocks

AT = "2026-03-01T09:30:00.125Z"
RUN = "order-42"
FLOW = "payments"


def started(run: str = RUN, flow: str = FLOW) -> Started:
    return Started(AT, run, flow, "4f1d")


def fed(body: str = '{"no":"4000"}') -> Fed:
    return Fed(AT, (Put("Card", body),))


LINES: List[Line] = [started(), fed(), Built(AT, "encrypt", {"Card": 2}, (Put("Token", "1"),)), Rested(AT, "paused")]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "runs")


@pytest.fixture
def journals(store: FileStore) -> FileJournals:
    return store.open(FLOW)


def path_of(root: Path, run: str = RUN, flow: str = FLOW) -> Path:
    (path,) = (path for path in root.glob(f"runs/{flow}/*/*.jsonl") if f'"run":"{run}"' in path.read_text("utf-8"))
    return path


def begin(journals: FileJournals, *, run: str = RUN, flow: str = FLOW) -> None:
    """Commit the four lines, each by itself."""
    for n, line in enumerate([started(run, flow), *LINES[1:]]):
        assert journals.append(run, n, [line]) == ()


def files(root: Path) -> List[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


# --- the directory ---------------------------------------------------------------------------------------------------


def test_a_journal_lies_under_its_workflow_and_the_hash_of_its_run(journals, tmp_path):
    for run in (RUN, "../../Order no. 7/ü", "日本", "x" * 512):
        journals.append(run, 0, [started(run)])
    assert files(tmp_path) == [
        "runs/payments/3b/3bf8b157c4238eefe5ae4a66eca81c6b-order-42.jsonl",
        "runs/payments/64/64164443bb63e338ef1cfdb12a57117c-" + "x" * 40 + ".jsonl",
        "runs/payments/6e/6e19bfb39fdecdc0d9ed0cba63c05924-..-..-Order-no.-7.jsonl",
        "runs/payments/cf/cf2abf0c5be326cb922a70f8163f9107-.jsonl",
    ]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_only_the_owner_may_enter_and_read_whatever_the_umask(umask, tmp_path):
    before = os.umask(umask)
    try:
        journals = FileStore(tmp_path / "new" / "runs").open(FLOW)
        begin(journals)
        with journals.hold("order-43"):
            modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_file()}
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*") if path.is_dir()} == {0o700}


def test_a_root_that_everyone_may_write_to_is_refused(tmp_path):
    root = tmp_path / "runs"
    root.mkdir()
    root.chmod(0o757)
    with pytest.raises(UnsafeStore, match="everyone on this machine may write to it; chmod o-w it"):
        FileStore(root)
    root.chmod(0o1777)
    (tmp_path / "link").symlink_to(root)
    with pytest.raises(UnsafeStore, match="everyone"):
        FileStore(tmp_path / "link")


def test_a_root_that_is_no_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for root, why in (("file", "is not a directory"), ("file/runs", "Not a directory"), ("dangling", "No such file")):
        with pytest.raises(UnsafeStore, match=why) as raised:
            FileStore(tmp_path / root)
        assert raised.value.path == str(tmp_path / root)


def test_a_root_may_be_relative_and_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journals = FileStore("runs").open(FLOW)
    begin(journals)
    monkeypatch.chdir("/")
    assert list(journals.load(RUN)) == LINES
    assert list(FileStore(os.fsencode(tmp_path).decode() + "/runs").open(FLOW).load(RUN)) == LINES


def test_a_durability_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DefinitionError, match='durability= is "power" or "process", not \'none\''):
        FileStore(tmp_path, durability="none")  # type: ignore[arg-type]  # what an untyped caller may pass


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\0", "a b", "x" * 65, "a\n"])
def test_a_workflow_that_cannot_name_a_directory_is_refused(name, store):
    with pytest.raises(UnsafeStore, match="cannot have a directory"):
        store.open(name)


@pytest.mark.parametrize("name", ["a", "Überweisung", "card-payment.v2", "..a", "_", "x" * 64])
def test_a_workflow_of_any_fit_name_is_kept(name, store):
    journals = store.open(name)
    journals.append(RUN, 0, [started(flow=name)])
    assert journals.load(RUN) == (started(flow=name),)


def test_a_pipe_in_place_of_a_journal_is_refused_and_keeps_nobody_waiting(store, journals, tmp_path):
    begin(journals)
    path = path_of(tmp_path)
    path.unlink()
    os.mkfifo(path)

    def hold() -> None:
        with journals.hold(RUN):
            pass

    calls: List[Callable[[], object]] = [
        hold,
        lambda: journals.load(RUN),
        lambda: journals.append(RUN, 4, [fed()]),
        lambda: journals.append(RUN, 0, [started()]),
        lambda: journals.delete(RUN),
        lambda: list(journals.runs()),
        lambda: store.repair(RUN),
    ]
    for call in calls:
        with pytest.raises(StoreError):
            call()
    assert path.is_fifo()
    assert [found.problem is None for found in store.verify(FLOW)] == [False]


def test_a_symbolic_link_in_place_of_a_journal_is_refused(store, journals, tmp_path):
    begin(journals)
    path = path_of(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    def hold() -> None:
        with journals.hold(RUN):
            pass

    calls: List[Callable[[], object]] = [
        lambda: journals.load(RUN),
        lambda: journals.append(RUN, 4, [fed()]),
        lambda: journals.append(RUN, 0, [started()]),
        hold,
        lambda: journals.delete(RUN),
        lambda: list(journals.runs()),
        lambda: store.repair(RUN),
    ]
    for call in calls:
        with pytest.raises(UnsafeStore, match="symbolic link"):
            call()
    assert len((tmp_path / "elsewhere").read_bytes().splitlines()) == 4


# --- what is asked of it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected_n", "lines"),
    [
        (0, []),
        (4, []),
        (0, [fed()]),
        (0, [fed(), started()]),
        (0, [started(), started()]),
        (4, [started()]),
        (0, [started("order-43")]),
        (0, [started(flow="refunds")]),
    ],
)
def test_lines_that_would_make_an_unreadable_journal_are_refused(expected_n, lines, journals, tmp_path):
    with pytest.raises(ValueError, match=r"Started is the first line|begins with"):
        journals.append(RUN, expected_n, lines)
    assert files(tmp_path) == []


def test_a_run_id_that_is_no_text_is_refused(journals):
    with pytest.raises(BadRunId, match="must be text"):
        journals.load(42)


def test_holding_a_run_that_is_never_begun_leaves_no_file(journals, tmp_path):
    with journals.hold(RUN):
        assert len(files(tmp_path)) == 1
    assert files(tmp_path) == []


def test_a_run_that_was_begun_by_another_while_it_was_held_stays(store, journals):
    with journals.hold(RUN):
        store.open(FLOW).append(RUN, 0, [started()])
    assert journals.load(RUN) == (started(),)


# --- damage ----------------------------------------------------------------------------------------------------------


@contextmanager
def changed(path: Path, change: Callable[[bytes], bytes]) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(change(before))
    yield
    path.write_bytes(before)


def calls_on(journals: FileJournals, run: str = RUN) -> Sequence[Callable[[], object]]:
    def hold() -> None:
        with journals.hold(run):
            pytest.fail("a damaged run was held")

    return [
        lambda: journals.load(run),
        lambda: journals.append(run, 4, [fed()]),
        hold,
        lambda: list(journals.runs()),
    ]


def test_a_damaged_journal_is_refused_with_its_place_and_left_as_it_is(journals, tmp_path):
    begin(journals)
    path = path_of(tmp_path)
    second = path.read_bytes().index(b"\n") + 1
    with changed(path, lambda data: data.replace(b"4000", b"4001")):
        damaged = path.read_bytes()
        for call in calls_on(journals)[:3]:
            with pytest.raises(CorruptJournal) as raised:
                call()
            error = raised.value
            assert (error.path, error.line, error.byte) == (str(path), 2, second)
            assert str(error).startswith(f"{path}:2: byte {second}: does not match its checksum\n")
        assert path.read_bytes() == damaged
    assert list(journals.load(RUN)) == LINES


def test_a_journal_copied_onto_another_run_is_refused(journals, tmp_path):
    begin(journals)
    begin(journals, run="order-43")
    path = path_of(tmp_path, "order-43")
    path.write_bytes(path_of(tmp_path).read_bytes())
    for call in calls_on(journals, "order-43"):
        with pytest.raises(CorruptJournal, match="this is the journal of run 'order-42'"):
            call()


def test_a_journal_moved_to_another_workflow_is_refused_and_not_deleted(store, journals, tmp_path):
    begin(journals)
    begin(store.open("refunds"), flow="refunds")
    path = path_of(tmp_path)
    path.write_bytes(path_of(tmp_path, flow="refunds").read_bytes())
    for call in [*calls_on(journals), lambda: journals.delete(RUN), lambda: store.repair(RUN, workflow=FLOW)]:
        with pytest.raises(WrongWorkflow, match="is a run of workflow refunds, not of payments") as raised:
            call()
        assert (raised.value.path, raised.value.expected, raised.value.found) == (str(path), FLOW, "refunds")
    assert path.exists()


def test_a_damaged_run_can_be_deleted(journals, tmp_path):
    begin(journals)
    path_of(tmp_path).write_bytes(b"\n")
    journals.delete(RUN)
    assert files(tmp_path) == []


def test_a_journal_that_was_cut_while_it_was_held_is_refused(journals, tmp_path):
    begin(journals)
    with journals.hold(RUN):
        size = path_of(tmp_path).stat().st_size
        os.truncate(path_of(tmp_path), size - 1)
        with pytest.raises(CorruptJournal, match="it was cut while it was open") as raised:
            journals.append(RUN, 4, [fed()])
    assert (raised.value.line, raised.value.byte) == (4, size - 1)


def test_a_run_that_was_removed_by_hand_while_it_was_held_is_unknown(journals, tmp_path):
    begin(journals)
    with journals.hold(RUN):
        path_of(tmp_path).unlink()
        with pytest.raises(UnknownRun):
            journals.append(RUN, 4, [fed()])
        with pytest.raises(UnknownRun):
            journals.load(RUN)
    assert files(tmp_path) == []


# --- recovery --------------------------------------------------------------------------------------------------------


def tear(path: Path, torn: bytes = b'{"n":5,"at":"2026') -> bytes:
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    return whole


def test_an_unfinished_line_is_not_read_and_left_alone_by_load(journals, tmp_path):
    begin(journals)
    path = path_of(tmp_path)
    whole = tear(path)
    assert list(journals.load(RUN)) == LINES
    assert list(journals.runs()) == [(RUN, LINES[-1])]
    assert len(path.read_bytes()) > len(whole)


def test_an_unfinished_line_is_dropped_and_logged_by_who_holds_or_appends(journals, tmp_path, caplog):
    begin(journals)
    path = path_of(tmp_path)
    whole = tear(path)
    with caplog.at_level(logging.WARNING), journals.hold(RUN):
        assert path.read_bytes() == whole
    assert caplog.messages == [f"{path}:5: dropped an unfinished commit of 17 bytes"]
    tear(path)
    assert journals.append(RUN, 4, [fed()]) == ()
    assert list(journals.load(RUN)) == [*LINES, fed()]


def test_what_another_left_unfinished_is_dropped_within_a_hold(journals, tmp_path):
    begin(journals)
    with journals.hold(RUN):
        tear(path_of(tmp_path))
        assert list(journals.load(RUN)) == LINES
        tear(path_of(tmp_path))
        assert journals.append(RUN, 4, [fed()]) == ()
    assert list(journals.load(RUN)) == [*LINES, fed()]


def test_what_another_takes_back_while_it_is_waited_for_leaves_nothing_to_recover(tmp_path, caplog):
    class TakenBack(OfdLocks):
        def take_append(self, fd: int, /, *, shared: bool = False) -> None:
            super().take_append(fd, shared=shared)
            path_of(tmp_path).write_bytes(whole)

    begin(FileStore(tmp_path / "runs").open(FLOW))
    whole = path_of(tmp_path).read_bytes()
    journals = FileStore(tmp_path / "runs", _locks=lambda *_: TakenBack()).open(FLOW)
    with journals.hold(RUN):
        tear(path_of(tmp_path))
        assert list(journals.load(RUN)) == LINES
        assert journals.append(RUN, 4, [fed()]) == ()
    assert list(journals.load(RUN)) == [*LINES, fed()]
    assert caplog.messages == []


@pytest.mark.parametrize("torn", [b"", b'{"n":1', bytes(600)])
def test_a_torn_first_line_is_no_run(torn, journals, tmp_path):
    begin(journals)
    path = path_of(tmp_path)
    path.write_bytes(torn)
    assert list(journals.runs()) == []
    for call in (journals.load, journals.delete):
        with pytest.raises(UnknownRun):
            call(RUN)
    path.write_bytes(torn)
    with journals.hold(RUN), pytest.raises(UnknownRun):
        journals.load(RUN)
    assert not path.exists()
    path.write_bytes(torn)
    begin(journals)
    assert list(journals.load(RUN)) == LINES


def test_load_looks_again_when_no_commit_is_under_way_before_it_calls_a_journal_damaged(tmp_path):
    reads: List[int] = []

    def pread(fd: int, size: int, at: int) -> bytes:
        reads.append(at)
        data = os.pread(fd, size, at)
        return data.replace(b"4000", b"\0\0\0\0") if len(reads) == 1 else data

    journals = FileStore(tmp_path / "runs").open(FLOW)
    begin(journals)
    disk = attrs.evolve(system_disk(""), pread=pread)
    assert list(FileStore(tmp_path / "runs", _disk=disk).open(FLOW).load(RUN)) == LINES
    assert reads.count(0) == 2


# --- listing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 300, 3_900, 4_096, 9_000, 40_000, 300_000])
def test_runs_shows_the_last_line_however_long_the_lines_are(size, journals):
    long = fed(f'"{size * "x"}"')
    wanted: Dict[str, Line] = {}
    runs: Dict[str, List[Line]] = {
        "a": [started("a")],
        "b": [started("b"), long],
        "c": [started("c"), long, LINES[3]],
        "d": [started("d"), LINES[3], long],
        "e": [started("e"), long, long, long],
        "f" + "\x01" * min(size, 511): [started("f" + "\x01" * min(size, 511)), long],
    }
    for run, lines in runs.items():
        for n, line in enumerate(lines):
            journals.append(run, n, [line])
        wanted[run] = lines[-1]
    assert dict(journals.runs()) == wanted


def test_runs_shows_the_last_whole_commit(journals, tmp_path):
    journals.append(RUN, 0, [started()])
    journals.append(RUN, 1, [fed(), LINES[2], LINES[3]])
    path = path_of(tmp_path)
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    for kept in (lines[:1], lines[:2], lines[:3], [*lines[:3], lines[3][:-9]]):
        path.write_bytes(b"".join(kept))
        assert list(journals.runs()) == [(RUN, started())]
    path.write_bytes(data)
    assert list(journals.runs()) == [(RUN, LINES[3])]


def test_runs_shows_the_others_before_it_refuses_a_damaged_one(journals, tmp_path):
    for number in range(20):
        begin(journals, run=f"order-{number}")
    for number in (3, 7):
        path_of(tmp_path, f"order-{number}").write_bytes(b"{}\n{}\n")
    seen: List[Tuple[str, Line]] = []
    with pytest.raises(CorruptJournal):
        seen.extend(journals.runs())
    assert {line for _, line in seen} == {LINES[-1]}
    assert sorted(run for run, _ in seen) == sorted(f"order-{number}" for number in range(20) if number not in {3, 7})


def test_runs_refuses_a_journal_out_of_its_place(journals, tmp_path):
    begin(journals)
    path = path_of(tmp_path)
    path.rename(path.with_name("0" * 32 + "-stray.jsonl"))
    with pytest.raises(CorruptJournal, match="this is the journal of run 'order-42', out of its place"):
        list(journals.runs())


def test_runs_passes_over_stray_files_and_runs_that_were_deleted_meanwhile(tmp_path):
    real = system_disk("")

    def listdir(path: str) -> List[str]:
        return [*real.listdir(path), "0" * 32 + "-gone.jsonl", "README"]

    begin(FileStore(tmp_path / "runs").open(FLOW))
    path_of(tmp_path).with_suffix(".jsonl.lock").write_text("")
    store = FileStore(tmp_path / "runs", _disk=attrs.evolve(real, listdir=listdir))
    assert [run for run, _ in store.open(FLOW).runs()] == [RUN]


def test_runs_of_a_workflow_that_was_never_run_are_none(store):
    assert list(store.open("refunds").runs()) == []


# --- repair ----------------------------------------------------------------------------------------------------------


def test_repair_cuts_where_the_damage_begins_and_keeps_a_copy(store, journals, tmp_path):
    begin(journals)
    path = path_of(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:2], lines[2][:-3] + b"0" + lines[2][-2:], lines[3], b"{"])
    path.write_bytes(damaged)
    done = store.repair(RUN)
    assert done == Repaired(lines=3, bytes=len(lines[2] + lines[3]) + 1, copy=f"{path}.damaged-1")
    assert Path(f"{path}.damaged-1").read_bytes() == damaged
    assert stat.S_IMODE(Path(f"{path}.damaged-1").stat().st_mode) == 0o600
    assert list(journals.load(RUN)) == LINES[:2]
    assert list(journals.runs()) == [(RUN, LINES[1])]
    path.write_bytes(damaged)
    assert store.repair(RUN, workflow=FLOW).copy == f"{path}.damaged-2"


@pytest.mark.parametrize("durability", ["power", "process"])
def test_repair_cuts_a_commit_as_a_whole(durability, tmp_path):
    store = FileStore(tmp_path / "runs", durability=durability)
    journals = store.open(FLOW)
    journals.append(RUN, 0, [started()])
    journals.append(RUN, 1, [fed(), LINES[2], LINES[3]])
    path = path_of(tmp_path)
    with changed(path, lambda data: data.replace(b"paused", b"failed")):
        assert store.repair(RUN).lines == 3
        assert journals.load(RUN) == (started(),)


def test_repair_of_what_is_not_damaged_does_nothing(store, journals, tmp_path):
    begin(journals)
    tear(path_of(tmp_path))
    before = path_of(tmp_path).read_bytes()
    assert store.repair(RUN) == Repaired(lines=0, bytes=0, copy=None)
    assert path_of(tmp_path).read_bytes() == before
    assert len(files(tmp_path)) == 1


def test_repair_of_a_first_line_leaves_only_the_copy(journals, store, tmp_path):
    begin(journals)
    path = path_of(tmp_path)
    path.write_bytes(b"x" + path.read_bytes())
    assert store.repair(RUN).lines == 4
    assert files(tmp_path) == [str(path.relative_to(tmp_path)) + ".damaged-1"]
    with pytest.raises(UnknownRun):
        store.repair(RUN)


def test_repair_asks_which_workflow_is_meant(store, journals, tmp_path):
    begin(journals)
    begin(store.open("refunds"), flow="refunds")
    (tmp_path / "runs" / "no workflow").mkdir()
    with pytest.raises(DefinitionError, match="payments, refunds all have a run 'order-42'; say which is meant"):
        store.repair(RUN)
    assert store.repair(RUN, workflow="refunds").lines == 0


def test_repair_of_a_run_that_is_not_there_or_held_is_refused(store, journals, tmp_path):
    for workflow in (None, FLOW):
        with pytest.raises(UnknownRun):
            store.repair(RUN, workflow=workflow)
    begin(journals)
    with journals.hold(RUN), pytest.raises(RunLocked):
        store.repair(RUN)
    path_of(tmp_path).write_bytes(b"{")
    with pytest.raises(UnknownRun):
        store.repair(RUN)
