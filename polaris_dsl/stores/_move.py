"""Moving the journal of a run into another store: durable there before it is removed here."""

from __future__ import annotations

from contextlib import suppress
from typing import Sequence, Tuple

from typing_extensions import Protocol, runtime_checkable

from polaris_dsl.errors import DefinitionError, NotWritten
from polaris_dsl.stores._lines import Line
from polaris_dsl.stores._open import OpenJournal, refuse, told
from polaris_dsl.stores._protocol import Journals
from polaris_dsl.stores._scan import Scan, scan


@runtime_checkable
class Adopting(Protocol):
    """Journals that can take over the bytes of another's: its commits stay what they were."""

    def adopt(self, run: str, data: bytes, /) -> None:
        """Keep a run as another store kept it, all or nothing, durable on return; it may be there up to some line.

        Raises:
            RunLocked: it is held here.
            DefinitionError: another run of this id is here.
            NotWritten: nothing was kept.
        """


def move(journal: OpenJournal, /, *, into: Journals) -> None:
    """Hand a journal over and remove it; under both of its locks. Where that was interrupted, doing it again ends it.

    Raises:
        UnknownRun: there is nothing in it.
        CorruptJournal: it was damaged.
        WrongWorkflow: it belongs to another workflow.
        DefinitionError: another run of this id is there.
    """
    data, found = _read(journal)
    if not found.lines:
        raise journal.unknown()
    hand_over(journal.address.run, data, found.lines, into=into)
    journal.remove()


def hand_over(run: str, data: bytes, lines: Sequence[Line], /, *, into: Journals) -> None:
    """Give a run to other journals: the bytes of a journal file, or its lines as one commit if they take no bytes.

    It may be there already, up to some line.

    Raises:
        DefinitionError: another run of this id is there.
    """
    if isinstance(into, Adopting):
        return into.adopt(run, data)
    there: Tuple[Line, ...] = ()
    while there != tuple(lines):
        if there != tuple(lines[: len(there)]):
            raise _taken(run)
        news = into.append(run, len(there), lines[len(there) :])
        if not news:
            break
        there += news
    return None


def adopt(journal: OpenJournal, data: bytes, /) -> None:
    """Put a journal in the place of one that is empty or its beginning; under both locks of that.

    Nobody ever sees a part of it: it is written beside, made durable and renamed.

    Raises:
        CorruptJournal: what is here was damaged.
        DefinitionError: what is here is another run.
        NotWritten: nothing was changed.
        CommitUnknown: it may be here or not.
    """
    disk, path = journal.ground.disk, journal.address.path
    there, _ = _read(journal)
    if not data.startswith(there):
        raise _taken(journal.address.run)
    beside = f"{path}.moving"
    try:
        with suppress(FileNotFoundError):
            disk.unlink(beside)  # left by who died here
        fd = journal.ground.descriptors.create(beside)
        try:
            disk.write_all(fd, data, 0)
            disk.sync(fd)
        finally:
            journal.ground.descriptors.close(fd)
        disk.rename(beside, path)
    except OSError as error:
        with suppress(OSError):
            disk.unlink(beside)
        raise NotWritten(path, why=told(error)) from error
    with journal.unknown_if_it_fails():
        journal.address.folder.sync_for(path)


def _read(journal: OpenJournal) -> Tuple[bytes, Scan]:
    """Return the trusted bytes of a journal, and what they say."""
    data = journal.ground.disk.read_from(journal.fd, 0)
    found = scan(data, journal.address.run)
    refuse(found, journal.address)
    return data[: found.tip.size], found


def _taken(run: str) -> DefinitionError:
    return DefinitionError(f"the store to move into has another run {run!r}; delete one of the two")
