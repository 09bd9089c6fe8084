"""Hooks that write what they need, one that derives from nothing, and those that are ready-made; events are read."""

from __future__ import annotations

import logging
from typing import List, NamedTuple

from polaris_dsl import Executor, Hook, builder, workflow
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
from polaris_dsl.otel import OpenTelemetryHook
from polaris_dsl.progress import ProgressHook


class Order(NamedTuple):
    cents: int


class Paid(NamedTuple):
    cents: int


@builder
def charge(order: Order) -> Paid:
    return Paid(order.cents)


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


payments = workflow(target=Paid, inputs=Order, builders=[charge])
told = [Audit(), LogHook()]
shown = [OpenTelemetryHook(), ProgressHook()]
Executor(payments, hooks=told)
Executor(payments, hooks=shown)
Executor(payments, hooks=(*told, *shown, Counted(first=1)))
