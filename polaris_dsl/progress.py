"""Shows on a terminal what is running now, in any number of runs. Needs `polaris-dsl[cli]`."""

from __future__ import annotations

import contextlib
import sys
from threading import Lock
from typing import Dict, Optional, Tuple, Union

import attrs
from rich.console import Console
from rich.errors import LiveError
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text
from typing_extensions import final

from polaris_dsl.errors import RetryAt
from polaris_dsl.hooks import (
    BuilderFailed,
    BuilderRetried,
    BuilderStarted,
    DataBuilt,
    Event,
    NothingBuilt,
    RunEnded,
    RunStarted,
)

__all__ = ["ProgressHook"]

_STYLES = {"complete": "green", "paused": "yellow", "due": "yellow", "failed": "red"}


@attrs.define(eq=False)
class _Shown:
    """A run that is going on: since when, how often something was built, and which builders are running."""

    began: float
    spinner: Spinner
    built: int = 0
    running: Dict[str, None] = attrs.field(factory=dict)
    """Used as a set that keeps the order."""


@final
class ProgressHook:
    """Shows, for each run that is going on, which builders are running, how many were built, and since when.

    On a terminal that is a line for each run at the bottom, which goes when the run ends; how it ended and what failed
    stays above. Elsewhere each event is a plain line. Payloads and the texts of errors are never shown. Safe to share
    between threads and executors.

    Args:
        console: where to; default: standard error, so that what a program prints stays apart.
    """

    strict = False

    def __init__(self, *, console: Optional[Console] = None) -> None:
        self._console = Console(stderr=True) if console is None else console
        self._runs: Dict[Tuple[str, str], _Shown] = {}
        # Two locks. Rich draws in a thread of its own, holding a lock of rich's and asking for `_lock` to see the runs:
        # so rich must never be called under `_lock`. `_switch`, which that thread never takes, is for beginning and
        # ending the display.
        self._lock = Lock()
        self._switch = Lock()
        self._live: Optional[Live] = None

    def run_started(self, event: RunStarted, /) -> None:
        """Show the run."""
        shown = _Shown(self._console.get_time(), Spinner("dots"))
        with self._lock:
            self._runs[event.workflow, event.run_id] = shown
        self._show()
        self._plainly(event, "started")

    def builder_started(self, event: BuilderStarted, /) -> None:
        """Show the builder among those that are running."""
        shown = self._shown(event)
        if shown is not None:
            with self._lock:
                shown.running[event.builder] = None
        self._plainly(event, f"{event.builder} started")

    def built(self, event: DataBuilt, /) -> None:
        """Count what was built."""
        self._take_out(event, built=1)
        self._plainly(event, f"{event.builder} built {type(event.produced).__name__} in {event.took_s:.1f} s")

    def returned_nothing(self, event: NothingBuilt, /) -> None:
        """Take the builder away."""
        self._take_out(event)
        self._plainly(event, f"{event.builder} returned nothing in {event.took_s:.1f} s")

    def failed(self, event: BuilderFailed, /) -> None:
        """Tell the class of the error."""
        self._take_out(event)
        text = f"{event.builder} failed with {type(event.error).__name__} in {event.took_s:.1f} s"
        self._print(event, text, style="red")

    def retried(self, event: BuilderRetried, /) -> None:
        """Tell the class of the error, and when the next attempt is."""
        self._take_out(event)
        if isinstance(event.error, RetryAt):
            text = f"asked to be called again at {event.error.when.isoformat(timespec='seconds')}"
        else:
            text = f"failed with {type(event.error).__name__}, tried again in {event.wait_s:.1f} s"
        self._print(event, f"{event.builder} {text}", style="yellow")

    def run_ended(self, event: RunEnded, /) -> None:
        """Take the run away, and tell where it stands."""
        with self._lock:
            shown = self._runs.pop((event.workflow, event.run_id), None)
        self._show()
        waits = f", waits for {', '.join(event.missing)}" if event.missing else ""
        raised = "" if event.error is None else f", raised {type(event.error).__name__}"
        built = 0 if shown is None else shown.built
        text = f"{event.status} after {event.took_s:.1f} s, {built} built{waits}{raised}"
        self._print(event, text, style=_STYLES[event.status])

    # --- what is going on

    def _shown(self, event: Event) -> Optional[_Shown]:
        return self._runs.get((event.workflow, event.run_id))

    def _take_out(
        self, event: Union[DataBuilt, NothingBuilt, BuilderFailed, BuilderRetried], *, built: int = 0
    ) -> None:
        shown = self._shown(event)
        if shown is not None:
            with self._lock:
                shown.running.pop(event.builder, None)
                shown.built += built

    # --- the terminal

    def _on_terminal(self) -> bool:
        return self._console.is_terminal and not self._console.is_dumb_terminal

    def _show(self) -> None:
        """Begin the display with the first run, end it with the last."""
        with self._switch:
            if self._runs and self._live is None and self._on_terminal():
                live = Live(
                    console=self._console,
                    get_renderable=self._table,
                    transient=True,
                    # What goes to a file, past the terminal, is not for us to bring back.
                    redirect_stdout=sys.stdout.isatty(),
                    redirect_stderr=sys.stderr.isatty(),
                )
                with contextlib.suppress(LiveError):  # before rich 14.1, a console shows one display at a time
                    live.start()
                    self._live = live
            elif not self._runs and self._live is not None:
                self._live.stop()
                self._live = None

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for _ in range(4):
            table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        now = self._console.get_time()
        with self._lock:
            for (workflow, run_id), shown in self._runs.items():
                built, running = f"{shown.built} built", ", ".join(shown.running)
                name = Text(f"{workflow} {run_id!r}", style="bold")
                table.add_row(shown.spinner, name, Text(built), Text(f"{now - shown.began:.0f} s"), Text(running))
        return table

    def _plainly(self, event: Event, text: str) -> None:
        """Tell what the display shows anyway, where there is none."""
        if self._live is None:
            self._print(event, text)

    def _print(self, event: Event, text: str, *, style: str = "") -> None:
        line = Text.assemble((f"{event.workflow} {event.run_id!r}", "bold"), ": ", (text, style))
        self._console.print(line, soft_wrap=True)
