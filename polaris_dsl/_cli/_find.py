"""Reads what is to be checked: arguments, or `[tool.polaris]` of the nearest `pyproject.toml`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Tuple

import attrs

from polaris_dsl._cli._settings import project_file, setting
from polaris_dsl.errors import PolarisError

_DOTTED = re.compile(r"\w+(\.\w+)*")


class CannotCheck(PolarisError):
    """What was asked for makes no sense: the sentence says why."""


@attrs.frozen
class Wanted:
    """A module to import: its dotted name, the file that must be behind it, the folder to look in first.

    `attribute` is the one thing of it that is wanted; without, all that its import makes. `whole`: if it is a package,
    the modules in it too.
    """

    module: str
    attribute: str = ""
    file: Optional[Path] = None
    root: Optional[Path] = None
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}" if self.attribute else self.module


@attrs.frozen
class Wish:
    """What is to be checked, and the folders in which Python looks for it first."""

    wanted: Tuple[Wanted, ...]
    roots: Tuple[Path, ...]


def wish_of(arguments: Sequence[str], /) -> Wish:
    """Return what the arguments mean here; without any, what the nearest `pyproject.toml` lists means in its folder.

    Raises:
        CannotCheck: they mean nothing.
        DefinitionError: the settings cannot be read.
    """
    folder = Path.cwd()
    settings = project_file()
    home = folder if settings is None else settings.parent
    listed, base = (arguments, folder) if arguments else (_listed(settings), home)
    wanted = [one for argument in listed for one in _meant(argument, base)]
    roots = dict.fromkeys([folder, home, home / "src"])
    return Wish(tuple(dict.fromkeys(wanted)), tuple(root for root in roots if root.is_dir()))


def _meant(argument: str, folder: Path) -> Iterator[Wanted]:
    path = folder / argument
    if argument and path.exists():
        files = [path] if path.is_file() else list(files_in(path))
        if not files:
            raise CannotCheck(f"there are no Python files in {argument}")
        yield from map(_of_file, files)
        return
    module, attribute = _split(argument)
    if attribute and (folder / module).is_file():
        yield attrs.evolve(_of_file(folder / module), attribute=attribute)
    elif _DOTTED.fullmatch(module) and not module.endswith(".py"):
        yield Wanted(module, attribute, whole=not attribute)
    else:
        raise CannotCheck(f"there is no {argument!r}: name a file, a folder, a module, or module:name")


def _split(argument: str) -> Tuple[str, str]:
    """Split `module:name`; a colon that no name follows belongs to a path."""
    module, _, attribute = argument.rpartition(":")
    return (module, attribute) if module and _DOTTED.fullmatch(attribute) else (argument, "")


def _of_file(file: Path) -> Wanted:
    """Name the module of a file as seen from the folder that holds its outermost package."""
    file = file.resolve()
    if file.suffix != ".py":
        raise CannotCheck(f"{file.name} is not a Python file")
    parts = [] if file.name == "__init__.py" else [file.stem]
    root = file.parent
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    return Wanted(".".join(parts), file=file, root=root)


def files_in(folder: Path, /) -> Iterator[Path]:
    """Yield the modules of a folder and of those below it, in order; not what runs as a script, is hidden or a venv."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and path.name != "__main__.py":
            yield path
        elif path.is_dir() and not path.name.startswith((".", "__pycache__")) and not (path / "pyvenv.cfg").exists():
            yield from files_in(path)


def _listed(settings: Optional[Path]) -> List[str]:
    found = setting("workflows")
    listed = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
    if not listed or listed != found:
        raise CannotCheck(
            'nothing to check: name modules or paths, or write workflows = ["shop.flows"] below [tool.polaris] in '
            f"{settings or 'a pyproject.toml'}"
        )
    return listed
