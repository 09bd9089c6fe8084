"""Judges a story that was played: what must not be called, changed, repeated, or end otherwise."""

from __future__ import annotations

import itertools
from typing import Dict, FrozenSet, Hashable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

import attrs

from polaris_dsl._plan import Call, Plan
from polaris_dsl.testing._explore_play import Played
from polaris_dsl.testing._explore_told import Called, Problem, listed, short

Keys = Set[Hashable]

PURE = "what a builder makes may depend on nothing but what it is given"


def loose_slots(plan: Plan, varies: Sequence[type], /) -> FrozenSet[int]:
    """Return what may end differently: what varies, inputs that are also made, what may come of what was not there."""
    loose = {slot for call in plan.calls for slot in call.produces if slot in plan.inputs}
    for call in plan.calls:  # in an order in which makers come before takers
        if _may_lack(call, plan) or loose.intersection(call.waits_for):
            loose.update(call.produces)
    return frozenset(loose | {plan.slots[data] for data in varies})


def _may_lack(call: Call, plan: Plan) -> bool:
    """Say whether a call takes what it does not wait for, or what is not there any more when it comes in question."""
    taken = {argument.slot for argument in call.arguments if argument.slot >= 0} - set(call.consumes)
    return any(slot not in call.waits_for or slot in plan.transient for slot in taken)


@attrs.frozen
class Judge:
    """The promises that stories are held to; `reference` is how the first of them ended."""

    plan: Plan
    loose: FrozenSet[int]
    at_most: Mapping[str, int]
    reference: Played

    @property
    def compared(self) -> Tuple[str, ...]:
        """The names of what the reference holds and every story must end with."""
        slots = [slot for call in self.plan.calls for slot in call.produces]
        return self.plan.names(
            [slot for slot in dict.fromkeys(slots) if slot in self.reference.ended.keys() - self.loose]
        )

    def problem_of(self, played: Played, /) -> Optional[Problem]:
        """Return the first thing that is wrong, or None."""
        calls = [(at, event) for at, event in enumerate(played.events) if isinstance(event, Called)]
        found = (
            *(_misdeeds(calls), self._doubled(calls), _repetitions(calls), self._excesses(calls)),
            *(_failure(played), self._ends(played)),
        )
        return next(itertools.chain(*found), None)

    def _doubled(self, calls: Sequence[Tuple[int, Called]]) -> Iterator[Problem]:
        """Find effects of builders with `at_most_once=True` that several calls with the same inputs had."""
        known: Set[Tuple[str, Tuple[int, ...], str]] = set()
        for at, call in calls:
            if self.plan.calls[self.plan.numbers[call.builder]].options.at_most_once:
                for name in dict.fromkeys(name for name, _ in call.effects):
                    effect = (call.builder, call.versions, name)
                    if effect in known:
                        yield Problem(
                            f"{call.builder} repeats {name}, though it is to happen at most once",
                            at,
                            "a second time",
                            f"let {call.builder} raise only where {name} has not happened: what raises is called again",
                        )
                    known.add(effect)

    def _excesses(self, calls: Sequence[Tuple[int, Called]]) -> Iterator[Problem]:
        known: Dict[str, Keys] = {}
        for at, call in calls:
            for name, keys in _keys_of(call).items():
                all_keys = known.setdefault(name, set())
                all_keys |= keys
                most = self.at_most.get(name)
                if most is not None and len(all_keys) > most:
                    yield Problem(
                        f"{name} happens under {len(all_keys)} keys, and at_most= allows {most}",
                        at,
                        f"which makes {len(all_keys)}",
                        f"let {name} be known by a key of its own, such as an order number",
                    )

    def _ends(self, played: Played) -> Iterator[Problem]:
        for call in self.plan.calls:
            for slot in call.produces:
                (name,) = self.plan.names([slot])
                now, first = played.ended.get(slot), self.reference.ended.get(slot)
                if now != first and slot not in self.loose:
                    yield Problem(
                        f"{name}, which {call.name} makes, ends differently",
                        None,
                        f"at the end {name} is {_shown(now)}; the first time, "
                        f"with all fed in one call and no crash, it was {_shown(first)}",
                        f"{PURE}; if {name} may vary (a token, a time), say varies=[{name}]",
                    )


def _shown(body: object) -> str:
    return "not there" if body is None else short(body)


def _misdeeds(calls: Sequence[Tuple[int, Called]]) -> Iterator[Problem]:
    for at, call in calls:
        if call.needless:
            what = f"{call.builder} runs again with the same inputs, though its result was committed"
            yield Problem(what, at, "without need", "this is a fault of the library: please report it")
        if call.changed:
            changed = listed(call.changed)
            what = f"{call.builder} changes the {changed} that it is given"
            yield Problem(
                what, at, f"changing {changed}", f"make a new value: others see {changed} as it was committed"
            )


def _repetitions(calls: Sequence[Tuple[int, Called]]) -> Iterator[Problem]:
    """Find calls with the same inputs whose effects, as told by their keys, are more than any one of them has."""
    known: Dict[Tuple[str, Tuple[int, ...], str], List[Keys]] = {}
    for at, call in calls:
        for name, keys in _keys_of(call).items():
            each = known.setdefault((call.builder, call.versions, name), [])
            each.append(keys)
            if len(set().union(*each)) > max(map(len, each)):
                how = "under another key" if all(key is not None for _, key in call.effects) else "without a key"
                yield Problem(
                    f"{call.builder} repeats {name} {how}, though it is given the same",
                    at,
                    f"a second time {how}",
                    f"pass Context.idempotency_key on with {name}: it is the same whenever the call is repeated",
                )


def _keys_of(call: Called) -> Dict[str, Keys]:
    """Return the keys of the effects of a call, by name; each effect without a key counts as a new one."""
    keys: Dict[str, Keys] = {}
    for name, key in call.effects:
        keys.setdefault(name, set()).add(object() if key is None else key)
    return keys


def _failure(played: Played) -> Iterator[Problem]:
    error = played.failure
    if error is not None:
        name = type(error.__cause__ or error).__name__
        how = f"{error.builder} fails with {name}, however often it is tried"
        yield Problem(
            f"{error.builder} fails with {name}", None, how, "feed samples with which no builder fails for good"
        )
