"""Makes one call of a builder: tries it, commits how that ended, and tells of both."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Callable, Generator, Iterable, Optional, Union

import attrs

from polaris_dsl._attempt import Attempt, Finish, Outcome, aperform, perform, too_late
from polaris_dsl._commits import Commits, Ended
from polaris_dsl._options import NO_OPTIONS
from polaris_dsl._telling import Telling
from polaris_dsl._watch import Watch
from polaris_dsl.clock import Clock
from polaris_dsl.errors import BuilderError, Interrupted, RetryAt, TimedOut
from polaris_dsl.retry import Retry


@attrs.frozen
class Perform:
    """Call the builder now."""

    attempt: Attempt
    limit_s: Optional[float]


@attrs.frozen
class Write:
    """Call this, which may wait for a disk."""

    function: Callable[[], object]


@attrs.frozen
class Sleep:
    """Wait."""

    seconds: float


Act = Union[Perform, Write, Sleep]
