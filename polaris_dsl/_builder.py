"""Makes builders of functions, and holds what their signatures may mention: `Access`, `Context`."""

from __future__ import annotations

import inspect
import logging
from functools import update_wrapper
from types import FunctionType
from typing import Callable, Generic, Optional, Type, TypeVar, Union, cast, overload

import attrs
from typing_extensions import Annotated, Concatenate, ParamSpec, Self, final

from polaris_dsl._graph import Place
from polaris_dsl.errors import DefinitionError

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R", covariant=True)
S = TypeVar("S", contravariant=True)
T = TypeVar("T")


@final
@attrs.frozen
class AccessMarker:
    """What tells an `Access[T]` from an `Optional[T]`."""


Access = Annotated[Optional[T], AccessMarker()]
"""A data that a builder may read as it is when the builder runs; it never orders or triggers it.

The function sees `Optional[T]`: None while the data is absent. A builder may access its own product: the last one.

    >>> from polaris_dsl import Access, builder
    >>> @builder
    ... def fare(ride: "RideEnded", before: Access["Fare"]) -> "Fare": ...
"""


def _logger() -> logging.LoggerAdapter[logging.Logger]:
    return logging.LoggerAdapter(logging.getLogger("polaris_dsl.builder"), {})


@final
@attrs.frozen
class Context:
    """The facts of one call of a builder. A parameter annotated with it is no data; in unit tests make one by hand.

    Attributes:
        run_id: the run.
        builder: the name of the builder.
        idempotency_key: 32 hex digits, the same for every call of this builder in this run with the same inputs, over
            crashes and processes, and different for other inputs. Give it to whatever has outside effects. Inputs that
            were fed anew make a new key even if an effect of the same meaning was had before: where that must not
            happen twice (a charge), let the effect know it by something of your own, such as an order number.
        logger: a standard logger whose records carry `run_id` and `builder`.

    Example:
        >>> Context(run_id="order-42", builder="charge", idempotency_key="1f0c").builder
        'charge'
    """

    run_id: str
    builder: str
    idempotency_key: str
    logger: logging.LoggerAdapter[logging.Logger] = attrs.field(factory=_logger, eq=False, repr=False)


class Builder(Generic[P, R]):
    """A unit of work: a function whose annotations say what it consumes and produces. Made by `builder`.

    It stays callable with its own signature. As an attribute of a class it binds like a function does: the bound method
    of an instance is a builder. Two builders are equal when they wrap the same function (of the same instance).

    Attributes:
        function: what was decorated.
        name: what journals and messages call it: `name=`, else `function`, `Class.method` or `Class`.
    """

    function: Callable[P, R]
    name: str

    def __init__(self, function: Callable[P, R], /, *, name: Optional[str] = None) -> None:
        update_wrapper(self, function, updated=())
        self.function = function
        self.name = _name_of(function) if name is None else name
        self._given = name

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function."""
        return self.function(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: Optional[type] = None, /) -> Self: ...
    @overload
    def __get__(
        self: Callable[Concatenate[S, Q], T], instance: S, owner: Optional[type] = None, /
    ) -> Builder[Q, T]: ...
    @overload
    def __get__(self, instance: object, owner: Optional[type] = None, /) -> Self: ...  # a static method
    def __get__(self, instance: object, owner: Optional[type] = None, /) -> object:
        """Bind as the wrapped function would."""
        bind = getattr(type(self.function), "__get__", None)  # of the type: a bound method would offer its function's
        bound = self.function if bind is None else bind(self.function, instance, owner)
        return self if bound is self.function else Builder(bound, name=self._given)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Builder) and self.function == other.function and self.name == other.name

    def __hash__(self) -> int:
        return hash((self.function, self.name))

    def __repr__(self) -> str:
        return f"<builder {self.name}>"

    @property
    def place(self) -> Place:
        """Where the function is written, as far as that can be told."""
        return place_of(self.function)


def place_of(function: object, /) -> Place:
    """Return where a function, the class of a callable, or what a decorator wraps is written."""
    inner = unwrapped(function)
    code = (
        getattr(inner, "__code__", None)
        or getattr(getattr(inner, "func", None), "__code__", None)
        or getattr(getattr(type(inner), "__call__", None), "__code__", None)  # noqa: B004  the function itself is wanted
    )
    return Place(code.co_filename, code.co_firstlineno) if code else Place("")


def unwrapped(function: object, /) -> object:
    """Return what decorators wrap: the innermost function."""
    return inspect.unwrap(function) if hasattr(function, "__wrapped__") and callable(function) else function


def _name_of(function: object) -> str:
    name = getattr(function, "__name__", None)
    if name is None:
        return type(function).__name__
    if inspect.ismethod(function):
        holder = function.__self__
        return f"{(holder if isinstance(holder, type) else type(holder)).__name__}.{name}"
    return str(name)


@overload
def builder(function: Callable[P, R], /, *, name: Optional[str] = None) -> Builder[P, R]: ...
@overload
def builder(*, name: Optional[str] = None) -> Decorator: ...
def builder(
    function: Optional[Callable[P, R]] = None, /, *, name: Optional[str] = None
) -> Union[Builder[P, R], Decorator]:
    """Make a builder of a function, a method, a callable instance, or a function under another decorator.

    The function stays callable as before. Its annotations are read when `workflow()` lists it, so they may name classes
    that are defined later.

    Args:
        function: what to decorate.
        name: what journals and messages call it; default: `function`, `Class.method` or `Class`. A name that is kept
            lets the function be renamed without its finished calls being forgotten.

    Raises:
        DefinitionError: this is no function, or the name is no text.

    Example:
        >>> import attrs
        >>> @attrs.frozen
        ... class Price:
        ...     cents: int
        >>> @attrs.frozen
        ... class Tax:
        ...     cents: int
        >>> @builder
        ... def tax(price: Price) -> Tax:
        ...     return Tax(price.cents // 5)
        >>> tax(Price(100))
        Tax(cents=20)
    """
    if name is not None and not _is_text(name):
        raise DefinitionError(f"@builder(name=...) takes a printable text, not {name!r:.80}")
    return Decorator(name) if function is None else builder_of(function, name=name)


@final
@attrs.frozen
class Decorator:
    """What `builder(name=...)` makes: it waits for its function. A class, for the mypy plugin to keep the name on."""

    name: Optional[str]

    def __call__(self, function: Callable[P, R], /) -> Builder[P, R]:
        """Make a builder of the function."""
        return builder_of(function, name=self.name)


def _is_text(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip()) and name.isprintable()


def builder_of(function: Callable[P, R], /, *, name: Optional[str]) -> Builder[P, R]:
    """Make a builder, or say what cannot be one."""
    if isinstance(function, Builder):
        return cast("Builder[P, R]", Builder(function.function, name=function._given if name is None else name))  # noqa: SLF001  its own class
    if not callable(function) and not hasattr(function, "__get__"):
        raise DefinitionError(
            f"@builder goes above a function or a method, not on a value of type {type(function).__name__}"
        )
    return Builder(function, name=name)


def owner_of(function: object, /) -> Optional[Type[object]]:
    """Return the class whose instance is called, for a callable instance."""
    routine = isinstance(function, FunctionType) or inspect.isroutine(function)
    return None if routine or isinstance(function, type) else type(function)
