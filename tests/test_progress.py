"""What a terminal shows of runs that are going on, and what is printed where there is none."""

from __future__ import annotations

import io
import re
import sys
import threading
from typing import Callable, Iterator, List

import pytest
from rich.console import Console
from rich.errors import LiveError
from rich.live import Live
from typing_extensions import get_args, get_type_hints

from polaris_dsl.hooks import RunEnded
from polaris_dsl.progress import _STYLES, ProgressHook
from tests import hook_driver as driver
from tests.hook_driver import ORDER, Charged, Driver, events_of

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


class Screen:
    """A terminal of which everything that was ever written is kept."""

    def __init__(self, *, terminal: bool = True, dumb: bool = False) -> None:
        self.now = 100.0
        self._file = io.StringIO()
        self.console = Console(
            file=self._file,
            force_terminal=terminal,
            width=100,
            height=20,
            get_time=lambda: self.now,
            _environ={"TERM": "dumb"} if dumb else {"TERM": "xterm"},
            legacy_windows=False,
        )
        self.hook = ProgressHook(console=self.console)

    @property
    def written(self) -> str:
        return self._file.getvalue()

    def drawn(self) -> List[str]:
        """Return what is drawn now, line by line, without its spinners and colours."""
        plain = Console(file=io.StringIO(), width=100, force_terminal=False, get_time=lambda: self.now)
        with plain.capture() as captured:
            plain.print(self.hook._table())
        return [line[2:].rstrip() for line in captured.get().splitlines()]


@pytest.fixture
def screen() -> Iterator[Screen]:
    made, threads = Screen(), threading.active_count()
    out, err = sys.stdout, sys.stderr
    yield made
    assert made.hook._live is None
    assert made.written.count(HIDE) == made.written.count(SHOW)
    assert (sys.stdout, sys.stderr) == (out, err)
    for thread in threading.enumerate():
        if type(thread).__name__ == "_RefreshThread":
            thread.join(5)
    assert threading.active_count() == threads


# --- on a terminal ---------------------------------------------------------------------------------------------------


def test_a_run_is_shown_with_what_is_running_how_many_were_built_and_since_when(screen: Screen) -> None:
    hook = screen.hook
    hook.run_started(driver.run_started())
    hook.builder_started(driver.builder_started("charge"))
    hook.builder_started(driver.builder_started("invoice"))
    screen.now += 7
    assert screen.drawn() == ["shop 'r' 0 built 7 s charge, invoice"]
    hook.built(driver.built("charge"))
    hook.builder_started(driver.builder_started("send"))
    assert screen.drawn() == ["shop 'r' 1 built 7 s invoice, send"]
    hook.returned_nothing(driver.returned_nothing("invoice"))
    hook.failed(driver.failed("send"))
    assert screen.drawn() == ["shop 'r' 1 built 7 s"]
    hook.run_ended(driver.run_ended())
    assert screen.drawn() == []


def test_many_runs_are_shown_at_once_and_each_goes_when_it_ends(screen: Screen) -> None:
    hook = screen.hook
    for number in range(3):
        hook.run_started(driver.run_started(f"r-{number}"))
    hook.builder_started(driver.builder_started("charge", run_id="r-1"))
    assert screen.drawn() == ["shop 'r-0' 0 built 0 s", "shop 'r-1' 0 built 0 s charge", "shop 'r-2' 0 built 0 s"]
    hook.run_ended(driver.run_ended("r-1"))
    assert screen.drawn() == ["shop 'r-0' 0 built 0 s", "shop 'r-2' 0 built 0 s"]
    hook.run_ended(driver.run_ended("r-0"))
    hook.run_ended(driver.run_ended("r-2"))
    assert screen.written.count(HIDE) == 1


def test_the_display_is_drawn_while_a_run_goes_on(screen: Screen) -> None:
    screen.hook.run_started(driver.run_started())
    screen.hook.builder_started(driver.builder_started("charge"))
    assert screen.hook._live is not None
    screen.hook._live.refresh()
    assert HIDE in screen.written
    assert "0 built" in screen.written
    assert "charge" in screen.written
    screen.hook.run_ended(driver.run_ended())


def test_how_a_run_ended_and_what_failed_stays_on_the_terminal(screen: Screen) -> None:
    plain = []
    for tell in events_of(screen.hook):
        before = len(screen.written)
        tell()
        plain.append(any(word in screen.written[before:] for word in ("failed with", "complete after")))
    assert plain == [False, False, True, False, False, False, False, False, True, True]
    assert "started" not in screen.written


