"""Makes threads come late, at random: a test that depends on when they come fails then, and not once in a hundred runs.

    POLARIS_LATE=1 python -m pytest

The number is a seed. Threads begin up to 60 ms late, and who sets an event goes on up to 30 ms late.
"""

from __future__ import annotations

import random
import threading
import time


def install(seed: int) -> None:
    """Make them late from now on, in this process."""
    chance = random.Random(seed)
    run, set_event = threading.Thread.run, threading.Event.set

    def late_run(thread: threading.Thread) -> None:
        if chance.random() < 0.3:
            time.sleep(chance.uniform(0, 0.06))
        run(thread)

    def late_set(event: threading.Event) -> None:
        set_event(event)
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0, 0.03))

    threading.Thread.run = late_run  # type: ignore[method-assign,assignment]
    threading.Event.set = late_set  # type: ignore[method-assign,assignment]
