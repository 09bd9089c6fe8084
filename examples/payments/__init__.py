"""Card and netbanking payments, from the order to the invoice, on Polaris.

`python -m examples.payments` takes the orders of a small shop through two workflows. Read in this order:

    data.py        what flows: the data
    flows.py       the two workflows, and the builders that are plain functions
    cards.py       encrypts card numbers         a service, one of whose methods is a builder
    vault.py       gives a token for a card      another
    bank.py        a simulated bank              another, with four builders
    invoices.py    writes invoices               another
    shop.py        puts services, workflows and executors together
    orders.py      reads the orders, with what their customers will do
    checkout.py    orders are placed; each runs until it has to wait
    later.py       in another process, OTPs and webhooks arrive
    __main__.py    the story, told on the command line

    keys.py, database.py, network.py, crowd.py and report.py are what these lean on; make_orders.py wrote the orders.

No card number and no one-time password is ever written in the clear: they are sealed or digested before they are fed,
and only ciphertext and tokens flow. The CVV, which nobody may keep, is transient: it lives within one call of `run`,
and a run whose process was killed waits for it again. The one exception is `orders.jsonl`, which plays the outside
world: it holds what customers know and will type.
"""
