"""Hypothesis strategies for workflows as source text: what users might write, in many forms, most of it valid.

The graphs are those of `random_workflows`, valid by construction; many of them get a slip or two. Each builder is then
written in one of many forms, the list in several pieces, and the call somewhere in a module.
"""

from __future__ import annotations

from random import Random
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence, Tuple, TypeVar

import attrs
from hypothesis import strategies as st

from polaris_dsl._graph import Item
from tests.random_workflows import INPUTS, PRODUCTS, Shape, random_workflows

T = TypeVar("T", "Program", "Written")

# --- the data --------------------------------------------------------------------------------------------------------

SHOP = "shop"
"""The package that all rendered modules are put into."""

NAMES = tuple(data.__name__ for data in (*INPUTS, *PRODUCTS))
PRODUCT_NAMES = tuple(data.__name__ for data in PRODUCTS)
KINDS = (
    "class {0}(NamedTuple):\n    value: int\n",
    "@attrs.frozen\nclass {0}:\n    value: int\n",
    "@dataclass(frozen=True)\nclass {0}:\n    value: int\n",
    "class {0}:\n    pass\n",
    "class {0}(Enum):\n    ONE = 1\n",
)
FRESH = tuple(name for at, name in enumerate(NAMES) if "Enum" not in KINDS[at % len(KINDS)])
"""Those of which `Fresh...` is a subclass."""

STOCK = '''\
"""All that the workflows of a folder share."""

import abc
import datetime
import functools
from dataclasses import dataclass
from enum import Enum
from typing import Any, Callable, Dict, Final, Generic, List, Literal, NamedTuple, NewType, Optional, Protocol
from typing import Tuple, Type, TypedDict, TypeVar, Union, cast

import attrs
from typing_extensions import ParamSpec

from polaris_dsl import Access, Builder, Context, Executor, Workflow, builder, workflow

P = ParamSpec("P")
T = TypeVar("T")

ABSENT: Any = None
ONCE: Final = True
Number = NewType("Number", int)

class Shaped(Protocol):
    value: int

class Row(TypedDict):
    value: int

class Abstract(abc.ABC):
    @abc.abstractmethod
    def value(self) -> int: ...

class Box(Generic[T]):
    pass

def logged(function: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(*args, **kwargs)
    return wrapper

def same(thing: T) -> T:
    return thing

def register(thing: object, *, name: str = "") -> None: ...

def takes_any(thing: Any) -> Any: ...

'''


def shared_modules() -> Mapping[str, str]:
    """Return the modules that all rendered workflows import: the data, and other data of the same names."""
    classes = [KINDS[at % len(KINDS)].format(name) for at, name in enumerate(NAMES)]
    fresh = [f"class Fresh{name}({name}):\n    pass\n" for name in FRESH]
    legacy = [f"class {name}:\n    pass\n" for name in NAMES]
    return {"__init__.py": "", "stock.py": "\n".join([STOCK, *classes, *fresh]), "legacy.py": "\n".join(legacy)}


# --- builders as they are written ------------------------------------------------------------------------------------

FORMS: Mapping[str, Tuple[str, str]] = {
    "function": ("{above}\ndef {name}{rest}", "{name}"),
    "async": ("{above}\nasync def {name}{rest}", "{name}"),
    "wrapped": ("{above}\n@logged\ndef {name}{rest}", "{name}"),
    "empty call": ("@builder()\ndef {name}{rest}", "{name}"),
    "by hand": ("def plain_{name}{rest}{name} = builder(plain_{name}{given})\n", "{name}"),
    "renamed": ("@builder\ndef first_{name}{rest}{name} = builder(first_{name}{given})\n", "{name}"),
    "instance": ("class Of_{name}:\n    def __call__{self}{name} = builder(Of_{name}(){given})\n", "{name}"),
    "method": ("class Of_{name}:\n    {above}\n    def {name}{self}the_{name} = Of_{name}()\n", "the_{name}.{name}"),
    "async method": (
        "class Of_{name}:\n    {above}\n    async def {name}{self}the_{name} = Of_{name}()\n",
        "the_{name}.{name}",
    ),
    "inherited": (
        (
            "class Of_{name}:\n    {above}\n    def {name}{self}"
            "class Late_{name}(Of_{name}):\n    pass\nthe_{name} = Late_{name}()\n"
        ),
        "the_{name}.{name}",
    ),
    "static": ("class Of_{name}:\n    {above}\n    @staticmethod\n    def {name}{rest}", "Of_{name}.{name}"),
    "of class": ("class Of_{name}:\n    {above}\n    @classmethod\n    def {name}{cls}", "Of_{name}.{name}"),
}
"""How a builder can be written, and how it stands in a list."""

