"""`polaris check`: what it finds, what it says in each format, and what it does with code that cannot be imported."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

from polaris_dsl._cli import main

SHOP = """
from typing import NamedTuple, Optional, Union
from polaris_dsl import Executor, FileStore, builder, workflow

class Order(NamedTuple): id: str
class Token(NamedTuple): text: str
class Receipt(NamedTuple): cents: int

@builder
def tokenize(order: Order) -> Token: return Token(order.id)
@builder
def charge(token: Token) -> Receipt: return Receipt(len(token.text))
"""
SOUND = "\nsound = workflow(target=Receipt, inputs=Order, builders=[tokenize, charge])\n"
WRONG = "\nwrong = workflow(target=Receipt, inputs=Order, builders=[charge])\n"
ABSENT = "missing-data: charge consumes Token, but it is no input and no listed builder produces it"

Said = Tuple[int, str, str]


class Checkout:
    """A folder with modules in it, and the command in it: exit code, stdout, stderr."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capture = capture

    def write(self, file: str, *parts: str) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(map(dedent, parts)), encoding="utf-8")

    def check(self, *arguments: str) -> Said:
        code = main(["check", *arguments])
        said = self._capture.readouterr()
        return code, said.out, said.err

    def json(self, *arguments: str) -> Dict[str, Any]:
        code, out, err = self.check(*arguments, "--format", "json")
        assert err == ""
        report: Dict[str, Any] = json.loads(out)
        assert code == (2 if report["failures"] else int(bool(report["findings"])))
        return report


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Checkout]:
    folder = tmp_path.resolve() / "checkout"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a file may be written twice within a second
    before, path = set(sys.modules), list(sys.path)
    yield Checkout(folder, capfd)
    assert sys.path == path, "the command left its folders in sys.path"
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or folder).startswith(str(folder)):
            del sys.modules[name]


def places(report: Dict[str, Any]) -> List[Tuple[str, int]]:
    return [(found["file"], found["line"]) for found in report["workflows"]]


# --- what it finds ---------------------------------------------------------------------------------------------------


def test_a_clean_module_is_told_by_how_many_workflows_were_checked(shop: Checkout) -> None:
    shop.write("flows.py", SHOP, SOUND, SOUND.replace("sound", "again"))
    assert shop.check("flows") == (0, "2 workflows checked, no problems\n", "")


def test_every_problem_of_every_workflow_is_told_as_compilers_do_by_file_and_line(shop: Checkout) -> None:
    shop.write("b.py", SHOP, WRONG)
    shop.write("a.py", SHOP, WRONG, SOUND, "workflow(target=Token, inputs=Order, builders=[charge, charge])")
    code, out, err = shop.check("b", "a.py")
    assert (code, err) == (1, "")
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        f"a.py:14: {ABSENT}",
        "",
        "a.py:17: duplicate-builder: charge is listed twice",
        "",
        "a.py:17: no-producer: no listed builder produces the target Token",
        "",
        f"b.py:14: {ABSENT}",
        "",
        "4 workflows checked, 4 problems in 3",
    ]
    assert "\n    help: list a builder that produces it, or feed it: inputs=Order | Token\n" in out


def test_transient_data_that_is_made_at_most_once_is_a_problem_and_no_failure(shop: Checkout) -> None:
    once = "\nonce = builder(tokenize, at_most_once=True)\n"
    shop.write("flows.py", SHOP, once, SOUND.replace("tokenize, charge]", "once, charge], transient=Token"))
    code, out, err = shop.check("flows")
    assert (code, err) == (1, "")
    assert out.startswith("flows.py:16: bad-transient: the transient Token is made by tokenize at most once: ")


def test_a_wrong_workflow_may_be_passed_on_while_it_is_checked_and_what_follows_is_read_too(shop: Checkout) -> None:
    use = 'runs = Executor(wrong, store=FileStore("runs"))\nprint(wrong, file=__import__("sys").stderr)\n'
    shop.write("flows.py", SHOP, WRONG, use, WRONG)
    code, out, err = shop.check("flows")
    assert (code, err) == (1, "<workflow Receipt: Order -> , 1 builders>\n")
    assert out.endswith("2 workflows checked, 2 problems in 2\n")
    assert list((shop.folder / "runs").rglob("*.jsonl")) == []


