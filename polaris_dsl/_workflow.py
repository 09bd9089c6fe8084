"""The facade: `workflow()` infers, analyzes and plans; `Workflow` runs in memory and can be varied for tests."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from contextvars import ContextVar
from typing import Any, Callable, Generic, Mapping, Optional, Sequence, Tuple, TypeVar, Union, cast, overload

import attrs
from typing_extensions import Never, TypeAlias, TypeForm, final

from polaris_dsl._analyze import Verdict, examine
from polaris_dsl._builder import Builder
from polaris_dsl._front import Definition, Limits, define
from polaris_dsl._graph import Graph, Place
from polaris_dsl._infer import Signature
from polaris_dsl._one_shot import OneShot
from polaris_dsl._options import MOST_ROUNDS, check_count, options_of, seconds
from polaris_dsl._plan import Plan, compile_plan, refused_plan
from polaris_dsl._run import Run
from polaris_dsl._worlds import LIMIT
from polaris_dsl.diagnostics import Diagnostic
from polaris_dsl.errors import DefinitionError, WorkflowError

TargetT = TypeVar("TargetT")
InputT = TypeVar("InputT")

_LOGGER = logging.getLogger("polaris_dsl")

AnyBuilder: TypeAlias = "Builder[..., object]"
"""An item of `builders=`."""


@final
@attrs.frozen(eq=False, repr=False)
class Workflow(Generic[TargetT, InputT]):
    """Builders put together, and proved to lead to the target. Made by `workflow`; immutable, safe to share.

    Attributes:
        name: what stores and messages call it.
        target: the class, or the union of classes, that is wanted.
        inputs: the classes that may be fed, in the order of `inputs=`.
        builders: the builders, in the order of the list.
        transient: the data that live within one call and are never written to a store.
        timeout_s: how many seconds one call may take, or None.
    """

    name: str
    target: TypeForm[TargetT]
    inputs: Tuple[type, ...]
    builders: Tuple[AnyBuilder, ...]
    transient: Tuple[type, ...]
    timeout_s: Optional[float]
    _plan: Plan
    _definition: Definition
    _one_shot: OneShot = attrs.field(
        init=False, default=attrs.Factory(lambda self: OneShot(self._plan), takes_self=True)
    )

    def run(self, *data: InputT, max_rounds: int = MOST_ROUNDS) -> Run[TargetT]:
        """Run once, in memory and in this thread, on the data given; nothing is saved.

        Returns a run that is complete, or paused and says what is missing. It goes round loops `max_rounds` times, at
        most.

        Raises:
            UnexpectedData: something is not an input.
            BuilderError: builders raised; the error holds the run so far.
            NotSettled: a loop was still changing after `max_rounds`; the error holds the run so far.
            DefinitionError: `max_rounds` is not a number from 1.

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
            >>> workflow(target=Greeting, inputs=Name, builders=[greet]).run(Name("Ada")).result()
            Greeting(text='Good morning, Ada')
        """
        if max_rounds != MOST_ROUNDS:
            check_count(max_rounds, argument="max_rounds")
        return cast("Run[TargetT]", self._one_shot.run(data, max_rounds=max_rounds))

    def replace(self, changes: Mapping[AnyBuilder, AnyBuilder], /) -> Workflow[TargetT, InputT]:
        """Return a workflow in which some builders are exchanged, checked anew; for tests. It keeps its name.

        Raises:
            DefinitionError: a builder to exchange is not listed.
            WorkflowError: the new whole cannot work.
        """
        absent = [f"{getattr(old, 'name', old)}" for old in changes if old not in self.builders]
        if absent:
            listed = ", ".join(builder.name for builder in self.builders)
            raise DefinitionError(f"replace(): {', '.join(absent)} is not listed by workflow {self.name}: {listed}")
        frame = sys._getframe(1)  # noqa: SLF001  the only way to the caller's line
        return _checked(
            target=self.target,
            inputs=Union[self.inputs] if self.inputs else None,
            builders=[changes.get(builder, builder) for builder in self.builders],
            name=self.name,
            limits=Limits(Union[self.transient] if self.transient else None, self.timeout_s),
            place=Place(frame.f_code.co_filename, frame.f_lineno),
            local=frame.f_locals,
            known=dict(zip(self.builders, self._definition.signatures)),
        )

    @property
    def _verdict(self) -> Tuple[Place, Tuple[Diagnostic, ...]]:
        """Where it is made, and its problems: it can only have some where it was made to be checked."""
        refused = self._plan.refused
        return self._definition.graph.places["target"], () if refused is None else refused.diagnostics

    def __repr__(self) -> str:
        inputs = " | ".join(data.__name__ for data in self.inputs) or "no inputs"
        names = " | ".join(self._plan.names(self._plan.target))
        return f"<workflow {self.name}: {inputs} -> {names}, {len(self.builders)} builders>"


WATCH: ContextVar[Optional[Callable[[Workflow[Any, Any]], None]]] = ContextVar("polaris_dsl.watch", default=None)
"""Set while `polaris check` imports modules: is given every workflow that is made, also the wrong ones, which then do
not end the import. Such a one may be passed on and given to an `Executor`; feeding or running it raises its error."""


@overload
def workflow(
    *,
    target: TypeForm[TargetT],
    builders: Sequence[AnyBuilder],
    name: Optional[str] = None,
    transient: TypeForm[object] = ...,
    timeout_s: Optional[float] = None,
) -> Workflow[TargetT, Never]: ...
@overload
def workflow(
    *,
    target: TypeForm[TargetT],
    inputs: TypeForm[InputT],
    builders: Sequence[AnyBuilder],
    name: Optional[str] = None,
    transient: TypeForm[object] = ...,
    timeout_s: Optional[float] = None,
) -> Workflow[TargetT, InputT]: ...
def workflow(
    *,
    target: object,
    builders: Sequence[AnyBuilder],
    inputs: object = None,
    name: Optional[str] = None,
    transient: object = None,
    timeout_s: Optional[float] = None,
) -> Workflow[Any, Any]:
    """Put builders together, in any order, and prove that they lead to the target.

    Args:
        target: the class that is wanted; a union (`Completed | Declined`) is reached when any of it is there.
        builders: what may run; all that they take is made by one of them or is an input.
        inputs: the class, or the union of classes, that may be fed from outside; leave it out if there are none.
        name: a directory of a store: at most 64 letters, digits, `_`, `.`, `-`. Default: the target's name, or names
            joined by `-`.
        transient: the class, or the union of classes, that lives within one call only and is never written to a store:
            inputs or products, but no target.
        timeout_s: how many seconds one call may take; default: any time.

    Raises:
        WorkflowError: it cannot work; the error holds every problem.
        DefinitionError: `timeout_s` is no time.
    """
    frame = sys._getframe(1)  # noqa: SLF001  the only way to the caller's line
    place = Place(frame.f_code.co_filename, frame.f_lineno)
    return _checked(
        target=target,
        inputs=inputs,
        builders=builders,
        name=name,
        limits=Limits(transient, seconds(timeout_s, given="workflow(timeout_s=...)")),
        place=place,
        local=frame.f_locals,
        known={},
    )


def _checked(
    *,
    target: object,
    inputs: object,
    builders: Sequence[AnyBuilder],
    name: Optional[str],
    limits: Limits,
    place: Place,
    local: Mapping[str, object],
    known: Mapping[AnyBuilder, Signature],
) -> Workflow[Any, Any]:
    definition = define(
        target=target,
        inputs=inputs,
        builders=builders,
        name=name,
        place=place,
        local=local,
        known=known,
        limits=limits,
    )
    graph = definition.graph
    verdict = examine(graph)
    found = verdict.found
    watch = WATCH.get()
    if found and watch is None:
        raise WorkflowError(graph.name, found)
    made: Workflow[Any, Any] = Workflow(
        name=graph.name,
        target=cast("TypeForm[object]", target),
        inputs=tuple(definition.types[key] for key in graph.inputs),
        builders=tuple(builders) if isinstance(builders, (list, tuple)) else (),
        transient=tuple(definition.types[key] for key in graph.transient),
        timeout_s=graph.timeout_s,
        plan=refused_plan(WorkflowError(graph.name, found)) if found else _sound_plan(definition, builders, verdict),
        definition=definition,
    )
    if watch is not None:
        watch(made)
    return made


def _sound_plan(definition: Definition, builders: Sequence[AnyBuilder], verdict: Verdict) -> Plan:
    graph = definition.graph
    plan = compile_plan(
        verdict.survey,
        verdict.worlds,
        definition.signatures,
        options=[
            options_of(one.function, timeout_s=one.timeout_s, retry=one.retry, at_most_once=one.at_most_once)
            for one in builders
        ],
        types=definition.types,
        digest=_digest(graph),
    )
    if not plan.worlds.exact:
        _LOGGER.warning(
            "workflow %s: its alternatives make %d worlds, more than %d: only single choices were judged",
            graph.name,
            plan.worlds.count,
            LIMIT,
        )
    return plan


def _digest(graph: Graph) -> str:
    """Return 16 hex digits that change when what builders take or make changes."""
    names = {key: spec.name for key, spec in graph.data.items()}

    def named(keys: Sequence[str]) -> Sequence[str]:
        return sorted([names[key] for key in keys]) if keys else ()

    facts = [(spec.name, named(spec.waits_for), named(spec.accesses), named(spec.produces)) for spec in graph.builders]
    text = json.dumps([[names[key] for key in graph.target], [names[key] for key in graph.inputs], sorted(facts)])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
