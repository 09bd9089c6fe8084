"""How often a builder that raised is tried again, after what, and how long it waits in between."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Final, Tuple, Type, Union, cast

import attrs
from typing_extensions import TypeGuard, final

from polaris_dsl.errors import DefinitionError, RetryAt

__all__ = ["RETRY", "Retried", "Retry"]

On = Union[Type[Exception], Tuple[Type[Exception], ...]]


class Retried(Enum):
    """What `Executor.settle` is told instead of a result."""

    RETRY = "RETRY"


RETRY: Final = Retried.RETRY
"""The effect of a builder that was interrupted has not happened: it may be called again. See `Executor.settle`."""


def _exceptions(given: On) -> Tuple[Type[Exception], ...]:
    classes = given if isinstance(given, tuple) else (given,)
    if not classes or not all(isinstance(cast(object, one), type) and issubclass(one, Exception) for one in classes):
        raise _refused("on", "a class of exceptions or a tuple of them", given)
    waits = [one.__name__ for one in classes if issubclass(one, RetryAt)]
    if waits:
        raise DefinitionError(
            f"Retry(on=...) has no say in {', '.join(waits)}: a builder that raises it is called again at its time, "
            "not within the same call; leave it out"
        )
    return classes


@final
@attrs.frozen(kw_only=True)
class Retry:
    """When to try a builder again that raised, within one call of `run`: `@builder(retry=Retry(attempts=5))`.

    The first wait is `first_wait_s`, each further one `factor` times as long, none longer than `max_wait_s`.

    Attributes:
        attempts: how often it is tried at most, the first time included; at least 2.
        on: the exceptions after which it is tried again, one class or a tuple of them; any other fails at once. Where
            the builder has outside effects, name those alone that say that nothing has happened. `RetryAt` is none of
            them: it is no failure, and is heeded without a `Retry`.
        first_wait_s: seconds before the second attempt.
        factor: what each wait is multiplied with for the next; at least 1.
        max_wait_s: seconds, the ceiling of all waits.
        jitter: the share of each wait that is random, from 0 to 1, so that many runs do not try again all at once.

    Raises:
        DefinitionError: a value is none of these; or the extra `polaris-dsl[retry]` is not installed.

    Example:
        >>> Retry(attempts=5, on=ConnectionError).on
        (<class 'ConnectionError'>,)
    """

    attempts: int = 3
    on: Tuple[Type[Exception], ...] = attrs.field(default=(Exception,), converter=_exceptions)
    first_wait_s: float = 0.1
    factor: float = 2.0
    max_wait_s: float = 30.0
    jitter: float = 0.5

    def __attrs_post_init__(self) -> None:
        from importlib.util import find_spec  # noqa: PLC0415  few programs try again

        if find_spec("tenacity") is None:
            raise DefinitionError("Retry needs tenacity, which is not installed: pip install 'polaris-dsl[retry]'")
        attempts = cast(object, self.attempts)
        if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 2:  # noqa: PLR2004  once is no retry
            raise _refused("attempts", "a whole number of 2 or more, for it counts the first", attempts)
        for name, least, most, takes in _NUMBERS:
            value: object = getattr(self, name)
            if not is_number(value) or not least <= value <= most:
                raise _refused(name, takes, value)


_MOST = sys.float_info.max
_NUMBERS = (
    ("first_wait_s", 0.0, _MOST, "seconds, 0 or more"),
    ("factor", 1.0, _MOST, "a number of 1 or more"),
    ("max_wait_s", 0.0, _MOST, "seconds, 0 or more"),
    ("jitter", 0.0, 1.0, "a share from 0 to 1"),
)


def is_number(value: object) -> TypeGuard[float]:
    """Say whether this is a number, and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _refused(name: str, takes: str, value: object) -> DefinitionError:
    return DefinitionError(f"Retry({name}=...) takes {takes}, not {value!r:.80}")
