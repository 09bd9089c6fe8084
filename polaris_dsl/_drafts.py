"""Drafts of the lines that calls end with, and where they are put: into a lane, or as lines into a journal."""

from __future__ import annotations

from time import time
from typing import Optional, Sequence, Tuple

import attrs
from typing_extensions import Protocol

from polaris_dsl._attempt import lineage
from polaris_dsl._plan import Call
from polaris_dsl._state import Versions
from polaris_dsl.errors import BuilderError
from polaris_dsl.stores import Built, Failed, Journals, Line, Put
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


def failed(call: Call, versions: Versions, error: BuilderError) -> Draft:
    """Say that a call raised: the type of the error and its place; its text may quote a secret."""
    kind = type(error.__cause__ or error).__name__
    return _failed, time(), call, versions, kind, error.place


def _failed(at: str, call: Call, versions: Versions, kind: str, place: str) -> Failed:
    return Failed(at, call.name, lineage(call, versions), kind, place)
