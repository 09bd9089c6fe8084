"""The sentences about what cannot be read of a workflow, in the words that the runtime and the mypy plugin share."""

from __future__ import annotations

import re
from typing import Optional, Sequence

from polaris_dsl._graph import Argument, Flaw

# --- what is not data: the end of a sentence that begins with its name -----------------------------------------------

SCALAR_MODULES = frozenset(
    [
        *("builtins", "collections", "collections.abc", "datetime", "decimal", "enum", "fractions"),
        *("ipaddress", "numbers", "pathlib", "typing", "uuid"),
    ]
)
"""Where the bare scalars and containers come from."""

_EXACT = "and data are matched by their exact class"
_WRAP = "wrap it in a class of its own, which says what it means"
_CLASS = "name the class that is meant"
_IMPLEMENTATION = "name the class that implements it"

ANYTHING = Flaw("can be anything, so it says nothing", _CLASS)
EVERY_OBJECT = Flaw("is every object, so it says nothing", _CLASS)
CONTEXT = Flaw("describes the call and is not data", "take it as a parameter; it is never made or fed")
PROTOCOL = Flaw(f"is a Protocol, {_EXACT}", _IMPLEMENTATION)
ABSTRACT = Flaw(f"is an abstract class, {_EXACT}", _IMPLEMENTATION)
ABSENCE = Flaw("is the absence of data", "name the class that is meant, or Optional[...] of it")
SCALAR = Flaw("is a bare scalar or container, which a flow can have many of", _WRAP)
ACCESS = Flaw("is how a parameter reads a data", "write the class itself, or Access[...] of it as a parameter")
TYPE_VARIABLE = Flaw(f"is a type variable, {_EXACT}", _CLASS)
CHOICE = Flaw("is a choice of several classes, where one data is meant", "take each of them as an optional of its own")
TEXT = Flaw("is a text, not a class", "write the class itself")
GENERIC = Flaw("is a parametrised generic, whose values cannot be told apart at run time", _WRAP)
NO_CLASS = Flaw("is not a class", _CLASS)


def typed_dict(name: str) -> Flaw:
    return Flaw("is a TypedDict, whose values are plain dicts and cannot be told apart", _instead("a dataclass", name))


def new_type(name: str) -> Flaw:
    return Flaw("is a NewType, whose values cannot be told apart when fed", _instead("a class", name))


def _instead(kind: str, name: str) -> str:
    return f"make it {kind}: class {name}: ..."


# --- signatures ------------------------------------------------------------------------------------------------------

UNBOUND_METHOD = Flaw("it is a method without its instance", "list the bound method of an instance: instance.method")
NO_RETURN = Flaw("it has no return annotation", "annotate what it returns with the class of its data")
ONLY_NONE = Flaw("it returns only None", "return a data that says what was done, such as MailSent")


def starred(name: str, *, stars: str) -> Flaw:
    return Flaw(
        f"{stars}{name} does not say which data it takes",
        "give every data a parameter of its own; if a decorator hides them, let it use functools.wraps",
    )


def unannotated(name: str) -> Flaw:
    return Flaw(f"parameter {name} has no annotation", f"annotate {name} with the class of its data")


def parameter(name: str, *, told: str, refused: Flaw) -> Flaw:
    return Flaw(f"parameter {name}: {told} {refused.message}", refused.help)


def returned(told: str, *, refused: Flaw) -> Flaw:
    return Flaw(f"it returns {told}, which {refused.message}", refused.help)


def alternatives(flaws: Sequence[Flaw]) -> Flaw:
    """Join what is wrong with the alternatives of a return."""
    return Flaw("; ".join(flaw.message for flaw in flaws), flaws[0].help)


def together(name: str, flaws: Sequence[Flaw]) -> Optional[Flaw]:
    """Join all that is wrong with a signature."""
    if not flaws:
        return None
    helps = dict.fromkeys(flaw.help for flaw in flaws)
    return Flaw(f"{name}: {'; '.join(flaw.message for flaw in flaws)}", "; ".join(helps))


# --- what is no builder: the end of a sentence that begins with its name ---------------------------------------------

PARTIAL = Flaw(
    "is a functools.partial, whose signature hides what was filled in",
    "write a small function that fills it in, with annotations and @builder above it",
)
CLASS = Flaw("is a class, not a builder", "list a function that returns one, with @builder above it")
UNBOUND_FUNCTION = Flaw("is a static or class method that is not bound", "list it as an attribute of its class")


def undecorated(name: str) -> Flaw:
    return Flaw("is not a builder: it is not decorated", f"write @builder above {name}")


def value(kind: str) -> Flaw:
    return Flaw(f"is not a builder but a value of type {kind}", "list functions with @builder above them")


def decorated_class(name: str) -> Flaw:
    return Flaw("is a class, not a function", f"write a function that returns a {name}, with @builder above it")


def named(name: str, flaw: Flaw) -> Flaw:
    """Say which it is."""
    return Flaw(f"{name} {flaw.message}", flaw.help)


# --- arguments -------------------------------------------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_RESERVED = frozenset({".", ".."})
_WRITE = {"target": "target=A, or target=A | B where either is an end", "inputs": "inputs=A | B"}
_NAME_HELP = 'use 1 to 64 letters, digits, "_", "." or "-": name="card-payment"'


def no_data(argument: Argument, *, told: str, refused: Flaw) -> Flaw:
    """Say what is wrong with one class of `target=` or `inputs=`."""
    shown = {"target": "the target", "inputs": "the input"}[argument]
    help_ = "leave out None: a run says itself what is not there" if told == "None" else refused.help
    return Flaw(f"{shown} {told} {refused.message}", help_)


def collected(argument: Argument, *, kind: str, told: Sequence[str]) -> Flaw:
    """Say that a list is no union."""
    help_ = f"{argument}={' | '.join(told)}" if told else _WRITE[argument]
    return Flaw(f"{argument}= takes a class or a union of classes, not a {kind}", f"write {help_}")


def is_name(name: str) -> bool:
    """Say whether a text can be the name of a workflow."""
    return bool(_NAME.fullmatch(name)) and name not in _RESERVED


def bad_name(name: str) -> Flaw:
    return Flaw(f"{name!r:.80} cannot be the name of a workflow, which is a directory of its store", _NAME_HELP)


def no_name(kind: str) -> Flaw:
    return Flaw(f"a name is a text, not a value of type {kind}", _NAME_HELP)


def no_list(kind: str) -> Flaw:
    return Flaw(f"builders= takes a list of builders, not a value of type {kind}", "write builders=[a, b, c]")
