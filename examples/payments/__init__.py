"""Card and netbanking payments, from the order to the invoice, on Polaris.

`python -m examples.payments` takes the orders of a small shop through two workflows. Read in this order:

    data.py        what flows: the data
    flows.py       the two workflows, and the builders that are plain functions
    cards.py       seals card numbers before anything is saved           a service with a builder
    vault.py       gives a token for a card                              a service with a builder
    bank.py        a simulated bank that loses answers on the way        a service with builders
    invoices.py    writes one file for each payment                      a service with a builder
    shop.py        puts services, workflows and executors together
    checkout.py    orders are placed; each runs until it has to wait
    later.py       in another process, OTPs and webhooks arrive
    __main__.py    the story, told on the command line

No card number and no one-time password is ever on this disk in the clear: `cards.py` and `keys.py` see to it before data is
fed. The one exception is `orders.jsonl`, which plays the outside world: what customers know and will type.
"""
