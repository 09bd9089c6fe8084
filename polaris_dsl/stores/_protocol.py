"""What a store has to offer."""

from __future__ import annotations

from typing import ContextManager, Iterator, Optional, Sequence, Tuple

import attrs
from typing_extensions import Protocol

from polaris_dsl.errors import StoreError
from polaris_dsl.stores._lines import Line
from polaris_dsl.stores._locks import Holder
from polaris_dsl.stores._repair import Repaired


class Journals(Protocol):
    """The journals of one workflow, one for each run. Safe to share between threads.

    A line's number is its position in the journal, from 1: it is the version of the data that stand on it.
    Every method raises `BadRunId` for an id that no store takes: empty, with a NUL or a lone surrogate, or of more than
    512 bytes in UTF-8.
    """

    def load(self, run: str, /, *, after: int = 0) -> Tuple[Line, ...]:
        """Return the lines of a run that follow line `after`, verified, in order; takes no run lock and writes nothing.

        Raises:
            UnknownRun: there is no such run.
            CorruptJournal: what is kept was damaged.
        """

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        """Commit `lines` behind line `expected_n` (0 begins the run), all or none, durable on return.

        Returns an empty tuple. When the journal is longer than `expected_n`, writes nothing and returns what follows
        that line, so that the caller can merge it and try again: exactly one of several racers wins a number.

        Raises:
            NotWritten: nothing was kept; the journal is as it was and may be used on.
            CommitUnknown: the lines may or may not be there; the next call on that run finds out.
            UnknownRun: the run has fewer lines than `expected_n`: it was deleted meanwhile.
        """

    def hold(self, run: str, /, *, wait_s: Optional[float] = None) -> ContextManager[None]:
        """Hold the run lock: no other thread or process can hold the same run. The run need not exist yet.

        Waits up to `wait_s` seconds (None: without limit; 0: not at all).

        Raises:
            RunLocked: it was held by another for all that time; the error says by whom.
        """

    def runs(self) -> Iterator[Tuple[str, Line]]:
        """Yield every run's id with the last line of its journal, in no particular order."""

    def delete(self, run: str, /) -> None:
        """Remove a run, durably.

        Raises:
            UnknownRun: there is no such run.
            RunLocked: it is held.
        """


class Store(Protocol):
    """Where runs are saved. Workflows are kept apart: one run id under two workflows is two runs."""

    @property
    def encoded(self) -> bool:
        """Whether `Put.body` is JSON text made by a codec (True) or the live value (False)."""

    def open(self, workflow: str, /) -> Journals:
        """Return the journals of the workflow of this name."""


@attrs.frozen
class Verified:
    """What the check of one journal found: its run, its trusted lines, and what is wrong with it (None: nothing).

    `run` is empty where the journal cannot say whose it is; the problem then names the file.
    """

    run: str
    lines: int
    problem: Optional[StoreError]


@attrs.frozen
class Glance:
    """One run as a listing sees it: the last line of its journal, or (`last` is None) why it cannot be read.

    `run` is empty where a damaged journal cannot say whose it is; the problem then names the file.
    """

    run: str
    last: Optional[Line]
    problem: Optional[StoreError] = None


class Inspectable(Store, Protocol):
    """A store that can be looked after without the code of its workflows: what `polaris runs` works with."""

    def workflows(self) -> Iterator[str]:
        """Yield the names of the workflows that have runs here, in order."""

    def glance(self, workflow: str, /) -> Iterator[Glance]:
        """Yield every run of a workflow, as `Journals.runs` does, the damaged ones too; raises for no journal."""

    def holder(self, run_id: str, /, *, workflow: str) -> Optional[Holder]:
        """Return who holds a run and since when, taking no lock; None: nobody, or there is no such run."""

    def verify(self, workflow: str, /) -> Iterator[Verified]:
        """Check every journal of a workflow, whole, and yield what was found; reads only, raises for no journal."""

    def repair(self, run_id: str, /, *, workflow: Optional[str] = None) -> Repaired:
        """Cut a damaged journal behind its last whole commit, and keep a copy of all of it; see `FileStore.repair`."""

    def move(self, run_id: str, /, *, workflow: str, into: Store) -> None:
        """Move a run into another store, which must not have it: durable there before it is removed here.

        Raises:
            UnknownRun: there is no such run.
            RunLocked: it is held.
            CorruptJournal: it was damaged; repair it first.
            DefinitionError: the other store has a run of this id.
        """
