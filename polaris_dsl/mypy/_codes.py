"""The codes of mypy errors, one for each of the catalogue, below `polaris`."""

from __future__ import annotations

from typing import Dict

from mypy.errorcodes import ErrorCode

from polaris_dsl._catalogue import CATALOGUE

_POLARIS = ErrorCode("polaris", "Check the workflows of Polaris", "Polaris")
CODES: Dict[str, ErrorCode] = {
    code: ErrorCode(f"polaris-{code}", meaning, "Polaris", sub_code_of=_POLARIS) for code, meaning in CATALOGUE.items()
}
UNCHECKED = ErrorCode(
    "polaris-unchecked",
    "Say what of a workflow cannot be known before it runs",
    "Polaris",
    default_enabled=False,
    sub_code_of=_POLARIS,
)
