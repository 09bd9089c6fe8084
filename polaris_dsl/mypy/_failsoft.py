"""Turns a failure of this plugin into one note, so that it never takes mypy's other findings with it."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Callable, TypeVar

from mypy.plugin import FunctionContext, FunctionSigContext, MethodContext, MethodSigContext
from mypy.version import __version__ as mypy_version

ContextT = TypeVar("ContextT", FunctionContext, FunctionSigContext, MethodContext, MethodSigContext)
ResultT = TypeVar("ResultT")


def soft(hook: Callable[[ContextT], ResultT], default: Callable[[ContextT], ResultT], ctx: ContextT, /) -> ResultT:
    """Run a hook; if it fails say so, and return what mypy would have had without it."""
    try:
        return hook(ctx)
    except Exception as error:  # noqa: BLE001  whatever goes wrong in here must not end the user's run of mypy
        ctx.api.msg.note(_told(error), ctx.context)
        if ctx.api.options.show_traceback:
            traceback.print_exc()
        return default(ctx)


def _told(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(f"{type(error).__name__}: {error}".split())
    versions = f"polaris-dsl {_version()}, mypy {mypy_version}, Python {sys.version.partition(' ')[0]}"
    return (
        f"polaris: internal error, so this is not checked: {what} ({Path(last.filename).name}:{last.lineno}); "
        f"please report it with this line of your program and {versions}"
    )


def _version() -> str:
    from importlib import metadata  # noqa: PLC0415  slow to load, and hardly ever needed

    return next((found.version for found in metadata.distributions(name="polaris-dsl")), "that is not installed")
