"""Says of mypy's types what `_data` says of annotations: what is data, and for anything else why not."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple, Union
from typing import Type as Type_

import attrs
from mypy.expandtype import expand_type
from mypy.nodes import Expression, IndexExpr, RefExpr, TypeAlias, TypeApplication, TypeInfo
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    ProperType,
    TupleType,
    Type,
    TypeAliasType,
    TypedDictType,
    TypeOfAny,
    TypeType,
    TypeVarType,
    UninhabitedType,
    UnionType,
    get_proper_type,
)

from polaris_dsl import _flaws
from polaris_dsl._graph import DataSpec, Flaw

CONTEXT = "polaris_dsl._builder.Context"
_ACCESS = "polaris_dsl._builder.Access"


@attrs.frozen
class Unknown:
    """Why something cannot be judged before the program runs, as the end of a sentence that begins with its name."""

    why: str


def alternatives(type_: Type, /) -> Tuple[Type, ...]:
    """Return what a union is made of, or the one thing that is no union; in order, each once, an `Access` as it is."""
    proper = get_proper_type(type_)
    if isinstance(type_, TypeAliasType) and accessed(type_) is not None:
        return (type_,)
    if not isinstance(proper, UnionType):
        return (proper,)
    return tuple(dict.fromkeys(part for item in proper.items for part in alternatives(item)))


def accessed(type_: Type, /) -> Optional[Type]:
    """Return the T of an `Access[T]`, also below other aliases and within an Optional, or None."""
    if isinstance(type_, TypeAliasType) and type_.alias is not None:
        if type_.alias.fullname == _ACCESS:
            return type_.args[0]
        inner = accessed(type_.alias.target)
        given = {variable.id: argument for variable, argument in zip(type_.alias.alias_tvars, type_.args)}
        return None if inner is None else expand_type(inner, given)
    for item in type_.items if isinstance(type_, UnionType) else ():
        inner = accessed(item)
        if inner is not None:
            return inner
    return None


def written(expression: Expression, form: Type, /) -> Type:
    """Return the type that an expression stands for, an `Access` as it is: its `form` is what mypy has made of it."""
    s = expression.base if isinstance(expression, IndexExpr) else expression
    applied = expression.analyzed if isinstance(expression, IndexExpr) else None
    alias = s.node if isinstance(s, RefExpr) else None
    if not isinstance(alias, TypeAlias):
        return form
    type_ = TypeAliasType(alias, applied.types if isinstance(applied, TypeApplication) else [])
    return form if accessed(type_) is None else type_


def told(type_: Type, /) -> str:
    """Return a type as its author would write it."""
    inner = accessed(type_)
    if inner is not None:
        return f"Access[{told(inner)}]"
    proper = get_proper_type(type_)
    if isinstance(proper, UnionType):
        return " | ".join(told(part) for part in alternatives(proper))
    arguments = _arguments(proper)
    return f"{_name(proper)}[{', '.join(map(told, arguments))}]" if arguments else _name(proper)


_FORMS: Dict[Type_[ProperType], str] = {
    AnyType: "Any",
    CallableType: "Callable",
    LiteralType: "Literal",
    NoneType: "None",
    TupleType: "tuple",
    TypeType: "type",
    UninhabitedType: "NoReturn",
}


def _name(proper: ProperType) -> str:
    info = info_of(proper)
    if info is not None:
        return info.name
    if isinstance(proper, (TypeVarType, TypedDictType)):
        return proper.name if isinstance(proper, TypeVarType) else proper.fallback.type.name
    if isinstance(proper, AnyType) and proper.missing_import_name:
        return proper.missing_import_name.rpartition(".")[2]
    return _FORMS.get(type(proper), str(proper))


def _arguments(proper: ProperType) -> List[Type]:
    if isinstance(proper, TupleType) and info_of(proper) is None:
        return proper.items
    if isinstance(proper, TypeType):
        return [proper.item]
    if not isinstance(proper, Instance) or all(_omitted(argument) for argument in proper.args):
        return []
    return list(proper.args)


def _omitted(argument: Type) -> bool:
    proper = get_proper_type(argument)
    left_out = (TypeOfAny.from_omitted_generics, TypeOfAny.from_error)  # an error where mypy disallows it
    return isinstance(proper, AnyType) and proper.type_of_any in left_out


def info_of(proper: ProperType, /) -> Optional[TypeInfo]:
    """Return the class of which a type's values are, or None if they are of no single one."""
    if isinstance(proper, TupleType):
        info = proper.partial_fallback.type
        return None if info.fullname == "builtins.tuple" else info
    return proper.type if isinstance(proper, Instance) else None


def refusal(type_: Type, /) -> Union[Flaw, Unknown, None]:
    """Return why this is not data, or why that cannot be known, or None: it is data."""
    if accessed(type_) is not None:
        return _flaws.ACCESS
    proper = get_proper_type(type_)
    if isinstance(proper, AnyType):
        return _refused_any(proper)
    info = info_of(proper)
    if info is None or info.is_newtype or _arguments(proper):
        return _refused_form(proper)
    return _refused_class(info)


def _refused_any(proper: AnyType) -> Union[Flaw, Unknown]:
    if proper.type_of_any == TypeOfAny.explicit:
        return _flaws.ANYTHING
    read = proper.type_of_any != TypeOfAny.from_unimported_type
    return Unknown("is not known to mypy" if read else "comes from a module that mypy does not read")


def _refused_form(proper: ProperType) -> Flaw:
    if isinstance(proper, NoneType):
        return _flaws.ABSENCE
    if isinstance(proper, TypeVarType):
        return _flaws.TYPE_VARIABLE
    if isinstance(proper, UnionType):
        return _flaws.CHOICE
    if isinstance(proper, TypedDictType):
        return _flaws.typed_dict(_name(proper))
    if isinstance(proper, Instance) and proper.type.is_newtype:
        return _flaws.new_type(_name(proper))
    return _flaws.NO_CLASS if isinstance(proper, UninhabitedType) else _flaws.GENERIC


def _refused_class(info: TypeInfo) -> Optional[Flaw]:
    if info.fullname == "builtins.object":
        return _flaws.EVERY_OBJECT
    if info.fullname == CONTEXT:
        return _flaws.CONTEXT
    if info.is_protocol:
        return _flaws.PROTOCOL
    if info.is_abstract and info.metaclass_type is not None and info.metaclass_type.type.has_base("abc.ABCMeta"):
        return _flaws.ABSTRACT
    if info.module_name in _flaws.SCALAR_MODULES:
        return _flaws.SCALAR
    return None


def spec_of(info: TypeInfo, /) -> DataSpec:
    """Return what the analyzer needs to know of a data."""
    return DataSpec(info.name, info.module_name, tuple(base.fullname for base in info.mro[1:-1]))
