"""Values to JSON text and back, strictly."""

from __future__ import annotations

import json
from collections import deque
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from pathlib import PurePath
from typing import Any, Callable, Dict, List, Tuple, Type, TypeVar
from uuid import UUID

import attrs
from typing_extensions import Protocol

from polaris_dsl._codec_forms import Forms
from polaris_dsl._codec_scalars import Form, Refused, dump, name_of
from polaris_dsl.errors import CodecError

__all__ = ["Codec", "JsonCodec", "round_trip"]

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


class Codec(Protocol):
    """Turns a data into one line of JSON text and back. Safe to share between threads."""

    def check(self, data: type, /) -> None:
        """Raise `CodecError` if values of this class could never be taken."""

    def encode(self, value: object, /) -> str:
        """Return the JSON text of a value: no newline, the same text for equal values."""

    def decode(self, text: str, data: Type[T], /) -> T:
        """Return the value of class `data` that the text stands for."""


class JsonCodec:
    """The codec that stores use unless they are told otherwise: strict, exact, and sparing with words about values.

    It takes `str`, `int`, `float`, `bool`, `bytes`, `Decimal`, `UUID`, `date`, `time`, aware `datetime`, `timedelta`,
    Enums, `List`, `Tuple`, `Dict`, `Set`, `FrozenSet`, `Optional`, `Union`, `Literal` and NewTypes of all that, as
    fields of attrs classes, dataclasses, NamedTuples and plain classes that keep each typed parameter of `__init__`
    under its own name; pydantic models and msgspec Structs through their own validation. Classes may hold each other
    and themselves.

    Everything is matched by its exact class: no `bool` for an `int`, no subclass for its base. There is no NaN, no
    infinity and no time zone but a fixed offset. In a Union of several, a value goes by the name of its class, and only
    those classes are ever made. Every error is a `CodecError` that shows no value and has none chained to it.

    Safe to share between threads. What it learns of a class, it keeps for as long as it lives.
    """

    def __init__(self) -> None:
        self._forms: Dict[type, Form] = {}

    def check(self, data: type, /) -> None:
        """Look at a class, and at all that it is made of, before there is a value.

        Raises:
            CodecError: values of this class could never be taken; says which of its fields is why.
        """
        self._form(data)

    def encode(self, value: object, /) -> str:
        """Return a value as one line of JSON, in compact form and valid UTF-8.

        Equal values have the same text, in every process: sets are put in order, while a dict keeps its own.

        Raises:
            CodecError: the value is not what its class declares, or its class can never be taken.
        """
        data = type(value)
        form = self._form(data)
        return _guarded(data, lambda given: dump(form.write(given)), value)

    def decode(self, text: str, data: Type[T], /) -> T:
        """Return the value of class `data` that was written as `text`.

        Classes run their own `__init__` and validators. A key that is no field is refused, and so is a missing one,
        unless its field has a default.

        Raises:
            CodecError: the text is not JSON, or does not say such a value.
        """
        form = self._form(data)
        made: T = _guarded(data, lambda given: form.read(_parsed(given)), text)
        return made

    def _form(self, data: type) -> Form:
        form = self._forms.get(data)
        if form is None:
            # two threads may make the same form at once; either is as good
            form = self._forms[data] = _guarded(data, lambda given: Forms().of(given), data)
        return form


def round_trip(codec: Codec, value: T, /) -> Tuple[str, T]:
    """Return the text of a value and the value that comes back from it, which is the same in every part.

    Parts are compared by exact class and by what they hold, whatever their `__eq__` says; only what the codec does not
    know (inside of a pydantic model, say) is asked by its `__eq__`. What a `cached_property` has kept is no part.

    Raises:
        CodecError: the codec cannot take the value, or something in it came back as something else; says what first.
    """
    data = type(value)
    text = codec.encode(value)
    copy = codec.decode(text, data)
    was, now = _guarded(data, lambda pair: (_shape(pair[0]), _shape(pair[1])), (value, copy))
    if was != now:
        path, why = _difference(was, now)
        raise CodecError(data.__name__ + path, why=why)
    return text, copy


