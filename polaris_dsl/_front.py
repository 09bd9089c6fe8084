"""The runtime front end: the arguments of `workflow()` translated into a graph."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple, cast

import attrs

from polaris_dsl import _flaws
from polaris_dsl._builder import Builder
from polaris_dsl._data import alternatives, is_data, refusal, told
from polaris_dsl._graph import Argument, BuilderSpec, DataSpec, Flaw, Graph, Place
from polaris_dsl._infer import Role, Signature, infer


@attrs.frozen
class Definition:
    """A workflow as it was written: its graph, the signatures of its builders, the class behind each key."""

    graph: Graph
    signatures: Tuple[Signature, ...]
    types: Mapping[str, type]


@attrs.frozen
class Limits:
    """What is said of each call of a workflow: what lives within it (None: nothing does), and how long it may take."""

    transient: object = None
    timeout_s: Optional[float] = None


class _Keys:
    """Gives every class a key; two classes of one qualified name get different ones."""

    def __init__(self) -> None:
        self.types: Dict[str, type] = {}
        self._keys: Dict[type, str] = {}

    def of(self, data: type) -> str:
        key = self._keys.get(data)
        if key is None:
            key = f"{data.__module__}.{data.__qualname__}"
            while key in self.types:
                key += "'"
            self.types[key] = data
            self._keys[data] = key
        return key

    def all_of(self, data: Sequence[type]) -> Tuple[str, ...]:
        return tuple(map(self.of, data)) if data else ()

    def specs(self) -> Dict[str, DataSpec]:
        return {
            key: DataSpec(
                data.__name__,
                data.__module__,
                tuple(self._keys[base] for base in data.__mro__[1:] if base in self._keys),
            )
            for key, data in self.types.items()
        }


def define(
    *,
    target: object,
    inputs: object,
    builders: object,
    name: object,
    place: Place,
    local: Mapping[str, object],
    known: Mapping[Builder[..., object], Signature],
    limits: Limits,
) -> Definition:
    """Read all arguments; what cannot be read becomes a flaw of the graph. `inputs` is None where there are none.

    `local` holds the names that annotations of functions inside a function may refer to, `known` signatures that need
    not be read again.
    """
    keys, flaws = _Keys(), _Flaws()
    wanted = flaws.data("target", target)
    fed = () if inputs is None else flaws.data("inputs", inputs)
    brief = () if limits.transient is None else flaws.data("transient", limits.transient)
    shown = flaws.name("-".join(data.__name__ for data in wanted) if name is None else name, known=bool(wanted))
    items = flaws.items(builders)
    signatures = tuple(
        (known.get(item) if isinstance(item, Builder) else None) or infer(item, local=local) for item in items
    )
    specs = tuple(_spec(signature, keys, listed=place, item=item) for item, signature in zip(items, signatures))
    graph = Graph(
        name=shown,
        target=keys.all_of(wanted),
        inputs=keys.all_of(fed),
        builders=specs,
        data={},
        flaws=tuple(flaws.found),
        places=dict.fromkeys(("target", "inputs", "builders", "name", "transient", "timeout_s"), place),
        transient=keys.all_of(brief),  # after all others: it numbers no data
        timeout_s=limits.timeout_s,
    )
    return Definition(attrs.evolve(graph, data=keys.specs()), signatures, keys.types)


def _spec(signature: Signature, keys: _Keys, *, listed: Place, item: object) -> BuilderSpec:
    return BuilderSpec(
        name=signature.name,
        consumes=keys.all_of(signature.data(Role.CONSUMES)),
        optionals=keys.all_of(signature.data(Role.OPTIONAL)),
        accesses=keys.all_of(signature.data(Role.ACCESSES)),
        produces=keys.all_of(signature.produces),
        maybe=signature.maybe,
        flaw=signature.flaw,
        reads_known=signature.reads_known,
        product_known=signature.product_known,
        timeout_s=item.timeout_s if isinstance(item, Builder) else None,
        at_most_once=isinstance(item, Builder) and item.at_most_once,
        defined=signature.place,
        listed=listed,
    )


class _Flaws:
    """Collects what cannot be read of the arguments."""

    def __init__(self) -> None:
        self.found: List[Tuple[Argument, str, Flaw]] = []

    def data(self, argument: Argument, given: object) -> Tuple[type, ...]:
        """Return the classes of a union, or of one class; what is none of them is a flaw."""
        good: List[type] = []
        collected = isinstance(given, (list, tuple, set, frozenset))
        parts = tuple(cast("Sequence[object]", given)) if collected else alternatives(given)
        for part in parts:
            if is_data(part):
                good.append(part)
            else:
                flaw = _flaws.no_data(argument, told=told(part), refused=refusal(part) or Flaw(""))
                self.found.append((argument, told(part), flaw))
        if collected:
            kind = type(given).__name__
            flaw = _flaws.collected(argument, kind=kind, told=[told(part) for part in parts])
            self.found.append((argument, kind, flaw))
        return tuple(dict.fromkeys(good))

    def name(self, name: object, *, known: bool) -> str:
        """Return the name, or nothing: one that cannot be a directory is a flaw, unless the target is not `known`."""
        if not isinstance(name, str):
            self.found.append(("name", type(name).__name__, _flaws.no_name(type(name).__name__)))
        elif _flaws.is_name(name):
            return name
        elif name or known:
            self.found.append(("name", name, _flaws.bad_name(name)))
        return ""

    def items(self, builders: object) -> Tuple[object, ...]:
        """Return the items of `builders=`; what cannot be iterated over is a flaw."""
        if isinstance(builders, (list, tuple)):
            return tuple(builders)
        kind = type(builders).__name__
        self.found.append(("builders", kind, _flaws.no_list(kind)))
        return ()
