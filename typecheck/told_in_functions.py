"""Workflows of services that a function is given: judged where the function stands, run when it is called."""

from __future__ import annotations

from polaris_dsl import Workflow, builder, workflow
from typecheck.shop import Bank, Vault, encrypt
from typecheck.shop.data import Card, Declined, Order, Otp, Paid


class Payments:
    def __init__(self, bank: Bank, vault: Vault) -> None:
        self.bank = bank
        self.vault = vault

    def by_card(self) -> Workflow[Paid | Declined, Order | Card | Otp]:
        return workflow(
            target=Paid | Declined,
            inputs=Order | Card | Otp,
            builders=[
                encrypt,
                self.bank.authorize,
                # E: polaris-missing-data: Bank.authorize consumes Token, but it is no input and no listed builder
                #    produces it
                # N: path: Token -> Bank.authorize -> Declined
                # N: help: list a builder that produces it, or feed it: inputs=Order | Card | Otp | Token
                self.bank.verify,
                self.bank.capture,
            ],
        )


def by_token(bank: Bank) -> Workflow[Paid | Declined, Order | Otp]:
    @builder
    def approve(order: Order) -> Paid:
        return Paid(order.cents)

    return workflow(
        target=Paid | Declined,  # E: polaris-no-producer: no listed builder produces the target Declined
        # N: path: Declined
        # N: help: list a builder that returns Declined
        inputs=Order | Otp,
        builders=[
            approve,
            bank.verify,
        ],
    )


Payments(Bank(), Vault()).by_card()
by_token(Bank())