@pytest.mark.parametrize("use", ["wrong.run()", "wrong.run(Order('A-1'))", "Executor(wrong).feed('A-1')"])
def test_a_wrong_workflow_that_is_run_on_import_ends_the_module_and_is_told_once(shop: Checkout, use: str) -> None:
    shop.write("flows.py", SHOP, WRONG, use, "\nraise SystemError('never reached')")
    code, out, err = shop.check("flows")
    assert (code, err) == (1, "")
    assert out.count(ABSENT) == 1


def test_a_module_that_a_wrong_workflow_ends_is_no_failure_where_one_thing_of_it_was_asked_for(
    shop: Checkout,
) -> None:
    shop.write("flows.py", SHOP, WRONG, "wrong.run()\n", SOUND)
    report = shop.json("flows:sound")
    assert ([found["line"] for found in report["findings"]], report["failures"]) == ([14], [])


def test_outside_of_a_check_a_wrong_workflow_ends_the_import_as_ever(shop: Checkout) -> None:
    shop.write("flows.py", SHOP, WRONG)
    assert shop.check("flows")[0] == 1
    done = subprocess.run(
        [sys.executable, "-c", "import flows"], capture_output=True, text=True, cwd=str(shop.folder), check=False
    )
    assert f"WorkflowError: workflow Receipt has 1 problem\n\nflows.py:14: {ABSENT}" in done.stderr


def test_the_modules_of_a_package_are_checked_with_those_below_it_but_not_what_runs_as_a_script(shop: Checkout) -> None:
    shop.write("shop/__init__.py", SHOP)
    shop.write("shop/cards.py", "from shop import *\n", SOUND)
    shop.write("shop/__main__.py", "raise SystemExit('a script')")
    shop.write("shop/bank/flows.py", "from shop import *\n", SOUND)
    shop.write("shop/.hidden/flows.py", "raise SystemError")
    shop.write("shop/venv/pyvenv.cfg", "")
    shop.write("shop/venv/lib.py", "raise SystemError")
    expected = [("shop/bank/flows.py", 3), ("shop/cards.py", 3)]
    report = shop.json("shop")
    assert (places(report), report["failures"]) == (expected, [])
    assert places(shop.json("shop/bank", "shop/cards.py", "shop/bank/flows.py")) == []  # they are imported already


def test_a_dotted_package_is_checked_whole(shop: Checkout) -> None:
    shop.write("src/shop/__init__.py", SHOP)
    shop.write("src/shop/bank/__init__.py")
    shop.write("src/shop/bank/flows.py", "from shop import *\n", SOUND)
    shop.write("src/shop/cards.py", "from shop import *\n", SOUND)
    assert places(shop.json("shop")) == [("src/shop/bank/flows.py", 3), ("src/shop/cards.py", 3)]


def test_a_package_without_an_init_is_checked_whole_too(shop: Checkout) -> None:
    shop.write("src/shop/bank/flows.py", SHOP, SOUND)
    assert places(shop.json("shop")) == [("src/shop/bank/flows.py", 14)]


def test_a_file_in_a_package_is_imported_under_its_full_name(shop: Checkout) -> None:
    shop.write("lib/shop/__init__.py", SHOP)
    shop.write("lib/shop/flows.py", "from . import *\nassert __name__ == 'shop.flows'\n", SOUND)
    assert places(shop.json("lib/shop/flows.py")) == [("lib/shop/flows.py", 4)]
    assert places(shop.json("lib/shop/__init__.py")) == []


def test_workflows_of_other_modules_that_are_made_on_the_way_are_checked_too(shop: Checkout) -> None:
    shop.write("flows.py", SHOP, WRONG)
    shop.write("app.py", "import flows\n")
    assert [found["file"] for found in shop.json("app")["findings"]] == ["flows.py"]


