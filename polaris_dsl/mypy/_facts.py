"""Keeps what only a decorator sees of a builder on its type, where caches, aliases, tuples and imports preserve it."""

from __future__ import annotations

from typing import Optional, cast

import attrs
from mypy.plugin import CheckerPluginInterface
from mypy.types import CallableType, ExtraAttrs, Instance, LiteralType, Type, get_proper_type
from typing_extensions import Literal

from polaris_dsl._graph import Place

BUILDER = "polaris_dsl._builder.Builder"

Kind = Literal["function", "static", "class", "bound"]
"""How it binds as an attribute: a function to an instance, a class method to the class, the others do not."""

# No attribute can have these names, so that they are no attributes to mypy.
_FLAT, _SIGNATURE = "polaris facts", "polaris signature"


@attrs.frozen
class Facts:
    """What is known of a builder besides its type `Builder[P, R]`."""

    name: str
    """What it is called, but for the class of a method."""
    given: bool
    """Whether that is a `name=`, which binding leaves as it is."""
    kind: Kind
    defined: Place
    told: bool
    """Whether its decorator has told that it cannot be read."""
    limit: str
    """Its `timeout_s`, as `_limits` tells it."""
    once: Optional[bool]
    """Its `at_most_once`; None if only the run time knows."""
    signature: CallableType
    """As it is written: mypy's own `P` and `R` have lost subclasses among alternatives, and `async`."""


def attach(builder: Instance, facts: Facts, /, *, api: CheckerPluginInterface) -> Instance:
    """Return the type of a builder with these facts on it."""
    flags = f"{facts.kind}\n{facts.given:d}\n{facts.told:d}\n{facts.limit}\n{facts.once}"
    flat = f"{flags}\n{facts.name}\n{facts.defined.line}\n{facts.defined.file}"
    text = LiteralType(flat, api.named_generic_type("builtins.str", []))
    known = builder.copy_modified()
    known.extra_attrs = ExtraAttrs({_FLAT: text, _SIGNATURE: facts.signature})
    return known


def facts_of(builder: Type, /) -> Optional[Facts]:
    """Return the facts of a builder, or None where it came without: as the result of a factory, for one."""
    known = get_proper_type(builder)
    if not isinstance(known, Instance) or known.extra_attrs is None:
        return None
    flat, signature = known.extra_attrs.attrs.get(_FLAT), known.extra_attrs.attrs.get(_SIGNATURE)
    if not isinstance(flat, LiteralType) or not isinstance(signature, CallableType):
        return None
    kind, given, told, limit, flag, name, line, file = str(flat.value).split("\n", 7)
    once = None if flag == "None" else flag == "True"
    return Facts(name, given == "1", cast("Kind", kind), Place(file, int(line)), told == "1", limit, once, signature)
