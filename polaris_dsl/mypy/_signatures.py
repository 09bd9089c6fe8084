"""Says of mypy's signatures what `_infer` says of Python's: what a builder takes and makes, or why not."""

from __future__ import annotations

from typing import Callable, Dict, List, Tuple, Union

import attrs
from mypy.nodes import ARG_NAMED_OPT, ARG_OPT, ARG_STAR, ARG_STAR2, ArgKind
from mypy.plugin import CheckerPluginInterface
from mypy.types import AnyType, CallableType, Instance, NoneType, Type, TypeOfAny, get_proper_type
from typing_extensions import Literal

from polaris_dsl import _flaws
from polaris_dsl._graph import BuilderSpec, DataSpec, Flaw, Place
from polaris_dsl.mypy._annotations import CONTEXT, Unknown, accessed, alternatives, info_of, refusal, spec_of, told

UNREAD = Flaw("")
"""Stands for what cannot be known before the program runs; nothing is ever told of it."""

_Role = Literal["consumes", "optionals", "accesses", "context"]
_Judge = Callable[[Type], Union[Flaw, Unknown, None]]


class Data:
    """Collects the data of a graph; a class is known by its full name."""

    def __init__(self) -> None:
        self.specs: Dict[str, DataSpec] = {}

    def key(self, data: Type, /) -> str:
        """Return the key of a type that is data."""
        info = info_of(get_proper_type(data))
        assert info is not None  # noqa: S101  what is data has a class
        key = info.fullname
        if key not in self.specs:
            self.specs[key] = spec_of(info)
        return key


@attrs.frozen
class Reading:
    """A signature, read: its spec, and in one sentence each what of it is unknown."""

    spec: BuilderSpec
    unknown: Tuple[str, ...]


def read(name: str, signature: CallableType, /, *, defined: Place, data: Data, written: bool = True) -> Reading:
    """Read the signature of a builder.

    One that is not `written` stands in a type `Builder[P, R]`, whose values may be builders that say more than R.
    """
    if _is_hidden(signature):
        spec = BuilderSpec(name, flaw=UNREAD, reads_known=False, product_known=False, defined=defined)
        return Reading(spec, ("its signature is hidden by a decorator or by Builder[..., R]",))
    judge = refusal if written else _refusal_of_declared
    taken: Dict[_Role, List[str]] = {"consumes": [], "optionals": [], "accesses": []}
    reads, unknown = _take_all(signature, taken, judge=judge, data=data)
    made, unknown_made = _refused_return(signature.ret_type, judge=judge)
    parts = alternatives(signature.ret_type)
    product_known = not made and not unknown_made
    makes = [data.key(part) for part in parts if not isinstance(part, NoneType)] if product_known else []
    spec = BuilderSpec(
        name=name,
        consumes=tuple(taken["consumes"]),
        optionals=tuple(taken["optionals"]),
        accesses=tuple(taken["accesses"]),
        produces=tuple(makes),
        maybe=product_known and len(makes) < len(parts),
        flaw=_flaws.together(name, [*reads, *made]) or (UNREAD if unknown or unknown_made else None),
        reads_known=not reads and not unknown,
        product_known=product_known,
        defined=defined,
    )
    return Reading(spec, (*unknown, *unknown_made))


def _refusal_of_declared(type_: Type) -> Union[Flaw, Unknown, None]:
    refused = refusal(type_)
    return Unknown("says nothing") if refused in (_flaws.ANYTHING, _flaws.EVERY_OBJECT) else refused


def hidden(api: CheckerPluginInterface, /) -> CallableType:
    """Return a signature of which nothing is known."""
    any_ = AnyType(TypeOfAny.special_form)
    fallback = api.named_generic_type("builtins.function", [])
    return CallableType([any_, any_], [ARG_STAR, ARG_STAR2], [None, None], any_, fallback, is_ellipsis_args=True)


