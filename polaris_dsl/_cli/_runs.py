"""`polaris runs`: looks after saved runs, without the code of their workflows."""

from __future__ import annotations

import argparse
from typing import Callable

from polaris_dsl._cli._runs_care import repair_run, verify_runs
from polaris_dsl._cli._runs_list import list_runs
from polaris_dsl._cli._runs_move import archive_runs, delete_runs
from polaris_dsl._cli._runs_rows import add_filter, moment
from polaris_dsl._cli._runs_settle import settle_run
from polaris_dsl._cli._runs_show import show_run
from polaris_dsl._cli._runs_wake import wake_runs

_DESCRIPTION = (
    "Look after saved runs. It needs no code of yours: all that it tells stands in the journals. "
    "Only `wake` does, for it runs builders."
)
_EPILOG = (
    "The store is named by --store, else by POLARIS_STORE, else by [tool.polaris] store in the nearest pyproject.toml. "
    "Exit code: 0, all is well; 1, damage was found, runs were left where they are, or failed; 2, it could not be done."
)


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("runs", help="look after saved runs", description=_DESCRIPTION, epilog=_EPILOG)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    def add(name: str, command: Callable[[argparse.Namespace], int], told: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=told, description=f"{told[0].upper()}{told[1:]}.", epilog=_EPILOG)
        action.add_argument("--store", metavar="PATH", help="a directory, or the file of a SQLite store")
        action.add_argument("--json", action="store_true", help="print JSON")
        action.set_defaults(command=command)
        return action

    listing = add("list", list_runs, "list runs; --json: one object on each line")
    add_filter(listing)
    listing.add_argument(
        "--sort",
        choices=["updated", "id", "none"],
        default="updated",
        help="updated: newest last (the default); none: as they are found, at once",
    )
    show = add("show", show_run, "show one run: its data, who built each from what, its failures")
    _one(show)
    show.add_argument("--values", action="store_true", help="show the values too, which may be secret")
    show.add_argument("--history", action="store_true", help="show the versions too that were replaced")
    verify = add("verify", verify_runs, "read every journal whole and check its chain; --json: one object on each line")
    verify.add_argument("--workflow", metavar="NAME", help="only the runs of this workflow")
    _one(add("repair", repair_run, "cut the damaged end off a journal, keeping a copy, and say what was lost"))
    _settled(add("settle", settle_run, "let a builder be called again that was interrupted, if nothing has happened"))
    archive = add("archive", archive_runs, "move runs into another store; --json: one object on each line")
    _several(archive, needed=False)
    add_filter(archive)
    archive.add_argument("--to", metavar="PATH", required=True, help="the other store; it is made if it is missing")
    archive.add_argument("--dry-run", action="store_true", help="only say what would be moved")
    delete = add("delete", delete_runs, "delete runs for good; --json: one object on each line")
    _several(delete, needed=True)
    delete.add_argument("--workflow", metavar="NAME", help="the workflow of the runs, where several have such ids")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    _woken(add("wake", wake_runs, "resume the runs that are due, or wait for a time that has come"))


def _one(action: argparse.ArgumentParser) -> None:
    action.add_argument("run", metavar="ID", help="the run id, exactly")
    action.add_argument("--workflow", metavar="NAME", help="the workflow of the run, where several have such an id")


def _settled(action: argparse.ArgumentParser) -> None:
    _one(action)
    action.add_argument("builder", metavar="BUILDER", help="the name of the builder, as `show` tells it")
    action.add_argument(
        "--retry",
        action="store_true",
        required=True,
        help="say that nothing has happened; what has is settled in code, by Executor.settle, with the result",
    )


def _woken(action: argparse.ArgumentParser) -> None:
    action.add_argument("what", metavar="MODULE:NAME", help="your workflow, or your executor, which knows its store")
    action.add_argument(
        "--now",
        type=moment,
        metavar="DATE",
        help="resume what waits until then, besides what is due; default: until now",
    )


def _several(action: argparse.ArgumentParser, *, needed: bool) -> None:
    action.add_argument("runs", metavar="ID", nargs="+" if needed else "*", help="run ids, exactly")
