"""What a value holds, part by part: whether it came back from JSON as it was."""

from __future__ import annotations

from collections import deque
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from pathlib import PurePath
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple
from uuid import UUID

import attrs

from polaris_dsl._codec_scalars import name_of

Shape = Tuple[Any, ...]
"""What two values have in common only if they are the same: the class with what it holds, or, where there are parts,
the class, the shapes of the parts, and their names (None where they go by number)."""


def _itself(value: object) -> object:
    return value


def _moment(value: Any) -> object:  # noqa: ANN401  a datetime or a time
    return value.isoformat(), value.fold


_TELLS: Mapping[type, Callable[[Any], object]] = {
    **dict.fromkeys([bool, int, str, bytes, type(None), UUID, date, timedelta], _itself),
    **dict.fromkeys([float, Decimal], repr),
    **dict.fromkeys([datetime, time], _moment),
}
"""What tells the values of a class apart that has no parts."""

_CONTAINERS = (set, frozenset, dict, list, tuple, deque)
_UNSURE = (*_CONTAINERS, Enum, PurePath)


class Parts:
    """Compares values part by part, and keeps what it learns of their classes. Safe to share between threads."""

    def __init__(self) -> None:
        self._names: Dict[type, Tuple[str, ...]] = {}

    def difference(self, was: object, now: object, /) -> Optional[Tuple[str, str]]:
        """Return where two values of one class first differ, and how; None if they are the same in every part."""
        if self._surely_same(was, now):
            return None
        shapes = self._shape(was), self._shape(now)
        return None if shapes[0] == shapes[1] else _difference(*shapes)

    def _surely_same(self, was: Any, now: Any) -> bool:  # noqa: ANN401  any values at all
        """Whether two values are the same, as most are; where this is not sure, their shapes tell."""
        kind = type(was)
        if kind is not type(now):
            return False
        tell = _TELLS.get(kind)
        if tell is not None:
            return tell(was) == tell(now)
        if kind is list or kind is tuple:
            return len(was) == len(now) and all(map(self._surely_same, was, now))
        if isinstance(was, _UNSURE):
            return was is now
        return self._parts_surely_same(was, now)

    def _parts_surely_same(self, was: object, now: object) -> bool:
        kind = type(was)
        names = self._names_of(kind)
        held: Dict[str, object] = was.__dict__ if kind.__dictoffset__ else {}
        if held and not self._held_surely_same(held, now.__dict__):
            return False
        try:
            for name in names:
                part, other = getattr(was, name), getattr(now, name)
                if type(part) is not str or type(other) is not str:  # as most are
                    if not self._surely_same(part, other):
                        return False
                elif part != other:
                    return False
        except AttributeError:  # a slot that was never filled
            return False
        return bool(names or held)

    def _held_surely_same(self, was: Dict[str, object], now: Dict[str, object]) -> bool:
        if len(now) != len(was):
            return False
        return all(name in now and self._surely_same(part, now[name]) for name, part in was.items())

    def _shape(self, value: Any) -> Shape:  # noqa: ANN401  any value at all
        kind = type(value)
        tell = _TELLS.get(kind)
        if tell is not None:
            return kind, tell(value)
        if isinstance(value, Enum):
            return kind, id(value)
        if isinstance(value, (set, frozenset)):
            return kind, frozenset(map(self._shape, value))
        if isinstance(value, dict):
            return kind, (self._shape(list(value)), self._shape(list(value.values()))), (".keys()", ".values()")
        if isinstance(value, _CONTAINERS) and not hasattr(kind, "_fields"):
            return kind, tuple(map(self._shape, value)), None
        return self._shape_by_name(kind, value)

    def _shape_by_name(self, kind: type, value: object) -> Shape:
        state = {} if isinstance(value, PurePath) else self._state(kind, value)  # a path fills its slots when it likes
        compares: object = kind.__eq__
        if state or compares is object.__eq__:
            return kind, tuple(map(self._shape, state.values())), tuple(f".{name}" for name in state)
        return kind, _Unknown(value)

    def _state(self, kind: type, value: object) -> Dict[str, object]:
        """Return all that an object holds, by name, in order of the names."""
        held = {name: getattr(value, name) for name in self._names_of(kind) if hasattr(value, name)}
        held.update(getattr(value, "__dict__", {}))
        return {name: held[name] for name in sorted(held) if not isinstance(getattr(kind, name, None), cached_property)}

    def _names_of(self, kind: Any) -> Tuple[str, ...]:  # noqa: ANN401  any class
        """Return the names under which a class keeps its parts, besides those in `__dict__`."""
        names = self._names.get(kind)
        if names is None:
            fields = [field.name for field in attrs.fields(kind)] if attrs.has(kind) else _slots(kind)
            names = self._names[kind] = tuple(fields)  # two threads may learn the same at once
        return names


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


_NO_PART = frozenset({"__dict__", "__weakref__", "__pydantic_fields_set__"})


def _slots(kind: Any) -> List[str]:  # noqa: ANN401  any class
    names = [*getattr(kind, "_fields", ()), *getattr(kind, "__struct_fields__", ())]
    for cls in kind.__mro__:
        own = cls.__dict__.get("__slots__", ())
        for name in [own] if isinstance(own, str) else own:
            private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{cls.__name__.lstrip('_')}{name}" if private else name)
    return [name for name in names if name not in _NO_PART]


def _difference(was: Shape, now: Shape) -> Tuple[str, str]:
    """Return where two shapes first differ, and how."""
    path = ""
    while len(was[2:]) == len(now[2:]) == 1 and was[0] is now[0] and was[2] == now[2] and len(was[1]) == len(now[1]):
        index = next(index for index, pair in enumerate(zip(was[1], now[1])) if pair[0] != pair[1])
        path += was[2][index] if was[2] else f"[{index}]"
        was, now = was[1][index], now[1][index]
    if was[0] is now[0]:
        return path, f"{name_of(was[0])} does not come back from JSON as it was"
    return path, f"{name_of(was[0])} comes back from JSON as {name_of(now[0])}"
