"""What the journal of a run tells without the code of its workflow: data, their lineage, failures."""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Sequence, Set, Tuple

import attrs
from typing_extensions import Literal

from polaris_dsl._cli._runs_present import FED, Present, State
from polaris_dsl.stores import Built, Failed, Fed, Intended, Line, Postponed, Released, Rested, Started

What = Literal["postponed", "begun", "released"]


@attrs.frozen
class Datum:
    """One version of a data: the line that fed or built it, who built it from which versions, and its value as JSON.

    A transient one has no value, for that was never written.
    """

    name: str
    version: int
    state: State
    at: str
    by: str
    inputs: Mapping[str, int]
    body: object
    transient: bool


@attrs.frozen
class Failure:
    """A builder that raised: the type of the error and its place, and whether the builder finished later.

    `trial` is which trial it was, where another one followed in the same call, else 0.
    """

    line: int
    at: str
    by: str
    inputs: Mapping[str, int]
    error: str
    place: str
    mended: bool
    trial: int = 0


@attrs.frozen
class Event:
    """What else became of a call: it asked to wait `until` a time, was begun at most once, or may be begun again.

    `last`: nothing is known of that builder since.
    """

    line: int
    at: str
    by: str
    inputs: Mapping[str, int]
    what: What
    until: str
    last: bool


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
    events: Tuple[Event, ...]
    silent: Tuple[str, ...]
    interrupted: Tuple[Intended, ...]
    wake_at: str
    """Until when it waits, or empty."""


_OF_CALLS = (Built, Failed, Intended, Released, Postponed)


def status_after(last: Line, /) -> str:
    """Return the status of a run by the last line of its journal: `due` where a call did not come to its end."""
    return last.status if isinstance(last, Rested) else "due"


def wake_after(last: Line, /) -> str:
    """Return until when a run waits by the last line of its journal, or an empty text."""
    return last.wake if isinstance(last, Rested) else ""


def story_of(lines: Sequence[Line], /, *, held: bool = False) -> Story:
    """Tell the story of a whole journal; where nobody holds the run, its transient data are gone."""
    begun = lines[0]
    if not isinstance(begun, Started):
        raise TypeError(f"a journal begins with Started, not with {type(begun).__name__}")
    present = Present(lines, consumes=_consumed(lines), held=held)
    finished = {line.by: n for n, line in enumerate(lines, 1) if isinstance(line, Built)}
    return Story(
        begun=begun,
        updated_at=lines[-1].at,
        status=status_after(lines[-1]),
        lines=len(lines),
        data=tuple(_data(lines, present)),
        failures=tuple(
            Failure(n, line.at, line.by, line.inputs, line.error, line.place, finished.get(line.by, 0) > n, line.trial)
            for n, line in enumerate(lines, 1)
            if isinstance(line, Failed)
        ),
        events=tuple(_events(lines)),
        silent=tuple(by for by, product in present.made.items() if product is None),
        interrupted=tuple(interrupted(lines).values()),
        wake_at=wake_after(lines[-1]),
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


_EVENTS: Mapping[type, What] = {Postponed: "postponed", Intended: "begun", Released: "released"}


def _events(lines: Sequence[Line]) -> Iterator[Event]:
    last = {line.by: n for n, line in enumerate(lines, 1) if isinstance(line, _OF_CALLS)}
    for n, line in enumerate(lines, 1):
        if isinstance(line, (Postponed, Intended, Released)):
            until = line.until if isinstance(line, Postponed) else ""
            yield Event(n, line.at, line.by, line.inputs, _EVENTS[type(line)], until, last[line.by] == n)


def _data(lines: Sequence[Line], present: Present) -> Iterator[Datum]:
    for n, line in enumerate(lines, 1):
        if isinstance(line, (Fed, Built)):
            by, inputs = (line.by, line.inputs) if isinstance(line, Built) else (FED, {})
            for put in line.put:
                yield Datum(put.name, n, present.state(put.name, n), line.at, by, inputs, put.body, transient=False)
            for name in line.transient:
                yield Datum(name, n, present.state(name, n), line.at, by, inputs, None, transient=True)


def _consumed(lines: Sequence[Line]) -> Dict[str, Set[str]]:
    """Return for each builder what was there at each of its calls."""
    consumed: Dict[str, Set[str]] = {}
    for line in lines:
        if isinstance(line, _OF_CALLS):
            consumed[line.by] = consumed.get(line.by, set(line.inputs)) & set(line.inputs)
    return consumed
