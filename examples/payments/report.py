"""Says where payments stand, in tables."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Callable, DefaultDict, Iterable, List, Sequence, Tuple

import attrs
from rich import box
from rich.table import Table

from examples.payments.data import Invoice, PaymentCompleted
from examples.payments.flows import Outcome
from examples.payments.orders import CardOrder, Order
from examples.payments.shop import Shop
from polaris_dsl import Run, Status

LISTED = 3
