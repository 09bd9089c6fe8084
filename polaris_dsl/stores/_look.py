"""Looks at the journals of a workflow: takes no run lock, writes nothing, works while they are being written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterable, Iterator, Optional, Tuple

import attrs

from polaris_dsl.errors import CorruptJournal, StoreError, UnknownRun, UnsafeStore
from polaris_dsl.stores._disk import READ
from polaris_dsl.stores._journal import claimed
from polaris_dsl.stores._lines import Line
from polaris_dsl.stores._listing import glance, run_of
from polaris_dsl.stores._locks import Holder
from polaris_dsl.stores._open import Address, Ground, readable, refuse, told
from polaris_dsl.stores._paths import Folder
from polaris_dsl.stores._protocol import Glance, Verified
from polaris_dsl.stores._scan import Scan, scan


def readable_ones(seen: Iterable[Glance], /) -> Iterator[Tuple[str, Line]]:
    """Yield the runs that can be read, with their last lines; then raise the first problem that others had."""
    problems = []
    for one in seen:
        if one.problem is not None:
            problems.append(one.problem)
        if one.last is not None:
            yield one.run, one.last
    if problems:
        raise problems[0]


@attrs.frozen
class Look:
    """Where to look: the folder of a workflow. Safe to share between threads."""

    ground: Ground
    folder: Folder
    workflow: str

    def verified(self, address: Address, /, *, raw: Optional[bytes] = None) -> Scan:
        """Return what a journal holds; `raw`: what was read of it, where that cannot say whose it is.

        Raises:
            UnknownRun: there is no such run.
            CorruptJournal: it was damaged.
            WrongWorkflow: it belongs to another workflow.
            OSError: it cannot be read.
        """
        found = self._scan(address, raw)
        refuse(found, address)
        if not found.lines:
            raise self._unknown(address)
        return found

    def holder(self, address: Address, /) -> Optional[Holder]:
        """Return who has the run lock of a journal; None if nobody has it, or there is no journal."""
        try:
            with self._reading(address) as fd:
                return self.ground.locks.holder(fd, address.path)
        except UnknownRun:
            return None

    def glance(self) -> Iterator[Glance]:
        """Yield every run with its last line, or why it cannot be read."""
        for path in self._paths():
            run, last = "", None
            try:
                run, last, raw = self._ends(path)
                if last is None:
                    last = self.verified(self._whose(run, path), raw=raw).lines[-1]
            except UnknownRun:
                continue  # deleted meanwhile, or never begun
            except StoreError as error:
                yield Glance(run, None, error)
            except OSError as error:  # without `readable`, which costs a tenth of the whole
                yield Glance(run, None, UnsafeStore(path, why=f"cannot be used: {told(error)}"))
            else:
                yield Glance(run, last)

    def verify(self) -> Iterator[Verified]:
        """Yield what the whole of every journal shows."""
        for path in self._paths():
            run, lines, problem = "", 0, None
            try:
                with readable(path):
                    run, _, raw = self._ends(path)
                    address = self._whose(run, path)
                    found = self._scan(address, raw)
                    lines = len(found.lines)
                    refuse(found, address)
                    if not lines:
                        continue
            except UnknownRun:
                continue
            except StoreError as error:
                problem = error
            yield Verified(run, lines, problem)

    def _paths(self) -> Iterator[str]:
        with readable(self.folder.path):
            yield from list(self.folder.journals())

    def _whose(self, run: str, path: str) -> Address:
        return Address(run, self.workflow, self.folder, path)

    def _ends(self, path: str) -> Tuple[str, Optional[Line], Optional[bytes]]:
        """Return whose journal it is, and its last line, None if the whole has to be read.

        A journal that cannot say whose it is, while no commit is under way, comes as it was read then: a run may begin
        in it the next moment.
        """
        disk = self.ground.disk
        try:
            fd = disk.open(path, READ, 0)
        except FileNotFoundError:
            raise UnknownRun("", workflow=self.workflow) from None
        try:
            ends = glance(disk, fd)
            if ends is not None and self.folder.journal(ends[0]) == path:
                run, flow, last = ends
                return run, last if flow == self.workflow else None, None
            raw = disk.read_from(fd, 0)
            said = self._said(raw, path)
            if said is None:
                raw = self._alone(fd)
                said = self._said(raw, path)
        finally:
            disk.close(fd)
        return ("", None, raw) if said is None else (said, None, None)

    def _said(self, raw: bytes, path: str) -> Optional[str]:
        """Return whose journal this is by its first line; None if that cannot say."""
        first = raw.partition(b"\n")[0]
        said = claimed(first).get("run")
        if isinstance(said, str) and self.folder.journal(said) == path:
            return said
        if run_of(first) is not None:
            raise CorruptJournal(path, line=1, byte=0, why=f"this is the journal of run {said!r}, out of its place")
        return None

    def _scan(self, address: Address, raw: Optional[bytes] = None) -> Scan:
        if raw is not None:
            return scan(raw, address.run)
        with self._reading(address) as fd:
            found = scan(self.ground.disk.read_from(fd, 0), address.run)
            return found if found.damage is None else scan(self._alone(fd), address.run)

    def _alone(self, fd: int) -> bytes:
        """Read what looks odd once more, while no commit is under way, which may look like that."""
        locks = self.ground.locks
        locks.take_append(fd, shared=True)
        try:
            return self.ground.disk.read_from(fd, 0)
        finally:
            locks.drop_append(fd)

    @contextmanager
    def _reading(self, address: Address) -> Iterator[int]:
        disk = self.ground.disk
        try:
            fd = disk.open(address.path, READ, 0)
        except FileNotFoundError:
            raise self._unknown(address) from None
        try:
            yield fd
        finally:
            disk.close(fd)

    def _unknown(self, address: Address) -> UnknownRun:
        return UnknownRun(address.run, workflow=self.workflow)