def test_the_same_workflow_met_twice_is_told_once(shop: Checkout) -> None:
    shop.write("shop/__init__.py")
    shop.write("shop/flows.py", SHOP, WRONG)
    shop.write("app.py", "import sys\nsys.path.insert(0, 'shop')\nimport flows, shop.flows\n")
    report = shop.json("app.py", "shop/flows.py", "shop.flows")
    assert len(report["findings"]) == len(report["workflows"]) == 1


# --- one thing of a module -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["flows:wrong", "flows.py:wrong", "flows:runs", "flows:Flows.first", "flows:make"])
def test_one_thing_of_a_module_is_checked_alone(shop: Checkout, what: str) -> None:
    one = "\nruns = Executor(wrong)\nclass Flows:\n    first = wrong\n"
    make = "\ndef make(name='made'): return workflow(target=Receipt, inputs=Order, builders=[charge], name=name)\n"
    shop.write("flows.py", SHOP, SOUND, WRONG, one, make)
    report = shop.json(what)
    assert [found["message"] for found in report["findings"]] == [ABSENT.partition(": ")[2]]
    assert [found["name"] for found in report["workflows"]] == ["made" if what.endswith("make") else "Receipt"]


def test_a_function_that_asks_for_services_is_called_with_bare_instances_of_their_classes(shop: Checkout) -> None:
    services = """
    class Bank:
        def __init__(self) -> None: raise ConnectionError("a check connects to nothing")
        @builder
        def charge(self, token: Token) -> Receipt: return Receipt(1)
    class Vault(NamedTuple):
        secret: str = ""
        @builder
        def tokenize(self, order: Order) -> Token: return Token(self.secret)
    def card_payment(bank: Bank, *more: Bank, vault: Vault, test: bool = False, **settings: str):
        return workflow(target=Receipt, inputs=Order, builders=[vault.tokenize, bank.charge])
    """
    shop.write("flows.py", SHOP, services)
    assert shop.json("flows:card_payment")["workflows"] == [
        {"name": "Receipt", "file": "flows.py", "line": 23, "problems": 0}
    ]


def test_a_workflow_that_is_made_in_a_thread_of_its_own_is_known_to_be_sound(shop: Checkout) -> None:
    made = """
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor() as pool:
        sound = pool.submit(lambda: workflow(target=Receipt, inputs=Order, builders=[tokenize, charge])).result()
    """
    shop.write("flows.py", SHOP, made)
    assert places(shop.json("flows:sound")) == [("flows.py", 16)]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("flows:sond", "there is no sond in flows: was sound meant?"),
        ("flows:zzz", "there is no zzz in flows"),
        ("flows:sound.zzz", "there is no zzz in Workflow"),
        ("flows:CENTS", "it is a value of type int, not a workflow, an executor or a function that makes them"),
        ("flows:Order", "it is a class, not a workflow, an executor or a function that makes them"),
        ("flows:nothing", "it was called and made no workflow"),
        ("flows:untyped", "its parameter bank is not annotated with a class that could stand in"),
        ("flows:raises", "KeyError: 'bank'"),
    ],
)
def test_what_is_no_workflow_is_said_so(shop: Checkout, what: str, why: str) -> None:
    more = """
    CENTS = 3
    def nothing(): pass
    def untyped(bank): pass
    def raises(bank: int): {}["bank"]
    """
    shop.write("flows.py", SHOP, SOUND, more)
    (failure,) = shop.json(what)["failures"]
    assert (failure["what"], failure["why"]) == (what, why)


# --- what import does not reach --------------------------------------------------------------------------------------


def test_a_workflow_that_importing_does_not_reach_is_never_passed_over_in_silence(shop: Checkout) -> None:
    inside = """
    import polaris_dsl as p
    def card_payment():
        return p.workflow(target=Receipt, inputs=Order, builders=[charge])
    class Flows:
        def bank(self):
            return workflow(target=Receipt, inputs=Order, builders=[charge])
    def unlike(shop): return shop.workflow(), (lambda: 0)()
    """
    shop.write("flows.py", SHOP, SOUND, inside)
    code, out, err = shop.check("flows")
    note = "note: this workflow() is not reached by importing the module, so it was not checked"
    assert (code, out) == (0, "1 workflow checked, no problems\n")
    assert err.splitlines() == [
        f"flows.py:18: {note}; check it with: polaris check flows:card_payment",
        f"flows.py:21: {note}; move it to the top of the module, or into a function of its own",
    ]


