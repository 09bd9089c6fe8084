"""What is taken is nearly what is made: a similar name, a subclass, a base class, a namesake of another module."""

from polaris_dsl import builder, workflow
from typecheck.legacy.cards import old_tokenize
from typecheck.shop.data import Card, FreshToken, Order, Paid, Token, Tokens


@builder
def tokenize(card: Card) -> Token:
    return Token(card.number)


@builder
def tokenize_all(card: Card) -> Tokens:
    return Tokens(())


@builder
def tokenize_afresh(card: Card) -> FreshToken:
    return FreshToken(card.number)


@builder
def pay(order: Order, token: Token) -> Paid:
    return Paid(order.cents)


@builder
def pay_fresh(order: Order, token: FreshToken) -> Paid:
    return Paid(order.cents)


workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        tokenize_all,
        pay,  # E: polaris-missing-data: pay consumes Token, but it is no input and no listed builder produces it
        # N: path: Token -> pay -> Paid
        # N: help: tokenize_all produces Tokens: was that meant?
    ],
)

workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        pay,  # E: polaris-missing-data: pay consumes Token, but it is no input and no listed builder produces it
        # N: path: Token -> pay -> Paid
        # N: help: tokenize_afresh produces FreshToken, a subclass of Token: data are matched by their exact class
        tokenize_afresh,
    ],
)

workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        tokenize,
        pay_fresh,
        # E: polaris-missing-data: pay_fresh consumes FreshToken, but it is no input and no listed builder produces it
        # N: path: FreshToken -> pay_fresh -> Paid
        # N: help: tokenize produces Token, a base class of FreshToken: data are matched by their exact class
    ],
)

workflow(
    target=Paid,
    inputs=Order | Card,
    builders=[
        old_tokenize,
        pay,  # E: polaris-missing-data: pay consumes Token, but it is no input and no listed builder produces it
        # N: path: Token -> pay -> Paid
        # N: help: old_tokenize produces Token, but that is another class of this name (typecheck.legacy.cards, not
        #    typecheck.shop.data)
    ],
)
