"""The stories that `explore` plays: all small ones, larger ones at random, and what is simpler than each."""

from __future__ import annotations

import itertools
from random import Random
from typing import Optional, Sequence, Tuple, Union, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polaris_dsl import Workflow, builder, workflow
from polaris_dsl.testing._explore_judge import Judge
from polaris_dsl.testing._explore_play import Played, Player, World
from polaris_dsl.testing._explore_search import Search
from polaris_dsl.testing._explore_story import (
    ALWAYS_EARLY,
    ALWAYS_LATE,
    Crash,
    Queues,
    Story,
    _split,
    crashes_at,
    drawn,
    groupings,
    queues_of,
    simpler,
)
from polaris_dsl.testing._explore_told import Called, Died, Fed, tell


def test_every_order_and_grouping_of_three_inputs_comes_once_and_those_of_few_calls_first() -> None:
    found = list(groupings(((0,), (1,), (2,))))
    assert len(found) == len(set(found)) == 13
    assert found[0] == ((0, 1, 2),)
    assert [len(feeds) for feeds in found] == [1] + [2] * 6 + [3] * 6
    assert {feeds for feeds in found if len(feeds) == 3} == {
        tuple((at,) for at in order) for order in itertools.permutations(range(3))
    }


@pytest.mark.parametrize(("inputs", "count"), [(0, 1), (1, 1), (2, 3), (4, 75), (5, 541)])
def test_orders_and_groupings_are_as_many_as_there_are_rankings_with_ties(inputs: int, count: int) -> None:
    assert len(list(groupings(tuple((at,) for at in range(inputs))))) == count


def test_samples_of_one_class_come_in_their_order_and_never_in_one_call() -> None:
    queues = queues_of(["a", 1, "b"])
    assert queues == ((0, 2), (1,))
    assert set(groupings(queues)) == {
        *(((0, 1), (2,)), ((0,), (1, 2))),
        *(((0,), (1,), (2,)), ((0,), (2,), (1,)), ((1,), (0,), (2,))),
    }


def test_many_inputs_and_many_corrections_are_no_long_wait() -> None:
    assert next(iter(groupings((tuple(range(40)),)))) == tuple((at,) for at in range(40))
    many = tuple((at,) for at in range(24))
    assert len(list(itertools.islice(groupings(many), 100))) == 100
    assert len(next(_split(many, 24))) == 24


def test_crashes_come_before_and_after_each_commit() -> None:
    assert list(crashes_at(["", "hold", "hold"])) == [
        *(Crash("", 1, kept=False), Crash("", 1, kept=True)),
        *(Crash("hold", 1, kept=False), Crash("hold", 1, kept=True)),
        *(Crash("hold", 2, kept=False), Crash("hold", 2, kept=True)),
    ]


def check_feeds(story: Story, queues: Queues) -> None:
    """Check that all samples come, those of one class in order and in calls of their own."""
    for queue in queues:
        order = [number for feed in story.feeds for number in feed if number in queue]
        assert [number for number, _ in itertools.groupby(order)] == list(queue)
        assert all(len(set(feed) & set(queue)) <= 1 for feed in story.feeds)


def size(story: Story) -> Tuple[int, int]:
    return len(story.feeds) + len(story.crashes), bin(story.overlaps).count("1")


@given(seed=st.integers(0, 1000), counts=st.lists(st.integers(1, 3), max_size=4))
@settings(max_examples=50)
def test_a_drawn_story_feeds_all_and_so_does_what_is_simpler_until_nothing_is(seed, counts):
    classes = [attrs.make_class(f"In{at}", []) for at in range(len(counts))]
    queues = queues_of([one() for one, count in zip(classes, counts) for _ in range(count)])
    chance = Random(seed)
    story = drawn(queues, ["", "hold", "pay"], chance)
    check_feeds(story, queues)
    candidates = list(simpler(story, queues))
    while candidates:
        for candidate in candidates:
            check_feeds(candidate, queues)
            assert size(candidate) < size(story)
        story = chance.choice(candidates)
        candidates = list(simpler(story, queues))
    assert (story.crashes, story.overlaps) == ((), 0)


