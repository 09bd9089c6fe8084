"""Plays a story: the real executor over a process that dies where the story says, all in one thread."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
from concurrent.futures import Executor as Pool
from concurrent.futures import Future
from functools import partial
from typing import Callable, ContextManager, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple, cast

import attrs

from polaris_dsl._builder import Context
from polaris_dsl._executor import Executor
from polaris_dsl._plan import CONTEXT, Call, Plan
from polaris_dsl._state import FED, State
from polaris_dsl._workflow import Workflow
from polaris_dsl.codec import Codec, JsonCodec
from polaris_dsl.errors import BuilderError, CodecError, DefinitionError, Interrupted
from polaris_dsl.retry import RETRY
from polaris_dsl.stores import Built, Failed, Intended, Line, MemoryStore, Released, Rested, Store
from polaris_dsl.testing._explore_passing import Passing
from polaris_dsl.testing._explore_story import EARLY, FEED, LATE, Crash, Story
from polaris_dsl.testing._explore_told import Called, Died, Effect, Event, Fed, Settled

RUN = "explored"
MANY = 1_000_000
"""Workers: enough for others to be offered at every turn."""
TRIES = 3
"""How often a run that ends with a failed builder is tried again."""


def _nobody() -> None:
    """Stand in for others where none are due."""


class Crashed(BaseException):
    """The process dies here; no builder and no executor may take it for an error."""


@attrs.frozen
class World:
    """What one story plays in: starts a process in it, and tells what has happened outside of all of them."""

    start: Callable[[], Workflow[object, object]]
    effects: Callable[[], Sequence[Effect]]


@attrs.frozen
class Played:
    """What came of a story: all that happened, and what the run held at the end, as JSON by slot.

    `commits` says who made what was committed, `turns` how often a builder had its turn while others were due,
    `failure` why the last call failed.
    """

    events: Tuple[Event, ...]
    ended: Mapping[int, object]
    commits: Tuple[str, ...]
    turns: int
    failure: Optional[BuilderError]


class Player:
    """Plays stories, each in a world of its own, under one run id. Not safe to share between threads.

    One executor serves all of them and survives their crashes: it keeps nothing of a run from one call to the next.
    """

    def __init__(
        self,
        workflow: Workflow[object, object],
        new_world: Callable[[], World],
        samples: Sequence[object],
        /,
        *,
        loose: FrozenSet[int],
    ) -> None:
        """Play this workflow with the functions of those that worlds start; `loose` slots may hold anything."""
        self._plan = workflow._plan  # noqa: SLF001  the plan of a workflow is this library's own
        self._new_world = new_world
        self._samples = samples
        self._names = names_of(samples)
        self._loose = loose
        self._codec = JsonCodec()
        stage = self._stage = _Stage()
        calls = [  # async builders are run to their end by the stage
            attrs.evolve(
                call, function=partial(stage.perform, call.name), options=attrs.evolve(call.options, is_async=False)
            )
            for call in self._plan.calls
        ]
        self._executor = Executor(
            attrs.evolve(workflow, plan=attrs.evolve(self._plan, calls=tuple(calls))),
            store=cast("Store", stage),  # as far as one run needs a store, or a pool
            pool=cast("Pool", stage),
            max_workers=MANY,
        )

    def play(self, story: Story, /) -> Played:
        """Make the calls of a story, again where they die; some more at the end while builders fail, or lack data."""
        passing = Passing.of(self._plan, self._samples)
        scene = self._stage.scene = Scene(
            story, self._new_world(), passing, plan=self._plan, codec=self._codec, loose=self._loose
        )
        failure = None
        for feed in story.feeds:
            failure = self._call(scene, feed)
        for _ in range(TRIES + len(passing.slots)):
            lacking = passing.lacking()
            if lacking or (failure is not None and not failure.interrupted):
                failure = self._call(scene, lacking)
        return Played(
            events=tuple(scene.events),
            ended={slot: scene.state.body[slot] for slot, version in enumerate(scene.state.version) if version},
            commits=tuple(scene.commits),
            turns=scene.turns,
            failure=failure,
        )

    def _call(self, scene: Scene, feed: Sequence[int]) -> Optional[BuilderError]:
        """Make a call, again where it dies; what it finds interrupted is settled, and then the run goes on.

        What is transient and has gone with a process is fed again once.
        """
        while True:
            failure = self._through(scene, partial(self._run, scene, feed))
            interrupted = [] if failure is None else [one for one in failure.failures if isinstance(one, Interrupted)]
            for one in interrupted:
                refused = self._through(scene, partial(self._settle, scene, one.builder))
                if refused is not None:
                    return refused
            feed = scene.passing.lacking() if scene.died else ()
            scene.died = False
            if not (interrupted or feed):
                return failure

    def _through(self, scene: Scene, act: Callable[[bool], object]) -> Optional[BuilderError]:
        """Do something that may die, again and again."""
        again = False
        while True:
            try:
                act(again)
            except Crashed:
                scene.restart()
                again = True
            except BuilderError as error:
                return error
            else:
                return None

    def _run(self, scene: Scene, feed: Sequence[int], again: bool) -> None:  # noqa: FBT001  as all acts take it
        passing = scene.passing
        now = passing.begins(feed, again=again)
        scene.events.append(Fed(tuple(self._names[number] for number in now), again))
        try:
            passing.missing = self._executor.run(RUN, *(self._samples[number] for number in now)).missing
        except BuilderError as error:
            passing.missing = error.run.missing
            raise

    def _settle(self, scene: Scene, builder: str, again: bool) -> None:  # noqa: FBT001  as above
        """Settle a call as one does who looks at what has happened outside; who died of it looks whether it is done."""
        if self._plan.numbers[builder] not in scene.state.intended:
            return
        result = scene.returned.get(builder, RETRY)
        scene.events.append(Settled(builder, result is not RETRY, again))
        try:
            self._executor.settle(RUN, builder, result)
        except CodecError as error:
            raise BuilderError(builder=builder, run_id=RUN, place="") from error


class Scene:
    """One story while it is played: a process, what it has committed, and what it has done outside."""

    def __init__(
        self, story: Story, world: World, passing: Passing, /, *, plan: Plan, codec: Codec, loose: FrozenSet[int]
    ) -> None:
        self.passing = passing
        self.died = False
        self.journals = MemoryStore().open(plan.workflow)
        self.state = State(plan, thaw=lambda _, body: body)
        self.events: List[Event] = []
        self.commits: List[str] = []
        self.others: Callable[[], object] = _nobody
        self.turns = 0
        self.returned: Dict[str, object] = {}
        """By builder: what it returned, if it had an effect, since it was last intended to be called."""
        self._story = story
        self._world = world
        self._plan = plan
        self._codec = codec
        self._loose = loose
        self._calls = self._started()
        self._dead = False
        self._uncommitted: List[str] = []
        self._made: Set[Tuple[str, Tuple[int, ...]]] = set()
        self._keys: Dict[str, str] = {}
        self._origins: Dict[int, str] = {}

    # --- the process

    def _started(self) -> Mapping[str, Call]:
        plan = self._world.start()._plan  # noqa: SLF001  as above
        if plan.graph != self._plan.graph:
            raise DefinitionError("explore(): the workflow is another one each time that it is started")
        return {call.name: call for call in plan.calls}

    def restart(self) -> None:
        """Begin a new process, which knows only what was committed."""
        self._calls = self._started()
        self._dead = False
        self.died = True
        self._uncommitted.clear()

    def _die(self, crash: Crash) -> None:
        self._dead = True
        lost = [name for name in self._uncommitted if name != crash.by]
        self.events.append(Died(crash.by, crash.kept, tuple(lost)))
        raise Crashed

    # --- what it commits

    def append(self, run: str, expected_n: int, lines: Sequence[Line]) -> Tuple[Line, ...]:
        """Commit lines, unless the process is dead or dies of it."""
        if self._dead:
            raise Crashed
        crash = self._crash_at(_maker_of(lines))
        if crash is not None and not crash.kept:
            self._die(crash)
        news = self.journals.append(run, expected_n, lines)
        for line in lines:
            self._take_in(line)
        if crash is not None:
            self._die(crash)
        return news

    def _crash_at(self, by: Optional[str]) -> Optional[Crash]:
        if by is None:
            return None
        self.commits.append(by)
        now = (by, self.commits.count(by))
        return next((crash for crash in self._story.crashes if (crash.by, crash.nth) == now), None)

    def _take_in(self, line: Line) -> None:
        self.state.apply(line)
        if isinstance(line, (Built, Failed)) and line.by in self._uncommitted:
            self._uncommitted.remove(line.by)
        if isinstance(line, Intended):
            self.returned.pop(line.by, None)
        self.passing.takes_in(line)
        if isinstance(line, Built):
            self._origins.update((self._plan.named[put.name], self._keys[line.by]) for put in line.put)

    # --- what it calls

    def perform(self, builder: str, positional: Sequence[object], keyword: Mapping[str, object]) -> object:
        """Let others go first where the story says so, and call a builder."""
        others, turn = self._turn()
        if turn & EARLY:
            others()
        if self._dead:
            raise Crashed
        try:
            return self._noted(builder, positional, keyword)
        finally:
            if turn & LATE:
                others()

    def _noted(self, builder: str, positional: Sequence[object], keyword: Mapping[str, object]) -> object:
        """Call a builder, and note what it does."""
        number = self._plan.numbers[builder]
        real = self.state.versions(number)
        versions, needless = self.passing.versions(number, real), self.state.finished[number] == real
        repeated = (builder, versions) in self._made
        self._made.add((builder, versions))
        self._uncommitted.append(builder)
        self._keys[builder] = self._key(number)
        given = self._texts(builder, positional, keyword)
        before = len(self._world.effects())
        raised = None
        try:
            product = self._product(builder, positional, keyword)
        except Exception as error:
            raised = f"{type(error).__name__}: {error}"
            raise
        else:
            if len(self._world.effects()) > before:
                self.returned[builder] = product
            return product
        finally:
            now = self._texts(builder, positional, keyword)
            changed = tuple(name for name in given if given[name] != now[name])
            effects = tuple(self._world.effects()[before:])
            self.events.append(Called(builder, versions, repeated, needless, changed, raised, effects))

    def _product(self, builder: str, positional: Sequence[object], keyword: Mapping[str, object]) -> object:
        keyed = [self._keyed(builder, value) for value in positional]
        named = {name: self._keyed(builder, value) for name, value in keyword.items()}
        value = self._calls[builder].function(*keyed, **named)
        return asyncio.run(value) if inspect.iscoroutine(value) else value

    def _keyed(self, builder: str, value: object) -> object:
        return attrs.evolve(value, idempotency_key=self._keys[builder]) if isinstance(value, Context) else value

    def _key(self, number: int) -> str:
        """Return an idempotency key that is the same in every story.

        The real one is made of versions, and so of the order in which inputs came. This one is made of what the builder
        is given; of a data that may hold anything, of how it was made. Of neither if it is transient, as the real one.
        """
        call, state = self._plan.calls[number], self.state
        facts: List[object] = [call.name]
        for slot in call.waits_for:
            if state.version[slot] and slot not in self._plan.transient:
                body = state.body[slot]
                varies = slot in self._loose and state.maker[slot] != FED
                facts.append([slot, self._origins.get(slot, body) if varies else body])
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()

    def _texts(self, builder: str, positional: Sequence[object], keyword: Mapping[str, object]) -> Dict[str, str]:
        """Return what the builder is given, as JSON by name; defaults are not data."""
        texts, rest = {}, iter(positional)
        for argument in self._calls[builder].arguments:
            value = next(rest) if argument.keyword is None else keyword[argument.keyword]
            if argument.slot != CONTEXT and type(value) is self._plan.data[argument.slot]:
                texts[type(value).__name__] = self._text(value)
        return texts

    def _text(self, value: object) -> str:
        try:
            return self._codec.encode(value)
        except CodecError as error:  # it was changed into something that cannot be kept
            return str(error)

    def _turn(self) -> Tuple[Callable[[], object], int]:
        """Return what makes others go that are due as well, and when they go first."""
        others, self.others = self.others, _nobody
        if others is _nobody:
            return others, 0
        self.turns += 1
        return others, self._story.overlaps >> 2 * (self.turns - 1)


class _Stage:
    """What the executor takes for its store and its pool: it leads to the scene that is played."""

    encoded = True
    scene: Scene

    def open(self, _workflow: str, /) -> _Stage:
        return self

    def load(self, run: str, /, *, after: int = 0) -> Tuple[Line, ...]:
        return self.scene.journals.load(run, after=after)

    def append(self, run: str, expected_n: int, lines: Sequence[Line], /) -> Tuple[Line, ...]:
        return self.scene.append(run, expected_n, lines)

    def hold(self, run: str, /, *, wait_s: Optional[float] = None) -> ContextManager[None]:
        return self.scene.journals.hold(run, wait_s=wait_s)

    def submit(self, act: Callable[..., object], /, *args: object) -> Future[object]:
        """Lend a thread that has not begun yet: the story says when, and in which builder's place."""
        self.scene.others = partial(act, *args)  # one of them does all that is due
        nobody: Future[object] = Future()
        nobody.cancel()  # so that the next is offered too
        return nobody

    def perform(self, builder: str, /, *positional: object, **keyword: object) -> object:
        return self.scene.perform(builder, positional, keyword)


def _maker_of(lines: Sequence[Line]) -> Optional[str]:
    """Return who made what is committed; None where it is only the status at the end of a call, or what was settled."""
    first = lines[0]
    if isinstance(first, (Built, Failed)):
        return first.by
    if isinstance(first, Intended):
        return f"the intent of {first.by}"
    return None if isinstance(first, (Released, Rested)) else FEED


def names_of(samples: Sequence[object], /) -> Tuple[str, ...]:
    """Return what samples are called: by their class, and where there are several of it, by which one it is."""
    names = [type(sample).__name__ for sample in samples]
    return tuple(
        name if names.count(name) == 1 else f"{name} ({names[: at + 1].count(name)} of {names.count(name)})"
        for at, name in enumerate(names)
    )
