"""The store that keeps each run as a journal file."""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import attrs
from typing_extensions import Literal

from polaris_dsl.errors import (
    DefinitionError,
    NotWritten,
    UnknownRun,
    UnsafeStore,
)
from polaris_dsl.stores._checks import check_commit, check_run_id, the_workflow
from polaris_dsl.stores._disk import Descriptors, Disk, system_disk
from polaris_dsl.stores._hold import Hold
from polaris_dsl.stores._lines import Draft, Kept, Line
from polaris_dsl.stores._locks import Holder, Locks, system_locks
from polaris_dsl.stores._look import Look, readable_ones
from polaris_dsl.stores._move import adopt, move
from polaris_dsl.stores._open import Address, Ground, OpenJournal, readable, told
from polaris_dsl.stores._paths import Folder, is_workflow_name, prepare_root
from polaris_dsl.stores._protocol import Glance, Journals, Store, Verified
from polaris_dsl.stores._repair import Repaired, repair


class FileStore:
    """Keeps runs as files, one journal for each run, below one directory. Safe to share between threads and processes.

    What was committed survives `kill -9` at any instant and, with `durability="power"`, a power cut, provided that the
    disk honours fsync. The directory must be on a local file system (not NFS), and this system must have flock (not
    Windows). A forked child may use the store; it does not inherit the runs that its parent holds.

    Args:
        root: the directory; made for its owner alone if it is missing.
        durability: `"power"` syncs each commit to the disk. `"process"` does not: a killed process loses nothing, but a
            power cut or a crash of the system may lose or damage what was committed in the half minute before it.

    Raises:
        DefinitionError: `root` is no path, or `durability` is neither of the two.
        UnsafeStore: everyone may write to `root`, it cannot be used, or this system lacks what the promise needs.
    """

    encoded = True
    """`Put.body` is JSON text."""

    def __init__(
        self,
        root: Union[str, os.PathLike[str]],
        /,
        *,
        durability: Literal["power", "process"] = "power",
        _disk: Optional[Disk] = None,
        _locks: Optional[Callable[[Descriptors, Disk], Locks]] = None,
    ) -> None:
        if durability not in {"power", "process"}:
            raise DefinitionError(f'durability= is "power" or "process", not {durability!r:.80}')
        if not _is_path(root):
            raise DefinitionError(f"FileStore takes the path of a directory, not {root!r:.80}")
        self._root = str(Path(root).absolute())
        disk = system_disk(self._root) if _disk is None else _disk
        durable = durability == "power"
        prepare_root(disk, self._root, durable=durable)
        files = Descriptors(disk)
        with readable(self._root):
            locks = system_locks(files, disk, root=self._root) if _locks is None else _locks(files, disk)
        self._ground = Ground(disk, files, locks, durable)

    def open(self, workflow: str, /) -> FileJournals:
        """Return the journals of the workflow of this name.

        Raises:
            UnsafeStore: the name cannot be that of a directory.
        """
        return FileJournals(Folder(self._ground.disk, self._root, workflow), workflow, self._ground)

    def repair(self, run_id: str, /, *, workflow: Optional[str] = None) -> Repaired:
        """Cut a damaged journal behind its last whole commit, and keep a copy of all of it beside it.

        What is cut is lost to the run: builders whose results stood there run again. Where nothing is damaged, nothing
        is done. Durable on return.

        Args:
            run_id: the run.
            workflow: the name of its workflow; needed only where several have a run of this id.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            RunLocked: it is held.
            WrongWorkflow: the journal belongs to another workflow.
            DefinitionError: several workflows have a run of this id, and none was named.
        """
        check_run_id(run_id)
        if workflow is None:
            workflow = the_workflow(self._workflows_with(run_id), run=run_id)
        return self.open(workflow).repair(run_id)

    def move(self, run_id: str, /, *, workflow: str, into: Store) -> None:
        """Move a run into another store, which must not have it: durable there before it is removed here.

        Between file stores the journal keeps every byte. Where a move was interrupted, doing it again ends it.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            RunLocked: it is held, here or there.
            CorruptJournal: it was damaged; repair it first.
            WrongWorkflow: the journal belongs to another workflow.
            DefinitionError: the other store has another run of this id, keeps live values, or is this one.
            NotWritten: the other store could not take it.
        """
        if not into.encoded:
            raise DefinitionError("a run is moved into a store that keeps text, not live values")
        if isinstance(into, FileStore) and os.path.samefile(self._root, into._root):  # noqa: SLF001  its class
            raise DefinitionError(f"{self._root} is where the run is already; move it into another store")
        self.open(workflow).move(run_id, into=into.open(workflow))

    def workflows(self) -> Iterator[str]:
        """Yield the names of the workflows that have runs here, in order."""
        for name, folder in self._folders():
            if any(folder.journals()):
                yield name

    def glance(self, workflow: str, /) -> Iterator[Glance]:
        """Yield every run of a workflow with the last line of its journal, or why it cannot be read; see `runs()`."""
        return self.open(workflow).look.glance()

    def holder(self, run_id: str, /, *, workflow: str) -> Optional[Holder]:
        """Return who holds a run and since when, taking no lock; None: nobody, or there is no such run."""
        return self.open(workflow).holder(run_id)

    def verify(self, workflow: str, /) -> Iterator[Verified]:
        """Check every journal of a workflow, whole, and yield what was found; reads only, raises for no journal."""
        return self.open(workflow).look.verify()

    def _workflows_with(self, run: str) -> List[str]:
        return [name for name, folder in self._folders() if self._ground.disk.exists(folder.journal(run))]

    def _folders(self) -> List[Tuple[str, Folder]]:
        disk = self._ground.disk
        with readable(self._root):
            names = [name for name in sorted(disk.listdir(self._root)) if is_workflow_name(name)]
        return [(name, Folder(disk, self._root, name)) for name in names]


