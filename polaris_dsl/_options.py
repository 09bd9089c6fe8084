"""What `@builder(...)` may say of a call besides its name: how long, how often, and whether it may be repeated."""

from __future__ import annotations

import inspect
import sys
from types import FunctionType
from typing import Optional

import attrs

from polaris_dsl.errors import DefinitionError
from polaris_dsl.retry import Retry, is_number


@attrs.frozen
class Options:
    """What an executor heeds when it calls a builder."""

    timeout_s: Optional[float] = None
    retry: Optional[Retry] = None
    at_most_once: bool = False
    is_async: bool = False
    """Whether the function is an `async def`. What a decorator hides shows only in what the call returns."""


NO_OPTIONS = Options()
"""What every call has that heeds nothing: one object, so that `is` tells it."""


def options_of(
    function: object, /, *, timeout_s: Optional[float], retry: Optional[Retry], at_most_once: bool
) -> Options:
    """Return the options of a builder's function."""
    is_async = _is_async(function)
    if timeout_s is None and retry is None and not at_most_once and not is_async:
        return NO_OPTIONS
    return Options(timeout_s, retry, at_most_once, is_async)


def _is_async(function: object) -> bool:
    if isinstance(function, FunctionType) and not function.__dict__:  # as most are: nothing wraps or marks it
        return bool(function.__code__.co_flags & inspect.CO_COROUTINE)
    call = function if inspect.isroutine(function) else getattr(type(function), "__call__", None)  # noqa: B004  the function itself is wanted
    return inspect.iscoroutinefunction(call)


def seconds(value: object, /, *, given: str, or_0: bool = False) -> Optional[float]:
    """Return a time limit as a float, or None where there is none; `given` is how the argument is written.

    Raises:
        DefinitionError: it is no time, or 0, unless `or_0`.
    """
    if value is None:
        return None
    if not is_number(value) or not 0 <= value <= sys.float_info.max or not (value or or_0):
        least = "0 or more" if or_0 else "more than 0"
        raise DefinitionError(f"{given} takes seconds, {least} and finite, not {value!r:.80}; leave it out for none")
    return float(value)


def seconds_to_wait(value: object, /) -> Optional[float]:
    """Return how long to wait for a run that another holds, or None where that is without limit; as `seconds` does."""
    return seconds(value, given="run(wait_s=...)", or_0=True)


def checked_retry(retry: object, /) -> Optional[Retry]:
    """Return what is a `Retry` or None; raises `DefinitionError`."""
    if retry is None or isinstance(retry, Retry):
        return retry
    raise DefinitionError(f"@builder(retry=...) takes a Retry, such as Retry(attempts=3), not {retry!r:.80}")


def checked_at_most_once(flag: object, /) -> bool:
    """Return what is True or False; raises `DefinitionError`."""
    if isinstance(flag, bool):
        return flag
    raise DefinitionError(f"@builder(at_most_once=...) takes True or False, not {flag!r:.80}")


MOST_ROUNDS = 100
"""How often a call goes round loops at most, unless somebody says otherwise."""


def check_count(number: object, /, *, argument: str) -> None:
    """Raise `DefinitionError` if this is not a number from 1."""
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise DefinitionError(f"{argument}= takes a number from 1, not {number!r:.80}")
