"""Data are classes of any make: attrs, dataclass, NamedTuple, Enum, plain, slotted, nested."""

import enum
from dataclasses import dataclass
from typing import NamedTuple

import attrs

from polaris_dsl import builder, workflow


@attrs.frozen
class Parcel:
    kilos: float

    class Label(NamedTuple):
        text: str


@dataclass(frozen=True)
class Route:
    stops: int


class Carrier(enum.Enum):
    POST = "post"
    DRONE = "drone"


class Price:
    __slots__ = ("cents",)

    def __init__(self, cents: int) -> None:
        self.cents = cents


@builder
def plan(parcel: Parcel) -> Route:
    return Route(1)


@builder
def choose(parcel: Parcel, route: Route) -> Carrier:
    return Carrier.DRONE if parcel.kilos < 1 else Carrier.POST


@builder
def weigh(parcel: Parcel, carrier: Carrier) -> Price:
    return Price(1)


@builder
def label(route: Route, price: Price) -> Parcel.Label:
    return Parcel.Label("")


shipping = workflow(target=Parcel.Label, inputs=Parcel, builders=[plan, choose, weigh, label])
