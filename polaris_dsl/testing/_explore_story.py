"""Stories: which inputs come in which call, where the process dies, what goes on meanwhile; and simpler ones."""

from __future__ import annotations

import itertools
from random import Random
from typing import Dict, Iterator, List, Sequence, Tuple

import attrs

FEED = ""
"""In place of the name of a builder: what was fed."""

EARLY, LATE = 1, 2
"""When others go first: before a builder is called, or between its call and its commit."""

TURNS = 16
ALWAYS_EARLY, ALWAYS_LATE = (sum(when << 2 * turn for turn in range(TURNS)) for when in (EARLY, LATE))

Feeds = Tuple[Tuple[int, ...], ...]
"""The samples of each call, by their numbers."""

Queues = Tuple[Tuple[int, ...], ...]
"""For each input, in which order its samples come."""


@attrs.frozen
class Crash:
    """The process dies at the `nth` commit of what `by` makes: just before it, or when it was `kept`."""

    by: str
    nth: int
    kept: bool


@attrs.frozen
class Story:
    """One way in which a run may come about.

    Attributes:
        feeds: what each call feeds. A call that dies is made again by a new process.
        crashes: where processes die.
        overlaps: two bits, `EARLY` and `LATE`, for each time that a builder has its turn while others are due: whether
            they go first.
    """

    feeds: Feeds
    crashes: Tuple[Crash, ...] = ()
    overlaps: int = 0


def queues_of(samples: Sequence[object], /) -> Queues:
    """Put the numbers of the samples in a queue for each class."""
    queues: Dict[type, List[int]] = {}
    for number, sample in enumerate(samples):
        queues.setdefault(type(sample), []).append(number)
    return tuple(map(tuple, queues.values()))


# --- small ones, all of them -----------------------------------------------------------------------------------------


def groupings(queues: Queues, /) -> Iterator[Feeds]:
    """Yield every order and grouping, those of few calls first; no call feeds two samples of one class."""
    if not queues:
        yield ((),)
    for calls in range(1, sum(map(len, queues)) + 1):
        yield from _split(queues, calls)


def _split(queues: Queues, calls: int) -> Iterator[Feeds]:
    """Yield every way to take these samples in so many calls, none of which takes nothing."""
    left = [queue for queue in queues if queue]
    spare = sum(map(len, left)) - calls
    if not calls and not left:
        yield ()
    if spare < 0 or any(len(queue) > calls for queue in left):
        return
    now = [at for at, queue in enumerate(left) if len(queue) == calls]  # or calls would not suffice for all of them
    later = [at for at, queue in enumerate(left) if len(queue) < calls]
    for count in range(min(len(later), spare + 1 - len(now)), -1 if now else 0, -1):
        for taken in itertools.combinations(later, count):
            first, rest = _take(left, (*now, *taken))
            for following in _split(rest, calls - 1):
                yield (first, *following)


def _take(left: Sequence[Tuple[int, ...]], taken: Sequence[int]) -> Tuple[Tuple[int, ...], Queues]:
    """Return the first samples of the queues that are taken from, and what is left of all queues."""
    return tuple(sorted(left[at][0] for at in taken)), tuple(queue[at in taken :] for at, queue in enumerate(left))


def crashes_at(commits: Sequence[str], /) -> Iterator[Crash]:
    """Yield a crash before and after each of these commits, which are told by who made them."""
    for at, by in enumerate(commits):
        for kept in (False, True):
            yield Crash(by, commits[: at + 1].count(by), kept)


# --- larger ones, at random ------------------------------------------------------------------------------------------


def drawn(queues: Queues, commits: Sequence[str], chance: Random, /) -> Story:
    """Return a story at random; crashes come at any of these commits, at the first time or the second."""
    feeds: List[Tuple[int, ...]] = []
    left = queues
    while left:
        first, left = _take(left, chance.sample(range(len(left)), chance.randint(1, len(left))))
        feeds.append(first)
        left = tuple(filter(None, left))
    crashes = {
        Crash(chance.choice(commits), chance.randint(1, 2), chance.random() < 1 / 2)
        for _ in range(chance.choice([0, 1, 2, 2, 3]))
    }
    overlaps = chance.choice([0, ALWAYS_EARLY, ALWAYS_LATE, chance.getrandbits(2 * TURNS)])
    ordered = sorted(crashes, key=lambda crash: (crash.by, crash.nth, crash.kept))
    return Story(tuple(feeds) or ((),), tuple(ordered), overlaps)


# --- simpler ones ----------------------------------------------------------------------------------------------------


def simpler(story: Story, queues: Queues, /) -> Iterator[Story]:
    """Yield what is a little simpler than a story: a crash, an overlap or a call less."""
    for at in range(len(story.crashes)):
        yield attrs.evolve(story, crashes=story.crashes[:at] + story.crashes[at + 1 :])
    if story.overlaps:
        yield attrs.evolve(story, overlaps=0)
    if story.overlaps & (story.overlaps - 1):
        yield from (attrs.evolve(story, overlaps=1 << bit) for bit in range(2 * TURNS))
    for at, (one, other) in enumerate(zip(story.feeds, story.feeds[1:])):
        both = set(one) | set(other)
        if all(len(both.intersection(queue)) <= 1 for queue in queues):
            yield attrs.evolve(story, feeds=(*story.feeds[:at], tuple(sorted(both)), *story.feeds[at + 2 :]))
