"""What every store must do, as cases to run on your own."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial
from typing import Callable, Dict, List, Mapping, Sequence, Tuple, Type, TypeVar

from polaris_dsl.errors import BadRunId, RunLocked, StoreError, UnknownRun
from polaris_dsl.stores import Built, Failed, Fed, Journals, Line, Put, Rested, Started, Store

__all__ = ["StoreCase", "store_cases"]

StoreCase = Callable[[Store], None]
"""A case: takes a store that was never used, returns nothing, and raises `AssertionError` where the store is wrong."""

ErrorT = TypeVar("ErrorT", bound=StoreError)

_AT = "2024-02-29T12:00:00.000Z"
_RUN = "order-42"
_FLOW = "payments"
_PATIENCE_S = 20.0


def store_cases() -> Mapping[str, StoreCase]:
    """Return the cases that every store must pass, by name; each wants a new store.

    Example:
        >>> from polaris_dsl import MemoryStore
        >>> for name, case in store_cases().items():
        ...     case(MemoryStore())
    """
    return dict(_CASES)


_CASES: Dict[str, StoreCase] = {}


def _case(case: StoreCase) -> StoreCase:
    _CASES[case.__name__.strip("_")] = case
    return case
