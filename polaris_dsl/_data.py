"""Says what is data, and for anything else why not and what to write instead."""

from __future__ import annotations

import inspect
import sys
from typing import Any, ForwardRef, Optional, Tuple, TypeVar, cast

from typing_extensions import ParamSpec, TypeGuard, get_args, get_origin, is_protocol, is_typeddict

from polaris_dsl import _flaws as flaws
from polaris_dsl._builder import AccessMarker, Context
from polaris_dsl._compat import UNIONS
from polaris_dsl._graph import Flaw

_NO_TYPES = (type(None), None)


def is_class(annotation: object, /) -> TypeGuard[type]:
    """Say whether an annotation is a class; `list[int]` is none, though `isinstance` takes it for one before 3.11."""
    return issubclass(type(annotation), type)


def is_data(annotation: object, /) -> TypeGuard[type]:
    """Say whether an annotation is data."""
    return refusal(annotation) is None


def alternatives(annotation: object, /) -> Tuple[object, ...]:
    """Return what a union is made of, or the one thing that is no union; in order, None among them."""
    annotation = bare(annotation)
    if is_class(annotation) or get_origin(annotation) not in UNIONS:
        return (None,) if annotation in _NO_TYPES else (annotation,)
    return tuple(dict.fromkeys(part for inner in get_args(annotation) for part in alternatives(inner)))


def bare(annotation: object, /) -> object:
    """Return an annotation without what `Annotated` says besides; that of an `Access` stays."""
    extras = () if is_class(annotation) else getattr(annotation, "__metadata__", ())
    if not extras or any(isinstance(extra, AccessMarker) for extra in extras):
        return annotation
    return cast("object", get_args(annotation)[0])


def accessed(annotation: object, /) -> Optional[object]:
    """Return the T of an `Access[T]`, or None if the annotation is no access.

    A default of None makes `typing.get_type_hints` wrap another Optional around it, on Python 3.10 and older.
    """
    for part in alternatives(annotation):
        if any(isinstance(extra, AccessMarker) for extra in getattr(part, "__metadata__", ())):
            return next(inner for inner in alternatives(get_args(part)[0]) if inner is not None)
    return None


def told(annotation: object, /) -> str:
    """Return an annotation as its author would write it; `List[...]` and `list[...]` are told alike."""
    annotation = bare(annotation)
    if annotation is None or annotation is type(None):
        return "None"
    if accessed(annotation) is not None:
        return f"Access[{told(accessed(annotation))}]"
    if get_origin(annotation) in UNIONS:
        return " | ".join(told(part) for part in alternatives(annotation))
    arguments = get_args(annotation)
    named = get_origin(annotation) or annotation
    name = getattr(named, "__name__", None) or getattr(named, "_name", None)
    if arguments and name not in ("Callable", "Literal"):  # theirs are no types
        return f"{name}[{', '.join(told(part) for part in arguments)}]"
    return str(name) if name else str(annotation).replace("typing.", "")


def refusal(annotation: object, /) -> Optional[Flaw]:
    """Return why this is not data, as the end of a sentence that begins with its name, and what to write instead."""
    if annotation is Any:
        return flaws.ANYTHING
    return _refused_class(annotation) if is_class(annotation) else _refused_form(annotation)


def _refused_class(data: type) -> Optional[Flaw]:
    if data is object:
        return flaws.EVERY_OBJECT
    if data is Context:
        return flaws.CONTEXT
    if type(data) is not type:  # the following are made by metaclasses, and asking takes a while
        if is_typeddict(data):
            return flaws.typed_dict(data.__name__)
        if is_protocol(data):
            return flaws.PROTOCOL
        if inspect.isabstract(data):
            return flaws.ABSTRACT
    return flaws.ABSENCE if data is type(None) else _refused_scalar(data)


def _refused_scalar(data: type) -> Optional[Flaw]:
    # A class made by exec() may claim to be of `builtins`: it is only what that module really offers under its name.
    module = data.__module__.partition("._")[0]  # Path is of `pathlib._local` on Python 3.13
    if module in flaws.SCALAR_MODULES and getattr(sys.modules[module], data.__name__, None) is data:
        return flaws.SCALAR
    return None


def _refused_form(annotation: object) -> Flaw:
    origin = get_origin(annotation)
    if accessed(annotation) is not None:
        return flaws.ACCESS
    if annotation in _NO_TYPES:
        return flaws.ABSENCE
    if isinstance(annotation, (TypeVar, ParamSpec)):
        return flaws.TYPE_VARIABLE
    if hasattr(annotation, "__supertype__"):
        return flaws.new_type(told(annotation))
    if origin in UNIONS:
        return flaws.CHOICE
    if isinstance(annotation, (str, ForwardRef)):
        return flaws.TEXT
    if origin is None:
        return flaws.NO_CLASS
    return flaws.GENERIC if get_args(annotation) else flaws.SCALAR  # `typing.List` alone is `list`
