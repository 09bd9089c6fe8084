"""Reads `target=`, `inputs=` and `name=`: classes and texts, what is wrong with them, and what mypy is to think."""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence, Tuple

from mypy.nodes import CallExpr, Expression, ListExpr, SetExpr, StrExpr, TupleExpr
from mypy.plugin import CheckerPluginInterface
from mypy.types import (
    AnyType,
    Instance,
    LiteralType,
    NoneType,
    ProperType,
    TupleType,
    Type,
    TypeOfAny,
    TypeType,
    UninhabitedType,
    get_proper_type,
)

from polaris_dsl import _flaws
from polaris_dsl._graph import Argument, Flaw
from polaris_dsl.mypy._annotations import alternatives, info_of, refusal, told, written
from polaris_dsl.mypy._report import later
from polaris_dsl.mypy._signatures import UNREAD, Data

_COLLECTIONS = ("builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset")


class Arguments:
    """What was given to one call of `workflow()`, and what reading it has brought up."""

    def __init__(self, call: CallExpr, /, *, data: Data, api: CheckerPluginInterface) -> None:
        self.given: Mapping[str, Expression] = {str(name): value for name, value in zip(call.arg_names, call.args)}
        self.flaws: List[Tuple[Argument, str, Flaw]] = []
        self.unknown: List[Tuple[Expression, str]] = []
        self.answers: Dict[str, Tuple[Type, Type]] = {}
        """For each argument that was read: its own type, and what it makes of the type of the workflow."""
        # Not the type that the signature has: mypy 2.0 forgets in its cache that it is a TypeForm.
        self._form = TypeType.make_normalized(api.named_generic_type("builtins.object", []), is_type_form=True)
        self._data = data
        self._api = api

    def classes(self, argument: Argument, /) -> Tuple[str, ...]:
        """Return the keys of the classes of `target=` or `inputs=`."""
        if argument not in self.given:
            return ()
        expression = self.given[argument]
        type_ = get_proper_type(self._api.get_expression_type(expression, self._form))
        form = get_proper_type(type_.item) if isinstance(type_, TypeType) else AnyType(TypeOfAny.from_error)
        collection = _collection(type_)
        self.answers[argument] = (type_, form)
        if isinstance(expression, StrExpr):
            return self._refused(argument, expression.value, _flaws.TEXT)
        if collection:
            return self._collected(argument, collection)
        if argument == "inputs" and isinstance(form, NoneType):  # as if it had been left out
            self.answers[argument] = (type_, UninhabitedType())
            return ()
        if isinstance(type_, TypeType) and type_.is_type_form and not _unknown_any(form):
            return self._union(argument, [written(expression, type_.item)])
        if not isinstance(type_, (TypeType, AnyType)):
            del self.answers[argument]  # mypy tells that this is no class at all
        self.flaws.append((argument, "", UNREAD))
        shown = form if isinstance(type_, TypeType) and type_.is_type_form else type_
        self.unknown.append((expression, later("which class this is", shown, api=self._api)))
        return ()

    def _union(self, argument: Argument, forms: Sequence[Type]) -> Tuple[str, ...]:
        keys: List[str] = []
        for part in (part for form in forms for part in alternatives(form)):
            refused = refusal(part)
            if refused is None:
                keys.append(self._data.key(part))
            elif isinstance(refused, Flaw):
                self._refused(argument, told(part), refused)
            else:
                self.flaws.append((argument, told(part), UNREAD))
                self.unknown.append((self.given[argument], f"{told(part)} {refused.why}"))
        return tuple(dict.fromkeys(keys))

    def _refused(self, argument: Argument, name: str, refused: Flaw) -> Tuple[str, ...]:
        self.flaws.append((argument, name, _flaws.no_data(argument, told=name, refused=refused)))
        return ()

    def _collected(self, argument: Argument, kind: str) -> Tuple[str, ...]:
        """Read what was written as a list where a union is meant."""
        expression = self.given[argument]
        items = expression.items if isinstance(expression, (ListExpr, SetExpr, TupleExpr)) else []
        types = [get_proper_type(self._api.get_expression_type(item, self._form)) for item in items]
        forms = [written(item, type_.item) for item, type_ in zip(items, types) if isinstance(type_, TypeType)]
        keys = self._union(argument, forms)
        flaw = _flaws.collected(argument, kind=kind, told=[told(form) for form in forms])
        self.flaws.append((argument, kind, flaw))
        return keys

    def name(self, *, target: Sequence[str]) -> str:
        """Return the name of the workflow, as far as it can be known."""
        expression = self.given.get("name")
        type_: ProperType = NoneType()
        if expression is not None:
            type_ = get_proper_type(self._api.get_expression_type(expression))
        literal = type_.last_known_value if isinstance(type_, Instance) else type_
        info = info_of(type_)
        if expression is None or isinstance(type_, NoneType):
            return self._checked("-".join(self._data.specs[key].name for key in target)) if target else ""
        if isinstance(literal, LiteralType) and isinstance(literal.value, str):
            return self._checked(literal.value)
        if info is None or info.fullname in ("builtins.str", "builtins.object"):
            self.unknown.append((expression, later("which name this is", type_, api=self._api)))
        else:
            self.answers["name"] = (type_, type_)
            self.flaws.append(("name", info.name, _flaws.no_name(info.name)))
        return ""

    def _checked(self, name: str) -> str:
        if _flaws.is_name(name):
            return name
        self.flaws.append(("name", name, _flaws.bad_name(name)))
        return ""


def _unknown_any(form: ProperType) -> bool:
    """Say whether this is the form of a variable of type Any, and not Any itself."""
    return isinstance(form, AnyType) and form.type_of_any != TypeOfAny.explicit


def _collection(type_: ProperType) -> str:
    """Return what kind of collection this is, or nothing."""
    if isinstance(type_, TupleType) and info_of(type_) is None:
        return "tuple"
    return type_.type.name if isinstance(type_, Instance) and type_.type.fullname in _COLLECTIONS else ""
