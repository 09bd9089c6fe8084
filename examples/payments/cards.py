"""Card numbers, in ciphertext only."""

from __future__ import annotations

import attrs
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from examples.payments.data import EncryptedCard, PaymentRequest, SealedCard
from examples.payments.keys import Keyring
from polaris_dsl import builder


@attrs.frozen
class Cards:
    """Two keys: what checkout pages seal is opened with one, what the vault keeps is under the other.

    AES-SIV encrypts one number to one ciphertext: a form that is sent twice is equal data, so it changes nothing. The
    order is sealed in, so a ciphertext copied to another order does not open.
    """

    keys: Keyring

    def seal(self, number: str, /, *, order_id: str) -> SealedCard:
        """Do what the checkout page does in the customer's browser, so that the shop never sees a number."""
        return SealedCard(self._cipher("checkout").encrypt(number.encode(), [order_id.encode()]).hex())

    @builder
    def encrypt_card(self, request: PaymentRequest, sealed: SealedCard) -> EncryptedCard:
        number = self._cipher("checkout").decrypt(bytes.fromhex(sealed.ciphertext), [request.order_id.encode()])
        fingerprint = self.keys.digest("fingerprint", number.decode())
        ciphertext = self._cipher("vault").encrypt(number, [fingerprint.encode()])
        return EncryptedCard(ciphertext.hex(), fingerprint, last_digits=number[-4:].decode())

    def _cipher(self, purpose: str) -> AESSIV:
        return AESSIV(self.keys.key(purpose))
