"""What `explore` does with transient data: they are fed in calls of run, and again where a crash took them."""

from __future__ import annotations

import itertools
from typing import Callable, List, NamedTuple, Optional, Union, cast

import pytest

from polaris_dsl import Context, Workflow, builder, workflow
from polaris_dsl.testing import Effect, Explored, StoryFailed, explore
from polaris_dsl.testing._explore_play import Player, World
from polaris_dsl.testing._explore_story import Story
from polaris_dsl.testing._explore_told import Fed

Done = List[Effect]


class Request(NamedTuple):
    cents: int


class Otp(NamedTuple):
    text: str


class Paid(NamedTuple):
    cents: int


class Cvv(NamedTuple):
    digits: str


class Checked(NamedTuple):
    by: str


class Held(NamedTuple):
    cents: int


@builder
def check(request: Request, cvv: Cvv) -> Checked:
    return Checked(f"network, {cvv.digits}")


def holding(done: Done, key_of: Callable[[Context], str]) -> Workflow[Paid, Union[Request, Cvv, Otp]]:
    @builder
    def hold(request: Request, checked: Checked, context: Context) -> Held:
        done.append(("hold", key_of(context)))
        return Held(request.cents)

    @builder
    def confirm(held: Held, otp: Otp) -> Paid:
        return Paid(held.cents)

    return workflow(
        target=Paid,
        inputs=Union[Request, Cvv, Otp],
        builders=[check, hold, confirm],
        transient=Union[Cvv, Checked],
    )


def given_key(context: Context) -> str:
    return context.idempotency_key


def explored(key_of: Callable[[Context], str], *samples: object, most: int = 1) -> Explored:
    return explore(
        lambda done: holding(done, key_of),
        *samples,
        outside=list,
        effects=lambda done: done,
        at_most={"hold": most},
    )


def test_transient_samples_are_fed_again_where_a_crash_took_them() -> None:
    found = explored(given_key, Request(3), Cvv("123"), Otp("1"))
    assert (found.compared, found.effects) == (("Held", "Paid"), ("hold",))
    assert found.crashes > 200


def test_corrections_of_transient_data_and_of_others_end_as_the_last_ones() -> None:
    explored(given_key, Request(3), Cvv("1"), Request(4), Cvv("2"), Otp("1"), most=2)


def test_a_sample_that_is_fed_again_is_the_same_as_before() -> None:
    keys = itertools.count()
    with pytest.raises(StoryFailed) as caught:
        explored(lambda _: str(next(keys)), Request(3), Cvv("123"), Otp("1"), most=9)
    assert caught.value.problem == "hold repeats hold under another key, though it is given the same"
    story = "\n".join(caught.value.story)
    assert "start again: feed Request and Otp once more" in story
    assert "feed Cvv\n" in story


def test_what_a_failure_took_is_fed_again_at_the_end() -> None:
    failures = [OSError()]

    @builder(name="check")
    def fails_once(request: Request, cvv: Cvv) -> Checked:
        if failures:
            raise failures.pop()
        return Checked("network")

    flow = holding([], given_key).replace({check: fails_once})
    any_flow = cast("Workflow[object, object]", flow)
    player = Player(any_flow, lambda: World(lambda: any_flow, tuple), (Request(1), Cvv("1")), loose=frozenset())
    played = player.play(Story(((0, 1),)))
    assert played.failure is None
    assert [event.data for event in played.events if isinstance(event, Fed)] == [("Request", "Cvv"), ("Cvv",)]


def test_what_comes_of_a_transient_optional_may_differ() -> None:
    @builder
    def guess(request: Request, cvv: Optional[Cvv]) -> Held:
        return Held(request.cents + (cvv is not None))

    flow = workflow(target=Held, inputs=Union[Request, Cvv], builders=[guess], transient=Cvv)
    assert explore(flow, Request(1), Cvv("1")).compared == ()
    lasting = workflow(target=Held, inputs=Union[Request, Cvv], builders=[guess])
    assert explore(lasting, Request(1), Cvv("1")).compared == ("Held",)
