"""The runs of a store at a glance, and which of them are meant."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import datetime, timedelta, timezone
from typing import Iterable, Iterator, Optional, Tuple

import attrs

from polaris_dsl._cli._runs_store import first_line
from polaris_dsl._cli._runs_story import status_after, wake_after
from polaris_dsl._cli._runs_text import count, counted
from polaris_dsl.stores import Inspectable

DAMAGED = "damaged"
STATUSES = ("complete", "paused", "failed", "due", DAMAGED)

Row = Tuple[str, str, str, str, str]
"""When it was last written to (empty where that cannot be read), status, workflow, run id, until when it waits."""

_AGE = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@attrs.frozen
class Filter:
    """Which runs are meant: by status (none: any), and by when they were last written to."""

    statuses: Tuple[str, ...]
    since: Optional[str]
    before: Optional[str]

    def takes(self, row: Row, /) -> bool:
        """Return whether it is meant; of a damaged run nobody knows when it was written to."""
        at, status, *_ = row
        if self.statuses and status not in self.statuses:
            return False
        return not at or ((self.since is None or at >= self.since) and (self.before is None or at < self.before))


class Rows:
    """The rows of a store that are meant, as they are read; counts those that are damaged, meant or not."""

    def __init__(
        self, store: Inspectable, workflows: Iterable[str], wanted: Filter, /, *, quietly: bool = False
    ) -> None:
        self.damaged = 0
        self._store = store
        self._workflows = workflows
        self._wanted = wanted
        self._quietly = quietly

    def __iter__(self) -> Iterator[Row]:
        takes = self._wanted.takes
        for workflow in self._workflows:
            for seen in counted(self._store.glance(workflow), quietly=self._quietly):
                if seen.last is not None:
                    row = (seen.last.at, status_after(seen.last), workflow, seen.run, wake_after(seen.last))
                else:
                    self.damaged += 1
                    row = ("", DAMAGED, workflow, seen.run or f"({first_line(seen.problem)})", "")
                if takes(row):
                    yield row

    def warn(self) -> int:
        """Say on stderr how many are damaged, if any; return the exit code that this makes."""
        if self.damaged:
            print(f"{count(self.damaged, 'run')} damaged; `polaris runs verify` says where", file=sys.stderr)
        return int(self.damaged > 0)


def add_filter(parser: argparse.ArgumentParser, /) -> None:
    """Add the options that say which runs are meant."""
    parser.add_argument("--workflow", metavar="NAME", help="only runs of this workflow")
    parser.add_argument(
        "--status", action="append", choices=STATUSES, help="only runs of this status; may be given several times"
    )
    dates = "2026-03-01, 2026-03-01T09:30 (UTC), or an age: 12h, 7d"
    parser.add_argument("--since", type=moment, metavar="DATE", help=f"only runs last written to since then; {dates}")
    parser.add_argument("--before", type=moment, metavar="DATE", help="only runs last written to before then")


def filter_of(arguments: argparse.Namespace, /) -> Filter:
    """Return what the options say."""
    return Filter(tuple(arguments.status or ()), arguments.since, arguments.before)


def moment(text: str, /) -> str:
    """Return a date, a time (in UTC where it has no zone), or an age such as `7d`, as journals write it.

    Raises:
        argparse.ArgumentTypeError: it is none of them.
    """
    age = _AGE.fullmatch(text)
    try:
        if age is not None:
            at = datetime.now(timezone.utc) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        else:
            at = datetime.fromisoformat(text.replace("Z", "+00:00"))
            at = at.replace(tzinfo=timezone.utc) if at.tzinfo is None else at.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        why = f"{text!r} is no date: write 2026-03-01, 2026-03-01T09:30, or an age such as 12h or 7d"
        raise argparse.ArgumentTypeError(why) from None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
