"""Tells a report in SARIF 2.1.0, which code review tools open."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Dict, List, Union
from urllib.parse import quote

from polaris_dsl._cli._pages import page_of
from polaris_dsl._cli._report import Failure, Report, Unreached, Verdict, body_of, relative
from polaris_dsl._graph import Place
from polaris_dsl.diagnostics import CATALOGUE, Code, Diagnostic

Facts = Dict[str, object]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
_RULES = tuple(CATALOGUE)


def to_sarif(report: Report, /, *, root: Path) -> str:
    """Return the report as a SARIF log of one run; files below the root are given relative to it."""
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "polaris",
                        "rules": [_rule(code, told) for code, told in CATALOGUE.items()],
                    }
                },
                "originalUriBaseIds": {_ROOT: {"uri": f"{root.as_uri()}/"}},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not report.failures,
                        "exitCode": report.exit_code,
                        "toolExecutionNotifications": [
                            *(_notification(failure, "error", root) for failure in report.failures),
                            *(_notification(missed, "note", root) for missed in report.unreached),
                        ],
                    }
                ],
                "results": [_result(verdict, found, root) for verdict, found in report.findings()],
            }
        ],
    }
    return json.dumps(log, indent=2)


def _rule(code: Code, told: str) -> Facts:
    page = page_of(code)
    return {
        "id": code,
        "shortDescription": {"text": told},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": "error"},
    }


def _result(verdict: Verdict, found: Diagnostic, root: Path) -> Facts:
    related = [
        {"id": number, "message": {"text": f"{name} is defined here"}, **_location(place, root)}
        for number, (name, place) in enumerate(found.related, start=1)
        if place.file
    ]
    known = "\0".join([relative(found.file, to=root), verdict.workflow, found.code, found.subject, found.message])
    return {
        "ruleId": found.code,
        "ruleIndex": _RULES.index(found.code),
        "level": "error",
        "message": {"text": body_of(found)},
        "locations": [_location(Place(found.file, found.line), root)],
        "relatedLocations": related,
        "partialFingerprints": {"polaris/v1": hashlib.blake2b(known.encode(), digest_size=16).hexdigest()},
    }


def _location(place: Place, root: Path) -> Facts:
    file = relative(place.file, to=root)
    below = not Path(file).is_absolute()
    uri: Facts = {"uri": quote(file), "uriBaseId": _ROOT} if below else {"uri": Path(file).as_uri()}
    return {"physicalLocation": {"artifactLocation": uri, "region": {"startLine": place.line or 1}}}


def _notification(told: Union[Failure, Unreached], level: str, root: Path) -> Facts:
    located: List[Facts] = [_location(told.place, root)] if told.place.file else []
    return {"level": level, "message": {"text": str(told)}, "locations": located}
