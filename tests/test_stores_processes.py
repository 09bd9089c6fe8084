"""A file store between processes: locks, forks, races, and kills at any time."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from polaris_dsl.errors import RunLocked, UnsafeStore
from polaris_dsl.stores import Fed, FileStore, Line, Put, Rested, Started
from polaris_dsl.stores._disk import Descriptors, Disk, system_disk
from polaris_dsl.stores._file import FileJournals
from polaris_dsl.stores._locks import FlockLocks, Locks, OfdLocks, system_locks

AT = "2026-03-01T09:30:00.125Z"
RUN = "order-42"
FLOW = "payments"
STARTED = Started(AT, RUN, FLOW, "4f1d")


def fed(value: object = 1) -> Fed:
    return Fed(AT, (Put("Card", f'"{value}"'),))


@contextmanager
def child(work: Callable[[], object]) -> Iterator[int]:
    """Fork a process that does some work and ends; it is killed if it is not done by the end of the block."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    try:
        yield pid
    finally:
        if pid in _living(pid):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _living(pid: int) -> List[int]:
    try:
        done, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return []
    return [] if done else [pid]


def ends_well(pid: int) -> bool:
    _, status = os.waitpid(pid, 0)
    return status == 0
