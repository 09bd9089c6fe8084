"""A service forgets its input: the access that took it is gone."""

from polaris_dsl import workflow
from typecheck.shop import CARD_BUILDERS, Vault, encrypt
from typecheck.shop.data import Card, Otp, Token, Webhook

workflow(
    target=Token,
    inputs=Card | Webhook,  # E: polaris-unused-input: no listed builder takes the input Webhook
    # N: help: remove it (inputs=Card), or list the builder that takes it
    builders=[*CARD_BUILDERS],
)

workflow(
    name="vault",
    target=Token,
    inputs=Otp | Card,  # E: polaris-unused-input: no listed builder takes the input Otp
    # N: help: remove it (inputs=Card), or list the builder that takes it
    builders=[encrypt, Vault().tokenize],
)
