"""Plays one story after the other, and makes the first that is wrong as simple as it can be."""

from __future__ import annotations

from random import Random
from typing import Dict, Generator, Hashable, Iterator, Optional, Sequence, Tuple

import attrs

from polaris_dsl.errors import DefinitionError
from polaris_dsl.testing._explore_judge import Judge
from polaris_dsl.testing._explore_play import Played, Player
from polaris_dsl.testing._explore_story import (
    ALWAYS_EARLY,
    ALWAYS_LATE,
    Queues,
    Story,
    crashes_at,
    drawn,
    groupings,
    simpler,
)
from polaris_dsl.testing._explore_told import Called, Died, Effect, Problem, StoryFailed, tell

__tracebackhide__ = True  # pytest shows the story, not how it was found


class Search:
    """Plays stories and counts them; raises `StoryFailed` for the simplest like the first that is wrong."""

    def __init__(self, player: Player, judge: Judge, queues: Queues) -> None:
        self.stories = 0
        self.crashes = 0
        self.exhaustive = False
        self.effects: Dict[str, None] = {}
        self._player = player
        self._judge = judge
        self._queues = queues

    def small_ones(self) -> Iterator[None]:
        """Play a story before each yield: all orders and groupings, without a crash and with one."""
        for feeds in groupings(self._queues):
            turns = yield from self._crashed(Story(feeds))
            if turns:
                self._played(Story(feeds, overlaps=ALWAYS_EARLY))
                yield
                yield from self._crashed(Story(feeds, overlaps=ALWAYS_LATE))
        self.exhaustive = True

    def _crashed(self, story: Story) -> Generator[None, None, int]:
        """Play a story as it is, then with each crash that it can have; return how often others could go first."""
        plain = self._played(story)
        yield
        for crash in crashes_at(plain.commits):
            self._played(attrs.evolve(story, crashes=(crash,)))
            yield
        return plain.turns

    def drawn_ones(self, count: int, commits: Sequence[str], chance: Random) -> None:
        """Play this many stories at random, crashing at such commits; none of them twice."""
        for story in {drawn(self._queues, commits, chance): None for _ in range(count)}:
            self._played(story)

    def _played(self, story: Story) -> Played:
        played, problem = self._judged(story)
        if problem is not None:
            raise self._shortest(story, played, problem)
        return played

    def _judged(self, story: Story) -> Tuple[Played, Optional[Problem]]:
        played = self._player.play(story)
        self.stories += 1
        self.crashes += sum(isinstance(event, Died) for event in played.events)
        for event in played.events:
            if isinstance(event, Called):
                self.effects.update((_checked(effect)[0], None) for effect in event.effects)
        return played, self._judge.problem_of(played)

    def _shortest(self, story: Story, played: Played, problem: Problem) -> StoryFailed:
        """Make a story that is wrong simpler for as long as something is wrong with it."""
        candidates = simpler(story, self._queues)
        while True:
            candidate = next(candidates, None)
            if candidate is None:
                break
            again, still = self._judged(candidate)
            if still is not None:
                played, problem, candidates = again, still, simpler(candidate, self._queues)
        failed = tell(played.events, problem)
        failed.__cause__ = None if played.failure is None else played.failure.__cause__
        return failed


def _checked(effect: object) -> Effect:
    if isinstance(effect, tuple) and len(effect) == 2 and isinstance(effect[1], Hashable):  # noqa: PLR2004
        return effect
    raise DefinitionError(f"effects= tells pairs of a name and a hashable key, not {effect!r:.80}")