NO_BUILDERS: Mapping[str, Tuple[str, str]] = {
    "undecorated": ("def {name}{rest}", "{name}"),
    "partial": ("def plain_{name}{rest}{name} = functools.partial(plain_{name})\n", "{name}"),
    "class": ("class Of_{name}:\n    pass\n{name} = Of_{name}\n", "{name}"),
    "class by hand": ("class Of_{name}:\n    pass\n{name} = builder(Of_{name})\n", "{name}"),
    "value": ("{name} = 7\n", "{name}"),
    "unbound": ("class Of_{name}:\n    {above}\n    def {name}{self}", "Of_{name}.{name}"),
}
"""What can stand in a list and is no builder."""

PIPED, TYPING = "piped", "typing"


@attrs.frozen
class Take:
    """A parameter."""

    data: str
    how: str
    """`consumes`, `optional`, `default`, `nullable default` or `access`."""

    def source(self, at: int, *, union: str) -> str:
        name = f"p{at}"
        nullable = f"{self.data} | None" if union == PIPED else f"Optional[{self.data}]"
        return {
            "consumes": f"{name}: {self.data}",
            "optional": f"{name}: {nullable}",
            "default": f"{name}: {self.data} = ABSENT",
            "nullable default": f"{name}: {nullable} = None",
            "access": f"{name}: Access[{self.data}]",
        }[self.how]


@attrs.frozen
class Written:
    """A builder as it is written."""

    name: str
    takes: Tuple[Take, ...]
    produces: Tuple[str, ...]
    maybe: bool = False
    form: str = "function"
    given: str = ""
    """What stands in `@builder(name=...)`."""
    limit: str = ""
    """What stands in `@builder(timeout_s=...)`."""
    once: str = ""
    """What stands in `@builder(at_most_once=...)`."""
    away: bool = False
    """Whether it is imported from another module."""
    context: bool = False
    keywords: bool = False
    union: str = TYPING
    extra: str = ""
    """One more parameter, as text; a slip."""
    returns: str = ""
    """What it returns instead, as text; a slip."""

    @property
    def parameters(self) -> str:
        every = [take.source(at, union=self.union) for at, take in enumerate(self.takes)]
        every += ["context: Context"] * self.context
        every += [self.extra] * (bool(self.extra) and not self.extra.startswith("*"))
        plain = [one for one in every if " = " not in one]
        star = [self.extra] if self.extra.startswith("*") else ["*"] * (self.keywords and bool(every))
        defaults = [one for one in every if " = " in one]
        if self.extra.startswith("*"):
            return ", ".join([*plain, *defaults, *star])
        return ", ".join([*star, *plain, *defaults])

    @property
    def arrow(self) -> str:
        if self.returns:
            return "" if self.returns == "nothing" else f" -> {self.returns}"
        parts = [*self.produces, *["None"] * self.maybe]
        return " -> " + (" | ".join(parts) if self.union == PIPED or len(parts) == 1 else f"Union[{', '.join(parts)}]")

    @property
    def source(self) -> str:
        """The text that defines it."""
        body = f"{self.arrow}: raise NotImplementedError\n"
        said = {"name": self.given and repr(self.given), "timeout_s": self.limit, "at_most_once": self.once}
        options = [f"{option}={text}" for option, text in said.items() if text]
        return {**FORMS, **NO_BUILDERS}[self.form][0].format(
            name=self.name,
            above=f"@builder({', '.join(options)})" if options else "@builder",
            given="".join(f", {option}" for option in options),
            rest=f"({self.parameters}){body}",
            self=f"({', '.join(filter(None, ['self', self.parameters]))}){body}",
            cls=f"({', '.join(filter(None, ['cls', self.parameters]))}){body}",
        )

    @property
    def item(self) -> str:
        """How it is written in a list."""
        return {**FORMS, **NO_BUILDERS}[self.form][1].format(name=self.name)


