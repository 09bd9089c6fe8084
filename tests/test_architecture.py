"""Holds the rules of the house that no linter knows; the layers are import-linter's."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Iterator, List, Set

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "polaris_dsl").rglob("*.py"))
TOPS = [path for path in MODULES if path.name == "__init__.py"]
PAGES = sorted(path for pattern in ("*.md", "docs/**/*.md", "examples/**/*.py") for path in ROOT.glob(pattern))

MOST_LINES = 400
EXTRAS = {"cryptography", "hypothesis", "msgspec", "mypy", "opentelemetry", "pydantic", "pytest", "rich"}
FOREIGN = re.compile(  # what others call their things
    r"\bplatform\.node\b|\badd_task\b|{task\.|\bartifactLocation\b|\bmypy\.nodes\b|\bSymbol(?:Table)?Node\b|\b[ns]\.node\b"
    r"|\b(?:Tracer|Meter)Provider\b|\b(?:tracer|meter)_provider\b"
)
AVOIDED = re.compile(
    r"(?<![a-z])(step|task|node|job|provider|asset|artifact|pipeline|dag|session|snapshot|backend|serializer|listener)s?"
    r"(?![a-z])",
    re.IGNORECASE,
)

of_each_module = pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())


def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def names_in(tree: ast.Module) -> Set[str]:
    """Return every name and attribute that a module's code mentions."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def imported_by(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def words_of(source: str) -> Iterator[str]:
    """Yield the words of names, texts and comments: `StepList` and `step_list` are two words each."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        yield from re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", token.string)


def avoided_in(words: Iterator[str]) -> List[str]:
    return [word for word in words if AVOIDED.fullmatch(word)]


@of_each_module
def test_a_module_says_its_one_job_in_its_first_line(module: Path) -> None:
    told = ast.get_docstring(tree_of(module))
    assert told
    assert module.read_text(encoding="utf-8").startswith('"""')
    assert told.splitlines()[0].endswith(".")


@of_each_module
def test_a_module_is_short(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@of_each_module
def test_only_one_module_looks_at_the_python_version(module: Path) -> None:
    if module.name != "_compat.py":
        assert not {"version_info", "hexversion", "python_version"} & names_in(tree_of(module))


@of_each_module
def test_imports_are_real_and_never_hidden_from_the_run_time(module: Path) -> None:
    assert "TYPE_CHECKING" not in names_in(tree_of(module))


@of_each_module
def test_no_module_imports_the_top_of_the_package(module: Path) -> None:
    siblings = {path.stem for path in MODULES} | {path.parent.name for path in MODULES}
    names = {name for name in imported_by(tree_of(module)) if name.startswith("polaris_dsl")}
    assert not {name for name in names if name.split(".")[1] not in siblings}


@of_each_module
def test_a_public_module_says_what_it_exports(module: Path) -> None:
    private = any(part.startswith("_") and part != "__init__.py" for part in module.relative_to(ROOT).parts)
    assigned = (target for node in tree_of(module).body if isinstance(node, ast.Assign) for target in node.targets)
    assert private or "__all__" in {target.id for target in assigned if isinstance(target, ast.Name)}


@pytest.mark.parametrize("module", TOPS, ids=lambda path: path.parent.name)
def test_the_top_of_a_package_imports_and_never_computes(module: Path) -> None:
    docstring, *rest = tree_of(module).body
    assert isinstance(docstring, ast.Expr)
    assert [node for node in rest if not isinstance(node, (ast.Import, ast.ImportFrom, ast.Assign))] == []
    assert [ast.dump(node.value) for node in rest if isinstance(node, ast.Assign) and not literal(node.value)] == []


def literal(value: ast.expr) -> bool:
    """Say whether a value is written out, or is the one thing that a top may call: `_lazy.exports` with such values."""
    if isinstance(value, ast.Call):
        parts = [keyword.value for keyword in value.keywords]
        return ast.dump(value.func) == ast.dump(ast.parse("_lazy.exports", mode="eval").body) and all(
            map(literal, parts)
        )
    if isinstance(value, ast.Dict):
        return all(map(literal, value.values))
    return isinstance(value, ast.List) and all(isinstance(item, ast.Constant) for item in value.elts)


@pytest.mark.parametrize("page", [*MODULES, *PAGES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_there_is_one_word_for_each_concept(page: Path) -> None:
    text = FOREIGN.sub("", page.read_text(encoding="utf-8"))
    words = words_of(text) if page.suffix == ".py" else iter(re.findall(r"\w+", text))
    assert avoided_in(words) == []


def test_avoided_words_are_found_within_names_and_not_within_other_words() -> None:
    assert avoided_in(words_of("class TaskList: next_step = 'Nodes and the DAG'  # a job")) == [
        *("Task", "step", "Nodes", "DAG", "job")
    ]
    assert avoided_in(words_of("multitasking, stepped, nodejs, jobless = 'unsessioned'")) == []


def loaded_by(code: str) -> Set[str]:
    """Return the modules that are there afterwards and were not before: what measures coverage loads much itself."""
    told = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", told], cwd=str(ROOT), capture_output=True, text=True, check=True)
    return set(done.stdout.split())


HEAVY = {
    "asyncio",
    "cattrs",
    "concurrent.futures.thread",
    "decimal",
    "difflib",
    "pathlib",
    "pickle",
    "polaris_dsl.codec",
}


def test_nothing_is_loaded_that_is_not_needed() -> None:
    first = loaded_by("import polaris_dsl")
    assert {name for name in first if name.startswith("polaris_dsl")} == {"polaris_dsl", "polaris_dsl._lazy"}
    names = loaded_by(
        "from polaris_dsl import Access, Context, Executor, Run, builder, workflow; import polaris_dsl.errors"
    )
    assert {"polaris_dsl._executor", "polaris_dsl.errors"} <= names
    assert not {name for name in names if name in HEAVY or name.partition(".")[0] in EXTRAS}
    assert not EXTRAS & {name.partition(".")[0] for name in loaded_by("from polaris_dsl import *")}
