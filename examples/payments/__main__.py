"""The story, told on the command line: python -m examples.payments."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Optional, Sequence

from rich.console import Console

from examples.payments.checkout import place
from examples.payments.crowd import for_each
from examples.payments.orders import read_orders
from examples.payments.report import how_it_ended, where_each_stands
from examples.payments.shop import KEY_FILE, open_shop


def main(arguments: Optional[Sequence[str]] = None) -> None:
    options = _parser().parse_args(arguments)
    folder: Path = options.state
    if options.fresh:
        _delete(folder)
    console = Console()
    orders = read_orders()[: options.orders]

    console.print(f"{len(orders)} orders are placed; all that is known of them is kept in {folder}", soft_wrap=True)
    with open_shop(folder) as shop:
        for_each(orders, partial(place, shop), title="orders", console=console)
        console.print(where_each_stands(shop, orders))

    console.print("In a second process, OTPs and webhooks arrive: some wrong, some twice.")
    later = "-m", "examples.payments.later", str(folder), str(len(orders))
    subprocess.run([sys.executable, *later], check=True)  # noqa: S603 - this very Python, and a module of this package

    with open_shop(folder) as shop:
        console.print(where_each_stands(shop, orders))
        console.print(how_it_ended(shop, orders))
    console.print(f"Each file in {folder / 'runs'} is one run: a line of JSON for each event.", soft_wrap=True)
    console.print("Killed at any moment and started again, this ends with the same table.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.payments", description="Payments, from order to invoice.")
    parser.add_argument("--state", type=Path, default=Path("payments-state"), metavar="DIR", help="where all is kept")
    parser.add_argument("--fresh", action="store_true", help="delete DIR first")
    parser.add_argument("--orders", type=int, metavar="N", help="only the first N orders")
    return parser


def _delete(folder: Path) -> None:
    if not folder.exists():
        return
    if any(folder.iterdir()) and not (folder / KEY_FILE).exists():
        sys.exit(f"{folder} is not a folder that this example made, so it is not deleted")
    gone = Path(f"{folder}-deleted")
    shutil.rmtree(str(gone), ignore_errors=True)
    folder.rename(gone)  # first out of the way as a whole, so that a kill leaves no half of it
    shutil.rmtree(str(gone))


if __name__ == "__main__":
    main()
