"""What a caller sees of a run: `Run` and its `Status`."""

from __future__ import annotations

from enum import Enum
from typing import AbstractSet, Generic, Iterator, Mapping, Optional, Tuple, Type, TypeVar, cast

import attrs
from typing_extensions import final

from polaris_dsl._state import State
from polaris_dsl._wave import Wave
from polaris_dsl.errors import IncompleteRun

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
        built: what builders made in this call, by class.
    """

    id: str
    status: Status
    target: Optional[TargetT]
    missing: Tuple[type, ...]
    silent: Tuple[str, ...]
    built: Mapping[type, object]
    _data: Mapping[type, object]
    _wanted: str

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
            )
        return self.target

    def get(self, data: Type[T], /) -> Optional[T]:
        """Return the value of a data, or None while it is absent."""
        return cast("Optional[T]", self._data.get(data))

    def __getitem__(self, data: Type[T], /) -> T:
        """Return the value of a data; raises `KeyError` while it is absent."""
        if data not in self._data:
            name = getattr(data, "__name__", repr(data))
            raise KeyError(f"{name} is not there in run {self.id!r} ({self.status.value}); get() returns None then")
        return cast("T", self._data[data])

    def __contains__(self, data: object, /) -> bool:
        return data in self._data

    def __iter__(self) -> Iterator[type]:
        """Iterate over the classes of the data that are there."""
        return iter(self._data)

    def __repr__(self) -> str:
        facts = [("missing", [data.__name__ for data in self.missing]), ("silent", self.silent)]
        waits = "".join(f", {word} {', '.join(names)}" for word, names in facts if names)
        return f"<run {self.id!r} {self.status.value}{waits}>"


def run_of(state: State, /, *, run_id: str, built: AbstractSet[int]) -> Run[object]:
    """Return what there is to see of a state; `built` holds the slots of what this call made."""
    plan = state.plan
    values = {plan.data[slot]: state.value(slot) for slot, datum in enumerate(state.present) if datum is not None}
    target = next((values[plan.data[slot]] for slot in plan.target if state.present[slot] is not None), None)
    return Run[object](
        id=run_id,
        status=status_of(state),
        target=target,
        missing=tuple(_missing(state)) if target is None else (),
        silent=tuple(_silent(state)) if target is None else (),
        built=({data: values[data] for data in map(plan.data.__getitem__, sorted(built)) if data in values}),
        data=(values),
        wanted=" | ".join(plan.names(plan.target)),
    )


def status_of(state: State, /) -> Status:
    """Return where a run stands."""
    due = Wave(state, tried={}).due
    if any(call in state.raised for call in due):
        return Status.FAILED
    if due:
        return Status.DUE
    return Status.COMPLETE if any(state.present[slot] is not None for slot in state.plan.target) else Status.PAUSED


def _missing(state: State) -> Iterator[type]:
    plan, open_worlds = state.plan, _open_worlds(state)
    for slot in plan.inputs:
        if state.present[slot] is None and any(
            plan.worlds.possible(plan.leads[call] & open_worlds) for call in plan.consumers[slot]
        ):
            yield plan.data[slot]


def _silent(state: State) -> Iterator[str]:
    plan, open_worlds = state.plan, _open_worlds(state)
    for call, spec in enumerate(plan.calls):
        returned_nothing = state.made[call] is None and state.finished[call] == state.versions(call)
        present = all(state.present[slot] is not None for slot in spec.consumes)
        if returned_nothing and present and plan.worlds.possible(plan.leads[call] & open_worlds):
            yield spec.name


def _open_worlds(state: State) -> int:
    """Return the worlds that agree with the choices made so far."""
    mask = state.plan.worlds.every
    for call, slot, worlds in state.plan.choices:
        datum = state.present[slot]
        if datum is not None and datum.maker == call:
            mask &= worlds
    return mask