# --- programs --------------------------------------------------------------------------------------------------------

PIECES = ("items", "items", "items", "alias", "literal", "constant", "final", "added", "nested", "away")
"""How a stretch of the list is written."""

CALLS: Sequence[Tuple[str, str, str, str]] = (
    ("", "flow = ", "", ""),
    ("", "flow = ", "", ""),
    ("", "flow: Any = ", "", ""),
    ("", "flow: object = ", "", ""),
    ("", "flow: Final = ", "", ""),
    ("", "flow: Optional[Workflow[Any, Any]] = ", "", ""),
    ("", "", "", ""),
    ("", "register(", ")", ""),
    ("", "register(", ', name="flow")', ""),
    ("", "takes_any(", ")", ""),
    ("", "same(", ")", ""),
    ("", "same(same(", ")).name", ""),
    ("", "flow: Any = same(", ")", ""),
    ("", "cast(Any, ", ")", ""),
    ("", 'cast("object", ', ").__repr__", ""),
    ("", "flows = [", "]", ""),
    ("", 'flows: Dict[str, Any] = {"flow": ', "}", ""),
    ("", "flows = (", ", 1)", ""),
    ("", "flows = [", " for _ in (1,)]", ""),
    ("", "flow = ", " if ABSENT is None else None", ""),
    ("", "flow: object = None or ", "", ""),
    ("", "if (flow := ", ").name:\n    pass", ""),
    ("", "assert ", ".name", ""),
    ("", "with Executor(", ") as executor:\n    executor.load", ""),
    ("", "flow: Any = Executor(", ")", ""),
    ("", "for flow in (", ",):\n    pass", ""),
    ("", "name: str = ", ".name", ""),
    ("", "later = lambda: ", "", "later()\n"),
    ("", "later: Callable[[], object] = lambda: ", "", "later()\n"),
    ("", "(lambda flow: flow)(", ")", ""),
    ("", "def flow(thing: object = ", ") -> None: ...", ""),
    ("def flow() -> object:\n", "    return ", "", "flow()\n"),
    ("def flow() -> Any:\n", "    return ", "", "flow()\n"),
    ("def flow() -> Workflow[Any, Any]:\n", "    return ", "", "flow()\n"),
    ("def flow() -> object:\n", "    return same(", ")", "flow()\n"),
    ("def flow() -> None:\n", "    flow = ", "\n    register(flow)", "flow()\n"),
    ("def flow() -> object:\n    def inner() -> object:\n", "        return ", "\n    return inner()", "flow()\n"),
    ("class Flows:\n", "    flow = ", "", ""),
    ("class Flows:\n    def __init__(self) -> None:\n", "        self.flow = ", "", "Flows()\n"),
    ("class Flows:\n    @property\n    def flow(self) -> Any:\n", "        return ", "", "Flows().flow\n"),
    ("try:\n", "    flow = ", "\nfinally:\n    pass", ""),
    ("if ABSENT is None:\n", "    flow = ", "", ""),
)
"""Where the call stands: lines before it, what stands before and after it, lines to run it."""


@attrs.frozen
class Program:
    """A workflow as it is written."""

    inputs: Tuple[str, ...]
    target: Tuple[str, ...]
    written: Tuple[Written, ...]
    listed: Tuple[int, ...]
    pieces: Tuple[Tuple[str, int], ...] = ()
    """How each stretch of the list is written, and how long it is; what is left are items."""
    call: int = 0
    union: str = TYPING
    future: bool = False
    whole: bool = False
    """Whether the list is a tuple."""
    name: str = ""
    transient: Tuple[str, ...] = ()
    limit: str = ""
    """What stands in `timeout_s=`."""
    bad_target: str = ""
    bad_input: str = ""
    slips: Tuple[str, ...] = ()


@attrs.frozen
class Rendered:
    """The modules of a program, the first of which defines the workflow, and the line of each item and argument."""

    modules: Mapping[str, str]
    lines: Mapping[Item, int]
    defined: Mapping[Item, Tuple[str, int, int]]
    """For each item, the module where its builder stands, and its first and last line."""

    def __str__(self) -> str:
        return "\n".join(f"# --- {name}\n{text}" for name, text in self.modules.items())


