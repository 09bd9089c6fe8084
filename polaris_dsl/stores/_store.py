"""What a store has to offer."""

from __future__ import annotations

from typing import ContextManager, Iterator, Optional, Sequence, Tuple

from typing_extensions import Protocol

from polaris_dsl.stores._lines import Line


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
