"""Tells the edges that only lead round a loop: those through an input that its taker leads back to."""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, Mapping, Sequence, Set, Tuple

from polaris_dsl._cycles import groups
from polaris_dsl._graph import BuilderSpec

Edge = Tuple[int, str, int]
"""A builder, what it makes, and a builder that waits for that; by position."""


def back_edges(
    before: Mapping[int, Set[int]],
    builders: Mapping[int, BuilderSpec],
    producers: Mapping[str, Sequence[int]],
    /,
    *,
    fed: Iterable[str],
) -> FrozenSet[Edge]:
    """Return the edges that lead back to where a loop begins; `before` says who waits for whom, all edges counted.

    A loop may begin anew at any of its data that are inputs (`fed`), so all edges through these lead back.
    """
    group = {at: number for number, found in enumerate(groups(before)) for at in found.members}
    inputs = frozenset(fed)
    return frozenset(
        (maker, data, at)
        for at in group
        for data in builders[at].waits_for
        if data in inputs
        for maker in producers.get(data, ())
        if group[at] == group.get(maker)
    )


def edges_of(
    builders: Mapping[int, BuilderSpec], producers: Mapping[str, Sequence[int]], /, *, back: FrozenSet[Edge]
) -> Dict[int, Tuple[Edge, ...]]:
    """Return, for each builder, the edges that it waits at, without those that lead back."""
    edges = {
        at: tuple((maker, data, at) for data in spec.waits_for for maker in producers.get(data, ()))
        for at, spec in builders.items()
    }
    return {at: tuple(edge for edge in into if edge not in back) for at, into in edges.items()} if back else edges
