"""Finds what is due: one wave through all that changed, in which no builder runs before what it waits for."""

from __future__ import annotations

from collections import deque
from typing import AbstractSet, Deque, Dict, Iterator, List, Mapping, Set, Union

from polaris_dsl._state import NOTHING_LACKS, State, Versions


class Wave:
    """The calls that may have to run, each settled once. Not safe to share between threads.

    It begins with the calls that are ready and all that follow from them. Each of those counts the calls before it
    that are not settled yet; at zero it is due, or, if nothing changed for it, settled in turn. So the cost is that of
    what lies downstream of a change, and no call is due while one upstream of it is due or running.
    """

    def __init__(self, state: State, *, tried: Mapping[int, Versions]) -> None:
        """Begin a wave; `tried` holds the versions with which calls have failed already: those are left alone."""
        self.due: Deque[int] = deque()
        self._state = state
        self._followers = state.plan.followers
        self._tried = tried
        asleep = state.postponed.keys() & tried.keys()
        self._lacking = state.lacking(asleep) if state.gone else NOTHING_LACKS
        self._stuck: Set[int] = set(self._lacking.hopeless)
        self._waiting: Union[List[int], Dict[int, int]]
        self._spread(list(self._stuck))
        if state.begun:
            self._waiting = self._cone()
            idle = [call for call in asleep & self._lacking.stale if call not in self._waiting]
            self._stuck.update(idle)
            self._spread(idle)
            first = [call for call, before in self._waiting.items() if not before]
        else:  # any call may follow: the plan has counted already
            self._waiting = list(state.plan.waiting)
            first = list(state.plan.first)
        self._settle(first)

    def settle(self, call: int, *, finished: bool) -> None:
        """Take in that a due call has ended; what follows one that did not finish is not tried."""
        if not finished:
            self._stuck.add(call)
        free: List[int] = []
        self._pass_on(call, free)
        if free:
            self._settle(free)

    def would_run(self) -> Iterator[int]:
        """Yield what is due, and what lacks only what these are to make again."""
        yield from self.due
        yield from self._lacking.stale - self._stuck

    def left(self) -> Iterator[int]:
        """Yield the calls that were not settled, or are due still because they or those before them failed."""
        yield from self._stuck
        yield from self.due
        numbered = self._waiting.items() if isinstance(self._waiting, dict) else enumerate(self._waiting)
        yield from (call for call, before in numbered if before)

    def _cone(self) -> Dict[int, int]:
        first = self._state.touched | self._lacking.again if self._state.gone else self._state.touched
        waiting = {call: 0 for call in sorted(first) if self._ready(call)}
        cone = list(waiting)
        for call in cone:  # grows while it is walked
            for follower in self._followers[call]:
                if follower not in waiting:
                    waiting[follower] = 0
                    cone.append(follower)
                waiting[follower] += 1
        return waiting

    def _ready(self, call: int) -> bool:
        # What is to be made again lacks nothing when a wave begins; but a builder of this very wave may return nothing.
        return self._state.ready(call) or (call in self._lacking.again and self._state.supplied(call))

    def _spread(self, stuck: List[int]) -> None:
        """Leave alone what follows calls that lack data."""
        for call in stuck:  # grows while it is walked
            new = self._behind(call) - self._stuck
            self._stuck.update(new)
            stuck.extend(new)

    def _behind(self, call: int) -> AbstractSet[int]:
        """Return what is not tried if a call is not; but what was interrupted is not called, and that is to be told."""
        return set(self._followers[call]) - self._state.intended.keys()

    def _settle(self, free: List[int]) -> None:
        """Decide on calls that wait for no other any more: due, or settled without a run."""
        for call in free:  # grows while it is walked
            if call in self._stuck or not self._ready(call):
                if self._state.gone and self._state.lacks(call):
                    self._stuck.add(call)
                self._pass_on(call, free)
            elif call in self._tried and self._tried[call] == self._state.versions(call):
                self._stuck.add(call)
                self._pass_on(call, free)
            else:
                self.due.append(call)

    def _pass_on(self, call: int, free: List[int]) -> None:
        waiting = self._waiting
        if call in self._stuck:
            self._stuck.update(self._behind(call))
        for follower in self._followers[call]:
            waiting[follower] -= 1
            if not waiting[follower]:
                free.append(follower)
