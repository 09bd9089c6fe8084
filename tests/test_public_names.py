"""Pins what users may import; a change of this file is a line in the changelog."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import subprocess
import sys
import types
from pathlib import Path
from textwrap import dedent
from typing import Dict, List

import pytest

import polaris_dsl
import polaris_dsl.stores

PACKAGE = Path(polaris_dsl.__file__).parent
LAZY = (polaris_dsl, polaris_dsl.stores)

NAMES: Dict[str, List[str]] = {
    "polaris_dsl": [
        "RETRY",
        "Access",
        "BadRunId",
        "Builder",
        "BuilderError",
        "Clock",
        "CodecError",
        "CommitUnknown",
        "Context",
        "CorruptJournal",
        "DefinitionError",
        "Executor",
        "FileStore",
        "Hook",
        "HookFailed",
        "IncompleteRun",
        "Interrupted",
        "Late",
        "MemoryStore",
        "NotInterrupted",
        "NotSettled",
        "NotWritten",
        "PolarisError",
        "Retry",
        "RetryAt",
        "Run",
        "RunError",
        "RunLocked",
        "RunSummary",
        "Status",
        "StoreError",
        "TimedOut",
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
    "polaris_dsl.clock": ["Clock", "SystemClock"],
    "polaris_dsl.codec": ["Codec", "JsonCodec", "round_trip"],
    "polaris_dsl.diagnostics": ["CATALOGUE", "Code", "Diagnostic", "render"],
    "polaris_dsl.errors": [
        "BadRunId",
        "BuilderError",
        "CodecError",
        "CommitUnknown",
        "CorruptJournal",
        "DefinitionError",
        "HookFailed",
        "IncompleteRun",
        "Interrupted",
        "NotInterrupted",
        "NotSettled",
        "NotWritten",
        "PolarisError",
        "RetryAt",
        "RunError",
        "RunLocked",
        "RunSoFar",
        "StoreError",
        "TimedOut",
        "UnexpectedData",
        "UnknownRun",
        "UnsafeStore",
        "WorkflowError",
        "WrongProduct",
        "WrongWorkflow",
    ],
    "polaris_dsl.hooks": [
        "BuilderFailed",
        "BuilderRetried",
        "BuilderStarted",
        "DataBuilt",
        "Event",
        "Hook",
        "LogHook",
        "NothingBuilt",
        "RunEnded",
        "RunStarted",
    ],
    "polaris_dsl.otel": ["OpenTelemetryHook"],
    "polaris_dsl.progress": ["ProgressHook"],
    "polaris_dsl.retry": [
        "RETRY",
        "Retried",
        "Retry",
    ],
    "polaris_dsl.stores": [
        "Built",
        "Failed",
        "Fed",
        "FileStore",
        "Inspectable",
        "Intended",
        "Journals",
        "Line",
        "MemoryStore",
        "Postponed",
        "Put",
        "Released",
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


@pytest.mark.parametrize("package", LAZY, ids=lambda package: package.__name__)
def test_a_package_holds_nothing_but_what_it_exports(package: types.ModuleType) -> None:
    for name in package.__all__:
        getattr(package, name)
    held = {name: value for name, value in vars(package).items() if not name.startswith("_")}
    assert {name for name, value in held.items() if not isinstance(value, types.ModuleType)} == set(package.__all__)


# --- names that are loaded when they are first asked for -------------------------------------------------------------


def in_a_process_of_its_own(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], cwd=str(PACKAGE.parent), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("package", LAZY, ids=lambda package: package.__name__)
def test_what_type_checkers_read_of_a_package_is_what_it_loads(package: types.ModuleType) -> None:
    source = Path(package.__file__ or "")
    read, run = (ast.parse(path.read_text(encoding="utf-8")) for path in (source.with_suffix(".pyi"), source))
    told: Dict[str, List[str]] = {}
    for node in read.body:
        if isinstance(node, ast.ImportFrom):
            told.setdefault(f"{node.module}"[len(package.__name__) + 1 :], []).extend(one.name for one in node.names)
    assigned = [node.value for node in run.body if isinstance(node, ast.Assign)]
    (exports,) = (value for value in assigned if not isinstance(value, ast.List))
    assert isinstance(exports, ast.Call)
    loaded = {str(part.arg): ast.literal_eval(part.value) for part in exports.keywords}
    assert told == {**loaded["names"], **({"": loaded["modules"]} if "modules" in loaded else {})}
    lists = [node.value for tree in (read, run) for node in tree.body if isinstance(node, ast.Assign)]
    assert [ast.literal_eval(value) for value in lists if isinstance(value, ast.List)] == [package.__all__] * 2


def test_a_name_is_the_same_thing_wherever_it_is_asked_for() -> None:
    told = in_a_process_of_its_own(
        """
        import polaris_dsl
        assert polaris_dsl.errors.UnknownRun is polaris_dsl.UnknownRun
        assert polaris_dsl.stores.FileStore is polaris_dsl.FileStore and "FileStore" in vars(polaris_dsl)
        from polaris_dsl import *
        from polaris_dsl._builder import builder as real
        import pickle
        error = pickle.loads(pickle.dumps(UnknownRun("order-42", workflow="Paid")))
        print(builder is real, type(error) is polaris_dsl.UnknownRun, polaris_dsl.codec.__name__)
        """
    )
    assert told == "True True polaris_dsl.codec"


def test_what_a_package_does_not_have_is_told_as_ever() -> None:
    assert set(dir(polaris_dsl)) >= {*polaris_dsl.__all__, "codec", "errors", "stores", "__all__"}
    with pytest.raises(AttributeError, match=r"^module 'polaris_dsl' has no attribute 'Bilder'$"):
        getattr(polaris_dsl, "Bilder")  # noqa: B009  a name that type checkers know not to be there
    with pytest.raises(ImportError, match="cannot import name 'Bilder' from 'polaris_dsl'"):
        exec("from polaris_dsl import Bilder", {})  # noqa: S102  as above


def test_threads_that_ask_first_all_get_the_same() -> None:
    told = in_a_process_of_its_own(
        """
        import random, sys, threading
        import polaris_dsl
        sys.setswitchinterval(1e-6)
        names = list(polaris_dsl.__all__)
        barrier, got = threading.Barrier(8), []
        def ask(seed):
            mine = random.Random(seed).sample(names, len(names))
            barrier.wait()
            got.append({name: getattr(polaris_dsl, name) for name in mine})
        threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(len(got), all(one == got[0] and one[name] is got[0][name] for one in got for name in names))
        """
    )
    assert told == "8 True"
