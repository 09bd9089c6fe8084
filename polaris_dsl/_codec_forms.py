"""How values of each type are written as JSON values and read back: strictly, and exactly in both directions."""

from __future__ import annotations

import base64
import json
import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Callable, Iterable, List, Mapping, Optional, Union
from uuid import UUID

import attrs

Hook = Callable[[object], object]
Make = Callable[..., object]


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


@attrs.frozen(eq=False)
class Form:
    """How the values of one type are written and read; both functions raise `Refused`."""

    write: Hook
    read: Hook
    cls: Optional[type] = None
    """The exact class of every value; None where there are several."""
    text: bool = False
    """Whether every value is written as a JSON string, so that it can be the key of a JSON object."""

    def placed(self, place: str) -> Form:
        """Return this form for values that stand at `place`."""
        return attrs.evolve(self, write=_placed(self.write, place), read=_placed(self.read, place))


dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
"""Turn what a form has written into one line of JSON."""


def name_of(kind: object) -> str:
    """Return what a user calls a type."""
    return kind.__name__ if isinstance(kind, type) else str(kind)


def _placed(hook: Hook, place: str) -> Hook:
    def placed(value: object, _: object = None) -> object:  # cattrs hands the type to hooks that read
        try:
            return hook(value)
        except Refused as refused:
            raise refused.under(place)

    return placed


def _unlike(expected: str, value: object) -> Refused:
    return Refused(f"expected {expected}, got {name_of(type(value))}")


def _exactly(cls: type, value: object) -> None:
    if type(value) is not cls:
        raise _unlike(name_of(cls), value)


# --- scalars ---------------------------------------------------------------------------------------------------------

_WIDEST = 10**600  # Python 3.11 and later may be told to read no more than 640 digits


def _bool(value: object) -> object:
    _exactly(bool, value)
    return value


def _none(value: object) -> object:
    if value is not None:
        raise _unlike("None", value)
    return value


def _int(value: object) -> object:
    if type(value) is not int:
        raise _unlike("int", value)
    if not -_WIDEST < value < _WIDEST:
        raise Refused("is an int of more than 600 digits")
    return value


def _float(value: object) -> object:
    if type(value) is int:  # which type checkers take for a float; JSON keeps 1 and 1.0 apart, so it stays an int
        return _int(value)
    if type(value) is not float:
        raise _unlike("float", value)
    if not math.isfinite(value):
        raise Refused("is not a finite number")
    return value


def _str(value: object) -> object:
    if type(value) is not str:
        raise _unlike("str", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused("holds a lone surrogate, which cannot be written as UTF-8") from None
    return value


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise Refused("is not a finite number")
    return str(value)


def _fixed(value: Union[datetime, time]) -> str:
    zone = value.tzinfo
    if zone is None:
        return value.isoformat()
    if type(zone) is not timezone or zone.tzname(None) != timezone(zone.utcoffset(None)).tzname(None):
        raise Refused("has a time zone with a name, which JSON does not keep: use .astimezone(timezone.utc)")
    return value.isoformat()


def _aware(value: datetime) -> str:
    if value.tzinfo is None:
        raise Refused("expected an aware datetime, got a naive one: write datetime.now(timezone.utc)")
    return _fixed(value)


def _written(cls: type, write: Callable[..., str], parse: Make) -> Form:
    """Return the form of a class whose values are written as JSON strings, each in exactly one spelling."""

    def out(value: object) -> object:
        _exactly(cls, value)
        return write(value)

    def read(text: object) -> object:
        if type(text) is not str:
            raise _unlike(f"{cls.__name__} as str", text)
        try:
            value = parse(text)
        except (ValueError, ArithmeticError):
            raise Refused(f"expected {cls.__name__}, got another str") from None
        if write(value) != text:
            raise Refused(f"expected {cls.__name__}, got another spelling of it")
        return value

    return Form(out, read, cls, text=True)


def _duration() -> Form:
    microsecond = timedelta(microseconds=1)

    def write(value: object) -> object:
        _exactly(timedelta, value)
        return value // microsecond  # type: ignore[operator]  # its class was just looked at

    def read(count: object) -> object:
        if type(count) is not int:
            raise _unlike("timedelta as int", count)
        try:
            return microsecond * count
        except OverflowError:
            raise Refused("is longer than a timedelta can be") from None

    return Form(write, read, timedelta)


_SCALARS: Mapping[type, Form] = {
    form.cls: form
    for form in (
        Form(_bool, _bool, bool),
        Form(_none, _none, type(None)),
        Form(_int, _int, int),
        Form(_float, _float, float),
        Form(_str, _str, str, text=True),
        _written(bytes, lambda value: base64.b64encode(value).decode(), lambda text: base64.b64decode(text)),
        _written(Decimal, _decimal, Decimal),
        _written(UUID, str, UUID),
        _written(datetime, _aware, datetime.fromisoformat),
        _written(date, date.isoformat, date.fromisoformat),
        _written(time, _fixed, time.fromisoformat),
        _duration(),
    )
    if form.cls is not None
}


# --- values of several parts -----------------------------------------------------------------------------------------


def _each(hook: Hook, values: Iterable[object], where: str = "") -> List[object]:
    done: List[object] = []
    try:
        for value in values:
            done.append(hook(value))  # noqa: PERF401  how far it came is the place of a refusal
    except Refused as refused:
        raise refused.under(f"{where}[{len(done)}]")
    return done


def _list(item: Form) -> Form:
    def write(value: object) -> object:
        _exactly(list, value)
        return _each(item.write, value)  # type: ignore[arg-type]  # its class was just looked at

    def read(value: object) -> object:
        _exactly(list, value)
        return _each(item.read, value)  # type: ignore[arg-type]  # its class was just looked at

    return Form(write, read, list)
