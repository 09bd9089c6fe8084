"""The lines of a journal, as values."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any, Callable, List, Mapping, Sequence, Tuple, Union, cast

import attrs


@attrs.frozen
class Put:
    """One data on a line: its name, and its JSON text (or the live value, in a store that keeps values)."""

    name: str
    body: object


@attrs.frozen
class Started:
    """The first line of a run: which run of which workflow this is, and the graph that began it."""

    at: str
    run: str
    flow: str
    graph: str


@attrs.frozen
class Fed:
    """Data came from outside. `transient` names those that are not written, and go when the call ends."""

    at: str
    put: Tuple[Put, ...]
    transient: Tuple[str, ...] = ()


@attrs.frozen
class Built:
    """A builder finished: which versions it was called with, and what it made.

    `put` holds what is new; `kept` names a product that was equal to the present one, which keeps its version;
    `transient` names a new one that is not written, and goes when the call ends. None of them: it returned nothing.
    """

    at: str
    by: str
    inputs: Mapping[str, int]
    put: Tuple[Put, ...] = ()
    kept: Tuple[str, ...] = ()
    transient: Tuple[str, ...] = ()


@attrs.frozen
class Failed:
    """A builder raised; only the type of the error and its place are kept, for its text may quote a secret.

    `trial` is the number of the trial that failed where another one followed in the same call, else 0.
    """

    at: str
    by: str
    inputs: Mapping[str, int]
    error: str
    place: str
    trial: int = 0


@attrs.frozen
class Intended:
    """A builder is about to be called that must not be called twice: until it has ended, it is not known how."""

    at: str
    by: str
    inputs: Mapping[str, int]


@attrs.frozen
class Released:
    """Somebody found that what was intended has not happened: the builder may be called again."""

    at: str
    by: str
    inputs: Mapping[str, int]


@attrs.frozen
class Postponed:
    """A builder asked to be called again, not before a time (as ISO 8601)."""

    at: str
    by: str
    inputs: Mapping[str, int]
    until: str


@attrs.frozen
class Rested:
    """A call ended with this status: what a listing shows. It is a hint, written without a sync. Transient data go.

    `wake` is the time (as ISO 8601) at which the first builder is to be called again that asked for it, or empty.
    """

    at: str
    status: str
    wake: str = ""


Line = Union[Started, Fed, Built, Failed, Intended, Released, Postponed, Rested]

Draft = Tuple[Any, ...]
"""A line that is not made before somebody reads it: what makes it of a time as text, when that was (seconds since the
epoch), and what else that takes. Most are never made: memory keeps drafts, and what makes a line may have a method
`text`, which returns, given how texts are quoted, what a journal says of the same facts from its `op` on."""

Kept = Union[Line, Draft]
"""A line, made or not."""


def written(draft: Draft, /) -> Line:
    """Make the line of a draft."""
    make, at_s, *facts = draft
    return cast("Callable[..., Line]", make)(stamp(cast("float", at_s)), *facts)


def lines_of(kept: List[Kept], begin: int, end: int, /) -> Sequence[Line]:
    """Return a part of what is kept, as lines: those that were drafts are kept as lines from now on."""
    for at in range(begin, end):
        line = kept[at]
        if isinstance(line, tuple):
            kept[at] = written(line)
    return cast("List[Line]", kept[begin:end])


def stamp(at_s: float, /) -> str:
    """Return a time (seconds since the epoch) as journals write it: in UTC, such as `2024-02-29T12:00:00.000Z`."""
    second, millisecond = divmod(int(at_s * 1000), 1000)
    return f"{_to_the_second(second)}.{millisecond:03}Z"


def stamp_of(when: datetime, /) -> str:
    """Return a time as journals write it, exactly: with microseconds only where it has some."""
    places = "microseconds" if when.microsecond % 1000 else "milliseconds"
    return when.astimezone(timezone.utc).isoformat(timespec=places).replace("+00:00", "Z")


def moment(at: str, /) -> datetime:
    """Return the time (aware, in UTC) that a journal wrote."""
    return datetime.fromisoformat(at.replace("Z", "+00:00"))


@lru_cache(maxsize=1)  # most lines are written within the second of the one before
def _to_the_second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