def without_first(signature: CallableType, /) -> CallableType:
    """Return a signature whose first parameter is filled in."""
    if not signature.arg_kinds or not signature.arg_kinds[0].is_positional():
        return signature
    return signature.copy_modified(
        arg_types=signature.arg_types[1:], arg_kinds=signature.arg_kinds[1:], arg_names=signature.arg_names[1:]
    )


# --- parameters ------------------------------------------------------------------------------------------------------


def _take_all(
    signature: CallableType, taken: Dict[_Role, List[str]], *, judge: _Judge, data: Data
) -> Tuple[List[Flaw], List[str]]:
    """File every parameter under its role; return what is wrong with the others, and what is unknown."""
    flaws: List[Flaw] = []
    unknown: List[str] = []
    parameters = zip(signature.arg_names, signature.arg_kinds, signature.arg_types)
    for at, (name, kind, type_) in enumerate(parameters):
        label = name or f"#{at + 1}"
        refused = _refused_parameter(label, kind, type_)
        role, part = _role(type_, kind)
        if refused is None and role != "context":
            judged = judge(part)
            if judged is None:
                taken[role].append(data.key(part))
            elif isinstance(judged, Flaw):
                refused = _flaws.parameter(label, told=told(part), refused=judged)
            else:
                unknown.append(f"parameter {label}: {told(part)} {judged.why}")
        if refused is not None:
            flaws.append(refused)
    return flaws, unknown


def _is_hidden(signature: CallableType) -> bool:
    """Say whether this is `...`: from a cache it comes back as stars without names."""
    stars = zip(signature.arg_kinds, signature.arg_names)
    return signature.is_ellipsis_args or signature.param_spec() is not None or (ARG_STAR, None) in stars


def _refused_parameter(label: str, kind: ArgKind, type_: Type) -> Union[Flaw, None]:
    if kind in (ARG_STAR, ARG_STAR2):
        return _flaws.starred(label, stars="*" if kind == ARG_STAR else "**")
    if _unannotated(type_):
        return _flaws.UNBOUND_METHOD if label == "self" else _flaws.unannotated(label)
    return None


def _role(type_: Type, kind: ArgKind) -> Tuple[_Role, Type]:
    """Return the role of a parameter, and its type without what told the role."""
    inner = accessed(type_)
    if inner is not None:
        return "accesses", inner
    parts = alternatives(type_)
    rest = [part for part in parts if not isinstance(part, NoneType)]
    if len(parts) == 2 and len(rest) == 1:  # noqa: PLR2004  an Optional is a pair
        return "optionals", rest[0]
    if isinstance(parts[0], Instance) and parts[0].type.fullname == CONTEXT and len(parts) == 1:
        return "context", type_
    same = len(parts) == 1  # also `Union[A, A]`, which Python takes for A
    return ("optionals" if kind in (ARG_OPT, ARG_NAMED_OPT) else "consumes"), parts[0] if same else type_


def _unannotated(type_: Type) -> bool:
    proper = get_proper_type(type_)
    return isinstance(proper, AnyType) and proper.type_of_any == TypeOfAny.unannotated


# --- the return ------------------------------------------------------------------------------------------------------


def _refused_return(type_: Type, *, judge: _Judge) -> Tuple[List[Flaw], List[str]]:
    """Return what is wrong with a return, as one flaw, and what of it is unknown."""
    if _unannotated(type_):
        return [_flaws.NO_RETURN], []
    parts = [part for part in alternatives(type_) if not isinstance(part, NoneType)]
    if not parts:
        return [_flaws.ONLY_NONE], []
    judged = [(told(part), judge(part)) for part in parts]
    flaws = [_flaws.returned(name, refused=refused) for name, refused in judged if isinstance(refused, Flaw)]
    unknown = [f"it returns {name}, which {refused.why}" for name, refused in judged if isinstance(refused, Unknown)]
    return [_flaws.alternatives(flaws)] if flaws else [], unknown
