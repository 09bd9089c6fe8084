"""Services hold what builders need: their bound methods are listed."""

from polaris_dsl import builder, workflow
from typecheck.shop import Bank, Vault, encrypt
from typecheck.shop.data import Card, Declined, Invoice, Order, Otp, Paid


class Books:
    def __init__(self, *, first: int) -> None:
        self.first = first

    @builder
    def write_invoice(self, order: Order, paid: Paid) -> Invoice:
        return Invoice(self.first + order.cents)


bank = Bank()

card_payment = workflow(
    name="card-payment",
    target=Paid | Declined,
    inputs=Order | Card | Otp,
    builders=[encrypt, Vault().tokenize, bank.authorize, bank.verify, bank.capture, Books(first=1000).write_invoice],
)
