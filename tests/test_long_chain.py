"""A chain of ten thousand builders: nothing that is done with a workflow goes as deep as its graph."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from polaris_dsl import Executor, Status, WorkflowError, builder, workflow
from polaris_dsl._cli import main
from polaris_dsl.diagnostics import Diagnostic, details

LENGTH = 10_000


def source_of(*, without: int = 0) -> str:
    numbers = range(1, LENGTH + 1)
    return "\n".join(
        [
            "from __future__ import annotations",
            "from polaris_dsl import builder, workflow",
            *(f"class D{number}: ..." for number in range(LENGTH + 1)),
            *(f"@builder\ndef b{n}(one: D{n - 1}) -> D{n}: return D{n}()" for n in numbers),
            f"listed = [{', '.join(f'b{n}' for n in numbers if n != without)}]",
            f"flow = workflow(target=D{LENGTH}, inputs=D0, builders=listed)",
        ]
    )


@pytest.fixture(scope="module", name="chain")
def chain_of_ten_thousand() -> Any:
    module = ModuleType("long_chain")
    exec(compile(source_of(), "long_chain.py", "exec", dont_inherit=True), vars(module))  # noqa: S102  it holds no text but the above
    return module


def test_it_runs_in_memory(chain: Any) -> None:
    assert chain.flow.run(chain.D0()).status is Status.COMPLETE
    assert chain.flow.run().missing == (chain.D0,)


@pytest.mark.parametrize("max_workers", [1, 4])
def test_an_executor_runs_it_and_loads_it(chain: Any, max_workers: int) -> None:
    with Executor(chain.flow, max_workers=max_workers) as runs:
        assert len(runs.run("one", chain.D0()).built) == LENGTH
        assert runs.load("one").status is Status.COMPLETE


def test_a_builder_of_it_is_replaced(chain: Any) -> None:
    @builder(name="b5000")
    def other(one: Any) -> Any:
        return chain.D5000()

    other.function.__annotations__.update({"one": chain.D4999, "return": chain.D5000})
    assert chain.flow.replace({chain.b5000: other}).builders[4999] is other


def test_one_forgotten_builder_of_it_is_told_in_a_few_lines(chain: Any) -> None:
    with pytest.raises(WorkflowError) as caught:
        workflow(target=chain.D10000, inputs=chain.D0, builders=[chain.b1, *chain.listed[2:]])
    (found,) = caught.value.diagnostics
    assert found.path[:3] == ("D2", "b3", "D3")
    assert len(found.path) == 2 * (LENGTH - 2) + 1
    assert "-> D7 -> b8 -> (19,973 more) -> b9995 -> D9995 ->" in str(caught.value)
    assert len(str(caught.value)) < 1_000


def test_all_that_waits_for_itself_is_found(chain: Any) -> None:
    @builder
    def again(last: Any) -> Any: ...

    again.function.__annotations__.update({"last": chain.D10000, "return": chain.D0})
    with pytest.raises(WorkflowError) as caught:
        workflow(target=chain.D10000, builders=[*chain.listed, again])
    (found,) = caught.value.diagnostics
    assert (found.code, len(found.path)) == ("cycle", 2 * (LENGTH + 1) + 1)


def test_polaris_check_checks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "long_and_broken.py").write_text(source_of(without=5_000), encoding="utf-8")
    assert main(["check", "long_and_broken"]) == 1
    assert "missing-data: b5001 consumes D5000" in capsys.readouterr().out


@pytest.mark.parametrize(("length", "told"), [(25, "b24"), (26, "(2 more)")])
def test_a_path_is_told_whole_unless_two_names_can_be_left_out(length: int, told: str) -> None:
    found = Diagnostic("missing-data", "D0", "it is not there", path=tuple(f"b{at}" for at in range(length)))
    assert told in details(found)[0].split(": ")[1].split(" -> ")
    assert len(details(found)[0].split(" -> ")) == 25
