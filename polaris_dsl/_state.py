"""What a run holds: which data are present, which calls are finished. Moved on by the lines of its journal alone."""

from __future__ import annotations

from copy import copy
from typing import AbstractSet, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple, Union

import attrs

from polaris_dsl._plan import Plan
from polaris_dsl.stores import Built, Failed, Fed, Intended, Line, Postponed, Released, Rested

Versions = Tuple[int, ...]
"""The versions of what a call waits for, in the order of `Call.waits_for`; 0 where it is absent."""

FED = -1
"""In place of a call: the data was fed."""

UNREAD = object()
"""In place of a value that was not made from its body yet."""


@attrs.frozen
class Lacking:
    """The calls that lack transient data which have gone, and those that are to be made again to make such data.

    `hopeless` are those of the first that lack what no call makes again.
    """

    stale: AbstractSet[int]
    hopeless: AbstractSet[int]
    again: AbstractSet[int]


NOTHING_LACKS = Lacking(frozenset(), frozenset(), frozenset())

_OF_CALLS = (Built, Failed, Intended, Released, Postponed)


class State:
    """What one run holds after some lines of its journal. Not safe to share between threads.

    It is moved on only by what its journal says: by `apply` with a line, or by the method that `apply` calls for such a
    line. So a run that is loaded and a run that is live cannot differ.

    Attributes, by slot: `version` (0 where the data is absent), `body` as the store keeps it, `value` as builders see
    it, `maker`, the call that made it. By call: `finished`, the versions of its last finished call, and `made`, the
    slot of what that made. `raised` are the calls that failed since; `intended` those that were begun and must not be
    called twice, with their versions and when that was; `postponed` those that asked to be called again, with the
    versions that they were called with and not before when. `touched` are those for which something may have changed
    since they were last looked at. `rested`: the status and the wake of the last line, where a call ended with it.
    `gone`: the transient data that were there until a call ended, with their versions.
    """

    def __init__(self, plan: Plan, /, *, thaw: Callable[[int, object], object]) -> None:
        """Begin an empty run; `thaw` makes the value of a slot from a body."""
        self.plan = plan
        self.n = 0
        self.version = [0] * len(plan.data)
        self.body: List[object] = [None] * len(plan.data)
        self.value: List[object] = [None] * len(plan.data)
        self.maker = [FED] * len(plan.data)
        self.finished: List[Optional[Versions]] = [None] * len(plan.calls)
        self.made: List[Optional[int]] = [None] * len(plan.calls)
        self.raised: Set[int] = set()
        self.intended: Dict[int, Tuple[Versions, str]] = {}
        self.postponed: Dict[int, Tuple[Versions, str]] = {}
        self.touched: Set[int] = {call for call, spec in enumerate(plan.calls) if not spec.consumes}
        self.gone: Dict[int, int] = {}
        self.begun = False
        self.rested: Optional[Tuple[str, str]] = None
        self._thaw = thaw
        self._unread: Set[int] = set()

    # --- reading

    def read(self) -> None:
        """Make all values that were not made from their bodies yet."""
        for slot in self._unread:
            self.value[slot] = self._thaw(slot, self.body[slot])
        self._unread.clear()

    def versions(self, call: int, /) -> Versions:
        """Return the versions that a call would be made with now."""
        return self.plan.calls[call].versions_of(self.version)

    def ready(self, call: int, /) -> bool:
        """Say whether all consumes are present and something differs from the last finished call."""
        spec = self.plan.calls[call]
        if 0 in spec.consumes_of(self.version):
            return call in self.intended and self.lacks(call)  # it is not called, and that is to be told
        finished = self.finished[call]
        return finished is None or not self.current(call, finished)

    def supplied(self, call: int, /) -> bool:
        """Say whether all consumes are present."""
        return 0 not in self.plan.calls[call].consumes_of(self.version)

    def done(self, call: int, versions: Versions, /) -> bool:
        """Say whether a call was finished with just these versions, and what it made has not gone."""
        return self.finished[call] == versions and self.made[call] not in self.gone

    def current(self, call: int, versions: Versions, /) -> bool:
        """Say whether a call would be made now with what these versions tell; that a data has gone is nothing new."""
        spec = self.plan.calls[call]
        now = spec.versions_of(self.version)
        if now == versions or not self.gone:
            return now == versions
        return all(
            old == new or (slot in self.gone and old in {0, self.gone[slot]})
            for slot, old, new in zip(spec.waits_for, versions, now)
        )

    # --- moving on

    def apply(self, line: Line, /) -> None:
        """Take in the next line of the journal. Names that the workflow no longer knows are passed over."""
        if isinstance(line, Fed):
            known = [(self.plan.named.get(put.name), put.body, UNREAD) for put in line.put]
            known += [(self._transient(name), None, None) for name in line.transient]
            self.fed([(slot, body, value) for slot, body, value in known if slot is not None])
        elif isinstance(line, _OF_CALLS) and line.by in self.plan.numbers:
            call = self.plan.numbers[line.by]
            self._apply_to(call, line)
            self.touched.add(call)
        else:
            self.passed((line.status, line.wake) if isinstance(line, Rested) else None)

    def _apply_to(self, call: int, line: Union[Built, Failed, Intended, Released, Postponed]) -> None:
        if isinstance(line, Built):
            self._apply_built(call, line)
        elif isinstance(line, Failed):
            self.failed(call)
        elif isinstance(line, Intended):
            self.intends(call, self._versions_in(call, line.inputs), line.at)
        elif isinstance(line, Postponed):
            self.postpones(call, self._versions_in(call, line.inputs), line.until)
        else:
            self.releases(call)

    def passed(self, rested: Optional[Tuple[str, str]] = None, /) -> None:
        """Take in a line that changes nothing: where a call came to rest, for one."""
        self.n += 1
        self.rested = rested
        if rested is not None and self.plan.transient:
            self._part()

    def fed(self, put: Sequence[Tuple[int, object, object]], /) -> None:
        """Take in data from outside: slots, bodies and values."""
        self.passed()
        for slot, body, value in put:
            self._put(slot, body, value, FED)
            self.touched.update(self.plan.takers[slot])

    def failed(self, call: int, /) -> None:
        """Take in that a call raised."""
        self.releases(call)
        self.postponed.pop(call, None)
        self.raised.add(call)

    def intends(self, call: int, versions: Versions, at: str, /) -> None:
        """Take in that a call is about to be made that must not be made twice: it does not wait any more."""
        self.passed()
        self.begun = True
        self.postponed.pop(call, None)
        self.intended[call] = (versions, at)

    def releases(self, call: int, /) -> None:
        """Take in that such a call may be made again."""
        self.passed()
        self.begun = True
        self.intended.pop(call, None)

    def postpones(self, call: int, versions: Versions, until: str, /) -> None:
        """Take in that a call asked to be made again, not before a time."""
        self.releases(call)
        self.raised.discard(call)
        self.postponed[call] = (versions, until)

    def built(
        self,
        call: int,
        versions: Versions,
        slot: Optional[int],
        body: object,
        value: object,
        kept: bool,  # noqa: FBT001  as above
        /,
    ) -> None:
        """Take in that a call was finished, and what it made; `kept`: equal to what was there.

        It does not say which calls follow that: whoever makes calls goes on to them. It does where a loop leads back.
        """
        self.n += 1
        self.rested = None
        self.begun = True
        self.finished[call] = versions
        intended = bool(self.raised or self.intended or self.postponed) and self._ends(call)
        if self.plan.loops:
            self.touched.update(self.plan.back[call])
        before = self.made[call]
        self.made[call] = slot
        if slot is not None and not (intended and self._is_gone(call)):
            if kept:
                self._keep(slot, call)
            else:
                self._put(slot, body, value, call)
        if before is not None and before != slot:
            self._withdraw(before, call)  # last: what is made now may take the place of what would go with it

    def _ends(self, call: int) -> bool:
        """Forget what is known of a call that has not ended; say whether it was intended."""
        self.raised.discard(call)
        self.postponed.pop(call, None)
        return self.intended.pop(call, None) is not None

    def _is_gone(self, call: int) -> bool:
        """Say whether what a call consumed was withdrawn while nobody knew how it had ended: so is its product."""
        consumes = self.plan.calls[call].consumes
        return not all(self.version[slot] or slot in self.gone for slot in consumes)

    def _apply_built(self, call: int, line: Built) -> None:
        spec = self.plan.calls[call]
        versions = self._versions_in(call, line.inputs)
        slot, body = self._product(line)
        value = None if line.transient else UNREAD
        self.built(call, versions, slot, body, value, bool(line.kept))
        if len(line.inputs) != sum(map(bool, versions)):
            # A journal of older code may know other inputs: then this was not the last call of what the builder is now.
            self.finished[call] = None
        self.touched.update(spec.followers)

    def _versions_in(self, call: int, inputs: Mapping[str, int]) -> Versions:
        return tuple([inputs.get(name, 0) for name in self.plan.calls[call].waits_for_names])

    def _product(self, line: Built) -> Tuple[Optional[int], object]:
        for put in line.put:
            return self.plan.named.get(put.name), put.body
        for name in line.kept:
            return self.plan.named.get(name), None
        for name in line.transient:
            return self._transient(name), None
        return None, None

    def _transient(self, name: str) -> Optional[int]:
        slot = self.plan.named.get(name, -1)
        return slot if slot in self.plan.transient else None

    def _put(self, slot: int, body: object, value: object, maker: int) -> None:
        self.version[slot] = self.n
        self.body[slot] = body
        self.value[slot] = value
        self.maker[slot] = maker
        if self.gone:
            self.gone.pop(slot, None)
        if value is UNREAD:
            self._unread.add(slot)
        elif self._unread:
            self._unread.discard(slot)

    def _keep(self, slot: int, call: int) -> None:
        if self.version[slot]:
            self.maker[slot] = call
        else:  # written when the workflow was another one: what was kept then is not there now, so it is built again
            self.finished[call] = None

    def _withdraw(self, slot: int, maker: int) -> None:
        """Remove a product that is still its maker's own, and what was built from it by consuming it."""
        waiting = [(slot, maker)]
        while waiting:
            slot, maker = waiting.pop()
            if (self.version[slot] or slot in self.gone) and self.maker[slot] == maker:
                self.version[slot] = 0
                self.gone.pop(slot, None)
                self.body[slot] = self.value[slot] = None
                self.maker[slot] = FED
                self._unread.discard(slot)
                self.touched.update(self.plan.takers[slot])
                for taker in self.plan.consumers[slot]:
                    waiting.extend((product, taker) for product in self.plan.calls[taker].produces)

    # --- transient data

    def at_rest(self) -> State:
        """Return what there will be when the call has ended: transient data go with it."""
        if not self.plan.transient:
            return self
        after = copy(self)
        for name, held in vars(self).items():
            if isinstance(held, (list, dict, set)):
                setattr(after, name, held.copy())
        after.passed(("", ""))
        return after

    def _part(self) -> None:
        """Let transient data go. That alone makes nothing out of date."""
        going = [slot for slot in self.plan.transient if self.version[slot]]
        for slot in going:
            self.gone[slot] = self.version[slot]
            self.version[slot] = 0
            self.body[slot] = self.value[slot] = None
        self._unread.difference_update(going)

    def lacks(self, call: int, /) -> bool:
        """Say whether a call cannot be made for want of data that have gone alone, and is not up to date."""
        absent = {slot for slot in self.plan.calls[call].consumes if not self.version[slot]}
        finished = self.finished[call]
        return bool(absent) and absent <= self.gone.keys() and (finished is None or not self.current(call, finished))

    def lacking(self, asleep: AbstractSet[int] = frozenset(), /) -> Lacking:
        """Return which calls lack data that have gone, and which are to be made again for that.

        For those that are `asleep`, none is: they asked not to be called before a time that has not come.
        """
        stale: Set[int] = set()
        again: Set[int] = set()
        wanted: Set[Optional[int]] = set()
        for call in range(len(self.finished) - 1, -1, -1):  # who takes a data comes behind who makes it
            absent = {slot for slot in self.plan.calls[call].consumes if not self.version[slot]}
            lost = self.made[call] in wanted
            if self.lacks(call) or (lost and absent and absent <= self.gone.keys()):
                stale.add(call)
                wanted.update(() if call in asleep else absent)
            elif lost and not absent:
                again.add(call)
        coming = {self.made[call] for call in again}
        hopeless: Set[int] = set()
        for call in sorted(stale - asleep - self.intended.keys()):  # the last are not called, which is to be told
            if coming.issuperset(slot for slot in self.plan.calls[call].consumes if not self.version[slot]):
                coming.add(self.made[call])
            else:
                hopeless.add(call)
        return Lacking(stale, hopeless, again)

    def out_of_date(self) -> AbstractSet[int]:
        """Return the slots of what calls made that lack data now, and of what was built from that by consuming it."""
        slots: Set[int] = set()
        waiting = [call for call in self.lacking().stale if self.lacks(call)] if self.gone else []
        for call in waiting:  # grows while it is walked
            slot = self.made[call]
            if slot is not None and slot not in slots and self.maker[slot] == call:
                slots.add(slot)
                waiting.extend(self.plan.consumers[slot])
        return slots
