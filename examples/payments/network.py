"""The lines to the bank and to the card network. The bank takes its time, and now and then an answer is lost."""

from __future__ import annotations

import time
import zlib

LOST_PERCENT = 15


class GatewayTimeout(Exception):
    """No answer came. Whether the bank has acted is unknown: ask again, with the same idempotency key."""


class WrongCvv(Exception):
    """The card network knows another CVV of this card."""


def check_cvv(digits: str, /) -> None:
    """Let the card network check a CVV, without which it gives no token; as test gateways do, it refuses 000 alone."""
    if digits == "000":
        message = "the card network refuses this CVV"  # which is in no message: messages end up in logs
        raise WrongCvv(message)


def carry_answer(order_id: str, /, *, asked: int) -> None:
    """Wait for the answer to the question that is asked for the `asked`-th time, or raise `GatewayTimeout`.

    A matter of chance, but of the same chance in every run of the example, whatever the threads do.
    """
    chance = zlib.crc32(f"{order_id} {asked}".encode())
    time.sleep((2 + chance % 7) / 1000)
    if chance // 7 % 100 < LOST_PERCENT:
        message = f"no answer from the bank about {order_id}"
        raise GatewayTimeout(message)
