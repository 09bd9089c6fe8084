"""Counts how often a call goes round the loops of its run, and gives up on those that do not settle."""

from __future__ import annotations

from typing import Iterable, Sequence, Set, Tuple

from polaris_dsl._state import State
from polaris_dsl.errors import DefinitionError, NotSettled

MOST = 100
"""How many rounds there may be, unless somebody says otherwise."""


def check_count(number: object, /, *, argument: str) -> None:
    """Raise `DefinitionError` if this is not a number from 1."""
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise DefinitionError(f"{argument}= takes a number from 1, not {number!r:.80}")


class Rounds:
    """The rounds of one call: each a wave, begun by what loops led back to in the one before. Not safe to share."""

    def __init__(self, state: State, /, *, most: int, run_id: str) -> None:
        self._state = state
        self._most = most
        self._run_id = run_id
        self._count = 1
        self._versions: Sequence[int] = ()
        self._values: Sequence[object] = ()

    def begin(self) -> None:
        """Keep what there is before the last round that is allowed, to tell what that one changes."""
        if self._count == self._most:
            self._versions, self._values = tuple(self._state.version), tuple(self._state.value)

    def another(self, due: Iterable[int], /) -> bool:
        """Say whether what is due makes another round; raises `NotSettled` if that would be one too many."""
        again = list(due)
        if not again:
            return False
        if self._count == self._most:
            raise self._not_settled(again)
        self._count += 1
        return True

    def _not_settled(self, due: Sequence[int]) -> NotSettled:
        plan, state = self._state.plan, self._state
        looked_at: Set[int] = {slot for call in due for slot in plan.calls[call].waits_for}
        return NotSettled(
            run_id=self._run_id,
            rounds=self._most,
            changes={
                plan.names_of[slot]: differences(self._values[slot], state.value[slot])
                for slot in sorted(looked_at)
                if state.version[slot] != self._versions[slot]
            },
        )


def differences(old: object, new: object, /) -> Tuple[str, ...]:
    """Tell in what two values of one data differ: names of fields and types, never values."""
    if old is None or new is None:
        return ("it came",) if old is None else ("it went",)
    pairs = ((name, getattr(old, name, None), getattr(new, name, None)) for name in _fields(new))
    return tuple(f"{name}: {_types(one, other)}" for name, one, other in pairs if one != other)


def _types(old: object, new: object) -> str:
    return " -> ".join(dict.fromkeys([type(old).__name__, type(new).__name__]))


def _fields(value: object) -> Sequence[str]:
    """Return the names of the fields of a data, of whatever kind its class is."""
    cls = type(value)
    for listed in ("__attrs_attrs__", "_fields", "__struct_fields__", "__dataclass_fields__"):
        found = getattr(cls, listed, None)
        if found is not None:
            return [getattr(field, "name", field) for field in found]
    return list(getattr(value, "__dict__", ()))
