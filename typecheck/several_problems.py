"""All problems are told at once, each at its own place."""

from polaris_dsl import builder, workflow
from typecheck.shop.data import Address, Card, Order, Otp, Paid, Risk, Shipped, Token


@builder
def tokenize(card: Card) -> Token:
    return Token(card.number)


@builder
def pay(order: Order, token: Token, risk: Risk) -> Paid:
    return Paid(order.cents)


@builder
def ship(paid: Paid, address: Address) -> Shipped:
    return Shipped(address.lines)


workflow(
    name="card payment",
    # E: polaris-bad-name: 'card payment' cannot be the name of a workflow, which is a directory of its store
    # N: help: use 1 to 64 letters, digits, "_", "." or "-": name="card-payment"
    target=Shipped,
    inputs=Order | Card | Otp,
    builders=[
        tokenize,
        pay,  # E: polaris-missing-data: pay consumes Risk, but it is no input and no listed builder produces it
        # N: path: Risk -> pay -> Paid -> ship -> Shipped
        # N: help: list a builder that produces it, or feed it: inputs=Order | Card | Otp | Risk
        tokenize,  # E: polaris-duplicate-builder: tokenize is listed twice
        # N: help: remove one of the two
        ship,  # E: polaris-missing-data: ship consumes Address, but it is no input and no listed builder produces it
        # N: path: Address -> ship -> Shipped
        # N: help: list a builder that produces it, or feed it: inputs=Order | Card | Otp | Address
    ],
)
