"""Executes what the pages and docstrings show, and compares it with what they say it prints."""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import linecache
import re
import sys
import types
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import attrs
import pytest

from polaris_dsl import PolarisError

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = sorted(path for path in (ROOT / "polaris_dsl").rglob("*.py") if path.name != "__main__.py")
LANGUAGES = {"python", "text", "sh", "json", "toml", "yaml", "mermaid"}

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"\b[\w/]+\.py\b")


@attrs.frozen
class Block:
    """A fenced block of a page; `line` is where its first line of code stands."""

    language: str
    file: str
    code: str
    line: int


def blocks_of(page: str) -> List[Block]:
    blocks = []
    for fence in FENCE.finditer(page):
        language, _, rest = fence["info"].partition(" ")
        first = fence["code"].partition("\n")[0]
        named = FILE_NAME.search(rest) or (FILE_NAME.search(first) if first.startswith("#") else None)
        line = page.count("\n", 0, fence.start("code")) + 1
        blocks.append(Block(language, named.group() if named else "", fence["code"], line))
    return blocks


def run_block(block: Block, module: types.ModuleType, page_name: str) -> str:
    """Run a block and return what a terminal would show of it: what it prints, then the error that ends it.

    A block that names its file is compiled under that name; another one where it stands on its page.
    """
    file, code = (block.file, block.code) if block.file else (page_name, "\n" * (block.line - 1) + block.code)
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(code, file, "exec", dont_inherit=True), module.__dict__)  # noqa: S102  this is what it is for
        except PolarisError as error:
            printed.write(f"{type(error).__name__}: {error}\n")
    return printed.getvalue()


def check_page(text: str, page_name: str) -> None:
    """Run the python blocks of a page in order, in one module, and compare what they print.

    The module is called after the first file that a block names, or after the page.
    """
    blocks = blocks_of(text)
    named = [block.file for block in blocks if block.file] or [page_name]
    module = types.ModuleType(Path(named[0]).stem)
    sys.modules[module.__name__] = module  # classes look up their own module to resolve annotations
    try:
        for block, following in zip(blocks, [*blocks[1:], Block("", "", "", 0)]):
            if block.language == "python":
                printed = run_block(block, module, page_name)
                said = following.code if following.language == "text" else ""
                assert shown(printed) == shown(said), f"{page_name}:{block.line}"
    finally:
        del sys.modules[module.__name__]


def shown(text: str) -> List[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_prints_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_page(page.read_text(encoding="utf-8"), page.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_names_the_language_of_every_block_so_that_none_is_passed_over(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(text)
    assert {block.language for block in blocks} <= LANGUAGES
    assert len(re.findall(r"^\s*```", text, re.MULTILINE)) == 2 * len(blocks)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_links_only_to_what_is_there(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_shows_code_and_its_output() -> None:
    languages = [block.language for block in blocks_of(PAGES[0].read_text(encoding="utf-8"))]
    assert ("python", "text") in list(zip(languages, languages[1:]))


# --- docstrings ------------------------------------------------------------------------------------------------------


def examples_of(source: Path) -> Iterator[doctest.DocTest]:
    """Yield the examples of a module, also those below a constant, which are no docstrings to Python."""
    parser = doctest.DocTestParser()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            test = parser.get_doctest(node.value.value, {}, source.stem, str(source), node.lineno - 1)
            if test.examples:
                yield test


def module_of(source: Path) -> types.ModuleType:
    name = ".".join(source.relative_to(ROOT).with_suffix("").parts).replace(".__init__", "")
    __import__(name)
    return sys.modules[name]


def check_docstring(test: doctest.DocTest, names: Dict[str, object]) -> None:
    test.globs.update(names)
    told: List[str] = []
    write: Callable[[str], object] = told.append
    failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=write)
    assert not failed, "".join(told)


EXAMPLES = [(source, test) for source in SOURCES for test in examples_of(source)]


@pytest.mark.parametrize(("source", "test"), EXAMPLES, ids=[f"{test.name}-{test.lineno}" for _, test in EXAMPLES])
def test_an_example_in_a_docstring_is_true(
    source: Path, test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_docstring(test, dict(vars(module_of(source))))


# --- the tests above, tested -----------------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.chdir(tmp_path)
    return lambda text: check_page(text, "page.md")


def test_blocks_share_a_namespace(page: Callable[[str], None]) -> None:
    page("```python\nx = 1\n```\n\nand\n\n```python\nprint(x)\n```\n\n```text\n1\n```\n")


def test_the_module_is_called_after_the_first_file_that_is_named(page: Callable[[str], None]) -> None:
    page("```python\n# shop.py\nprint(__name__)\n```\n```text\nshop\n```\n")
    page("```python\nprint(__name__)\n```\n```text\npage\n```\n")


def test_an_output_that_differs_is_found(page: Callable[[str], None]) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:2"):
        page("```python\nprint(1)\n```\n\n```text\n2\n```\n")


def test_an_output_that_is_not_shown_is_found(page: Callable[[str], None]) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:2"):
        page("```python\nprint(1)\n```\n")


def test_an_error_of_the_library_is_output_and_another_is_not(page: Callable[[str], None]) -> None:
    page(
        "```python\nfrom polaris_dsl.errors import DefinitionError\nraise DefinitionError('no')\n```\n"
        "```text\nDefinitionError: no\n```\n"
    )
    with pytest.raises(ZeroDivisionError):
        page("```python\n1 / 0\n```\n```text\nZeroDivisionError: division by zero\n```\n")


def test_a_block_that_names_its_file_counts_lines_from_its_own_first(page: Callable[[str], None]) -> None:
    where = "import sys\nframe = sys._getframe()\nprint(frame.f_code.co_filename, frame.f_lineno)\n"
    page(f"# Title\n\n```python\n# shop/payments.py\n{where}```\n```text\nshop/payments.py 4\n```\n")
    page(f"# Title\n\n```python payments.py\n{where}```\n```text\npayments.py 3\n```\n")
    page(f"# Title\n\n```python\n{where}```\n```text\npage.md 6\n```\n")


def test_a_docstring_that_is_not_true_is_found() -> None:
    lie = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "lie", "lie.py", 0)
    with pytest.raises(AssertionError, match=r"Got:\s+2"):
        check_docstring(lie, {})
