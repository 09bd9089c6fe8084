"""Runs the small examples as their reader does: the real file, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"

CAB_RIDE = """
Mira asks for a cab
  built      StartCode
  paused     waits for DriverAccepted, DriverArrived, CodeEntered, RideEnded

Ben accepts the ride
  built      -
  paused     waits for DriverArrived, CodeEntered, RideEnded

Ben arrives, a minute early
  built      -
  paused     waits for CodeEntered, RideEnded

Ben types a wrong code
  built      -
  paused     waits for RideEnded; start_ride has returned nothing so far

Mira tells him the right one
  built      RideStarted
  paused     waits for RideEnded

The ride ends at the harbour
  built      Fare, Payment, Receipt
  complete   Old Mill to Harbour with Ben: 19.05 paid

The next day, Mira rates it
  built      Receipt
  complete   Old Mill to Harbour with Ben: 19.05 paid, rated *****

the wallet was charged 1 time(s)
"""

REPRICING = """\
40.00 less 0 % is 40.00
250.00 less 10 % is 225.00
900.00 less 20 % is 720.00
with more in the cart: less 15 % is 263.50
after 10 rounds these still change: Discount
"""

EFFECTS = """\
order-1: the process was killed after the charge (exit code -9)
order-1 is failed
charge was interrupted; the bank has charged it
19.90 paid (charge 1)
order-2: the process was killed before the charge (exit code -9)
order-2 is failed
charge was interrupted; the bank has not charged it
19.90 paid (charge 2)
on the statement: 2 charges for 2 orders
"""

ASYNC_PAYMENTS = """\
950 paid, 50 declined
950 holds, 950 charges
160 answers were lost, and asked for again
N questions under way at once, at most
"""

HOOKS = """\
ERROR run 'order-1' of shipping: complete after N s, raised HookFailed
hook Audit raised OSError: the book is full
  in built of builder ship, in run 'order-1'
  it is strict: what was running has been committed; the next call of run('order-1') goes on
built all the same: Shipped
parcel of 19.90, approved by Mira
timed: price, ship
order-1: price built Priced
order-1: paused
order-1: complete
order-1: complete
"""


TIMEOUTS = """\
asked for 5 kg, with a time limit: True
1 parcels for 7.50
asked for 30 kg, with a time limit: True
WARNING run order-2: builder Carrier.quote goes on by itself; its result will not be seen
builder Carrier.quote took longer than its 1 s
kept: Packed(parcels=2)
still going on: Carrier.quote
asked for 30 kg, with a time limit: True
2 parcels for 45.00
"""

RETRIES = """\
Friday evening
  Bank.authorise, attempt 1
  Bank.authorise raised ConnectionError, again in 1 s
  Bank.authorise, attempt 2
  Bank.authorise raised ConnectionError, again in 2 s
  Bank.authorise, attempt 3
  Bank.transfer, attempt 1
  Bank.transfer raised RetryAt, again in 52197 s
<run 'order-1' paused, wakes at 2026-03-07T09:00:00+00:00>
keys that the bank has seen: 1
at once: ()
Saturday morning
  Bank.transfer, attempt 1
order-1: Saturday 09:30
"""


OF_CRYPTOGRAPHY = "ignore:Python 3.8 is no longer supported by the Python core team"


def printed_by(example: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", OF_CRYPTOGRAPHY, str(EXAMPLES / example)],
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_cab_ride_tells_its_story_and_charges_once(tmp_path: Path) -> None:
    assert printed_by("cab_ride.py", tmp_path) == CAB_RIDE


def test_hooks_watch_and_a_strict_one_stops_the_run(tmp_path: Path) -> None:
    assert re.sub(r"\d\.\d+ s", "N s", printed_by("hooks.py", tmp_path)) == HOOKS


def test_a_thousand_payments_are_under_way_at_once_in_one_loop_and_each_is_charged_once(tmp_path: Path) -> None:
    text = printed_by("async_payments.py", tmp_path)
    assert re.sub(r"\d+(?= questions)", "N", text) == ASYNC_PAYMENTS
    assert int(re.findall(r"\d+(?= questions)", text)[0]) > 50


def test_the_checkout_reprices_until_it_is_stable(tmp_path: Path) -> None:
    assert printed_by("repricing.py", tmp_path) == REPRICING


def test_a_charge_that_was_killed_in_the_middle_is_settled_and_happens_once(tmp_path: Path) -> None:
    assert printed_by("effects.py", tmp_path) == EFFECTS


def test_a_carrier_that_does_not_answer_is_left_behind(tmp_path: Path) -> None:
    text = printed_by("timeouts.py", tmp_path)
    ended = r"^WARNING run order-2: builder Carrier.quote ended \d+\.\d{3} s too late\n"
    assert re.sub(ended, "", text, flags=re.MULTILINE) == TIMEOUTS


def test_the_bank_is_tried_again_in_a_moment_and_in_the_morning(tmp_path: Path) -> None:
    assert printed_by("retries.py", tmp_path) == RETRIES


def test_the_home_page_is_complete(tmp_path: Path) -> None:
    assert printed_by("home_page.py", tmp_path).splitlines()[:3] == [
        "Autumn sale. Good morning, user 7: sunny in Porto.",
        "2 unread, 1 order on its way, 3 items in the cart.",
        "You may like tea and a kettle, with free delivery.",
    ]


def test_the_home_page_tells_its_critical_path_and_what_it_took(tmp_path: Path) -> None:
    text = printed_by("home_page.py", tmp_path)
    took = dict(re.findall(r"^(\w+) +(\d+) +=*$", text, re.MULTILINE))
    path = re.findall(r"(\w+) \((\d+) ms\)", text)
    assert len(took) == 9
    assert path[-1][0] == "put_together"
    assert len(path) >= 2
    assert all(took[name] == ms for name, ms in path)
    assert re.search(r"^all at once: \d+ ms; one after the other: \d+ ms$", text, re.MULTILINE)
