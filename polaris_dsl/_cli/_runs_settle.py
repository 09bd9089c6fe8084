"""`polaris runs settle`: lets a builder be called again whose effect has not happened."""

from __future__ import annotations

import argparse
from time import time
from typing import Sequence

from polaris_dsl._cli._runs_store import CannotDo, chosen, opened, store_path
from polaris_dsl._cli._runs_story import interrupted
from polaris_dsl._cli._runs_text import plain, to_json
from polaris_dsl.stores import Intended, Journals, Line, Released
from polaris_dsl.stores._lines import stamp


def settle_run(arguments: argparse.Namespace, /) -> int:
    """Note that what was intended has not happened; the next call of `run` calls the builder again."""
    with opened(store_path(arguments.store)) as store:
        ((workflow, run),) = chosen(store, [arguments.run], arguments.workflow)
        journals = store.open(workflow)
        with journals.hold(run, wait_s=0):
            intent = _release(journals, run, arguments.builder)
    if arguments.json:
        facts = {"run": run, "workflow": workflow, "builder": intent.by, "since": intent.at, "settled": "retry"}
        print(to_json(facts, indent=True))
    else:
        print(f"the next call of run() on {plain(run)} calls {plain(intent.by)} again, which was begun at {intent.at}")
    return 0


def _release(journals: Journals, run: str, builder: str) -> Intended:
    lines: Sequence[Line] = journals.load(run)
    while True:
        intents = interrupted(lines)
        if builder not in intents:
            there_are = f"those that were: {', '.join(intents)}" if intents else "none was"
            raise CannotDo(f"builder {builder!r:.80} was not interrupted in run {run!r:.80}; {there_are}")
        intent = intents[builder]
        news = journals.append(run, len(lines), [Released(stamp(time()), builder, intent.inputs)])
        if not news:
            return intent
        lines = (*lines, *news)  # fed meanwhile
