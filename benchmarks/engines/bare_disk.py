"""The disk's own limit: the bytes of our journal, appended and synced commit by commit, with no engine at all."""

from __future__ import annotations

import sys
from pathlib import Path

from durable import bare, commits_of
from payment7 import Otp, Request, payment
from serve import serve

from polaris_dsl import Executor, FileStore

if __name__ == "__main__":
    root = Path(sys.argv[1])
    with Executor(payment, store=FileStore(root / "model")) as payments:
        invoice = payments.run("000000", Request("000000", 100), Otp("123456")).result().number
    (journal,) = (root / "model").glob("*/*/*.jsonl")
    commits = commits_of(journal.read_bytes())
    for shard in range(256):
        (root / f"{shard:02x}").mkdir()

    def write(order: str) -> str:
        bare(commits, f"{root}/{hash(order) % 256:02x}/{order}")
        return invoice

    serve(write)
