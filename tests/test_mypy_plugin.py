"""The mypy plugin: where it finds workflows and builders, what it says of them, and what it leaves alone."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, Sequence, Set, Tuple

import pytest
from typing_extensions import Protocol

from polaris_dsl import WorkflowError
from tests.mypy_runs import (
    DATA,
    ROOT,
    Found,
    configure,
    errors_of,
    in_a_process_of_its_own,
    in_process,
    printed_by,
    sentences,
    write,
)

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")

OLDEST = os.environ.get("POLARIS_MYPY_OLDEST", "")
"""A Python that has the oldest mypy that is supported, and this library's dependencies."""


class Check(Protocol):
    def __call__(self, programs: Mapping[str, str], /, *arguments: str) -> Sequence[Found]:
        """Write programs into a fresh folder and run mypy over them."""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of what all programs import; theirs are in it as well, but each lies in a folder of its own."""
    return tmp_path_factory.mktemp("mypy-cache")


@pytest.fixture
def check(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    def checked(programs: Mapping[str, str], /, *arguments: str) -> Sequence[Found]:
        configure(tmp_path)
        configure(tmp_path, file="quiet.ini", enabled="")
        write(tmp_path, programs)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MYPYPATH", str(ROOT))
        return in_process(tmp_path, *arguments, cache=cache)

    return checked


@pytest.fixture
def check_with_oldest(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Check:
    if not OLDEST:
        pytest.skip("POLARIS_MYPY_OLDEST names no Python that has the oldest mypy")
    cache = tmp_path_factory.getbasetemp() / "mypy-cache-of-the-oldest"

    def checked(programs: Mapping[str, str], /, *arguments: str) -> Sequence[Found]:
        configure(tmp_path)
        write(tmp_path, programs)
        return in_a_process_of_its_own(tmp_path, *arguments, cache=cache, python=OLDEST)

    return checked


HEAD = """
from __future__ import annotations
from typing import *
from polaris_dsl import *
from data import *
"""

CONTEXTS = """
import attrs

@builder
def pay(token: Token) -> Paid: ...
def same(value: T) -> T: ...
@overload
def either(value: int) -> int: ...
@overload
def either(value: Workflow[Paid, Order]) -> str: ...
def either(value: object) -> object: ...

class Shop:
    in_a_class = workflow(target=Paid, inputs=Order, builders=[pay])
    def __init__(self) -> None:
        self.attribute = workflow(target=Paid, inputs=Order, builders=[pay])
    def returned(self) -> Workflow[Paid, Order]:
        return workflow(target=Paid, inputs=Order, builders=[pay])
    def default(self, flow: object = workflow(target=Paid, inputs=Order, builders=[pay])) -> None: ...
@attrs.frozen
class Made:
    flow: Any = attrs.field(factory=lambda: workflow(target=Paid, inputs=Order, builders=[pay]))

any_: Any = workflow(target=Paid, inputs=Order, builders=[pay])
other: Workflow[Paid, Token] = workflow(target=Paid, inputs=Order, builders=[pay])  # of-another-type
text: str = either(workflow(target=Paid, inputs=Order, builders=[pay]))
generic = same(workflow(target=Paid, inputs=Order, builders=[pay]))
value = {"pay": workflow(target=Paid, inputs=Order, builders=[pay])}
listed = [workflow(target=Paid, inputs=Order, builders=[pay]) for _ in "ab"]
later = lambda: workflow(target=Paid, inputs=Order, builders=[pay])
first, second = workflow(target=Paid, inputs=Order, builders=[pay]), 1
workflow(target=Paid, inputs=Order, builders=[pay]).run(Order(""))
conditional = workflow(target=Paid, inputs=Order, builders=[pay]) if any_ else None
print(f"{workflow(target=Paid, inputs=Order, builders=[pay])}")
if (walrus := workflow(target=Paid, inputs=Order, builders=[pay])): ...
with Executor(workflow(target=Paid, inputs=Order, builders=[pay])) as payments: ...
async def awaited() -> object:
    return workflow(target=Paid, inputs=Order, builders=[pay])
def yielded() -> Iterator[object]:
    yield workflow(target=Paid, inputs=Order, builders=[pay])
"""


def assert_told_in_every_context(found: Sequence[Found], program: str) -> None:
    lines = program.splitlines()
    told = errors_of(found)["contexts.py"]
    calls = [number for number, line in enumerate(lines, start=1) if "workflow(target" in line]
    assert len(calls) == 20
    assert [line for line, code in told if code == "polaris-missing-data"] == calls
    of_another_type = [number for number, line in enumerate(lines, start=1) if "of-another-type" in line]
    assert [(line, code) for line, code in told if code != "polaris-missing-data"] == [
        (line, "assignment") for line in of_another_type
    ]


CONTEXTS_PROGRAM = HEAD + "\nT = TypeVar('T')\n" + CONTEXTS


def test_a_workflow_is_checked_in_whatever_expression_it_stands(check: Check) -> None:
    assert_told_in_every_context(check({"data": DATA, "contexts": CONTEXTS_PROGRAM}), CONTEXTS_PROGRAM)


def test_the_oldest_mypy_says_the_same_in_whatever_expression(check_with_oldest: Check) -> None:
    assert_told_in_every_context(check_with_oldest({"data": DATA, "contexts": CONTEXTS_PROGRAM}), CONTEXTS_PROGRAM)


# --- where builders come from ----------------------------------------------------------------------------------------

SHOP = """
from __future__ import annotations
import functools
from typing import *
from data import *
from polaris_dsl import Builder, builder

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

