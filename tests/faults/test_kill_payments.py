"""The payments example is killed at random moments, and always ends the same."""

from __future__ import annotations

import sys

from tests.faults.campaign import Campaign, Problem, control, times
from tests.faults.kill_payments import Story, kill, marked_copy

WITH_CVVS_THAT_LAST = (
    "import polaris_dsl\n"
    "workflow = polaris_dsl.workflow\n"
    "polaris_dsl.workflow = lambda transient=None, **rest: workflow(**rest)\n"
)
RUN = "import runpy; runpy.run_module('examples.payments', run_name='__main__')"
WITH_NEW_KEYS = (
    "import secrets, polaris_dsl._attempt as attempt\nattempt.idempotency_key = lambda *args: secrets.token_hex(16)\n"
)
WITH_AN_ORDER_LESS_WHEN_STARTED_AGAIN = (
    "import pathlib, sys\n"
    "started = pathlib.Path(sys.argv[2] + '-started')\n"
    "sys.argv[-1] = '23' if started.exists() else '24'\n"
    "started.touch()\n"
)


def test_the_payments_example_ends_the_same_however_it_is_killed(tmp_path, campaign: Campaign):
    with campaign.count("kill -9 of the payments example") as verdict:
        story = Story(orders=24, root=marked_copy(tmp_path))
        came = kill(story, tmp_path, kills=times(10, at_least=2), seed=7)
        verdict.tried += came.kills
        for changed in came.changed:
            verdict.blame(Problem.LOST, changed)
        for effect in came.doubled:
            verdict.blame(Problem.DOUBLED, effect)
    assert not came.leaked


@control
def test_the_kills_of_the_payments_example_notice_keys_that_change(tmp_path):
    story = Story(orders=24, command=(sys.executable, "-c", WITH_NEW_KEYS + RUN))
    assert kill(story, tmp_path, kills=0, seed=7).doubled


@control
def test_the_kills_of_the_payments_example_notice_a_table_that_changes(tmp_path):
    story = Story(orders=24, command=(sys.executable, "-c", WITH_AN_ORDER_LESS_WHEN_STARTED_AGAIN + RUN))
    assert kill(story, tmp_path, kills=1, seed=7).changed


@control
def test_the_kills_of_the_payments_example_notice_a_cvv_in_a_file(tmp_path):
    story = Story(orders=8, command=(sys.executable, "-c", WITH_CVVS_THAT_LAST + RUN), root=marked_copy(tmp_path))
    assert kill(story, tmp_path, kills=0, seed=7).leaked
