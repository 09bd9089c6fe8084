"""Invoices: one file for each payment."""

from __future__ import annotations

from pathlib import Path

import attrs

from examples.payments.data import Instrument, Invoice, PaymentCompleted, PaymentRequest
from polaris_dsl import builder

TEXT = """\
Invoice {number}

To          {request.customer}
Order       {request.order_id} of {request.placed}
Amount      EUR {completed.amount}
Paid with   {instrument.label}
Receipt     {completed.receipt}
"""


@attrs.frozen
class Invoices:
    folder: Path

    @builder
    def write_invoice(self, request: PaymentRequest, instrument: Instrument, completed: PaymentCompleted) -> Invoice:
        file = self.file(request.order_id)
        text = TEXT.format(number=file.stem, request=request, completed=completed, instrument=instrument)
        file.write_text(text, encoding="utf-8")  # written again after a crash, it is the same file
        return Invoice(number=file.stem, file=file.name)

    def file(self, order_id: str, /) -> Path:
        return self.folder / f"INV-{order_id}.txt"