def kept(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)
    return wrapper

@builder
def pay(token: Token) -> Paid: ...
@builder(name="pay at once")
def pay_now(token: Token) -> Paid: ...
@builder
async def pay_later(token: Token) -> Paid: ...
@builder
@kept
def pay_kept(token: Token) -> Paid: ...
def pay_bare(token: Token) -> Paid: ...
async def pay_bare_later(token: Token) -> Paid: ...

class Bank:
    @builder
    def pay(self, token: Token) -> Paid: ...
    @builder(name="bank")
    def pay_named(self, token: Token) -> Paid: ...
    @builder
    @classmethod
    def pay_class(cls, token: Token) -> Paid: ...
    @builder
    @staticmethod
    def pay_static(token: Token) -> Paid: ...
    @builder
    def pay_me(self: T, token: Token) -> Paid: ...
    @builder
    def pay_bank(self: Bank, token: Token) -> Paid: ...
    def bare(self, token: Token) -> Paid: ...
class Branch(Bank): ...
class Window(NamedTuple):
    number: int
    @builder
    def pay(self, token: Token) -> Paid: ...
class Box(Generic[T]):
    @builder
    def pay(self, token: Token) -> Paid: ...
class Till:
    def __call__(self, token: Token) -> Paid: ...
class SlowTill:
    async def __call__(self, token: Token) -> Paid: ...
class KeptTill:
    @kept
    def __call__(self, token: Token) -> Paid: ...
def pay_at_desk(desk: Desk, token: Token) -> Paid: ...
class Desk:
    bank: Bank = Branch()
    taken = Bank().pay
    payer: ClassVar[Builder[[Desk, Token], Paid]] = builder(pay_at_desk)
    def __init__(self) -> None:
        self.window = Window(1)

def make_pay() -> Builder[[Token], Paid]:
    return builder(pay_bare)
def make_pay_later() -> Builder[[Token], Coroutine[Any, Any, Paid]]:
    return pay_later

bare_alias = pay_bare
BARE = (pay_bare_later,)
class Payer(Protocol):
    def __call__(self, token: Token) -> Paid: ...
payer: Payer = pay
bank, branch, desk, box = Bank(), Branch(), Desk(), Box[int]()
alias = pay
PAYERS: Final = (pay,)
NAMED = (*(bank.pay,), pay_now)
"""

FRONT = """
from shop import PAYERS as PAYERS, pay as pay_again
__all__ = ["PAYERS", "pay_again", "alias_of_alias"]
alias_of_alias = pay_again
"""

ROUTES: Dict[str, Tuple[str, ...]] = {
    "shop.pay": ("pay",),
    "front.pay_again": ("pay",),
    "front.alias_of_alias": ("pay",),
    "shop.alias": ("pay",),
    "local": ("pay",),
    "(walrus := shop.pay)": ("pay",),
    "shop.pay_now": ("pay at once",),
    "shop.pay_later": ("pay_later",),
    "shop.pay_kept": ("pay_kept",),
    "shop.bank.pay": ("Bank.pay",),
    "shop.bank.pay_named": ("bank",),
    "shop.Bank().pay": ("Bank.pay",),
    "shop.branch.pay": ("Branch.pay",),
    "shop.Bank.pay_class": ("Bank.pay_class",),
    "shop.branch.pay_class": ("Branch.pay_class",),
    "shop.Bank.pay_static": ("pay_static",),
    "shop.bank.pay_static": ("pay_static",),
    "shop.bank.pay_me": ("Bank.pay_me",),
    "shop.branch.pay_bank": ("Branch.pay_bank",),
    "shop.Window(1).pay": ("Window.pay",),
    "shop.desk.window.pay": ("Window.pay",),
    "shop.desk.taken": ("Bank.pay",),
    "shop.Desk.taken": ("Bank.pay",),
    "shop.box.pay": ("Box.pay",),
    "builder(shop.Till())": ("Till",),
    "builder(shop.SlowTill())": ("SlowTill",),
    "builder(shop.KeptTill())": ("KeptTill",),
    "builder(shop.pay_bare)": ("pay_bare",),
    "builder(shop.BARE[0])": ("pay_bare_later",),
    "builder(shop.pay_bare_later)": ("pay_bare_later",),
    "builder(shop.bank.bare)": ("Bank.bare",),
    "builder(shop.branch.bare)": ("Branch.bare",),
    "builder(shop.pay, name='again')": ("again",),
    "builder(shop.pay_now)": ("pay at once",),
    "builder(name='x')(shop.pay_bare)": ("x",),
    "builder()(shop.pay_bare)": ("pay_bare",),
    "builder(name=None)(shop.pay_bare)": ("pay_bare",),
    "*shop.PAYERS": ("pay",),
    "*(spread := (shop.pay,))": ("pay",),
    "*front.PAYERS": ("pay",),
    "*shop.NAMED": ("Bank.pay", "pay at once"),
    "*(shop.pay, *[shop.pay_now])": ("pay", "pay at once"),
    "*shop.PAYERS + (shop.bank.pay,)": ("pay", "Bank.pay"),
}
"""Items of `builders=`, and what messages call the builders that they stand for."""

FLOWS = (
    HEAD
    + """