def _guarded(data: type, act: Callable[[A], B], given: A) -> B:
    """Call `act`, and turn what it refuses into a `CodecError` to which nothing is chained: that could hold values."""
    try:
        return act(given)
    except Refused as refused:
        path, why = refused.path, refused.why
    except RecursionError:
        path, why = "", "is nested too deeply, or holds itself"
    raise CodecError(data.__name__ + path, why=why)  # outside of `except`, or Python would chain


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise Refused("is not JSON") from None


# --- what a value holds ----------------------------------------------------------------------------------------------

_Shape = Tuple[Any, ...]
"""What two values have in common only if they are the same: the class with what it holds, or, where there are parts,
the class, the shapes of the parts, and their names (None where they go by number)."""

_TOLD_BY_EQ = frozenset({bool, int, str, bytes, type(None), UUID, date, timedelta})
_TOLD_BY_REPR = frozenset({float, Decimal})
_TOLD_BY_ISO = frozenset({datetime, time})


@attrs.frozen(eq=False)
class _Unknown:
    """A value that nothing is known of but its own `__eq__`."""

    value: object

    def __eq__(self, other: object) -> bool:
        try:
            return isinstance(other, _Unknown) and bool(self.value == other.value)
        except Exception:  # noqa: BLE001  it may raise anything, and its text may quote a value
            return False

    def __hash__(self) -> int:
        return 0


def _shape(value: Any) -> _Shape:  # noqa: ANN401  any value at all
    kind = type(value)
    if kind in _TOLD_BY_EQ:
        return kind, value
    if kind in _TOLD_BY_REPR:
        return kind, repr(value)
    if kind in _TOLD_BY_ISO:
        return kind, (value.isoformat(), value.fold)
    if isinstance(value, Enum):
        return kind, id(value)
    return _shape_of_parts(kind, value)


def _shape_of_parts(kind: type, value: Any) -> _Shape:  # noqa: ANN401  any value that may have parts
    if isinstance(value, (set, frozenset)):
        return kind, frozenset(map(_shape, value))
    if isinstance(value, dict):
        return kind, (_shape(list(value)), _shape(list(value.values()))), (".keys()", ".values()")
    if isinstance(value, (list, tuple, deque)) and not hasattr(kind, "_fields"):
        return kind, tuple(map(_shape, value)), None
    state = {} if isinstance(value, PurePath) else _state(kind, value)  # a path fills its slots when it likes
    compares: object = kind.__eq__
    if state or compares is object.__eq__:
        return kind, tuple(map(_shape, state.values())), tuple(f".{name}" for name in state)
    return kind, _Unknown(value)


def _state(kind: Any, value: object) -> Dict[str, object]:  # noqa: ANN401  any class
    """Return all that an object holds, by name, in order of the names."""
    names = [field.name for field in attrs.fields(kind)] if attrs.has(kind) else _slots(kind)
    held = {name: getattr(value, name) for name in names if hasattr(value, name)}
    held.update(getattr(value, "__dict__", {}))
    return {name: held[name] for name in sorted(held) if not isinstance(getattr(kind, name, None), cached_property)}


_NO_PART = frozenset({"__dict__", "__weakref__", "__pydantic_fields_set__"})


def _slots(kind: Any) -> List[str]:  # noqa: ANN401  any class
    names = [*getattr(kind, "_fields", ()), *getattr(kind, "__struct_fields__", ())]
    for cls in kind.__mro__:
        own = cls.__dict__.get("__slots__", ())
        for name in [own] if isinstance(own, str) else own:
            private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{cls.__name__.lstrip('_')}{name}" if private else name)
    return [name for name in names if name not in _NO_PART]


def _difference(was: _Shape, now: _Shape) -> Tuple[str, str]:
    """Return where two shapes first differ, and how."""
    path = ""
    while len(was[2:]) == len(now[2:]) == 1 and was[0] is now[0] and was[2] == now[2] and len(was[1]) == len(now[1]):
        index = next(index for index, pair in enumerate(zip(was[1], now[1])) if pair[0] != pair[1])
        path += was[2][index] if was[2] else f"[{index}]"
        was, now = was[1][index], now[1][index]
    if was[0] is now[0]:
        return path, f"{name_of(was[0])} does not come back from JSON as it was"
    return path, f"{name_of(was[0])} comes back from JSON as {name_of(now[0])}"
