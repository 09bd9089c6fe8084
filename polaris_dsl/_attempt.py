"""Calls one builder and judges what comes back."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import traceback
from functools import partial
from typing import Callable, Dict, List, Mapping, Optional, Tuple, Union

import attrs

from polaris_dsl._builder import Context
from polaris_dsl._graph import Place
from polaris_dsl._plan import CONTEXT, Call, Plan
from polaris_dsl._state import State, Versions
from polaris_dsl.errors import BuilderError, RunSoFar, WrongProduct

_LOGGER = logging.getLogger("polaris_dsl.builder")


@attrs.frozen
class Attempt:
    """A call that is about to be made: with these arguments, of these versions."""

    call: int
    versions: Versions
    lineage: Mapping[str, int]
    """The versions that are there, by the name of the data."""
    positional: Tuple[object, ...]
    keyword: Mapping[str, object]


@attrs.frozen
class Product:
    """What a call returned: the slot and its value, or neither."""

    slot: Optional[int] = None
    value: object = None


def prepare(state: State, call: int, /, *, run_id: str) -> Attempt:
    """Gather the arguments of a due call from what is present."""
    positional: List[object] = []
    keyword: Dict[str, object] = {}
    spec, versions = state.plan.calls[call], state.versions(call)
    lineage = {name: version for name, version in zip(spec.waits_for_names, versions) if version}
    for argument in spec.arguments:
        value: object
        if argument.slot == CONTEXT:
            value = _context(state.plan, call, run_id=run_id, lineage=lineage)
        else:
            value = state.value(argument.slot)
            value = argument.default if value is None else value
        if argument.keyword is None:
            positional.append(value)
        else:
            keyword[argument.keyword] = value
    return Attempt(call, versions, lineage, tuple(positional), keyword)


def perform(plan: Plan, attempt: Attempt, /, *, run_id: str) -> Union[Product, BuilderError]:
    """Call the builder; return its product, or the error to report if it raised or returned something undeclared."""
    function = plan.calls[attempt.call].function
    make = partial(function, *attempt.positional, **attempt.keyword)
    return settled(plan, attempt.call, make, run_id=run_id)


def settled(plan: Plan, number: int, make: Callable[[], object], /, *, run_id: str) -> Union[Product, BuilderError]:
    """Judge what a call makes: its product, or the error to report."""
    call = plan.calls[number]
    try:
        value = make()
        if inspect.iscoroutine(value):
            import asyncio  # noqa: PLC0415  a third of what the whole library takes to load

            value = asyncio.run(value)
    except Exception as error:  # noqa: BLE001  whatever a builder raises is recorded, and raised again as the cause
        return failure(call, error, run_id=run_id)
    if value is None and call.maybe:
        return Product()
    slot = plan.slots.get(type(value))
    if slot in call.produces:
        return Product(slot, value)
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


def _context(plan: Plan, call: int, *, run_id: str, lineage: Mapping[str, int]) -> Context:
    name = plan.calls[call].name
    return Context(
        run_id=run_id,
        builder=name,
        idempotency_key=idempotency_key(plan.workflow, run_id, name, lineage),
        logger=logging.LoggerAdapter(_LOGGER, {"run_id": run_id, "builder": name}),
    )


def idempotency_key(workflow: str, run_id: str, builder: str, lineage: Mapping[str, int]) -> str:
    """Return 32 hex digits that name one call: the same for the same inputs, in every process."""
    facts = json.dumps([workflow, run_id, builder, sorted(lineage.items())]).encode()
    return hashlib.blake2b(facts, digest_size=16).hexdigest()


def raise_first(failures: Mapping[int, BuilderError], run: RunSoFar, /) -> None:
    """Raise the failure that is first in plan order, with the run so far and all failures; nothing if there is none."""
    ordered = [failures[call] for call in sorted(failures)]
    for error in ordered:
        error.with_run(run, ordered)
    if ordered:
        raise ordered[0]