import front
import shop
local = shop.pay
"""
    + "".join(
        f"def flow_{at}() -> object: return workflow(target=Paid, inputs=Order, builders=[{item}])\n"
        for at, item in enumerate(ROUTES)
    )
)


def names_told(found: Sequence[Found]) -> List[Tuple[str, ...]]:
    """Return the names of the builders that each of the flows is told to have."""
    names: Dict[int, List[str]] = {}
    for one in found:
        assert one.file == "flows.py", one
        if one.code == "polaris-missing-data":
            names.setdefault(one.line, []).append(one.text.partition(" consumes Token, but")[0])
        others = one.text.partition("both produce Paid")[0].replace(" can ", "").split(" and ")
        if one.code == "polaris-ambiguous-producer":
            names[one.line] = others
    first = FLOWS[: FLOWS.index("def flow_0")].count("\n") + 1
    return [tuple(names.get(first + at, ())) for at in range(len(ROUTES))]


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let what is written into the folder be imported, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in [path.stem for path in tmp_path.glob("*.py")]:
        sys.modules.pop(name, None)


def test_builders_keep_their_names_on_every_way_cold_warm_and_when_only_their_module_is_edited(
    check: Check, modules: Path
) -> None:
    programs = {"data": DATA, "shop": SHOP, "front": FRONT, "flows": FLOWS}
    wanted = list(ROUTES.values())
    cold = check(programs)
    assert names_told(cold) == wanted
    assert check({"flows": FLOWS + "# edited\n"}) == cold
    assert check({}) == cold
    edited = check({"shop": SHOP.replace("pay at once", "pay now")})
    assert names_told(edited) == [tuple(name.replace("at once", "now") for name in names) for names in wanted]

    check({"shop": SHOP})
    flows = importlib.import_module("flows")
    sentences_at_run_time: List[str] = []
    for at in range(len(ROUTES)):
        with pytest.raises(WorkflowError) as refused:
            getattr(flows, f"flow_{at}")()
        sentences_at_run_time += [f"polaris-{one.code}: {one.message}" for one in refused.value.diagnostics]
    assert sorted(sentences(cold)) == sorted(sentences_at_run_time)


NAMELESS: Dict[str, Tuple[str, ...]] = {
    "shop.make_pay()": ("shop.make_pay(...)",),
    "shop.make_pay(), shop.make_pay()": ("shop.make_pay(...)", "builder 2"),
    "shop.make_pay_later()": ("shop.make_pay_later(...)",),
    "{'a': shop.make_pay()}['a']": ("builder 1",),
    "{'a': shop.pay}['a']": ("builder 1",),
    "*[shop.make_pay()], *(shop.make_pay(),)": ("shop.make_pay(...)", "builder 2"),
    "*(lambda: (shop.pay, shop.make_pay()))()": ("pay", "builder 2"),
    "shop.desk.payer": ("shop.desk.payer",),
    "[shop.desk][0].payer": ("payer",),
    "builder(shop.bare_alias)": ("builder(...)",),
    "builder(shop.payer)": ("builder(...)",),
}
"""Items whose names only the run time knows, and what they are called instead: no two of them the same."""


def test_builders_whose_names_cannot_be_known_are_called_what_is_written_and_are_never_the_same(check: Check) -> None:
    head = HEAD + "\nimport shop\n"
    lines = [f"workflow(target=Paid, inputs=Order, builders=[{items}])\n" for items in NAMELESS]
    found = check({"data": DATA, "shop": SHOP, "nameless": head + "".join(lines)})
    assert [one.text for one in found if one.code.startswith("polaris-missing-data")] == [
        f"{names[0]} consumes Token, but it is no input and no listed builder produces it"
        for names in NAMELESS.values()
    ]
    assert [one.text for one in found if one.code == "polaris-ambiguous-producer"] == [
        f"{called[0]} and {called[1]} can both produce Paid in one run" for called in NAMELESS.values() if called[1:]
    ]
    assert "duplicate-builder" not in str(found)


# --- what cannot be known --------------------------------------------------------------------------------------------

UNKNOWN_HEAD = (
    HEAD
    + """
from untyped import Foreign, foreign  # type: ignore[import-not-found]

