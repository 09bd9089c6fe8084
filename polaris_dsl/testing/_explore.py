"""`explore`: plays a workflow in many stories, and fails with the shortest one in which a promise is broken."""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import Callable, Mapping, Optional, Sequence, Tuple, TypeVar, Union, cast, overload

import attrs
from typing_extensions import final

from polaris_dsl._feed import accept
from polaris_dsl._plan import Plan
from polaris_dsl._workflow import Workflow
from polaris_dsl.errors import DefinitionError
from polaris_dsl.testing._explore_judge import Judge, loose_slots
from polaris_dsl.testing._explore_play import Player, World
from polaris_dsl.testing._explore_search import Search
from polaris_dsl.testing._explore_story import Story, queues_of
from polaris_dsl.testing._explore_told import Effect, listed

WorldT = TypeVar("WorldT")
TargetT = TypeVar("TargetT")
InputT = TypeVar("InputT")


@final
@attrs.frozen
class Explored:
    """What `explore` has seen, when it has seen nothing wrong.

    Attributes:
        stories: how many stories were played.
        crashes: how often a process died in them.
        exhaustive: whether every order and grouping of the inputs was played, each with a crash before and after each
            commit, one builder after the other and with others going first.
        compared: the names of the data with which each story had to end as the first one did.
        effects: the names of what was seen to happen outside.
    """

    stories: int
    crashes: int
    exhaustive: bool
    compared: Tuple[str, ...]
    effects: Tuple[str, ...]


@overload
def explore(
    flow: Workflow[TargetT, InputT],
    /,
    *inputs: InputT,
    varies: Sequence[type] = (),
    stories: int = 600,
    seed: int = 0,
) -> Explored: ...
@overload
def explore(
    flow: Callable[[WorldT], Workflow[TargetT, InputT]],
    /,
    *inputs: object,  # InputT; mypy would find `object` for it
    outside: Callable[[], WorldT],
    effects: Callable[[WorldT], Sequence[Effect]],
    at_most: Optional[Mapping[str, int]] = None,
    varies: Sequence[type] = (),
    stories: int = 600,
    seed: int = 0,
) -> Explored: ...
def explore(
    flow: Union[Workflow[TargetT, InputT], Callable[[WorldT], Workflow[TargetT, InputT]]],
    /,
    *inputs: object,
    outside: Optional[Callable[[], WorldT]] = None,
    effects: Optional[Callable[[WorldT], Sequence[Effect]]] = None,
    at_most: Optional[Mapping[str, int]] = None,
    varies: Sequence[type] = (),
    stories: int = 600,
    seed: int = 0,
) -> Explored:
    """Feed a workflow in every order and grouping, crash it at every commit, and hold it to its promises.

    Each story feeds all of `inputs` to a new run, and is played by the real executor in this thread. When it crashes, a
    new process begins (`flow` is called again), which knows only what was committed, and the call that died is made
    again. In every story

    - the data end the same, as far as builders without accesses made them from inputs that no builder makes (accesses
      or optionals that are transient);
    - a builder that is called again with the same inputs has no effect under a key that its first call did not use;
    - a builder is called again with the same inputs only if a crash, or an error of its own, came before its commit;
    - a builder with `at_most_once=True` has an effect in one call with the same inputs, at most; where a crash
      interrupts it, it is settled: with what it returned if it had an effect, else with `RETRY`;
    - no builder changes what it is given.

    Small stories are played first, all of them if `stories` allows, then larger ones drawn at random, the same ones for
    the same seed. Values pass through JSON as they do in a file. In place of real idempotency keys, which are
    made of the order in which inputs came, builders are given ones that are the same in every story.

    Args:
        flow: the workflow; or, where builders have effects, what makes it around the outside world it is given.
        inputs: samples to feed. Several of one class are fed in that order, never in one call: corrections.
        outside: makes a new outside world for each story, such as a fake bank; it outlives the story's crashes.
        effects: tells all that has happened in such a world so far, in order, repetitions too: the name of each effect
            and the key by which the outside would know it again, or None.
        at_most: how many keys an effect may have in a whole story, by its name; default: no limit.
        varies: data that may be another each time, such as a token or a time; they are not compared.
        stories: how many to play, at most; a workflow of seven builders takes about 3 ms for each.
        seed: of the stories that are drawn at random.

    Raises:
        StoryFailed: a promise was broken; tells the shortest story found in which it is.
        UnexpectedData: a sample is no input.
        DefinitionError: an argument makes no sense.
        CodecError: a data of the workflow cannot be turned into JSON.

    Example:
        >>> import attrs
        >>> from polaris_dsl import builder, workflow
        >>> @attrs.frozen
        ... class Name:
        ...     text: str
        >>> @attrs.frozen
        ... class Greeting:
        ...     text: str
        >>> @builder
        ... def greet(name: Name) -> Greeting:
        ...     return Greeting(f"Good morning, {name.text}")
        >>> explore(workflow(target=Greeting, inputs=Name, builders=[greet]), Name("Ada")).exhaustive
        True
    """
    __tracebackhide__ = True  # as in the search
    new_world = _worlds(flow, outside, effects)
    workflow = new_world().start()
    plan = workflow._plan  # noqa: SLF001  the plan of a workflow is this library's own
    most = dict(at_most or {})
    _check(plan, inputs, varies, stories)
    loose = loose_slots(plan, varies)
    player = Player(workflow, new_world, inputs, loose=loose)
    queues = queues_of(inputs)
    reference = player.play(Story((tuple(sorted(queue[-1] for queue in queues)),)))
    judge = Judge(plan, loose, most, reference)
    search = Search(player, judge, queues)
    for _ in islice(search.small_ones(), max(1, stories * 3 // 4)):
        pass
    search.drawn_ones(stories - search.stories, reference.commits, Random(seed))  # noqa: S311  no secret
    unseen = [name for name in most if most[name] and name not in search.effects]
    if unseen:
        seen = listed(list(search.effects)) or "none"
        raise DefinitionError(f"at_most= names {unseen[0]!r:.80}, which never happened; what did: {seen}")
    return Explored(search.stories, search.crashes, search.exhaustive, judge.compared, tuple(search.effects))


def _worlds(
    flow: Union[Workflow[TargetT, InputT], Callable[[WorldT], Workflow[TargetT, InputT]]],
    outside: Optional[Callable[[], WorldT]],
    effects: Optional[Callable[[WorldT], Sequence[Effect]]],
) -> Callable[[], World]:
    """Return what makes a world for each story."""
    if isinstance(flow, Workflow):
        if outside is not None or effects is not None:
            raise DefinitionError("explore(): for outside= and effects=, give a function that makes the workflow")
        the_flow = cast("Workflow[object, object]", flow)
        return lambda: World(lambda: the_flow, tuple)
    if outside is None or effects is None:
        raise DefinitionError("explore() takes a workflow; or a function that makes one, with outside= and effects=")
    start, make, tell_effects = flow, outside, effects

    def new_world() -> World:
        world = make()
        return World(lambda: cast("Workflow[object, object]", start(world)), lambda: tell_effects(world))

    return new_world


def _check(plan: Plan, samples: Sequence[object], varies: Sequence[type], stories: int) -> None:
    for sample in samples:
        accept(plan, [sample])
    strangers = [data for data in varies if data not in plan.slots]
    if strangers:
        raise DefinitionError(f"varies= takes data of workflow {plan.workflow}, and {strangers[0]!r:.80} is none")
    if stories < 1:
        raise DefinitionError(f"stories= takes a number from 1, not {stories!r:.80}")
