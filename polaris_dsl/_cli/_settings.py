"""The settings of a project: the table `[tool.polaris]` of the nearest `pyproject.toml`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Callable, Optional

from polaris_dsl.errors import DefinitionError


def project_file() -> Optional[Path]:
    """Return the nearest `pyproject.toml`: of this directory, or of the first one above it that has one."""
    here = Path.cwd()
    files = (folder / "pyproject.toml" for folder in (here, *here.parents))
    return next((file for file in files if file.is_file()), None)


def setting(name: str, /) -> Optional[object]:
    """Return what `[tool.polaris]` of the nearest `pyproject.toml` says of `name`; None: nothing.

    Raises:
        DefinitionError: the file cannot be read, or this Python has nothing to read it with.
    """
    file = project_file()
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8")
        if "polaris" not in text:
            return None
        found: Optional[object] = _reader(file)(text).get("tool", {}).get("polaris", {}).get(name)
    except (OSError, ValueError, AttributeError) as error:
        raise DefinitionError(f"{file} cannot be read: {error}") from error
    return found


def _reader(file: Path) -> Callable[[str], Any]:
    for module in ("tomllib", "tomli"):
        try:
            loads: Callable[[str], Any] = import_module(module).loads
        except ImportError:
            continue
        return loads
    raise DefinitionError(
        f"{file} cannot be read by this Python: install tomli, or say on the command line what it says"
    )
