"""What the journal of a run tells without the code of its workflow: data, their lineage, failures."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

import attrs
from typing_extensions import Literal

from polaris_dsl.stores import Built, Failed, Fed, Intended, Line, Postponed, Put, Released, Rested, Started

FED = ""
"""In place of a builder: the data was fed."""

State = Literal["present", "withdrawn", "replaced"]


@attrs.frozen
class Datum:
    """One version of a data: the line that fed or built it, who built it from which versions, and its value as JSON."""

    name: str
    version: int
    state: State
    at: str
    by: str
    inputs: Mapping[str, int]
    body: object


@attrs.frozen
class Failure:
    """A builder that raised: the type of the error and its place, and whether the builder finished later."""

    line: int
    at: str
    by: str
    inputs: Mapping[str, int]
    error: str
    place: str
    mended: bool


@attrs.frozen
class Story:
    """What a journal tells.

    `silent` are the builders that returned nothing the last time, `interrupted` those that must not be called twice and
    were begun: one of them may be running.
    """

    begun: Started
    updated_at: str
    status: str
    lines: int
    data: Tuple[Datum, ...]
    failures: Tuple[Failure, ...]
    silent: Tuple[str, ...]
    interrupted: Tuple[Intended, ...]


def status_after(last: Line, /) -> str:
    """Return the status of a run by the last line of its journal: `due` where a call did not come to its end."""
    return last.status if isinstance(last, Rested) else "due"


def story_of(lines: Sequence[Line], /) -> Story:
    """Tell the story of a whole journal."""
    begun = lines[0]
    if not isinstance(begun, Started):
        raise TypeError(f"a journal begins with Started, not with {type(begun).__name__}")
    present = _Present(lines)
    finished = {line.by: n for n, line in enumerate(lines, 1) if isinstance(line, Built)}
    return Story(
        begun=begun,
        updated_at=lines[-1].at,
        status=status_after(lines[-1]),
        lines=len(lines),
        data=tuple(_data(lines, present)),
        failures=tuple(
            Failure(n, line.at, line.by, line.inputs, line.error, line.place, finished.get(line.by, 0) > n)
            for n, line in enumerate(lines, 1)
            if isinstance(line, Failed)
        ),
        silent=tuple(by for by, product in present.made.items() if product is None),
        interrupted=tuple(interrupted(lines).values()),
    )


def interrupted(lines: Sequence[Line], /) -> Dict[str, Intended]:
    """Return, by builder, what was intended and of which nothing says how it ended."""
    intents: Dict[str, Intended] = {}
    for line in lines:
        if isinstance(line, Intended):
            intents[line.by] = line
        elif isinstance(line, (Built, Failed, Postponed, Released)):
            intents.pop(line.by, None)
    return intents


def _puts(line: Line) -> Tuple[Put, ...]:
    return line.put if isinstance(line, (Fed, Built)) else ()


def _data(lines: Sequence[Line], present: _Present) -> Iterator[Datum]:
    for n, line in enumerate(lines, 1):
        built = line if isinstance(line, Built) else None
        for put in _puts(line):
            by, inputs = (built.by, built.inputs) if built is not None else (FED, {})
            yield Datum(put.name, n, present.state(put.name, n), line.at, by, inputs, put.body)


class _Present:
    """Which data are present after some lines, as far as these tell: what consumed a withdrawn data is withdrawn too.

    Only the code says what a builder consumes and what is optional to it. Here it consumes what was there at each of
    its calls: where an optional was withdrawn, the builder is called again without it, which is a line that shows it.
    """

    def __init__(self, lines: Sequence[Line], /) -> None:
        self.made: Dict[str, Optional[str]] = {}
        self._there: Dict[str, Tuple[int, str]] = {}
        self._newest: Dict[str, int] = {}
        self._consumes = _consumed(lines)
        for n, line in enumerate(lines, 1):
            maker = line.by if isinstance(line, Built) else FED
            for put in _puts(line):
                self._newest[put.name] = n
                self._there[put.name] = (n, maker)
            if isinstance(line, Built):
                self._built(line)

    def state(self, name: str, version: int) -> State:
        """Return what became of a version."""
        if name in self._there:
            return "present" if self._there[name][0] == version else "replaced"
        return "withdrawn" if self._newest[name] == version else "replaced"

    def _built(self, line: Built) -> None:
        for name in line.kept:
            if name in self._newest:
                self._there[name] = (self._newest[name], line.by)
        product = next((name for name in (*(put.name for put in line.put), *line.kept)), None)
        before = self.made.get(line.by)
        self.made[line.by] = product
        if before is not None and before != product:
            self._withdraw(before, line.by)

    def _withdraw(self, name: str, maker: str) -> None:
        waiting: List[Tuple[Optional[str], str]] = [(name, maker)]
        while waiting:
            product, maker = waiting.pop()
            if product is not None and self._there.get(product, (0, FED))[1] == maker:
                self._there.pop(product, None)
                takers = [taker for taker, consumed in self._consumes.items() if product in consumed]
                waiting.extend((self.made.get(taker), taker) for taker in takers)


def _consumed(lines: Sequence[Line]) -> Dict[str, Set[str]]:
    """Return for each builder what was there at each of its calls."""
    consumed: Dict[str, Set[str]] = {}
    for line in lines:
        if isinstance(line, (Built, Failed)):
            consumed[line.by] = consumed.get(line.by, set(line.inputs)) & set(line.inputs)
    return consumed
