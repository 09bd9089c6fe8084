"""Hooks that write what they need, one that derives from nothing, and those that are ready-made; events are read."""

from __future__ import annotations

import logging
from typing import List

from polaris_dsl import Hook
from polaris_dsl.hooks import (
    BuilderFailed,
    BuilderRetried,
    BuilderStarted,
    DataBuilt,
    LogHook,
    NothingBuilt,
    RunEnded,
    RunStarted,
)


class Audit(Hook):
    def built(self, event: DataBuilt, /) -> None:
        self.kept: bool = event.kept
        self.name: str = event.builder

    def run_ended(self, event: RunEnded, /) -> None:
        self.complete: bool = event.status == "complete"


class Counted(Hook):
    strict = True

    def __init__(self, *, first: int) -> None:
        self.seconds: List[float] = [float(first)]

    def failed(self, event: BuilderFailed) -> None:
        self.seconds.append(event.took_s)


class OfNothing:
    strict = False

    def run_started(self, event: RunStarted) -> None: ...
    def builder_started(self, event: BuilderStarted) -> None: ...
    def built(self, event: DataBuilt) -> None: ...
    def returned_nothing(self, event: NothingBuilt) -> None: ...
    def failed(self, event: BuilderFailed) -> None: ...
    def retried(self, event: BuilderRetried) -> None: ...
    def run_ended(self, event: RunEnded) -> None: ...


hooks: List[Hook] = [Audit(), Counted(first=1), OfNothing(), LogHook(level=logging.DEBUG)]
