"""Shows what the JSON codec takes, how it writes it, and how it refuses the rest without showing a value."""

from __future__ import annotations

import collections
import dataclasses
import gc
import json
import os
import subprocess
import sys
import traceback
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from functools import cached_property, partial
from pathlib import Path
from types import SimpleNamespace
from typing import (
    Any,
    Callable,
    Dict,
    Final,
    FrozenSet,
    Generic,
    Iterator,
    List,
    NamedTuple,
    NewType,
    Optional,
    Sequence,
    Set,
    Tuple,
    Type,
    TypeVar,
    Union,
)
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from typing_extensions import Annotated, Literal, Protocol, TypeAliasType, TypedDict

from polaris_dsl._codec_parts import Parts
from polaris_dsl.codec import JsonCodec, round_trip
from polaris_dsl.errors import CodecError

T = TypeVar("T")
TRUE = bool(1)
SECRET = "4111-secret-1111"  # noqa: S105  what must not be shown

UserId = NewType("UserId", str)
Names = TypeAliasType("Names", List[str])
Nothing = TypeAliasType("Nothing", None)


@pytest.fixture(autouse=True, scope="module")
def _nothing_collected() -> Iterator[None]:
    """Keep what tools have hung into the garbage collector out of code that runs into the recursion limit.

    Python before 3.10 gives up the process where such a callback swallows the RecursionError.
    """
    gc.disable()
    yield
    gc.enable()


class Color(Enum):
    RED = (1, ("nested",))
    BLUE = (2, ())
    AZURE = (2, ())  # noqa: PIE796  another name of BLUE


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Rights(Flag):
    READ = 1
    WRITE = 2


@attrs.frozen
class Card:
    number: str


@dataclasses.dataclass(frozen=True)
class Transfer:
    iban: str
    fee: float = 0.5


class Point(NamedTuple):
    x: int
    y: int = 0


class Note:
    """A plain class without an `__eq__`."""

    def __init__(self, text: str, *, size: int = 1) -> None:
        self.text = text
        self.size = size

    @cached_property
    def upper(self) -> str:
        return self.text.upper()


class Slotted:
    __slots__ = ("__hidden", "shown")

    def __init__(self, shown: int) -> None:
        self.shown = shown
        self.__hidden = 0

    def hide(self) -> None:
        self.__hidden += 1

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]  # as a class with an __eq__ has it


class OneSlot:
    __slots__ = "only"  # noqa: PLC0205  allowed, so it has to work

    def __init__(self, only: str) -> None:
        self.only = only


@attrs.frozen
class Named:
    """Has fields that go by names which generated code may use for its own."""

    o: int
    res: int = 1
    instance: int = 2
    cl: int = 3
    converter: int = 4
    attrs: int = 5
    value: int = 6
    __private: int = 7


class Tagged(Generic[T]):
    """Has a type variable that none of its fields are of."""

    def __init__(self, value: int) -> None:
        self.value = value


class Approved:
    """Says all by being there."""


@attrs.define
class Tree:
    name: str
    children: List[Tree] = attrs.field(factory=list)
    parent: Optional[Parent] = None


@attrs.define
class Parent:
    trees: Dict[str, Tree]


@attrs.frozen
class Private:
    _hidden: int
    renamed: str = attrs.field(alias="other", default="x")
    only_by_name: int = attrs.field(kw_only=True)


@attrs.define(slots=False)
class Cached:
    base: int

    @cached_property
    def double(self) -> int:
        return self.base * 2


class Model(pydantic.BaseModel):
    when: datetime
    tags: Set[str]
    inner: Optional[Model] = None
    by_alias: List[FrozenSet[int]] = pydantic.Field(alias="byAlias", default_factory=list)
    place: Path = Path("a")
    prices: Dict[str, Set[str]] = {}


class Root(pydantic.RootModel[Set[str]]):
    pass


class Struct(msgspec.Struct, tag="s", rename="camel", frozen=True):
    two_words: FrozenSet[str]
    other: Tuple[int, ...] = ()
    card: Optional[Card] = None


@attrs.frozen
class Everything:
    a: Dict[UserId, Decimal]
    b: Tuple[int, str, None]
    c: Tuple[Level, ...]
    d: Tuple[()]
    e: Dict[int, Set[UUID]]
    f: Union[Card, Transfer, Point, int, None]
    g: FrozenSet[Optional[Literal["x", 1, True, Level.LOW]]]
    h: Optional[Color]
    i: Annotated[bytes, "as base64"]
    j: Union[float, str]
    k: Names
    m: Nothing
    n: Dict[Literal["one", "two"], Rights]
    o: Model
    p: Struct
    q: List[Note]
    r: Optional[bool] = None


EVERYTHING = Everything(
    a={UserId("z"): Decimal("1.10"), UserId("a"): Decimal("-0E+3")},
    b=(1, "é\n\u2028😀", None),
    c=(Level.HIGH, Level.LOW),
    d=(),
    e={-1: {UUID(int=5), UUID(int=3)}, 10**599: set()},
    f=Point(1, 2),
    g=frozenset(["x", True, None]),
    h=Color.AZURE,
    i=b"\x00\xff",
    j=7,
    k=["n"],
    m=None,
    n={"two": Rights.READ | Rights.WRITE, "one": Rights(0)},
    o=Model(when=datetime(2026, 1, 2, tzinfo=timezone.utc), tags={"b", "a"}),
    p=Struct(frozenset("ab")),
    q=[Note("a", size=3)],
)


