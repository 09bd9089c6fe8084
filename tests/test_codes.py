"""Every code of a diagnostic: a workflow that gets it, and a neighbour that must not. The wording is in wording.txt."""

# mypy: disable-error-code="empty-body"
# A builder that is only looked at needs no body.

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, NewType, Optional, Tuple, TypeVar, Union

import attrs
import pytest
from typing_extensions import Protocol, TypedDict

from polaris_dsl import Access, Context, Workflow, WorkflowError, builder, workflow
from polaris_dsl.diagnostics import CATALOGUE


@attrs.frozen
class Order:
    id: str


@attrs.frozen
class Otp:
    digits: str


@attrs.frozen
class Token:
    text: str


@attrs.frozen
class Tokens:
    texts: Tuple[str, ...]


@attrs.frozen
class FreshToken(Token):
    pass


@attrs.frozen
class Charged:
    cents: int


@attrs.frozen
class Declined:
    why: str


@attrs.frozen
class Paid:
    cents: int


class Risk(NamedTuple):
    score: int


def other_token() -> type:
    @attrs.frozen
    class Token:
        text: str

    Token.__module__ = "legacy.cards"
    return Token


OtherToken: Any = other_token()


@builder
def tokenize(order: Order) -> Token: ...
@builder
def charge(token: Token) -> Union[Charged, Declined]: ...
@builder
def complete(charged: Charged) -> Paid: ...
@builder
def apologize(declined: Declined) -> Paid: ...
@builder
def pay(token: Token) -> Paid: ...
@builder
def pay_again(token: Token) -> Paid: ...
@builder
def pay_with_risk(token: Token, risk: Optional[Risk]) -> Paid: ...
@builder
def pay_knowing_risk(token: Token, risk: Access[Risk]) -> Paid: ...
@builder
def judge(paid: Paid) -> Risk: ...
@builder
def tokenize_all(order: Order) -> Tokens: ...
@builder
def tokenize_fresh(order: Order) -> FreshToken: ...
@builder
def pay_fresh(token: FreshToken) -> Paid: ...
@builder
def tokenize_otherwise(order: Order) -> OtherToken: ...
@builder
def score(token: Token, otp: Otp) -> Risk: ...


@builder
def settle(charged: Charged, declined: Declined) -> Paid: ...
@builder
def report(charged: Charged, declined: Declined) -> Risk: ...
@builder
def check(order: Order) -> Union[Otp, Risk]: ...
@builder
def complete_by_otp(otp: Otp, order: Order) -> Paid: ...
@builder
def again(paid: Optional[Paid], token: Token) -> Paid: ...


@builder
def approve(order: Order) -> Union[Charged, Otp]: ...
@builder
def review(order: Order) -> Union[Declined, Risk]: ...
@builder
def finish_approved(charged: Charged) -> Paid: ...
@builder
def finish_reviewed(risk: Risk, otp: Otp) -> Paid: ...
@builder(name="pay")
def pay_under_its_name(order: Order) -> Charged: ...


@attrs.frozen
class Cvv:
    digits: str


@builder(timeout_s=2)
def ask(order: Order, cvv: Cvv) -> Token: ...
@builder(timeout_s=3)
def verify(token: Token, otp: Otp) -> Paid: ...
@builder
def verify_with_cvv(token: Token, otp: Otp, cvv: Cvv) -> Paid: ...
@builder
def verify_maybe_with_cvv(token: Token, otp: Otp, cvv: Optional[Cvv]) -> Paid: ...


ASKED: Any = Union[Order, Cvv, Otp]


UserId = NewType("UserId", int)
T = TypeVar("T")


class Gateway(Protocol):
    def pay(self) -> None: ...


class Row(TypedDict):
    id: str


def undecorated(order: Order) -> Paid: ...


