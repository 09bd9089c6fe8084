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


class _BuiltLine:
    """Makes the line of a call that was finished, and what it made: a data of this name, new or equal (`kept`)."""

    def __call__(
        self,
        at: str,
        call: Call,
        versions: Versions,
        name: Optional[str],
        body: object,
        kept: bool,  # noqa: FBT001  drafts have no keywords
        /,
    ) -> Built:
        put: Tuple[Put, ...] = () if name is None or kept else (Put(name, body),)
        return Built(at, call.name, lineage(call, versions), put, (name,) if name is not None and kept else ())

    def text(
        self,
        quote: Quote,
        call: Call,
        versions: Versions,
        name: Optional[str],
        body: object,
        kept: bool,  # noqa: FBT001  as above
        /,
    ) -> str:
        """Return what a journal says of it, without the line: most are written and never read."""
        took = ",".join([f"{quote(of)}:{version}" for of, version in zip(call.waits_for_names, versions) if version])
        begins = f'"op":"built","by":{quote(call.name)},"in":{{{took}}},"put":['
        if name is None:
            return f"{begins}]"
        return f'{begins}],"kept":[{quote(name)}]' if kept else f"{begins}[{quote(name)},{body}]]"


built_line = _BuiltLine()
Quote = Callable[[str], str]
"""Returns a text as JSON has it."""


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