def holding(kind: Any) -> Type[Any]:
    """Make a data with one field, `held`, of a type."""
    return attrs.make_class("Data", {"held": attrs.field(type=kind)}, frozen=True)


def refused(act: Callable[..., object], *given: Any) -> Tuple[str, str]:
    with pytest.raises(CodecError) as caught:
        act(*given)
    return caught.value.path, caught.value.why


def of(kind: Any, value: object) -> Any:
    return holding(kind)(value)


# --- what comes back -------------------------------------------------------------------------------------------------

VALUES = [
    Card("1"),
    Transfer("DE", 1),
    Transfer("DE", 1.0),
    Point(3),
    Note("a"),
    OneSlot("a"),
    Approved(),
    Named(0),
    Tagged(1),
    attrs.make_class("no name! 1", {"a": attrs.field(type=int)})(1),
    Color.RED,
    Level.HIGH,
    Rights.READ | Rights.WRITE,
    Private(1, "o", only_by_name=2),
    Tree("a", [Tree("b", [Tree("c")])], Parent({"d": Tree("d")})),
    Model(when=datetime(2026, 1, 2, tzinfo=timezone.utc), tags=set(), byAlias=[frozenset([1])], inner=None),
    Model(
        when=datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2))),
        tags={"a", "b"},
        inner=Model(when=datetime(2026, 1, 2, tzinfo=timezone.utc), tags={"c"}, prices={"x": {"1", "2"}}),
    ),
    Root({"a", "b"}),
    Struct(frozenset("abc"), (1, 2), Card("1")),
    EVERYTHING,
    of(int, 10**600 - 1),
    of(float, -0.0),
    of(float, 1e308),
    of(Decimal, Decimal("1.00")),
    of(datetime, datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(-timedelta(hours=3, seconds=7)))),
    of(date, date(1, 1, 1)),
    of(time, time(23, 59, 59, 999999)),
    of(time, time(1, tzinfo=timezone.utc)),
    of(timedelta, timedelta.min),
    of(timedelta, timedelta(microseconds=1)),
    of(Dict[Color, int], {Color.BLUE: 1}),
    of(Dict[Tuple[int, str], bool], {(1, "a"): True}),
    of(Dict[str, int], {"b": 1, "a": 2}),
    of(Optional[Union[Card, int]], None),
    of(Union[bool, int, float], TRUE),
    of(Union[bool, int, float], 1),
    of(Union[List[int], Set[int], None], {1}),
    of(Final[int], 1),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_is_taken_comes_back_the_same_on_one_line_of_compact_utf8(value: object) -> None:
    text, copy = round_trip(JsonCodec(), value)
    assert type(copy) is type(value)
    # some tell where they lie in memory, and pydantic puts a class of its own in the place of `timezone.utc`
    if type(value).__repr__ is not object.__repr__ and not isinstance(value, (Model, Everything)):
        assert sorted(repr(copy)) == sorted(repr(value))  # by letters, for sets tell themselves in any order
    assert "\n" not in text
    assert text == json.dumps(json.loads(text.encode().decode()), ensure_ascii=False, separators=(",", ":"))
    assert JsonCodec().encode(copy) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Transfer("DE", 1), '{"iban":"DE","fee":1}'),
        (Transfer("DE", 1.0), '{"iban":"DE","fee":1.0}'),
        (Color.AZURE, '"BLUE"'),
        (Rights.READ | Rights.WRITE, "3"),
        (Private(1, only_by_name=2), '{"_hidden":1,"renamed":"x","only_by_name":2}'),
        (of(Union[Card, Point], Card("é")), '{"held":["Card",{"number":"é"}]}'),
        (of(Union[float, str], 1), '{"held":["float",1]}'),
        (of(Set[int], {10, 9, 1}), '{"held":[1,10,9]}'),
        (of(Dict[int, str], {2: "b", 1: "a"}), '{"held":[[2,"b"],[1,"a"]]}'),
        (of(Dict[UUID, int], {UUID(int=1): 1}), '{"held":{"00000000-0000-0000-0000-000000000001":1}}'),
        (of(timedelta, timedelta(seconds=-1)), '{"held":-1000000}'),
        (of(bytes, b"\xff\xfe"), '{"held":"//4="}'),
        (Struct(frozenset("ba")), '{"type":"s","twoWords":["a","b"],"other":[],"card":null}'),
        (Root({"b", "a"}), '["a","b"]'),
    ],
)
def test_the_text_of_a_value(value: object, text: str) -> None:
    assert JsonCodec().encode(value) == text


def test_a_float_keeps_whether_it_was_given_as_an_int() -> None:
    assert [type(round_trip(JsonCodec(), Transfer("", fee))[1].fee) for fee in (1, 1.0)] == [int, float]


def test_a_missing_key_takes_the_default_of_its_field() -> None:
    codec = JsonCodec()
    assert codec.decode('{"iban":"x"}', Transfer) == Transfer("x")
    assert codec.decode('{"name":"x"}', Tree) == Tree("x")
    assert codec.decode('{"x":1}', Point) == Point(1)
    assert codec.decode('{"text":"x"}', Note).size == 1