T = TypeVar("T")
HIDDEN = "its signature is hidden by a decorator or by Builder[..., R]"
def hide(function: Callable[..., object]) -> Callable[..., object]: return function

@builder
def tokenize(order: Order) -> Token: ...
@builder
def pay(token: Token) -> Paid: ...
@builder
def pay_order(order: Order) -> Paid: ...
@builder
@hide
def pay_hidden(token: Token) -> Paid: ...
@builder
def pay_foreign(thing: Foreign) -> Paid: ...
@builder
def make_foreign(order: Order) -> Foreign | None: ...
@overload
def split(order: Order) -> Paid: ...
@overload
def split(order: Token) -> Paid: ...
def split(order: object) -> Paid: ...
@builder
def pay_lost(order: Order, lost: Lost) -> Paid: ...  # type: ignore[name-defined]

class Changing:
    __call__: Any = pay
flag = bool(pay)
a_list = [tokenize, pay]
table = {"a": pay, "b": pay_order}
same = {"a": pay, "b": pay}
any_: Any = pay
object_: object = pay
dots: Builder[..., Paid] = pay
wide: Builder[[Token], object] = pay
union: Union[Builder[[Order], Paid], Builder[[Token], Paid]] = pay
class Payer(Protocol):
    def __call__(self, token: Token) -> Paid: ...
