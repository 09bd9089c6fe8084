"""The payment as a pydantic-graph state machine, saved by FileStatePersistence; version 2 has neither any more."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from data import Authorized, Card, Completed, EncryptedCard, Invoice, Otp, Request, Token, Verified
from pydantic_graph import BaseNode, End, GraphRunContext
from pydantic_graph.graph import Graph
from pydantic_graph.persistence.file import FileStatePersistence
from serve import serve


@dataclass
class Fed:
    request: Request
    otp: Otp


@dataclass
class TakeCard(BaseNode[Fed]):
    async def run(self, ctx: GraphRunContext[Fed]) -> EncryptCard:
        return EncryptCard(Card(f"4000-{ctx.state.request.order}"))


@dataclass
class EncryptCard(BaseNode[Fed]):
    card: Card

    async def run(self, _ctx: GraphRunContext[Fed]) -> TokenizeCard:
        return TokenizeCard(EncryptedCard(self.card.number[::-1]))


@dataclass
class TokenizeCard(BaseNode[Fed]):
    card: EncryptedCard

    async def run(self, _ctx: GraphRunContext[Fed]) -> Authorize:
        return Authorize(Token(self.card.text[:8]))


@dataclass
class Authorize(BaseNode[Fed]):
    token: Token

    async def run(self, ctx: GraphRunContext[Fed]) -> VerifyOtp:
        return VerifyOtp(Authorized(f"{self.token.text}/{ctx.state.request.cents}"))


@dataclass
class VerifyOtp(BaseNode[Fed]):
    authorized: Authorized

    async def run(self, ctx: GraphRunContext[Fed]) -> Complete:
        return Complete(Verified(self.authorized.code + ctx.state.otp.digits))


@dataclass
class Complete(BaseNode[Fed]):
    verified: Verified

    async def run(self, ctx: GraphRunContext[Fed]) -> WriteInvoice:
        return WriteInvoice(Completed(self.verified.order, ctx.state.request.cents))


@dataclass
class WriteInvoice(BaseNode[Fed, None, Invoice]):
    completed: Completed

    async def run(self, _ctx: GraphRunContext[Fed]) -> End[Invoice]:
        return End(Invoice(f"2026-{self.completed.order}"))


NODES = (TakeCard, EncryptCard, TokenizeCard, Authorize, VerifyOtp, Complete, WriteInvoice)
payment = Graph(nodes=NODES, name="payment", auto_instrument=False)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with asyncio.Runner() as runner:

        def pay(order: str) -> str:
            saved = FileStatePersistence(folder / f"{order}.json")
            fed = Fed(Request(order, 100), Otp("123456"))
            return runner.run(payment.run(TakeCard(), state=fed, persistence=saved)).output.number

        serve(pay)
