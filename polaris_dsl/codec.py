"""Values to JSON text and back, strictly."""

from __future__ import annotations

from typing import Any, Callable, Dict, Tuple, Type, TypeVar

from typing_extensions import Protocol

from polaris_dsl._codec_forms import Forms
from polaris_dsl._codec_parts import Parts
from polaris_dsl._codec_scalars import Form, Refused, parse_at
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
        ask: Callable[[object], str] = form.text_of
        text: str
        if form.straight is not None:
            try:
                text = form.straight.text(value)
            except Exception as raised:  # noqa: BLE001  a property, say, may raise anything
                if isinstance(raised, RecursionError):
                    ask = _too_deep
            else:
                return text
        return _guarded(data, ask, value)  # outside of `except`, or Python would chain

    def decode(self, text: str, data: Type[T], /) -> T:
        """Return the value of class `data` that was written as `text`.

        Classes run their own `__init__` and validators. A key that is no field is refused, and so is a missing one,
        unless its field has a default.

        Raises:
            CodecError: the text is not JSON, or does not say such a value.
        """
        form = self._form(data)
        ask: Callable[[str], T] = form.value_of
        made: T
        if form.straight is not None:
            try:
                parsed, end = parse_at(text, 0)
                made = form.straight.value(parsed)
            except Exception as raised:  # noqa: BLE001  as in encode
                if isinstance(raised, RecursionError):
                    ask = _too_deep
            else:
                if end == len(text):
                    return made
        return _guarded(data, ask, text)

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
    return RoundTrip(codec)(value)


class RoundTrip:
    """`round_trip` with one codec, which keeps what it learns of a class. Safe to share between threads."""

    def __init__(self, codec: Codec, /) -> None:
        self._codec = codec
        self._parts = Parts()

    def __call__(self, value: T, /) -> Tuple[str, T]:
        """Return the text of a value and the value that comes back from it; raise `CodecError` if it is another."""
        data = type(value)
        text = self._codec.encode(value)
        copy = self._codec.decode(text, data)
        try:
            difference = self._parts.difference(value, copy)
        except RecursionError:
            difference = _TOO_DEEP
        if difference is not None:
            path, why = difference
            raise CodecError(data.__name__ + path, why=why)
        return text, copy


_TOO_DEEP = "", "is nested too deeply, or holds itself"


def _too_deep(_: object) -> Any:  # noqa: ANN401  what never comes back is of any type
    """Stand in for a form where straight code has found no room.

    The form needs more, and Python before 3.10 gives up the whole process when the limit is met twice in one place.
    """
    raise RecursionError


def _guarded(data: type, act: Callable[[A], B], given: A) -> B:
    """Call `act`, and turn what it refuses into a `CodecError` to which nothing is chained: that could hold values."""
    try:
        return act(given)
    except Refused as refused:
        path, why = refused.path, refused.why
    except RecursionError:
        path, why = _TOO_DEEP
    raise CodecError(data.__name__ + path, why=why)  # outside of `except`, or Python would chain
