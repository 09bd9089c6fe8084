"""Tells the edges that only lead round a loop: those through an input that its taker leads back to."""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, Mapping, Sequence, Set, Tuple

from polaris_dsl._cycles import groups
from polaris_dsl._graph import BuilderSpec

Edge = Tuple[int, str, int]
"""A builder, what it makes, and a builder that waits for that; by position."""


def edges_of(
    builders: Mapping[int, BuilderSpec], producers: Mapping[str, Sequence[int]], *, inputs: Iterable[str]
) -> Tuple[Dict[int, Tuple[Edge, ...]], bool]:
    """Return, for each builder, the edges that it waits at, and whether there are loops.

    Edges that lead back to where a loop begins are left out. A loop may begin anew at any of its data that are inputs,
    so all edges through these lead back.
    """
    edges = {
        at: tuple((maker, data, at) for data in spec.waits_for for maker in producers.get(data, ()))
        for at, spec in builders.items()
    }
    fed = frozenset(inputs)
    back = _back(edges, fed) if any(data in producers for data in fed) else frozenset()
    if back:
        edges = {at: tuple(edge for edge in into if edge not in back) for at, into in edges.items()}
    return edges, bool(back)


def before_of(
    builders: Mapping[int, BuilderSpec], producers: Mapping[str, Sequence[int]], *, inputs: Sequence[str]
) -> Tuple[Dict[int, Set[int]], bool]:
    """Return, for each builder, those that it follows in a plan, and whether there are loops."""
    if any(data in producers for data in inputs):
        edges, loops = edges_of(builders, producers, inputs=inputs)
        return {at: {maker for maker, _, _ in into} for at, into in edges.items()}, loops
    every = {
        at: {maker for data in spec.waits_for for maker in producers.get(data, ())} for at, spec in builders.items()
    }
    return every, False


def _back(edges: Mapping[int, Sequence[Edge]], inputs: FrozenSet[str]) -> FrozenSet[Edge]:
    before: Dict[int, Set[int]] = {at: {maker for maker, _, _ in into} for at, into in edges.items()}
    group = {at: number for number, found in enumerate(groups(before)) for at in found.members}
    return frozenset(
        (maker, data, taker)
        for into in edges.values()
        for maker, data, taker in into
        if data in inputs and maker in group and group[maker] == group.get(taker)
    )
