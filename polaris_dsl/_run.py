"""What a caller sees of a run: `Run` and its `Status`."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import AbstractSet, Generic, Iterator, Mapping, Optional, Set, Tuple, Type, TypeVar, cast

import attrs
from typing_extensions import final

from polaris_dsl._plan import Plan, Values
from polaris_dsl._state import State, Versions
from polaris_dsl._wave import Wave
from polaris_dsl.errors import IncompleteRun
from polaris_dsl.stores._lines import moment, stamp_of

T = TypeVar("T")
TargetT = TypeVar("TargetT", covariant=True)


class Status(Enum):
    """Where a run stands; the first that applies, in this order.

    FAILED: a builder that is due raised at its last try. DUE: some builder is due (a run that was loaded after a kill,
    or fed and not yet run). COMPLETE: the target is present. PAUSED: it is not.
    """

    FAILED = "failed"
    DUE = "due"
    COMPLETE = "complete"
    PAUSED = "paused"


@final
@attrs.frozen(eq=False, repr=False)
class Run(Generic[TargetT]):
    """What a run held when a call ended. Immutable; safe to share between threads.

    Attributes:
        id: the run id.
        status: where it stands.
        target: the target, or None while it is absent. Of a union the first alternative that is present.
        missing: the inputs that are absent and that a way to the target still needs, in the order of `inputs=`; empty
            once the target is there.
        silent: the builders on a way to the target that returned nothing, in plan order; empty once the target is
            there.
        wake_at: when the first builder may be called again that raised `RetryAt` (aware, in UTC); None if none did.
    """

    id: str
    status: Status
    target: Optional[TargetT]
    missing: Tuple[type, ...]
    silent: Tuple[str, ...]
    wake_at: Optional[datetime]
    _slots: Mapping[type, int]
    _values: Values
    _made: AbstractSet[int]
    _wanted: str
    _lasts: bool = True
    """Whether another call can go on with it."""

    @property
    def built(self) -> Mapping[type, object]:
        """What builders made in this call, by class."""
        present = ((data, slot, self._values[slot]) for data, slot in self._slots.items())
        return {data: value for data, slot, value in present if value is not None and slot in self._made}

    def result(self) -> TargetT:
        """Return the target.

        Raises:
            IncompleteRun: it is not there yet; the error says what is missing.
        """
        if self.target is None:
            raise IncompleteRun(
                run_id=self.id,
                target=self._wanted,
                status=self.status.value,
                missing=self.missing,
                silent=self.silent,
                wake_at=self.wake_at,
                lasts=self._lasts,
            )
        return self.target

    def get(self, data: Type[T], /) -> Optional[T]:
        """Return the value of a data, or None while it is absent."""
        slot = self._slots.get(data)
        return None if slot is None else cast("Optional[T]", self._values[slot])

    def __getitem__(self, data: Type[T], /) -> T:
        """Return the value of a data; raises `KeyError` while it is absent."""
        value = self.get(data)
        if value is None:
            name = getattr(data, "__name__", repr(data))
            raise KeyError(f"{name} is not there in run {self.id!r} ({self.status.value}); get() returns None then")
        return value

    def __contains__(self, data: object, /) -> bool:
        slot = self._slots.get(cast("type", data))
        return slot is not None and self._values[slot] is not None

    def __iter__(self) -> Iterator[type]:
        """Iterate over the classes of the data that are there."""
        return (data for data, slot in self._slots.items() if self._values[slot] is not None)

    def __repr__(self) -> str:
        facts = [("missing", [data.__name__ for data in self.missing]), ("silent", self.silent)]
        waits = "".join(f", {word} {', '.join(names)}" for word, names in facts if names)
        if self.wake_at is not None:
            waits += f", wakes at {self.wake_at.isoformat(timespec='seconds')}"
        return f"<run {self.id!r} {self.status.value}{waits}>"


def complete_run(plan: Plan, values: Values, /, *, run_id: str) -> Run[object]:
    """Return a fresh run that has reached its target, in which all that is no input was made."""
    target = next(value for value in map(values.__getitem__, plan.target) if value is not None)
    made: Run[object] = Run(
        run_id, Status.COMPLETE, target, (), (), None, plan.slots, values, plan.products, plan.wanted
    )
    return made


def run_of(state: State, /, *, run_id: str, built: AbstractSet[int], lasts: bool = True) -> Run[object]:
    """Return what there is to see of a state.

    `built` holds the slots of what this call made; `lasts`: whether the run goes on with another call.
    """
    plan = state.plan
    state.read()
    hidden = state.out_of_date()
    values = tuple(
        [None if slot in hidden else value for slot, value in enumerate(state.value)] if hidden else state.value
    )
    target = next((value for value in map(values.__getitem__, plan.target) if value is not None), None)
    made: Run[object] = Run(  # not Run[object](...), which costs as much again as the call
        run_id,
        status_of(state, hidden),
        target,
        tuple(_missing(state)) if target is None else (),
        tuple(_silent(state)) if target is None else (),
        wake_at(state) if state.postponed else None,
        plan.slots,
        values,
        built,
        plan.wanted,
        lasts,
    )
    return made


def status_of(state: State, hidden: Optional[AbstractSet[int]] = None, /) -> Status:
    """Return where a run stands; `hidden` are the slots of what is out of date, if that is known."""
    if state.touched or state.gone or not state.begun:
        wave = Wave(state, tried=_asleep(state))
        if any(call in state.raised or call in state.intended for call in wave.would_run()):
            return Status.FAILED
        if wave.due:
            return Status.DUE
    hidden = state.out_of_date() if hidden is None else hidden
    there = any(state.version[slot] and slot not in hidden for slot in state.plan.target)
    return Status.COMPLETE if there else Status.PAUSED


def _asleep(state: State) -> Mapping[int, Versions]:
    """Return the calls that asked to be made again, with their versions as they are now."""
    postponed = state.postponed.items()
    return {call: state.versions(call) for call, (versions, _) in postponed if state.current(call, versions)}


def wake_at(state: State, /) -> Optional[datetime]:
    """Return when the first call may be made that asked to be made again later; None if none did, or it lacks data."""
    lacks = state.lacking().hopeless if state.gone else ()
    waits = [(call, *facts) for call, facts in state.postponed.items() if call not in lacks]
    return min((moment(until) for call, versions, until in waits if state.current(call, versions)), default=None)


def hints(state: State, /) -> Tuple[str, str]:
    """Return the status and the wake of a state at rest, as a journal notes them for listings."""
    wakes = wake_at(state)
    return status_of(state).value, "" if wakes is None else stamp_of(wakes)


def goes_on(status: Status, wakes: Optional[datetime], now: datetime, /) -> bool:
    """Say whether there is something to do in a run by now, of which nobody has to be asked."""
    return status is Status.DUE or (wakes is not None and wakes <= now)


def _missing(state: State) -> Iterator[type]:
    plan, open_worlds = state.plan, _open_worlds(state)
    leading = {call for call, worlds in enumerate(plan.leads) if plan.worlds.possible(worlds & open_worlds)}
    behind = _behind(state, leading) if state.gone else ()
    for slot in plan.inputs:
        takers = leading.intersection(plan.consumers[slot])
        if not state.version[slot] and (takers if slot not in state.gone else takers.intersection(behind)):
            yield plan.data[slot]


def _behind(state: State, leading: AbstractSet[int]) -> AbstractSet[int]:
    """Return the calls on a way to the target that are not up to date, or whose product those want and it has gone.

    What only others have taken is not missing when it has gone: nothing of theirs is built again for that alone.
    """
    behind: Set[int] = set()
    wanted: Set[Optional[int]] = set()
    for call in sorted(leading, reverse=True):  # who takes a data comes behind who makes it
        finished = state.finished[call]
        if finished is None or not state.current(call, finished) or state.made[call] in wanted:
            behind.add(call)
            wanted.update(state.gone.keys() & state.plan.calls[call].consumes)
    return behind


def _silent(state: State) -> Iterator[str]:
    plan, open_worlds = state.plan, _open_worlds(state)
    for call, spec in enumerate(plan.calls):
        finished = state.finished[call]
        returned_nothing = state.made[call] is None and finished is not None and state.current(call, finished)
        present = all(state.version[slot] or slot in state.gone for slot in spec.consumes)
        if returned_nothing and present and plan.worlds.possible(plan.leads[call] & open_worlds):
            yield spec.name


def _open_worlds(state: State) -> int:
    """Return the worlds that agree with the choices made so far."""
    mask = state.plan.worlds.every
    for call, slot, worlds in state.plan.choices:
        if (state.version[slot] or slot in state.gone) and state.maker[slot] == call:
            mask &= worlds
    return mask
