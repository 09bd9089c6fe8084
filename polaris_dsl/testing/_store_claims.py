"""What the cases of stores are made of: lines, and claims that hold or raise `AssertionError`."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, Optional, Tuple, Type, TypeVar

from polaris_dsl.errors import StoreError
from polaris_dsl.stores import (
    Built,
    Failed,
    Fed,
    Intended,
    Journals,
    Line,
    Postponed,
    Put,
    Released,
    Rested,
    Started,
    Store,
)

T = TypeVar("T")
ErrorT = TypeVar("ErrorT", bound=StoreError)

AT = "2024-02-29T12:00:00.000Z"
LATER = "2024-03-01T00:00:00.125Z"
RUN = "order-42"
FLOW = "payments"
PATIENCE_S = 20.0


def started(run: str = RUN, /) -> Started:
    """Return the first line of a run."""
    return Started(AT, run, FLOW, "4f1d")


def beginning(store: Store) -> Tuple[Line, ...]:
    """Return how most runs of the cases begin."""
    return started(), Fed(AT, (put_of(store, "Request", {"amount": "12.50"}),))


def put_of(store: Store, name: str, value: object) -> Put:
    """Return a data as this store keeps it."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")) if store.encoded else value
    return Put(name, body)


def hold(journals: Journals, run: str = RUN, *, wait_s: Optional[float]) -> None:
    """Hold a run for a moment."""
    with journals.hold(run, wait_s=wait_s):
        pass


def elsewhere(call: Callable[[], T]) -> T:
    """Call in another thread, and return or raise here what comes of it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(PATIENCE_S)


def that(holds: bool, otherwise: str) -> None:  # noqa: FBT001  reads like the assert that it stands for
    """Claim something."""
    if not holds:
        raise AssertionError(otherwise)


def same(found: object, wanted: object) -> None:
    """Claim that two things are equal."""
    if isinstance(wanted, list):
        wanted = tuple(wanted)
    if isinstance(found, list):
        found = tuple(found)
    that(found == wanted, f"{found!r:.500} instead of {wanted!r:.500}")


def raises(error: Type[ErrorT], call: Callable[[], object]) -> ErrorT:
    """Claim that a call raises an error, and return it."""
    try:
        call()
    except error as raised:
        return raised
    raise AssertionError(f"it did not raise {error.__name__}")


def lasts(store: Store) -> Tuple[Line, ...]:
    """Return a line of each kind that a journal may end with."""
    return (
        Fed(AT, (put_of(store, "Otp", 1),)),
        Built(AT, "pay", {"Request": 2}, (put_of(store, "Paid", 1),)),
        Failed(AT, "pay", {"Request": 2}, "GatewayTimeout", "shop/bank.py:41", 2),
        Intended(AT, "pay", {"Request": 2}),
        Released(AT, "pay", {"Request": 2}),
        Postponed(AT, "pay", {"Request": 2}, LATER),
        Rested(AT, "complete"),
        Rested(AT, "paused", LATER),
        Rested(AT, "due", LATER),
    )