def test_the_function_that_is_named_for_it_can_be_checked(shop: Checkout) -> None:
    make = "\ndef make(): return workflow(target=Receipt, inputs=Order, builders=[tokenize, charge])\n"
    shop.write("lib/flows.py", SHOP, make)
    report = shop.json("lib")
    assert report["failures"][0]["why"] == "importing it makes no workflow"
    assert report["unreached"] == [{"file": "lib/flows.py", "line": 14, "maker": "lib/flows.py:make"}]
    again = shop.json("lib", report["unreached"][0]["maker"])
    assert (places(again), again["unreached"]) == ([("lib/flows.py", 14)], [])


# --- what cannot be checked ------------------------------------------------------------------------------------------


def test_a_module_that_cannot_be_imported_is_told_with_the_users_frames_and_others_are_checked(
    shop: Checkout,
) -> None:
    shop.write("broken.py", "import json\nimport deep\n")
    shop.write("deep.py", "import json\ndef fail():\n    json.loads('{')\nfail()\n")
    shop.write("flows.py", SHOP, WRONG)
    code, out, err = shop.check("broken", "flows")
    assert code == 2
    assert out.endswith("\n1 workflow checked, 1 problem in 1; not everything could be checked\n")
    why = "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    assert err.splitlines() == [
        f"deep.py:3: broken could not be checked: {why}",
        "    deep.py:4: on the way there",
        "    broken.py:2: on the way there",
    ]


@pytest.mark.parametrize(
    ("source", "why", "line"),
    [
        ("x = 1\nimport nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'", 2),
        ("x = 1\n\nx = (", "SyntaxError: ", 3),
        ("raise SystemExit", "SystemExit", 1),
        ("import sys\nsys.exit('usage: flows FILE')", "SystemExit: usage: flows FILE", 2),
        ("from polaris_dsl import builder\nbuilder(3)", "DefinitionError: @builder goes above a function", 2),
        ("from polaris_dsl import FileStore\nFileStore('r', durability='no')", "DefinitionError: ", 2),
    ],
)
def test_what_an_import_raises_is_told_with_its_type_and_place(
    shop: Checkout, source: str, why: str, line: int
) -> None:
    shop.write("flows.py", source)
    (failure,) = shop.json("flows")["failures"]
    assert failure["why"].startswith(why)
    assert (failure["what"], failure["file"], failure["line"]) == ("flows", "flows.py", line)
    assert {frame["file"] for frame in failure["frames"]} == {"flows.py"}


def test_what_breaks_a_package_is_told_once_and_not_for_each_of_its_modules(shop: Checkout) -> None:
    shop.write("shop/__init__.py", "import nowhere_to_be_found\n")
    shop.write("shop/cards.py", SHOP)
    assert len(shop.json("shop", "shop.cards")["failures"]) == 1


def test_an_error_without_a_frame_of_the_users_own_shows_where_it_came_from(shop: Checkout) -> None:
    shop.write("flows.py", "import queue\ntake = queue.Queue().get_nowait\n")
    (failure,) = shop.json("flows:take")["failures"]
    assert (failure["why"], Path(failure["file"]).name) == ("Empty", "queue.py")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere_to_be_found"], "there is no module nowhere_to_be_found in "),
        (["nowhere_to_be_found.flows:card"], "there is no module nowhere_to_be_found in "),
        (["flows.nothing"], "there is no module flows.nothing in "),
        (["json.py"], "is not what Python imports as json, but "),
        (["sys.py"], "is not what Python imports as sys, but a part of Python"),
        (["empty.py"], "importing it makes no workflow"),
        (["empty.py", "other.py"], "empty and what else was named could not be checked"),
    ],
)
def test_what_cannot_be_found_or_holds_nothing_is_not_taken_for_clean(
    shop: Checkout, arguments: List[str], why: str
) -> None:
    shop.write("flows.py", SHOP, SOUND)
    for file in ("json.py", "sys.py", "empty.py", "other.py"):
        shop.write(file)
    code, out, err = shop.check(*arguments)
    assert code == 2
    assert out.endswith("; not everything could be checked\n")
    assert why in err


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("nowhere.py", "there is no 'nowhere.py': name a file, a folder, a module, or module:name"),
        ("nowhere.py:flow", "there is no 'nowhere.py:flow'"),
        ("shop/nowhere", "there is no 'shop/nowhere'"),
        ("flows:", "there is no 'flows:'"),
        (":flow", "there is no ':flow'"),
        ("C:\\nowhere.py", "there is no "),
        ("", "there is no ''"),
        ("notes.txt", "notes.txt is not a Python file"),
        ("folder", "there are no Python files in folder"),
    ],
)
def test_an_argument_that_means_nothing_is_refused_before_anything_is_imported(
    shop: Checkout, argument: str, why: str
) -> None:
    shop.write("flows.py", "raise SystemError")
    shop.write("notes.txt")
    (shop.folder / "folder").mkdir()
    code, out, err = shop.check("flows.py", argument)
    assert (code, out) == (2, "")
    assert err.startswith(f"polaris: {why}")


