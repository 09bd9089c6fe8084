"""What can be a builder, and what can be data."""

from __future__ import annotations

import abc
import functools
import logging
from dataclasses import dataclass
from enum import Enum
from typing import Any, Callable, Dict, NamedTuple, Optional, TypeVar, Union

import attrs
import msgspec
import pydantic
import pytest
from typing_extensions import Annotated, Literal, ParamSpec, get_type_hints

from polaris_dsl import Access, Builder, Context, DefinitionError, Executor, FileStore, WorkflowError, builder, workflow
from polaris_dsl._infer import infer

P = ParamSpec("P")
R = TypeVar("R")


@attrs.frozen
class Seed:
    number: int


@attrs.frozen
class Made:
    number: int


def logged(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    return wrapper


class Service:
    """Holds what builders need, as a database would be held."""

    def __init__(self, add: int) -> None:
        self.add = add

    @builder
    def make(self, seed: Seed) -> Made:
        """Add to the seed."""
        return Made(seed.number + self.add)

    @builder(name="made-by-name")
    def make_named(self, seed: Seed) -> Made:
        return Made(seed.number + self.add)

    @builder
    @classmethod
    def make_of_class(cls, seed: Seed) -> Made:
        return Made(seed.number)

    @builder
    @staticmethod
    def make_static(seed: Seed) -> Made:
        return Made(seed.number)

    def __call__(self, seed: Seed) -> Made:
        return Made(seed.number * self.add)


class Quiet(Service):
    pass


@builder
def make(seed: Seed) -> Made:
    """Make it."""
    return Made(seed.number)


@builder
@logged
def make_logged(seed: Seed) -> Made:
    return Made(seed.number)


@builder
async def make_later(seed: Seed) -> Made:
    return Made(seed.number)


@builder
def make_all(seed: Seed, /, *, before: Access[Made] = None, context: Context) -> Made:
    return Made(seed.number + len(context.run_id) * 0)


@pytest.mark.parametrize(
    ("made", "name", "number"),
    [
        (make, "make", 7),
        (make_logged, "make_logged", 7),
        (make_later, "make_later", 7),
        (make_all, "make_all", 7),
        (Service(2).make, "Service.make", 9),
        (Quiet(3).make, "Quiet.make", 10),
        (Service(2).make_named, "made-by-name", 9),
        (Service.make_of_class, "Service.make_of_class", 7),
        (Service(1).make_static, "make_static", 7),
        (builder(Service(2)), "Service", 14),
        (builder(make, name="again"), "again", 7),
        (builder(Service(2).make), "Service.make", 9),
    ],
    ids=str,
)
def test_all_kinds_of_callables_are_builders_under_their_name(
    made: Builder[..., object], name: str, number: int
) -> None:
    assert (made.name, repr(made)) == (name, f"<builder {name}>")
    assert workflow(target=Made, inputs=Seed, builders=[made]).run(Seed(7)).result() == Made(number)


def test_a_builder_stays_callable_with_its_name_and_docstring() -> None:
    assert make(Seed(1)) == Made(1)
    assert make(seed=Seed(1)) == Made(1)
    assert (vars(make)["__name__"], make.__doc__, make.__module__) == ("make", "Make it.", __name__)
    assert Service(2).make(Seed(1)) == Made(3)
    assert Service.make(Service(2), Seed(1)) == Made(3)


def test_bound_methods_of_one_instance_are_equal_builders_and_of_two_are_not() -> None:
    service = Service(1)
    assert service.make == service.make
    assert hash(service.make) == hash(service.make)
    assert service.make != Service(1).make
    assert make != "make"


def test_a_method_of_an_instance_can_be_replaced_in_a_test() -> None:
    service = Service(1)
    flow = workflow(target=Made, inputs=Seed, builders=[service.make])
    assert flow.replace({service.make: make}).run(Seed(7)).result() == Made(7)
    assert flow.run(Seed(7)).result() == Made(8)


@pytest.mark.parametrize("name", ["", "  ", 3, "a\nb", "\ud800"])
def test_a_name_that_is_no_text_is_refused(name: Any) -> None:
    with pytest.raises(DefinitionError, match="takes a printable text"):
        builder(name=name)


def test_what_cannot_be_called_is_refused_where_it_is_decorated() -> None:
    with pytest.raises(DefinitionError, match="not on a value of type int"):
        builder(3)  # type: ignore[call-overload]  # the case


def test_a_static_method_that_is_not_bound_is_refused_with_what_to_do() -> None:
    @functools.partial
    def unused() -> None: ...

    item = builder(property(make.function))  # type: ignore[call-overload]  # the case
    with pytest.raises(WorkflowError, match="list it as an attribute of its class"):
        workflow(target=Made, inputs=Seed, builders=[item])


def test_a_context_is_easily_made_in_a_unit_test() -> None:
    context = Context(run_id="order-42", builder="make", idempotency_key="k")
    context.logger.info("made")
    assert make_all(Seed(1), context=context) == Made(1)


def test_the_logger_of_a_context_carries_the_run_and_the_builder(caplog: pytest.LogCaptureFixture) -> None:
    @builder
    def tell(seed: Seed, context: Context) -> Made:
        context.logger.warning("told")
        return Made(1)

    with caplog.at_level(logging.INFO), Executor(workflow(target=Made, inputs=Seed, builders=[tell])) as runs:
        runs.run("order-42", Seed(1))
    (record,) = caplog.records
    assert (vars(record)["run_id"], vars(record)["builder"]) == ("order-42", "tell")


# --- data ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OfDataclass:
    number: int


class OfNamedTuple(NamedTuple):
    number: int


class OfEnum(Enum):
    ONE = 1
    TWO = 2


class OfPydantic(pydantic.BaseModel):
    number: int


class OfMsgspec(msgspec.Struct):
    number: int


class Plain:
    def __init__(self, number: int) -> None:
        self.number = number


@pytest.mark.parametrize(
    "value", [Made(1), OfDataclass(1), OfNamedTuple(1), OfEnum.TWO, OfPydantic(number=1), OfMsgspec(1)]
)
def test_every_kind_of_class_is_data_and_comes_back_from_a_file(value: Any, tmp_path: Any) -> None:
    kind = type(value)

    def make_it(seed: Seed) -> Any:
        return value

    make_it.__annotations__["return"] = kind
    flow = workflow(target=kind, inputs=Seed, builders=[builder(make_it)])
    assert Executor(flow, store=FileStore(tmp_path / "runs")).run("1", Seed(1)).result() == value
    assert Executor(flow, store=FileStore(tmp_path / "runs")).load("1").result() == value


def test_a_plain_class_is_data(tmp_path: Any) -> None:
    @builder
    def make_plain(seed: Seed) -> Plain:
        return Plain(seed.number)

    flow = workflow(target=Plain, inputs=Seed, builders=[make_plain])
    assert Executor(flow, store=FileStore(tmp_path / "runs")).run("1", Seed(5)).result().number == 5


def test_a_class_is_matched_by_identity_even_if_its_name_and_module_are_those_of_another() -> None:
    def namesake() -> Any:
        @attrs.frozen
        class Made:
            number: int

        Made.__qualname__, Made.__module__ = "Made", __name__
        return Made

    other = namesake()

    def make_other(seed: Seed) -> Any:
        return other(1)

    make_other.__annotations__["return"] = other
    with pytest.raises(WorkflowError) as caught:
        workflow(target=Made, inputs=Seed, builders=[builder(make_other)])
    (found,) = caught.value.diagnostics
    assert found.code == "no-producer"
    assert "another class of this name" in found.help


class Abstract(abc.ABC):
    @abc.abstractmethod
    def pay(self) -> None: ...


ODD: Dict[str, Any] = {
    "abstract class": Abstract,
    "is a parametrised generic": Literal["a"],
    "is not a class": 3,
    "is the absence of data": type(None),
    "is a text": "Made",
    "is how a parameter reads a data": Access[Made],  # type: ignore[misc]  # no class
}


@pytest.mark.parametrize("why", ODD)
def test_what_is_not_data_is_refused_as_a_target_with_its_own_sentence(why: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        workflow(target=ODD[why], inputs=Seed, builders=[make])
    assert ("bad-target", True) in [(found.code, why in found.message) for found in caught.value.diagnostics]


def test_an_annotation_that_raises_is_refused_by_the_name_of_its_parameter() -> None:
    def odd(seed: Seed, other: Any) -> Made:
        return Made(1)

    odd.__annotations__.update(seed=Seed, other="1 / 0", **{"return": Made})
    with pytest.raises(WorkflowError, match=r"parameter other cannot be read \(ZeroDivisionError\)"):
        workflow(target=Made, inputs=Seed, builders=[builder(odd)])


def test_functions_in_a_function_may_name_classes_of_that_function() -> None:
    @attrs.frozen
    class Near:
        number: int

    @builder
    def make_near(seed: Seed) -> Near:
        return Near(seed.number)

    assert workflow(target=Near, inputs=Seed, builders=[make_near]).run(Seed(3)).result() == Near(3)


def test_a_default_makes_an_optional_and_is_what_the_function_sees() -> None:
    @builder
    def with_default(seed: Seed, extra: Union[OfDataclass, None] = OfDataclass(40)) -> Made:
        return Made(seed.number + (extra.number if extra else 0))

    @builder
    def with_plain_default(seed: Seed, extra: OfDataclass = OfDataclass(40)) -> Made:
        return Made(seed.number + extra.number)

    @builder
    def without(seed: Seed, extra: Optional[OfDataclass]) -> Made:
        return Made(seed.number + (extra.number if extra else 0))

    for made, alone in ((with_default, 42), (with_plain_default, 42), (without, 2)):
        flow = workflow(target=Made, inputs=Union[Seed, OfDataclass], builders=[made])
        assert flow.run(Seed(2)).result() == Made(alone)
        assert flow.run(Seed(2), OfDataclass(1)).result() == Made(3)


def test_what_annotated_says_besides_the_class_of_a_data_is_passed_over() -> None:
    @builder
    def make_noted(seed: Annotated[Seed, "counted from 1"]) -> Annotated[Made, "noted"]:
        return Made(seed.number)

    assert workflow(target=Made, inputs=Seed, builders=[make_noted]).run(Seed(3)).result() == Made(3)


ONE = OfDataclass(1)


def all_required(seed: Seed, extra: OfDataclass) -> Made:
    raise NotImplementedError


def one_default(seed: Seed, extra: OfDataclass = ONE) -> Made:
    raise NotImplementedError


def only_defaults(extra: OfDataclass = ONE, /, plain: Optional[Plain] = None) -> Made:
    raise NotImplementedError


def by_keyword(seed: Seed, *, extra: OfDataclass = ONE, plain: Plain) -> Made:
    raise NotImplementedError


def of_all_kinds(seed: Seed, /, named: OfNamedTuple, extra: OfDataclass = ONE, *, plain: Plain, **rest: Seed) -> Made:
    raise NotImplementedError


def with_context(seed: Seed, context: Context, last: Access[Made]) -> Optional[Made]:
    raise NotImplementedError


@pytest.mark.parametrize("function", [all_required, one_default, only_defaults, by_keyword, of_all_kinds, with_context])
@pytest.mark.parametrize("annotations", ["texts", "classes"])
def test_a_function_is_read_from_its_code_as_inspect_reads_it(
    function: Callable[..., Any], annotations: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if annotations == "classes":
        monkeypatch.setattr(function, "__annotations__", get_type_hints(function, include_extras=True))
    plain, decorated = (infer(builder(one), local={}) for one in (function, logged(function)))
    assert attrs.evolve(decorated, function=function) == plain
