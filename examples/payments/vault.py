"""The token vault: ciphertext and CVV go in, a token comes out."""

from __future__ import annotations

import secrets

import attrs

from examples.payments.data import Cvv, EncryptedCard, Instrument
from examples.payments.database import Database
from examples.payments.network import check_cvv
from polaris_dsl import builder

SCHEMA = "CREATE TABLE IF NOT EXISTS cards (fingerprint TEXT PRIMARY KEY, ciphertext TEXT, token TEXT)"


@attrs.frozen
class Vault:
    database: Database

    @builder
    def tokenize_card(self, card: EncryptedCard, cvv: Cvv) -> Instrument:
        check_cvv(cvv.digits)
        # A known card keeps its token, so doing this twice, in whatever crash, does it once.
        fresh = (card.fingerprint, card.ciphertext, f"tok_{secrets.token_hex(8)}")
        with self.database.transaction() as db:
            db.execute("INSERT INTO cards VALUES (?, ?, ?) ON CONFLICT DO NOTHING", fresh)
            (token,) = db.execute("SELECT token FROM cards WHERE fingerprint = ?", fresh[:1]).fetchone()
        return Instrument(token, label=f"card ending in {card.last_digits}")
