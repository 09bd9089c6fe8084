"""What goes wrong in the payments example is told alike by mypy, by `polaris check` and where the workflow is defined.

Each mistake is made in a package of its own, which takes all that it leaves as it is from the example.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from operator import attrgetter
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, Sequence, Set, Tuple

import attrs
import pytest

from examples.payments import bank, vault
from examples.payments.database import Database
from examples.payments.keys import Keyring
from polaris_dsl import WorkflowError
from polaris_dsl.diagnostics import Diagnostic
from tests.typecheck_runner import ROOT, UNCHECKED, Told, mypy, told_by

pytest.importorskip("mypy", reason="the plugin needs mypy 2, which needs Python 3.10")

EXAMPLE = ROOT / "examples" / "payments"
MODULES = ("flows", "cards", "vault", "bank", "invoices")
SOURCES = {module: (EXAMPLE / f"{module}.py").read_text(encoding="utf-8") for module in MODULES}
TREES = {module: ast.parse(source) for module, source in SOURCES.items()}
FLOWS = ("card_payment", "netbanking_payment")

# --- the example as it is written ------------------------------------------------------------------------------------

Edit = Tuple[ast.expr, str]
"""A piece of a source, and the text that takes its place."""


@attrs.frozen(eq=False)
class Written:
    """A builder of the example."""

    module: str
    name: str
    annotations: Tuple[ast.Name, ...]
    """Those of the data that it takes."""


def _builders() -> Iterator[Written]:
    for module, tree in TREES.items():
        for part in ast.walk(tree):
            if isinstance(part, ast.FunctionDef) and "builder" in [ast.unparse(one) for one in part.decorator_list]:
                found = [one.annotation for one in part.args.args if isinstance(one.annotation, ast.Name)]
                yield Written(module, part.name, tuple(one for one in found if one.id != "Context"))


BUILDERS = tuple(_builders())


def edited(module: str, edits: Sequence[Edit]) -> str:
    """Return the source of a module with pieces of it replaced."""
    lines = SOURCES[module].splitlines(keepends=True)
    for piece, text in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
        assert piece.end_lineno == piece.lineno
        line = lines[piece.lineno - 1]
        lines[piece.lineno - 1] = line[: piece.col_offset] + text + line[piece.end_col_offset :]
    return "".join(lines)


def call_in(flow: str, tree: ast.Module) -> Mapping[str, ast.expr]:
    """Return the arguments of the `workflow()` call of a function."""
    (function,) = (part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name == flow)
    (call,) = (part for part in ast.walk(function) if isinstance(part, ast.Call))
    return {str(keyword.arg): keyword.value for keyword in call.keywords}


def listed_in(flow: str, tree: ast.Module) -> List[ast.expr]:
    """Return the items of `builders=`."""
    items = call_in(flow, tree)["builders"]
    assert isinstance(items, ast.List)
    return items.elts


# --- mistakes --------------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class Mistake:
    """The modules of the example in which something is wrong."""

    title: str
    changed: Mapping[str, str]


def removed_builders() -> Iterator[Mistake]:
    for flow in FLOWS:
        for item in listed_in(flow, TREES["flows"]):
            lines = SOURCES["flows"].splitlines(keepends=True)
            del lines[item.lineno - 1]
            yield Mistake(f"{flow} without {ast.unparse(item)}", {"flows": "".join(lines)})


def forgotten_inputs() -> Iterator[Mistake]:
    for part in TREES["flows"].body:
        if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]).endswith("Inputs"):
            union = part.value
            assert isinstance(union, ast.Subscript)
            assert isinstance(union.slice, ast.Tuple)
            names = [ast.unparse(name) for name in union.slice.elts]
            for forgotten in names:
                rest = ", ".join(name for name in names if name != forgotten)
                yield Mistake(
                    f"{ast.unparse(part.targets[0])} without {forgotten}",
                    {"flows": edited("flows", [(union, f"Union[{rest}]")])},
                )


def another_type(one: Written) -> Mistake:
    """Name another class, whose name is nearly that of the first data."""
    meant = one.annotations[0].id
    text = edited(one.module, [(one.annotations[0], f"{meant}s")])
    return Mistake(f"{one.name} takes {meant}s", {one.module: f"{text}\n\nclass {meant}s:\n    pass\n"})


def misspelled_type(one: Written) -> Mistake:
    """Name what there is not."""
    wrong = wrong_name(one)
    return Mistake(f"{one.name} takes {wrong}", {one.module: edited(one.module, [(one.annotations[0], wrong)])})


def wrong_name(one: Written) -> str:
    return f"{one.annotations[0].id}z"


def swapped_types(one: Written) -> Iterator[Mistake]:
    """Swap each type of this builder with each of the next that takes other data."""
    at = BUILDERS.index(one)
    pairs = (list(_swaps(one, other)) for other in (*BUILDERS[at + 1 :], *BUILDERS[:at]))
    for mine, module, its in next(filter(None, pairs)):
        edits: Dict[str, List[Edit]] = {one.module: [(mine, its.id)]}
        edits.setdefault(module, []).append((its, mine.id))
        imported = f"from examples.payments.data import {mine.id}, {its.id}\n"
        changed = {name: _with_import(edited(name, found), imported) for name, found in edits.items()}
        yield Mistake(f"{one.name} takes {its.id} for {mine.id}", changed)


def _swaps(one: Written, other: Written) -> Iterator[Tuple[ast.Name, str, ast.Name]]:
    for mine in one.annotations:
        for its in other.annotations:
            if its.id not in taken_by(one) and mine.id not in taken_by(other):
                yield mine, other.module, its


def taken_by(one: Written) -> List[str]:
    return [annotation.id for annotation in one.annotations]


def _with_import(text: str, imported: str) -> str:
    return text.replace("\nimport attrs\n", f"\nimport attrs\n{imported}").replace(
        "\nfrom examples.payments.bank", f"\n{imported}from examples.payments.bank"
    )


def swapped_within(one: Written) -> Mistake:
    """Swap the types of the first two parameters of one builder."""
    first, second = one.annotations[:2]
    edits = [(first, second.id), (second, first.id)]
    return Mistake(f"{one.name} has swapped types", {one.module: edited(one.module, edits)})


ANOTHER = tuple(another_type(one) for one in BUILDERS)
SWAPPED = {one: tuple(swapped_types(one)) for one in BUILDERS}
TOLD = (*removed_builders(), *forgotten_inputs(), *ANOTHER, *(one for swaps in SWAPPED.values() for one in swaps))
MISSPELLED = {one: misspelled_type(one) for one in BUILDERS}
WITHIN = tuple(swapped_within(one) for one in BUILDERS if len(one.annotations) > 1)
MISTAKES = (*TOLD, *MISSPELLED.values(), *WITHIN)


# --- what is told of them --------------------------------------------------------------------------------------------

Sentence = Tuple[str, str, str]
"""The code, the subject and the message of a diagnostic."""


@attrs.frozen
class Verdicts:
    """What is told of one mistake: for each workflow where it is defined and by `polaris check`, and by mypy."""

    folder: Path
    raised: Mapping[str, Sequence[Diagnostic]]
    checked: Mapping[str, Sequence[Sentence]]
    typed: Mapping[Path, Sequence[Told]]

    def expected_of_mypy(self) -> Set[Tuple[Path, Told]]:
        """Put what was raised where mypy must tell it: at an item, an argument, or the decorator of a bad builder."""
        flows = self.folder / "flows.py"
        tree = ast.parse(flows.read_text(encoding="utf-8"))
        found = set()
        for flow, diagnostics in self.raised.items():
            arguments, items = call_in(flow, tree), listed_in(flow, tree)
            for one in diagnostics:
                file, line = flows, (items[one.item] if isinstance(one.item, int) else arguments[one.item]).lineno
                if one.code == "bad-builder" and "consumes its own product" not in one.message:
                    file, line = Path(one.related[0][1].file), one.related[0][1].line
                found.add((file, attrs.evolve(told_by(one), line=line)))
        return found


@pytest.fixture(name="verdicts", scope="module")
def all_verdicts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Mistake, Verdicts]:
    """Make all mistakes at once, for mypy and the command line take their time to start."""
    here = tmp_path_factory.mktemp("payments")
    folders = {mistake: here / f"mistake_{at}" for at, mistake in enumerate(MISTAKES)}
    for mistake, folder in folders.items():
        write(mistake, folder)
    cache = tmp_path_factory.getbasetemp() / "mypy-cache"
    typed = mypy([folder.relative_to(here) for folder in folders.values()], folder=here, cache=cache)
    checked = checked_in(here, [folder.name for folder in folders.values()])
    return {
        mistake: Verdicts(
            folder,
            raised_in(here, folder.name),
            checked[folder.name],
            {path: told for path, told in typed.items() if path.parent == folder},
        )
        for mistake, folder in folders.items()
    }


def write(mistake: Mistake, folder: Path) -> None:
    folder.mkdir()
    (folder / "__init__.py").touch()
    for module, text in {"flows": SOURCES["flows"], **mistake.changed}.items():
        changed = "|".join(mistake.changed)
        own = re.sub(rf"from examples\.payments\.({changed}) import", rf"from {folder.name}.\1 import", text)
        (folder / f"{module}.py").write_text(own, encoding="utf-8")


def checked_in(here: Path, packages: Sequence[str]) -> Mapping[str, Mapping[str, List[Sentence]]]:
    """Return what `polaris check` tells of the two workflows of each package."""
    asked = [f"{package}.flows:{flow}" for package in packages for flow in FLOWS]
    done = subprocess.run(
        [sys.executable, "-m", "polaris_dsl", "check", "--format", "json", *asked],
        cwd=str(here),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    found: Dict[str, Dict[str, List[Sentence]]] = {package: {flow: [] for flow in FLOWS} for package in packages}
    report = json.loads(done.stdout)
    assert len(report["workflows"]) == len(asked)
    assert report["failures"] == []
    for one in report["findings"]:
        flow = one["workflow"].replace("-", "_")
        found[Path(one["file"]).parent.name][flow].append((one["code"], one["subject"], one["message"]))
    return found


def raised_in(here: Path, package: str) -> Mapping[str, Sequence[Diagnostic]]:
    """Define both workflows of a package, of real services, and return what is wrong with them."""
    sys.path.insert(0, str(here))
    try:
        flows = importlib.import_module(f"{package}.flows")
    finally:
        sys.path.remove(str(here))
    keys = Keyring(b"k" * 32)
    with Database(here / "bank.sqlite", schema=bank.SCHEMA) as ledger, Database(
        here / "vault.sqlite", schema=vault.SCHEMA
    ) as cards:
        invoices = flows.Invoices(here)
        the_bank = flows.Bank(ledger, keys)
        services = {"cards": flows.Cards(keys), "vault": flows.Vault(cards), "bank": the_bank, "invoices": invoices}
        return {
            "card_payment": _raised(flows.card_payment, **services),
            "netbanking_payment": _raised(flows.netbanking_payment, bank=the_bank, invoices=invoices),
        }


def _raised(define: Callable[..., object], **services: object) -> Sequence[Diagnostic]:
    try:
        define(**services)
    except WorkflowError as error:
        return error.diagnostics
    return ()


def sentences(raised: Sequence[Diagnostic]) -> List[Sentence]:
    return [(one.code, one.subject, one.message) for one in raised]


def of_polaris(verdicts: Verdicts) -> Set[Tuple[Path, Told]]:
    return {(path, told) for path, every in verdicts.typed.items() for told in every if told.message}


@pytest.mark.parametrize("mistake", TOLD, ids=attrgetter("title"))
def test_a_mistake_is_told_alike(verdicts: Mapping[Mistake, Verdicts], mistake: Mistake) -> None:
    told = verdicts[mistake]
    assert {flow: sentences(raised) for flow, raised in told.raised.items()} == told.checked
    assert of_polaris(told) == told.expected_of_mypy()


def test_every_mistake_is_told_but_what_makes_another_whole_workflow(verdicts: Mapping[Mistake, Verdicts]) -> None:
    silent = [mistake.title for mistake in TOLD if not any(verdicts[mistake].raised.values())]
    removed = [title for title in silent if " for " not in title]
    # Nothing waits for the invoice: without it the workflows are smaller, and whole.
    assert removed == [f"{flow} without invoices.write_invoice" for flow in FLOWS]
    for swaps in SWAPPED.values():
        assert not {mistake.title for mistake in swaps} <= set(silent)


@pytest.mark.parametrize("one", BUILDERS, ids=attrgetter("name"))
def test_a_name_that_there_is_not_is_told_by_mypy_itself_and_as_a_bad_builder_by_the_others(
    verdicts: Mapping[Mistake, Verdicts], one: Written
) -> None:
    told = verdicts[MISSPELLED[one]]
    listing = [flow for flow, raised in told.raised.items() if raised]
    assert {flow: sentences(raised) for flow, raised in told.raised.items()} == told.checked
    assert listing
    for flow in listing:
        (found,) = told.raised[flow]
        assert (found.code, found.subject.split(".")[-1]) == ("bad-builder", one.name)
        assert f"names {wrong_name(one)}, which is not defined" in found.message
    assert {seen.code for _, seen in of_polaris(told)} == {UNCHECKED}
    assert [(path.stem, seen) for path, every in told.typed.items() for seen in every if not seen.message] == [
        (one.module, Told(one.annotations[0].lineno, "name-defined"))
    ]


@pytest.mark.parametrize("mistake", WITHIN, ids=attrgetter("title"))
def test_types_swapped_within_one_builder_change_no_graph_so_that_only_its_body_is_wrong(
    verdicts: Mapping[Mistake, Verdicts], mistake: Mistake
) -> None:
    told = verdicts[mistake]
    assert not any(told.raised.values())
    assert not any(told.checked.values())
    assert of_polaris(told) == set()
    assert {seen.code for every in told.typed.values() for seen in every} == {"attr-defined"}


def test_every_builder_and_every_input_had_its_mistakes() -> None:
    names = [
        *("initiate", "link_bank", "encrypt_card", "tokenize_card", "process_payment", "verify_otp", "read_webhook"),
        *("complete", "write_invoice"),
    ]
    assert [one.name for one in BUILDERS] == names
    assert len(list(removed_builders())) == 13
    assert len(list(forgotten_inputs())) == 7
