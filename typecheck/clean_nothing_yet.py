"""A builder that may return nothing yet: the run waits for newer data."""

from typing import Optional, Union

from polaris_dsl import builder, workflow
from typecheck.shop.data import Authorized, Declined, Order, Otp, Paid, Verified


@builder
def hold(order: Order) -> Authorized:
    return Authorized(order.id)


@builder
def verify(order: Order, otp: Otp) -> Union[Verified, Declined, None]:
    return Verified(order.id) if otp.code == "1" else None


@builder
def confirm(authorized: Authorized, verified: Verified) -> Optional[Paid]:
    return Paid(1) if authorized.hold else None


payment = workflow(target=Union[Paid, Declined], inputs=Union[Order, Otp], builders=[hold, verify, confirm])