def rendered(program: Program, /, *, serial: int) -> Rendered:
    """Write a program down. The serial number makes the names of its modules unique."""
    return _Text(program, f"parts_{serial}", f"flow_{serial}").rendered()


class _Text:
    """The two modules of a program under way."""

    def __init__(self, program: Program, parts: str, flow: str) -> None:
        self.program = program
        self.parts = parts
        self.flow = flow
        self.constants: Dict[bool, List[str]] = {True: [], False: []}
        self.lines: Dict[Item, int] = {}
        self.defined: Dict[Item, Tuple[str, int, int]] = {}

    def rendered(self) -> Rendered:
        program = self.program
        pieces = list(self.pieces())  # adds constants
        here, away = self.module(away=False), self.module(away=True)
        before, prefix, suffix, after = CALLS[program.call]
        text = "\n".join([*here, *self.constants[False], before + f"{prefix}workflow("])
        text += "\n" + self.arguments(pieces, first=text.count("\n") + 2) + f"){suffix}\n{after}"
        modules = {f"{self.flow}.py": text}
        if self.imports:
            modules[f"{self.parts}.py"] = "\n".join([*away, *self.constants[True], ""])
        return Rendered(modules, self.lines, self.defined)

    @property
    def imports(self) -> bool:
        return any(self.program.written[at].away for at in self.program.listed)

    def module(self, *, away: bool) -> List[str]:
        """Write the imports and the builders of a module, and note where each builder stands."""
        texts = ["from __future__ import annotations"] * self.program.future
        texts += ["import datetime, functools", f"from {SHOP} import legacy", f"from {SHOP}.stock import *"]
        if self.imports and not away:
            texts += [f"from {SHOP} import {self.parts}", f"from {SHOP}.{self.parts} import *"]
        for at in dict.fromkeys(self.program.listed):
            one = self.program.written[at]
            if one.away == away:
                first = sum(text.count("\n") + 1 for text in texts) + 1
                texts.append(one.source)
                place = (f"{self.parts if away else self.flow}.py", first, first + one.source.count("\n"))
                self.defined.update({item: place for item, listed in enumerate(self.program.listed) if listed == at})
        return texts

    def arguments(self, pieces: Sequence[Tuple[str, int]], *, first: int) -> str:
        """Write the arguments, a line for each, and note the lines; `first` is that of the first."""
        program = self.program
        rows: List[Tuple[str, Sequence[Item]]] = []
        rows.append((f"target={self.union(program.target, program.bad_target)},", ["target"]))
        if program.inputs or program.bad_input:
            rows.append((f"inputs={self.union(program.inputs, program.bad_input)},", ["inputs"]))
        rows.append(("builders=" + "[("[program.whole], ["builders"]))
        at = 0
        for text, count in pieces:
            rows.append((f"    {text},", range(at, at + count)))
            at += count
        rows.append(("])"[program.whole] + ",", []))
        if program.name:
            rows.append((f"name={program.name!r},", ["name"]))
        if program.transient:
            rows.append((f"transient={self.union(program.transient, '')},", ["transient"]))
        if program.limit:
            rows.append((f"timeout_s={program.limit},", ["timeout_s"]))
        self.lines = {item: first + row for row, (_, items) in enumerate(rows) for item in items}
        self.lines.setdefault("name", first - 1)
        return "".join(f"    {text}\n" for text, _ in rows)

    def union(self, names: Sequence[str], bad: str) -> str:
        every = [*names, *[bad] * bool(bad)]
        if self.program.union == PIPED or len(every) == 1:
            return " | ".join(every)
        return f"Union[{', '.join(every)}]"

    def pieces(self) -> Iterator[Tuple[str, int]]:
        """Write each stretch of the list: the text of a line, and how many items it stands for."""
        listed = [self.program.written[at] for at in self.program.listed]
        for style, count in [*self.program.pieces, ("items", len(listed))]:
            stretch, listed = listed[:count], listed[count:]
            if style in ("items", "alias") or not stretch:
                for one in stretch:
                    yield self.alias(one) if style == "alias" else one.item, 1
            else:
                yield self.spread(style, stretch), len(stretch)

    def alias(self, one: Written) -> str:
        self.constants[False].append(f"alias_of_{one.name} = {one.item}")
        return f"alias_of_{one.name}"

    def spread(self, style: str, stretch: Sequence[Written]) -> str:
        items = [one.item for one in stretch]
        there = style == "away" and all(one.away for one in stretch)
        if style == "literal":
            return f"*{_tuple(items)}"
        if style == "nested":
            return f"*({items[0]}, *{_tuple(items[1:])})"
        first = self.constant(items[:1] if style == "added" else items, there=there, final=style == "final")
        if style == "added":
            return f"*({first} + {self.constant(items[1:], there=False, final=False)})"
        return f"*{self.parts}.{first}" if there else f"*{first}"

    def constant(self, items: Sequence[str], *, there: bool, final: bool) -> str:
        name = f"{'SHARED' if there else 'COMMON'}{len(self.constants[there])}"
        self.constants[there].append(f"{name}{': Final' * final} = {_tuple(items)}")
        return name


