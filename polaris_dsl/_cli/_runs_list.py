"""`polaris runs list`: every run of a store in one line."""

from __future__ import annotations

import argparse
import sys
from operator import itemgetter
from typing import Callable, Dict, Iterable, Tuple

from polaris_dsl._cli._runs_rows import Row, Rows, filter_of
from polaris_dsl._cli._runs_store import opened, store_path, workflows_of
from polaris_dsl._cli._runs_text import plain, print_table, to_json
from polaris_dsl._cli._terminal import screen

_HEADER = ("UPDATED", "STATUS", "WORKFLOW", "RUN")
_WIDTH = len("2026-03-01T09:30:00.125Z")
_MOST_IN_A_TABLE = 1000
_SORTED: Dict[str, Callable[[Row], Tuple[str, ...]]] = {"updated": itemgetter(0, 2, 3), "id": itemgetter(3, 2)}


def list_runs(arguments: argparse.Namespace, /) -> int:
    """List runs; returns 1 if some of them are damaged."""
    key = _SORTED.get(arguments.sort)
    with opened(store_path(arguments.store), durability="process") as store:
        workflows = workflows_of(store, arguments.workflow)
        rows = Rows(store, workflows, filter_of(arguments), quietly=key is None and sys.stdout.isatty())
        ordered: Iterable[Row] = rows if key is None else sorted(rows, key=key)
        if arguments.json:
            sys.stdout.writelines(map(_as_json, ordered))
        else:
            _print(ordered, width=max(map(len, [*workflows, _HEADER[2]])))
    return rows.warn()


def _print(rows: Iterable[Row], *, width: int) -> None:
    """Print rows as they come, in columns whose widths are known before; on a terminal a few of them as a table."""
    if isinstance(rows, list) and len(rows) <= _MOST_IN_A_TABLE and screen() is not None:
        print_table(_HEADER, [(*row[:3], _named(row)) for row in rows])
        return
    form = f"{{:<{_WIDTH}}}  {{:<8}}  {{:<{width}}}  {{}}\n".format
    sys.stdout.write(form(*_HEADER))
    sys.stdout.writelines(form(row[0], plain(row[1]), row[2], plain(_named(row))) for row in rows)


def _named(row: Row) -> str:
    """Return the run id, and where it waits for a time, until when."""
    *_, run, wake = row
    return f"{run}  (wakes at {wake})" if wake else run


def _as_json(row: Row) -> str:
    at, status, workflow, run, wake = row
    facts = {"run": run, "workflow": workflow, "status": status, "updated_at": at or None, "wake_at": wake or None}
    return to_json(facts) + "\n"
