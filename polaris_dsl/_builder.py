"""Makes builders of functions, and holds what their signatures may mention: `Access`, `Context`."""

from __future__ import annotations

import inspect
import logging
from datetime import datetime, timezone
from functools import update_wrapper
from types import FunctionType
from typing import Callable, Generic, Optional, Type, TypeVar, Union, cast, overload

import attrs
from typing_extensions import Annotated, Concatenate, ParamSpec, Self, final

from polaris_dsl._graph import Place
from polaris_dsl._options import checked_at_most_once, checked_retry, seconds
from polaris_dsl.errors import DefinitionError
from polaris_dsl.retry import Retry

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
        deadline: when the time of this call is over (aware, in UTC), by `timeout_s` of the builder or of the call of
            `run`, whichever is first; None if there is no such limit. `left_s` is what is left of it now, to pass on.
        logger: a standard logger whose records carry `run_id` and `builder`.

    Example:
        >>> Context(run_id="order-42", builder="charge", idempotency_key="1f0c").builder
        'charge'
    """

    run_id: str
    builder: str
    idempotency_key: str
    logger: logging.LoggerAdapter[logging.Logger] = attrs.field(factory=_logger, eq=False, repr=False)
    deadline: Optional[datetime] = None

    @property
    def left_s(self) -> Optional[float]:
        """How many seconds are left until `deadline`, at least 0; None without one."""
        if self.deadline is None:
            return None
        return max(0.0, (self.deadline - datetime.now(timezone.utc)).total_seconds())


class Builder(Generic[P, R]):
    """A unit of work: a function whose annotations say what it consumes and produces. Made by `builder`.

    It stays callable with its own signature. As an attribute of a class it binds like a function does: the bound method
    of an instance is a builder. Two builders are equal when they wrap the same function (of the same instance).

    Attributes:
        function: what was decorated.
        name: what journals and messages call it: `name=`, else `function`, `Class.method` or `Class`.
        timeout_s: how many seconds a call of it may take, or None.
        retry: how often it is tried again after it raised, or None.
        at_most_once: whether a call that the process did not survive is never repeated by itself.
    """

    function: Callable[P, R]
    name: str
    timeout_s: Optional[float]
    retry: Optional[Retry]
    at_most_once: bool

    def __init__(
        self,
        function: Callable[P, R],
        /,
        *,
        name: Optional[str] = None,
        timeout_s: Optional[float] = None,
        retry: Optional[Retry] = None,
        at_most_once: bool = False,
    ) -> None:
        update_wrapper(self, function, updated=())
        self.function = function
        self.name = _name_of(function) if name is None else name
        self.timeout_s = seconds(timeout_s, given="@builder(timeout_s=...)")
        self.retry = checked_retry(retry)
        self.at_most_once = checked_at_most_once(at_most_once)
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
        if bound is self.function:
            return self
        return Builder(
            bound, name=self._given, timeout_s=self.timeout_s, retry=self.retry, at_most_once=self.at_most_once
        )

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
def builder(
    function: Callable[P, R],
    /,
    *,
    name: Optional[str] = None,
    timeout_s: Optional[float] = None,
    retry: Optional[Retry] = None,
    at_most_once: bool = False,
) -> Builder[P, R]: ...
@overload
def builder(
    *,
    name: Optional[str] = None,
    timeout_s: Optional[float] = None,
    retry: Optional[Retry] = None,
    at_most_once: bool = False,
) -> Decorator: ...
def builder(
    function: Optional[Callable[P, R]] = None,
    /,
    *,
    name: Optional[str] = None,
    timeout_s: Optional[float] = None,
    retry: Optional[Retry] = None,
    at_most_once: bool = False,
) -> Union[Builder[P, R], Decorator]:
    """Make a builder of a function, a method, a callable instance, or a function under another decorator.

    The function stays callable as before. Its annotations are read when `workflow()` lists it, so they may name classes
    that are defined later. Of a builder it makes another one, which keeps what is not given anew.

    Args:
        function: what to decorate.
        name: what journals and messages call it; default: `function`, `Class.method` or `Class`. A name that is kept
            lets the function be renamed without its finished calls being forgotten.
        timeout_s: how many seconds a call of it may take. A plain function cannot be stopped: what it returns too late
            is never seen.
        retry: how often it is tried again after it raised; default: not before the next call of `run`.
        at_most_once: for effects that must not happen twice: a call that the process did not survive is never repeated
            by itself.

    Raises:
        DefinitionError: this is no function, or an option is none of these.

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
    decorator = Decorator(name, timeout_s, retry, at_most_once)
    return decorator if function is None else decorator(function)


@final
@attrs.frozen
class Decorator:
    """What `builder(name=...)` makes: it waits for its function. A class, for the mypy plugin to keep the name on."""

    name: Optional[str]
    timeout_s: Optional[float]
    retry: Optional[Retry]
    at_most_once: bool

    def __call__(self, function: Callable[P, R], /) -> Builder[P, R]:
        """Make a builder of the function, or say what cannot be one."""
        kept, limit, retry, once = None, self.timeout_s, self.retry, self.at_most_once
        if isinstance(function, Builder):  # its function is decorated anew
            kept, limit = function._given, function.timeout_s if limit is None else limit  # noqa: SLF001  its own class
            retry, once = function.retry if retry is None else retry, function.at_most_once or once
            function = cast("Builder[P, R]", function).function
        elif not callable(function) and not hasattr(function, "__get__"):
            raise DefinitionError(
                f"@builder goes above a function or a method, not on a value of type {type(function).__name__}"
            )
        name = kept if self.name is None else self.name
        return Builder(function, name=name, timeout_s=limit, retry=retry, at_most_once=once)


def _is_text(name: object) -> bool:
    return isinstance(name, str) and bool(name.strip()) and name.isprintable()


def owner_of(function: object, /) -> Optional[Type[object]]:
    """Return the class whose instance is called, for a callable instance."""
    routine = isinstance(function, FunctionType) or inspect.isroutine(function)
    return None if routine or isinstance(function, type) else type(function)
