"""How `polaris runs` prints: text that is safe for a terminal, tables, JSON."""

from __future__ import annotations

import json
import sys
from typing import Iterable, Iterator, Sequence, TypeVar

from polaris_dsl._cli._terminal import screen

T = TypeVar("T")

_GAP = "  "
_EVERY = 1000


def plain(text: str, /) -> str:
    """Return a text on one line, with what a terminal would act upon, or not show, as the escapes that JSON has."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def to_json(value: object, /, *, indent: bool = False) -> str:
    """Return JSON in ASCII, on one line or indented."""
    return json.dumps(value, indent=2 if indent else None).replace("\x7f", "\\u007f")


def pretty(body: object, /) -> str:
    """Return the JSON text of a value, indented, for a reader."""
    text = json.dumps(json.loads(str(body)), indent=2, ensure_ascii=False)
    return "\n".join(map(plain, text.split("\n")))


def count(number: int, noun: str, /) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], /) -> None:
    """Print rows of raw text below their header: by rich on a terminal, in plain aligned columns otherwise."""
    console = screen()
    if console is None:
        print("\n".join(aligned([header, *rows])))
        return
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415  an extra, which is there when its console is
    from rich.table import Table  # noqa: PLC0415  as above
    from rich.text import Text  # noqa: PLC0415  as above

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console.print(table)


def aligned(rows: Sequence[Sequence[str]], /) -> Iterator[str]:
    """Yield rows of raw text as lines, with columns of equal width; the last column is as wide as it likes."""
    shown = [list(map(plain, row)) for row in rows]
    widths = [max(map(len, column)) for column in list(zip(*shown))[:-1]]
    for row in shown:
        yield _GAP.join([*map(str.ljust, row, widths), row[-1]]).rstrip()


def counted(many: Iterable[T], /, *, quietly: bool = False) -> Iterator[T]:
    """Yield what is given; unless it is to be done quietly, say on a terminal's stderr how many there were so far."""
    if quietly or not sys.stderr.isatty():
        yield from many
        return
    number = 0
    for number, one in enumerate(many, 1):
        if number % _EVERY == 0:
            print(f"\r{count(number, 'run')} read", end="", file=sys.stderr, flush=True)
        yield one
    if number >= _EVERY:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _escaped(character: str) -> str:
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]
