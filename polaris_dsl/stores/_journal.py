"""The lines of a journal as bytes: how they are written, chained and read back."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

import attrs

from polaris_dsl.stores._lines import (
    Built,
    Failed,
    Fed,
    Intended,
    Kept,
    Line,
    Postponed,
    Put,
    Released,
    Rested,
    Started,
    stamp,
    written,
)

FORMAT = 1
"""The format of the journals that are written, and the only one that is read."""

_SEAL = b',"h":"0123456789abcdef"}'
_H = slice(-18, -2)
quote: Callable[[str], str] = json.encoder.encode_basestring  # what an encoder calls for text, without the way to it
"""Returns a text as JSON has it."""
_NAMES = ("kept", "transient")
_OPS: Mapping[type, str] = {Intended: "intended", Released: "released", Postponed: "postponed"}
_value_at = json.JSONDecoder().raw_decode


class Tip(NamedTuple):
    """Where a journal, or the trusted part of it, ends: number of lines, number of bytes, last link of the chain."""

    n: int
    size: int
    h: bytes


_tip: Callable[..., Tip] = tuple.__new__  # its own is a function of Python, and one is made for each commit


@attrs.frozen
class Entry:
    """A line as it was read, and which part of how many in its commit it is."""

    line: Line
    part: int
    parts: int


def start(run: str, /) -> Tip:
    """Return the tip of the empty journal of a run: its chain begins with the run's own id."""
    return Tip(0, 0, _digest(b"polaris1\0", run.encode("utf-8", "surrogatepass")))


def write(lines: Sequence[Kept], /, *, behind: Tip) -> Tuple[bytes, Tip]:
    """Return the bytes of one commit behind a tip, and the tip behind them.

    Where a commit has several lines, each says which part of it it is, so that a reader takes all of them or none.

    Raises:
        ValueError: a body is more than one line of text.
    """
    n, h = behind.n, behind.h
    parts = len(lines)
    data = b""
    for line in lines:
        n += 1
        place = f',"part":[{n - behind.n},{parts}]' if parts > 1 else ""
        at, fields = _said(line)
        text = f'{{"n":{n},"at":{quote(at)},{fields}{place}'
        # A lone surrogate (of a file name, say) has no UTF-8: it is written as the escape that JSON has for it.
        raw = text.encode("utf-8", "backslashreplace")
        h = blake2b(b"%b%b}" % (h, raw), digest_size=8).hexdigest().encode()
        data += b'%b,"h":"%b"}\n' % (raw, h)
    if data.count(b"\n") != parts:
        raise ValueError("the JSON text of a data is one line")
    return data, _tip(Tip, (n, behind.size + len(data), h))


def read(raw: bytes, /, *, h: bytes) -> Optional[Entry]:
    """Return the line that follows link `h` of the chain, given without its newline; None if it was damaged."""
    if not sealed(raw, h=h):
        return None
    try:
        fields = _parse(raw[: -len(_SEAL)].decode() + "}")
        part, parts = fields.get("part", (1, 1))
        return Entry(_line(fields), part, parts)
    except (ValueError, LookupError, TypeError):
        return None


def sealed(raw: bytes, /, *, h: bytes) -> bool:
    """Return whether a line is as it was written behind link `h` of the chain."""
    body = raw[: -len(_SEAL)]
    return bool(body) and raw == b'%b,"h":"%b"}' % (body, _digest(h, body, b"}"))


def link_of(raw: bytes, /) -> bytes:
    """Return the link of the chain that a line claims, with which the next line is sealed."""
    return raw[_H]


