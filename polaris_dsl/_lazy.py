"""Loads what a package exports when it is first asked for: PEP 562."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Callable, Dict, List, Mapping, Sequence, Tuple

__all__ = ["exports"]


def exports(
    package: str, /, *, modules: Sequence[str] = (), names: Mapping[str, Sequence[str]]
) -> Tuple[Callable[[str], object], Callable[[], List[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package.

    Safe between threads: whoever asks first loads, under the import system's lock of that module, and all get the same.

    Args:
        package: its `__name__`.
        modules: the modules of it that are its attributes without being imported by name.
        names: each module that exported names come from, without the package's own name, and these names.
    """
    homes: Dict[str, str] = {name: f"{package}.{module}" for module, some in names.items() for name in some}
    place = vars(sys.modules[package])

    def load(name: str) -> object:
        if name in modules:
            return import_module(f"{package}.{name}")  # which makes it an attribute
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return place.setdefault(name, getattr(import_module(homes[name]), name))

    def known() -> List[str]:
        return sorted({*place, *modules, *homes})

    return load, known
