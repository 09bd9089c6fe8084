"""The waves of one call: how often it goes round the loops of its run, and when it gives up on them."""

from __future__ import annotations

from typing import Sequence, Set, Tuple

from polaris_dsl._commits import Commits
from polaris_dsl._wave import Wave
from polaris_dsl.errors import NotSettled


class Waves:
    """The waves of one call: one more after others have committed something, and for each round of its loops.

    Its methods are called by one thread at a time; a wave is begun under the lock of the commits.
    """

    def __init__(self, commits: Commits, /, *, most: int, run_id: str) -> None:
        """Begin; `most` is how many rounds there may be."""
        self._commits = commits
        self._state = commits.state
        self._most = most
        self._run_id = run_id
        self._round = 1
        self._versions: Sequence[int] = ()
        self._values: Sequence[object] = ()

    def begin(self) -> Wave:
        """Return the next wave."""
        state = self._state
        self._commits.foreign = False
        wave = Wave(state, tried=self._commits.tried)
        state.touched.clear()
        if state.plan.loops and self._round == self._most:  # to tell what the last round changes
            self._versions, self._values = tuple(state.version), tuple(state.value)
        return wave

    def another(self, wave: Wave, /) -> bool:
        """Say whether another wave is to follow this one, which is through.

        Raises:
            BaseException: what ended the call.
            NotSettled: it would be one round too many.
        """
        state, commits = self._state, self._commits
        state.touched.update(wave.left())
        if commits.broken is not None:
            raise commits.broken
        if commits.foreign:
            return True
        again = state.plan.loops or state.gone
        due = list(Wave(state, tried=commits.tried).due) if again else []
        if due and self._round == self._most:
            raise self._not_settled(due)
        self._round += bool(due)
        return bool(due)

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
