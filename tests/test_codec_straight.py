"""Straight code of the codec: it does what the careful way does, or hands over to it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Callable, List, Optional, Type

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_dsl._codec_forms import Forms
from polaris_dsl._codec_scalars import Form, Straight
from polaris_dsl._codec_straight import straight_class
from polaris_dsl.codec import JsonCodec
from polaris_dsl.errors import CodecError


@attrs.frozen
class Item:
    sku: str
    qty: int
    weight: float
    fragile: bool
    price: Decimal = Decimal(0)


@dataclass(frozen=True)
class Order:
    id: str
    items: List[Item]
    first: Optional[Item] = None
    note: Optional[str] = None


NUMBERS = st.one_of(st.integers(), st.just(10**600), st.just(-(10**600)), st.booleans())
FLOATS = st.one_of(st.floats(), st.integers())
TEXTS = st.text(st.characters() | st.characters(categories=["Cs"]))
ITEMS = st.builds(Item, TEXTS, NUMBERS, FLOATS, st.booleans() | NUMBERS, st.decimals(allow_nan=True))
ORDERS = st.builds(Order, TEXTS, st.lists(ITEMS, max_size=2), st.none() | ITEMS, st.none() | TEXTS)


def straight_of(kind: Type[Any]) -> Straight:
    straight = Forms().of(kind).straight
    assert straight is not None
    return straight


def careful(kind: Type[Any]) -> JsonCodec:
    """Return a codec that has no straight code for a class."""
    codec = JsonCodec()
    codec._forms[kind] = attrs.evolve(Forms().of(kind), straight=None)
    return codec


def outcome(act: Callable[..., object], *given: object) -> object:
    try:
        made = act(*given)
    except CodecError as error:
        return error.path, error.why
    return type(made), repr(made)


QUICK, CAREFUL = JsonCodec(), careful(Order)


@given(ORDERS)
def test_both_ways_write_the_same_or_refuse_the_same(order: Order) -> None:
    assert outcome(QUICK.encode, order) == outcome(CAREFUL.encode, order)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from(["1.5", "1.50", "NaN"]),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from(["sku", "qty", "x"]), part),
    max_leaves=6,
)
ITEM_TREES = st.fixed_dictionaries(
    {"sku": TEXTS | JSON, "qty": NUMBERS | JSON, "weight": FLOATS | JSON, "fragile": st.booleans() | JSON},
    optional={"price": st.sampled_from(["1.5", "1.50", "x"]) | JSON, "more": JSON},
)
ORDER_TREES = JSON | st.fixed_dictionaries(
    {"id": TEXTS | JSON, "items": st.lists(ITEM_TREES, max_size=2) | JSON},
    optional={"first": ITEM_TREES | JSON, "note": TEXTS | JSON},
)


@given(ORDER_TREES, st.sampled_from(["", " ", "]"]))
def test_both_ways_read_the_same_or_refuse_the_same(tree: object, behind: str) -> None:
    text = json.dumps(tree) + behind
    assert outcome(QUICK.decode, text, Order) == outcome(CAREFUL.decode, text, Order)


PLAIN = Order("a", [Item("x", 1, 1.5, fragile=True)], Item("y", 2, -0.0, fragile=False), "b")


def test_what_is_not_odd_takes_the_straight_way() -> None:
    straight = straight_of(Order)
    assert straight.text(PLAIN) == CAREFUL.encode(PLAIN)
    assert straight.value(json.loads(CAREFUL.encode(PLAIN))) == PLAIN


def test_what_is_odd_is_left_to_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[object] = []
    monkeypatch.setattr(Form, "text_of", lambda form, value: asked.append(value))
    monkeypatch.setattr(Form, "value_of", lambda form, text: asked.append(text))
    odd = Order("a", [Item("x", 1, 2, fragile=True)])
    QUICK.encode(PLAIN)
    QUICK.encode(odd)
    QUICK.decode("{}", Order)
    assert asked == [odd, "{}"]


@pytest.mark.parametrize("name", ["class", "ﬁ", "a.b", "__debug__", "a'b", ""])
def test_a_name_that_cannot_stand_in_code_has_no_straight_way(name: str) -> None:
    number = Forms().of(int)
    assert straight_class(Item, {("a", "b"): number}) is not None
    assert straight_class(Item, {("a", name): number}) is None
    assert straight_class(Item, {(name, "a"): number}) is None


def test_a_class_without_fields_takes_the_straight_way() -> None:
    data = attrs.make_class("Done", {}, frozen=True)
    straight = straight_of(data)
    assert straight.text(data()) == "{}"
    assert straight.value({}) == data()
