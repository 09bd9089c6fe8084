"""The lines of a journal, as values."""

from __future__ import annotations

from typing import Mapping, Tuple, Union

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
    """Data came from outside."""

    at: str
    put: Tuple[Put, ...]


@attrs.frozen
class Built:
    """A builder finished: which versions it was called with, and what it made.

    `put` holds what is new; `kept` names a product that was equal to the present one, which keeps its version.
    Neither: it returned nothing.
    """

    at: str
    by: str
    inputs: Mapping[str, int]
    put: Tuple[Put, ...] = ()
    kept: Tuple[str, ...] = ()


@attrs.frozen
class Failed:
    """A builder raised; only the type of the error and its place are kept, for its text may quote a secret."""

    at: str
    by: str
    inputs: Mapping[str, int]
    error: str
    place: str


@attrs.frozen
class Rested:
    """A call ended with this status: what a listing shows. It is a hint, written without a sync."""

    at: str
    status: str


Line = Union[Started, Fed, Built, Failed, Rested]
