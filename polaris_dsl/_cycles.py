"""Orders builders so that each follows those it waits for, or finds the loops that forbid it."""

from __future__ import annotations

from collections import deque
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

import attrs
from graphlib import CycleError, TopologicalSorter

Edges = Mapping[int, Iterable[int]]
"""For each builder, by position, those that it waits for."""


@attrs.frozen
class Group:
    """Builders that all wait for each other, and a shortest loop among them: each entry waits for the one before it."""

    members: Tuple[int, ...]
    loop: Tuple[int, ...]


def order(edges: Edges) -> Tuple[int, ...]:
    """Return the builders in an order in which each follows those it waits for; raises `graphlib.CycleError`."""
    return tuple(TopologicalSorter(edges).static_order())


def groups(edges: Edges) -> Tuple[Group, ...]:
    """Return every group of builders that wait for each other, in the order of their first members."""
    left = {builder: set(before) for builder, before in edges.items()}
    found: List[Group] = []
    while True:
        try:
            order(left)
        except CycleError as error:
            loop: Sequence[int] = error.args[1]
            members = _reached(left, loop[0]) & _reached(_reversed(left), loop[0])
            inside = {member: left[member] & members for member in sorted(members)}
            found.append(Group(members=tuple(inside), loop=_shortest_loop(inside, start=loop[0])))
            left = {builder: before - members for builder, before in left.items() if builder not in members}
        else:
            return tuple(sorted(found, key=lambda group: group.members))


def _reversed(edges: Edges) -> Dict[int, Set[int]]:
    after: Dict[int, Set[int]] = {builder: set() for builder in edges}
    for builder, before in edges.items():
        for other in before:
            after[other].add(builder)
    return after


def _reached(edges: Edges, start: int) -> Set[int]:
    seen = {start}
    waiting = [start]
    while waiting:
        fresh = set(edges[waiting.pop()]) - seen
        seen |= fresh
        waiting.extend(fresh)
    return seen


def _shortest_loop(edges: Mapping[int, Set[int]], *, start: int) -> Tuple[int, ...]:
    """Return a shortest loop of a strongly connected group, in the direction of the data, from its first member.

    A builder whose own shortest loop is known is dropped, for a shorter one cannot pass it. Taking the builders in the
    order of a walk along the data makes that cheap for the common case, one long loop.
    """
    after = _reversed(edges)
    dropped: Set[int] = set()
    best: Optional[List[int]] = None
    for builder in _walk(after, start):
        loop = _loop_through(edges, builder, dropped=dropped, below=len(best) if best else len(edges) + 1)
        best = loop or best
        dropped.add(builder)
    assert best is not None  # noqa: S101  a strongly connected group has a loop
    first = best.index(min(best))
    return tuple(best[first:] + best[:first])


def _walk(edges: Edges, start: int) -> List[int]:
    seen = {start: None}
    waiting = deque([start])
    while waiting:
        for other in edges[waiting.popleft()]:
            if other not in seen:
                seen[other] = None
                waiting.append(other)
    return list(seen)


def _loop_through(edges: Mapping[int, Set[int]], start: int, *, dropped: Set[int], below: int) -> Optional[List[int]]:
    """Return the shortest loop through `start` that has fewer than `below` builders, or None (breadth first)."""
    came_from: Dict[int, int] = {}
    level = [start]
    for _ in range(1, below):
        if not level:
            break
        further: List[int] = []
        for builder in level:
            for other in sorted(edges[builder] - dropped):
                if other == start:
                    came_from[start] = builder
                    return _unwound(came_from, start)
                if other not in came_from:
                    came_from[other] = builder
                    further.append(other)
        level = further
    return None


def _unwound(came_from: Mapping[int, int], start: int) -> List[int]:
    # `edges` lead against the data, so walking back along them yields the direction of the data.
    loop = [start]
    while came_from[loop[-1]] != start:
        loop.append(came_from[loop[-1]])
    return loop
