"""Draws classes, values of them and damage to their texts: what comes back is the same, or it is a `CodecError`."""

from __future__ import annotations

import dataclasses
import itertools
import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Set, Tuple, Type, Union
from uuid import UUID

import attrs
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Literal

from polaris_dsl.codec import JsonCodec, round_trip
from polaris_dsl.errors import CodecError


class Color(Enum):
    RED = 1
    BLUE = (2, "b")


@attrs.frozen
class Kind:
    """A type, how to draw its values, their class, and whether they can be hashed."""

    hint: Any
    values: st.SearchStrategy[Any]
    cls: Optional[type] = None
    hashable: bool = True


def unfolded(moment: Any) -> Any:
    return moment.replace(fold=0)


OFFSETS = st.integers(-86399, 86399).map(lambda seconds: timezone(timedelta(seconds=seconds)))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SCALARS = [
    Kind(int, st.integers(), int),
    Kind(float, st.floats(allow_nan=False, allow_infinity=False), float),
    Kind(float, st.integers(-9, 9), float),
    Kind(bool, st.booleans(), bool),
    Kind(str, TEXTS, str),
    Kind(bytes, st.binary(max_size=5), bytes),
    Kind(Decimal, DECIMALS, Decimal),
    Kind(UUID, st.uuids(), UUID),
    Kind(date, st.dates(), date),
    Kind(time, st.times().map(unfolded), time),
    Kind(datetime, st.datetimes(timezones=OFFSETS).map(unfolded), datetime),
    Kind(timedelta, st.timedeltas(), timedelta),
    Kind(Color, st.sampled_from(Color), Color),
    Kind(type(None), st.none(), type(None)),
    Kind(Literal["a", 7, Color.RED], st.sampled_from(["a", 7, Color.RED])),
]


def hint_of(form: Any, *items: Any) -> Any:
    """Return `form[...]`; mypy takes subscripts of values for mistakes."""
    hints = tuple(getattr(item, "hint", item) for item in items)
    return form[hints if len(hints) > 1 else hints[0]]


def list_of(item: Kind) -> Kind:
    return Kind(hint_of(List, item), st.lists(item.values, max_size=3), list, hashable=False)


def row_of(item: Kind) -> Kind:
    return Kind(hint_of(Tuple, item, ...), st.lists(item.values, max_size=3).map(tuple), tuple, item.hashable)


def tuple_of(items: Sequence[Kind]) -> Kind:
    return Kind(
        hint_of(Tuple, *items), st.tuples(*(item.values for item in items)), tuple, all(item.hashable for item in items)
    )


def set_of(item: Kind) -> Kind:
    if not item.hashable:
        return list_of(item)
    return Kind(hint_of(Set, item), st.sets(item.values, max_size=3), set, hashable=False)


def frozenset_of(item: Kind) -> Kind:
    if not item.hashable:
        return row_of(item)
    return Kind(hint_of(FrozenSet, item), st.frozensets(item.values, max_size=3), frozenset)


def dict_of(pair: Tuple[Kind, Kind]) -> Kind:
    key, item = pair
    if not key.hashable:
        return list_of(item)
    values = st.dictionaries(key.values, item.values, max_size=3)
    return Kind(hint_of(Dict, key, item), values, dict, hashable=False)


def optional_of(item: Kind) -> Kind:
    return Kind(hint_of(Optional, item), st.none() | item.values, None, item.hashable)


def union_of(items: Sequence[Kind]) -> Kind:
    members = list({item.cls: item for item in items if item.cls is not None}.values())
    if not members:
        return items[0]
    only = len(members) == 1 and members[0].cls is not type(None)
    values = st.one_of([item.values for item in members])
    return Kind(
        hint_of(Union, *members), values, members[0].cls if only else None, all(item.hashable for item in members)
    )


Make = Callable[[str, Dict[str, Kind]], Type[Any]]


def make_attrs(name: str, fields: Dict[str, Kind]) -> Type[Any]:
    return attrs.make_class(name, {key: attrs.field(type=kind.hint) for key, kind in fields.items()}, frozen=True)


def make_defaulting(name: str, fields: Dict[str, Kind]) -> Type[Any]:
    made = {key: attrs.field(type=hint_of(Optional, kind), default=None) for key, kind in fields.items()}
    return attrs.make_class(name, made, frozen=True)


def make_dataclass(name: str, fields: Dict[str, Kind]) -> Type[Any]:
    return dataclasses.make_dataclass(name, [(key, kind.hint) for key, kind in fields.items()], frozen=True)


def make_named_tuple(name: str, fields: Dict[str, Kind]) -> Type[Any]:
    make: Any = NamedTuple  # mypy wants the fields to stand here
    cls: Type[Any] = make(name, [(key, kind.hint) for key, kind in fields.items()])
    return cls


