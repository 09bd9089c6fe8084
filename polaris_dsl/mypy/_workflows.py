"""Checks a call of `workflow()`: its arguments translated into a graph, the analyzer's findings put on them."""

from __future__ import annotations

from typing import Optional, Tuple

from mypy.nodes import ARG_STAR2, CallExpr, Context
from mypy.plugin import CheckerPluginInterface, FunctionSigContext
from mypy.types import CallableType, FunctionLike, Instance, get_proper_type

from polaris_dsl import _flaws
from polaris_dsl._analyze import analyze
from polaris_dsl._graph import Graph
from polaris_dsl.mypy._arguments import Arguments
from polaris_dsl.mypy._items import Entry, Items
from polaris_dsl.mypy._limits import UNKNOWN
from polaris_dsl.mypy._report import report, report_unchecked
from polaris_dsl.mypy._signatures import Data


def checked(ctx: FunctionSigContext, /) -> FunctionLike:
    """Check a call of `workflow()`, and answer with a signature that fits exactly this call, for it was judged here.

    mypy asks once for each overload; the check belongs to the one that takes what is given.
    """
    call, signature, api = ctx.context, ctx.default_signature, ctx.api
    if not isinstance(call, CallExpr) or not _fits(call, signature):
        return signature
    if ARG_STAR2 in call.arg_kinds:
        report_unchecked("what is given by ** shows only when the program runs", at=call, origin=call, api=api)
        return signature
    data = Data()
    arguments = Arguments(call, data=data, api=api)
    with api.msg.filter_errors():  # mypy checks the arguments again, and tells what it finds then
        target = arguments.classes("target")
        inputs = arguments.classes("inputs")
        name = arguments.name(target=target)
        entries = _entries(arguments, data=data, api=api)
        transient = arguments.classes("transient")
    _tell_of_vague_makers(arguments, entries, transient)
    graph = Graph(
        name=name,
        target=target,
        inputs=inputs,
        builders=tuple(entry.spec for entry in entries),
        data=data.specs,
        flaws=tuple(arguments.flaws),
        transient=transient,
        timeout_s=_budget(arguments, entries),
    )
    _report(graph, arguments, entries, call=call, api=api)
    if not entries or any(entry.spec.flaw and not entry.plain for entry in entries):  # told here, or is what it may be
        anything = api.named_generic_type("builtins.object", [])
        arguments.answers["builders"] = (anything, anything)
    return _answer(signature, arguments)


def _fits(call: CallExpr, signature: CallableType) -> bool:
    """Say whether an overload is meant; what is given by ** is taken for the one that has all arguments."""
    if ARG_STAR2 in call.arg_kinds:
        return "inputs" in signature.arg_names
    needed = {name for name, kind in zip(signature.arg_names, signature.arg_kinds) if kind.is_required()}
    return needed <= set(call.arg_names) <= set(signature.arg_names)


def _entries(arguments: Arguments, *, data: Data, api: CheckerPluginInterface) -> Tuple[Entry, ...]:
    expression = arguments.given["builders"]
    items = Items(api, data)
    kind = items.no_list(expression)
    if not kind:
        return tuple(items.of(expression))
    arguments.flaws.append(("builders", kind, _flaws.no_list(kind)))
    return ()


def _budget(arguments: Arguments, entries: Tuple[Entry, ...]) -> Optional[float]:
    """Return how many seconds the workflow may take, if that can be held against what its builders may take."""
    budget = arguments.limit()
    vague = [entry for entry in entries if entry.limit == UNKNOWN and budget is not None]
    for entry in vague:
        arguments.unknown.append((entry.at, f"{entry.spec.name}: its timeout_s shows only when the program runs"))
    return None if vague else budget


def _tell_of_vague_makers(arguments: Arguments, entries: Tuple[Entry, ...], transient: Tuple[str, ...]) -> None:
    """Tell of the makers of transient data of which it cannot be known whether they are called at most once."""
    for entry in entries:
        if entry.once is None and set(transient).intersection(entry.spec.produces):
            why = f"{entry.spec.name}: its at_most_once shows only when the program runs"
            arguments.unknown.append((entry.at, why))


def _report(
    graph: Graph, arguments: Arguments, entries: Tuple[Entry, ...], *, call: CallExpr, api: CheckerPluginInterface
) -> None:
    """Report what is found on the items and arguments, but for what a decorator has told already."""
    for found in analyze(graph):
        entry = entries[found.item] if isinstance(found.item, int) else None
        told = entry is not None and entry.told and found.code == "bad-builder"
        at: Context = arguments.given.get(str(found.item), call) if entry is None else entry.at
        if found.message and not told:
            report(found, at=at, origin=call, api=api)
    for at, why in [*arguments.unknown, *((entry.at, entry.unknown) for entry in entries if entry.unknown)]:
        report_unchecked(why, at=at, origin=call, api=api)


def _answer(signature: CallableType, arguments: Arguments) -> CallableType:
    answers = arguments.answers
    returned = get_proper_type(signature.ret_type)
    if not isinstance(returned, Instance) or not {"target", "inputs"} & set(arguments.given) <= set(answers):
        return signature
    formal = zip(signature.arg_names, signature.arg_types)
    made = zip(("target", "inputs"), returned.args)
    return signature.copy_modified(
        arg_types=[answers[str(name)][0] if name in answers else type_ for name, type_ in formal],
        ret_type=returned.copy_modified(args=[answers[name][1] if name in answers else type_ for name, type_ in made]),
        variables=[],
    )
