"""`polaris runs show`: one run, its data and their lineage, its failures."""

from __future__ import annotations

import argparse
import json
from typing import Dict, Iterator, Mapping, Optional, Sequence, Tuple

from polaris_dsl._attempt import idempotency_key
from polaris_dsl._cli._runs_store import chosen, opened, store_path
from polaris_dsl._cli._runs_story import Datum, Event, Failure, Story, story_of
from polaris_dsl._cli._runs_text import aligned, plain, pretty, print_table, to_json
from polaris_dsl.stores import Intended
from polaris_dsl.stores._locks import Holder

Facts = Dict[str, object]


def show_run(arguments: argparse.Namespace, /) -> int:
    """Show one run."""
    with opened(store_path(arguments.store), durability="process") as store:
        ((workflow, run),) = chosen(store, [arguments.run], arguments.workflow)
        holder = store.holder(run, workflow=workflow)
        story = story_of(store.open(workflow).load(run), held=holder is not None)
    data = [one for one in story.data if arguments.history or one.state != "replaced"]
    if arguments.json:
        facts = {
            **_facts(story, holder),
            "data": [_datum(one, values=arguments.values) for one in data],
            "failures": [_failure(one) for one in story.failures],
            "events": [_event(one) for one in story.events],
        }
        print(to_json(facts, indent=True))
    else:
        _print(story, data, holder=holder, values=arguments.values)
    return 0


# --- as JSON ---------------------------------------------------------------------------------------------------------


def _facts(story: Story, holder: Optional[Holder]) -> Facts:
    return {
        "run": story.begun.run,
        "workflow": story.begun.flow,
        "graph": story.begun.graph,
        "status": story.status,
        "begun_at": story.begun.at,
        "updated_at": story.updated_at,
        "held_by": None if holder is None else {"name": holder.name, "since": holder.since},
        "lines": story.lines,
        "silent": list(story.silent),
        "interrupted": [
            {"by": one.by, "since": one.at, "from": dict(one.inputs), "idempotency_key": _key(story, one)}
            for one in story.interrupted
        ],
        "wake_at": story.wake_at or None,
    }


def _key(story: Story, intent: Intended) -> str:
    transient = {datum.name for datum in story.data if datum.transient}
    lasting = {name: version for name, version in intent.inputs.items() if name not in transient}
    return idempotency_key(story.begun.flow, story.begun.run, intent.by, lasting)


def _datum(datum: Datum, *, values: bool) -> Facts:
    facts: Facts = {
        "name": datum.name,
        "version": datum.version,
        "state": datum.state,
        "at": datum.at,
        "by": datum.by or None,
        "from": dict(datum.inputs),
        "transient": datum.transient,
    }
    if values and not datum.transient:
        facts["value"] = json.loads(str(datum.body))
    return facts


def _failure(failure: Failure) -> Facts:
    return {
        "line": failure.line,
        "at": failure.at,
        "by": failure.by,
        "from": dict(failure.inputs),
        "error": failure.error,
        "place": failure.place,
        "mended": failure.mended,
        "try": failure.trial or None,
    }


def _event(event: Event) -> Facts:
    return {
        "line": event.line,
        "at": event.at,
        "by": event.by,
        "from": dict(event.inputs),
        "what": event.what,
        "until": event.until or None,
        "last": event.last,
    }


# --- as text ---------------------------------------------------------------------------------------------------------


def _print(story: Story, data: Sequence[Datum], *, holder: Optional[Holder], values: bool) -> None:
    print("\n".join(aligned(list(_head(story, holder)))))
    if data:
        print()
        print_table(("VERSION", "DATA", "STATE", "WHEN", "BY", "FROM"), [_row_of(one) for one in data])
    if story.failures:
        print()
        rows = [_row_of_failure(one) for one in story.failures]
        print_table(("LINE", "FAILED", "ERROR", "AT", "WHEN", "FROM"), rows)
    if story.events:
        print()
        rows = [_row_of_event(one) for one in story.events]
        print_table(("LINE", "BUILDER", "WHAT", "WHEN", "FROM"), rows)
    if values:
        for one in data:
            if not one.transient:
                print(f"\n{plain(one.name)} {one.version}:\n{pretty(one.body)}")


def _head(story: Story, holder: Optional[Holder]) -> Iterator[Tuple[str, str]]:
    yield "run", story.begun.run
    yield "workflow", story.begun.flow
    yield "status", story.status
    yield "begun", story.begun.at
    yield "updated", f"{story.updated_at}, line {story.lines}"
    if holder is not None:
        yield "held by", f"{holder.name} since {holder.since}"
    if story.silent:
        yield "silent", ", ".join(story.silent)
    for one in story.interrupted:
        since = f"{one.by} since {one.at}, idempotency key {_key(story, one)}"
        yield "interrupted" if holder is None else "running", since
    if story.wake_at:
        yield "wakes at", story.wake_at


def _row_of(datum: Datum) -> Sequence[str]:
    by = datum.by or "(fed)"
    if datum.transient:
        by = f"{datum.by or 'fed'} (transient, not kept)"
    return str(datum.version), datum.name, datum.state, datum.at, by, _inputs(datum.inputs)


def _row_of_failure(failure: Failure) -> Sequence[str]:
    again = f" (try {failure.trial})" if failure.trial else ""
    inputs = _inputs(failure.inputs) + again + (" (mended)" if failure.mended else "")
    return str(failure.line), failure.by, failure.error, failure.place, failure.at, inputs


def _row_of_event(event: Event) -> Sequence[str]:
    told = {"postponed": f"waits until {event.until}", "begun": "begun, at most once", "released": "may be begun again"}
    open_ = event.what == "begun" and event.last
    what = told[event.what] + (", how it ended is not known" if open_ else "")
    return str(event.line), event.by, what, event.at, _inputs(event.inputs)


def _inputs(inputs: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {version}" for name, version in inputs.items())
