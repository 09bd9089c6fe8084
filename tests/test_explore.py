"""What `explore` finds in workflows that have a mistake in them, how it tells it, and what it leaves alone."""

from __future__ import annotations

import itertools
import pickle
import threading
from collections import Counter
from typing import Callable, Dict, List, Optional, Tuple, Union, cast

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polaris_dsl import Access, Builder, Context, Workflow, builder, workflow
from polaris_dsl.errors import CodecError, DefinitionError, UnexpectedData
from polaris_dsl.testing import Effect, Explored, StoryFailed, explore
from polaris_dsl.testing._explore_play import Played, Player, World
from polaris_dsl.testing._explore_story import Crash, Feeds, Story
from polaris_dsl.testing._explore_told import Called, Died, Fed, Problem, Settled, tell
from tests.random_workflows import Watch, random_workflows, value


@attrs.frozen
class Request:
    cents: int


@attrs.frozen
class Otp:
    text: str


@attrs.frozen
class Held:
    text: str


@attrs.frozen
class Paid:
    text: str


@attrs.frozen
class Mailed:
    text: str


@attrs.define
class Basket:
    items: List[str]


Done = List[Effect]
KeyOf = Callable[[Context, Done], object]

NAN = cast(str, float("nan"))


def given_key(context: Context, _: Done) -> object:
    return context.idempotency_key


def new_key(_: Context, done: Done) -> object:
    return f"number {len(done)}"


@builder(name="hold")
def quiet_hold(request: Request) -> Held:
    return Held(f"held {request.cents}")


@builder
def pay(held: Held, otp: Otp) -> Paid:
    return Paid(f"{held.text} {otp.text}")


def payment(*builders: Builder[..., object]) -> Workflow[Paid, Union[Request, Otp]]:
    return workflow(target=Paid, inputs=Union[Request, Otp], builders=[*builders, pay])


def holding(key_of: KeyOf, done: Done) -> Workflow[Paid, Union[Request, Otp]]:
    @builder
    def hold(request: Request, context: Context) -> Held:
        done.append(("hold", key_of(context, done)))
        return Held("held")

    return payment(hold)


def explored(
    start: Callable[[Done], Workflow[Paid, Union[Request, Otp]]],
    *inputs: object,
    stories: int = 200,
    seed: int = 0,
    **most: int,
) -> Explored:
    inputs = inputs or (Request(1), Otp("1"))
    return explore(start, *inputs, outside=list, effects=lambda done: done, at_most=most, stories=stories, seed=seed)


def failed(act: Callable[[], object]) -> StoryFailed:
    with pytest.raises(StoryFailed) as caught:
        act()
    return caught.value


# --- what is right ---------------------------------------------------------------------------------------------------


def test_a_workflow_that_keeps_its_promises_is_explored_to_the_end() -> None:
    found = explored(lambda done: holding(given_key, done), hold=1)
    assert found.exhaustive
    assert found.stories <= 200
    assert found.crashes > 100
    assert found.compared == ("Held", "Paid")
    assert found.effects == ("hold",)


def test_stories_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    flow = payment(quiet_hold)
    one, same, other = (explore(flow, Request(1), Otp("1"), stories=150, seed=seed) for seed in (1, 1, 2))
    assert one == same != other


def test_where_stories_do_not_suffice_for_all_it_says_so() -> None:
    assert not explore(payment(quiet_hold), Request(1), Otp("1"), stories=20).exhaustive
    assert explore(payment(quiet_hold), Request(1), Otp("1"), stories=1).stories == 1


def test_a_workflow_without_inputs_is_explored_as_well() -> None:
    @builder
    def begin() -> Held:
        return Held("on its own")

    found = explore(workflow(target=Held, builders=[begin]), stories=20)
    assert (found.exhaustive, found.compared) == (True, ("Held",))
    assert found.crashes > 4