protocol: Payer = pay
P = ParamSpec("P")
def generic(one: Builder[P, Paid]) -> object:
    return (
"""
)

UNKNOWN: Dict[str, str] = {
    "builders=[one]": "one: its signature is hidden by a decorator or by Builder[..., R]",
    "builders=a_list": "the type list[object] does not say which builders it holds",
    "builders=[*a_list]": "the type list[object] does not say which builders it holds",
    "builders=list((tokenize, pay))": "the type list[object] does not say which builders it holds",
    "builders=tuple(a_list)": "the type tuple[object, ...] does not say which builders it holds",
    "builders=any_": "the type Any does not say which builders it holds",
    "builders=[one for one in a_list]": "the type list[object] does not say which builders it holds",
    "builders=[any_]": "which builder this is shows only when the program runs: its type is Any",
    "builders=[foreign]": "which builder this is shows only when the program runs: its type is Any",
    "builders=[object_]": "which builder this is shows only when the program runs: its type is object",
    "builders=[protocol]": "which builder this is shows only when the program runs: its type is Payer",
    "builders=[union]": (
        "which builder this is shows only when the program runs: "
        "its type is Builder[[Order], Paid] | Builder[[Token], Paid]"
    ),
    "builders=[pay if flag else pay_order]": (
        "which builder this is shows only when the program runs: "
        "its type is Builder[[Token], Paid] | Builder[[Order], Paid]"
    ),
    "builders=[flag and pay]": (
        "which builder this is shows only when the program runs: its type is Literal[False] | Builder[[Token], Paid]"
    ),
    "builders=[table['a']]": "which builder this is shows only when the program runs: its type is object",
    "builders=[dots]": "dots: its signature is hidden by a decorator or by Builder[..., R]",
    "builders=[tokenize, wide]": "wide: it returns object, which says nothing",
    "builders=[pay_hidden]": "pay_hidden: its signature is hidden by a decorator or by Builder[..., R]",
    "builders=[builder(split)]": "split: its signature is hidden by a decorator or by Builder[..., R]",
    "builders=[builder(Changing())]": "Changing: its signature is hidden by a decorator or by Builder[..., R]",
    "builders=[builder(any_)]": "builder(...): its signature is hidden by a decorator or by Builder[..., R]",
    "builders=[pay_foreign]": "pay_foreign: parameter thing: Foreign comes from a module that mypy does not read",
    "builders=[pay_lost]": "pay_lost: parameter lost: Any is not known to mypy",
    "builders=[make_foreign]": "make_foreign: it returns Foreign, which comes from a module that mypy does not read",
    "builders=[tokenize, pay], name=str(flag)": "which name this is shows only when the program runs: its type is str",
    "builders=[tokenize, pay], target=any_": ("which class this is shows only when the program runs: its type is Any"),
    "builders=[tokenize, pay], target=type(Paid(1))": (
        "which class this is shows only when the program runs: its type is type[Paid]"
    ),
    "builders=[tokenize, pay], target=Union[Paid, Foreign]": "Foreign comes from a module that mypy does not read",
    "**any_": "what is given by ** shows only when the program runs",
}
"""Arguments of `workflow()`, and what is said of them. Of none of them more is said."""


def unknown_call(arguments: str) -> str:
    target = "" if "target=" in arguments or "**" in arguments else "target=Paid, "
    inputs = "" if "**" in arguments else "inputs=Order, "
    return f"workflow({target}{inputs}{arguments})\n"


UNKNOWN_PROGRAM = UNKNOWN_HEAD + "".join(map(unknown_call, UNKNOWN)).replace("\n", "\n    )\n", 1)


def assert_only_said_to_be_unknown(found: Sequence[Found]) -> None:
    assert sentences(found) == [f"polaris-unchecked: {why}" for why in UNKNOWN.values()]
    assert len(found) == len(UNKNOWN)
    assert [one.line for one in found] == [
        at for at, line in enumerate(UNKNOWN_PROGRAM.splitlines(), start=1) if line.startswith("workflow(")
    ]


def test_what_cannot_be_known_before_the_program_runs_is_no_error_and_is_said_where_that_is_enabled(
    check: Check,
) -> None:
    assert_only_said_to_be_unknown(check({"data": DATA, "unknown": UNKNOWN_PROGRAM}))
    assert check({}, "--config-file=quiet.ini") == ()


def test_the_oldest_mypy_knows_as_much(check_with_oldest: Check) -> None:
    assert_only_said_to_be_unknown(check_with_oldest({"data": DATA, "unknown": UNKNOWN_PROGRAM}))


# --- builders that cannot be read ------------------------------------------------------------------------------------

UNREADABLE = (
    HEAD
    + """
import datetime
import functools
from abc import ABC, abstractmethod

T = TypeVar("T")
Cents = NewType("Cents", int)
class Row(TypedDict):
    id: str
class Gateway(Protocol): ...
class Account(ABC):
    @abstractmethod
    def pay(self) -> None: ...
class Box(Generic[T]): ...
class CardToken(Token): ...

@builder
def scalar(order: Order, cents: int, when: datetime.datetime, ids: list) -> Paid: ...
@builder
def generic(orders: List[Order], box: Box[int], pair: Tuple[int, str], kind: Type[Order]) -> Iterable[Paid]: ...
@builder
def forms(number: Literal[1], call: Callable[[int], str], never: NoReturn, nothing: None) -> Paid: ...
@builder
def anything(order: Any, thing: object) -> Any: ...
@builder
def abstract(row: Row, gateway: Gateway, account: Account, cents: Cents, thing: T) -> Paid: ...
@builder
def several(order: Order | Otp, either: Union[Token, Otp, None] = None) -> Paid: ...
@builder
def contexts(context: Context, maybe: Optional[Context], read: Access[int]) -> Context: ...
@builder
def reads(order: Order) -> Access[Paid]: ...
@builder
def starred(*orders: Order, **others: Otp) -> Paid: ...
@builder
def untyped(order): ...
@builder
def half(order) -> Paid: ...
@builder
def only_none(order: Order) -> None: ...
@builder
def partly_scalar(order: Order) -> Paid | str | bytes: ...
@builder
def eats_itself(paid: Paid) -> Paid: ...
@builder
def twice(order: Order, again: Optional[Order] = None) -> Paid: ...
@builder
def family(order: Order) -> Token | CardToken: ...
@builder
async def stream(order: Order) -> AsyncIterator[Paid]: yield Paid(1)
@builder
def awaitable(order: Order) -> Awaitable[Paid]: ...
class Bank:
    @builder
    def scalar(self, cents: int) -> Paid: ...
    @builder(name="bank")
    @staticmethod
    def static(cents: int) -> Paid: ...
    @builder
    def alone() -> Paid: ...
def whole(order: Order) -> Paid: ...
def fine(order: Order, paid: Optional[Access[Paid]], box: Optional[Box], context: Context) -> Optional[Paid]: ...
class Till:
    def __call__(self, order: Order) -> Paid: ...
of_class = builder(Paid)
of_partial = builder(functools.partial(whole))
of_lambda = builder(lambda order: Paid(1))
of_method = builder(Bank.scalar.function)

def flow(*, case: str) -> object:
    if case == "many":
        return workflow(target=Paid, inputs=Order, builders=[
            scalar, generic, forms, anything, abstract, several, contexts, reads, starred, untyped, half, only_none,
            partly_scalar, eats_itself, twice, family, stream, awaitable, Bank().scalar, Bank.static,
            of_class, of_partial, of_lambda,
        ])
    if case == "untypable":
        return Bank().alone
    if case == "not builders":
        return workflow(target=Paid, inputs=Order, builders=[
            whole,
            Paid,
            Till(),
            Order("1"),
            None,
            3,
            functools.partial(whole, Order("1")),
            lambda order: Paid(1),
            Bank.scalar,
        ])
    return workflow(target=Paid, inputs=Union[Order, Box], builders=[builder(fine)])
"""
)


def refused(flow: object, case: str) -> List[str]:
    assert callable(flow)
    with pytest.raises(WorkflowError) as caught:
        flow(case=case)
    return sorted(f"polaris-{one.code}: {one.message}" for one in caught.value.diagnostics)


def test_a_builder_that_cannot_be_read_is_reported_once_and_in_the_words_of_the_run_time(
    check: Check, modules: Path
) -> None:
    found = check({"data": DATA, "unreadable": UNREADABLE})
    flow = importlib.import_module("unreadable").flow
    told = [one for one in sentences(found) if one.startswith("polaris-") and "unchecked" not in one]
    assert sorted(told) == sorted([*refused(flow, "many"), *refused(flow, "not builders")])
    flow(case="fine")


# --- arguments -------------------------------------------------------------------------------------------------------

ARGUMENTS = (
    HEAD
    + """
Both = Union[Order, Otp]
T = TypeVar("T")

@builder
def pay(order: Order) -> Paid: ...
@builder
def make() -> Paid: ...
class Box(Generic[T]):
    @builder
    def text_only(self: Box[str], order: Order) -> Paid: ...
@builder
def pay_both(order: Order, otp: Optional[Otp]) -> Union[Paid, Declined]: ...

def typed() -> None:
    assert_type(workflow(target=Paid, inputs=Order, builders=[pay]), Workflow[Paid, Order])
    assert_type(workflow(target=Paid | Declined, inputs=Both, builders=(pay_both,)), Workflow[Paid | Declined, Both])
    assert_type(workflow(target=Paid, builders=[make]), Workflow[Paid, Never])
    assert_type(workflow(target=Paid, inputs=None, builders=[make], name=None), Workflow[Paid, Never])
    assert_type(workflow(target=Paid, inputs=Order, builders=[pay], name="a-b"), Workflow[Paid, Order])
    workflow(target=Paid, inputs=Order, builders=[pay]).run(Otp(""))  # of-mypy: arg-type
    workflow(target=Paid, inputs=Order, builders=[pay], called="x")  # of-mypy: call-overload
    workflow(target=Paid, inputs=3, builders=[pay])  # of-mypy: call-overload
    workflow(builders=[pay])  # of-mypy: call-overload
    Box[int]().text_only  # of-mypy: arg-type

def flow(*, case: str) -> None:
    if case == "0":
        workflow(target=Union[Paid, str, None], inputs=Union[Order, Any], builders=[pay])
    if case == "1":
        workflow(target=Context, inputs=List[Order], builders=[pay])
    if case == "2":
        workflow(target=Paid, inputs="Order", builders=[pay])
    if case == "3":
        workflow(target=Paid, inputs=[Order, Otp], builders=[pay])
    if case == "4":
        workflow(target=(Paid, str), inputs={Order}, builders=[pay])
    if case == "5":
        workflow(target=Paid, inputs=[], builders=[pay])
    if case == "6":
        workflow(target=Paid, inputs=Order, builders={pay})
    if case == "7":
        workflow(target=Paid, inputs=Order, builders=pay)
    if case == "8":
        workflow(target=Paid, inputs=Order, builders=[pay], name="a/b")
    if case == "9":
        workflow(target=Paid, inputs=Order, builders=[pay], name=3)
    if case == "10":
        workflow(target=Paid, inputs=Both, builders=[pay], name="")
"""
)


def test_what_is_wrong_with_an_argument_is_told_at_it_in_the_words_of_the_run_time(check: Check, modules: Path) -> None:
    found = check({"data": DATA, "arguments": ARGUMENTS})
    told = [one for one in sentences(found) if one.startswith("polaris-") and "unchecked" not in one]
    flow = importlib.import_module("arguments").flow
    assert sorted(told) == sorted(one for case in range(11) for one in refused(flow, str(case)))
    lines = ARGUMENTS.splitlines()
    of_mypy = {at: line.rpartition(" ")[2] for at, line in enumerate(lines, start=1) if "of-mypy" in line}
    assert {one.line: one.code for one in found if one.code in of_mypy.values()} == of_mypy
    assert {one.code for one in found if not one.code.startswith("polaris-")} == {"note", *of_mypy.values()}


PLACES = (
    HEAD
    + """
@builder
def pay(token: Token) -> Paid: ...
@builder
def scalar(cents: int) -> Paid: ...  # told: polaris-bad-builder
@builder(name="again")
def pay_again(
    token: Token,
) -> Paid: ...

workflow(
    target=Union[Paid, Declined],  # told: polaris-no-producer
    inputs=Union[Order, Otp],
    builders=[
        pay,  # told: polaris-missing-data
        pay_again,  # told: polaris-ambiguous-producer
    ],
    name="a/b",  # told: polaris-bad-name
)
workflow(target=Paid, builders=[  # type: ignore[polaris-missing-data]
    pay,
])
workflow(target=Paid, builders=[
    pay,  # type: ignore[polaris-missing-data]
])
workflow(target=Paid, builders=[  # type: ignore[polaris-cycle]  # told: unused-ignore
    pay,  # told: polaris-missing-data
])
"""
)


def test_an_error_stands_at_what_it_is_about_and_is_ignored_there_or_where_the_call_begins(check: Check) -> None:
    found = check({"data": DATA, "places": PLACES})
    lines = PLACES.splitlines()
    told = [(at, line.rpartition(" ")[2]) for at, line in enumerate(lines, start=1) if "# told: " in line]
    decorator = lines.index("def scalar(cents: int) -> Paid: ...  # told: polaris-bad-builder")
    told = [(decorator if line == decorator + 1 else line, code) for line, code in told]
    assert errors_of(found) == {"places.py": told}


def test_an_error_has_the_sentence_first_and_then_as_notes_the_path_the_places_the_help_and_the_page(
    check: Check,
) -> None:
    program = (
        HEAD + "\n@builder\ndef pay(token: Token) -> Paid: ...\nworkflow(target=Paid, inputs=Order, builders=[pay])\n"
    )
    assert [(one.line, one.code, one.text) for one in check({"data": DATA, "exact": program})] == [
        (9, "polaris-missing-data", "pay consumes Token, but it is no input and no listed builder produces it"),
        (9, "note", "path: Token -> pay -> Paid"),
        (9, "note", "pay is defined at exact.py:7"),
        (9, "note", "help: list a builder that produces it, or feed it: inputs=Order | Token"),
        (9, "note", "see: polaris explain missing-data"),
    ]


def test_all_of_it_is_disabled_by_the_parent_of_its_codes(check: Check) -> None:
    assert [one.code for one in check({"data": DATA, "places": PLACES}, "--disable-error-code=polaris")] == [
        "unused-ignore"
    ] * 3


# --- ways to run mypy ------------------------------------------------------------------------------------------------

PAY = HEAD + "\n@builder\ndef pay(token: Token) -> Paid: ...\n"
FLOW = HEAD + "\nimport pays\nworkflow(target=Paid, inputs=Order, builders=[pays.pay])\n"
MISSING = [(8, "polaris-missing-data")]


def test_workers_in_parallel_find_the_same(tmp_path: Path, cache: Path) -> None:
    configure(tmp_path)
    write(tmp_path, {"data": DATA, "pays": PAY, "flow": FLOW})
    arguments = ["-n2", "--config-file=mypy.ini", f"--cache-dir={tmp_path / 'cache'}", "data.py", "pays.py", "flow.py"]
    for _ in ("cold", "warm"):
        assert errors_of(in_a_process_of_its_own(tmp_path, *arguments, cache=cache)) == {"flow.py": MISSING}


def test_the_daemon_follows_edits_of_only_the_builder(tmp_path: Path, cache: Path) -> None:
    configure(tmp_path, enabled="")  # the daemon of mypy looks up codes before it loads plugins
    write(tmp_path, {"data": DATA, "pays": PAY, "flow": FLOW})
    daemon = [f"--status-file={tmp_path / 'status.json'}"]
    run = [*daemon, "run", "--", "--config-file=mypy.ini", "data.py", "pays.py", "flow.py"]

    def told(*arguments: str) -> Sequence[Found]:
        return in_a_process_of_its_own(tmp_path, *arguments, cache=cache, module="mypy.dmypy")

    try:
        assert errors_of(told(*run)) == {"flow.py": MISSING}
        write(tmp_path, {"pays": PAY.replace("token: Token", "token: Order")})
        assert told(*run) == ()
        write(tmp_path, {"pays": PAY.replace("@builder", "@builder(name='paid at once')")})
        assert sentences(told(*run))[0].startswith("polaris-missing-data: paid at once consumes")
    finally:
        told(*daemon, "stop")


def test_the_daemon_says_what_is_unknown_if_it_is_started_before_it_is_asked(tmp_path: Path, cache: Path) -> None:
    configure(tmp_path)  # `dmypy run` compares options before it has loaded plugins, and crashes on codes of theirs
    write(tmp_path, {"data": DATA, "pays": PAY, "flow": FLOW.replace("[pays.pay]", "list((pays.pay,))")})
    daemon = [f"--status-file={tmp_path / 'status.json'}"]

    def told(*arguments: str) -> Sequence[Found]:
        return in_a_process_of_its_own(tmp_path, *daemon, *arguments, cache=cache, module="mypy.dmypy")

    try:
        assert told("start", "--", "--config-file=mypy.ini") == ()
        assert errors_of(told("check", "data.py", "pays.py", "flow.py")) == {"flow.py": [(8, "polaris-unchecked")]}
        write(tmp_path, {"flow": FLOW})
        assert errors_of(told("check", "data.py", "pays.py", "flow.py")) == {"flow.py": MISSING}
    finally:
        told("stop")


BROKEN = """
from polaris_dsl.mypy import plugin as plugin
import polaris_dsl.mypy._decorators as decorators
import polaris_dsl.mypy._workflows as workflows

def broken(*arguments: object, **named: object) -> object:
    raise KeyError("left out")

decorators.read = workflows.analyze = broken
"""


def test_an_internal_failure_is_one_note_that_says_what_to_report_and_hides_no_other_error(
    tmp_path: Path, cache: Path
) -> None:
    configure(tmp_path, plugin="broken.py")
    write(tmp_path, {"data": DATA, "pays": PAY, "flow": FLOW + "text: str = 3\n"})
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    arguments = ["--config-file=mypy.ini", f"--cache-dir={tmp_path / 'cache'}", "data.py", "pays.py", "flow.py"]
    *notes, error = in_a_process_of_its_own(tmp_path, *arguments, cache=cache)
    assert [(note.file, note.line, note.code) for note in notes] == [("pays.py", 7, "note"), ("flow.py", 8, "note")]
    for note in notes:
        assert re.fullmatch(
            r"polaris: internal error, so this is not checked: KeyError: 'left out' \(broken.py:7\); please report it "
            r"with this line of your program and polaris-dsl [\d.]+, mypy [\d.]+, Python [\d.]+",
            note.text,
        )
    assert (error.line, error.code) == (9, "assignment")
    printed = printed_by(
        tmp_path, "--show-traceback", "--no-incremental", *arguments, cache=cache, python=sys.executable
    )
    assert "Traceback (most recent call last)" in printed


UNLOADABLE = """
import sys
from polaris_dsl.mypy import plugin as plugin
sys.modules["polaris_dsl.mypy._workflows"] = None
"""


def test_a_part_of_the_plugin_that_cannot_be_loaded_is_an_internal_failure_like_any_other(
    tmp_path: Path, cache: Path
) -> None:
    configure(tmp_path, plugin="unloadable.py")
    write(tmp_path, {"data": DATA, "pays": PAY, "flow": FLOW + "text: str = 3\n", "unloadable": UNLOADABLE})
    arguments = ["--config-file=mypy.ini", f"--cache-dir={tmp_path / 'cache'}", "data.py", "pays.py", "flow.py"]
    note, error = in_a_process_of_its_own(tmp_path, *arguments, cache=cache)
    assert (note.file, note.line, note.code) == ("flow.py", 8, "note")
    assert note.text.startswith("polaris: internal error, so this is not checked: ModuleNotFoundError: ")
    assert (error.line, error.code) == (9, "assignment")


NOTHING_CHANGED = """
import sys
from mypy import api

printed, failed, status = api.run(sys.argv[1:])
assert not failed, failed
print(printed, *sorted(name for name in sys.modules if name.startswith(("polaris_dsl", "attr"))))
"""


def test_a_run_that_finds_nothing_changed_loads_next_to_nothing(tmp_path: Path, cache: Path) -> None:
    configure(tmp_path)
    write(tmp_path, {"data": DATA, "pays": PAY, "flow": FLOW, "run": NOTHING_CHANGED})
    arguments = ["--config-file=mypy.ini", f"--cache-dir={tmp_path / 'cache'}", "data.py", "pays.py"]

    def loaded() -> Set[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "run.py", *arguments],
            cwd=str(tmp_path),
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return {name for name in done.stdout.split() if "." in name or name == "attr"}

    assert {"polaris_dsl.mypy._decorators", "polaris_dsl._graph", "attr"} <= loaded()
    package = ("_codes", "_failsoft", "_plugin")
    assert loaded() == {
        *("polaris_dsl._catalogue", "polaris_dsl._lazy", "polaris_dsl.mypy"),
        *(f"polaris_dsl.mypy.{name}" for name in package),
    }


def test_results_of_another_version_of_the_analyzer_or_of_the_plugin_are_stale(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mypy.options import Options  # noqa: PLC0415  older Pythons have no mypy

    from polaris_dsl.mypy import _plugin  # noqa: PLC0415  needs mypy

    def digest() -> object:
        made = _plugin.plugin("2.4")(Options())
        return made.report_config_data(ReportConfigContext("shop", "shop.py", is_check=True))

    from mypy.plugin import ReportConfigContext  # noqa: PLC0415  older Pythons have no mypy

    before = digest()
    assert digest() == before
    copied = tmp_path / "polaris_dsl"
    shutil.copytree(str(ROOT / "polaris_dsl"), str(copied))
    monkeypatch.setattr(_plugin, "_ROOT", copied)
    assert digest() == before
    for name in ("_analyze.py", "diagnostics.py", "mypy/_items.py"):
        with (copied / name).open("a", encoding="utf-8") as file:
            file.write("# another\n")
        assert digest() not in (before, None)
        before = digest()


def needed_by(modules: Iterable[Path]) -> Set[Path]:
    """Return these modules of the library and all of it that they import."""
    needed: Set[Path] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        needed.add(module)
        imports = re.findall(
            r"^ *from (polaris_dsl[\w.]*) import (\w+)", module.read_text(encoding="utf-8"), re.MULTILINE
        )
        for package, name in imports:
            files = [ROOT.joinpath(*place.split(".")).with_suffix(".py") for place in (package, f"{package}.{name}")]
            waiting += [file for file in files if file.exists() and file not in needed]
    return needed


def test_no_module_that_a_verdict_depends_on_is_left_out_of_what_makes_results_stale() -> None:
    from polaris_dsl.mypy import _plugin  # noqa: PLC0415  needs mypy

    package = ROOT / "polaris_dsl"
    others = {path.stem for path in needed_by((package / "mypy").glob("*.py")) if path.parent == package}
    assert others == set(_plugin._JUDGES)
