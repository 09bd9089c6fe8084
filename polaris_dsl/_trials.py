"""How often a builder is tried, and how long is waited in between: `Retry`, as tenacity does it."""

from __future__ import annotations

import random
from typing import Callable, Iterator, List, Tuple, Union

from polaris_dsl._attempt import Outcome
from polaris_dsl.errors import BuilderError, RetryAt, TimedOut
from polaris_dsl.retry import Retry


def trials(retry: Retry, /, *, once: bool = False) -> Iterator[Tuple[int, float, Callable[[Outcome], object]]]:
    """Yield one trial after the other, until an outcome is final. Whoever makes them waits himself.

    `once`: what was begun and goes on must not be begun once more.
    """
    import tenacity  # noqa: PLC0415  it takes as long to load as all else here, and few need it

    waits: List[Union[int, float]] = []
    grows = tenacity.wait_exponential(multiplier=retry.first_wait_s, exp_base=retry.factor, max=retry.max_wait_s)
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(retry.attempts),
        wait=lambda state: grows(state) * (1 - retry.jitter * random.random()),  # noqa: S311  there is nothing to guess
        retry=lambda state: state.outcome is not None and _again(state.outcome.result(), retry, once=once),
        retry_error_callback=lambda _: None,
        sleep=waits.append,
    )
    for number, trial in enumerate(retrying, 1):
        yield number, sum(waits), trial.retry_state.set_result
        waits.clear()


def _again(outcome: Outcome, retry: Retry, *, once: bool) -> bool:
    if not isinstance(outcome, BuilderError) or (isinstance(outcome, TimedOut) and (once or not outcome.begun)):
        return False
    return isinstance(outcome.__cause__, retry.on) and not isinstance(outcome.__cause__, RetryAt)
