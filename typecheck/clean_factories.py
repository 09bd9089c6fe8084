"""Functions that make builders, and functions that define workflows of the services they are given."""

from typing import Union

from polaris_dsl import Builder, Workflow, builder, workflow
from typecheck.shop import Bank, Vault, encrypt
from typecheck.shop.data import Authorized, Card, Declined, Order, Otp, Paid, Verified


def charging(fee: int) -> Builder[[Order, Authorized, Verified], Paid]:
    @builder(name=f"charge-{fee}")
    def charge(order: Order, authorized: Authorized, verified: Verified, /) -> Paid:
        return Paid(order.cents + fee)

    return charge


def card_payment(bank: Bank, vault: Vault, *, fee: int) -> Workflow[Union[Paid, Declined], Union[Order, Card, Otp]]:
    return workflow(
        target=Union[Paid, Declined],
        inputs=Union[Order, Card, Otp],
        builders=[encrypt, vault.look_up, bank.authorize, bank.verify, charging(fee)],
    )


card_payment(Bank(), Vault(), fee=30)
