"""Two loops, two diagnostics; what hangs on them is not told."""

from polaris_dsl import Context, builder, workflow
from typecheck.shop.data import Address, Authorized, Invoice, Packed, Paid, Shipped, Verified


@builder
def authorize(verified: Verified) -> Authorized:
    return Authorized("")


@builder
def verify(authorized: Authorized) -> Verified:
    return Verified("")


@builder
async def pack(shipped: Shipped, address: Address) -> Packed:
    return Packed("")


@builder(name="ship-it")
async def ship(packed: Packed, context: Context) -> Shipped:
    return Shipped("")


@builder
def pay(authorized: Authorized, shipped: Shipped) -> Paid:
    return Paid(0)


@builder
def invoice(paid: Paid) -> Invoice:
    return Invoice(0)


PARCELS = (pack, ship)

workflow(
    target=Invoice,
    inputs=Address,
    builders=[
        authorize,  # E: polaris-cycle: authorize and verify wait for each other
        # N: path: authorize -> Authorized -> verify -> Verified -> authorize
        # N: help: break the loop: take one of its data as Access[...], which never orders or triggers, or list one in
        #    inputs=: that makes a loop, which goes round until nothing changes
        verify,
        *PARCELS,  # E: polaris-cycle: pack and ship-it wait for each other
        # N: path: pack -> Packed -> ship-it -> Shipped -> pack
        # N: help: break the loop: take one of its data as Access[...], which never orders or triggers, or list one in
        #    inputs=: that makes a loop, which goes round until nothing changes
        pay,
        invoice,
    ],
)