def _tuple(items: Sequence[str]) -> str:
    return f"({', '.join(items)}{',' * (len(items) == 1)})"


# --- how they come about ---------------------------------------------------------------------------------------------


def _written(random: Random, shape: Shape) -> Written:
    takes = [Take(data.__name__, "consumes") for data in shape.consumes]
    takes += [
        Take(data.__name__, "default" if data in shape.defaults else random.choice(("optional", "nullable default")))
        for data in shape.optionals
    ]
    takes += [Take(data.__name__, "access") for data in shape.accesses]
    form = random.choice([*FORMS, "function", "method"])
    given = f"the {shape.name}" if form == "renamed" or not random.randint(0, 4) else ""
    return Written(
        name=shape.name,
        takes=tuple(takes),
        produces=tuple(data.__name__ for data in shape.produces),
        maybe=shape.maybe,
        form=form,
        given=given,
        away=random.random() < 0.5,
        context=not random.randint(0, 4),
        keywords=shape.keywords_only,
        union=random.choice((PIPED, TYPING)),
    )


# A slip is what a user gets wrong.

Slip = Callable[[Random, Program], Program]


def _changed(program: Program, at: int, new: Written) -> Program:
    """Put another builder there. If it is a bad one, mypy tells that at its decorator, before another name is given."""
    forms = {"inherited": "method", "renamed": "by hand", "unbound": "method"}
    return _put(program, at, attrs.evolve(new, form=forms.get(new.form, new.form)))


def _put(program: Program, at: int, new: Written) -> Program:
    return attrs.evolve(program, written=(*program.written[:at], new, *program.written[at + 1 :]))


def _any_builder(random: Random, program: Program) -> Tuple[int, Written]:
    at = random.randint(0, len(program.written) - 1)
    return at, program.written[at]


def _any_data(random: Random, program: Program) -> str:
    made = [data for one in program.written for data in one.produces]
    return random.choice(list(dict.fromkeys([*program.inputs, *made])))


def forget_a_builder(random: Random, program: Program) -> Program:
    at = random.randint(0, len(program.listed) - 1)
    listed = program.listed[:at] + program.listed[at + 1 :]
    return attrs.evolve(program, listed=listed) if listed else program


def forget_an_input(random: Random, program: Program) -> Program:
    at = random.randint(0, len(program.inputs))
    return attrs.evolve(program, inputs=program.inputs[:at] + program.inputs[at + 1 :])


def feed_more(random: Random, program: Program) -> Program:
    free = [name for name in NAMES if name not in program.inputs]
    return attrs.evolve(program, inputs=(*program.inputs, random.choice(free)))


def want_other(random: Random, program: Program) -> Program:
    """Want another data, or leave an end out."""
    if len(program.target) > 1 and random.random() < 0.5:
        return attrs.evolve(program, target=program.target[1:])
    return attrs.evolve(program, target=(_any_data(random, program),))


