"""The static structure of a workflow: names and places, never types."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple, Union

import attrs
from typing_extensions import Literal

Argument = Literal["target", "inputs", "builders", "name", "transient", "timeout_s"]
"""An argument of `workflow(...)`, as a place that a diagnostic can point at."""

Item = Union[int, Argument]
"""What a diagnostic points at: a position in `builders=`, or an argument."""


@attrs.frozen
class Place:
    """A line of a file; line 0 means that only the file is known."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@attrs.frozen
class DataSpec:
    """A data as the analyzer sees it: its name, its module and the keys of its superclasses."""

    name: str
    module: str = ""
    bases: Tuple[str, ...] = ()


@attrs.frozen
class Flaw:
    """What a front end could not read: the problem in one sentence and what to write instead."""

    message: str
    help: str = ""


@attrs.frozen
class BuilderSpec:
    """What a builder takes and makes; every data is a key of `Graph.data`, in the order of the signature."""

    name: str
    consumes: Tuple[str, ...] = ()
    optionals: Tuple[str, ...] = ()
    accesses: Tuple[str, ...] = ()
    produces: Tuple[str, ...] = ()
    maybe: bool = False
    """Whether it may return nothing (`| None`)."""
    flaw: Union[Flaw, None] = None
    """Why the signature cannot be read. What was read of it stands in the other fields."""
    reads_known: bool = True
    """Whether all that it takes is known, in spite of the flaw."""
    product_known: bool = True
    """Whether all that it makes is known, in spite of the flaw."""
    timeout_s: Optional[float] = None
    """How many seconds a call of it may take."""
    at_most_once: bool = attrs.field(default=False, eq=False)
    """Whether a call of it is never repeated by itself; makes it no other builder."""
    defined: Place = attrs.field(default=Place(""), eq=True)
    """Where the function is written."""
    listed: Place = attrs.field(default=Place(""), eq=False)
    """Where a diagnostic about this item of `builders=` is put; two items of one builder differ in it and are equal."""

    @property
    def takes(self) -> Tuple[str, ...]:
        """All that it takes: consumes, then optionals, then accesses."""
        return self.consumes + self.optionals + self.accesses

    @property
    def waits_for(self) -> Tuple[str, ...]:
        """What orders and triggers it: consumes, then optionals."""
        return self.consumes + self.optionals


@attrs.frozen
class Graph:
    """A workflow before it is judged; keys of data are unique, their names need not be."""

    name: str
    target: Tuple[str, ...]
    inputs: Tuple[str, ...]
    builders: Tuple[BuilderSpec, ...]
    data: Mapping[str, DataSpec]
    flaws: Tuple[Tuple[Argument, str, Flaw], ...] = ()
    """What could not be read of the arguments other than `builders=`: argument, subject, flaw."""
    places: Mapping[Argument, Place] = attrs.field(factory=dict)
    """Where a diagnostic about an argument is put."""
    transient: Tuple[str, ...] = ()
    """The data that live within one call."""
    timeout_s: Optional[float] = None
    """How many seconds one call may take."""

    def about(self, data: str, /) -> DataSpec:
        """Return what is known of a data; of a key that is not in `data`, its name."""
        return self.data.get(data) or DataSpec(data)
