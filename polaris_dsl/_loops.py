"""Tells the waiting that only leads round a loop: that for an input which its taker leads back to."""

from __future__ import annotations

from typing import Dict, Iterable, Mapping, Sequence, Set

from polaris_dsl._cycles import groups
from polaris_dsl._graph import BuilderSpec


def opened(
    before: Mapping[int, Set[int]],
    builders: Mapping[int, BuilderSpec],
    producers: Mapping[str, Sequence[int]],
    /,
    *,
    fed: Iterable[str],
) -> Dict[int, Set[int]]:
    """Return who waits for whom, without what leads back to where a loop begins.

    A loop may begin anew at any of its data that are inputs (`fed`), so a builder waits for none of these that is made
    by a builder which waits for it.
    """
    group = {at: number for number, found in enumerate(groups(before)) for at in found.members}
    inputs = frozenset(fed)
    return {
        at: {
            maker
            for data in builders[at].waits_for
            for maker in producers.get(data, ())
            if data not in inputs or at not in group or group[at] != group.get(maker)
        }
        for at in before
    }
