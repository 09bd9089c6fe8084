"""Function, method and callable instance make the same; the second is told, once for each data."""

from polaris_dsl import builder, workflow
from typecheck.shop import Vault, encrypt, tokenize_card
from typecheck.shop.data import Card, EncryptedCard, Token


class Lookup:
    def __call__(self, card: EncryptedCard) -> Token:
        return Token(card.text)


look_up = builder(Lookup())
vault = Vault()
VAULTS = (vault.tokenize, vault.look_up)

workflow(
    target=Token,
    inputs=Card,
    builders=[
        encrypt,
        tokenize_card,
        look_up,  # E: polaris-ambiguous-producer: tokenize and Lookup can both produce Token in one run
        # N: path: Token
        # N: help: remove one of them, or make them consume different alternatives of one builder
    ],
)

workflow(
    target=Token,
    inputs=Card,
    builders=[
        encrypt,
        *VAULTS,  # E: polaris-ambiguous-producer: Vault.tokenize and vault-lookup can both produce Token in one run
        # N: path: Token
        # N: help: remove one of them, or make them consume different alternatives of one builder
    ],
)
