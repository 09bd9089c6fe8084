"""The payment as a DBOS workflow, each builder a durable call of it, on a SQLite system database.

With the word `wal` the database is set to write-ahead logging first, which DBOS neither does nor advises.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

from data import Authorized, Card, Completed, EncryptedCard, Invoice, Otp, Request, Token, Verified
from dbos import DBOS, SetWorkflowID
from serve import serve


@DBOS.step()
def take_card(request: Request) -> Card:
    return Card(f"4000-{request.order}")


@DBOS.step()
def encrypt_card(card: Card) -> EncryptedCard:
    return EncryptedCard(card.number[::-1])


@DBOS.step()
def tokenize_card(card: EncryptedCard) -> Token:
    return Token(card.text[:8])


@DBOS.step()
def authorize(token: Token, request: Request) -> Authorized:
    return Authorized(f"{token.text}/{request.cents}")


@DBOS.step()
def verify_otp(authorized: Authorized, otp: Otp) -> Verified:
    return Verified(authorized.code + otp.digits)


@DBOS.step()
def complete(verified: Verified, request: Request) -> Completed:
    return Completed(verified.order, request.cents)


@DBOS.step()
def invoice(completed: Completed) -> Invoice:
    return Invoice(f"2026-{completed.order}")


@DBOS.workflow()
def payment(request: Request, otp: Otp) -> Invoice:
    card = encrypt_card(take_card(request))
    authorized = authorize(tokenize_card(card), request)
    return invoice(complete(verify_otp(authorized, otp), request))


def pay(order: str) -> str:
    with SetWorkflowID(order):
        return payment(Request(order, 100), Otp("123456")).number


if __name__ == "__main__":
    database = f"{sys.argv[1]}/payments.sqlite"
    if "wal" in sys.argv[2:]:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")  # a property of the file, so it stays
    DBOS(config={"name": "payments", "system_database_url": f"sqlite:///{database}", "log_level": "ERROR"})
    DBOS.launch()
    serve(pay)
    DBOS.destroy()
