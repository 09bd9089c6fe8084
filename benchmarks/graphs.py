"""The graphs that every engine is timed on, written out as Python: a class for each data, a function for each builder.

Builders construct and return one small object; those of the last two graphs sleep before they do.
"""

from __future__ import annotations

from time import perf_counter
from types import ModuleType
from typing import Callable, Dict, NamedTuple, Tuple, cast


class Part(NamedTuple):
    """A builder: the data that it makes, which it is called after, those that it takes, and how long it sleeps."""

    makes: str
    takes: Tuple[str, ...]
    ms: int = 0


class Graph(NamedTuple):
    """Builders in an order in which they can be called; the last makes the target."""

    inputs: Tuple[str, ...]
    parts: Tuple[Part, ...]
    critical_ms: int = 0
    """How long the builders sleep that have to wait for each other."""

    @property
    def target(self) -> str:
        return self.parts[-1].makes


class Written(NamedTuple):
    """A graph as Python: its functions, their source in a module, and the same calls in straight-line code."""

    graph: Graph
    module: ModuleType
    by_hand: Callable[..., object]

    def function(self, makes: str) -> Callable[..., object]:
        return cast("Callable[..., object]", vars(self.module)[makes])

    def data(self, name: str) -> type:
        return cast("type", vars(self.module)[class_of(name)])

    def fed(self) -> Tuple[object, ...]:
        return tuple(self.data(name)(1) for name in self.graph.inputs)


def class_of(name: str) -> str:
    return name.title().replace("_", "")


def chain(length: int) -> Graph:
    return Graph(("d0",), tuple(Part(f"d{at}", (f"d{at - 1}",)) for at in range(1, length + 1)))


def wide(width: int, *, ms: int = 0) -> Graph:
    return _ended(tuple(Part(f"d{at}", ("d0",), ms) for at in range(1, width + 1)), width, critical_ms=ms)


def layered(width: int, layers: int) -> Graph:
    """Each builder takes two of the layer above, its own neighbour and the next."""
    first = tuple(Part(f"d{at}", ("d0",)) for at in range(1, width + 1))
    parts = list(first)
    for layer in range(1, layers):
        above = (layer - 1) * width + 1
        parts += [
            Part(f"d{layer * width + 1 + at}", (f"d{above + at}", f"d{above + (at + 1) % width}"))
            for at in range(width)
        ]
    return _ended(tuple(parts), width)


def skewed(lanes: int, *, ms: int, slow_ms: int) -> Graph:
    """Lanes side by side, as long as they are many, with one slow builder in each lane and in each level."""
    parts = tuple(
        Part(f"d{level * lanes + lane + 1}", (f"d{(level - 1) * lanes + lane + 1}" if level else "d0",), wait)
        for level in range(lanes)
        for lane in range(lanes)
        for wait in [slow_ms if lane == level else ms]
    )
    return _ended(parts, lanes, critical_ms=slow_ms + (lanes - 1) * ms)


def _ended(parts: Tuple[Part, ...], width: int, *, critical_ms: int = 0) -> Graph:
    """Add the builder that takes all of the last layer."""
    return Graph(("d0",), (*parts, Part("end", tuple(part.makes for part in parts[-width:]))), critical_ms)


PAYMENTS = Graph(
    ("request", "otp"),
    (
        Part("card", ("request",)),
        Part("encrypted_card", ("card",)),
        Part("token", ("encrypted_card",)),
        Part("authorized", ("token", "request")),
        Part("verified", ("authorized", "otp")),
        Part("completed", ("verified", "request")),
        Part("invoice", ("completed",)),
    ),
)

GRAPHS: Dict[str, Graph] = {
    "chain": chain(100),
    "wide": wide(100),
    "layered": layered(10, 10),
    "payments": PAYMENTS,
    "io": wide(16, ms=20),
    "skewed": skewed(6, ms=5, slow_ms=40),
}


def written(graph: Graph) -> Written:
    data = (*graph.inputs, *(part.makes for part in graph.parts))
    lines = ["from time import sleep"]
    for name in data:
        lines += [f"class {class_of(name)}:", "    __slots__ = ('value',)"]
        lines += ["    def __init__(self, value):", "        self.value = value"]
    for part in graph.parts:
        lines.append(
            f"def {part.makes}({', '.join(f'{n}: {class_of(n)}' for n in part.takes)}) -> {class_of(part.makes)}:"
        )
        lines += [f"    sleep({part.ms / 1000})"] if part.ms else []
        lines.append(f"    return {class_of(part.makes)}(1)")
    lines.append(f"def _by_hand({', '.join(f'_{name}' for name in graph.inputs)}):")
    lines += [
        f"    _{part.makes} = {part.makes}({', '.join(f'_{name}' for name in part.takes)})" for part in graph.parts
    ]
    lines.append(f"    return _{graph.target}")
    module = ModuleType("written")
    code = compile("\n".join(lines), module.__name__, "exec", dont_inherit=True)  # annotations are no strings in it
    exec(code, vars(module))  # noqa: S102  it holds no text but the names made here
    return Written(graph, module, vars(module)["_by_hand"])


class Turn(NamedTuple):
    """The seconds per run of an engine, and of the straight-line code just before and after it."""

    engine: float
    by_hand: float


ENOUGH_S = 0.01


def turn(run: Callable[..., object], of: Written) -> Turn:
    """Time an engine between two turns of the straight-line code, each of about a hundredth of a second."""
    fed = of.fed()
    if type(run(*fed)).__name__ != class_of(of.graph.target):
        raise SystemExit("it does not make the target")
    if of.graph.critical_ms:
        return Turn(_seconds(run, fed), of.graph.critical_ms / 1000)
    before = _seconds(of.by_hand, fed)
    engine = _seconds(run, fed)
    return Turn(engine, (before + _seconds(of.by_hand, fed)) / 2)


def _seconds(run: Callable[..., object], fed: Tuple[object, ...]) -> float:
    runs, began = 0, perf_counter()
    while perf_counter() - began < ENOUGH_S:
        for _ in range(5 if runs else 1):
            run(*fed)
            runs += 1
    return (perf_counter() - began) / runs
