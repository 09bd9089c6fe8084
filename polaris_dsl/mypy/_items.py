"""Reads `builders=`: one entry for each builder, through spreads, sums and tuples of other modules."""

from __future__ import annotations

from typing import Iterator, Optional, Set, Tuple

import attrs
from mypy.nodes import (
    AssignmentExpr,
    CallExpr,
    ConditionalExpr,
    Expression,
    ListExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    RefExpr,
    StarExpr,
    TupleExpr,
)
from mypy.plugin import CheckerPluginInterface
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    NoneType,
    Parameters,
    ProperType,
    TupleType,
    TypeOfAny,
    get_proper_type,
)

from polaris_dsl import _flaws
from polaris_dsl._graph import BuilderSpec, Flaw, Place
from polaris_dsl.mypy._annotations import info_of
from polaris_dsl.mypy._descriptors import method_of
from polaris_dsl.mypy._facts import BUILDER, Facts, facts_of
from polaris_dsl.mypy._limits import NONE, UNKNOWN, seconds
from polaris_dsl.mypy._report import later, shown
from polaris_dsl.mypy._signatures import UNREAD, Data, Reading, hidden, read

_LISTS = ("builtins.list", "builtins.tuple")


@attrs.frozen
class Entry:
    """One item of `builders=` at run time, and the expression that it comes from."""

    at: Expression
    spec: BuilderSpec
    told: bool = False
    """Whether its decorator has told what is wrong with it."""
    unknown: str = ""
    """What of it cannot be known before the program runs."""
    plain: bool = False
    """Whether mypy is to say that it is no builder: of a value of some Callable type nothing else is known."""
    limit: str = NONE
    """Its `timeout_s`, as `_limits` tells it."""
    once: Optional[bool] = False
    """Its `at_most_once`; None if only the run time knows."""


class Items:
    """Reads the items of one workflow."""

    def __init__(self, api: CheckerPluginInterface, data: Data) -> None:
        self._api = api
        self._data = data
        self._count = 0
        self._called: Set[str] = set()

    def of(self, expression: Expression, /) -> Iterator[Entry]:
        """Yield an entry for each item of a list or tuple expression."""
        if isinstance(expression, AssignmentExpr):
            yield from self.of(expression.value)
        elif isinstance(expression, (ListExpr, TupleExpr)):
            for item in expression.items:
                yield from self.of(item.expr) if isinstance(item, StarExpr) else [self._item(item)]
        elif isinstance(expression, OpExpr) and expression.op == "+":
            yield from self.of(expression.left)
            yield from self.of(expression.right)
        else:
            yield from self._spread(expression, get_proper_type(self._api.get_expression_type(expression)))

    def _spread(self, expression: Expression, type_: ProperType) -> Iterator[Entry]:
        if isinstance(type_, TupleType) and info_of(type_) is None and type_.length() == len(type_.items):
            for item in type_.items:
                self._count += 1
                yield self._typed(expression, get_proper_type(item), label="", certain=True)
        else:
            yield self._unread(
                expression, f"the type {shown(type_, api=self._api)} does not say which builders it holds"
            )

    def no_list(self, expression: Expression, /) -> str:
        """Return the class of what is certainly no list of builders; nothing if it is one, or may be."""
        if isinstance(expression, (ListExpr, TupleExpr)):
            return ""
        type_ = get_proper_type(self._api.get_expression_type(expression))
        info = type_.type if isinstance(type_, Instance) else None
        if info is None or any(info.has_base(name) for name in _LISTS):
            return ""
        list_ = self._api.named_generic_type("builtins.list", [AnyType(TypeOfAny.special_form)])
        return "" if list_.type.has_base(info.fullname) or info.is_protocol else info.name

    def _item(self, expression: Expression) -> Entry:
        self._count += 1
        inner = expression.value if isinstance(expression, AssignmentExpr) else expression
        method = method_of(inner, api=self._api) if isinstance(inner, MemberExpr) else None
        if method is not None:
            return self._known(expression, method)
        type_ = get_proper_type(self._api.get_expression_type(inner))
        if isinstance(inner, (ConditionalExpr, OpExpr)):
            return self._unread(expression, later("which builder this is", type_, api=self._api))
        return self._typed(expression, type_, label=self._label(inner), certain=_certain(inner))

    def _typed(self, at: Expression, type_: ProperType, *, label: str, certain: bool) -> Entry:
        if isinstance(type_, Instance) and type_.type.fullname == BUILDER:
            return self._builder(at, type_, label=label or f"builder {self._count}", certain=certain)
        refused = _refused(type_)
        if refused is None:
            entry = self._unread(at, later("which builder this is", type_, api=self._api))
            return attrs.evolve(entry, plain=isinstance(type_, FunctionLike))
        name, flaw = refused
        spec = BuilderSpec(name, flaw=_flaws.named(name, flaw), reads_known=False, product_known=False)
        return Entry(at, spec)

    def _builder(self, at: Expression, type_: Instance, *, label: str, certain: bool) -> Entry:
        facts = facts_of(type_) if certain else None
        if facts is not None:
            return self._known(at, facts)
        reading = read(label, self._signature(type_), defined=Place(""), data=self._data, written=False)
        return _entry(at, reading, told=False, limit=UNKNOWN, once=None)

    def _known(self, at: Expression, facts: Facts) -> Entry:
        reading = read(facts.name, facts.signature, defined=facts.defined, data=self._data)
        return _entry(at, reading, told=facts.told, limit=facts.limit, once=facts.once)

    def _signature(self, type_: Instance) -> CallableType:
        """Return the signature of a builder that came without facts: `Builder[[A], B]`, as a factory returns it."""
        parameters, returned = (get_proper_type(argument) for argument in type_.args)
        if not isinstance(parameters, Parameters):
            return hidden(self._api)
        if isinstance(returned, Instance) and returned.type.fullname == "typing.Coroutine":
            returned = get_proper_type(returned.args[2])
        return CallableType(
            parameters.arg_types,
            parameters.arg_kinds,
            parameters.arg_names,
            returned,
            self._api.named_generic_type("builtins.function", []),
            is_ellipsis_args=parameters.is_ellipsis_args,
        )

    def _label(self, expression: Expression) -> str:
        """Return what a builder without a known name is called; two calls of one factory make two builders."""
        text = _text(expression)
        if isinstance(expression, CallExpr) and text in self._called:
            return ""
        self._called.add(text)
        return text

    def _unread(self, at: Expression, why: str) -> Entry:
        spec = BuilderSpec(f"?{self._count}", flaw=UNREAD, reads_known=False, product_known=False)
        return Entry(at, spec, unknown=why)


