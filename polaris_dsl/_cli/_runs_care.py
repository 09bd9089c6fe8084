"""`polaris runs verify` and `repair`: finding damage, and cutting it off."""

from __future__ import annotations

import argparse
from typing import Iterator

from polaris_dsl._cli._runs_store import chosen, first_line, opened, store_path, workflows_of
from polaris_dsl._cli._runs_text import count, counted, plain, to_json
from polaris_dsl.stores import Repaired
from polaris_dsl.stores._repair import Lost

# What a line of a journal was for, by its `op`.
_KINDS = {
    "run": "the beginning of the run",
    "feed": "{data} that was fed",
    "built": "what {by} built: {data}",
    "failed": "that {by} failed",
    "intended": "that {by} was begun, which must not happen twice",
    "released": "that {by} may be called again",
    "rest": "a status",
}


def verify_runs(arguments: argparse.Namespace, /) -> int:
    """Verify every journal, whole; returns 1 if some are damaged."""
    runs = lines = damaged = 0
    with opened(store_path(arguments.store), durability="process") as store:
        for workflow in workflows_of(store, arguments.workflow):
            for found in counted(store.verify(workflow)):
                runs += 1
                lines += found.lines
                damaged += found.problem is not None
                why = None if found.problem is None else first_line(found.problem)
                if arguments.json:
                    facts = {"run": found.run or None, "workflow": workflow, "lines": found.lines, "problem": why}
                    print(to_json(facts))
                elif why is not None:
                    print(f"{workflow}  {plain(found.run) or '(which run, it cannot say)'}\n    {why}")
    if not arguments.json:
        how = f"{damaged:,} damaged: `polaris runs repair` cuts a damaged end off" if damaged else "nothing is damaged"
        print(f"{count(runs, 'run')} verified, {count(lines, 'line')}; {how}")
    return int(damaged > 0)


def repair_run(arguments: argparse.Namespace, /) -> int:
    """Cut the damaged end of a journal off, and say what was lost with it."""
    with opened(store_path(arguments.store)) as store:
        ((workflow, run),) = chosen(store, [arguments.run], arguments.workflow)
        done = store.repair(run, workflow=workflow)
    if arguments.json:
        lost = [{"line": one.line, "op": one.op, "by": one.by or None, "data": list(one.data)} for one in done.lost]
        facts = {"run": run, "workflow": workflow, "lines": done.lines, "bytes": done.bytes, "copy": done.copy}
        print(to_json({**facts, "lost": lost}, indent=True))
    else:
        print("\n".join(_told(run, done)))
    return 0


def _told(run: str, done: Repaired) -> Iterator[str]:
    if done.copy is None:
        yield f"run {plain(run)} is not damaged; nothing was done"
        return
    yield f"cut {count(done.lines, 'line')} ({count(done.bytes, 'byte')}) off the journal of run {plain(run)}"
    yield f"all of it is kept in {plain(done.copy)}"
    yield "lost, as far as the lines can be read:"
    for one in done.lost:
        yield f"  line {one.line}: {plain(_what(one))}"
    yield "builders whose results were lost run again, with the same idempotency keys; what was fed has to be fed again"


def _what(lost: Lost) -> str:
    kind = _KINDS.get(lost.op, "it cannot be read")
    return kind.format(by=lost.by, data=", ".join(lost.data) or "nothing")
