"""Which store `polaris runs` looks into, and which of its runs are meant."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

from typing_extensions import Literal

from polaris_dsl._cli._runs_text import plain
from polaris_dsl._cli._settings import project_file, setting
from polaris_dsl.errors import BadRunId, PolarisError, StoreError, UnknownRun
from polaris_dsl.stores import FileStore, Inspectable

Durability = Literal["power", "process"]

_DATABASES = {".db", ".sqlite", ".sqlite3"}


class CannotDo(PolarisError):
    """What was asked for makes no sense here: the sentence says why, and what to do."""


def store_path(said: Optional[str], /) -> Path:
    """Return where the store is: as said, or by the environment, or by the settings of the project; it must be there.

    Raises:
        CannotDo: nothing says where, or there is nothing.
    """
    path, source = _named(said)
    if not path.exists():
        raise CannotDo(f"{source} says that the store is {path}, but there is nothing")
    return path


def _named(said: Optional[str]) -> Tuple[Path, str]:
    if said is not None:
        return Path(said), "--store"
    named = os.environ.get("POLARIS_STORE")
    if named:
        return Path(named), "POLARIS_STORE"
    configured, file = setting("store"), project_file()
    if isinstance(configured, str) and file is not None:
        return file.parent / configured, str(file)
    raise CannotDo(
        "which store? Name it with --store PATH, in POLARIS_STORE, or in pyproject.toml: "
        '[tool.polaris] store = "runs" (a directory, or the file of a SQLite store)'
    )


@contextmanager
def opened(path: Path, /, *, durability: Durability = "power") -> Iterator[Inspectable]:
    """Open the store at a path, making it where there is none: a directory, or by its ending a SQLite store.

    Who only looks has nothing to sync: `durability="process"` saves the wait for the disk.
    """
    if path.is_file() or (path.suffix in _DATABASES and not path.exists()):
        from polaris_dsl.stores.sqlite import SqliteStore  # noqa: PLC0415  imported on use

        with SqliteStore(path, durability=durability) as store:
            yield store
    else:
        yield FileStore(path, durability=durability)


def workflows_of(store: Inspectable, named: Optional[str], /) -> List[str]:
    """Return the workflows that are meant: the one that is named, or all.

    Raises:
        CannotDo: the one that is named has no runs here.
    """
    names = list(store.workflows())
    if named is None:
        return names
    if named not in names:
        known = f"those that have: {', '.join(names)}" if names else "no workflow has"
        raise CannotDo(f"workflow {named!r:.80} has no runs in this store; {known}")
    return [named]


def chosen(store: Inspectable, ids: Sequence[str], named: Optional[str], /) -> List[Tuple[str, str]]:
    """Return workflow and id of each run that is meant, once.

    Raises:
        CannotDo: there is no such run, or several workflows have it and none is named.
        BadRunId: no store takes such an id.
    """
    names = workflows_of(store, named)
    return [(_workflow_of(store, run, names), run) for run in dict.fromkeys(ids)]


def _workflow_of(store: Inspectable, run: str, names: Sequence[str]) -> str:
    having = [name for name in names if _has(store, name, run)]
    if not having:
        raise CannotDo(f"there is no run {run!r} here; `polaris runs list` shows those that there are")
    if len(having) > 1:
        raise CannotDo(f"{', '.join(having)} all have a run {run!r}; say which is meant with --workflow")
    return having[0]


def _has(store: Inspectable, name: str, run: str) -> bool:
    try:
        store.open(name).load(run)
    except UnknownRun:
        return False
    except BadRunId:
        raise
    except StoreError:  # damaged, but there
        return True
    return True


def first_line(error: object, /) -> str:
    """Return what an error says in its first line; what follows is how to go on, in the words of the library."""
    return plain(str(error).partition("\n")[0])
