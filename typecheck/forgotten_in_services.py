"""The methods of services are called by class and method, callable instances by their class."""

from polaris_dsl import builder, workflow
from typecheck.shop import Bank, Score, Vault
from typecheck.shop.data import Authorized, Card, Declined, Order, Otp, Paid, Risk, Verified


class Shop:
    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self.vault = Vault()


shop = Shop(Bank())


class Confirm:
    def __call__(self, verified: Verified, authorized: Authorized, risk: Risk) -> Paid:
        return Paid(risk.score)


confirm = builder(Confirm())

workflow(
    target=Paid | Declined,
    inputs=Order | Card | Otp,
    builders=[
        shop.vault.tokenize,
        # E: polaris-missing-data: Vault.tokenize consumes EncryptedCard, but it is no input and no listed builder
        #    produces it
        # N: path: EncryptedCard -> Vault.tokenize -> Token -> Bank.authorize -> Declined
        # N: help: list a builder that produces it, or feed it: inputs=Order | Card | Otp | EncryptedCard
        shop.bank.authorize,
        shop.bank.verify,
        shop.bank.capture,
    ],
)

workflow(
    target=Risk,
    inputs=Order,
    builders=[
        builder(Score()),
        # E: polaris-missing-data: Score accesses Paid, but it is no input and no listed builder produces it
        # N: path: Paid -> Score -> Risk
        # N: help: list a builder that produces it, or feed it: inputs=Order | Paid
    ],
)

workflow(
    target=Paid,
    inputs=Order | Verified | Authorized,
    builders=[
        confirm,
        builder(Score(), name="score"),
    ],
)

workflow(
    target=Paid,
    inputs=Verified,
    builders=[
        confirm,
        # E: polaris-missing-data: Confirm consumes Authorized, but it is no input and no listed builder produces it
        # N: path: Authorized -> Confirm -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Verified | Authorized
        # E: polaris-missing-data: Confirm consumes Risk, but it is no input and no listed builder produces it
        # N: path: Risk -> Confirm -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Verified | Risk
    ],
)
