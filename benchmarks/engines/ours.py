"""The payment on the file store, synced at each commit, as it comes."""

from __future__ import annotations

import sys

from payment7 import Otp, Request, payment
from serve import serve

from polaris_dsl import Executor, FileStore

SHARDS_MADE = 1000  # runs fed before the clock starts, so that the store's 256 directories are there

if __name__ == "__main__":
    with Executor(payment, store=FileStore(sys.argv[1])) as payments:
        for number in range(SHARDS_MADE):
            payments.feed(f"earlier-{number}", Request("000000", 100))
        serve(lambda order: payments.run(order, Request(order, 100), Otp("123456")).result().number)
