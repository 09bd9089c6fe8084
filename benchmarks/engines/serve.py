"""Lets an engine run as many orders as each line of standard input asks for, and answers with their seconds."""

from __future__ import annotations

import json
import sys
import time
from itertools import count, islice
from typing import Callable


def serve(pay: Callable[[str], str], /) -> None:
    """Call `pay` with a new order number for each run; it returns the number of the invoice, once that is saved."""
    pay("warm-up")
    orders = map("{:06}".format, count())
    print("ready", flush=True)
    for line in sys.stdin:
        batch = list(islice(orders, int(line)))
        began = time.perf_counter()
        invoices = [pay(order) for order in batch]
        seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds, "invoices": invoices}), flush=True)
