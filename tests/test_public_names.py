"""Pins what users may import; a change of this file is a line in the changelog."""

from __future__ import annotations

import importlib
import importlib.util
import types
from pathlib import Path
from typing import Dict, List

import pytest

import polaris_dsl

PACKAGE = Path(polaris_dsl.__file__).parent

NAMES: Dict[str, List[str]] = {
    "polaris_dsl": [
        "Access",
        "BadRunId",
        "Builder",
        "BuilderError",
        "CodecError",
        "CommitUnknown",
        "Context",
        "CorruptJournal",
        "DefinitionError",
        "Executor",
        "FileStore",
        "IncompleteRun",
        "MemoryStore",
        "NotWritten",
        "PolarisError",
        "Retry",
        "Run",
        "RunError",
        "RunLocked",
        "RunSummary",
        "Status",
        "StoreError",
        "UnexpectedData",
        "UnknownRun",
        "UnsafeStore",
        "Workflow",
        "WorkflowError",
        "WrongProduct",
        "WrongWorkflow",
        "builder",
        "workflow",
    ],
    "polaris_dsl.codec": ["Codec", "JsonCodec", "round_trip"],
    "polaris_dsl.diagnostics": ["CATALOGUE", "Code", "Diagnostic", "render"],
    "polaris_dsl.errors": [
        "BadRunId",
        "BuilderError",
        "CodecError",
        "CommitUnknown",
        "CorruptJournal",
        "DefinitionError",
        "IncompleteRun",
        "NotWritten",
        "PolarisError",
        "RunError",
        "RunLocked",
        "RunSoFar",
        "StoreError",
        "UnexpectedData",
        "UnknownRun",
        "UnsafeStore",
        "WorkflowError",
        "WrongProduct",
        "WrongWorkflow",
    ],
    "polaris_dsl.retry": ["Retry"],
    "polaris_dsl.stores": [
        "Built",
        "Failed",
        "Fed",
        "FileStore",
        "Inspectable",
        "Journals",
        "Line",
        "MemoryStore",
        "Put",
        "Repaired",
        "Rested",
        "Started",
        "Store",
        "Verified",
    ],
    "polaris_dsl.stores.sqlite": ["SqliteStore"],
    "polaris_dsl.testing": ["Effect", "Explored", "StoreCase", "StoryFailed", "explore", "store_cases"],
}
if importlib.util.find_spec("mypy") is not None:  # an extra
    NAMES["polaris_dsl.mypy"] = ["plugin"]


@pytest.mark.parametrize("module", NAMES)
def test_a_module_exports_these_names_and_no_others(module: str) -> None:
    exported: List[str] = importlib.import_module(module).__all__
    assert exported == NAMES[module]
    assert [name for name in exported if not hasattr(importlib.import_module(module), name)] == []


def test_these_modules_are_public_and_no_others() -> None:
    files = [path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py")]
    modules = [file.parent if file.name == "__init__" else file for file in files]
    public = {".".join(module.parts) for module in modules if not any(part.startswith("_") for part in module.parts)}
    assert public - {"polaris_dsl.mypy"} == set(NAMES) - {"polaris_dsl.mypy"}


@pytest.mark.parametrize("name", sorted({name for names in NAMES.values() for name in names}))
def test_a_public_name_stands_in_the_changelog(name: str) -> None:
    assert f"`{name}`" in (PACKAGE.parent / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_top_of_the_package_holds_nothing_but_what_it_exports() -> None:
    held = {name: value for name, value in vars(polaris_dsl).items() if not name.startswith("_")}
    assert {name for name, value in held.items() if not isinstance(value, types.ModuleType)} == set(polaris_dsl.__all__)