CLASSES: List[Make] = [make_attrs, make_defaulting, make_dataclass, make_named_tuple]
NUMBERS = itertools.count()


def class_of(make: Make, items: Sequence[Kind]) -> Kind:
    fields = {f"f{index}": item for index, item in enumerate(items)}
    cls = make(f"C{next(NUMBERS)}", fields)
    values = st.tuples(*(item.values for item in items)).map(lambda drawn: cls(*drawn))
    return Kind(cls, values, cls, all(item.hashable for item in items))


def bigger(smaller: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
    several = st.lists(smaller, min_size=1, max_size=3)
    return st.one_of(
        *(smaller.map(make) for make in (list_of, row_of, set_of, frozenset_of, optional_of)),
        *(several.map(make) for make in (tuple_of, union_of)),
        st.tuples(smaller, smaller).map(dict_of),
        st.builds(class_of, st.sampled_from(CLASSES), several),
    )


KINDS = st.recursive(st.sampled_from(SCALARS), bigger, max_leaves=8)
DATA = st.builds(class_of, st.sampled_from(CLASSES), st.lists(KINDS, min_size=1, max_size=4))


@st.composite
def values(draw: st.DrawFn) -> Any:
    return draw(draw(DATA).values)


def told(value: Any) -> str:
    """Tell a value in full, each part with its class: what the codec has to keep, told without its help."""
    kind = type(value).__name__
    if isinstance(value, (set, frozenset)):
        return f"{kind}({sorted(map(told, value))})"
    if isinstance(value, dict):
        return f"{kind}({[(told(key), told(item)) for key, item in value.items()]})"
    if isinstance(value, (list, tuple)):
        return f"{kind}({[told(item) for item in value]})"
    if hasattr(value, "__dict__") and not isinstance(value, Enum):
        return f"{kind}({[(name, told(item)) for name, item in vars(value).items()]})"
    return f"{kind}({value!r})"


@given(values())
def test_any_value_of_any_class_comes_back_the_same(value: Any) -> None:
    text, copy = round_trip(JsonCodec(), value)
    assert told(copy) == told(value)
    assert "\n" not in text
    assert text.encode().decode() == text
    assert JsonCodec().encode(copy) == text


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from(["\ud800", 10**700, "RED", "int"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | st.just("f0"), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn, tree: Any) -> Any:
    """Draw a JSON value that differs from another in one place."""
    inside = bool(tree) and isinstance(tree, (list, dict))
    if not inside or draw(st.integers(0, 3)) == 0:
        return draw(JUNK)
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key, act = draw(st.sampled_from(keys)), draw(st.sampled_from(["descend", "descend", "drop", "add", "swap"]))
    changed: Any = tree.copy()
    if act == "descend":
        changed[key] = draw(damaged(tree[key]))
    elif act == "drop":
        del changed[key]
    elif act == "swap":
        other = draw(st.sampled_from(keys))
        changed[key], changed[other] = changed[other], changed[key]
    elif isinstance(changed, dict):
        changed[draw(TEXTS)] = draw(JUNK)
    else:
        changed.insert(key, draw(st.sampled_from(tree)))
    return changed


def look_at(text: str, data: Type[Any]) -> None:
    """Decode a text, which either gives a value that is valid in every part or raises `CodecError`."""
    codec = JsonCodec()
    try:
        made = codec.decode(text, data)
    except CodecError as error:
        assert error.path.startswith(data.__name__)  # noqa: PT017  any other error fails the test
        assert error.__context__ is None  # noqa: PT017  as above
    else:
        assert type(made) is data
        assert told(round_trip(codec, made)[1]) == told(made)


@given(values(), st.data())
def test_a_text_with_another_json_value_in_it_is_valid_or_refused(value: Any, data: st.DataObject) -> None:
    tree = data.draw(damaged(json.loads(JsonCodec().encode(value))))
    look_at(json.dumps(tree, ensure_ascii=data.draw(st.booleans())), type(value))


@given(values(), st.data())
def test_a_text_with_other_characters_in_it_is_valid_or_refused(value: Any, data: st.DataObject) -> None:
    text = JsonCodec().encode(value)
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.text('0123456789-+.eE[]{},:"\\u nulltrefas', max_size=3))
    look_at(text[:at] + put + text[at + data.draw(st.integers(0, 2)) :], type(value))


def test_the_telling_sees_what_python_calls_equal() -> None:
    for one, other in [
        (1, True),
        ([1.0], [1]),
        (0.0, -0.0),
        ({1}, frozenset({1})),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ]:
        assert one == other
        assert told(one) != told(other)