# --- settings --------------------------------------------------------------------------------------------------------


def test_without_arguments_the_nearest_settings_say_what_to_check(shop: Checkout, monkeypatch: Any) -> None:
    shop.write("pyproject.toml", '[tool.polaris]\nworkflows = ["shop.flows", "scripts/app.py"]\n')
    shop.write("src/shop/__init__.py", SHOP)
    shop.write("src/shop/flows.py", "from shop import *\n", SOUND)
    shop.write("scripts/app.py", "from shop import *\n", SOUND)
    (shop.folder / "src" / "deep").mkdir()
    monkeypatch.chdir(shop.folder / "src" / "deep")
    root = shop.folder.as_posix()
    assert places(shop.json()) == [(f"{root}/src/shop/flows.py", 3), (f"{root}/scripts/app.py", 3)]


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (
            "[tool.polaris]\nworkflow = ['flows']",
            'nothing to check: name modules or paths, or write workflows = ["shop',
        ),
        ("[tool.polaris]\nworkflows = []", "nothing to check: "),
        ("[tool.polaris]\nworkflows = 'flows'", "nothing to check: "),
        ("[tool.polaris]\nworkflows = ['flows', 3]", "nothing to check: "),
        ("[project]\nname = 'polaris'", "nothing to check: "),
        ("[tool.polaris\n", "{folder}/pyproject.toml cannot be read: "),
        ("[tool]\npolaris = 3", "{folder}/pyproject.toml cannot be read: "),
    ],
)
def test_settings_that_name_nothing_are_refused(shop: Checkout, settings: str, why: str) -> None:
    shop.write("pyproject.toml", settings)
    shop.write("flows.py", SHOP, SOUND)
    code, out, err = shop.check()
    assert (code, out) == (2, "")
    assert err.startswith(f"polaris: {why.format(folder=shop.folder)}")


def test_without_arguments_and_settings_it_is_said_what_to_write(shop: Checkout) -> None:
    code, _, err = shop.check()
    assert code == 2
    assert err.startswith("polaris: nothing to check: name modules or paths, or write ")


