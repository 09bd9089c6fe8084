"""Stores between processes: locks and forks, on files and in a database; then the locks of a file store."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional

import attrs
import pytest

from polaris_dsl.errors import NotWritten, RunLocked, UnsafeStore
from polaris_dsl.stores import Fed, FileStore, Journals, Put, Started
from polaris_dsl.stores._disk import Descriptors, Disk, system_disk
from polaris_dsl.stores._locks import FlockLocks, Holder, Locks, OfdLocks, system_locks
from polaris_dsl.stores.sqlite import SqliteStore
from tests.faults.disks import in_memory
from tests.faults.processes import Child, Signal

AT = "2026-03-01T09:30:00.125Z"
RUN = "order-42"
FLOW = "payments"
STARTED = Started(AT, RUN, FLOW, "4f1d")


def fed(value: object = 1) -> Fed:
    return Fed(AT, (Put("Card", f'"{value}"'),))


@pytest.fixture
def came() -> Iterator[Signal]:
    came = Signal()
    yield came
    came.close()


LOCKS: Dict[str, Optional[Callable[[Descriptors, Disk], Locks]]] = {"ofd": None, "flock": FlockLocks}


@pytest.fixture(params=["files, ofd", "files, flock", "database, ofd", "database, flock"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Journals]]:
    """Open the same store once more, as another process would."""
    kind, _, locks = request.param.partition(", ")
    with ExitStack() as stack, in_memory(otherwise=tmp_path) as ram:  # a kill does not ask what lies below

        def open_it() -> Journals:
            if kind == "files":
                return FileStore(ram / "runs", _locks=LOCKS[locks]).open(FLOW)
            return stack.enter_context(SqliteStore(ram / "runs.db", _locks=LOCKS[locks])).open(FLOW)

        yield open_it
        stack.close()


@pytest.fixture
def journals(opened: Callable[[], Journals]) -> Journals:
    return opened()


@pytest.fixture
def others(opened: Callable[[], Journals]) -> Journals:
    return opened()


def hold_and_sleep(journals: Journals, came: Signal) -> None:
    with journals.hold(RUN):
        came.send()
        time.sleep(60)


def is_free(journals: Journals) -> bool:
    try:
        with journals.hold(RUN, wait_s=0):
            return True
    except RunLocked:
        return False


# --- holding ---------------------------------------------------------------------------------------------------------


def test_who_is_refused_is_told_the_process_that_holds_and_since_when(journals, others, came):
    before = int(time.time())
    with Child(lambda: hold_and_sleep(others, came)) as holder:
        came.wait()
        with pytest.raises(RunLocked) as raised, journals.hold(RUN, wait_s=0.05):
            pass
        assert raised.value.holder == f"process {holder.pid} on host {platform.node()}"
        since = datetime.strptime(raised.value.since, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        assert before <= since.timestamp() <= time.time()


def test_the_lock_of_a_killed_process_is_free_at_once(journals, others, came):
    with Child(lambda: hold_and_sleep(others, came)) as holder:
        came.wait()
        assert not is_free(journals)
        holder.kill()
        assert is_free(journals)


def test_a_run_that_is_held_by_another_process_can_be_fed(journals, others, came):
    fed_it = Signal()

    def hold() -> None:
        with others.hold(RUN):
            others.append(RUN, 0, [STARTED])
            came.send()
            fed_it.wait()
            assert others.append(RUN, 1, [fed("mine")]) == (fed("webhook"),)
            assert others.append(RUN, 2, [fed("mine")]) == ()

    with Child(hold) as holder:
        came.wait()
        assert journals.append(RUN, 1, [fed("webhook")]) == ()
        fed_it.send()
        assert holder.ends_well()
    fed_it.close()
    assert journals.load(RUN) == (STARTED, fed("webhook"), fed("mine"))


def test_waiting_for_a_run_can_be_interrupted(journals, others, came):
    def wait() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        came.send()
        with pytest.raises(KeyboardInterrupt), others.hold(RUN):
            pytest.fail("it was held")

    with journals.hold(RUN), Child(wait) as waiting:
        came.wait()
        time.sleep(0.1)
        os.kill(waiting.pid, signal.SIGINT)
        assert waiting.ends_well()


def test_an_empty_file_that_is_removed_takes_no_append_with_it(journals, others):
    """Holding a run that is not there makes and removes a file, while another process begins that run."""
    runs = [f"order-{number}" for number in range(40)]

    def hold_all() -> None:
        for _ in range(3):
            for run in runs:
                with others.hold(run):
                    pass

    with Child(hold_all) as holder:
        for run in runs:
            assert journals.append(run, 0, [Started(AT, run, FLOW, "g")]) == ()
        assert holder.ends_well()
    for run in runs:
        assert journals.load(run) == (Started(AT, run, FLOW, "g"),)


# --- forks -----------------------------------------------------------------------------------------------------------


def test_a_forked_child_holds_nothing_and_lets_go_of_nothing(journals, others):
    with journals.hold(RUN):
        journals.append(RUN, 0, [STARTED])
        with Child(lambda: in_the_child(journals)) as forked:
            assert forked.ends_well()
        assert not is_free(others)
        assert journals.load(RUN) == (STARTED, fed("child"))
        assert journals.append(RUN, 2, [fed("parent")]) == ()
    assert is_free(others)


def in_the_child(journals: Journals) -> None:
    assert not is_free(journals)
    assert journals.append(RUN, 1, [fed("child")]) == ()
    assert journals.load(RUN) == (STARTED, fed("child"))


def test_a_forked_child_may_leave_the_block_of_its_parent(journals, others):
    with ExitStack() as stack:
        stack.enter_context(journals.hold(RUN))
        with Child(stack.close) as forked:
            assert forked.ends_well()
        assert not is_free(others)
        assert journals.append(RUN, 0, [STARTED]) == ()
    assert is_free(others)


def outlived(journals: Journals, came: Signal, end: Signal) -> None:
    """Hold a run, and fork a child that lives on."""
    with journals.hold(RUN):
        forked = os.fork()
        came.send()
        if not forked:
            end.wait()
            os._exit(0)
        time.sleep(60)


@pytest.mark.parametrize("closing", [True, False])
def test_a_forked_child_that_outlives_its_parent_keeps_no_lock(closing, journals, others, came, monkeypatch):
    if not closing:  # the negative control
        monkeypatch.setattr(Descriptors, "close_inherited", lambda _: None)
    end = Signal()
    with Child(lambda: outlived(others, came, end)) as holder:
        came.wait()
        came.wait()
        holder.kill()
        assert is_free(journals) == closing
    end.send()
    end.close()


# --- which locks -----------------------------------------------------------------------------------------------------


def test_linux_locks_the_journal_itself_and_other_systems_a_file_beside_it(tmp_path, monkeypatch):
    disk = system_disk("")
    files = Descriptors(disk)
    assert isinstance(system_locks(files, disk, root=str(tmp_path)), OfdLocks)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert isinstance(system_locks(files, disk, root=str(tmp_path)), FlockLocks)


def test_a_file_system_without_locks_on_open_files_gets_files_beside(tmp_path, monkeypatch):
    def unknown(*_: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    disk = system_disk("")
    monkeypatch.setattr(fcntl, "fcntl", unknown)
    assert isinstance(system_locks(Descriptors(disk), disk, root=str(tmp_path)), FlockLocks)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOLCK])
def test_locks_that_cannot_be_asked_for_are_not_taken_for_missing(code, tmp_path, monkeypatch):
    def failing(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "fcntl", failing)
    with pytest.raises(UnsafeStore, match=os.strerror(code)):
        FileStore(tmp_path)


def test_a_root_that_cannot_be_opened_to_ask_for_locks_is_refused(tmp_path):
    disk = system_disk("")
    with pytest.raises(UnsafeStore, match="No such file"):
        system_locks(Descriptors(disk), disk, root=str(tmp_path / "gone"))


def test_a_system_without_fcntl_imports_the_library_and_is_refused_a_file_store(tmp_path):
    code = (
        "import sys; sys.modules['fcntl'] = None\n"
        "import polaris_dsl\n"
        "try: polaris_dsl.FileStore(sys.argv[1])\n"
        "except polaris_dsl.UnsafeStore as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "runs"], capture_output=True, text=True, check=True)
    assert done.stdout == (
        f"{tmp_path / 'runs'}: a store on disk needs flock and fsync of directories, which this system lacks;"
        " use a MemoryStore here\n"
    )
    assert not (tmp_path / "runs").exists()


def test_macos_is_asked_to_empty_the_cache_of_the_drive(monkeypatch):
    asked = []
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", lambda *args: asked.append(args))
    system_disk("").sync(7)
    assert asked == [(7, 51)]


@attrs.define
class Scripted:
    """Locks that say now and then what only a race can make them say."""

    locks: Locks
    refuse: int = 0
    fail_to_drop: bool = False

    def take_append(self, fd: int, /, *, shared: bool = False) -> None:
        self.locks.take_append(fd, shared=shared)

    def drop_append(self, fd: int, /) -> None:
        self.locks.drop_append(fd)
        if self.fail_to_drop:
            raise OSError(errno.ENOLCK, "No locks available")

    def take_run(self, fd: int, path: str, /) -> bool:
        self.refuse -= 1
        return self.refuse < 0 and self.locks.take_run(fd, path)

    def drop_run(self, fd: int, path: str, /) -> None:
        self.locks.drop_run(fd, path)

    def holder(self, fd: int, path: str, /) -> Optional[Holder]:
        return self.locks.holder(fd, path)


def test_a_lock_that_is_let_go_between_two_looks_is_tried_again(tmp_path):
    scripted = Scripted(OfdLocks(), refuse=2)
    with FileStore(tmp_path / "runs", _locks=lambda *_: scripted).open(FLOW).hold(RUN, wait_s=0):
        assert scripted.refuse == -1


def test_a_lock_that_cannot_be_dropped_does_not_undo_a_commit(tmp_path):
    scripted = Scripted(OfdLocks(), fail_to_drop=True)
    journals = FileStore(tmp_path / "runs", _locks=lambda *_: scripted).open(FLOW)
    assert journals.append(RUN, 0, [STARTED]) == ()
    assert journals.load(RUN) == (STARTED,)


def test_a_lock_that_cannot_be_had_is_told(tmp_path):
    locks = OfdLocks()
    journals = FileStore(tmp_path / "runs", _locks=lambda *_: locks).open(FLOW)

    def none_left(*_: object) -> bytes:
        raise OSError(errno.ENOLCK, "No locks available")

    locks._control = none_left  # type: ignore[assignment]  # as the kernel would
    with pytest.raises(UnsafeStore, match="No locks available"), journals.hold(RUN):
        pass
    with pytest.raises(NotWritten, match="No locks available"):
        journals.append(RUN, 0, [STARTED])


def test_a_file_beside_a_journal_tells_the_holder_as_far_as_it_is_written(tmp_path):
    journals = FileStore(tmp_path / "runs", _locks=FlockLocks).open(FLOW)
    with journals.hold(RUN):
        (beside,) = tmp_path.rglob("*.lock")
        beside.write_text("")
        with pytest.raises(RunLocked, match="is held by another process since just now"), journals.hold(RUN, wait_s=0):
            pass
    assert not list(tmp_path.rglob("*.lock"))


def test_a_file_beside_a_journal_that_was_left_by_a_killed_process_is_taken_over(tmp_path):
    journals = FileStore(tmp_path / "runs", _locks=FlockLocks).open(FLOW)
    with journals.hold(RUN):
        (beside,) = tmp_path.rglob("*.lock")
    beside.write_text("process 1 on host long-gone\n2020-01-01T00:00:00Z\n" * 9)
    with journals.hold(RUN, wait_s=0):
        assert len(beside.read_text().splitlines()) == 2
        assert beside.read_text().startswith(f"process {os.getpid()} on host {platform.node()}\n")


def test_a_file_beside_a_journal_that_was_removed_before_it_was_locked_is_made_again(tmp_path):
    looks: List[str] = []
    real = system_disk("")

    def lstat(path: str) -> os.stat_result:
        if path.endswith(".lock"):
            looks.append(path)
            if len(looks) == 1:
                Path(path).unlink()
        return real.lstat(path)

    disk = attrs.evolve(real, lstat=lstat)
    with FileStore(tmp_path / "runs", _disk=disk, _locks=FlockLocks).open(FLOW).hold(RUN, wait_s=0):
        assert len(looks) == 2


def test_an_append_to_a_file_that_was_removed_before_it_was_locked_goes_to_the_next(tmp_path):
    looks: List[str] = []
    real = system_disk("")

    def lstat(path: str) -> os.stat_result:
        if path.endswith(".jsonl"):
            looks.append(path)
            if len(looks) == 1:
                Path(path).unlink()
        return real.lstat(path)

    journals = FileStore(tmp_path / "runs", _disk=attrs.evolve(real, lstat=lstat)).open(FLOW)
    assert journals.append(RUN, 0, [STARTED]) == ()
    assert journals.load(RUN) == (STARTED,)
    assert len(looks) == 2


def test_a_file_that_another_makes_at_the_same_time_is_shared(tmp_path):
    real = system_disk("")
    opened: List[int] = []

    def open_late(path: str, flags: int, mode: int) -> int:
        opened.append(flags)
        if len(opened) == 1:
            FileStore(tmp_path / "runs").open(FLOW).append(RUN, 0, [STARTED])
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return real.open(path, flags, mode)

    journals = FileStore(tmp_path / "runs", _disk=attrs.evolve(real, open=open_late)).open(FLOW)
    assert journals.append(RUN, 0, [STARTED]) == (STARTED,)
