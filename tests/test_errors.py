"""Every error tells what it knows, and survives pickling with it."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime, timezone
from typing import Any, List, Optional, Union

import attrs
import pytest

from polaris_dsl import BuilderError, PolarisError, WorkflowError, builder, errors, workflow
from polaris_dsl.errors import (
    BadRunId,
    CodecError,
    CommitUnknown,
    CorruptJournal,
    DefinitionError,
    HookFailed,
    IncompleteRun,
    Interrupted,
    NotInterrupted,
    NotSettled,
    NotWritten,
    RetryAt,
    RunLocked,
    TimedOut,
    UnexpectedData,
    UnknownRun,
    UnsafeStore,
    WrongProduct,
    WrongWorkflow,
)


@attrs.frozen
class Seed:
    number: int


@attrs.frozen
class Made:
    number: int


@attrs.frozen
class Extra:
    number: int


@builder
def make(seed: Seed) -> Made:
    raise ValueError(seed.number)


def builder_error() -> BuilderError:
    with pytest.raises(BuilderError) as caught:
        workflow(target=Made, inputs=Seed, builders=[make]).run(Seed(3))
    return caught.value


def workflow_error() -> WorkflowError:
    with pytest.raises(WorkflowError) as caught:
        workflow(target=Made, builders=[make])
    return caught.value


ERRORS: List[PolarisError] = [
    DefinitionError("no"),
    workflow_error(),
    builder_error(),
    WrongProduct(builder="make", run_id="1", place="a.py:3", declared=["Made", "None"], returned="int"),
    UnexpectedData(workflow="w", problems=["Made is not an input"], inputs=["Seed"]),
    UnexpectedData(workflow="w", problems=["Made is not an input"], inputs=[]),
    IncompleteRun(run_id="1", target="Made", status="paused", missing=[Seed], silent=["make"]),
    IncompleteRun(run_id="1", target="Made", status="due", missing=[], silent=[]),
    IncompleteRun(run_id="1", target="Made", status="paused", missing=[Seed], silent=["make"], lasts=False),
    HookFailed(hook="Audit", event="built", builder="make", run_id="1"),
    HookFailed(hook="Audit", event="run_ended", builder=None, run_id="1"),
    NotSettled(run_id="1", rounds=3, changes={"Made": ["number: int"], "Seed": []}),
    TimedOut(builder="make", run_id="1", place="a.py:3", limit_s=5.0),
    TimedOut(builder="make", run_id="1", place="a.py:3", limit_s=30.0, whole=True, begun=True),
    TimedOut(builder="make", run_id="1", place="a.py:3", limit_s=30.0, whole=True, begun=False),
    Interrupted(builder="make", run_id="1", place="a.py:3", since="2026-01-01T00:00:00.000Z", idempotency_key="1f0c"),
    NotInterrupted(run_id="1", builder="make"),
    RetryAt(datetime(2026, 1, 1, tzinfo=timezone.utc)),
    UnknownRun("1", workflow="w"),
    BadRunId("", why="must not be empty"),
    RunLocked("1", holder="process 3 on host a", since="2026-01-01T00:00:00Z"),
    RunLocked("1", holder="process 3 on host a", since="2026-01-01T00:00:00Z", kept=True),
    WrongWorkflow("a.jsonl", expected="w", found="v"),
    CorruptJournal("a.jsonl", line=3, byte=120, why="its hash is wrong"),
    NotWritten("a.jsonl", why="no space left"),
    CommitUnknown("a.jsonl", why="input/output error"),
    UnsafeStore("runs", why="is writable by everyone"),
    CodecError("Seed.number", why="expected int, got str"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_with_all_that_it_knows(error: PolarisError) -> None:
    again: Any = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again).keys() == vars(error).keys()
    assert repr(again.__cause__) == repr(error.__cause__)


class Unpicklable(Exception):
    def __init__(self, code: int, *, text: str) -> None:
        super().__init__(f"{code} {text}")


def test_a_cause_that_does_not_pickle_is_left_out() -> None:
    error = BuilderError(builder="make", run_id="1", place="a.py:1")
    error.__cause__ = Unpicklable(3, text="no")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert (again.builder, again.__cause__) == ("make", None)


def test_every_error_of_the_module_has_an_example_here() -> None:
    families = {"PolarisError", "RunError", "StoreError"}
    classes = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)} - {"RunSoFar"}
    assert {type(error).__name__ for error in ERRORS} == classes - families


def test_a_failure_tells_the_builder_the_run_the_place_and_what_happens_next() -> None:
    error = builder_error()
    assert str(error).splitlines()[0] == "builder make raised ValueError: 3"
    assert error.place.startswith(__file__)
    assert f"in run {error.run_id!r}, at {error.place}" in str(error)
    assert "nothing is kept of a run in memory" in str(error)
    error.again = ()
    assert "its inputs are kept: the next call of run(" in str(error)
    assert (error.failures, error.run.missing, error.run[Seed]) == ((error,), (), Seed(3))


def test_other_failures_of_the_same_call_are_named() -> None:
    first, second = builder_error(), BuilderError(builder="other", run_id="1", place="a.py:1")
    assert "also failed: other" in str(first.with_run(first.run, [first, second]))
    assert str(second).splitlines()[0] == "builder other failed"


def test_an_incomplete_run_says_what_to_do() -> None:
    waiting, due, passing = (str(error) for error in ERRORS if isinstance(error, IncompleteRun))
    assert "it waits for Seed: feed it to the same run" in waiting
    assert "make returned nothing: feed newer data to what it takes" in waiting
    assert "call run() with the same run id to go on" in due
    assert passing.splitlines()[1:] == [
        "  it waits for Seed",
        "  make returned nothing",
        "  nothing is kept of a run in memory: only that of an Executor can go on",
    ]


def test_a_run_in_memory_tells_nobody_to_go_on_with_it() -> None:
    with pytest.raises(IncompleteRun) as caught:
        workflow(target=Made, inputs=Seed, builders=[make]).run().result()
    assert (caught.value.missing, caught.value.lasts) == ((Seed,), False)
    assert "feed it to the same run" not in str(caught.value)


def test_a_cause_without_a_text_is_told_by_its_type_alone() -> None:
    error = BuilderError(builder="make", run_id="1", place="a.py:1")
    error.__cause__ = ValueError()
    assert str(error).splitlines()[0] == "builder make raised ValueError"


def test_a_run_shows_what_it_waits_for() -> None:
    @builder
    def shy(seed: Seed) -> Optional[Made]:
        return None

    flow = workflow(target=Made, inputs=Seed, builders=[shy])
    first, second = repr(flow.run()), repr(flow.run(Seed(1)))
    assert first.endswith(" paused, missing Seed>")
    assert second.endswith(" paused, silent shy>")


class Untellable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_a_cause_that_cannot_be_told_does_not_keep_the_error_from_being_told() -> None:
    error = BuilderError(builder="make", run_id="1", place="a.py:1")
    error.__cause__ = Untellable()
    assert str(error).splitlines()[0] == "builder make raised Untellable"


def test_an_error_pickles_without_its_run_where_the_data_of_the_run_do_not() -> None:
    class Local:
        pass

    @builder
    def fail(local: Local) -> Made:
        raise ValueError

    with pytest.raises(BuilderError) as caught:
        workflow(target=Made, inputs=Local, builders=[fail]).run(Local())
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own
    assert (again.builder, again.run) == ("fail", None)


def test_a_copy_tells_the_same() -> None:
    error = builder_error()
    assert str(copy.copy(error)) == str(error)


def test_every_failure_of_a_call_knows_the_run_and_the_others() -> None:
    @builder
    def fail_too(seed: Seed) -> Extra:
        raise KeyError

    with pytest.raises(BuilderError) as caught:
        workflow(target=Union[Made, Extra], inputs=Seed, builders=[make, fail_too]).run(Seed(1))
    first, second = caught.value.failures
    assert (second.run, second.failures) == (first.run, first.failures)
    assert "also failed: fail_too" in str(first)
    assert "also failed: make" in str(second)
