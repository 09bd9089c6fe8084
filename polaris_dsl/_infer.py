"""Reads annotations: a builder in, what it takes and makes out."""

from __future__ import annotations

import functools
import inspect
from enum import Enum
from types import FunctionType, SimpleNamespace
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union, cast

import attrs
from typing_extensions import TypeGuard, get_type_hints

from polaris_dsl import _flaws
from polaris_dsl._builder import Builder, Context, owner_of, place_of, unwrapped
from polaris_dsl._data import accessed, alternatives, bare, is_class, is_data, refusal, told
from polaris_dsl._graph import Flaw, Place


class Role(Enum):
    """What a parameter is to its builder; the values are the words of a message."""

    CONSUMES = "consumes"
    OPTIONAL = "optionals"
    ACCESSES = "accesses"
    CONTEXT = "context"


@attrs.frozen
class Parameter:
    """One parameter: its role, its data (None: the context), its default, and its name if it is passed by that."""

    role: Role
    data: Optional[type]
    default: object
    keyword: Optional[str]


@attrs.frozen
class Signature:
    """What was read of a builder. `flaw` says what could not be; the rest then holds as much as could."""

    name: str
    function: Callable[..., object]
    place: Place
    parameters: Tuple[Parameter, ...] = ()
    produces: Tuple[type, ...] = ()
    maybe: bool = False
    flaw: Optional[Flaw] = None
    reads_known: bool = True
    product_known: bool = True

    def data(self, role: Role) -> Tuple[type, ...]:
        """Return the data of the parameters of one role, in order."""
        return tuple([p.data for p in self.parameters if p.role is role and p.data is not None])


