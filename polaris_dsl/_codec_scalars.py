"""How scalars are written as JSON values and read back: each in exactly one way."""

from __future__ import annotations

import base64
import json
import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from typing import Any, Callable, List, Mapping, Optional, Tuple, Type, TypeVar, Union
from uuid import UUID

import attrs

T = TypeVar("T")
Hook = Callable[[Any], Any]


class Refused(Exception):
    """What cannot be taken, and why. It never leaves the codec, for what is chained to it may hold values."""

    def __init__(self, why: str) -> None:
        self.why = why
        self._places: List[str] = []

    @property
    def path(self) -> str:
        """Where it was found, seen from the data, such as `.items[1].qty`."""
        return "".join(reversed(self._places))

    def under(self, place: str) -> Refused:
        """Say that this was found inside of `place`."""
        self._places.append(place)
        return self


class Odd(Exception):  # no failure, but the way out of straight code
    """What straight code has not been written for. It tells nothing: the form itself is asked then."""


@attrs.frozen(eq=False)
class Straight:
    """The straight way of a form: a value to its JSON text, and what the text was parsed to, to a value.

    Either raises whatever it may where anything is odd.
    """

    text: Hook
    value: Hook


@attrs.frozen(eq=False)
class Form:
    """How the values of one type are written and read; both functions raise `Refused`."""

    write: Hook
    read: Hook
    cls: Optional[type] = None
    """The exact class of every value; None where there are several."""
    text: bool = False
    """Whether every value is written as a JSON string, so that it can be the key of a JSON object."""
    straight: Optional[Straight] = None
    """Does the same as both functions, and faster, where nothing is odd."""

    def text_of(self, value: object, /) -> str:
        """Return a value as one line of JSON."""
        return dump(self.write(value))

    def value_of(self, text: str, /) -> Any:  # noqa: ANN401  what this is the form of
        """Return the value that one line of JSON says."""
        try:
            parsed = _parse(text)
        except ValueError:
            raise Refused("is not JSON") from None
        return self.read(parsed)


_parse = json.JSONDecoder().decode
parse_at: Callable[[str, int], Tuple[Any, int]] = json.JSONDecoder().raw_decode
"""Returns the JSON value that begins at a place, skipping no blanks, and where it ends."""
dump: Callable[[Any], str] = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")
).encode
"""Turns what a form has written into one line of JSON."""


def name_of(kind: object) -> str:
    """Return what a user calls a type."""
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")


def unlike(expected: str, value: object) -> Refused:
    """Return the refusal of a value that is of another type than expected."""
    return Refused(f"expected {expected}, got {name_of(type(value))}")


def exactly(cls: Type[T], value: object) -> T:
    """Return the value, if it is of this very class."""
    if type(value) is not cls:
        raise unlike(name_of(cls), value)
    return value


# --- scalars ---------------------------------------------------------------------------------------------------------

WIDEST = 10**600  # Python 3.11 and later may be told to read no more than 640 digits


def _none(value: object) -> None:
    if value is not None:
        raise unlike("None", value)


def _bool(value: object) -> bool:
    return exactly(bool, value)


def _int(value: object) -> int:
    if not -WIDEST < exactly(int, value) < WIDEST:
        raise Refused("is an int of more than 600 digits")
    return value  # type: ignore[return-value]  # its class was looked at


def _float(value: object) -> float:
    if type(value) is int:  # type checkers take it for a float; JSON keeps 1 and 1.0 apart, so it comes back an int
        return _int(value)
    if not math.isfinite(exactly(float, value)):
        raise Refused("is not a finite number")
    return value  # type: ignore[return-value]  # its class was looked at


def _str(value: object) -> str:
    text = exactly(str, value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Refused("holds a lone surrogate, which cannot be written as UTF-8") from None
    return text


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise Refused("is not a finite number")
    return str(value)


def _fixed(value: Union[datetime, time]) -> str:
    zone = value.tzinfo
    if value.fold:  # it tells apart the two hours when a clock is set back, which a fixed offset does not have
        raise Refused("has fold=1, which JSON does not keep: use .replace(fold=0)")
    if zone is not None and (
        type(zone) is not timezone or zone.tzname(None) != timezone(zone.utcoffset(None)).tzname(None)
    ):
        raise Refused("has a time zone with a name, which JSON does not keep: use .astimezone(timezone.utc)")
    return value.isoformat()


def _aware(value: datetime) -> str:
    if value.tzinfo is None:
        raise Refused(
            "expected an aware datetime, got a naive one: give it a time zone, as in datetime.now(timezone.utc)"
        )
    return _fixed(value)


def _spelled(cls: type, spell: Callable[[Any], str], parse: Callable[[str], object]) -> Form:
    """Return the form of a class whose values are written as JSON strings, each in exactly one spelling."""

    def write(value: object) -> str:
        return spell(exactly(cls, value))

    def read(value: object) -> object:
        if type(value) is not str:
            raise unlike(f"{name_of(cls)} as str", value)
        try:
            made = parse(value)
        except (ValueError, ArithmeticError):
            raise Refused(f"expected {name_of(cls)}, got another str") from None
        if spell(made) != value:
            raise Refused(f"expected {name_of(cls)}, got another spelling of it")
        return made

    return Form(write, read, cls, text=True)


_MICROSECOND = timedelta(microseconds=1)


def _write_timedelta(value: object) -> int:
    return exactly(timedelta, value) // _MICROSECOND


def _read_timedelta(value: object) -> timedelta:
    if type(value) is not int:
        raise unlike("timedelta as int", value)
    try:
        return value * _MICROSECOND
    except OverflowError:
        raise Refused("is longer than a timedelta can be") from None


SCALARS: Mapping[type, Form] = {
    type(None): Form(_none, _none, type(None)),
    bool: Form(_bool, _bool, bool),
    int: Form(_int, _int, int),
    float: Form(_float, _float, float),
    str: Form(_str, _str, str, text=True),
    bytes: _spelled(bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
    Decimal: _spelled(Decimal, _decimal, Decimal),
    UUID: _spelled(UUID, str, UUID),
    datetime: _spelled(datetime, _aware, datetime.fromisoformat),
    date: _spelled(date, date.isoformat, date.fromisoformat),
    time: _spelled(time, _fixed, time.fromisoformat),
    timedelta: Form(_write_timedelta, _read_timedelta, timedelta),
}


def enumeration(cls: Type[Enum], /) -> Form:
    """Return the form of an Enum: members by name; of a Flag, whose combinations have no names: by number."""
    if issubclass(cls, Flag):
        return _flag(cls)

    def write(value: object) -> str:
        return exactly(cls, value)._name_

    def read(value: object) -> Enum:
        member = cls.__members__.get(value) if type(value) is str else None
        if member is None or member._name_ != value:
            raise Refused(f"expected the name of a {name_of(cls)}")
        return member

    return Form(write, read, cls, text=True)


def _flag(cls: Type[Flag]) -> Form:
    def read(value: object) -> Flag:
        number = _int(value)
        try:
            member = cls(number)
        except Exception:  # noqa: BLE001  what a `_missing_` raises may quote the value
            member = None
        if type(member) is not cls or member._value_ != number:
            raise Refused(f"expected the number of a {name_of(cls)}")
        return member

    return Form(lambda value: _int(exactly(cls, value)._value_), read, cls)