def test_the_terminal_is_tidied_up_after_a_run_that_raised(screen: Screen) -> None:
    screen.hook.run_started(driver.run_started())
    screen.hook.builder_started(driver.builder_started())
    assert screen.hook._live is not None
    screen.hook._live.refresh()
    screen.hook.run_ended(driver.run_ended(status="due", error=RuntimeError(ORDER.secret)))
    assert "due after 3.0 s, 0 built, raised RuntimeError" in screen.written
    display, after = screen.written.split(SHOW)
    assert "0 built 0 s charge" in display
    assert display.endswith("\r\x1b[2K"), "its line is wiped"
    assert (after.count("\n"), after[-1]) == (1, "\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_a_program_prints_stays_above_the_display_but_not_what_it_prints_to_a_file(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, file = Terminal(), io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", file)
        patched.setattr(sys, "stderr", terminal)
        screen.hook.run_started(driver.run_started())
        sys.stdout.write("to a file\n")
        sys.stderr.write("to the terminal\n")
        screen.hook.run_ended(driver.run_ended())
    assert (file.getvalue(), terminal.getvalue()) == ("to a file\n", "")
    assert "to the terminal" in screen.written


def test_the_display_comes_back_with_the_next_run(screen: Screen) -> None:
    for _ in range(2):
        Driver([screen.hook]).call("r", {"charge": lambda: Charged("x")})
    assert screen.written.count(HIDE) == 2


def test_runs_in_many_threads_are_shown_and_tidied_up(screen: Screen) -> None:
    builders = {name: lambda: Charged("x") for name in ("a", "b", "c")}
    calls = [
        threading.Thread(target=Driver([screen.hook]).call, args=(f"r-{number}", builders), kwargs={"threads": 2})
        for number in range(12)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join(20)
    assert screen.drawn() == []
    assert screen.written.count("3 built") >= 12


def test_a_console_that_shows_something_else_already_gets_lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(live: Live) -> None:
        raise LiveError

    monkeypatch.setattr(Live, "start", refuse)  # as before rich 14.1
    screen = Screen()
    Driver([screen.hook]).call("r", {"charge": lambda: Charged("x")})
    assert "charge built Charged" in screen.written
    assert caplog.records == []


# --- elsewhere -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [lambda: Screen(terminal=False), lambda: Screen(dumb=True)], ids=["file", "dumb"])
def test_without_a_terminal_every_event_is_a_line(made: Callable[[], Screen]) -> None:
    screen = made()
    for tell in events_of(screen.hook):
        tell()
    assert HIDE not in screen.written
    expected = [
        "shop 'r': started",
        "shop 'r': charge started",
        "shop 'r': charge failed with ValueError, tried again in 0.5 s",
        "shop 'r': charge started",
        "shop 'r': charge built Charged in 2.0 s",
        "shop 'r': invoice started",
        "shop 'r': invoice returned nothing in 2.0 s",
        "shop 'r': send started",
        "shop 'r': send failed with ValueError in 2.0 s",
        "shop 'r': complete after 3.0 s, 1 built",
    ]
    assert without_colours(screen.written).splitlines() == expected


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def test_a_line_tells_what_a_run_waits_for() -> None:
    screen = Screen(terminal=False)
    screen.hook.run_started(driver.run_started())
    screen.hook.run_ended(driver.run_ended(status="paused", missing=["Otp", "Cvv"]))
    assert screen.written.splitlines()[-1] == "shop 'r': paused after 3.0 s, 0 built, waits for Otp, Cvv"


def test_a_builder_that_asked_to_be_called_later_has_not_failed() -> None:
    screen = Screen(terminal=False)
    screen.hook.retried(driver.postponed())
    assert screen.written == "shop 'r': charge asked to be called again at 2026-01-01T01:00:00+00:00\n"


def test_a_long_line_is_not_broken() -> None:
    screen = Screen(terminal=False)
    screen.hook.run_ended(driver.run_ended("r" * 200))
    assert len(screen.written.splitlines()) == 1


@pytest.mark.parametrize("run_id", ["[red]r[/red]", "a\x1b[2Jb", "two\nlines"])
def test_a_run_id_is_shown_as_it_is_written_and_moves_no_cursor(run_id: str) -> None:
    screen = Screen(terminal=False)
    screen.hook.run_ended(driver.run_ended(run_id))
    assert screen.written == f"shop {run_id!r}: complete after 3.0 s, 0 built\n"
    assert "\x1b" not in screen.written


def test_no_payload_is_shown() -> None:
    for terminal in (True, False):
        screen = Screen(terminal=terminal)
        for tell in events_of(screen.hook):
            tell()
        assert ORDER.secret not in screen.written


def test_events_of_a_run_that_the_hook_has_not_seen_begin_do_no_harm() -> None:
    screen = Screen(terminal=False)
    for tell in events_of(screen.hook)[1:]:
        assert tell() is None
    assert screen.written.splitlines()[-1] == "shop 'r': complete after 3.0 s, 0 built"


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    Driver([ProgressHook()]).call("r", {})
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == ("", "shop 'r': started")


def test_every_status_has_a_colour() -> None:
    assert set(get_args(get_type_hints(RunEnded)["status"])) == set(_STYLES)