def test_async_builders_defaults_and_keywords_are_called_as_they_are() -> None:
    @builder
    async def hold(request: Request, mailed: Mailed = Mailed("never"), *, context: Context) -> Held:
        return Held(f"{mailed.text} {len(context.idempotency_key)}")

    @builder
    def mail(otp: Otp) -> Optional[Mailed]:
        return None if otp.text == "1" else Mailed(otp.text)

    flow = payment(hold, mail)
    assert explore(flow, Request(1), Otp("1"), stories=50).compared == ("Held", "Paid")
    assert explore(flow, Request(1), Otp("1"), Otp("2"), stories=100).compared == ("Mailed", "Held", "Paid")


def test_everything_happens_in_the_thread_of_the_caller() -> None:
    seen = set()

    @builder
    def hold(request: Request) -> Held:
        seen.add(threading.get_ident())
        return Held("held")

    @builder
    def mail(request: Request) -> Mailed:
        seen.add(threading.get_ident())
        return Mailed("sent")

    explore(payment(hold, mail), Request(1), Otp("1"), stories=100)
    assert seen == {threading.get_ident()}


@given(flow=random_workflows(), data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_workflows_of_pure_builders_keep_their_promises(flow, data):
    numbers = st.lists(st.integers(0, 2), min_size=1, max_size=2)
    samples = [value(one, number) for one in flow.inputs for number in data.draw(numbers, label=one.__name__)]
    explore(flow.real(Watch()), *samples, stories=40, seed=data.draw(st.integers(0, 9)))


# --- effects ---------------------------------------------------------------------------------------------------------


def test_an_effect_that_is_repeated_under_another_key_is_told_as_a_story() -> None:
    found = failed(lambda: explored(lambda done: holding(new_key, done)))
    assert (
        str(found)
        == """\
hold repeats hold under another key, though it is given the same
  1. feed Request and Otp
  2. hold runs: hold (key number 0)
  3. crash before the commit of hold
  4. start again: feed Request and Otp once more
  5. hold runs again: hold (key number 1), a second time under another key
  help: pass Context.idempotency_key on with hold: it is the same whenever the call is repeated"""
    )


def test_an_effect_that_is_repeated_without_a_key_is_found() -> None:
    found = failed(lambda: explored(lambda done: holding(lambda *_: None, done)))
    assert found.problem == "hold repeats hold without a key, though it is given the same"
    assert found.story[-1] == "hold runs again: hold (no key), a second time without a key"


def test_several_effects_of_one_call_may_have_several_keys() -> None:
    def start(done: Done) -> Workflow[Paid, Union[Request, Otp]]:
        @builder
        def hold(request: Request, context: Context) -> Held:
            done.extend(("mail", f"{context.idempotency_key} {part}") for part in "ab")
            return Held("held")

        return payment(hold)

    assert explored(start, mail=2).exhaustive
    found = failed(lambda: explored(start, mail=1))
    assert found.problem == "mail happens under 2 keys, and at_most= allows 1"


def test_an_outside_that_shows_each_key_once_is_as_good() -> None:
    def start(done: Done) -> Workflow[Paid, Union[Request, Otp]]:
        @builder
        def hold(request: Request, context: Context) -> Held:
            asked = ("hold", context.idempotency_key)
            done.extend([asked] if asked not in done else [])
            return Held("held")

        return payment(hold)

    assert explored(start).exhaustive


def test_a_correction_that_makes_the_effect_anew_is_found_where_it_may_happen_once() -> None:
    corrected = Request(1), Request(2), Otp("1")
    assert explored(lambda done: holding(given_key, done), *corrected).exhaustive
    assert explored(lambda done: holding(lambda *_: "order 7", done), *corrected, hold=1).exhaustive
    found = failed(lambda: explored(lambda done: holding(given_key, done), *corrected, hold=1))
    lines = [line.partition(" (key")[0] for line in found.story]
    fed = "feed Request (1 of 2) and Otp", "feed Request (2 of 2)"
    assert lines == [fed[0], "hold runs: hold", "pay runs", fed[1], "hold runs: hold"]
    assert found.problem == "hold happens under 2 keys, and at_most= allows 1"
    assert found.advice == "let hold be known by a key of its own, such as an order number"


def test_an_effect_that_is_lost_by_the_crash_of_another_builder_is_found() -> None:
    def start(done: Done) -> Workflow[Paid, Union[Request, Otp]]:
        @builder
        def hold(request: Request) -> Held:
            done.append(("hold", f"mailed: {('mail', 1) in done}"))
            return Held("held")

        @builder
        def mail(request: Request) -> Mailed:
            done.append(("mail", 1))
            return Mailed("sent")

        return payment(hold, mail)

    assert failed(lambda: explored(start)).story == (
        "feed Request and Otp",
        "hold runs: hold (key mailed: False)",
        "mail runs: mail (key 1)",
        "crash before the commit of mail, and before that of hold",
        "start again: feed Request and Otp once more",
        "hold runs again: hold (key mailed: True), a second time under another key",
    )


@pytest.mark.parametrize("seed", range(4))
def test_what_takes_two_crashes_is_found_at_random_and_told_with_no_more(seed: int) -> None:
    def third_time_unlucky(context: Context, done: Done) -> object:
        return context.idempotency_key if len(done) < 2 else "another"

    found = failed(lambda: explored(lambda done: holding(third_time_unlucky, done), stories=400, seed=seed))
    assert Counter(line.split(" (")[0] for line in found.story) == {
        "feed Request and Otp": 1,
        "hold runs: hold": 1,
        "crash before the commit of hold": 2,
        "start again: feed Request and Otp once more": 2,
        "hold runs again: hold": 2,
    }


# --- data ------------------------------------------------------------------------------------------------------------


def test_data_that_come_of_a_counter_end_differently() -> None:
    counter = itertools.count()

    @builder
    def hold(request: Request) -> Held:
        return Held(f"number {next(counter)}")

    assert (
        str(failed(lambda: explore(payment(hold), Request(1), Otp("1"))))
        == """\
Held, which hold makes, ends differently
  1. feed Request and Otp
  2. hold and pay run
  3. at the end Held is {"text":"number 1"}; the first time, with all fed in one call and no crash, it was \
{"text":"number 0"}
  help: what a builder makes may depend on nothing but what it is given; if Held may vary (a token, a time), say \
varies=[Held]"""
    )


def test_data_that_are_said_to_vary_are_not_compared_and_their_takers_are() -> None:
    counter = itertools.count()

    @builder
    def hold(request: Request) -> Held:
        return Held(f"number {next(counter)}")

    @builder
    def mail(held: Held, context: Context) -> Mailed:
        return Mailed(context.idempotency_key)

    flow = payment(hold, mail)
    assert failed(lambda: explore(flow, Request(1), Otp("1"), varies=[Held])).problem.startswith("Paid")
    assert explore(flow, Request(1), Otp("1"), varies=[Held, Paid], stories=100).compared == ("Mailed",)


def test_what_is_kept_in_memory_is_gone_after_a_crash() -> None:
    def start(done: Done) -> Workflow[Paid, Union[Request, Otp]]:
        memory: Dict[str, int] = {}

        @builder
        def hold(request: Request) -> Held:
            memory["cents"] = request.cents
            return Held("held")

        @builder
        def mail(held: Held) -> Mailed:
            return Mailed(f"{memory.get('cents')} cents")

        return payment(hold, mail)

    found = failed(lambda: explored(start))
    assert found.problem == "Mailed, which mail makes, ends differently"
    assert found.story[:-1] == (
        "feed Request and Otp",
        "hold runs",
        "crash right after the commit of hold",
        "start again: feed Request and Otp once more",
        "mail and pay run",
    )
    assert found.story[-1].startswith('at the end Mailed is {"text":"None cents"}; the first time')


def test_data_that_come_of_the_order_of_builders_are_found() -> None:
    def start(done: Done) -> Workflow[Paid, Union[Request, Otp]]:
        def place(name: str) -> str:
            done.extend([] if ("place", name) in done else [("place", name)])
            return str(done.index(("place", name)))

        @builder
        def hold(request: Request) -> Held:
            return Held(place("hold"))

        @builder
        def mail(request: Request) -> Mailed:
            return Mailed(place("mail"))

        return payment(hold, mail)

    found = failed(lambda: explored(start, stories=14))
    assert found.problem == "Held, which hold makes, ends differently"
    assert found.story[1:3] == ("mail runs: place (key mail)", "hold runs: place (key hold)")


def test_data_that_are_there_in_some_stories_only_are_found() -> None:
    made = []

    @builder
    def mail(request: Request) -> Optional[Mailed]:
        made.append(request)
        return Mailed("once") if len(made) == 1 else None

    found = failed(lambda: explore(payment(quiet_hold, mail), Request(1), Otp("1")))
    assert found.story[-1].startswith("at the end Mailed is not there; the first time")


def test_a_long_value_is_cut() -> None:
    counter = itertools.count()

    @builder
    def hold(request: Request) -> Held:
        return Held(f"{next(counter)}" * 1000)

    assert len(failed(lambda: explore(payment(hold), Request(1), Otp("1"))).story[-1]) < 400


def test_a_builder_that_changes_what_it_is_given_is_found() -> None:
    @builder
    def fill(basket: Basket) -> Held:
        basket.items.append("one more")
        return Held(str(len(basket.items)))

    found = failed(lambda: explore(workflow(target=Held, inputs=Basket, builders=[fill]), Basket([])))
    assert found.problem == "fill changes the Basket that it is given"
    assert found.story == ("feed Basket", "fill runs, changing Basket")
    assert found.advice == "make a new value: others see Basket as it was committed"


def test_a_builder_that_spoils_what_it_is_given_is_found() -> None:
    @builder
    def spoil(basket: Basket) -> Held:
        basket.items.append(NAN)
        return Held("")

    found = failed(lambda: explore(workflow(target=Held, inputs=Basket, builders=[spoil]), Basket([])))
    assert found.problem == "spoil changes the Basket that it is given"


# --- what may end differently ----------------------------------------------------------------------------------------


def test_what_accesses_lead_to_is_not_compared() -> None:
    @builder
    def hold(request: Request, otp: Access[Otp]) -> Held:
        return Held("no otp" if otp is None else otp.text)

    @builder
    def mail(request: Request) -> Mailed:
        return Mailed("sent")

    found = explore(payment(hold, mail), Request(1), Otp("1"), stories=200)
    assert (found.exhaustive, found.compared) == (True, ("Mailed",))


def test_an_input_that_is_also_made_is_not_compared_nor_what_is_made_of_it() -> None:
    @builder
    def send(request: Request) -> Otp:
        return Otp("sent")

    found = explore(payment(quiet_hold, send), Request(1), Otp("typed"), stories=200)
    assert (found.exhaustive, found.compared) == (True, ("Held",))
    assert explore(payment(quiet_hold, send), Request(1), Otp("sent"), stories=50).compared == ("Held",)


# --- builders that fail ----------------------------------------------------------------------------------------------


def test_a_builder_that_fails_for_good_is_told_with_its_error() -> None:
    @builder
    def hold(request: Request) -> Held:
        raise ValueError("no such customer")

    found = failed(lambda: explore(payment(hold), Request(1), Otp("1")))
    assert found.problem == "hold fails with ValueError"
    assert str(found.__cause__) == "no such customer"
    assert found.story == (
        "feed Request and Otp",
        "hold runs: raises ValueError: no such customer",
        *("run", "hold runs again: raises ValueError: no such customer") * 3,
        "hold fails with ValueError, however often it is tried",
    )


def test_a_builder_that_fails_at_first_is_tried_again_and_may_repeat_its_effect_under_the_same_key_only() -> None:
    def lost_answer(key_of: KeyOf, done: Done) -> Workflow[Paid, Union[Request, Otp]]:
        @builder
        def hold(request: Request, context: Context) -> Held:
            done.append(("hold", key_of(context, done)))
            if len(done) == 1:
                raise TimeoutError("no answer")
            return Held("held")

        return payment(hold)

    assert explored(lambda done: lost_answer(given_key, done), hold=1).exhaustive
    assert failed(lambda: explored(lambda done: lost_answer(new_key, done))).story == (
        "feed Request and Otp",
        "hold runs: hold (key number 0), raises TimeoutError: no answer",
        "run",
        "hold runs again: hold (key number 1), a second time under another key",
    )


def test_a_value_that_does_not_come_back_from_json_is_a_failure_of_its_builder() -> None:
    @builder
    def hold(request: Request) -> Held:
        return Held(NAN)

    found = failed(lambda: explore(payment(hold), Request(1), Otp("1")))
    assert found.problem == "hold fails with CodecError"
    assert isinstance(found.__cause__, CodecError)


# --- what must not happen twice --------------------------------------------------------------------------------------


def once(
    act: Callable[[Done], Held], *, at_most_once: bool = False
) -> Callable[[Done], Workflow[Paid, Union[Request, Otp]]]:
    """Return what makes a workflow whose hold is to happen at most once."""

    def start(done: Done) -> Workflow[Paid, Union[Request, Otp]]:
        @builder(at_most_once=at_most_once)
        def hold(request: Request) -> Held:
            return act(done)

        return payment(hold)

    return start


def a_story(
    start: Callable[[Done], Workflow[Paid, Union[Request, Otp]]],
    done: Done,
    *crashes: Crash,
    feeds: Feeds = ((0, 1),),
) -> Played:
    """Play one story with these crashes."""
    begin = cast("Callable[[Done], Workflow[object, object]]", start)
    world = World(lambda: begin(done), lambda: tuple(done))
    player = Player(begin(done), lambda: world, (Request(1), Otp("1")), loose=frozenset())
    return player.play(Story(feeds, crashes))


def told(played: Played) -> Tuple[str, ...]:
    return tell(played.events, Problem("", None, "", "")).story[:-1]


def holds(done: Done) -> Held:
    done.append(("hold", None))
    return Held("held")


def test_an_effect_without_a_key_is_all_right_where_it_is_to_happen_at_most_once() -> None:
    found = explored(once(holds, at_most_once=True), Request(1), Otp("1"))
    assert (found.exhaustive, found.effects) == (True, ("hold",))
    assert found.compared == ("Held", "Paid")
    assert failed(lambda: explored(once(holds))).problem.startswith("hold repeats hold without a key")


def test_newer_inputs_may_have_the_effect_anew() -> None:
    explored(once(holds, at_most_once=True), Request(1), Request(2), Otp("1"), stories=400)


def test_crashes_come_at_intents_and_in_settling_and_are_told() -> None:
    done: Done = []
    played = a_story(once(holds, at_most_once=True), done, Crash("the intent of hold", 1, kept=True))
    assert [type(event) for event in played.events] == [Fed, Died, Fed, Settled, Fed, Called, Called]
    assert told(played) == (
        "feed Request and Otp",
        "crash right after the commit of the intent of hold",
        "start again: feed Request and Otp once more",
        "settle hold: it may be called again",
        "run",
        "hold runs: hold (no key)",
        "pay runs",
    )


def test_a_call_that_died_before_its_commit_is_settled_with_what_it_returned() -> None:
    for kept in (False, True):
        done: Done = []
        crashes = Crash("hold", 1, kept=False), Crash("hold", 2, kept=kept)
        played = a_story(once(holds, at_most_once=True), done, *crashes)
        assert told(played) == (
            "feed Request and Otp",
            "hold runs: hold (no key)",
            "crash before the commit of hold",
            "start again: feed Request and Otp once more",
            "settle hold: it has happened",
            f"crash {'right after' if kept else 'before'} the commit of hold",
            *([] if kept else ["start again: settle hold: it has happened"]),
            "run",
            "pay runs",
        )
        assert (len(done), played.failure) == (1, None)


def test_a_builder_that_raises_after_its_effect_repeats_it() -> None:
    def act(done: Done) -> Held:
        done.append(("hold", "key"))
        if len(done) == 1:
            raise ConnectionError("lost")
        return Held("held")

    found = failed(lambda: explored(once(act, at_most_once=True)))
    assert found.problem == "hold repeats hold, though it is to happen at most once"
    assert found.story == (
        "feed Request and Otp",
        "hold runs: hold (key key), raises ConnectionError: lost",
        "run",
        "hold runs again: hold (key key), a second time",
    )
    assert found.advice == "let hold raise only where hold has not happened: what raises is called again"


def test_a_builder_that_returns_what_cannot_be_settled_fails_the_story() -> None:
    def wrong(done: Done) -> Held:
        done.append(("hold", None))
        return Otp("1")  # type: ignore[return-value]  # the mistake

    def odd(done: Done) -> Held:
        done.append(("hold", None))
        return Held(1)  # type: ignore[arg-type]  # the mistake

    assert failed(lambda: explored(once(wrong, at_most_once=True))).problem == "hold fails with WrongProduct"
    assert failed(lambda: explored(once(odd, at_most_once=True))).problem == "hold fails with CodecError"
    for act in (wrong, odd):
        failure = a_story(once(act, at_most_once=True), [], feeds=((0,), (1,))).failure
        assert failure is not None
        assert failure.builder == "hold"


# --- what makes no sense ---------------------------------------------------------------------------------------------


def test_a_sample_that_is_no_input_is_refused() -> None:
    with pytest.raises(UnexpectedData, match="Held is not an input"):
        explored(lambda done: holding(given_key, done), Request(1), Held("x"))


def test_arguments_that_make_no_sense_are_refused() -> None:
    flow = payment(quiet_hold)
    with pytest.raises(DefinitionError, match=r"varies= takes data of workflow Paid, and <class '.*Mailed'> is none"):
        explore(flow, Request(1), varies=[Mailed])
    with pytest.raises(DefinitionError, match="stories= takes a number from 1, not 0"):
        explore(flow, Request(1), stories=0)
    with pytest.raises(DefinitionError, match="for outside= and effects=, give a function"):
        explore(flow, Request(1), outside=list, effects=list)  # type: ignore[call-overload] # the mistake
    with pytest.raises(DefinitionError, match="takes a workflow; or a function that makes one"):
        explore(lambda _: flow, Request(1), outside=list)  # type: ignore[call-overload] # the mistake


def test_a_limit_on_an_effect_that_never_happens_is_refused_unless_it_is_none() -> None:
    assert explored(lambda done: holding(given_key, done), hold=1, mail=0, stories=5).stories == 5
    with pytest.raises(DefinitionError, match="at_most= names 'hodl', which never happened; what did: hold"):
        explored(lambda done: holding(given_key, done), hodl=1, stories=5)
    with pytest.raises(DefinitionError, match="what did: none"):
        explored(lambda done: payment(quiet_hold), hold=1, stories=5)


@pytest.mark.parametrize("effect", ["hold", ("hold", "key", 1), ("hold", [])], ids=str)
def test_an_effect_that_is_no_name_and_key_is_refused(effect: Effect) -> None:
    def start(done: Done) -> Workflow[Paid, Union[Request, Otp]]:
        @builder
        def hold(request: Request) -> Held:
            done.append(effect)
            return Held("held")

        return payment(hold)

    with pytest.raises(DefinitionError, match="effects= tells pairs of a name and a hashable key, not"):
        explored(start)


def test_a_workflow_that_is_another_one_each_time_is_refused() -> None:
    @builder
    def mail(held: Held) -> Mailed:
        return Mailed("sent")

    flows = itertools.cycle([payment(quiet_hold), payment(quiet_hold, mail)])
    with pytest.raises(DefinitionError, match="another one each time that it is started"):
        explored(lambda _: next(flows))


# --- the error -------------------------------------------------------------------------------------------------------


def test_a_failed_story_survives_pickling() -> None:
    found = StoryFailed("hold repeats", ["feed Request", "hold runs"], "use the key")
    again = pickle.loads(pickle.dumps(found))  # noqa: S301  what was pickled just now
    assert (again.problem, again.story, again.advice) == ("hold repeats", ("feed Request", "hold runs"), "use the key")
    assert str(again) == str(found) == "hold repeats\n  1. feed Request\n  2. hold runs\n  help: use the key"
