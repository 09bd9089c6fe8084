"""Calls one builder and judges what comes back."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import traceback
from concurrent.futures import CancelledError
from contextvars import copy_context
from datetime import datetime
from typing import Any, Callable, Coroutine, Dict, List, Mapping, Optional, Sequence, Tuple, Union, cast

from polaris_dsl._builder import Context
from polaris_dsl._graph import Place
from polaris_dsl._plan import CONTEXT, Call, Plan
from polaris_dsl._state import State, Versions
from polaris_dsl.errors import BuilderError, RunSoFar, WrongProduct

_LOGGER = logging.getLogger("polaris_dsl.builder")

Attempt = Tuple[int, Versions, Tuple[object, ...]]
"""A call that is about to be made: its number, and the versions and values that it is made with."""

Product = Tuple[Optional[int], object]
"""What a call returned: the slot and its value, or neither."""

Outcome = Union[Product, BuilderError]

Finish = Callable[[Coroutine[Any, Any, object]], object]
"""Runs a coroutine to its end; what says that it was cancelled raises the `CancelledError` of `concurrent.futures`."""

NOTHING: Product = (None, None)


class Escaped(Exception):  # it carries what would end an event loop out of it
    """What runs in an event loop raised `KeyboardInterrupt` or `SystemExit`."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def prepare(state: State, call: int, /) -> Attempt:
    """Gather what a due call is made with from what is present, all of which was read."""
    spec = state.plan.calls[call]
    return call, spec.versions_of(state.version), spec.values_of(state.value)


def perform(
    plan: Plan, attempt: Attempt, /, *, run_id: str, finish: Finish, deadline: Optional[datetime] = None
) -> Outcome:
    """Call the builder; return its product, or the error to report if it raised or returned something undeclared."""
    number, _, values = attempt
    call = plan.calls[number]
    try:
        if call.plain:
            value = call.function(*values)
        else:
            positional, keyword = _arguments(plan, attempt, run_id=run_id, deadline=deadline)
            value = call.function(*positional, **keyword)
    except Exception as error:  # noqa: BLE001  whatever a builder raises is recorded, and raised again as the cause
        return failure(call, error, run_id=run_id)
    slot = plan.slots.get(type(value))
    return (slot, value) if slot in call.produces else odd(plan, number, value, run_id=run_id, finish=finish)


async def aperform(plan: Plan, attempt: Attempt, /, *, run_id: str, deadline: Optional[datetime] = None) -> Outcome:
    """Do the same with an async builder, in the running loop."""
    number = attempt[0]
    positional, keyword = _arguments(plan, attempt, run_id=run_id, deadline=deadline)
    coroutine = cast("Coroutine[Any, Any, object]", plan.calls[number].function(*positional, **keyword))
    return await _awaited(plan, number, coroutine, run_id=run_id)


async def _awaited(plan: Plan, number: int, coroutine: Coroutine[Any, Any, object], *, run_id: str) -> Outcome:
    try:
        value = await coroutine
    except Exception as error:  # noqa: BLE001  as above
        return failure(plan.calls[number], error, run_id=run_id)
    except (KeyboardInterrupt, SystemExit) as error:
        raise Escaped(error) from None
    return judged(plan, number, value, run_id=run_id)


def odd(plan: Plan, number: int, value: object, /, *, run_id: str, finish: Finish) -> Outcome:
    """Judge what is not simply a declared product: a coroutine that makes one, nothing, or something undeclared."""
    if not inspect.iscoroutine(value):
        return judged(plan, number, value, run_id=run_id)
    try:
        return finished(plan.calls[number], _awaited(plan, number, value, run_id=run_id), run_id=run_id, finish=finish)
    finally:
        never_mind(value)


def finished(call: Call, coroutine: Coroutine[Any, Any, Outcome], /, *, run_id: str, finish: Finish) -> Outcome:
    """Return the outcome that a coroutine comes to; in a thread that may wait for it."""
    try:
        return cast("Outcome", finish(coroutine))
    except Escaped as escaped:
        raise escaped.error from None
    except Exception as error:  # noqa: BLE001  there is no such loop, or it says that it was cancelled
        return failure(call, error, run_id=run_id)
    finally:
        never_mind(coroutine)


def never_mind(coroutine: Coroutine[Any, Any, object], /) -> None:
    """Close a coroutine that was never begun, which Python would warn of."""
    if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
        coroutine.close()