class FileJournals:
    """The journals of one workflow. Safe to share between threads.

    A run that is held through these journals is written through the file that the hold opened, whichever thread writes.
    """

    def __init__(self, folder: Folder, workflow: str, ground: Ground) -> None:
        self._folder = folder
        self._workflow = workflow
        self._ground = ground
        self.look: Look = Look(ground, folder, workflow)
        self._held: Dict[Tuple[int, str], OpenJournal] = {}  # by process too: a forked child holds nothing

    def load(self, run: str, /, *, after: int = 0) -> Tuple[Line, ...]:
        """Return the lines of a run that follow line `after`, verified, in order; takes no run lock and writes nothing.

        Within a hold it also makes durable what others have added, for it will be built upon.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            CorruptJournal: the journal was damaged.
            WrongWorkflow: it belongs to another workflow.
            UnsafeStore: it cannot be read.
        """
        return self.read(run, after, OpenJournal.lines)

    def read(
        self, run: str, after: int, of_held: Callable[[OpenJournal, int], Tuple[Line, ...]], /
    ) -> Tuple[Line, ...]:
        """Do what `load` does, in this way where the run is held."""
        held = self._held.get((os.getpid(), run))
        address = self._address(run) if held is None else held.address
        with readable(address.path):
            if held is not None:
                with held.mutex:
                    if held.usable:
                        return of_held(held, after)
            return self.look.verified(address).lines[after:]

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        """Commit `lines` behind line `expected_n`, all or none, or return what already follows it.

        Durable on return, except that with `durability="process"`, and where all lines are `Rested`, it is not synced.

        Raises:
            BadRunId: no store takes this id.
            NotWritten: nothing was kept; the journal is as it was and may be used on.
            CommitUnknown: the lines may or may not be there; the next call on that run finds out.
            UnknownRun: the run has fewer lines than `expected_n`: it was deleted meanwhile.
            CorruptJournal: the journal was damaged.
            WrongWorkflow: it belongs to another workflow.
            UnsafeStore: a symbolic link lies in its place.
            ValueError: these lines can stand in no journal.
        """
        check_commit(run, workflow=self._workflow, expected_n=expected_n, lines=lines)
        return self.put(run, expected_n, lines)

    def record(self, run: str, /) -> Record:
        """Return the journal of a run that the caller holds."""
        return Record(run, self)

    def put(self, run: str, expected_n: int, lines: Sequence[Kept], /) -> Tuple[Line, ...]:
        """Do what `append` does, unchecked; of drafts no lines are made before somebody reads them."""
        held = self._held.get((os.getpid(), run))
        try:
            if held is not None:
                with held.mutex:
                    if held.usable:
                        with held.locked():
                            return held.append(expected_n, lines)
            return self._append_alone(self._address(run), expected_n, lines)
        except OSError as error:
            kind = UnsafeStore if error.errno == errno.ELOOP else NotWritten
            raise kind(self._folder.journal(run), why=told(error)) from error

    def hold(self, run: str, /, *, wait_s: Optional[float] = None) -> Hold:
        """Hold the run lock, which no thread of any process can take twice; recovers what was interrupted.

        Raises:
            BadRunId: no store takes this id.
            RunLocked: another held it for all of `wait_s`.
            CommitUnknown: what was found could not be made durable.
            CorruptJournal: the journal was damaged.
            WrongWorkflow: it belongs to another workflow.
            UnsafeStore: it cannot be opened.
        """
        address, key = self._address(run), (os.getpid(), run)
        opened: List[OpenJournal] = []
        return Hold(partial(self._take, address, key, wait_s, opened), partial(self._let_go, key, opened))

    def _take(
        self, address: Address, key: Tuple[int, str], wait_s: Optional[float], opened: List[OpenJournal], /
    ) -> None:
        with readable(address.path):
            journal = self._lock_run(address, wait_s=wait_s, create=True, opened=opened)
            with journal.mutex:
                journal.recover()
            self._held[key] = journal

    def _let_go(self, key: Tuple[int, str], opened: List[OpenJournal], /) -> None:
        for journal in opened if key[0] == os.getpid() else ():  # a forked child has no locks to let go of
            if self._held.get(key) is journal:
                del self._held[key]
            with journal.mutex:
                journal.release()
        opened.clear()

    def runs(self) -> Iterator[Tuple[str, Line]]:
        """Yield every run's id with the last line of its journal, in no particular order.

        Reads the two ends of each journal, of which only the last line is verified. What cannot be read does not keep
        the others from being shown: it is raised at the end.

        Raises:
            CorruptJournal: journals were damaged; this is the first of them.
            WrongWorkflow: as above, they belong to another workflow.
            UnsafeStore: as above, they cannot be read.
        """
        return readable_ones(self.look.glance())

    def delete(self, run: str, /) -> None:
        """Remove a run, durably, whatever the state of its journal.

        Raises:
            BadRunId: no store takes this id.
            UnknownRun: there is no such run.
            RunLocked: it is held.
            CommitUnknown: it is gone, but may come back with a power cut.
            WrongWorkflow: the journal belongs to another workflow.
            UnsafeStore: it cannot be opened or removed.
        """
        with self._locked(run) as journal:
            journal.remove()

    def repair(self, run: str, /) -> Repaired:
        """Cut the journal of a run where it was damaged; see `FileStore.repair`."""
        with self._locked(run) as journal:
            return repair(journal)

    def adopt(self, run: str, data: bytes, /) -> None:
        """Keep a run as another store kept it, byte for byte; all or nothing, durable on return.

        It may be here already, up to some line.

        Raises:
            BadRunId: no store takes this id.
            RunLocked: it is held.
            CorruptJournal: the journal that is here was damaged.
            DefinitionError: another run of this id is here.
            NotWritten: nothing was kept.
            CommitUnknown: it may be here or not.
        """
        with self._locked(run, create=True) as journal:
            adopt(journal, data)

    def move(self, run: str, /, *, into: Journals) -> None:
        """Move a run into the journals of another store; see `FileStore.move`."""
        with self._locked(run) as journal:
            move(journal, into=into)

    def holder(self, run: str, /) -> Optional[Holder]:
        """Return who holds a run, taking no lock; see `FileStore.holder`."""
        address = self._address(run)
        with readable(address.path):
            return self.look.holder(address)

    # --- opening

    def _address(self, run: str) -> Address:
        check_run_id(run)
        return Address(run, self._workflow, self._folder, self._folder.journal(run))

    def _open(self, address: Address, *, create: bool) -> OpenJournal:
        descriptors = self._ground.descriptors
        try:
            fd = descriptors.open(address.path, create=create)
        except FileNotFoundError:
            if not create:
                raise UnknownRun(address.run, workflow=self._workflow) from None
            self._folder.make_for(address.path)
            fd = descriptors.open(address.path, create=True)
        return OpenJournal(fd, address, self._ground)

    @contextmanager
    def _locked(self, run: str, *, create: bool = False) -> Iterator[OpenJournal]:
        """Open the journal of a run, and take both of its locks, without waiting for the run's."""
        address = self._address(run)
        opened: List[OpenJournal] = []
        with readable(address.path):
            try:
                journal = self._lock_run(address, wait_s=0, create=create, opened=opened)
                with journal.locked():
                    yield journal
            finally:
                for journal in opened:
                    journal.release()

    def _lock_run(
        self, address: Address, *, wait_s: Optional[float], create: bool, opened: List[OpenJournal]
    ) -> OpenJournal:
        """Open the journal of a run, and take its run lock; what is opened is noted before, for who is interrupted."""
        deadline = None if wait_s is None else time.monotonic() + wait_s
        while True:
            journal = self._open(address, create=create)
            opened.append(journal)
            try:
                journal.take_run(wait_s=None if deadline is None else deadline - time.monotonic())
                if journal.in_place():
                    return journal
            except BaseException:
                journal.give_up()
                raise
            journal.release()

    def _append_alone(self, address: Address, expected_n: int, lines: Sequence[Kept]) -> Tuple[Line, ...]:
        while True:
            journal = self._open(address, create=expected_n == 0)
            try:
                with journal.locked():
                    if journal.in_place():
                        return journal.append(expected_n, lines)
            finally:
                journal.close()


@attrs.frozen
class Record:
    """The journal of a run that the caller holds, as the executor writes to it. Safe to share between threads."""

    _run: str
    _journals: FileJournals

    def put(self, expected_n: int, drafts: Sequence[Draft], /) -> Tuple[Line, ...]:
        """Commit lines behind line `expected_n`, or return what already follows it; see `FileJournals.append`."""
        return self._journals.put(self._run, expected_n, drafts)

    def after(self, n: int, /) -> Tuple[Line, ...]:
        """Return the lines that follow line `n`; none, if the run was never begun."""
        return self._journals.read(self._run, n, OpenJournal.behind)


def _is_path(root: object) -> bool:
    return isinstance(root, (str, os.PathLike)) and bool(str(root)) and "\0" not in str(root)
