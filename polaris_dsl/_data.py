"""Says what is data, and for anything else why not and what to write instead."""

from __future__ import annotations

import inspect
import sys
from typing import Any, ForwardRef, Optional, Tuple, TypeVar

from typing_extensions import Literal, ParamSpec, TypeGuard, get_args, get_origin, is_protocol, is_typeddict

from polaris_dsl._builder import AccessMarker, Context
from polaris_dsl._compat import UNIONS
from polaris_dsl._graph import Flaw

_SCALAR_MODULES = (
    *("builtins", "collections", "collections.abc", "datetime", "decimal", "enum", "fractions"),
    *("ipaddress", "numbers", "pathlib", "typing", "uuid"),
)
_NO_TYPES = (type(None), None)


def is_data(annotation: object, /) -> TypeGuard[type]:
    """Say whether an annotation is data."""
    return refusal(annotation) is None


def alternatives(annotation: object, /) -> Tuple[object, ...]:
    """Return what a union is made of, or the one thing that is no union; in order, None among them."""
    if get_origin(annotation) not in UNIONS:
        return (None,) if annotation in _NO_TYPES else (annotation,)
    return tuple(None if part in _NO_TYPES else part for part in get_args(annotation))


def accessed(annotation: object, /) -> Optional[object]:
    """Return the T of an `Access[T]`, or None if the annotation is no access.

    A default of None makes `typing.get_type_hints` wrap another Optional around it, on Python 3.10 and older.
    """
    for part in alternatives(annotation):
        if any(isinstance(extra, AccessMarker) for extra in getattr(part, "__metadata__", ())):
            return next(inner for inner in alternatives(get_args(part)[0]) if inner is not None)
    return None


def told(annotation: object, /) -> str:
    """Return an annotation as its author would write it."""
    if annotation is None or annotation is type(None):
        return "None"
    if accessed(annotation) is not None:
        return f"Access[{told(accessed(annotation))}]"
    if get_origin(annotation) in UNIONS:
        return " | ".join(told(part) for part in alternatives(annotation))
    arguments = get_args(annotation)
    name = getattr(annotation, "__name__", None) or getattr(annotation, "_name", None)
    if arguments and not isinstance(annotation, type(Literal[1])):
        return f"{name}[{', '.join(told(part) for part in arguments)}]"
    return str(name) if name else str(annotation).replace("typing.", "")


def refusal(annotation: object, /) -> Optional[Flaw]:
    """Return why this is not data, as the end of a sentence that begins with its name, and what to write instead."""
    if annotation is Any:
        return Flaw("can be anything, so it says nothing", "name the class that is meant")
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return _refused_class(annotation)
    return _refused_form(annotation)


_ABSENCE = Flaw("is the absence of data", "name the class that is meant, or Optional[...] of it")
_WRAP = "wrap it in a class of its own, which says what it means"


def _refused_class(data: type) -> Optional[Flaw]:
    exact = "and data are matched by their exact class"
    if data is object:
        return Flaw("is every object, so it says nothing", "name the class that is meant")
    if data is Context:
        return Flaw("describes the call and is not data", "take it as a parameter; it is never made or fed")
    if is_typeddict(data):
        return Flaw(
            "is a TypedDict, whose values are plain dicts and cannot be told apart", _instead("a dataclass", data)
        )
    if is_protocol(data):
        return Flaw(f"is a Protocol, {exact}", "name the class that implements it")
    if inspect.isabstract(data):
        return Flaw(f"is an abstract class, {exact}", "name the class that implements it")
    return _ABSENCE if data is type(None) else _refused_scalar(data)


def _refused_scalar(data: type) -> Optional[Flaw]:
    # A class made by exec() may claim to be of `builtins`: it is only what that module really offers under its name.
    if data.__module__ in _SCALAR_MODULES and getattr(sys.modules[data.__module__], data.__name__, None) is data:
        return Flaw("is a bare scalar or container, which a flow can have many of", _WRAP)
    return None


def _refused_form(annotation: object) -> Flaw:
    origin = get_origin(annotation)
    if accessed(annotation) is not None:
        return Flaw("is how a parameter reads a data", "write the class itself, or Access[...] of it as a parameter")
    if annotation in _NO_TYPES:
        return _ABSENCE
    if isinstance(annotation, (TypeVar, ParamSpec)):
        return Flaw("is a type variable, and data are matched by their exact class", "name the class that is meant")
    if hasattr(annotation, "__supertype__"):
        return Flaw("is a NewType, whose values cannot be told apart when fed", _instead("a class", annotation))
    if origin in UNIONS:
        return Flaw(
            "is a choice of several classes, where one data is meant", "take each of them as an optional of its own"
        )
    if isinstance(annotation, (str, ForwardRef)):
        return Flaw("is a text, not a class", "write the class itself")
    if origin is not None:
        return Flaw("is a parametrised generic, whose values cannot be told apart at run time", _WRAP)
    return Flaw("is not a class", "name the class that is meant")


def _instead(kind: str, annotation: object) -> str:
    return f"make it {kind}: class {told(annotation)}: ..."
