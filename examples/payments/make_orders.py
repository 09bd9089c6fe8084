"""Write `orders.jsonl`: python -m examples.payments.make_orders. The same orders every time."""

from __future__ import annotations

import datetime
import hashlib
import json
import random
from typing import Dict, Iterator, List, Union

from examples.payments.bank import one_time_password
from examples.payments.orders import FILE

ORDERS = 240
FIRST_DAY = datetime.date(2025, 3, 1)
TEST_CARDS = ("400000", "411111", "510510", "555555", "601111", "222300")  # as the published test numbers begin
BANKS = ("Northern Bank", "Harbour Trust", "Union Savings", "First Meridian")
FIRST_NAMES = ("Ada", "Bram", "Chioma", "Dev", "Elif", "Farid", "Greta", "Hiro", "Ines", "Jonas", "Kavya", "Liam")
LAST_NAMES = ("Acheampong", "Berger", "Castillo", "Dubois", "Eriksen", "Fischer", "Gupta", "Haddad", "Ito", "Jansen")

# How a customer behaves, and how many of a hundred do.
CARD_CUSTOMERS = {
    "types the OTP": 51,
    "types a wrong OTP first": 14,
    "sends the OTP twice": 6,
    "types three wrong OTPs": 5,
    "types one wrong OTP and leaves": 4,
    "never types the OTP": 8,
    "has no funds": 12,
}
NETBANKING_CUSTOMERS = {
    "approves": 50,
    "approves, and the bank calls twice": 18,
    "rejects": 10,
    "never logs in": 10,
    "has no funds": 12,
}

Row = Dict[str, Union[str, List[str]]]


def rows() -> Iterator[Row]:
    chance = random.Random(42)
    customers = [(f"{first} {last}", _card_number(chance)) for last in LAST_NAMES for first in FIRST_NAMES]
    for number in range(1, ORDERS + 1):
        order_id = f"A-{number:03}"
        name, card = chance.choice(customers)
        by_card = chance.random() < 0.6  # noqa: PLR2004 - three in five pay by card
        behaviour = _pick(chance, CARD_CUSTOMERS if by_card else NETBANKING_CUSTOMERS)
        row: Row = {
            "order": order_id,
            "placed": str(FIRST_DAY + datetime.timedelta(days=number // 8)),
            "customer": name,
            "amount": _amount(chance, declined=behaviour == "has no funds"),
        }
        if by_card:
            row.update(card=card, cvv=_cvv(card), otps=_otps(order_id, behaviour))
        else:
            row.update(bank=chance.choice(BANKS), webhooks=_webhooks(behaviour))
        yield row


def text() -> str:
    return "".join(json.dumps(row) + "\n" for row in rows())


def _pick(chance: random.Random, weights: Dict[str, int]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]


def _amount(chance: random.Random, *, declined: bool) -> str:
    return f"{chance.randrange(5, 400)}.{'05' if declined else chance.choice(['00', '49', '90', '99'])}"


def _card_number(chance: random.Random) -> str:
    digits = chance.choice(TEST_CARDS) + f"{chance.randrange(10**9):09}"
    return digits + check_digit(digits)


def check_digit(digits: str) -> str:
    """Return the digit that completes a card number (Luhn)."""
    doubled = (sum(divmod(int(digit) * 2, 10)) for digit in digits[::-2])
    single = (int(digit) for digit in digits[-2::-2])
    return str(-(sum(doubled) + sum(single)) % 10)


def _cvv(number: str) -> str:
    return f"{int(hashlib.sha256(number.encode()).hexdigest(), 16) % 999 + 1:03}"


def _otps(order_id: str, behaviour: str) -> List[str]:
    right = one_time_password(order_id)
    wrong = [one_time_password(f"{order_id} misread {number}") for number in (1, 2, 3)]
    return {
        "types the OTP": [right],
        "types a wrong OTP first": [wrong[0], right],
        "sends the OTP twice": [right, right],
        "types three wrong OTPs": wrong,
        "types one wrong OTP and leaves": wrong[:1],
    }.get(behaviour, [])


def _webhooks(behaviour: str) -> List[str]:
    return {
        "approves": ["approved"],
        "approves, and the bank calls twice": ["approved", "approved"],
        "rejects": ["rejected"],
    }.get(behaviour, [])


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
