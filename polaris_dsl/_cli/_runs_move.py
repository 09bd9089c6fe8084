"""`polaris runs archive` and `delete`: taking runs out of a store."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Callable, Optional, Sequence, Tuple

from polaris_dsl._cli._runs_rows import Rows, filter_of
from polaris_dsl._cli._runs_store import CannotDo, chosen, first_line, opened, store_path, workflows_of
from polaris_dsl._cli._runs_text import count, plain, to_json
from polaris_dsl.errors import CorruptJournal, DefinitionError, RunLocked, UnknownRun, WrongWorkflow
from polaris_dsl.stores import Inspectable

Chosen = Sequence[Tuple[str, str]]
"""Workflow and id of each run that is meant."""

_LEFT = (RunLocked, CorruptJournal, WrongWorkflow, DefinitionError)
"""What is wrong with one run, and not with the next one."""


def archive_runs(arguments: argparse.Namespace, /) -> int:
    """Move runs into another store; returns 1 if some of those that were meant were left where they are."""
    source, target = store_path(arguments.store), Path(arguments.to)
    if bool(arguments.runs) == bool(arguments.status or arguments.before or arguments.since):
        raise CannotDo("which runs? Give their ids, or say which with --status, --before or --since")
    with opened(source) as store:
        meant, code = _meant(store, arguments)
        if arguments.dry_run:
            return max(code, _each(meant, None, did="would move", as_json=arguments.json))
        with opened(target) as there:

            def move(workflow: str, run: str) -> None:
                store.move(run, workflow=workflow, into=there)

            return max(code, _each(meant, move, did="moved", as_json=arguments.json))


def _meant(store: Inspectable, arguments: argparse.Namespace) -> Tuple[Chosen, int]:
    """Return the runs that are meant, and the exit code that damaged ones make: those are left where they are."""
    if arguments.runs:
        return chosen(store, arguments.runs, arguments.workflow), 0
    rows = Rows(store, workflows_of(store, arguments.workflow), filter_of(arguments))
    return [(workflow, run) for at, _, workflow, run, _ in rows if at], rows.warn()


def delete_runs(arguments: argparse.Namespace, /) -> int:
    """Delete runs, after asking; returns 1 if some were left where they are."""
    with opened(store_path(arguments.store)) as store:
        meant = chosen(store, arguments.runs, arguments.workflow)
        if not arguments.yes and not _agreed(meant):
            print("nothing was deleted", file=sys.stderr)
            return 1

        def delete(workflow: str, run: str) -> None:
            store.open(workflow).delete(run)

        return _each(meant, delete, did="deleted", as_json=arguments.json)


def _agreed(meant: Chosen) -> bool:
    if not sys.stdin.isatty():
        raise CannotDo("there is nobody to ask whether the runs may be deleted for good; say so with --yes")
    for workflow, run in meant:
        print(f"{workflow}  {plain(run)}", file=sys.stderr)
    print(f"delete {count(len(meant), 'run')} for good? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _each(meant: Chosen, do: Optional[Callable[[str, str], None]], *, did: str, as_json: bool) -> int:
    """Do something to each run, and say of each what was done, or why it was not; return the exit code."""
    done = left = 0
    for workflow, run in meant:
        why = None
        try:
            if do is not None:
                do(workflow, run)
        except UnknownRun:
            continue  # another was faster
        except _LEFT as error:
            why = first_line(error)
        left += why is not None
        done += why is None
        if as_json:
            print(to_json({"run": run, "workflow": workflow, "done": None if why else did, "problem": why}))
        else:
            print(f"{'left' if why else did}  {workflow}  {plain(run)}{': ' if why else ''}{why or ''}")
    if not as_json:
        print(f"{did} {count(done, 'run')}" + (f", left {left:,}" if left else ""))
    return int(left > 0)
