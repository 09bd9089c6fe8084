"""Looks at what `@builder` decorates: notes its facts, and reports a signature that cannot be read."""

from __future__ import annotations

from typing import Dict, Optional, Tuple, Union

import attrs
from mypy.nodes import Context, Decorator, Expression, FuncDef, LambdaExpr, MemberExpr
from mypy.plugin import CheckerPluginInterface, FunctionContext, MethodContext
from mypy.subtypes import is_same_type
from mypy.typeops import function_type
from mypy.types import (
    AnyType,
    CallableType,
    ExtraAttrs,
    FunctionLike,
    Instance,
    LiteralType,
    ProperType,
    Type,
    TypeOfAny,
    get_proper_type,
)

from polaris_dsl import _flaws
from polaris_dsl._graph import Flaw, Graph, Place
from polaris_dsl._survey import flaw_of
from polaris_dsl.diagnostics import Diagnostic
from polaris_dsl.mypy import _limits
from polaris_dsl.mypy._annotations import info_of
from polaris_dsl.mypy._facts import Facts, Kind, attach, facts_of
from polaris_dsl.mypy._report import report
from polaris_dsl.mypy._signatures import UNREAD, Data, hidden, read, without_first

_DECORATOR = "polaris_dsl._builder.Decorator"
_NAME, _LIMIT, _ONCE = "polaris name", "polaris limit", "polaris once"


def built(ctx: FunctionContext, /) -> Type:
    """Answer `@builder` and `builder(function, name=...)`; let `builder(name=...)` carry what it was given."""
    made = get_proper_type(ctx.default_return_type)
    given, limit, once = _literal_name(ctx), _limit(ctx), _once(ctx)
    if isinstance(made, Instance) and made.type.fullname == _DECORATOR:
        made = made.copy_modified()
        carried: Dict[str, Type] = {} if given is None else {_NAME: given}
        carried[_LIMIT] = LiteralType(limit, ctx.api.named_generic_type("builtins.str", []))
        if once is not None:
            carried[_ONCE] = LiteralType(once, ctx.api.named_generic_type("builtins.bool", []))
        made.extra_attrs = ExtraAttrs(carried)
        return made
    return _known(ctx, made, given=None if given is None else str(given.value), limit=limit, once=once)


def named(ctx: MethodContext, /) -> Type:
    """Answer `@builder(name=...)`, applied."""
    attributes = ctx.type.extra_attrs if isinstance(ctx.type, Instance) else None
    carried = {} if attributes is None else attributes.attrs
    given, limit, once = (carried.get(key) for key in (_NAME, _LIMIT, _ONCE))
    made = get_proper_type(ctx.default_return_type)
    return _known(
        ctx,
        made,
        given=str(given.value) if isinstance(given, LiteralType) else None,
        limit=str(limit.value) if isinstance(limit, LiteralType) else _limits.UNKNOWN,
        once=bool(once.value) if isinstance(once, LiteralType) else None,
    )


def _literal_name(ctx: FunctionContext) -> Optional[LiteralType]:
    given = _given(ctx, "name")
    return None if given is None else _literal(given[1])


def _limit(ctx: FunctionContext) -> str:
    given = _given(ctx, "timeout_s")
    return _limits.NONE if given is None else _limits.limit_of(given[0])


def _once(ctx: FunctionContext) -> Optional[bool]:
    """Return what was given as `at_most_once`; None if only the run time knows."""
    given = _given(ctx, "at_most_once")
    if given is None:
        return False
    literal = _literal(given[1])
    return None if literal is None else bool(literal.value)


def _given(ctx: FunctionContext, argument: str) -> Optional[Tuple[Expression, ProperType]]:
    """Return what was given as an argument, and its type."""
    for formal, actual, types in zip(ctx.callee_arg_names, ctx.args, ctx.arg_types):
        if formal == argument and actual:
            return actual[0], get_proper_type(types[0])
    return None


def _literal(type_: ProperType) -> Optional[LiteralType]:
    literal = type_.last_known_value if isinstance(type_, Instance) else type_
    return literal if isinstance(literal, LiteralType) else None


@attrs.frozen
class _Wrapped:
    """What is decorated."""

    name: str
    signature: CallableType
    kind: Kind = "function"
    defined: Place = attrs.field(factory=lambda: Place(""))
    owner: str = ""
    """The class of a method."""
    refused: Optional[Flaw] = None

    @property
    def call(self) -> CallableType:
        """The signature that a workflow will see: that of a method is without its instance."""
        return without_first(self.signature) if self.owner and self.kind != "static" else self.signature


def _known(
    ctx: Union[FunctionContext, MethodContext],
    made: ProperType,
    *,
    given: Optional[str],
    limit: str,
    once: Optional[bool],
) -> Type:
    """Return the type of a new builder with its facts."""
    assert isinstance(made, Instance)  # noqa: S101  a Builder
    again = facts_of(ctx.arg_types[0][0])
    if again is not None:
        again = again if given is None else attrs.evolve(again, name=given, given=True)
        both = (once, again.once)  # what is called at most once stays so
        once = True if True in both else None if None in both else False
        return attach(made, attrs.evolve(again, limit=limit or again.limit, once=once), api=ctx.api)
    wrapped = _wrapped(ctx)
    if wrapped is None:
        return made
    owner = "" if wrapped.kind == "static" else wrapped.owner
    shown = given or ".".join(filter(None, [owner, wrapped.name]))
    facts = Facts(
        name=given or wrapped.name,
        given=given is not None,
        kind=wrapped.kind,
        defined=wrapped.defined,
        told=_tell(shown, wrapped, at=_place_of_decorator(ctx), api=ctx.api),
        limit=limit,
        once=once,
        signature=wrapped.signature,
    )
    return attach(made, facts, api=ctx.api)


