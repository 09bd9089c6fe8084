"""The payment as a LangGraph state graph, one channel for each data, saved by SqliteSaver in the durability named."""

from __future__ import annotations

import sys
from typing import TypedDict

from data import Authorized, Card, Completed, EncryptedCard, Invoice, Otp, Request, Token, Verified
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from serve import serve


class State(TypedDict, total=False):
    request: Request
    otp: Otp
    card: Card
    encrypted: EncryptedCard
    token: Token
    authorized: Authorized
    verified: Verified
    completed: Completed
    invoice: Invoice


def take_card(state: State) -> State:
    return {"card": Card(f"4000-{state['request'].order}")}


def encrypt_card(state: State) -> State:
    return {"encrypted": EncryptedCard(state["card"].number[::-1])}


def tokenize_card(state: State) -> State:
    return {"token": Token(state["encrypted"].text[:8])}


def authorize(state: State) -> State:
    return {"authorized": Authorized(f"{state['token'].text}/{state['request'].cents}")}


def verify_otp(state: State) -> State:
    return {"verified": Verified(state["authorized"].code + state["otp"].digits)}


def complete(state: State) -> State:
    return {"completed": Completed(state["verified"].order, state["request"].cents)}


def write_invoice(state: State) -> State:
    return {"invoice": Invoice(f"2026-{state['completed'].order}")}


graph = StateGraph(State)
graph.add_sequence([take_card, encrypt_card, tokenize_card, authorize, verify_otp, complete, write_invoice])
graph.add_edge(START, "take_card")

if __name__ == "__main__":
    folder, durability = sys.argv[1:]
    with SqliteSaver.from_conn_string(f"{folder}/payments.sqlite") as saver:
        payment = graph.compile(checkpointer=saver)

        def pay(order: str) -> str:
            fed: State = {"request": Request(order, 100), "otp": Otp("123456")}
            state = payment.invoke(fed, {"configurable": {"thread_id": order}}, durability=durability)
            return state["invoice"].number

        serve(pay)
