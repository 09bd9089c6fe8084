"""Builders come from another module, under its names, other names, and from where they are exported again."""

import typecheck.shop as the_shop
from polaris_dsl import workflow as define
from typecheck.shop import authorize, tokenize_card, warehouse
from typecheck.shop.cards import tokenize as make_token
from typecheck.shop.data import Authorized, Card, Declined, Order, Packed, Paid, Reserved

define(
    target=Authorized | Declined,
    inputs=Order | Card,
    builders=[
        authorize,
        tokenize_card,
        # E: polaris-missing-data: tokenize consumes EncryptedCard, but it is no input and no listed builder produces
        #    it
        # N: path: EncryptedCard -> tokenize -> Token -> authorize -> Authorized
        # N: help: list a builder that produces it, or feed it: inputs=Order | Card | EncryptedCard
    ],
)

define(
    target=Authorized | Declined,
    inputs=Order | Card,
    builders=[
        make_token,
        # E: polaris-missing-data: tokenize consumes EncryptedCard, but it is no input and no listed builder produces
        #    it
        # N: path: EncryptedCard -> tokenize -> Token -> authorize -> Authorized
        # N: help: list a builder that produces it, or feed it: inputs=Order | Card | EncryptedCard
        the_shop.authorize,
    ],
)

define(
    target=Packed,
    inputs=Reserved,
    builders=[
        warehouse.pack,
        # E: polaris-missing-data: pack consumes Paid, but it is no input and no listed builder produces it
        # N: path: Paid -> pack -> Packed
        # N: help: list a builder that produces it, or feed it: inputs=Reserved | Paid
    ],
)

define(
    target=Paid,
    inputs=Order,
    builders=[
        the_shop.capture,
        # E: polaris-missing-data: capture consumes Authorized, but it is no input and no listed builder produces it
        # N: path: Authorized -> capture -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order | Authorized
        # E: polaris-missing-data: capture takes Risk as an optional, but it is no input and no listed builder
        #    produces it
        # N: path: Risk -> capture -> Paid
        # N: help: list a builder that produces it, or feed it: inputs=Order | Risk
    ],
)