# --- stories that are played -----------------------------------------------------------------------------------------


@attrs.frozen
class Request:
    cents: int


@attrs.frozen
class Otp:
    text: str


@attrs.frozen
class Held:
    cents: int


@attrs.frozen
class Mailed:
    text: str


@builder
def hold(request: Request) -> Held:
    return Held(request.cents)


@builder
def mail(request: Request, otp: Optional[Otp]) -> Mailed:
    return Mailed("sent")


@builder
def check(otp: Otp, held: Held) -> Paid:
    return Paid()


@attrs.frozen
class Paid:
    """Nothing more to say."""


FLOW = workflow(target=Paid, inputs=Union[Request, Otp], builders=[hold, mail, check])


def player() -> Player:
    flow = cast("Workflow[object, object]", FLOW)
    return Player(flow, lambda: World(lambda: flow, tuple), [Request(1), Otp("1")], loose=frozenset())


def told(played: Played) -> Sequence[str]:
    return [event.builder if isinstance(event, Called) else type(event).__name__ for event in played.events]


def test_others_go_first_where_the_story_says_so_and_only_while_they_are_due() -> None:
    feeds = ((0,), (1,))
    plain, early, late = (player().play(Story(feeds, overlaps=way)) for way in (0, ALWAYS_EARLY, ALWAYS_LATE))
    assert told(plain) == ["Fed", "hold", "mail", "Fed", "mail", "check"]
    assert told(early) == ["Fed", "mail", "hold", "Fed", "check", "mail"]
    assert told(late) == ["Fed", "hold", "mail", "Fed", "mail", "check"]
    assert [played.turns for played in (plain, early, late)] == [2, 2, 2]
    assert plain.commits == ("", "hold", "mail", "", "mail", "check")
    assert late.commits == ("", "mail", "hold", "", "check", "mail")


def test_small_stories_are_played_one_by_one() -> None:
    judge = Judge(FLOW._plan, frozenset(), {}, player().play(Story(((0, 1),))))
    search = Search(player(), judge, ((0,), (1,)))
    for count, _ in enumerate(search.small_ones(), start=1):
        assert (search.stories, search.exhaustive) == (count, False)
    assert search.exhaustive
    commits = (4, 6, 5)  # of all in one call, and of either input first
    assert search.stories == sum(1 + 2 * count + 1 + 1 + 2 * count for count in commits)


def test_a_process_that_died_does_nothing_more() -> None:
    play, chance = player().play, Random(0)
    deaths = 0
    for _ in range(150):
        events = play(drawn(((0,), (1,)), ["", "hold", "mail", "check"], chance)).events
        for event, following in zip(events, events[1:]):
            died = isinstance(event, Died)
            deaths += died
            assert died == (isinstance(following, Fed) and following.again)
    assert deaths > 100


# --- what the real executor never does, told by hand -----------------------------------------------------------------


def test_a_call_that_was_not_needed_would_be_told() -> None:
    calls = Called("hold", (2,)), Called("hold", (2,), repeated=True, needless=True)
    events = (
        Fed(("Request",), again=False),
        calls[0],
        Died("hold", kept=True, lost=("pay",)),
        Fed((), again=True),
        calls[1],
    )
    played = Played(events, {}, commits=(), turns=0, failure=None)
    problem = Judge(FLOW._plan, frozenset(), {}, played).problem_of(played)
    assert problem is not None
    assert (
        str(tell(events, problem))
        == """\
hold runs again with the same inputs, though its result was committed
  1. feed Request
  2. hold runs
  3. crash right after the commit of hold, and before that of pay
  4. start again: run once more
  5. hold runs again, without need
  help: this is a fault of the library: please report it"""
    )
