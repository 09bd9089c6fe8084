"""Breaks rules of the semantics on purpose, one at a time, and wants the property tests to notice.

Slow: runs only where POLARIS_MUTANTS=1 is set. Each mutant lives in a copy of the project.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest

ROOT = Path(__file__).parent.parent

Mutant = Tuple[str, str, str, str]
"""What is broken, the module, the text to change, and what it is changed to."""

RUNS = "tests/test_confluence.py tests/test_semantics.py tests/test_executor.py"
STRAIGHT = "tests/test_one_shot.py -k 'not ten_thousand and not random'"
EXPRESS = "tests/test_express.py"
GROUPS = "tests/test_groups.py"
GRAPHS = "tests/test_analyze_oracle.py"
ROUNDS = "tests/test_loops.py"
EFFECTS = "tests/test_effects.py -k 'not process'"
AWAITED = "tests/test_async.py tests/test_async_confluence.py"
CANCELLED = "tests/test_async_cancel.py"
LOOPS_OF_THEIR_OWN = "tests/test_async_run.py"
LIMITS = "tests/test_timeouts.py"
TRIALS = "tests/test_retries.py"

OF_A_RUN: List[Mutant] = [
    (
        "a call is never made again",
        "_state.py",
        "return finished is None or not self.current(call, finished)",
        "return finished is None",
    ),
    ("nothing is withdrawn", "_state.py", "self._withdraw(before, call)", "self.rested = None"),
    (
        "what was built from what is withdrawn stays",
        "_state.py",
        "for taker in self.plan.consumers[slot]:",
        "for taker in ():",
    ),
    (
        "a product is withdrawn although another builder made the present one",
        "_state.py",
        "if (self.version[slot] or slot in self.gone) and self.maker[slot] == maker:",
        "if self.version[slot] or slot in self.gone:",
    ),
    (
        "equal data gets a new version",
        "_commits.py",
        "self._bodies.same(state.body[slot], body)",
        "not body",
    ),
    (
        "fed data that is there already is not replaced",
        "_runs.py",
        "state.version[slot] and self._same(slot, state.body[slot], body)",
        "state.version[slot]",
    ),
    (
        "optionals do not trigger",
        "_plan.py",
        "waits_for=tuple([slots[key] for key in spec.waits_for])",
        "waits_for=tuple([slots[key] for key in spec.consumes])",
    ),
    (
        "accesses trigger",
        "_plan.py",
        "waits_for=tuple([slots[key] for key in spec.waits_for])",
        "waits_for=tuple([slots[key] for key in spec.takes])",
    ),
    (
        "optionals do not order",
        "_survey.py",
        "for data in spec.waits_for for maker",
        "for data in spec.consumes for maker",
    ),
    ("a builder does not wait for what is upstream", "_wave.py", "waiting[follower] += 1", "pass"),
    (
        "what follows a failure runs",
        "_wave.py",
        "            self._stuck.add(call)\n        free:",
        "            pass\n        free:",
    ),
    (
        "a failed call counts as finished",
        "_state.py",
        "self.raised.add(call)",
        "self.finished[call] = self.versions(call)",
    ),
    (
        "missing forgets the choices that were made",
        "_run.py",
        "plan.worlds.possible(worlds & open_worlds)}",
        "plan.worlds.possible(worlds)}",
    ),
    ("silent forgets nobody", "_run.py", "state.made[call] is None and ", ""),
]

OF_A_GRAPH: List[Mutant] = [
    ("one consume is enough", "_worlds.py", "worlds &= available.get(data, 0)", "worlds = available.get(data, 0)"),
    ("alternatives are made together", "_worlds.py", "worlds & picks.get((at, data), every)", "worlds"),
    (
        "producers in different worlds are ambiguous",
        "_analyze.py",
        "worlds.produced(first, data) & worlds.produced(second, data)",
        "worlds.produced(first, data) | worlds.produced(second, data)",
    ),
    ("choices behind a dead end are told too", "_analyze.py", " and choice[0] in saved]", "]"),
    ("combinations are not looked for", "_analyze.py", "        if unexplained:", "        if unexplained < 0:"),
    ("what is missing is missed again", "_analyze.py", "{*missing, *unmade})", "set())"),
    (
        "an access does not take an input",
        "_analyze.py",
        "for spec in survey.graph.builders for data in spec.takes",
        "for spec in survey.graph.builders for data in spec.waits_for",
    ),
    (
        "accesses make cycles",
        "_survey.py",
        "for data in spec.waits_for for maker in producers",
        "for data in spec.takes for maker in producers",
    ),
    ("what follows from a cycle is told too", "_analyze.py", "*absent, *looped}", "*absent}"),
    ("joins off the way are not judged", "_worlds.py", "asked.extend(_joins(builders, order, given=given))", "pass"),
    ("a loop that is not the shortest", "_cycles.py", "best = loop or best", "best = best or loop"),
    ("a duplicate is judged twice", "_survey.py", "if spec in seen:", "if spec is None:"),
    ("an unused input is not told", "_analyze.py", "if data not in taken]", "if data is None]"),
    (
        "a second producer is no ambiguity",
        "_analyze.py",
        "for first, second in combinations(makers, 2):",
        "for first, second in ():",
    ),
]

OF_LOOPS_AND_LIMITS: List[Mutant] = [
    ("an own product is bad though it is fed", "_survey.py", " and data not in graph.inputs:", ":"),
    ("a loop leads back", "_loops.py", "        if data in inputs\n", "        if data not in data\n"),
    ("every edge through an input leads back", "_loops.py", "        if group[at] == group.get(maker)\n", ""),
    ("a limit counts the way back", "_loops.py", "if edge not in back", "if edge"),
    ("nothing needs to wait", "_transient.py", " & ~before[at]):", "):"),
    ("what waits may have been there before", "_transient.py", "before[first] & worlds", "worlds"),
    ("an earlier taker need not lead on", "_transient.py", "self._led(first).get(at, 0)", "worlds.every"),
    ("a maker is no witness", "_transient.py", "worlds.produced(first, data) if first", "0 if first"),
    ("a taker is no witness", "_transient.py", "able if data in graph.inputs else ()", "()"),
    (
        "who makes an input does not matter",
        "_transient.py",
        "for data in graph.inputs if data in survey",
        "for data in () if data in survey",
    ),
    ("an optional is no taker", "_transient.py", "if data in spec.waits_for] for", "if data in spec.consumes] for"),
    ("one walk is enough", "_transient.py", "again = again or mask", "again = False and mask"),
    (
        "a target may be transient",
        "_analyze.py",
        "        if data in graph.target:\n            text = say.transient",
        "        if False:\n            text = say.transient",
    ),
    ("what is made at most once may be transient", "_analyze.py", "if survey.sound[at].at_most_once:", "if False:"),
    ("a path goes through several worlds", "_budget.py", "mask &= self.worlds.produced(maker, data)", "pass"),
    ("times are binary", "_budget.py", "Decimal(repr(seconds))", "Decimal(seconds)"),
    ("the path is not the longest", "_budget.py", "(-limit, next", "(-cost, next"),
    ("any time is too long", "_budget.py", "-self._open[0][0] > budget", "-self._open[0][0] > 0"),
]

OF_ROUNDS: List[Mutant] = [
    ("nothing comes back", "_state.py", "self.touched.update(self.plan.back[call])", "pass"),
    (
        "one round more is allowed",
        "_waves.py",
        "if due and self._round == self._most:",
        "if due and self._round > self._most:",
    ),
]

OF_EFFECTS: List[Mutant] = [
    (
        "a builder is called before its intent is written",
        "_making.py",
        "barred = (yield Write(partial(self._intend, attempt))) if once else None",
        "barred = None",
    ),
    (
        "newer inputs call again what was interrupted",
        "_making.py",
        "        if before is None:\n",
        "        if before is None or before[0] != attempt[1]:\n",
    ),
    ("what may be going on is tried again", "_making.py", "once=options.at_most_once", "once=False"),
    (
        "a result that cannot be kept counts as a failure",
        "_making.py",
        "(error is not outcome or _goes_unsaid(error))",
        "_goes_unsaid(error)",
    ),
    (
        "what another process intends is not looked at",
        "_making.py",
        "unless=lambda: number in state.intended or state.done(number, versions),",
        "unless=None,",
    ),
    (
        "a builder that raises is interrupted",
        "_state.py",
        "        self.releases(call)\n        self.postponed.pop(call, None)\n",
        "        self.passed()\n        self.postponed.pop(call, None)\n",
    ),
    (
        "a result is settled for the inputs that there are by now",
        "_settle.py",
        "versions = _as_of_now(state, number)",
        "versions = state.versions(number)",
    ),
    ("what was settled is not withdrawn", "_state.py", " and not (intended and self._is_gone(call)):", ":"),
]

OF_TIME: List[Mutant] = [
    (
        "a late result is waited for and seen",
        "_watch.py",
        "in_time = ended.acquire(timeout=limit_s)",
        "in_time = ended.acquire()",
    ),
    (
        "a builder is begun though the time of the call is over",
        "_making.py",
        "if limit is not None and limit.left_s <= 0:\n            return self",
        "if limit is not None and limit.left_s is None:\n            return self",
    ),
    (
        "a builder whose time was over counts as finished",
        "_making.py",
        "if isinstance(error, TimedOut) and not error.begun:",
        "if isinstance(error, TimedOut):",
    ),
]

OF_TRIALS: List[Mutant] = [
    ("an effect that goes on is begun once more", "_trials.py", "(once or not outcome.begun)", "(not outcome.begun)"),
    ("an attempt that fails is not in the journal", "_making.py", "error, trial=tried)", "error, trial=0)"),
    ("what asks to wait is called before its time", "_commits.py", "if now < moment(until) and", "if now is None and"),
    (
        "newer data does not make due what waits",
        "_wave.py",
        "elif call in self._tried and self._tried[call] == self._state.versions(call):",
        "elif call in self._tried:",
    ),
    (
        "a time is kept too early",
        "stores/_lines.py",
        'if when.microsecond % 1000 else "milli',
        'if not when else "milli',
    ),
    (
        "a run that another has resumed is woken",
        "_executor.py",
        "if not goes_on(status_of(state), wake_at(state), now):",
        "if not state.n:",
    ),
    ("a run that was cut off is left alone", "_run.py", "return status is Status.DUE or (", "return ("),
    (
        "a strict hook does not end the trials",
        "_making.py",
        "if commits.broken is not None:  # the",
        "if trial < 0:  # the",
    ),
]

OF_STRAIGHT_CODE: List[Mutant] = [
    ("what may be absent is not looked for", "_straight.py", "() if unsure else call.produces", "call.produces"),
    (
        "what a builder returns is not looked at",
        "_straight.py",
        "is not {self._types[slot]}: raise Odd",
        "is None: raise Odd",
    ),
    ("the call behind the one that failed is blamed", "_straight.py", "return call, tuple", "return call + 1, tuple"),
    (
        "a name is there before its call has ended",
        "_straight.py",
        'f"{indent}made = {self._written(at)}", f"{indent}{self._nothing(call)}"',
        'f"{indent}{self._nothing(call)}", f"{indent}made = {self._written(at)}"',
    ),
    ("what was called is called again", "_one_shot.py", "known = self._known(values, before=at)", "known = {}"),
    ("a default does not stand in", "_straight.py", "if argument.default is not None:", "if argument.slot < 0:"),
    ("it goes straight though an input is absent", "_straight.py", "fed and self._needed <= fed.keys()", "fed"),
]

OF_THE_CORE: List[Tuple[Mutant, str]] = [
    (
        (
            "what others commit while a run goes straight is lost",
            "stores/_memory.py",
            "self.lines.extend(map(self.foreign.pop, repeat(0, len(self.foreign))))",
            "self.foreign.clear()",
        ),
        EXPRESS,
    ),
    (
        (
            "straight code takes the version of an input for that of a product",
            "_straight.py",
            "self._lines_of[slot] = line",
            'self._lines_of[slot] = "2"',
        ),
        EXPRESS,
    ),
    (
        (
            "straight code gives a product of several the version of what came before",
            "_straight.py",
            "is None else {line}",
            "is None else {line} - 1",
        ),
        EXPRESS,
    ),
    (
        (
            "straight code says that an absent input was fed",
            "_straight.py",
            'self._line_is(slot, "2", _INDENT, sure=slot in self._sure)',
            'self._line_is(slot, "2", _INDENT, sure=True)',
        ),
        EXPRESS,
    ),
    (
        (
            "what was built on the straight way is not shown",
            "_commits.py",
            "enumerate(self.state.maker) if maker != FED)",
            "enumerate(self.state.maker) if maker < FED)",
        ),
        EXPRESS,
    ),
    (
        (
            "what ended the straight way is called once more",
            "_commits.py",
            "for (number, versions), outcome in known.items():",
            "for (number, versions), outcome in ():",
        ),
        EXPRESS,
    ),
    (
        (
            "what follows what ended the straight way is forgotten",
            "_commits.py",
            "self.state.touched.update(self._calls[number].followers)",
            "pass",
        ),
        EXPRESS,
    ),
    (
        (
            "a run is gone straight through though it has begun",
            "_turns.py",
            "        if lane:\n            return None",
            "        lane.lines.clear()",
        ),
        EXPRESS,
    ),
    (
        (
            "a wide workflow goes straight with many workers",
            "_express.py",
            "return all(at in call",
            "return any(at in call",
        ),
        EXPRESS,
    ),
    (
        (
            "a group commit acknowledges what was not written",
            "_commits.py",
            "drafts = [ended.draft for ended in batch if",
            "drafts = [ended.draft for ended in batch[:1] if",
        ),
        GROUPS,
    ),
    (
        (
            "a group commit that fails is told to nobody",
            "_commits.py",
            "            self.breaks(error)\n            for",
            "            for",
        ),
        GROUPS,
    ),
    (
        (
            "touched calls are forgotten",
            "_waves.py",
            "state.touched.update(wave.left())",
            "list(wave.left())",
        ),
        RUNS,
    ),
    (
        (
            "the caller is not woken for what a helper leaves",
            "_execution.py",
            "            self._caller_waits = False\n            self._ring()\n",
            "            self._caller_waits = False\n",
        ),
        GROUPS,
    ),
    (
        (
            "nobody is asked for help",
            "_execution.py",
            "            if alone:\n                self._call_for_help()",
            "            self._asked -= bool(alone)",
        ),
        GROUPS,
    ),
    (
        (
            "a helper that leaves is not counted as free",
            "_execution.py",
            "self._free_helpers += 1  # under",
            "self._free_helpers += 0  # under",
        ),
        GROUPS,
    ),
]

TRANSIENT = "tests/test_transient.py"
OF_TRANSIENT_DATA = [
    ("what takes transient data is never out of date", "_state.py", "if self.lacks(call) or", "if"),
    (
        "any call with transient data counts as made with the last ones",
        "_state.py",
        "(slot in self.gone and old in {0, self.gone[slot]})",
        "slot in self.gone",
    ),
    (
        "who made what has gone is not called again",
        "_state.py",
        "elif lost and not absent:",
        "elif not absent and False:",
    ),
    (
        "what a builder makes again comes too late",
        "_state.py",
        "coming = {self.made[call] for call in again}",
        "coming = {-2}",
    ),
    ("transient data stay", "_state.py", "if rested is not None and self.plan.transient:", "if False:"),
    (
        "transient data outlive a call that was killed",
        "_runs.py",
        "while any(state.version[slot] for slot in self.plan.transient):",
        "while False:",
    ),
    ("a key depends on when transient data was fed", "_attempt.py", "known.pop(plan.names_of[slot], None)", "pass"),
    (
        "what is out of date is shown",
        "_state.py",
        "waiting = [call for call in self.lacking().stale if self.lacks(call)] if self.gone else []",
        "waiting: List[int] = []",
    ),
    (
        "a result is settled for the transient data that the call had",
        "_settle.py",
        "last.get(slot, version) for slot",
        "version for slot",
    ),
    (
        "what was interrupted is not told before its transient data come",
        "_state.py",
        "sorted(stale - asleep - self.intended.keys())",
        "sorted(stale - asleep)",
    ),
    (
        "what others built of data that is made again is out of date",
        "_state.py",
        "self.lacking().stale if self.lacks(call)]",
        "self.lacking().stale]",
    ),
    ("what is out of date is built upon", "_wave.py", "set(self._lacking.hopeless)", "set()"),
    (
        "what goes out of date on the way is built upon",
        "_wave.py",
        "if self._state.gone and self._state.lacks(call):",
        "if False:",
    ),
    (
        "who made what goes out of date on the way is not called again",
        "_waves.py",
        "again = state.plan.loops or state.gone",
        "again = state.plan.loops",
    ),
    (
        "a maker that makes nothing now leaves what was built of what has gone",
        "_state.py",
        "if (self.version[slot] or slot in self.gone) and self.maker[slot] == maker:",
        "if self.version[slot] and self.maker[slot] == maker:",
    ),
]

OF_ASYNC_RUNS: List[Tuple[Mutant, str]] = [
    (
        (
            "a lock that is taken while its call is cancelled is kept",
            "_async.py",
            "        if self._lock is None:\n",
            "        if error is not None:\n",
        ),
        CANCELLED,
    ),
    (
        (
            "who is cancelled does not wait for what is done to its end",
            "_async.py",
            "            cancelled = error\n",
            "            raise error\n",
        ),
        CANCELLED,
    ),
    (
        (
            "async builders are not cancelled with their call",
            "_async.py",
            "                self._awaited.cancel()\n                continue\n",
            "                continue\n",
        ),
        CANCELLED,
    ),
    (
        (
            "what comes late is begun though all is cancelled",
            "_async.py",
            "        self.cancelled = True\n",
            "        pass\n",
        ),
        CANCELLED,
    ),
    (
        (
            "builders are begun after their call was cancelled",
            "_async.py",
            " if self._commits.broken is None else None",
            "",
        ),
        CANCELLED,
    ),
    (
        (
            "what async builders make settles nothing",
            "_async.py",
            "self._wave.settle(attempt[0], finished=not isinstance(outcome, BuilderError))",
            "pass",
        ),
        AWAITED,
    ),
    (
        (
            "commits take the threads of builders",
            "_threads.py",
            'return self._begun(f"{self._name}-disk", None)',
            "return self.pool()",
        ),
        AWAITED,
    ),
    (
        (
            "the end of a loop is let into it",
            "_attempt.py",
            "        raise Escaped(error) from None\n",
            "        raise\n",
        ),
        LOOPS_OF_THEIR_OWN,
    ),
    (
        (
            "a closed executor closes a loop in which something runs",
            "_loop_thread.py",
            "        wait(tuple(self._going_on))\n",
            "",
        ),
        LOOPS_OF_THEIR_OWN,
    ),
]

CASES = [
    *((mutant, RUNS) for mutant in OF_A_RUN),
    *((mutant, GRAPHS) for mutant in OF_A_GRAPH),
    *((mutant, GRAPHS) for mutant in OF_LOOPS_AND_LIMITS),
    *((mutant, ROUNDS) for mutant in OF_ROUNDS),
    *((mutant, EFFECTS) for mutant in OF_EFFECTS),
    *((mutant, LIMITS) for mutant in OF_TIME),
    *((mutant, TRIALS) for mutant in OF_TRIALS),
    *((mutant, STRAIGHT) for mutant in OF_STRAIGHT_CODE),
    *OF_THE_CORE,
    *((mutant, TRANSIENT) for mutant in OF_TRANSIENT_DATA),
    *OF_ASYNC_RUNS,
]


def properties(project: Path, tests: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *shlex.split(tests)]
    # "hunt": a failure is wanted, not its smallest example.
    settings = {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1", "POLARIS_HYPOTHESIS": "hunt"}
    return subprocess.run(
        command, cwd=project, env={**os.environ, **settings}, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture(name="project")
def copy_of_the_project(tmp_path: Path) -> Path:
    for folder in ("polaris_dsl", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("mutant", "tests"), CASES, ids=[mutant[0] for mutant, _ in CASES])
def test_every_mutant_changes_text_that_is_there(mutant: Mutant, tests: str) -> None:
    _, module, old, new = mutant
    assert (ROOT / "polaris_dsl" / module).read_text(encoding="utf-8").count(old) == 1
    assert old != new


@pytest.mark.skipif(os.environ.get("POLARIS_MUTANTS") != "1", reason="slow: set POLARIS_MUTANTS=1")
@pytest.mark.parametrize("tests", [RUNS, GRAPHS, STRAIGHT, EXPRESS, GROUPS, EFFECTS, LIMITS, TRIALS])
def test_without_a_mutation_the_properties_hold(project: Path, tests: str) -> None:
    done = properties(project, tests)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(os.environ.get("POLARIS_MUTANTS") != "1", reason="slow: set POLARIS_MUTANTS=1")
@pytest.mark.parametrize(("mutant", "tests"), CASES, ids=[mutant[0] for mutant, _ in CASES])
def test_a_rule_that_is_broken_on_purpose_is_noticed(project: Path, mutant: Mutant, tests: str) -> None:
    _, module, old, new = mutant
    path = project / "polaris_dsl" / module
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert properties(project, tests).returncode == 1
