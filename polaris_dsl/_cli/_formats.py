"""Tells a report: as text for people, as JSON, as annotations of GitHub."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Dict, List, Tuple, Union

import attrs

from polaris_dsl._cli._report import Report, body_of, relative
from polaris_dsl._cli._terminal import screen
from polaris_dsl._graph import Place
from polaris_dsl.diagnostics import Diagnostic, render

Facts = Dict[str, object]

JSON_VERSION = 1
"""Grows when a field of the JSON changes its meaning or goes away; new ones may come."""


def print_text(report: Report, /) -> None:
    """Print findings and the summary to stdout, all else to stderr."""
    for _, found in report.findings():
        _print_finding(found)
    for failure in report.failures:
        _aside(failure.place, str(failure))
        for place in reversed(failure.frames[:-1]):
            _aside(place, "on the way there", indent="    ")
    for missed in report.unreached:
        _aside(missed.place, f"note: {missed}")
    sys.stderr.flush()
    print(report.summary)


def _print_finding(found: Diagnostic) -> None:
    console = screen()
    if console is None:
        print(f"{render(found)}\n")
        return
    from rich.text import Text  # noqa: PLC0415  there, for there is a console

    text = Text(f"{render(found)}\n")
    text.highlight_regex(r"\A\S+:(?= )", "bold")
    text.highlight_words([f" {found.code}:"], "bold red")
    text.highlight_regex(r"(?m)^    help: .*", "green")
    text.highlight_regex(r"(?m)^    (path|see): .*|^    .* is defined at .*", "dim")
    console.print(text, soft_wrap=True)


def _aside(place: Place, message: str, *, indent: str = "") -> None:
    shown = attrs.evolve(place, file=relative(place.file, to=Path.cwd())) if place.file else None
    print(f"{indent}{shown}: {message}" if shown else f"{indent}polaris: {message}", file=sys.stderr)


# --- JSON ------------------------------------------------------------------------------------------------------------


def to_json(report: Report, /, *, root: Path) -> str:
    """Return the report as one JSON object; files are relative to the root, where they are below it."""

    def at(place: Place) -> Facts:
        return {"file": relative(place.file, to=root) if place.file else None, "line": place.line or None}

    return json.dumps(
        {
            "version": JSON_VERSION,
            "workflows": [
                {"name": one.workflow, **at(one.place), "problems": len(one.found)} for one in report.verdicts
            ],
            "findings": [
                {
                    "code": found.code,
                    "message": found.message,
                    **at(Place(found.file, found.line)),
                    "workflow": verdict.workflow,
                    "subject": found.subject,
                    "item": found.item,
                    "path": found.path,
                    "help": found.help,
                    "see": found.page,
                    "related": [{"name": name, **at(place)} for name, place in found.related],
                }
                for verdict, found in report.findings()
            ],
            "failures": [
                {"what": one.what, "why": one.why, **at(one.place), "frames": [at(frame) for frame in one.frames]}
                for one in report.failures
            ],
            "unreached": [{**at(one.place), "maker": one.maker} for one in report.unreached],
        },
        indent=2,
    )


# --- GitHub ----------------------------------------------------------------------------------------------------------


def to_github(report: Report, /, *, root: Path) -> str:
    """Return the report as workflow commands, which GitHub shows beside the lines of a pull request."""
    told: List[Tuple[str, Place, str, str]] = []
    for _, found in report.findings():
        told.append(("error", Place(found.file, found.line), f"polaris {found.code}", body_of(found)))
    told += [("error", failure.place, "polaris check", str(failure)) for failure in report.failures]
    told += [("notice", missed.place, "polaris check", str(missed)) for missed in report.unreached]
    return "\n".join([*(_command(*one, root=root) for one in told), report.summary])


def _command(kind: str, place: Place, title: str, message: str, *, root: Path) -> str:
    where: Dict[str, Union[str, int]] = {"title": title}
    if place.file:
        where = {"file": relative(place.file, to=root), "line": place.line or 1, **where}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in where.items())
    return f"::{kind} {properties}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
