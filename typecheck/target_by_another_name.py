"""The target is nearly what is made."""

from polaris_dsl import builder, workflow
from typecheck.legacy.cards import take_order
from typecheck.shop.data import Card, FreshToken, Order, Token, Tokens


@builder
def tokenize(card: Card) -> Tokens:
    return Tokens(())


@builder
def tokenize_afresh(card: Card) -> FreshToken:
    return FreshToken(card.number)


workflow(
    target=Token,  # E: polaris-no-producer: no listed builder produces the target Token
    # N: path: Token
    # N: help: tokenize produces Tokens: was that meant?
    inputs=Card,
    builders=[tokenize],
)

workflow(
    target=Token,  # E: polaris-no-producer: no listed builder produces the target Token
    # N: path: Token
    # N: help: tokenize_afresh produces FreshToken, a subclass of Token: data are matched by their exact class
    inputs=Card,
    builders=[tokenize_afresh],
)

workflow(
    target=Order,  # E: polaris-no-producer: no listed builder produces the target Order
    # N: path: Order
    # N: help: take_order produces Order, but that is another class of this name (typecheck.legacy.cards, not
    #    typecheck.shop.data)
    inputs=Card,
    builders=[take_order],
)
