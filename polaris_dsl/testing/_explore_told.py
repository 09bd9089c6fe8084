"""What happened in a story, as values, and how it is told."""

from __future__ import annotations

import itertools
from typing import Hashable, Iterator, List, Optional, Sequence, Tuple, Union

import attrs
from typing_extensions import final

from polaris_dsl.testing._explore_story import FEED

Effect = Tuple[str, Hashable]
"""What happened outside, and the key by which the outside would know it again; None if there is none."""

LONGEST = 100
"""How many characters of a key or a value are shown."""


@attrs.frozen
class Fed:
    """A call of `Executor.run`: what it feeds, and whether a new process makes it for one that died."""

    data: Tuple[str, ...]
    again: bool


@attrs.frozen
class Called:
    """A builder was called, with data of these versions.

    Attributes:
        builder: its name.
        versions: of what it takes: calls of one builder with the same versions are given the same.
        repeated: whether it had been called with these versions before.
        needless: whether its result for these versions was committed already.
        changed: the names of the data that it was given and that it changed.
        raised: the error, if it raised.
        effects: what happened outside.
    """

    builder: str
    versions: Tuple[int, ...]
    repeated: bool = False
    needless: bool = False
    changed: Tuple[str, ...] = ()
    raised: Optional[str] = None
    effects: Tuple[Effect, ...] = ()


@attrs.frozen
class Died:
    """The process died just before the commit of what `by` made, or right after it when that was `kept`.

    `lost` names the builders whose calls were not committed.
    """

    by: str
    kept: bool
    lost: Tuple[str, ...]


@attrs.frozen
class Settled:
    """A builder had been interrupted, and is settled: with what it returned, where its effect had `happened`."""

    builder: str
    happened: bool
    again: bool


Event = Union[Fed, Called, Died, Settled]


@attrs.frozen
class Problem:
    """What is wrong with a story: in one sentence, at which event (None: at its end), how, and what to do about it."""

    what: str
    at: Optional[int]
    how: str
    advice: str


@final
class StoryFailed(AssertionError):
    """A promise was broken: the shortest story found in which it is. Survives pickling.

    Attributes:
        problem: what is wrong, in one sentence.
        story: what happened, one line for each.
        advice: what to do about it.
    """

    def __init__(self, problem: str, story: Sequence[str], advice: str) -> None:
        super().__init__(problem, tuple(story), advice)
        self.problem = problem
        self.story: Tuple[str, ...] = tuple(story)
        self.advice = advice

    def __str__(self) -> str:
        lines = [f"  {number}. {line}" for number, line in enumerate(self.story, start=1)]
        return "\n".join([self.problem, *lines, f"  help: {self.advice}"])


def tell(events: Sequence[Event], problem: Problem, /) -> StoryFailed:
    """Return the error that tells a story up to the event that is wrong."""
    last = len(events) if problem.at is None else problem.at + 1
    lines = list(_lines(events[:last]))
    if problem.at is None:
        lines.append(problem.how)
    else:
        lines[-1] += f", {problem.how}"
    return StoryFailed(problem.what, lines, problem.advice)


def _lines(events: Sequence[Event]) -> Iterator[str]:
    """Tell each event on a line; calls about which there is nothing to say share one."""
    for plain, group in itertools.groupby(events, _is_plain):
        if plain:
            names = [event.builder for event in group if isinstance(event, Called)]
            yield f"{listed(names)} run{'s' * (len(names) == 1)}"
        else:
            yield from map(_line, group)


def _is_plain(event: Event) -> bool:
    return isinstance(event, Called) and not (event.repeated or event.raised or event.effects)


def _line(event: Event) -> str:
    if isinstance(event, Fed):
        begun = f"feed {listed(event.data)}" if event.data else "run"
        return f"start again: {begun} once more" if event.again else begun
    if isinstance(event, Died):
        return _died(event)
    if isinstance(event, Settled):
        how = "it has happened" if event.happened else "it may be called again"
        return f"{'start again: ' * event.again}settle {event.builder}: {how}"
    parts = [f"{name} ({_key(key)})" for name, key in event.effects]
    if event.raised is not None:
        parts.append(f"raises {event.raised}")
    return f"{event.builder} runs{' again' * event.repeated}{': ' * bool(parts)}{', '.join(parts)}"


def _died(event: Died) -> str:
    lost: List[str] = [name for name in event.lost if name != event.by]
    what = f"the commit of {event.by}" if event.by != FEED else "what was fed is committed"
    when = "right after" if event.kept else "before"
    return f"crash {when} {what}{f', and before that of {listed(lost)}' if lost else ''}"


def _key(key: Hashable) -> str:
    return "no key" if key is None else f"key {short(key)}"


def short(value: object, /) -> str:
    """Return the text of a value, or the beginning of it."""
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def listed(names: Sequence[str], /) -> str:
    """Return `a`, `a and b`, or `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