def test_a_python_that_cannot_read_settings_says_what_to_do(shop: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("pyproject.toml", "[tool.polaris]\nworkflows = ['flows']")
    for name in ("tomllib", "tomli"):
        monkeypatch.setitem(sys.modules, name, None)  # so that importing it fails
    code, _, err = shop.check()
    assert code == 2
    assert "install tomli, or " in err


# --- formats ---------------------------------------------------------------------------------------------------------


def test_json_holds_all_of_a_diagnostic(shop: Checkout) -> None:
    shop.write("flows.py", SHOP, WRONG)
    report = shop.json("flows")
    assert report == {
        "version": 1,
        "workflows": [{"name": "Receipt", "file": "flows.py", "line": 14, "problems": 1}],
        "findings": [
            {
                "code": "missing-data",
                "message": ABSENT.partition(": ")[2],
                "file": "flows.py",
                "line": 14,
                "workflow": "Receipt",
                "subject": "Token",
                "item": 0,
                "path": ["Token", "charge", "Receipt"],
                "help": "list a builder that produces it, or feed it: inputs=Order | Token",
                "see": "polaris explain missing-data",
                "related": [{"name": "charge", "file": "flows.py", "line": 11}],
            }
        ],
        "failures": [],
        "unreached": [],
    }


def test_github_gets_annotations_with_what_it_would_misread_escaped(shop: Checkout, monkeypatch: Any) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(shop.folder.parent))
    shop.write("50%,a:b/flows.py", SHOP, WRONG, "def make(): return workflow(target=Receipt, builders=[])\n")
    shop.write("broken.py", "raise KeyError('100%\\nof it')\n")
    code, out, err = shop.check("50%,a:b", "broken", "nowhere_to_be_found", "--format", "github")
    assert (code, err) == (2, "")
    error, broken, absent, notice, summary = out.splitlines()
    place = "file=checkout/50%25%2Ca%3Ab/flows.py,line="
    assert error.startswith(
        f"::error {place}14,title=polaris missing-data::charge consumes Token, but it is no input and"
    )
    assert "%0Apath: Token -> charge -> Receipt%0Acharge is defined at 50%25,a:b/flows.py:11%0Ahelp: list a" in error
    assert broken.startswith(
        "::error file=checkout/broken.py,line=1,title=polaris check::broken could not be checked: Key"
    )
    assert "100%25" in broken
    assert absent.startswith(
        "::error title=polaris check::nowhere_to_be_found could not be checked: there is no module"
    )
    assert notice.startswith(f"::notice {place}15,title=polaris check::this workflow() is not reached")
    assert summary == "1 workflow checked, 1 problem in 1; not everything could be checked"