_STARS: Mapping[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


class _Written(NamedTuple):
    """What is written of a parameter, but for its annotation."""

    name: str
    stars: str
    by_keyword: bool
    default: object


def infer(item: object, /, *, local: Mapping[str, object]) -> Signature:
    """Read an item of `builders=`. `local` holds names that functions written inside a function may refer to."""
    if not isinstance(item, Builder):
        return _no_builder(item)
    function, name, place = item.function, item.name, item.place
    refused = _refused_callable(function, name)
    if refused is not None:
        return _unread(name, function, place, refused)
    parameters = _parameters(function)
    hints, lost = _hints(function, parameters, local=local)
    taken: List[Parameter] = []
    flaws: List[Flaw] = []
    for parameter in parameters:
        read = lost.get(parameter.name) or _parameter(parameter, hints)
        if isinstance(read, Flaw):
            flaws.append(read)
        else:
            taken.append(read)
    reads_known = not flaws
    made = lost.get("return") or _return(hints)
    produces, maybe = ((), False) if isinstance(made, Flaw) else made
    if isinstance(made, Flaw):
        flaws.append(made)
    return Signature(
        name,
        function,
        place,
        tuple(taken),
        produces,
        maybe,
        _flaws.together(name, flaws),
        reads_known=reads_known,
        product_known=not isinstance(made, Flaw),
    )


def _unread(name: str, function: object, place: Place, flaw: Flaw) -> Signature:
    callable_ = function if callable(function) else type(function)
    return Signature(name, callable_, place, flaw=_flaws.named(name, flaw), reads_known=False, product_known=False)


def _no_builder(item: object) -> Signature:
    name = getattr(item, "__name__", None) or type(item).__name__
    if isinstance(item, functools.partial):
        flaw = _flaws.PARTIAL
    elif isinstance(item, type):
        flaw = _flaws.CLASS
    else:
        flaw = _flaws.undecorated(str(name)) if callable(item) else _flaws.value(type(item).__name__)
    return _unread(str(name), item, place_of(item), flaw)


def _refused_callable(function: object, name: str) -> Optional[Flaw]:
    if isinstance(unwrapped(function), functools.partial):
        return _flaws.PARTIAL
    if isinstance(function, type):
        return _flaws.decorated_class(name)
    return None if callable(function) else _flaws.UNBOUND_FUNCTION


def _is_plain(function: object) -> TypeGuard[FunctionType]:
    """Say whether a function is only what was written: nothing was set on it, and it has no type variables."""
    return type(function) is FunctionType and not function.__dict__ and not getattr(function, "__type_params__", ())


def _parameters(function: Callable[..., object]) -> List[_Written]:
    """Return the parameters in order: of a plain function from its code, for `inspect` takes ten times as long."""
    if _is_plain(function) and not function.__code__.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return _plain_parameters(function)
    return [
        _Written(
            parameter.name,
            _STARS.get(parameter.kind, ""),
            parameter.kind is parameter.KEYWORD_ONLY,
            parameter.default,
        )
        for parameter in inspect.signature(function).parameters.values()
    ]


def _plain_parameters(function: FunctionType) -> List[_Written]:
    code = function.__code__
    positional = code.co_argcount
    names = code.co_varnames[: positional + code.co_kwonlyargcount]
    given = dict(function.__kwdefaults__ or ())
    if function.__defaults__:
        given.update(zip(names[positional - len(function.__defaults__) :], function.__defaults__))
    nothing = inspect.Parameter.empty
    return [_Written(name, "", at >= positional, given.get(name, nothing)) for at, name in enumerate(names)]


# --- annotations -----------------------------------------------------------------------------------------------------


def _hints(
    function: Callable[..., object], parameters: Sequence[_Written], *, local: Mapping[str, object]
) -> Tuple[Mapping[str, object], Dict[str, Flaw]]:
    """Resolve all annotations at once; if one of them cannot be, each by itself, so that it can be named."""
    annotated = function if owner_of(function) is None else type(function).__call__
    try:
        return _classes(function) or get_type_hints(annotated, include_extras=True), {}
    except Exception:  # noqa: BLE001  annotations are the user's code and may raise anything
        raw = getattr(inspect.unwrap(annotated), "__annotations__", {})
    scope = getattr(inspect.unwrap(annotated), "__globals__", {})
    outer = local if "<locals>" in getattr(annotated, "__qualname__", "") else {}
    near = {name: value for name, value in outer.items() if name not in scope}
    hints: Dict[str, object] = {}
    lost: Dict[str, Flaw] = {}
    for name in [*(parameter.name for parameter in parameters), "return"]:
        one = SimpleNamespace(__annotations__={name: raw[name]} if name in raw else {})
        try:
            hints.update(get_type_hints(one, globalns=scope, localns=near, include_extras=True))
        except Exception as error:  # noqa: BLE001  as above
            lost[name] = _lost(name, error)
    return hints, lost


def _classes(function: object) -> Mapping[str, object]:
    """Return the annotations of a plain function if each is a class, or just the name of one in its module."""
    if not _is_plain(function):
        return {}
    scope = function.__globals__
    found = {
        name: scope.get(annotation) if type(annotation) is str else annotation
        for name, annotation in function.__annotations__.items()
    }
    return found if all(map(is_class, found.values())) else {}


def _lost(name: str, error: Exception) -> Flaw:
    where = "the return annotation" if name == "return" else f"the annotation of parameter {name}"
    if isinstance(error, NameError):
        missing = str(error).split("'")[1] if "'" in str(error) else str(error)
        return Flaw(
            f"{where} names {missing}, which is not defined when workflow() runs",
            f"import {missing} at the top of the module, not under `if TYPE_CHECKING:`, or define it at module level",
        )
    why = f"{where} cannot be read ({type(error).__name__})"
    return Flaw(why, "write a class there; on Python before 3.10, unions as Union[A, B]")


def _parameter(parameter: _Written, hints: Mapping[str, object]) -> Union[Parameter, Flaw]:
    name = parameter.name
    if parameter.stars:
        return _flaws.starred(name, stars=parameter.stars)
    if name not in hints:
        return _flaws.UNBOUND_METHOD if name == "self" else _flaws.unannotated(name)
    has_default = parameter.default is not inspect.Parameter.empty
    default = parameter.default if has_default else None
    keyword = name if parameter.by_keyword else None
    role, annotation = _role(hints[name], has_default=has_default)
    if role is Role.CONTEXT:
        return Parameter(role, None, default, keyword)
    refused = refusal(annotation)
    if refused is None:
        return Parameter(role, cast("type", annotation), default, keyword)
    return _flaws.parameter(name, told=told(annotation), refused=refused)


def _role(annotation: object, *, has_default: bool) -> Tuple[Role, object]:
    """Return the role of a parameter, and its annotation without what told the role."""
    annotation = bare(annotation)
    if annotation is Context:
        return Role.CONTEXT, annotation
    if not is_class(annotation):
        inner = accessed(annotation)
        if inner is not None:
            return Role.ACCESSES, inner
        parts = alternatives(annotation)
        if len(parts) == 2 and None in parts:  # noqa: PLR2004  an Optional is a pair
            return Role.OPTIONAL, next(part for part in parts if part is not None)
    return (Role.OPTIONAL if has_default else Role.CONSUMES), annotation


def _return(hints: Mapping[str, object]) -> Union[Tuple[Tuple[type, ...], bool], Flaw]:
    if "return" not in hints:
        return _flaws.NO_RETURN
    parts = alternatives(hints["return"])
    if parts == (None,):
        return _flaws.ONLY_NONE
    produces: List[type] = []
    refused: List[Flaw] = []
    for part in parts:
        if is_data(part):
            produces.append(part)
        elif part is not None:
            refused.append(_flaws.returned(told(part), refused=refusal(part) or Flaw("")))
    return _flaws.alternatives(refused) if refused else (tuple(produces), None in parts)
