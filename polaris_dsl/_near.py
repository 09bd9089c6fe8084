"""Finds what was probably meant by a name that is wrong: of a data that nobody makes, of a method that nobody calls."""

from __future__ import annotations

from typing import Dict, Iterable, Mapping, Optional

from polaris_dsl._graph import Graph

_SIMILAR = 0.75
"""How alike two names have to be, from 0 to 1 (the ratio of `difflib`)."""


def near_miss(graph: Graph, data: str, /, *, taker: Optional[int]) -> str:
    """Return one sentence on the closest data that is made or fed, or nothing; leaves out what `taker` itself makes."""
    made: Dict[str, str] = {}
    for at, spec in enumerate(graph.builders):
        for key in spec.produces if at != taker else ():
            made.setdefault(key, f"{spec.name} produces {graph.about(key).name}")
    for key in graph.inputs:
        made.setdefault(key, f"{graph.about(key).name} is an input")
    made.pop(data, None)  # an input that is the target is no near miss of itself
    return _of_that_name(graph, data, made) or _of_that_family(graph, data, made) or _of_similar_name(graph, data, made)


def _of_that_name(graph: Graph, data: str, made: Mapping[str, str]) -> str:
    wanted = graph.about(data)
    for key, told in made.items():
        if graph.about(key).name == wanted.name:
            modules = [graph.about(key).module, wanted.module]
            where = f" ({modules[0]}, not {modules[1]})" if modules[0] != modules[1] else ""
            return f"{told}, but that is another class of this name{where}"
    return ""


def _of_that_family(graph: Graph, data: str, made: Mapping[str, str]) -> str:
    wanted = graph.about(data)
    for key, told in made.items():
        for kind, related in (("base class", key in wanted.bases), ("subclass", data in graph.about(key).bases)):
            if related:
                return f"{told}, a {kind} of {wanted.name}: data are matched by their exact class"
    return ""


def _of_similar_name(graph: Graph, data: str, made: Mapping[str, str]) -> str:
    by_name = {graph.about(key).name: told for key, told in reversed(list(made.items()))}
    close = closest(graph.about(data).name, by_name)
    return "" if close is None else f"{by_name[close]}: was that meant?"


def closest(name: str, names: Iterable[str], /) -> Optional[str]:
    """Return the one of some names that is most like a name, if any is alike."""
    from difflib import get_close_matches  # noqa: PLC0415  most graphs have no data that nobody makes

    return next(iter(get_close_matches(name, list(names), n=1, cutoff=_SIMILAR)), None)
