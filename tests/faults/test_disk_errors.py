"""What a file store does when a call to the operating system fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Callable, Iterator, List

import attrs
import pytest

from polaris_dsl.errors import CommitUnknown, NotWritten, StoreError, UnknownRun, UnsafeStore
from polaris_dsl.stores import Fed, FileStore, Put, Rested, Started
from polaris_dsl.stores._disk import system_disk
from polaris_dsl.stores._file import FileJournals
from polaris_dsl.stores._locks import FlockLocks
from tests.faults.disks import Faults

AT = "2026-03-01T09:30:00.125Z"
RUN = "order-42"
FLOW = "payments"
STARTED = Started(AT, RUN, FLOW, "4f1d")
RESTED = Rested(AT, "paused")


def fed(value: object = 1) -> Fed:
    return Fed(AT, (Put("Card", f'"{value}"'),))


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def journals(faults: Faults, tmp_path: Path) -> FileJournals:
    return FileStore(tmp_path / "runs", _disk=faults.disk).open(FLOW)


@pytest.fixture
def plain(tmp_path: Path) -> FileJournals:
    """The same store on a disk that works."""
    return FileStore(tmp_path / "runs").open(FLOW)


def test_a_commit_within_a_hold_is_one_look_one_write_and_one_sync(journals, faults):
    with journals.hold(RUN):
        journals.append(RUN, 0, [STARTED])
        faults.fail()
        journals.append(RUN, 1, [fed(), fed()])
        assert faults.ops == ["fstat", "pwrite", "sync"]
        faults.fail()
        assert len(journals.load(RUN)) == 3
        assert faults.ops == ["fstat"]


def test_a_status_is_not_synced_but_before_the_next_commit_is_written(journals, faults):
    with journals.hold(RUN):
        journals.append(RUN, 0, [STARTED])
        faults.fail()
        journals.append(RUN, 1, [RESTED])
        journals.append(RUN, 2, [fed()])
        journals.append(RUN, 3, [fed()])
        assert faults.ops == ["fstat", "pwrite", "fstat", "sync", "pwrite", "sync", "fstat", "pwrite", "sync"]


def test_nothing_is_synced_where_only_the_process_may_die(faults, tmp_path):
    journals = FileStore(tmp_path / "new" / "runs", durability="process", _disk=faults.disk).open(FLOW)
    for _ in range(2):
        journals.append(RUN, 0, [STARTED, fed()])
        with journals.hold(RUN):
            journals.append(RUN, 2, [RESTED])
            journals.append(RUN, 3, [fed()])
        journals.delete(RUN)
    assert not {"sync", "sync_folder"} & set(faults.ops)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_write_that_fails_keeps_nothing_and_the_run_is_used_on(code, held, journals, faults, tmp_path):
    journals.append(RUN, 0, [STARTED])
    (path,) = tmp_path.rglob("*.jsonl")
    before = path.read_bytes()

    def try_it() -> None:
        faults.fail(pwrite=[code] if held else [None, code])
        with pytest.raises(NotWritten) as raised:
            journals.append(RUN, 1, [fed()])
        assert (raised.value.path, raised.value.why) == (str(path), os.strerror(code))
        assert path.read_bytes() == before
        assert faults.ops[-3:] == ["pwrite", "ftruncate", "sync"] or not held
        assert journals.append(RUN, 1, [fed()]) == ()

    if held:
        with journals.hold(RUN):
            try_it()
    else:
        try_it()
    assert journals.load(RUN) == (STARTED, fed())


@pytest.mark.parametrize("durability", ["power", "process"])
def test_a_write_that_fails_in_its_middle_keeps_nothing(durability, tmp_path):
    calls: List[int] = []

    def pwrite(fd: int, data: bytes, at: int) -> int:
        calls.append(at)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.pwrite(fd, data[:9], at)

    store = FileStore(tmp_path / "runs", durability=durability, _disk=attrs.evolve(system_disk(""), pwrite=pwrite))
    with pytest.raises(NotWritten):
        store.open(FLOW).append(RUN, 0, [STARTED])
    (path,) = tmp_path.rglob("*.jsonl")
    assert path.read_bytes() == b""
    assert calls == [0, 9, 18]


def test_short_writes_are_continued_and_short_reads_too(tmp_path):
    short = attrs.evolve(
        system_disk(""),
        pwrite=lambda fd, data, at: os.pwrite(fd, data[:7], at),
        pread=lambda fd, size, at: os.pread(fd, min(size, 5), at),
    )
    journals = FileStore(tmp_path / "runs", _disk=short).open(FLOW)
    journals.append(RUN, 0, [STARTED, fed("x" * 1000)])
    with journals.hold(RUN):
        journals.append(RUN, 2, [fed()])
    assert journals.load(RUN) == FileStore(tmp_path / "runs").open(FLOW).load(RUN) == (STARTED, fed("x" * 1000), fed())
    assert list(journals.runs()) == [(RUN, fed())]


def test_a_write_that_cannot_be_taken_back_is_unknown(journals, faults):
    with journals.hold(RUN):
        journals.append(RUN, 0, [STARTED])
        for coming in ({"ftruncate": [errno.EIO]}, {"sync": [errno.EIO]}):
            faults.fail(pwrite=[errno.ENOSPC], **coming)
            with pytest.raises(CommitUnknown):
                journals.append(RUN, 1, [fed()])
    assert journals.load(RUN) == (STARTED,)


def test_a_sync_that_fails_is_never_repeated_and_the_next_call_finds_out(journals, faults):
    with journals.hold(RUN):
        journals.append(RUN, 0, [STARTED])
        faults.fail(sync=[errno.EIO])
        with pytest.raises(CommitUnknown, match="Input/output error"):
            journals.append(RUN, 1, [fed()])
        assert faults.ops == ["fstat", "pwrite", "sync", "forget"]
        faults.fail()
        assert journals.append(RUN, 1, [fed()]) == (fed(),)
        assert faults.ops.index("pwrite") < faults.ops.index("sync"), "what was found was not written once more"
        assert journals.append(RUN, 2, [fed(2)]) == ()
        assert journals.load(RUN) == (STARTED, fed(), fed(2))
    with journals.hold(RUN):
        assert journals.load(RUN) == (STARTED, fed(), fed(2))


def test_a_sync_that_fails_does_not_let_another_hold_the_run(journals, faults, plain):
    with journals.hold(RUN):
        faults.fail(sync=[errno.EIO])
        with pytest.raises(CommitUnknown):
            journals.append(RUN, 0, [STARTED])
        with pytest.raises(StoreError, match="is held by"), plain.hold(RUN, wait_s=0):
            pass
    with plain.hold(RUN, wait_s=0):
        assert plain.load(RUN) == (STARTED,)


def test_a_sync_before_a_commit_that_fails_writes_nothing(journals, faults, plain):
    with journals.hold(RUN):
        journals.append(RUN, 0, [STARTED])
        journals.append(RUN, 1, [RESTED])
        faults.fail(sync=[errno.EIO])
        with pytest.raises(CommitUnknown):
            journals.append(RUN, 2, [fed()])
    assert plain.load(RUN) == (STARTED, RESTED)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_directory_that_cannot_be_synced_makes_the_first_commit_unknown(which, journals, faults):
    faults.fail(sync_folder=[None] * which + [errno.EIO])
    with pytest.raises(CommitUnknown):
        journals.append(RUN, 0, [STARTED])
    assert faults.ops.count("sync_folder") == which + 1
    faults.fail()
    assert journals.append(RUN, 0, [STARTED]) == (STARTED,)
    assert faults.ops.count("sync_folder") == [3, 3, 2][which], "what was not synced was not synced once more"


@pytest.mark.parametrize("name", ["ftruncate", "pwrite", "sync", "sync_folder"])
def test_a_recovery_that_fails_is_unknown(name, journals, faults, plain, tmp_path):
    plain.append(RUN, 0, [STARTED])
    (path,) = tmp_path.rglob("*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"n":2')
    faults.fail(**{name: [errno.EIO]})
    with pytest.raises(CommitUnknown), journals.hold(RUN):
        pytest.fail("it was held")
    faults.fail(**{name: [errno.EIO]})
    with pytest.raises(CommitUnknown):
        journals.append(RUN, 1, [fed()])
    with journals.hold(RUN):
        assert journals.append(RUN, 1, [fed()]) == ()


def test_a_sync_that_fails_lets_the_next_call_read_from_the_disk_whatever_comes_of_that(journals, faults):
    with journals.hold(RUN):
        journals.append(RUN, 0, [STARTED])
        faults.fail(sync=[errno.EIO], forget=[errno.EIO])
        with pytest.raises(CommitUnknown):
            journals.append(RUN, 1, [fed()])
        assert faults.ops[-2:] == ["sync", "forget"]
        assert journals.append(RUN, 1, [fed()]) == (fed(),)


def test_a_system_that_cannot_forget_keeps_what_it_knows(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "posix_fadvise")  # as on macOS
    disk = attrs.evolve(system_disk(""), sync=failing_once())
    journals = FileStore(tmp_path / "runs", _disk=disk).open(FLOW)
    with pytest.raises(CommitUnknown):
        journals.append(RUN, 0, [STARTED])
    assert journals.load(RUN) == (STARTED,)


def failing_once() -> Callable[[int], None]:
    coming = [errno.EIO]

    def sync(fd: int) -> None:
        if coming:
            raise OSError(coming.pop(), "Input/output error")
        os.fsync(fd)

    return sync


@pytest.mark.parametrize("name", ["open", "fstat", "lstat", "mkdir"])
def test_a_journal_that_cannot_be_opened_is_not_written(name, journals, faults):
    faults.fail(**{name: [errno.EMFILE]})
    with pytest.raises(NotWritten, match="Too many open files"):
        journals.append(RUN, 0, [STARTED])
    assert journals.append(RUN, 0, [STARTED]) == ()


@pytest.mark.parametrize("name", ["open", "pread"])
def test_a_journal_that_cannot_be_read_is_no_unknown_run(name, journals, faults, plain):
    plain.append(RUN, 0, [STARTED])

    def hold() -> None:
        with journals.hold(RUN):
            pass

    calls: List[Callable[[], object]] = [
        lambda: journals.load(RUN),
        lambda: list(journals.runs()),
        lambda: journals.delete(RUN),
        hold,
    ]
    for call in calls:
        faults.fail(**{name: [errno.EIO]})
        with pytest.raises(UnsafeStore, match="cannot be used: Input/output error"):
            call()
    faults.fail(pread=[errno.EIO])
    with pytest.raises(NotWritten, match="Input/output error"):
        journals.append(RUN, 1, [fed()])
    assert journals.load(RUN) == (STARTED,)


def test_an_error_without_a_text_is_told_all_the_same(tmp_path):
    def pread(_fd: int, _size: int, _at: int) -> bytes:
        raise OSError("the disk is gone")

    FileStore(tmp_path).open(FLOW).append(RUN, 0, [STARTED])
    with pytest.raises(UnsafeStore, match="the disk is gone"):
        FileStore(tmp_path, _disk=attrs.evolve(system_disk(""), pread=pread)).open(FLOW).load(RUN)


def test_a_root_below_a_directory_that_may_not_be_read_is_used(faults, tmp_path):
    faults.fail(sync_folder=[errno.EACCES])
    FileStore(tmp_path, _disk=faults.disk)
    faults.fail(sync_folder=[errno.EIO])
    with pytest.raises(UnsafeStore, match="Input/output error"):
        FileStore(tmp_path, _disk=faults.disk)


def test_a_directory_that_cannot_be_listed_is_told(journals, faults):
    faults.fail(listdir=[errno.EACCES])
    with pytest.raises(UnsafeStore, match="Permission denied"):
        list(journals.runs())


def test_a_delete_that_may_come_back_is_told(journals, faults):
    journals.append(RUN, 0, [STARTED])
    faults.fail(unlink=[errno.EIO])
    with pytest.raises(UnsafeStore, match="Input/output error"):
        journals.delete(RUN)
    faults.fail(sync_folder=[errno.EIO])
    with pytest.raises(CommitUnknown):
        journals.delete(RUN)
    with pytest.raises(UnknownRun):
        journals.load(RUN)


def test_a_repair_that_fails_keeps_the_journal_or_says_that_it_is_unknown(faults, plain, tmp_path):
    store = FileStore(tmp_path / "runs", _disk=faults.disk)
    plain.append(RUN, 0, [STARTED])
    (path,) = tmp_path.rglob("*.jsonl")
    damaged = path.read_bytes() * 2
    path.write_bytes(damaged)
    faults.fail(pwrite=[errno.ENOSPC])
    with pytest.raises(UnsafeStore, match="No space left"):
        store.repair(RUN)
    assert path.read_bytes() == damaged
    faults.fail(ftruncate=[errno.EIO])
    with pytest.raises(CommitUnknown):
        store.repair(RUN)
    assert store.repair(RUN).lines == 1
    assert plain.load(RUN) == (STARTED,)


def test_what_fails_while_a_run_is_let_go_does_no_harm(journals, faults, plain):
    faults.fail(unlink=[errno.EIO], close=[errno.EIO])
    with journals.hold(RUN):
        pass
    assert list(plain.runs()) == []
    with plain.hold(RUN, wait_s=0):
        plain.append(RUN, 0, [STARTED])


@pytest.fixture
def strict_umask() -> Iterator[None]:
    """Under which the mode of every new file has to be set."""
    before = os.umask(0o777)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
@pytest.mark.parametrize("name", ["fchmod", "unlink", "pwrite"])
def test_a_lock_file_that_fails_locks_nobody_out(name, faults, plain, tmp_path):
    store = FileStore(tmp_path / "runs", _disk=faults.disk, _locks=FlockLocks)
    journals = store.open(FLOW)
    plain.append(RUN, 0, [STARTED])
    faults.fail(**{name: [errno.EIO]})
    if name == "unlink":
        with journals.hold(RUN):
            pass
    else:
        with pytest.raises(UnsafeStore, match="Input/output error"), journals.hold(RUN):
            pytest.fail("it was held")
    with journals.hold(RUN, wait_s=0):
        assert journals.append(RUN, 1, [fed()]) == ()
