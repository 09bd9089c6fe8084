"""Drafts of the lines that calls end with, and where they are put: into a lane, or as lines into a journal."""

from __future__ import annotations

from time import time
from typing import Callable, Optional, Sequence, Tuple

import attrs
from typing_extensions import Protocol

from polaris_dsl._attempt import lineage
from polaris_dsl._plan import Call
from polaris_dsl._state import Versions
from polaris_dsl.errors import BuilderError
from polaris_dsl.stores import Built, Failed, Intended, Journals, Line, Postponed, Put, Released
from polaris_dsl.stores._lines import Draft, written


class Record(Protocol):
    """The journal of a run that is held, as its holder writes to it."""

    def put(self, n: int, drafts: Sequence[Draft], /) -> Sequence[Line]:
        """Commit lines behind line `n`; where others were faster, return what they have put there, and commit none."""

    def after(self, n: int, /) -> Sequence[Line]:
        """Return the lines behind line `n`."""


@attrs.frozen
class Lines:
    """A journal that takes lines."""

    journals: Journals
    run_id: str

    def put(self, n: int, drafts: Sequence[Draft], /) -> Sequence[Line]:
        return self.journals.append(self.run_id, n, [written(draft) for draft in drafts])

    def after(self, n: int, /) -> Sequence[Line]:
        return self.journals.load(self.run_id, after=n)


def built_line(at: str, call: Call, versions: Versions, name: Optional[str], body: object, kept: bool) -> Built:  # noqa: FBT001  drafts have no keywords
    """Make the line of a call that was finished, and what it made: a data of this name, new or equal (`kept`)."""
    put: Tuple[Put, ...] = () if name is None or kept else (Put(name, body),)
    return Built(at, call.name, lineage(call, versions), put, (name,) if name is not None and kept else ())


def transient_line(at: str, call: Call, versions: Versions, name: str) -> Built:
    """Do the same for a new data that is not written."""
    return Built(at, call.name, lineage(call, versions), transient=(name,))


def failed(call: Call, versions: Versions, error: BuilderError, *, trial: int = 0) -> Draft:
    """Say that a call raised: the type of the error and its place; its text may quote a secret."""
    kind = type(error.__cause__ or error).__name__
    return _failed, time(), call, versions, kind, error.place, trial


def intended(call: Call, versions: Versions, at_s: float) -> Draft:
    """Say that a call is about to be made that must not be made twice."""
    return _of_call, at_s, Intended, call, versions


def released(call: Call, versions: Versions) -> Draft:
    """Say that such a call may be made again."""
    return _of_call, time(), Released, call, versions


def postponed(call: Call, versions: Versions, until: str) -> Draft:
    """Say that a call asked to be made again, not before a time."""
    return _of_call, time(), Postponed, call, versions, until


def _failed(at: str, call: Call, versions: Versions, kind: str, place: str, trial: int) -> Failed:
    return Failed(at, call.name, lineage(call, versions), kind, place, trial)


def _of_call(at: str, make: Callable[..., Line], call: Call, versions: Versions, *facts: object) -> Line:
    return make(at, call.name, lineage(call, versions), *facts)