def sarif(shop: Checkout, *arguments: str) -> Dict[str, Any]:
    _, out, err = shop.check(*arguments, "--format", "sarif")
    assert err == ""
    log = json.loads(out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    return dict(run)


def test_sarif_tells_each_problem_with_its_rule_its_place_and_where_the_builders_are(shop: Checkout) -> None:
    shop.write("my flows.py", SHOP, WRONG)
    run = sarif(shop, ".")
    (result,) = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == "missing-data"
    assert rule["shortDescription"]["text"].startswith("a data is taken that")
    assert rule["help"]["markdown"].startswith("# missing-data\n")
    assert result["message"]["text"].startswith(f"{ABSENT.partition(': ')[2]}\npath: Token -> charge -> Receipt\n")
    base = {"uri": "my%20flows.py", "uriBaseId": "%SRCROOT%"}
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": base, "region": {"startLine": 14}}}]
    assert [(one["id"], one["message"]["text"]) for one in result["relatedLocations"]] == [
        (1, "charge is defined here")
    ]
    assert result["relatedLocations"][0]["physicalLocation"]["region"] == {"startLine": 11}
    assert run["originalUriBaseIds"] == {"%SRCROOT%": {"uri": f"{shop.folder.as_uri()}/"}}
    assert run["invocations"] == [{"executionSuccessful": True, "exitCode": 1, "toolExecutionNotifications": []}]


def test_sarif_knows_a_problem_again_when_it_has_moved_and_nothing_but_it(shop: Checkout) -> None:
    def known(*parts: str) -> List[str]:
        shop.write("flows.py", *parts)
        sys.modules.pop("flows", None)
        return [result["partialFingerprints"]["polaris/v1"] for result in sarif(shop, "flows.py")["results"]]

    (first,) = known(SHOP, WRONG)
    assert known(SHOP, "\n\n", WRONG) == [first]
    assert first not in known(SHOP, WRONG.replace("inputs", "name='other', inputs"))


def test_sarif_tells_what_could_not_be_checked_and_files_outside_of_the_root(
    shop: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(
        "flows.py", SHOP, "def make(): workflow(target=Receipt, builders=[])\nflow = 3\n", "if 1: raise KeyError"
    )
    monkeypatch.setenv("GITHUB_WORKSPACE", str(shop.folder / "elsewhere"))
    run = sarif(shop, "flows.py", "nowhere_to_be_found")
    (told,) = run["invocations"]
    assert (told["executionSuccessful"], told["exitCode"], run["results"]) == (False, 2, [])
    broken, absent = told["toolExecutionNotifications"]
    assert (broken["level"], absent["level"], absent["locations"]) == ("error", "error", [])
    place = broken["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": (shop.folder / "flows.py").as_uri()}


def test_sarif_notes_what_import_does_not_reach(shop: Checkout) -> None:
    shop.write("flows.py", SHOP, SOUND, "def make(): workflow(target=Receipt, builders=[])\n")
    (note,) = sarif(shop, "flows.py")["invocations"][0]["toolExecutionNotifications"]
    assert (note["level"], note["locations"][0]["physicalLocation"]["region"]) == ("note", {"startLine": 15})


# --- stdout is for the report ----------------------------------------------------------------------------------------

NOISE = """
import atexit, os, subprocess, sys
print("printed")
sys.__stdout__.write("written past the redirection\\n")
os.write(1, b"written to the descriptor\\n")
subprocess.run([sys.executable, "-c", "print('printed by a child')"])
atexit.register(print, "printed at the end")
"""


def polaris(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "polaris_dsl", *arguments],
        cwd=str(folder),
        env={**os.environ, "PYTHONUNBUFFERED": ""},  # what is still in a buffer must not come out later
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_user_code_prints_goes_to_stderr_whatever_stands_for_stdout(shop: Checkout) -> None:
    shop.write("flows.py", "print('printed')\n", SHOP, SOUND)
    assert shop.check("flows") == (0, "1 workflow checked, no problems\n", "printed\n")


def test_what_user_code_prints_in_whatever_way_goes_to_stderr(shop: Checkout) -> None:
    shop.write("flows.py", NOISE, SHOP, WRONG)
    done = polaris(shop.folder, "check", "flows", "--format", "json")
    assert [found["code"] for found in json.loads(done.stdout)["findings"]] == ["missing-data"]
    assert done.returncode == 1
    noise = ["printed", "written past the redirection", "written to the descriptor", "printed by a child"]
    assert sorted(done.stderr.splitlines()) == sorted([*noise, "printed at the end"])


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> str:
    """Return what an act prints where stdout is a terminal: a real one, of this very process."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, os.fdopen(ours, "rb", buffering=0) as screen:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            patch.setenv("TERM", "xterm-256color")
            act()
        terminal.write("\0")
        terminal.flush()
        shown = b""
        while not shown.endswith(b"\0"):
            shown += screen.read(65536)
    return shown.decode().replace("\r\n", "\n").rstrip("\0")


def test_on_a_terminal_the_text_is_the_same_in_colours(shop: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("flows.py", SHOP, WRONG)
    plain = shop.check("flows")[1]
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = on_a_terminal(monkeypatch, lambda: main(["check", "flows.py:wrong"]))
    assert "\x1b[1mflows.py:14:\x1b[0m\x1b[1;31m missing-data:\x1b[0m charge consumes Token" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


@pytest.mark.parametrize("without", ["rich", "colours"])
def test_on_a_terminal_without_rich_or_without_colours_the_text_is_plain(
    shop: Checkout, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    shop.write("flows.py", SHOP, WRONG)
    plain = shop.check("flows")[1]
    if without == "rich":
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setitem(sys.modules, "rich.console", None)  # so that importing it fails
    else:
        monkeypatch.setenv("NO_COLOR", "1")
    assert on_a_terminal(monkeypatch, lambda: main(["check", "flows:wrong"])) == plain


# --- the hook --------------------------------------------------------------------------------------------------------


def test_the_hook_for_pre_commit_runs_this_command_on_what_the_settings_list(shop: Checkout) -> None:
    hook = (Path(__file__).parent.parent / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    program, *arguments = re.findall(r"^  entry: (.*)$", hook, re.MULTILINE)[0].split()
    assert program == "polaris"
    assert "  pass_filenames: false\n" in hook
    shop.write("pyproject.toml", "[tool.polaris]\nworkflows = ['flows']")
    shop.write("flows.py", SHOP, SOUND)
    assert main(arguments) == 0
