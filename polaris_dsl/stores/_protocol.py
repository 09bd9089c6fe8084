"""What a store has to offer to be looked after; what every store has to, in `_store`, loads less."""

from __future__ import annotations

from typing import Iterator, Optional

import attrs
from typing_extensions import Protocol

from polaris_dsl.errors import StoreError
from polaris_dsl.stores._lines import Line
from polaris_dsl.stores._locks import Holder
from polaris_dsl.stores._repair import Repaired
from polaris_dsl.stores._store import Journals, Store

__all__ = ["Glance", "Inspectable", "Journals", "Store", "Verified"]


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