def finish_here(coroutine: Coroutine[Any, Any, object], /) -> object:
    """Return what a coroutine returns, in a loop of its own."""
    import asyncio  # noqa: PLC0415  it takes as long to load as all else here, and few need it

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        try:
            return asyncio.run(coroutine)
        except asyncio.CancelledError:
            raise CancelledError from None
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  no thread runs two loops at once

    with ThreadPoolExecutor(1) as another:
        return another.submit(copy_context().run, finish_here, coroutine).result()


def judged(plan: Plan, number: int, value: object, /, *, run_id: str) -> Outcome:
    """Return the product that a builder returned, or the error that says that it is none of those declared."""
    call = plan.calls[number]
    if value is None and call.maybe:
        return NOTHING
    slot = plan.slots.get(type(value))
    if slot in call.produces:
        return slot, value
    return WrongProduct(
        builder=call.name,
        run_id=run_id,
        place=str(call.place),
        declared=[*plan.names(call.produces), *(["None"] if call.maybe else [])],
        returned="None" if value is None else type(value).__name__,
    )


def failure(call: Call, error: Exception, /, *, run_id: str) -> BuilderError:
    """Wrap what a builder raised, with the innermost place outside of this library."""
    ours = __name__.rpartition(".")[0]
    places = [
        Place(frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").rpartition(".")[0] != ours
    ]
    wrapped = BuilderError(builder=call.name, run_id=run_id, place=str(places[-1] if places else call.place))
    wrapped.__cause__ = error
    return wrapped


def _arguments(
    plan: Plan, attempt: Attempt, *, run_id: str, deadline: Optional[datetime]
) -> Tuple[Sequence[object], Mapping[str, object]]:
    number, versions, values = attempt
    call = plan.calls[number]
    positional: List[object] = []
    keyword: Dict[str, object] = {}
    for argument, value in zip(call.arguments, values):
        if argument.slot == CONTEXT:
            given: object = _context(plan, call, versions, run_id=run_id, deadline=deadline)
        else:
            given = argument.default if value is None else value
        if argument.keyword is None:
            positional.append(given)
        else:
            keyword[argument.keyword] = given
    return positional, keyword


def _context(plan: Plan, call: Call, versions: Versions, *, run_id: str, deadline: Optional[datetime]) -> Context:
    return Context(
        run_id=run_id,
        builder=call.name,
        idempotency_key=key_of(plan, call, versions, run_id=run_id),
        deadline=deadline,
        logger=logging.LoggerAdapter(_LOGGER, {"run_id": run_id, "builder": call.name}),
    )


def lineage(call: Call, versions: Versions, /) -> Dict[str, int]:
    """Return the versions that are there, by the name of the data."""
    return {name: version for name, version in zip(call.waits_for_names, versions) if version}


def key_of(plan: Plan, call: Call, versions: Versions, /, *, run_id: str) -> str:
    """Return the idempotency key of a call.

    Transient data do not count: that one which is fed again after a crash is the same cannot be known, and an effect
    that happens twice is worse than one that is recognized although it was to happen again.
    """
    known = lineage(call, versions)
    for slot in plan.transient:
        known.pop(plan.names_of[slot], None)
    return idempotency_key(plan.workflow, run_id, call.name, known)


def idempotency_key(workflow: str, run_id: str, builder: str, lineage: Mapping[str, int]) -> str:
    """Return 32 hex digits that name one call: the same for the same inputs, in every process."""
    facts = json.dumps([workflow, run_id, builder, sorted(lineage.items())]).encode()
    return hashlib.blake2b(facts, digest_size=16).hexdigest()


def raise_first(plan: Plan, failures: Mapping[int, BuilderError], run: RunSoFar, /, *, lasts: bool = True) -> None:
    """Raise the failure that is first in plan order, with the run so far and all failures; nothing if there is none.

    `lasts`: whether the run goes on with another call.
    """
    if not failures:
        return
    ordered = [failures[call] for call in sorted(failures)]
    missing = {plan.slots[data] for data in run.missing}
    for call, error in failures.items():
        gone = [
            slot for slot in plan.inputs if slot in plan.transient and slot in {*missing, *plan.calls[call].consumes}
        ]
        error.again = plan.names(gone) if lasts else None
        error.with_run(run, ordered)
    raise ordered[0]