def leave_an_end_out(random: Random, program: Program) -> Program:
    """Forget an end, or what goes on from an alternative."""
    if len(program.target) > 1:
        return attrs.evolve(program, target=program.target[: random.randint(1, len(program.target) - 1)])
    branches = [data for one in program.written for data in one.produces if len(one.produces) > 1]
    after = [at for at in program.listed if any(take.data in branches for take in program.written[at].takes)]
    dropped = random.choice(after) if after and len(program.listed) > 1 else None
    return attrs.evolve(program, listed=tuple(at for at in program.listed if at != dropped))


def take_both(random: Random, program: Program) -> Program:
    """Consume two alternatives of one builder."""
    branching = [one.produces[:2] for one in program.written if len(one.produces) > 1]
    at, one = _any_builder(random, program)
    both = tuple(Take(data, "consumes") for data in (random.choice(branching) if branching else ()))
    if {take.data for take in one.takes}.intersection(take.data for take in both):
        return program
    return _changed(program, at, attrs.evolve(one, takes=(*both, *one.takes)))


def feed_a_namesake(random: Random, program: Program) -> Program:
    """Feed a class of another module that has the name of a data."""
    at, one = _any_builder(random, program)
    namesake = f"legacy.{_any_data(random, program).rpartition('.')[2]}"
    taken = attrs.evolve(one, takes=(*one.takes, Take(namesake, random.choice(("optional", "access")))))
    return _changed(attrs.evolve(program, inputs=(*program.inputs, namesake)), at, taken)


def take_more(random: Random, program: Program) -> Program:
    at, one = _any_builder(random, program)
    how = random.choice(("consumes", "optional", "access", "default"))
    return _changed(program, at, attrs.evolve(one, takes=(*one.takes, Take(_any_data(random, program), how))))


def take_a_namesake(random: Random, program: Program) -> Program:
    """Take or make a subclass, a class of that name from another module, or of a similar name."""
    at, one = _any_builder(random, program)
    if one.takes and random.random() < 0.5:
        first, *rest = one.takes
        return _changed(
            program, at, attrs.evolve(one, takes=(attrs.evolve(first, data=_mistaken(random, first.data)), *rest))
        )
    return _changed(program, at, attrs.evolve(one, produces=(_mistaken(random, one.produces[0]), *one.produces[1:])))


def _mistaken(random: Random, data: str) -> str:
    similar = [f"legacy.{data}", random.choice(NAMES), *[f"Fresh{data}"] * (data in FRESH)]
    return data if "." in data or "Fresh" in data else random.choice(similar)


def make_other(random: Random, program: Program) -> Program:
    """Make one more alternative, or what another makes."""
    at, one = _any_builder(random, program)
    data = _any_data(random, program)
    more = (data,) if random.random() < 0.5 else (*one.produces, data)
    return _changed(program, at, attrs.evolve(one, produces=tuple(dict.fromkeys(more))))


def list_twice(random: Random, program: Program) -> Program:
    return attrs.evolve(program, listed=(*program.listed, random.choice(program.listed)))


def name_alike(random: Random, program: Program) -> Program:
    for at in range(2):
        chosen, one = _any_builder(random, program)
        program = _changed(program, chosen, attrs.evolve(one, given=f"alike{at // 2}"))
    return program


def misname(random: Random, program: Program) -> Program:
    return attrs.evolve(program, name=random.choice(("card payment", "..", "a/b", "x" * 65, "na\u00efve")))


EXTRAS = (
    *("x: int", "x: str = ''", "x: Optional[datetime.date] = None", "x: Any", "x: object", "x: Number", "x: Shaped"),
    *("x: Row", "x: Abstract", "x: Box[int]", "x: T", "x: Box[T]", "x: None", "x: bytes", "x: Dict[str, {0}]"),
    *("x: List[{0}]", "x: Optional[List[{0}]]", "x: Union[{0}, {1}]", "x: Optional[Union[{0}, {1}]]"),
    *("x: Tuple[{0}, {1}]", "x: Type[{0}]", "x: Callable[[], {0}]", "x: Literal['a']", "x: Access[int]"),
    *("x: Access[List[{0}]]", "x: type", "x", "*x: {0}", "**x: {0}", "x: {0}", "x: Access[{1}]"),
)
RETURNS = (
    *("nothing", "None", "str", "Any", "object", "Number", "Shaped", "Row", "Abstract", "Box[int]", "Context", "bool"),
    *("List[{0}]", "Dict[str, {0}]", "Union[{0}, int]", "Optional[str]", "Access[{0}]", "Tuple[{0}, {1}]", "Type[{0}]"),
    *("Union[{0}, Fresh{0}]", "Union[{0}, List[{1}], None]", "T"),
)
NO_DATA = (
    *("str", "int", "Any", "object", "Number", "Shaped", "Row", "Abstract", "Box[int]", "Context", "None"),
    *("List[{0}]", "Type[{0}]", "Tuple[{0}, {1}]", "Dict[str, {0}]"),
)


