"""Where the journal of a run lies, and the directories on the way there."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Iterator, Set

from polaris_dsl.errors import UnsafeStore
from polaris_dsl.stores._disk import Disk

_JOURNAL = re.compile(r"[0-9a-f]{32}-[A-Za-z0-9._-]*\.jsonl")
_UNFIT = re.compile(r"[^A-Za-z0-9._]+")
_WORKFLOW = re.compile(r"(?!\.{1,2}$)[\w.-]{1,64}")
_SLUG = 40


def prepare_root(disk: Disk, root: str, /, *, durable: bool) -> None:
    """Make the directory of a store, with those above it, unless it is there; refuse one that anybody may write to.

    Raises:
        UnsafeStore: it is writable by everyone, no directory, or cannot be made.
    """
    try:
        _make_with_parents(disk, root, durable=durable)
        if durable:
            with suppress(PermissionError):  # who may not read what is above has not made it
                # Another process that made the root may have died before it did this.
                disk.sync_folder(str(Path(root).parent))
        mode = disk.lstat(os.path.realpath(root)).st_mode
    except OSError as error:
        raise UnsafeStore(root, why=f"cannot be used: {error.strerror}") from error
    if not stat.S_ISDIR(mode):
        raise UnsafeStore(root, why="is not a directory")
    if mode & stat.S_IWOTH:
        raise UnsafeStore(root, why="everyone on this machine may write to it; chmod o-w it, or use another directory")


def _make_with_parents(disk: Disk, path: str, *, durable: bool) -> None:
    above = str(Path(path).parent)
    if above != path and not os.path.lexists(path):
        _make_with_parents(disk, above, durable=durable)
        disk.make_folder(path)
        if durable:
            disk.sync_folder(above)


def is_workflow_name(name: str, /) -> bool:
    """Return whether a workflow of this name can have a directory."""
    return _WORKFLOW.fullmatch(name) is not None


class Folder:
    """The directory of one workflow, with its 256 shards. Safe to share between threads."""

    def __init__(self, disk: Disk, root: str, workflow: str, /) -> None:
        if not is_workflow_name(workflow):
            why = f"workflow {workflow!r:.80} cannot have a directory: use letters, digits, _ . and -, at most 64"
            raise UnsafeStore(root, why=why)
        self.path: str = str(Path(root, workflow))
        self._disk = disk
        self._root = root
        self._durable: Set[str] = set()

    def journal(self, run: str, /) -> str:
        """Return the path of a run's journal. The hash comes first: no run id can name anything else, on any system."""
        digest = sha256(run.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        slug = _UNFIT.sub("-", run)[:_SLUG].strip("-")
        return f"{self.path}/{digest[:2]}/{digest}-{slug}.jsonl"

    def journals(self) -> Iterator[str]:
        """Yield the paths of all journals."""
        for shard in self._entries(self.path):
            below = f"{self.path}/{shard}"
            for name in self._entries(below):
                if _JOURNAL.fullmatch(name):
                    yield f"{below}/{name}"

    def make_for(self, journal: str, /) -> None:
        """Make the directories of a journal, unless they are there."""
        for path in (self.path, os.path.dirname(journal)):
            if self._disk.make_folder(path):
                self._durable.discard(path)

    def sync_for(self, journal: str, /) -> None:
        """Make the way to a journal durable. A directory that another made may not be so: each is synced once."""
        shard = os.path.dirname(journal)
        self._disk.sync_folder(shard)
        for path, above in ((shard, self.path), (self.path, self._root)):
            if path not in self._durable:
                self._disk.sync_folder(above)
                self._durable.add(path)

    def _entries(self, path: str) -> Iterator[str]:
        try:
            yield from sorted(self._disk.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return  # deleted meanwhile, or a stray file
