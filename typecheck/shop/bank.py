"""A bank: a service whose methods are builders, and the same as functions."""

from __future__ import annotations

from typing import Optional, Union

from polaris_dsl import Access, Context, builder
from typecheck.shop.data import Authorized, Declined, Order, Otp, Paid, Risk, Token, Verified


class Bank:
    @builder
    def authorize(self, order: Order, token: Token, context: Context) -> Authorized | Declined:
        return Authorized(context.idempotency_key) if token.text else Declined(order.id)

    @builder
    def verify(self, order: Order, otp: Otp) -> Optional[Verified]:
        return Verified(order.id) if otp.code else None

    @builder
    async def capture(self, order: Order, authorized: Authorized, verified: Verified) -> Paid:
        return Paid(order.cents)


class Score:
    def __call__(self, order: Order, before: Access[Paid]) -> Risk:
        return Risk(0 if before else order.cents)


@builder
def authorize(order: Order, token: Token) -> Union[Authorized, Declined]:
    return Authorized(order.id) if token.text else Declined(order.id)


@builder
async def capture(order: Order, authorized: Authorized, risk: Optional[Risk] = None) -> Paid:
    return Paid(order.cents)