def _filled(random: Random, texts: Sequence[str]) -> str:
    return random.choice(texts).format(random.choice(FRESH), random.choice(NAMES))


def write_badly(random: Random, program: Program) -> Program:
    at, one = _any_builder(random, program)
    if random.random() < 0.5:
        return _changed(program, at, attrs.evolve(one, extra=_filled(random, EXTRAS)))
    return _changed(program, at, attrs.evolve(one, returns=_filled(random, RETURNS)))


def each_written_badly() -> List[Program]:
    """Return a program for each thing that may be written and should not: chance leaves some of them out."""
    one = Written("b0", (Take("In0", "consumes"),), ("Out0",))
    base = Program(inputs=("In0",), target=("Out0",), written=(one,), listed=(0,), union=TYPING)

    def filled(texts: Sequence[str]) -> List[str]:
        return [text.format(FRESH[0], "Out1") for text in texts]

    builders = [attrs.evolve(one, extra=text) for text in filled(EXTRAS)]
    builders += [attrs.evolve(one, returns=text) for text in filled(RETURNS)]
    return [
        *(attrs.evolve(base, written=(bad,), slips=("write_badly",)) for bad in builders),
        *(attrs.evolve(base, bad_target=text, slips=("want_no_data",)) for text in filled(NO_DATA)),
        *(attrs.evolve(base, bad_input=text, slips=("feed_no_data",)) for text in filled(NO_DATA)),
    ]


def list_no_builder(random: Random, program: Program) -> Program:
    at, one = _any_builder(random, program)
    # A method without its instance may be a bad builder besides, which only mypy would tell.
    form = random.choice([form for form in NO_BUILDERS if form != "unbound" or not program.slips])
    # To mypy another name of a function is a value of a Callable type, which a builder has as well.
    pieces = tuple(("items" if form == "undecorated" else style, count) for style, count in program.pieces)
    return _put(attrs.evolve(program, pieces=pieces), at, attrs.evolve(one, form=form, given=""))


def want_no_data(random: Random, program: Program) -> Program:
    return attrs.evolve(program, bad_target=_filled(random, NO_DATA), union=TYPING)


def feed_no_data(random: Random, program: Program) -> Program:
    return attrs.evolve(program, bad_input=_filled(random, NO_DATA), union=TYPING)


SLIPS: Sequence[Slip] = (
    *(
        forget_a_builder,
        forget_a_builder,
        forget_an_input,
        feed_more,
        want_other,
        take_more,
        take_more,
        take_a_namesake,
    ),
    *(take_a_namesake, make_other, make_other, list_twice, name_alike, misname, write_badly, write_badly, write_badly),
    *(list_no_builder, want_no_data, feed_no_data, leave_an_end_out, leave_an_end_out, take_both, feed_a_namesake),
)


# What a workflow may say besides.


def close_a_loop(random: Random, program: Program) -> Program:
    """Let a builder take what is made after it, or by itself, and feed that."""
    at, one = _any_builder(random, program)
    data = random.choice([data for other in program.written for data in other.produces])
    if data in program.inputs or data in {take.data for take in one.takes}:
        return program
    taken = attrs.evolve(one, takes=(Take(data, random.choice(("consumes", "optional"))), *one.takes))
    return _changed(attrs.evolve(program, inputs=(*program.inputs, data)), at, taken)


def keep_briefly(random: Random, program: Program) -> Program:
    every = list(dict.fromkeys([*program.inputs, *PRODUCT_NAMES[:6]]))
    made = [data for one in program.written for data in one.produces if data not in program.target]
    chosen = random.sample([*program.inputs, *made] if random.random() < 0.9 else every, 1)
    return attrs.evolve(program, transient=tuple(dict.fromkeys((*program.transient, *chosen))))


