"""Follows the facts of a builder through `instance.method` and `Class.method`."""

from __future__ import annotations

from typing import Optional

import attrs
from mypy.nodes import Decorator, MemberExpr
from mypy.plugin import CheckerPluginInterface, MethodSigContext
from mypy.subtypes import is_subtype
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    NoneType,
    Parameters,
    ProperType,
    TypeOfAny,
    TypeType,
    TypeVarLikeType,
    UninhabitedType,
    get_proper_type,
)

from polaris_dsl.mypy._annotations import info_of
from polaris_dsl.mypy._facts import Facts, attach, facts_of
from polaris_dsl.mypy._signatures import without_first


def bound(ctx: MethodSigContext, /) -> FunctionLike:
    """Answer `Builder.__get__` with the builder that Python would make, in place of three overloads and an inference.

    mypy asks for each overload. The first of them is tried first, so it is given the answer.
    """
    if not isinstance(get_proper_type(ctx.default_signature.arg_types[0]), NoneType):
        return _unless_self_is_missing(ctx)
    builder, facts = ctx.type, facts_of(ctx.type)
    if facts is None or not isinstance(builder, Instance):
        return ctx.default_signature
    instance = get_proper_type(ctx.api.get_expression_type(ctx.args[0][0]))
    if facts.kind in ("static", "bound"):
        return _answer(ctx, attach(builder, attrs.evolve(facts, kind="bound"), api=ctx.api))
    if facts.kind == "function" and isinstance(instance, NoneType):
        return _answer(ctx, attach(builder, attrs.evolve(facts, told=False), api=ctx.api))
    holder = instance
    if facts.kind == "class":
        owner = get_proper_type(ctx.api.get_expression_type(ctx.args[1][0]))
        holder = get_proper_type(owner.item) if isinstance(owner, TypeType) else owner
    short = _without_first(builder, holder=holder if facts.kind == "function" else None)
    if short is None:
        return ctx.default_signature
    return _answer(ctx, attach(short, _held(facts, holder), api=ctx.api))


def _unless_self_is_missing(ctx: MethodSigContext) -> FunctionLike:
    """Take the overload for static methods from what is none: there it would hide that `self` was forgotten."""
    signature, facts = ctx.default_signature, facts_of(ctx.type)
    info = info_of(get_proper_type(signature.arg_types[0]))
    if facts is None or facts.kind != "function" or info is None or info.fullname != "builtins.object":
        return signature
    return signature.copy_modified(arg_types=[UninhabitedType(), *signature.arg_types[1:]])


def method_of(expression: MemberExpr, /, *, api: CheckerPluginInterface) -> Optional[Facts]:
    """Return the facts of `instance.method` at a fraction of what it costs to let mypy find the type.

    None: this is something else, of which mypy is to find the type.
    """
    holder = get_proper_type(api.get_expression_type(expression.expr))
    s = holder.type.get(expression.name) if isinstance(holder, Instance) else None
    method = None if s is None else s.node
    facts = facts_of(method.var.type) if isinstance(method, Decorator) and method.var.type is not None else None
    return _held(facts, holder) if facts is not None and facts.kind == "function" else None


def _held(facts: Facts, holder: ProperType) -> Facts:
    info = info_of(holder)
    name = facts.name if facts.given or info is None else f"{info.name}.{facts.name}"
    return attrs.evolve(facts, name=name, kind="bound", signature=without_first(facts.signature))


def _without_first(builder: Instance, *, holder: Optional[ProperType]) -> Optional[Instance]:
    """Return a builder whose first parameter is filled in; None where only mypy's own inference can tell."""
    parameters = get_proper_type(builder.args[0])
    if (
        not isinstance(parameters, Parameters)
        or not parameters.arg_types
        or not parameters.arg_kinds[0].is_positional()
    ):
        return None
    first = get_proper_type(parameters.arg_types[0])
    if holder is not None and not isinstance(first, TypeVarLikeType) and not is_subtype(holder, first):
        return None
    rest = parameters.copy_modified(
        arg_types=parameters.arg_types[1:],
        arg_kinds=parameters.arg_kinds[1:],
        arg_names=parameters.arg_names[1:],
    )
    return builder.copy_modified(args=[rest, builder.args[1]])


def _answer(ctx: MethodSigContext, builder: Instance) -> CallableType:
    signature, anything = ctx.default_signature, AnyType(TypeOfAny.special_form)
    return signature.copy_modified(arg_types=[anything for _ in signature.arg_types], ret_type=builder, variables=[])
