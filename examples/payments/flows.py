"""The two workflows, and the builders that need no service."""

from __future__ import annotations

from typing import Union

from examples.payments.bank import Bank
from examples.payments.cards import Cards
from examples.payments.data import (
    BankChoice,
    BankWebhook,
    Cvv,
    Instrument,
    Otp,
    Payment,
    PaymentCompleted,
    PaymentDeclined,
    PaymentRequest,
    SealedCard,
)
from examples.payments.invoices import Invoices
from examples.payments.vault import Vault
from polaris_dsl import Workflow, builder, workflow

Outcome = Union[PaymentCompleted, PaymentDeclined]
CardInputs = Union[PaymentRequest, SealedCard, Cvv, Otp]
NetbankingInputs = Union[PaymentRequest, BankChoice, BankWebhook]


@builder
def initiate(request: PaymentRequest) -> Payment:
    # Only what the bank needs: if the customer's name is corrected later, the payment stays equal and is not made anew.
    return Payment(request.order_id, request.amount)


@builder
def link_bank(choice: BankChoice) -> Instrument:
    return Instrument(token=f"netbanking:{choice.name}", label=choice.name)


def card_payment(*, cards: Cards, vault: Vault, bank: Bank, invoices: Invoices) -> Workflow[Outcome, CardInputs]:
    return workflow(
        name="card-payment",
        target=Outcome,
        inputs=CardInputs,
        builders=[
            initiate,
            cards.encrypt_card,
            vault.tokenize_card,
            bank.process_payment,
            bank.verify_otp,
            bank.complete,
            invoices.write_invoice,
        ],
        transient=Cvv,
    )


def netbanking_payment(*, bank: Bank, invoices: Invoices) -> Workflow[Outcome, NetbankingInputs]:
    return workflow(
        name="netbanking-payment",
        target=Outcome,
        inputs=NetbankingInputs,
        builders=[
            initiate,
            link_bank,
            bank.process_payment,
            bank.read_webhook,
            bank.complete,
            invoices.write_invoice,
        ],
    )
