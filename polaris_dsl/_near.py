"""Finds what was probably meant by a data that nobody makes."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Dict, List, Optional

from polaris_dsl._graph import Graph

_SIMILAR = 0.75
"""How alike two names have to be, from 0 to 1 (the ratio of `difflib`)."""


def near_miss(graph: Graph, data: str, /, *, taker: Optional[int]) -> str:
    """Return one sentence on the closest data that is made or fed, or nothing; leaves out what `taker` itself makes."""
    wanted = graph.data[data]
    made: Dict[str, str] = {key: f"{graph.data[key].name} is an input" for key in reversed(graph.inputs)}
    for at, spec in enumerate(graph.builders):
        for key in spec.produces if at != taker else ():
            made[key] = f"{spec.name} produces {graph.data[key].name}"
    for key, told in made.items():
        if graph.data[key].name == wanted.name:
            where, other = graph.data[key].module, wanted.module
            return f"{told}, but that is another class ({where}, not {other})" if where != other else f"{told}, but that is another class of the same name"
    for key, told in made.items():
        if key in wanted.bases:
            return f"{told}, a base class of {wanted.name}: data are matched by their exact class"
        if data in graph.data[key].bases:
            return f"{told}, a subclass of {wanted.name}: data are matched by their exact class"
    by_name: Dict[str, List[str]] = {}
    for key, told in made.items():
        by_name.setdefault(graph.data[key].name, []).append(told)
    close = get_close_matches(wanted.name, by_name, n=1, cutoff=_SIMILAR)
    return f"{by_name[close[0]][0]}: was that meant?" if close else ""
