"""Finds what is due: one wave through all that changed, in which no builder runs before what it waits for."""

from __future__ import annotations

from collections import deque
from typing import Deque, Dict, List, Mapping, Set

from polaris_dsl._state import State, Versions


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
        self._tried = tried
        self._stuck: Set[int] = set()
        calls = state.plan.calls
        self._waiting: Dict[int, int] = {call: 0 for call in range(len(calls)) if state.ready(call)}
        cone = list(self._waiting)
        for call in cone:  # grows while it is walked
            for follower in calls[call].followers:
                if follower not in self._waiting:
                    self._waiting[follower] = 0
                    cone.append(follower)
                self._waiting[follower] += 1
        self._settle([call for call in cone if not self._waiting[call]])

    def settle(self, call: int, *, finished: bool) -> None:
        """Take in that a due call has ended; what follows one that did not finish is not tried."""
        if not finished:
            self._stuck.add(call)
        free: List[int] = []
        self._pass_on(call, free)
        self._settle(free)

    def _settle(self, free: List[int]) -> None:
        """Decide on calls that wait for no other any more: due, or settled without a run."""
        for call in free:  # grows while it is walked
            if call in self._stuck or not self._state.ready(call):
                self._pass_on(call, free)
            elif call in self._tried and self._tried[call] == self._state.versions(call):
                self._stuck.add(call)
                self._pass_on(call, free)
            else:
                self.due.append(call)

    def _pass_on(self, call: int, free: List[int]) -> None:
        for follower in self._state.plan.calls[call].followers:
            self._waiting[follower] -= 1
            if call in self._stuck:
                self._stuck.add(follower)
            if not self._waiting[follower]:
                free.append(follower)