def hidden(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@builder
def untyped(order) -> Paid: ...
@builder
def without_return(order: Order): ...
@builder
def scalar(order: Order, cents: int) -> Paid: ...
@builder
def generic(orders: List[Order]) -> Paid: ...
@builder
def anything(order: Any, thing: object) -> Paid: ...
@builder
def new_type(user: UserId) -> Paid: ...
@builder
def protocol(gateway: Gateway) -> Paid: ...
@builder
def typed_dict(row: Row) -> Paid: ...
@builder
def type_variable(thing: T) -> Paid: ...
@builder
def several(order: Union[Order, Otp]) -> Paid: ...
@builder
def only_none(order: Order) -> None: ...
@builder
def scalar_return(order: Order) -> Union[Paid, str]: ...
@builder
def makes_context(order: Order) -> Context: ...
@builder
def lost_name(order: Ordr) -> Paid: ...  # type: ignore[name-defined]  # noqa: F821  the case
@builder
def eats_itself(order: Order, paid: Paid) -> Paid: ...
@builder
def twice(order: Order, first: Order) -> Paid: ...
@builder
def either_token(order: Order) -> Union[Token, FreshToken]: ...


tokenize_once = builder(tokenize, at_most_once=True)


class Till:
    @builder
    def pay(self, order: Order) -> Paid: ...


Case = Callable[[], Workflow[Any, Any]]


def flow(*builders: Any, target: Any = Paid, inputs: Any = Order, **more: Any) -> Case:
    return lambda: workflow(target=target, inputs=inputs, builders=list(builders), **more)


FINE = flow(tokenize, pay)

# title: the code, what gets it, and a neighbour that gets none
CASES: Dict[str, Tuple[str, Case, Case]] = {
    "a consumed data that nobody makes": ("missing-data", flow(pay), FINE),
    "an optional that nobody makes": (
        "missing-data",
        flow(tokenize, pay_with_risk),
        flow(tokenize, pay_with_risk, inputs=Union[Order, Risk]),
    ),
    "an access that nobody makes": (
        "missing-data",
        flow(tokenize, pay_knowing_risk),
        flow(tokenize, pay_knowing_risk, judge),
    ),
    "a data made under a similar name": ("missing-data", flow(tokenize_all, pay), FINE),
    "a subclass of what is taken": ("missing-data", flow(tokenize_fresh, pay), flow(tokenize_fresh, pay_fresh)),
    "a base class of what is taken": ("missing-data", flow(tokenize, pay_fresh), flow(tokenize_fresh, pay_fresh)),
    "a class of that name from another module": ("missing-data", flow(tokenize_otherwise, pay), FINE),
    "a missing data of several takers": (
        "missing-data",
        flow(charge, complete, score, target=Union[Paid, Declined], inputs=Otp),
        flow(tokenize, charge, complete, target=Union[Paid, Declined]),
    ),
    "a target that nobody makes": ("no-producer", flow(tokenize), FINE),
    "a target that is an input": ("no-producer", flow(tokenize, pay, target=Union[Paid, Order]), FINE),
    "one alternative of the target that nobody makes": (
        "no-producer",
        flow(tokenize, pay, target=Union[Paid, Declined]),
        flow(tokenize, charge, complete, target=Union[Paid, Declined]),
    ),
    "a target that needs two alternatives of one builder": (
        "unreachable-target",
        flow(tokenize, charge, settle),
        flow(tokenize, charge, complete, apologize),
    ),
    "a choice that leads nowhere": (
        "dead-end",
        flow(tokenize, charge, complete),
        flow(tokenize, charge, complete, target=Union[Paid, Declined]),
    ),
    "a combination of choices that leads nowhere": (
        "dead-end",
        flow(approve, review, finish_approved, finish_reviewed),
        flow(approve, finish_approved, complete_by_otp),
    ),
    "a builder that needs two alternatives of one builder": (
        "unreachable-builder",
        flow(tokenize, charge, complete, apologize, report),
        flow(tokenize, charge, complete, apologize, judge),
    ),
    "two producers of one data": (
        "ambiguous-producer",
        flow(tokenize, pay, pay_again),
        flow(tokenize, charge, complete, apologize),
    ),
    "builders that wait for each other": (
        "cycle",
        flow(tokenize, pay_with_risk, judge),
        flow(tokenize, pay_with_risk, judge, inputs=Union[Order, Risk]),
    ),
    "a builder that waits for itself": ("cycle", flow(tokenize, again), flow(again, inputs=Union[Token, Paid])),
    "an input that nobody takes": ("unused-input", flow(tokenize, pay, inputs=Union[Order, Otp]), FINE),
    "a name that is empty": ("bad-name", flow(tokenize, pay, name=""), FINE),
    "a builder listed twice": ("duplicate-builder", flow(tokenize, pay, pay), FINE),
    "a builder listed twice, the second at most once": ("duplicate-builder", flow(tokenize, tokenize_once, pay), FINE),
    "two builders of one name": (
        "duplicate-builder",
        flow(tokenize, pay, pay_under_its_name),
        flow(pay_under_its_name, complete),
    ),
    "two data of one name": ("name-clash", flow(tokenize, pay, tokenize_otherwise), FINE),
    "an undecorated function": ("bad-builder", flow(undecorated), FINE),
    "a partial": ("bad-builder", flow(functools.partial(pay.function)), FINE),
    "a partial under @builder": ("bad-builder", flow(builder(functools.partial(pay.function))), FINE),
    "a class": ("bad-builder", flow(Paid), FINE),
    "a class under @builder": ("bad-builder", flow(builder(Paid)), FINE),
    "a value": ("bad-builder", flow(3), FINE),
    "a method without its instance": ("bad-builder", flow(Till.pay), flow(Till().pay)),
    "a signature that a decorator hides": (
        "bad-builder",
        flow(builder(hidden(undecorated))),
        flow(builder(undecorated)),
    ),
    "a parameter without annotation": ("bad-builder", flow(untyped), FINE),
    "no return annotation": ("bad-builder", flow(without_return), FINE),
    "a scalar": ("bad-builder", flow(scalar), FINE),
    "a parametrised generic": ("bad-builder", flow(generic), FINE),
    "Any and object": ("bad-builder", flow(anything), FINE),
    "a NewType": ("bad-builder", flow(new_type), FINE),
    "a Protocol": ("bad-builder", flow(protocol), FINE),
    "a TypedDict": ("bad-builder", flow(typed_dict), FINE),
    "a type variable": ("bad-builder", flow(type_variable), FINE),
    "a parameter of several data": ("bad-builder", flow(several), FINE),
    "a return of only None": ("bad-builder", flow(only_none), FINE),
    "a scalar as an alternative": ("bad-builder", flow(scalar_return), FINE),
    "a context as a product": ("bad-builder", flow(makes_context), FINE),
    "a name that cannot be resolved": ("bad-builder", flow(lost_name), FINE),
    "its own product": ("bad-builder", flow(eats_itself), flow(eats_itself, inputs=Union[Order, Paid])),
    "one data in two parameters": ("bad-builder", flow(twice), FINE),
    "alternatives of one family": ("bad-builder", flow(either_token, pay), flow(tokenize, pay)),
    "a target that is a scalar": ("bad-target", flow(tokenize, pay, target=str), FINE),
    "a target that may be nothing": ("bad-target", flow(tokenize, pay, target=Optional[Paid]), FINE),
    "inputs in a list": ("bad-input", flow(tokenize, pay, inputs=[Order]), FINE),
    "no inputs in a list": ("bad-input", flow(tokenize, pay, inputs=[]), FINE),
    "an input that is a scalar": ("bad-input", flow(tokenize, pay, inputs=Union[Order, Dict[str, int]]), FINE),
    "an input that is a text": ("bad-input", flow(tokenize, pay, inputs="Order"), FINE),
    "a transient data that is nowhere": (
        "bad-transient",
        flow(tokenize, pay, transient=Union[Cvv, Token]),
        flow(tokenize, pay, transient=Token),
    ),
    "a transient data of another name": ("bad-transient", flow(tokenize, pay, transient=Tokens), FINE),
    "a transient target": ("bad-transient", flow(tokenize, pay, transient=Paid), flow(tokenize, pay, transient=Order)),
    "a transient data that is made at most once": (
        "bad-transient",
        flow(tokenize_once, pay, transient=Token),
        flow(tokenize_once, pay, transient=Order),
    ),
    "one of two transient data that is made at most once": (
        "bad-transient",
        flow(tokenize_once, pay, transient=Union[Token, Order]),
        flow(tokenize, pay, transient=Union[Token, Order]),
    ),
    "a transient that is a scalar": ("bad-transient", flow(tokenize, pay, transient=str), FINE),
    "transients in a list": ("bad-transient", flow(tokenize, pay, transient=[Token]), FINE),
    "a transient input needed after a pause": (
        "transient-needed-later",
        flow(ask, verify_with_cvv, inputs=ASKED, transient=Cvv),
        flow(ask, verify, inputs=ASKED, transient=Cvv),
    ),
    "a transient input that is an optional after a pause": (
        "transient-needed-later",
        flow(ask, verify_maybe_with_cvv, inputs=ASKED, transient=Cvv),
        flow(ask, verify_maybe_with_cvv, inputs=ASKED),
    ),
    "a transient product needed after a pause": (
        "transient-needed-later",
        flow(ask, verify, inputs=ASKED, transient=Token),
        flow(tokenize, pay, transient=Token),
    ),
    "less time than its builders have": (
        "over-budget",
        flow(ask, verify, inputs=ASKED, timeout_s=4.5),
        flow(ask, verify, inputs=ASKED, timeout_s=5),
    ),
    "builders that are no list": (
        "bad-builder",
        lambda: workflow(target=Paid, inputs=Order, builders=pay),  # type: ignore[call-overload]  # the case
        FINE,
    ),
    "a name with a slash": (
        "bad-name",
        flow(tokenize, pay, name="card/1"),
        flow(tokenize, pay, name="card-1.a_b"),
    ),
    "a name that leads upwards": ("bad-name", flow(tokenize, pay, name=".."), flow(tokenize, pay, name="...")),
    "a name of 65 letters": ("bad-name", flow(tokenize, pay, name="x" * 65), flow(tokenize, pay, name="x" * 64)),
    "a name that is no text": ("bad-name", flow(tokenize, pay, name=3), FINE),
}


def refused(case: Case) -> WorkflowError:
    with pytest.raises(WorkflowError) as caught:
        case()
    return caught.value


@pytest.mark.parametrize("title", CASES)
def test_a_workflow_with_this_problem_gets_its_code_once_and_no_other(title: str) -> None:
    code, case, _ = CASES[title]
    assert [found.code for found in refused(case).diagnostics] == [code]


@pytest.mark.parametrize("title", CASES)
def test_the_neighbour_without_the_problem_is_accepted(title: str) -> None:
    CASES[title][2]()


def test_every_code_of_the_catalogue_has_a_case() -> None:
    assert {code for code, _, _ in CASES.values()} == set(CATALOGUE)


def wording() -> str:
    told = []
    for title, (_, case, _) in CASES.items():
        for found in refused(case).diagnostics:
            shown = [f"{found.code} [{found.subject}] at {found.item}: {found.message}"]
            shown += [f"path: {' -> '.join(found.path)}"] * bool(found.path) + [f"help: {found.help}"]
            told.append(f"# {title}\n" + "\n    ".join(shown) + "\n")
    text = "\n".join(told)
    return text.replace(f"not {__name__})", "not this module)").replace(f"({__name__} and", "(this module and")


def test_the_wording_is_what_was_read_and_agreed() -> None:
    """After a change on purpose: `python -m tests.test_codes > tests/wording.txt`, and read the difference."""
    assert wording() == (Path(__file__).parent / "wording.txt").read_text(encoding="utf-8")


def test_a_diagnostic_points_at_the_call_and_names_where_its_builders_are_written() -> None:
    (found,) = refused(flow(pay)).diagnostics
    assert found.file == __file__
    assert "return lambda: workflow(" in Path(__file__).read_text(encoding="utf-8").splitlines()[found.line - 1]
    ((name, place),) = found.related
    assert (name, place) == ("pay", pay.place)
    assert f"pay is defined at {Path(__file__).relative_to(Path.cwd())}:{place.line}" in str(found)


def test_all_problems_come_at_once_causes_before_consequences_in_whatever_order_the_builders_are_listed() -> None:
    builders = [untyped, pay_with_risk, pay_with_risk, judge, tokenize]
    codes = [
        [found.code for found in refused(flow(*order, inputs=Union[Order, Otp])).diagnostics]
        for order in (builders, builders[::-1])
    ]
    assert codes == [["bad-builder", "duplicate-builder", "cycle"]] * 2


def test_past_ten_thousand_worlds_a_workflow_is_taken_and_a_warning_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def branch(number: int) -> List[Any]:
        yes, no = attrs.make_class(f"Yes{number}", []), attrs.make_class(f"No{number}", [])

        def choose(order: Order) -> Any: ...
        def count(one: Any, other: Any) -> Any: ...

        choose.__annotations__["return"] = Union[yes, no]
        made = attrs.make_class(f"Made{number}", [])
        count.__annotations__.update({"one": Optional[yes], "other": Optional[no], "return": made})
        return [made, builder(choose, name=f"choose{number}"), builder(count, name=f"count{number}"), yes]

    branches = [branch(number) for number in range(14)]
    ends: Any = Union.__getitem__(tuple(data for made, _, _, yes in branches for data in (made, yes)))
    flow(*(item for _, choose, count, _ in branches for item in (choose, count)), target=ends, name="wide")()
    assert "workflow wide: its alternatives make 16384 worlds, more than 10000" in caplog.text


def test_a_target_that_cannot_be_read_might_be_the_end_that_a_choice_leads_to() -> None:
    found = refused(flow(tokenize, charge, complete, target=Union[Paid, str])).diagnostics
    assert [diagnostic.code for diagnostic in found] == ["bad-target"]


def test_a_combination_past_what_can_be_searched_is_still_one_that_cannot_be_made_smaller() -> None:
    def coin(number: int) -> Tuple[Any, Any]:
        heads, tails = attrs.make_class(f"Heads{number}", []), attrs.make_class(f"Tails{number}", [])

        def toss(order: Order) -> Any: ...

        toss.__annotations__["return"] = Union[heads, tails]
        return heads, builder(toss, name=f"toss{number}")

    coins = [coin(number) for number in range(13)]
    case = flow(*(toss for _, toss in coins), target=Union[tuple(heads for heads, _ in coins)], name="coins")
    (found,) = refused(case).diagnostics
    assert found.code == "dead-end"
    assert found.path[1::2] == tuple(f"Tails{number}" for number in range(13))


def test_an_error_tells_how_many_problems_there_are() -> None:
    assert str(refused(flow(pay))).startswith("workflow Paid has 1 problem\n")
    assert str(refused(flow(pay, pay))).startswith("workflow Paid has 2 problems\n")


if __name__ == "__main__":
    sys.stdout.write(wording())