def claimed(raw: bytes, /) -> Mapping[str, object]:
    """Return what a line says of itself, whether or not it can be trusted; empty if it is not JSON."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _digest(*parts: bytes) -> bytes:
    return blake2b(b"".join(parts), digest_size=8).hexdigest().encode()


def _said(entry: Kept) -> Tuple[str, str]:
    """Return when something happened, and what is written of it from `op` on."""
    if isinstance(entry, tuple):
        make, at_s, *facts = entry
        text: Optional[Callable[..., str]] = getattr(make, "text", None)
        if text is not None:
            return stamp(at_s), text(quote, *facts)
        entry = written(entry)
    return entry.at, _fields(entry)


def _fields(line: Line) -> str:
    """Write what a line says from its `op` on; the bodies of data are taken over as they are."""
    if isinstance(line, Built):
        names = _names("kept", line.kept) + _names("transient", line.transient)
        return f'"op":"built","by":{quote(line.by)},"in":{{{_inputs(line.inputs)}}},"put":[{_puts(line.put)}]{names}'
    if isinstance(line, Fed):
        return f'"op":"feed","put":[{_puts(line.put)}]{_names("transient", line.transient)}'
    if isinstance(line, Started):
        run, flow, graph = quote(line.run), quote(line.flow), quote(line.graph)
        return f'"op":"run","fmt":{FORMAT},"run":{run},"flow":{flow},"graph":{graph}'
    if isinstance(line, Failed):
        error = f'{{"type":{quote(line.error)},"at":{quote(line.place)}}}'
        trial = f',"try":{line.trial}' if line.trial else ""
        return f'"op":"failed","by":{quote(line.by)},"in":{{{_inputs(line.inputs)}}},"err":{error}{trial}'
    if isinstance(line, Rested):
        wake = f',"wake":{quote(line.wake)}' if line.wake else ""
        return f'"op":"rest","status":{quote(line.status)}{wake}'
    until = f',"until":{quote(line.until)}' if isinstance(line, Postponed) else ""
    return f'"op":"{_OPS[type(line)]}","by":{quote(line.by)},"in":{{{_inputs(line.inputs)}}}{until}'


def _names(key: str, names: Sequence[str]) -> str:
    return f',"{key}":[{",".join(map(quote, names))}]' if names else ""


def _inputs(inputs: Mapping[str, int]) -> str:
    return ",".join([f"{quote(name)}:{version}" for name, version in inputs.items()])


def _puts(puts: Sequence[Put]) -> str:
    return ",".join([f"[{quote(put.name)},{put.body}]" for put in puts])


def _line(fields: Mapping[str, Any]) -> Line:
    op, at = fields["op"], fields["at"]
    if op == "built":
        return Built(at, fields["by"], fields["in"], fields["put"], *(tuple(fields.get(key, ())) for key in _NAMES))
    if op == "feed":
        return Fed(at, fields["put"], tuple(fields.get("transient", ())))
    if op == "failed":
        return Failed(at, fields["by"], fields["in"], fields["err"]["type"], fields["err"]["at"], fields.get("try", 0))
    if op == "rest":
        return Rested(at, fields["status"], fields.get("wake", ""))
    if op == "postponed":
        return Postponed(at, fields["by"], fields["in"], fields["until"])
    if op in {"intended", "released"}:
        return (Intended if op == "intended" else Released)(at, fields["by"], fields["in"])
    if op == "run" and fields["fmt"] == FORMAT:
        return Started(at, fields["run"], fields["flow"], fields["graph"])
    raise ValueError(op)


def _parse(text: str) -> Dict[str, Any]:
    """Read a sealed line: it has no blanks, and the text of its bodies must come back as it was."""
    fields: Dict[str, Any] = {}
    at = 0
    while text[at] != "}":
        key, at = _value_at(text, at + 1)
        fields[key], at = (_puts_at if key == "put" else _value_at)(text, at + 1)
    return fields


def _puts_at(text: str, at: int) -> Tuple[Tuple[Put, ...], int]:
    if text[at + 1] == "]":
        return (), at + 2
    puts = []
    while text[at] != "]":
        name, begin = _value_at(text, at + 2)
        _, end = _value_at(text, begin + 1)
        puts.append(Put(name, text[begin + 1 : end]))
        at = end + 1
    return tuple(puts), at + 1
