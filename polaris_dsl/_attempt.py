"""Calls one builder and judges what comes back."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import traceback
from typing import Dict, List, Mapping, Optional, Sequence, Tuple, Union

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

NOTHING: Product = (None, None)


def prepare(state: State, call: int, /) -> Attempt:
    """Gather what a due call is made with from what is present, all of which was read."""
    spec = state.plan.calls[call]
    return call, spec.versions_of(state.version), spec.values_of(state.value)


def perform(plan: Plan, attempt: Attempt, /, *, run_id: str) -> Outcome:
    """Call the builder; return its product, or the error to report if it raised or returned something undeclared."""
    number, _, values = attempt
    call = plan.calls[number]
    try:
        if call.plain:
            value = call.function(*values)
        else:
            positional, keyword = _arguments(plan, attempt, run_id=run_id)
            value = call.function(*positional, **keyword)
    except Exception as error:  # noqa: BLE001  whatever a builder raises is recorded, and raised again as the cause
        return failure(call, error, run_id=run_id)
    slot = plan.slots.get(type(value))
    return (slot, value) if slot in call.produces else odd(plan, number, value, run_id=run_id)


def odd(plan: Plan, number: int, value: object, /, *, run_id: str) -> Outcome:
    """Judge what is not simply a declared product: a coroutine that makes one, nothing, or something undeclared."""
    call = plan.calls[number]
    if inspect.iscoroutine(value):
        import asyncio  # noqa: PLC0415  it takes as long to load as all else here, and few need it

        try:
            value = asyncio.run(value)
        except Exception as error:  # noqa: BLE001  as above
            return failure(call, error, run_id=run_id)
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


def _arguments(plan: Plan, attempt: Attempt, *, run_id: str) -> Tuple[Sequence[object], Mapping[str, object]]:
    number, versions, values = attempt
    call = plan.calls[number]
    positional: List[object] = []
    keyword: Dict[str, object] = {}
    for argument, value in zip(call.arguments, values):
        if argument.slot == CONTEXT:
            given: object = _context(plan, call, run_id=run_id, lineage=lineage(call, versions))
        else:
            given = argument.default if value is None else value
        if argument.keyword is None:
            positional.append(given)
        else:
            keyword[argument.keyword] = given
    return positional, keyword


def _context(plan: Plan, call: Call, *, run_id: str, lineage: Mapping[str, int]) -> Context:
    return Context(
        run_id=run_id,
        builder=call.name,
        idempotency_key=idempotency_key(plan.workflow, run_id, call.name, lineage),
        logger=logging.LoggerAdapter(_LOGGER, {"run_id": run_id, "builder": call.name}),
    )


def lineage(call: Call, versions: Versions, /) -> Dict[str, int]:
    """Return the versions that are there, by the name of the data."""
    return {name: version for name, version in zip(call.waits_for_names, versions) if version}


def idempotency_key(workflow: str, run_id: str, builder: str, lineage: Mapping[str, int]) -> str:
    """Return 32 hex digits that name one call: the same for the same inputs, in every process."""
    facts = json.dumps([workflow, run_id, builder, sorted(lineage.items())]).encode()
    return hashlib.blake2b(facts, digest_size=16).hexdigest()


def raise_first(failures: Mapping[int, BuilderError], run: RunSoFar, /) -> None:
    """Raise the failure that is first in plan order, with the run so far and all failures; nothing if there is none."""
    if not failures:
        return
    ordered = [failures[call] for call in sorted(failures)]
    for error in ordered:
        error.with_run(run, ordered)
    raise ordered[0]