def _place_of_decorator(ctx: Union[FunctionContext, MethodContext]) -> Context:
    return ctx.args[0][0] if isinstance(ctx.context, Decorator) else ctx.context


def _tell(shown: str, wrapped: _Wrapped, *, at: Context, api: CheckerPluginInterface) -> bool:
    """Report what makes this no builder in any workflow."""
    data = Data()
    if wrapped.refused is None:
        spec = read(shown, wrapped.call, defined=wrapped.defined, data=data).spec
        # What it consumes may be an input, which makes a loop of its own product: that is for the workflow to judge.
        alone = Graph("", target=(), inputs=spec.consumes, builders=(), data=data.specs)
        flaw = spec.flaw or flaw_of(alone, spec)
    else:
        flaw = _flaws.named(shown, wrapped.refused)
    if flaw is None or flaw == UNREAD:
        return False
    report(Diagnostic("bad-builder", shown, flaw.message, help=flaw.help), at=at, api=api)
    return True


# --- what is decorated -----------------------------------------------------------------------------------------------


def _wrapped(ctx: Union[FunctionContext, MethodContext]) -> Optional[_Wrapped]:
    written = get_proper_type(ctx.arg_types[0][0])
    expression = ctx.args[0][0]
    if isinstance(ctx.context, Decorator):
        return _definition(ctx.context, written, api=ctx.api)
    if isinstance(expression, LambdaExpr):
        return _Wrapped("<lambda>", _unannotated(expression, api=ctx.api))
    if isinstance(written, FunctionLike):
        return _function(written, expression, api=ctx.api)
    return _instance(written, api=ctx.api) if isinstance(written, Instance) else None


def _definition(decorator: Decorator, written: ProperType, *, api: CheckerPluginInterface) -> _Wrapped:
    """Look at `@builder` above a `def`; if another decorator changes the signature, only the run time can read it."""
    function = decorator.func
    # As it is written: through another decorator aliases get lost, and what has no annotation.
    own = function_type(function, api.named_generic_type("builtins.function", []))
    signature = hidden(api)
    if isinstance(own, CallableType) and is_same_type(own, written):
        signature = _as_written(own, function)
    kind: Kind = "static" if function.is_static else "class" if function.is_class else "function"
    owner = function.info.name if function.info else ""
    return _Wrapped(function.name, signature, kind, Place(api.path, decorator.line), owner)


def _function(written: FunctionLike, expression: Expression, *, api: CheckerPluginInterface) -> Optional[_Wrapped]:
    """Look at `builder(function)`."""
    if written.is_type_obj():
        name = written.type_object().name
        return _Wrapped(name, hidden(api), refused=_flaws.decorated_class(name))
    first = written.items[0]
    if first.name is None:  # a value of some Callable type: which function it is shows only at run time
        return None
    name = first.name.partition(" of ")[0]
    if first.is_bound and isinstance(expression, MemberExpr):
        holder = info_of(get_proper_type(api.get_expression_type(expression.expr)))
        name = name if holder is None else f"{holder.name}.{name}"
    return _Wrapped(name, _as_written(first, first.definition) if isinstance(written, CallableType) else hidden(api))


def _instance(written: Instance, *, api: CheckerPluginInterface) -> Optional[_Wrapped]:
    """Look at `builder(instance)`, whose class has a `__call__`."""
    name = written.type.name
    if written.type.fullname == "functools.partial":
        return _Wrapped(name, hidden(api), refused=_flaws.PARTIAL)
    if written.type.is_protocol:  # which instance it is shows only at run time
        return None
    call = written.type.get_method("__call__")
    type_ = None if call is None else get_proper_type(call.type)
    return _Wrapped(name, without_first(_as_written(type_, call)) if isinstance(type_, CallableType) else hidden(api))


# --- signatures ------------------------------------------------------------------------------------------------------


def _as_written(signature: CallableType, definition: Optional[object]) -> CallableType:
    """Return the signature of a function as its `def` has it: `async` is unwrapped, `self` has no annotation."""
    function = definition.func if isinstance(definition, Decorator) else definition
    types, returned = signature.arg_types, get_proper_type(signature.ret_type)
    awaited = not isinstance(function, FuncDef) or function.is_coroutine  # of a function in a tuple, a cache keeps less
    if isinstance(function, FuncDef) and function.info and not function.is_static and not signature.is_bound and types:
        given = getattr(function, "arguments", None)  # absent where the function comes from a cache
        if given[0].type_annotation is None if given else signature.arg_names[0] == "self":
            types = [AnyType(TypeOfAny.unannotated), *types[1:]]
    if awaited and isinstance(returned, Instance) and returned.type.fullname == "typing.Coroutine":
        return signature.copy_modified(arg_types=types, ret_type=returned.args[2])
    return signature.copy_modified(arg_types=types)


def _unannotated(function: LambdaExpr, *, api: CheckerPluginInterface) -> CallableType:
    any_ = AnyType(TypeOfAny.unannotated)
    fallback = api.named_generic_type("builtins.function", [])
    return CallableType([any_ for _ in function.arg_names], function.arg_kinds, function.arg_names, any_, fallback)