def need_after_a_pause(random: Random, program: Program) -> Program:
    """Keep for one call only what a builder takes, and let it wait for an input more."""
    at, one = _any_builder(random, program)
    free = [data.__name__ for data in INPUTS if data.__name__ not in program.inputs]
    if not free or not one.takes:
        return program
    kept = random.choice([take.data for take in one.takes])
    program = attrs.evolve(program, inputs=(*program.inputs, free[0]), transient=(kept,))
    return _changed(program, at, attrs.evolve(one, takes=(Take(free[0], "consumes"), *one.takes)))


def keep_briefly_what_is_made_once(random: Random, program: Program) -> Program:
    said = ("", "True", "ONCE", "False")
    written = tuple(attrs.evolve(one, once=random.choice(said)) for one in program.written)
    made = [data for one in written for data in one.produces if data not in program.target]
    chosen = random.sample(made, min(1, len(made)))
    return attrs.evolve(program, written=written, transient=tuple(dict.fromkeys((*program.transient, *chosen))))


def limit(random: Random, program: Program) -> Program:
    times = ("", "1", "0.1", "2.5", "2 * 3", "None")
    written = tuple(attrs.evolve(one, limit=random.choice(times)) for one in program.written)
    return attrs.evolve(program, written=written, limit=random.choice(("0.1", "1", "2.6", "6", "12.5", "60", "60")))


TERMS: Sequence[Slip] = (close_a_loop, keep_briefly, need_after_a_pause, keep_briefly_what_is_made_once, limit, limit)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Draw a workflow as it might be written; about two thirds of them are valid."""
    flow = draw(random_workflows(most=6))
    random = Random(
        f"{flow} {draw(st.integers(0, 1 << 32))}"
    )  # hypothesis prefers what comes first; forms are all alike
    written = tuple(_written(random, shape) for shape in flow.shapes)
    program = Program(
        inputs=tuple(data.__name__ for data in flow.inputs),
        target=tuple(data.__name__ for data in flow.target),
        written=written,
        listed=tuple(range(len(written))),
        pieces=tuple((random.choice(PIECES), random.randint(1, 4)) for _ in range(random.randint(0, 4))),
        call=random.randint(0, len(CALLS) - 1),
        union=random.choice((PIPED, TYPING)),
        future=random.random() < 0.5,
        whole=not random.randint(0, 4),
        name=random.choice(("", "", "card-payment")),
    )
    terms = random.choices(TERMS, k=random.choice((0, 0, 0, 0, 1, 1, 2)))
    for slip in [*terms, *random.choices(SLIPS, k=random.choice((0, 0, 0, 0, 0, 1, 1, 1, 2)))]:
        program = attrs.evolve(slip(random, program), slips=(*program.slips, slip.__name__))
    return program


# --- making them smaller ---------------------------------------------------------------------------------------------


def smaller(program: Program, /) -> Iterator[Program]:
    """Yield programs with one thing less, the largest first."""
    for field in ("listed", "inputs", "target", "transient"):
        yield from _shorter(program, field, least=field in ("listed", "target"))
    yield from _plainer(program)
    for at in dict.fromkeys(program.listed):
        one = program.written[at]
        less = [*_shorter(one, "takes"), *_shorter(one, "produces", least=1), *_plainer(one)]
        yield from (_put(program, at, new) for new in less)


def _shorter(whole: T, field: str, *, least: int = 0) -> Iterator[T]:
    every = getattr(whole, field)
    for at in range(len(every) if len(every) > least else 0):
        yield _evolved(whole, field, every[:at] + every[at + 1 :])


def _plainer(whole: T) -> Iterator[T]:
    for field in attrs.fields(type(whole)):
        if field.default not in (attrs.NOTHING, getattr(whole, field.name)) and field.name != "slips":
            yield _evolved(whole, field.name, field.default)


def _evolved(whole: T, field: str, value: object) -> T:
    changes: Dict[str, Any] = {field: value}
    return attrs.evolve(whole, **changes)