def test_a_class_made_inside_of_a_function_may_hold_itself() -> None:
    @attrs.frozen
    class Local:
        inner: Optional[Local] = None

    assert round_trip(JsonCodec(), Local(Local()))[1] == Local(Local())


def test_what_a_cached_property_keeps_is_no_part_of_a_value() -> None:
    note, cached = Note("a"), Cached(1)
    assert (note.upper, cached.double) == ("A", 2)
    assert vars(round_trip(JsonCodec(), note)[1]) == {"text": "a", "size": 1}
    assert round_trip(JsonCodec(), cached)[1].base == 1


def test_one_codec_serves_many_threads_from_the_first_value_on() -> None:
    for _ in range(20):
        codec = JsonCodec()
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(codec.encode, [EVERYTHING] * 16))) == 1


def test_sets_are_written_alike_in_every_process() -> None:
    code = """if True:
        import attrs, msgspec, pydantic
        from typing import *
        from polaris_dsl.codec import JsonCodec
        W = frozenset("the quick brown fox jumps over a lazy dog".split())
        @attrs.frozen
        class Own: words: FrozenSet[str]; pairs: FrozenSet[FrozenSet[str]]
        class Inner(pydantic.BaseModel): words: Set[str]; more: Dict[str, FrozenSet[FrozenSet[str]]]
        class Struct(msgspec.Struct, omit_defaults=True):
            words: FrozenSet[str]; a: int = 1; more: Tuple[Set[str], ...] = ()
        @attrs.frozen
        class Slots: words: FrozenSet[str]
        class Outer(msgspec.Struct): words: Slots
        class Model(pydantic.BaseModel):
            inner: List[Inner]; aliased: Set[str] = pydantic.Field(alias="as")
        print(JsonCodec().encode(Own(W, frozenset([W, frozenset("ab")]))))
        inner = Inner(words=W, more={"x": frozenset([W, frozenset("ab")])})
        print(JsonCodec().encode(Model(inner=[inner], **{"as": W})))
        print(JsonCodec().encode(Outer(Slots(W))))
        print(JsonCodec().encode(Struct(W, more=(set(W),))))
    """
    told = set()
    for seed in range(4):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        told.add(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
    assert len(told) == 1


def test_a_class_is_looked_at_once() -> None:
    codec = JsonCodec()
    codec.check(Card)
    assert codec._form(Card) is codec._form(Card)


def test_libraries_of_models_are_not_loaded_by_the_codec() -> None:
    code = """if True:
        import attrs, sys
        from polaris_dsl.codec import JsonCodec
        @attrs.frozen
        class Card: number: str
        JsonCodec().decode(JsonCodec().encode(Card("1")), Card)
        print(sorted({"pydantic", "msgspec"} & set(sys.modules)))
    """
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"


# --- what is refused by its class ------------------------------------------------------------------------------------


class Untyped:
    def __init__(self, a: int, b) -> None:
        self.a, self.b = a, b


class Many:
    def __init__(self, *items: int) -> None:
        self.items = items


class Positional:
    def __init__(self, a: int, /) -> None:
        self.a = a


class Text(str):
    __slots__ = ()


class Abstract(ABC):
    @abstractmethod
    def act(self) -> None: ...


class Shape(Protocol):
    x: int


class Typed(TypedDict):
    x: int


class NoSignature:
    __signature__ = "none"

    def __init__(self, a: int) -> None:
        self.a = a


@attrs.frozen
class Box(Generic[T]):
    item: T


@attrs.frozen
class Lost:
    a: Missing  # type: ignore[name-defined]  # noqa: F821  the point of it


@attrs.frozen
class Broken:
    a: len(3)  # type: ignore[valid-type]  # the point of it


@dataclasses.dataclass
class Init:
    a: int
    b: dataclasses.InitVar[int]


@attrs.define
class Loop:
    other: List[Loop]
    bad: Optional[Lopsided]


@attrs.define
class Lopsided:
    loop: Loop
    odd: object


class Forward(pydantic.BaseModel):
    a: Optional[NowhereToBeFound] = None  # type: ignore[name-defined]  # noqa: F821  the point of it


class Odd(msgspec.Struct):
    a: Path


NoFields = collections.namedtuple("NoFields", "a b")  # noqa: PYI024  the point of it
Card2 = attrs.make_class("Card", {"x": attrs.field(type=int)})

Unresolved = TypeAliasType("Unresolved", List["Card"])

REFUSED_CLASSES: List[Tuple[Any, str, str]] = [
    (holding(Any), "Data.held", "Any can be anything: write the type that is meant"),
    (holding(object), "Data.held", "object can be anything: write the type that is meant"),
    (holding(list), "Data.held", "list does not say what it holds: write it as in List[int]"),
    (holding(List), "Data.held", "list does not say what it holds: write it as in List[int]"),
    (holding(Set), "Data.held", "set does not say what it holds: write it as in Set[int]"),
    (holding(Dict), "Data.held", "dict does not say what it holds: write it as in Dict[str, int]"),
    (holding(tuple), "Data.held", "tuple does not say what it holds: write it as in Tuple[int, ...]"),
    (holding(Tuple), "Data.held", "Tuple does not say what it holds: write it as in Tuple[int, ...]"),
    (holding(Abstract), "Data.held", "Abstract is abstract"),
    (holding(Shape), "Data.held", "Shape is abstract"),
    (holding(Sequence[int]), "Data.held", "Sequence[int] cannot be written as JSON and read back: write str, int"),
    (holding(T), "Data.held", "~T cannot be written as JSON and read back"),
    (holding(Box[int]), "Data.held", "cannot be written as JSON and read back"),
    (holding(Callable[[], int]), "Data.held", "cannot be written as JSON and read back"),
    (holding(Text), "Data.held", "Text has a __new__ of its own"),
    (holding(Typed), "Data.held", "Typed has a __new__ of its own"),
    (holding(Path), "Data.held", "has a __new__ of its own"),
    (holding(complex), "Data.held", "complex has a __new__ of its own"),
    (holding(NoSignature), "Data.held", "NoSignature does not say what it is made of"),
    (holding(List[Dict[str, Tuple[int, Any]]]), "Data.held[].values()[][1]", "Any can be anything"),
    (holding(Dict[List[int], str]), "Data.held.keys()[]", "list has no hash: make it frozen"),
    (holding(Set[Tree]), "Data.held[]", "Tree has no hash: make it frozen"),
    (holding(FrozenSet[Optional[Any]]), "Data.held[]", "Any can be anything"),
    (holding(Tuple[Any, ...]), "Data.held[]", "Any can be anything"),
    (holding(Union[Card, Card2]), "Data.held", "two alternatives of its Union are called Card"),
    (holding(Union[UserId, str]), "Data.held", "two alternatives of its Union are called str"),
    (holding(Union[Card, Literal[1, "a"]]), "Data.held", "stands in a Union, and its values have no one class"),
    (holding(Literal["LOW", Level.LOW]), "Data.held", "two of the values of its Literal look the same in JSON"),
    (holding(Unresolved), "Data.held[]", "ForwardRef('Card') cannot be written"),
    (attrs.make_class("Data", ["held"]), "Data.held", "has no type: annotate it"),
    (Untyped, "Untyped.b", "has no type: annotate it, in __init__ if the class is a plain one"),
    (Many, "Many.items", "can only be given by position: let __init__ take it by name"),
    (Positional, "Positional.a", "can only be given by position"),
    (NoFields, "NoFields.a", "has no type"),
    (Box, "Box.item", "~T cannot be written"),
    (Lost, "Lost", "an annotation of Lost cannot be read: name 'Missing' is not defined: import it at the top"),
    (Broken, "Broken", "an annotation of Broken cannot be read: on this Python, write Optional[...]"),
    (Init, "Init.b" if sys.version_info >= (3, 11) else "Init", ""),
    (Loop, "Loop.bad.odd", "object can be anything"),
    (Lopsided, "Lopsided.odd", "object can be anything"),
    (Forward, "Forward", "an annotation of Forward cannot be read by pydantic"),
    (Odd, "Odd", "msgspec cannot read Odd: an annotation is unsupported"),
]


@pytest.mark.parametrize(("data", "path", "why"), REFUSED_CLASSES, ids=lambda part: getattr(part, "__name__", None))
def test_a_class_that_can_never_be_taken_is_refused_before_there_is_a_value(data: Any, path: str, why: str) -> None:
    codec = JsonCodec()
    for _ in range(2):
        found = refused(codec.check, data)
        assert found[0] == path
        assert why in found[1]


def test_a_class_is_refused_for_what_it_holds_although_that_was_met_in_another_that_was_refused() -> None:
    codec = JsonCodec()
    assert refused(codec.check, Lopsided)[0] == "Lopsided.odd"
    assert refused(codec.check, Loop)[0] == "Loop.bad.odd"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs an alias that holds itself")
def test_an_alias_that_holds_itself_is_refused() -> None:
    names: Dict[str, Any] = {}
    exec("type Endless = list[Endless]", names)  # noqa: S102  older Pythons cannot read it
    assert refused(JsonCodec().check, holding(names["Endless"])) == ("Data", "is nested too deeply, or holds itself")


def test_a_class_that_can_be_taken_passes() -> None:
    for data in (Everything, Tree, Color, Rights, Model, Struct, Approved, Note):
        JsonCodec().check(data)


# --- what is refused by its value ------------------------------------------------------------------------------------


class Zone(tzinfo):
    def utcoffset(self, _: Optional[datetime]) -> timedelta:
        return timedelta(0)

    def dst(self, _: Optional[datetime]) -> timedelta:
        return timedelta(0)

    def tzname(self, _: Optional[datetime]) -> str:
        return "Zone"


class Forgetful:
    def __init__(self, kept: int, text: str) -> None:
        self.kept = kept
        del text


class Failing:
    def __init__(self, text: str) -> None:
        self._text = text

    @property
    def text(self) -> str:
        raise ValueError(self._text)


class Words(str):
    __slots__ = ()


def itself() -> object:
    tree = Tree("a")
    tree.children.append(tree)
    return tree


class Infinite(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(ser_json_inf_nan="constants")

    number: float


class Bound(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True)

    secret: pydantic.SecretStr = pydantic.SecretStr("")
    base: Optional[pydantic.BaseModel] = None
    number: float = 1.0
    items: Any = None
    _private: int = pydantic.PrivateAttr(default=0)


class Turncoat(pydantic.BaseModel):
    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _become(cls, _: object, __: pydantic.ModelWrapValidatorHandler[Turncoat]) -> Turncoat:
        return 1  # type: ignore[return-value]  # the point of it


class Unwritable(pydantic.BaseModel):
    number: str

    @pydantic.field_serializer("number")
    def _serialized(self, number: str) -> str:
        raise ValueError(number)


REFUSED_VALUES: List[Tuple[Any, str, str]] = [
    (of(int, SECRET), "Data.held", "expected int, got str"),
    (of(int, TRUE), "Data.held", "expected int, got bool"),
    (of(int, 10**600), "Data.held", "is an int of more than 600 digits"),
    (of(float, TRUE), "Data.held", "expected float, got bool"),
    (of(float, float("nan")), "Data.held", "is not a finite number"),
    (of(float, float("-inf")), "Data.held", "is not a finite number"),
    (of(bool, 1), "Data.held", "expected bool, got int"),
    (of(type(None), SECRET), "Data.held", "expected None, got str"),
    (of(str, Words(SECRET)), "Data.held", "expected str, got Words"),
    (of(str, SECRET + "\ud800"), "Data.held", "holds a lone surrogate"),
    (of(Decimal, Decimal("sNaN")), "Data.held", "is not a finite number"),
    (of(Decimal, 1), "Data.held", "expected Decimal, got int"),
    (of(datetime, datetime(2026, 1, 1)), "Data.held", "expected an aware datetime, got a naive one"),  # noqa: DTZ001
    (of(datetime, datetime(2026, 1, 1, tzinfo=Zone())), "Data.held", "has a time zone with a name"),
    (of(datetime, datetime(2026, 1, 1, tzinfo=timezone(timedelta(0), SECRET))), "Data.held", "time zone with a name"),
    (of(time, time(1, fold=1)), "Data.held", "has fold=1, which JSON does not keep"),
    (of(date, datetime(2026, 1, 1, tzinfo=timezone.utc)), "Data.held", "expected date, got datetime"),
    (of(List[int], (1,)), "Data.held", "expected list, got tuple"),
    (of(List[int], [1, 2, SECRET]), "Data.held[2]", "expected int, got str"),
    (of(Tuple[int, ...], [1]), "Data.held", "expected tuple, got list"),
    (of(Tuple[int, ...], (1, SECRET)), "Data.held[1]", "expected int, got str"),
    (of(Tuple[int, str], (SECRET,)), "Data.held", "expected 2 elements, got 1"),
    (of(Tuple[int, int], (1, SECRET)), "Data.held[1]", "expected int, got str"),
    (of(Dict[str, int], {"a": 1, SECRET: SECRET}), "Data.held.values()[1]", "expected int, got str"),
    (of(Dict[int, int], {1: 1, SECRET: 2}), "Data.held.keys()[1]", "expected int, got str"),
    (of(Dict[str, int], collections.OrderedDict()), "Data.held", "expected dict, got OrderedDict"),
    (of(Set[int], frozenset()), "Data.held", "expected set, got frozenset"),
    (of(Set[int], {SECRET}), "Data.held[0]", "expected int, got str"),
    (of(Union[Card, int], SECRET), "Data.held", "expected Card | int, got str"),
    (of(Union[Card, int], Card(1)), "Data.held.number", "expected str, got int"),  # type: ignore[arg-type]
    (of(Optional[int], SECRET), "Data.held", "expected int, got str"),
    (of(Literal["a", 1], SECRET), "Data.held", "expected one of the values of its Literal"),
    (of(Literal["a", 1], TRUE), "Data.held", "expected one of the values of its Literal"),
    (of(Literal["a", 1], [SECRET]), "Data.held", "expected one of the values of its Literal"),
    (of(Color, Level.LOW), "Data.held", "expected Color, got Level"),
    (of(Card, Point(1)), "Data.held", "expected Card, got Point"),
    (of(List[Card], [Card(None)]), "Data.held[0].number", "expected str, got NoneType"),  # type: ignore[arg-type]
    (Forgetful(1, SECRET), "Forgetful.text", "has no value that could be read under this name"),
    (Failing(SECRET), "Failing.text", "has no value that could be read under this name"),
    (itself(), "Tree", "is nested too deeply, or holds itself"),
    (Infinite(number=float("inf")), "Infinite", "Infinite could not be written as JSON by its own library"),
    (Unwritable(number=SECRET), "Unwritable", "Unwritable could not be written as JSON by its own library"),
    (Struct(frozenset([SECRET + "\ud800"])), "Struct", "Struct could not be written as JSON by its own library"),
    (of(Card, Struct(frozenset())), "Data.held", "expected Card, got Struct"),
    (of(Struct, Card(SECRET)), "Data.held", "expected Struct, got Card"),
]


@pytest.mark.parametrize(("value", "path", "why"), REFUSED_VALUES)
def test_a_value_that_is_not_what_its_class_declares_is_refused(value: object, path: str, why: str) -> None:
    found = refused(JsonCodec().encode, value)
    assert found[0] == path
    assert why in found[1]


def test_a_codec_called_near_the_recursion_limit_has_no_room_and_says_so() -> None:
    """Python before 3.10 gives up the process where the limit is met, swallowed and met again."""
    code = """if True:
        import gc, sys
        from typing import List
        import attrs
        from polaris_dsl.codec import JsonCodec, round_trip
        from polaris_dsl.errors import CodecError
        @attrs.define
        class Tree: children: "List[Tree]" = attrs.field(factory=list)
        def told(act):
            try: act()
            except CodecError as error: return error.why
            except RecursionError: return "no room"
            return "fine"
        def at(depth, act): return at(depth - 1, act) if depth else told(act)
        codec = JsonCodec()
        text, tree = round_trip(codec, Tree([Tree(), Tree()]))
        tree.children.append(tree)
        gc.disable()
        acts = lambda: codec.encode(tree), lambda: codec.decode(text, Tree), lambda: round_trip(codec, tree)
        limit = sys.getrecursionlimit()
        for act in acts:
            print(at(limit - 100, act), sorted({at(depth, act) for depth in range(limit - 99, limit - 4)}))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.stdout.splitlines() == [
        "is nested too deeply, or holds itself ['is nested too deeply, or holds itself', 'no room']",
        "fine ['fine', 'is nested too deeply, or holds itself', 'no room']",
        "is nested too deeply, or holds itself ['is nested too deeply, or holds itself', 'no room']",
    ], done.stderr
    assert done.returncode == 0


@attrs.frozen
class Picky:
    number: str = attrs.field()

    @number.validator
    def _check(self, _: object, number: str) -> None:
        if number == SECRET:
            raise ValueError(number)
        if number == "deep":
            raise RecursionError


@dataclasses.dataclass
class Proud:
    number: str

    def __post_init__(self) -> None:
        raise KeyError(self.number)


class Swap:
    def __init__(self, text: str) -> None:
        self.text = text

    def __hash__(self) -> int:
        raise ValueError(self.text)


class Missed(Flag):
    A = 1

    @classmethod
    def _missing_(cls, value: object) -> object:
        raise KeyError(value)


NUMBER = "9" * 5000
REFUSED_TEXTS: List[Tuple[Any, str, str, str]] = [
    (Card, "", "Card", "is not JSON"),
    (Card, '{"number":"' + SECRET, "Card", "is not JSON"),
    (Card, "[" * 100_000, "Card", "is nested too deeply"),
    (Card, f'["{SECRET}"]', "Card", "expected Card, got list"),
    (Card, "{}", "Card.number", "is missing"),
    (Card, f'{{"number":"1","{SECRET}":1}}', "Card", "has 1 key that no field of Card goes by"),
    (Card, f'{{"number":"1","{SECRET}":1,"b":1}}', "Card", "has 2 keys that no field of Card goes by"),
    (Card, '{"number":"\\ud800"}', "Card.number", "holds a lone surrogate"),
    (Point, '{"y":1}', "Point.x", "is missing"),
    (Picky, f'{{"number":"{SECRET}"}}', "Picky", "was refused by Picky itself"),
    (Picky, '{"number":"deep"}', "Picky", "is nested too deeply"),
    (Proud, f'{{"number":"{SECRET}"}}', "Proud", "was refused by Proud itself"),
    (Proud, '{"number":1}', "Proud.number", "expected str, got int"),
    (holding(Proud), f'{{"held":{{"number":"{SECRET}"}}}}', "Data.held", "was refused by Proud itself"),
    (Color, f'"{SECRET}"', "Color", "expected the name of a Color"),
    (Color, '"AZURE"', "Color", "expected the name of a Color"),
    (Color, "1", "Color", "expected the name of a Color"),
    (Rights, "4", "Rights", "expected the number of a Rights"),
    (Rights, "-1", "Rights", "expected the number of a Rights"),
    (Missed, "4", "Missed", "expected the number of a Missed"),
    (holding(int), '{"held":1.0}', "Data.held", "expected int, got float"),
    (holding(float), '{"held":1e999}', "Data.held", "is not a finite number"),
    (holding(float), '{"held":NaN}', "Data.held", "is not a finite number"),
    (holding(float), '{"held":"1"}', "Data.held", "expected float, got str"),
    (holding(bool), '{"held":1}', "Data.held", "expected bool, got int"),
    (holding(Decimal), '{"held":1}', "Data.held", "expected Decimal as str, got int"),
    (holding(Decimal), f'{{"held":"{SECRET}"}}', "Data.held", "expected Decimal, got another str"),
    (holding(Decimal), '{"held":"NaN"}', "Data.held", "is not a finite number"),
    (holding(Decimal), '{"held":" 1"}', "Data.held", "expected Decimal, got another spelling of it"),
    (holding(UUID), f'{{"held":"{SECRET}"}}', "Data.held", "expected UUID, got another str"),
    (holding(bytes), '{"held":"é"}', "Data.held", "expected bytes, got another str"),
    (holding(bytes), '{"held":"AA=A"}', "Data.held", "expected bytes, got another"),
    (holding(datetime), '{"held":"2026-01-01T00:00:00"}', "Data.held", "expected an aware datetime"),
    (holding(date), '{"held":"yesterday"}', "Data.held", "expected date, got another str"),
    (holding(timedelta), '{"held":1.5}', "Data.held", "expected timedelta as int, got float"),
    (holding(timedelta), '{"held":1' + "0" * 100 + "}", "Data.held", "is longer than a timedelta can be"),
    (holding(List[int]), '{"held":"123"}', "Data.held", "expected list, got str"),
    (holding(List[int]), f'{{"held":[1,"{SECRET}"]}}', "Data.held[1]", "expected int, got str"),
    (holding(Set[int]), '{"held":[1,1]}', "Data.held", "holds an element twice, or one that cannot be hashed"),
    (holding(Set[Swap]), '{"held":[{"text":"' + SECRET + '"}]}', "Data.held", "holds an element twice, or one that"),
    (holding(Tuple[int, int]), '{"held":[1]}', "Data.held", "expected 2 elements, got 1"),
    (holding(Dict[str, int]), f'{{"held":{{"a":"{SECRET}"}}}}', "Data.held.values()[0]", "expected int, got str"),
    (holding(Dict[UUID, int]), f'{{"held":{{"{SECRET}":1}}}}', "Data.held.keys()[0]", "expected UUID, got another str"),
    (holding(Dict[int, int]), '{"held":{}}', "Data.held", "expected list, got dict"),
    (holding(Dict[int, int]), '{"held":[[1,1],[2]]}', "Data.held[1]", "expected a list of two"),
    (holding(Dict[int, int]), '{"held":[[1,1],[1,2]]}', "Data.held", "holds an element twice"),
    (holding(Literal["a", 1]), f'{{"held":["{SECRET}"]}}', "Data.held", "expected one of the values of its Literal"),
    (holding(Literal["a", 1]), '{"held":true}', "Data.held", "expected one of the values of its Literal"),
    (holding(Union[Card, int]), f'{{"held":["{SECRET}",1]}}', "Data.held", "expected the name of Card | int"),
    (holding(Union[Card, int]), '{"held":["Point",{"x":1}]}', "Data.held", "expected the name of Card | int"),
    (holding(Union[Card, int]), '{"held":["os.system",1]}', "Data.held", "expected the name of Card | int"),
    (holding(Union[Card, int]), '{"held":[[],1]}', "Data.held", "expected the name of Card | int"),
    (holding(Union[Card, int]), '{"held":["Card"]}', "Data.held", "expected a list of two"),
    (holding(Union[Card, int]), '{"held":null}', "Data.held", "expected list, got NoneType"),
    (holding(Union[Card, int]), '{"held":["Card",{"number":2}]}', "Data.held.number", "expected str, got int"),
    (Model, f'{{"when":"{SECRET}","tags":[]}}', "Model", "was refused by Model itself"),
    (Model, '{"when":1e999}', "Model", "was refused by Model itself"),
    (Model, '{"when":"2026-01-01T00:00:00Z","tags":["\\ud800"]}', "Model", "was refused by Model itself"),
    (Bound, '{"number":"1.5"}', "Bound", "was refused by Bound itself"),
    (Turncoat, "{}", "Turncoat", "was refused by Turncoat itself"),
    (Struct, f'{{"type":"s","twoWords":"{SECRET}"}}', "Struct", "was refused by Struct itself"),
    (holding(Struct), f'{{"held":"{SECRET}"}}', "Data.held", "was refused by Struct itself"),
]


@pytest.mark.parametrize(("data", "text", "path", "why"), REFUSED_TEXTS, ids=lambda part: str(part)[:40])
def test_a_text_that_says_no_such_value_is_refused(data: Any, text: str, path: str, why: str) -> None:
    found = refused(JsonCodec().decode, text, data)
    assert found[0] == path
    assert why in found[1]


def test_an_int_of_many_digits_is_refused_on_every_python() -> None:
    path, why = refused(JsonCodec().decode, f'{{"held":{NUMBER}}}', holding(int))
    assert (path, why) in {("Data", "is not JSON"), ("Data.held", "is an int of more than 600 digits")}


def acts() -> Iterator[Callable[[], object]]:
    codec = JsonCodec()
    for value, _, _ in REFUSED_VALUES:
        yield partial(codec.encode, value)
    for data, text, _, _ in REFUSED_TEXTS:
        yield partial(codec.decode, text, data)
    for value, _, _ in ALTERED:
        yield partial(round_trip, codec, value)


def caught(act: Callable[[], object]) -> CodecError:
    try:
        act()
    except CodecError as error:
        return error
    pytest.fail("nothing was refused")


def test_no_error_shows_a_value_nor_has_any_other_chained_to_it() -> None:
    for act in acts():
        error = caught(act)
        assert error.__cause__ is None
        assert error.__context__ is None
        assert SECRET not in "".join(traceback.format_exception(type(error), error, error.__traceback__))
        assert SECRET not in repr(vars(error))


def test_only_the_users_own_error_is_chained_where_one_is_being_handled() -> None:
    def handling(act: Callable[[], object]) -> None:
        try:
            json.loads("{}")["own"]
        except KeyError:
            act()

    for act in acts():
        own = caught(partial(handling, act)).__context__
        assert isinstance(own, KeyError)
        assert own.__context__ is None


# --- what does not survive -------------------------------------------------------------------------------------------


@attrs.define
class Counter:
    start: int
    seen: List[str] = attrs.field(init=False, factory=list)
    unset: int = attrs.field(init=False)


@attrs.frozen
class Lenient:
    text: str = attrs.field(converter=lambda text: text.strip())
    ignored: int = attrs.field(eq=False, default=0)

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]  # as a class with an __eq__ has it


def trimmed() -> Lenient:
    lenient = Lenient("x")
    object.__setattr__(lenient, "text", f" {SECRET} ")
    return lenient


class Rounding:
    def __init__(self, amount: float) -> None:
        self.amount = round(amount)


class Loud:
    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        raise ValueError(SECRET)

    __hash__ = None  # type: ignore[assignment]  # as a class with an __eq__ has it


def seen() -> Counter:
    counter = Counter(1)
    counter.seen.append(SECRET)
    return counter


def with_more(value: Any, **more: object) -> Any:
    vars(value).update(more)
    return value


def hiding() -> Slotted:
    slotted = Slotted(1)
    slotted.hide()
    return slotted


def private() -> Bound:
    bound = Bound()
    bound._private = 1
    return bound


ALTERED: List[Tuple[Any, str, str]] = [
    (seen(), "Counter.seen", "list does not come back from JSON as it was"),
    (trimmed(), "Lenient.text", "str does not come back from JSON as it was"),
    (hiding(), "Slotted._Slotted__hidden", "int does not come back"),
    (with_more(Note("a"), size=True, text="b"), "Note.size", "expected int, got bool"),
    (with_more(Note("a"), extra=SECRET), "Note", "Note does not come back from JSON as it was"),
    (with_more(Rounding(1.5), amount=1.5), "Rounding.amount", "float comes back from JSON as int"),
    (Bound(secret=pydantic.SecretStr(SECRET)), "Bound.secret._secret_value", "str does not come back"),
    (private(), "Bound.__pydantic_private__.values()[0]", "int does not come back from JSON as it was"),
    (with_more(Bound(), number=1), "Bound.number", "int comes back from JSON as float"),
    (Bound(items=(1, 2)), "Bound.items", "tuple comes back from JSON as list"),
    (Bound(items={"a": [1, (2,)]}), "Bound.items.values()[0][1]", "tuple comes back from JSON as list"),
    (Bound(items={1: 2}), "Bound.items.keys()[0]", "int comes back from JSON as str"),
    (with_more(Note("a"), extra=Loud(1)), "Note", "Note does not come back"),
]


@pytest.mark.parametrize(("value", "path", "why"), ALTERED)
def test_what_does_not_survive_is_named_by_its_first_place(value: object, path: str, why: str) -> None:
    found = refused(round_trip, JsonCodec(), value)
    assert found[0] == path
    assert why in found[1]


class Other:
    """A codec that hands out a value of its own."""

    def __init__(self, value: object) -> None:
        self.value = value

    def check(self, data: type, /) -> None:
        """Take everything."""

    def encode(self, value: object, /) -> str:
        return "{}"

    def decode(self, text: str, data: Type[T], /) -> T:
        return self.value  # type: ignore[return-value]  # the point of it


ORDERED = [{"a": 1, "b": 2}, {"b": 2, "a": 1}]
SAME: List[Tuple[object, object, bool]] = [
    (1, True, False),
    (1, 1.0, False),
    (0.0, -0.0, False),
    (float("nan"), float("nan"), True),
    (Decimal("1.0"), Decimal("1.00"), False),
    ("a", Words("a"), False),
    ([1], (1,), False),
    ([1], [1, 1], False),
    ({1}, {True}, False),
    ({Words("a")}, {Words("a")}, True),
    ({1}, {1}, True),
    ({(1, 2)}, {(1, True)}, False),
    ({Note("a")}, {Note("a")}, True),
    ({Note("a")}, {Note("b")}, False),
    (ORDERED[0], ORDERED[1], False),
    (collections.OrderedDict(a=1), {"a": 1}, False),
    (collections.deque([1]), collections.deque([True]), False),
    (datetime(2026, 1, 1, 1, tzinfo=timezone.utc), datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=1))), False),
    (datetime(2026, 1, 1, fold=0), datetime(2026, 1, 1, fold=1), False),  # noqa: DTZ001
    (Lenient("a", 1), Lenient("a", 2), False),
    (Slotted(1), Slotted(2), False),
    (Approved(), Approved(), True),
    (Approved(), OneSlot("a"), False),
    (Path("a"), Path("a"), True),
    (Path("a"), Path("b"), False),
    (Words("a"), Words("a"), True),
    (Words("a"), Words("b"), False),
    (Loud(1), Loud(1), True),
    (Loud(1), Loud(2), False),
    (SimpleNamespace(a=1), SimpleNamespace(a=1), True),
    (SimpleNamespace(a=1), SimpleNamespace(b=1), False),
    (Color.RED, Color.BLUE, False),
]


@pytest.mark.parametrize(("was", "now", "same"), SAME)
def test_a_copy_is_compared_by_class_and_content_whatever_its_eq_says(was: object, now: object, *, same: bool) -> None:
    if same:
        assert round_trip(Other(now), was) == ("{}", now)
    else:
        refused(round_trip, Other(now), was)


class Shouting(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise ValueError(SECRET)

    __hash__ = str.__hash__


def test_an_eq_that_raises_finds_nothing_the_same() -> None:
    assert "does not come back" in refused(round_trip, Other(Shouting("a")), Shouting("a"))[1]


def test_a_copy_of_no_end_is_refused() -> None:
    endless: List[object] = []
    endless.append(endless)
    assert refused(round_trip, Other(endless), endless) == ("list", "is nested too deeply, or holds itself")


def test_a_slot_that_was_never_filled_is_no_part_of_a_value() -> None:
    class Half:
        __slots__ = ("first", "second")
        first: int
        second: int

    def half(number: int) -> Half:
        made = Half()
        made.first = number
        return made

    assert Parts().difference(half(1), half(1)) is None
    assert Parts().difference(half(1), half(2)) == (".first", "int does not come back from JSON as it was")