def _entry(at: Expression, reading: Reading, *, told: bool, limit: str, once: Optional[bool]) -> Entry:
    unknown = "; ".join(reading.unknown)
    spec = attrs.evolve(reading.spec, timeout_s=seconds(limit), at_most_once=bool(once))
    return Entry(at, spec, told, f"{spec.name}: {unknown}" if unknown and not told else "", limit=limit, once=once)


def _certain(expression: Expression) -> bool:
    """Say whether the facts on a type are of this very builder, and not of one of several that mypy has joined."""
    if isinstance(expression, CallExpr):
        callee = expression.callee.callee if isinstance(expression.callee, CallExpr) else expression.callee
        return isinstance(callee, RefExpr) and callee.fullname == "polaris_dsl._builder.builder"
    return isinstance(expression, RefExpr)


def _text(expression: Expression) -> str:
    """Return an expression as a name for messages, or nothing."""
    if isinstance(expression, NameExpr):
        return expression.name
    if isinstance(expression, MemberExpr):
        inner = _text(expression.expr)
        return f"{inner}.{expression.name}" if inner else expression.name
    return f"{_text(expression.callee)}(...)" if isinstance(expression, CallExpr) else ""


def _refused(type_: ProperType) -> Optional[Tuple[str, Flaw]]:
    """Return what this is and why it is no builder; None if it may be one."""
    if isinstance(type_, FunctionLike):
        if type_.is_type_obj():
            return type_.type_object().name, _flaws.CLASS
        first = type_.items[0]
        # Without a name it is a value of some Callable type, which a builder has as well.
        name = None if first.name is None else first.name.partition(" of ")[0]
        return None if name is None else (name, _flaws.undecorated(name))
    if isinstance(type_, NoneType):
        return "NoneType", _flaws.value("NoneType")
    info = info_of(type_)
    if info is None or info.is_protocol or info.fullname == "builtins.object":
        return None
    if info.fullname == "functools.partial":
        return info.name, _flaws.PARTIAL
    callable_ = info.get_method("__call__") is not None
    return info.name, _flaws.undecorated(info.name) if callable_ else _flaws.value(info.name)
